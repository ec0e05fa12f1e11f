# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a node, settable at run time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Faults:
    """The switches of one node; every field may be set while it runs, and the node notices.

    Calls are named by their method (``ApplyConfiguration``) or by service and method (``State.Get``); ``*`` is every
    call.
    """

    delay: dict[str, float] = field(default_factory=dict)
    """Seconds to wait before a call is handled."""
    errors: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Status instead of an answer: ``{code: 14, message: "...", times: 1}``; without ``times`` for ever."""
    reset: dict[str, int] = field(default_factory=dict)
    """Connections to be cut when a call arrives, by method; -1 is for ever."""
    drop: dict[str, int] = field(default_factory=dict)
    """Connections to be cut *after* a call was carried out, before it is answered; -1 is for ever."""
    die_at: str = ""
    """Lose power at this moment, once: a method's name, ``install reboot boot upgrade reset recover``, or any of the
    moments that ``Node.moments`` records: ``done:<method>``, ``phase:<name>``, ``stage:<name>``, ``write:<what>``,
    ``pod:<static pod>``, ``service:<name>``."""
    die_after: int = 0
    """Lose power at the n-th moment from now, once; reads of the API are no moments."""
    boot_extra: float = 0.0
    """Seconds added to every boot."""
    stuck_in_boot: bool = False
    """Never listen after the next power on or reboot."""
    missing_disks: list[str] = field(default_factory=list)
    """Kernel names of disks which the node does not see, ``sda``."""
    foreign_disks: dict[str, str] = field(default_factory=dict)
    """What somebody else left on a disk, by its kernel name: ``{sda: vfat}`` is a filesystem on the whole disk, by the
    name that Talos' prober has for it; ``{sda: gpt}`` a partition table with one exFAT partition up to the end, which
    the prober cannot name. Wiping the disk ends it; a disk with a user volume on it does not have it."""
    time_not_synced: bool = False
    """NTP does not answer."""
    stuck_learner: bool = False
    """The node joins etcd as a learner and is never promoted."""
    etcd_down: bool = False
    """etcd does not run, though the node does."""
    etcd_damaged: bool = False
    """etcd does not start from the data on EPHEMERAL; it is over when they are gone."""
    etcd_alarm: str = ""
    """``NOSPACE`` or ``CORRUPT``: the alarm that this member raises."""
    raft_lag: int = 0
    """Entries by which the member's applied index trails the raft index."""
    wrong_ca: bool = False
    """The API presents a certificate of a foreign CA (from the next start of the listener)."""
    static_pod_crashes: list[str] = field(default_factory=list)
    """Static pods that start and never become ready: ``kube-scheduler``, or ``kube-scheduler:v1.31.6``."""
    missing_images: list[str] = field(default_factory=list)
    """Ends of image references that no registry has, ``kubelet:v1.31.99``."""
    hung: list[str] = field(default_factory=list)
    """Services which fail their health check until they are restarted."""
    kubelet_unhealthy: bool = False
    """The kubelet fails its health check."""
    install_fails: str = ""
    """The installation (or upgrade) fails with this text."""

    def __post_init__(self) -> None:
        self.changed: Callable[[], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        changed = self.__dict__.get("changed")
        if changed is not None and name != "changed":
            changed()

    @property
    def etcd_stopped(self) -> bool:
        """Whether something keeps etcd from running."""
        return self.etcd_down or self.etcd_damaged

    def for_call(self, table: dict[str, Any], service: str, method: str) -> str:
        """The key of ``table`` that means this call, empty when none does."""
        short = service.rsplit(".", 1)[-1]
        return next((key for key in (method, f"{short}.{method}", "*") if key in table), "")

    def spend(self, table: dict[str, int], service: str, method: str) -> bool:
        """Use up one shot of a counting fault; true when it strikes."""
        key = self.for_call(table, service, method)
        if not key or table[key] == 0:
            return False
        if table[key] > 0:
            table[key] -= 1
        return True

    def error(self, service: str, method: str) -> tuple[int, str] | None:
        """The status that this call gets instead of an answer, using up one of its ``times``."""
        key = self.for_call(self.errors, service, method)
        if not key:
            return None
        entry = self.errors[key]
        times = int(entry.get("times", -1))
        if times == 0:
            return None
        if times > 0:
            entry["times"] = times - 1
        return int(entry.get("code", 14)), str(entry.get("message", "the lab was told to fail this call"))
