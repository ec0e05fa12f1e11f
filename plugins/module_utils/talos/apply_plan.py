# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about one node's machine config: the pure half of ``talos_apply``.

Truth is the config which the node holds (``MachineConfigs`` ``persistent``), compared by meaning: never a memory of
ours, and never the server's dry-run diff, which compares with the *active* config and holds private keys in clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common import diff
from ..common.errors import InputError
from . import documents, redaction, validation
from .connection import NodeMode
from .documents import Document
from .reboot import reboot_paths

#: Modes of the module and what each of them means on the wire.
MODES = ("auto", "no_reboot", "reboot", "staged", "try")
POLICIES = ("never", "staged", "allow")


@dataclass(frozen=True)
class Observed:
    """What the node holds.

    :param persistent: the stored config; empty in maintenance.
    :param active: the one it runs with.
    :param stage: of ``MachineStatuses/machine``.
    :param tried: the active config is newer than the stored one: a TRY window is open.
    """

    mode: NodeMode
    persistent: Sequence[Document] = ()
    active: Sequence[Document] = ()
    stage: str = ""
    tried: bool = False

    @property
    def control_plane(self) -> bool:
        """Whether the node works as a control plane now."""
        legacy = documents.v1alpha1(self.active)
        return ((legacy.body.get("machine") or {}) if legacy else {}).get("type") in validation.CONTROL_PLANE_TYPES


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :param action: ``none``, ``install`` (first config), ``live``, ``reboot``, ``stage``, ``try`` or ``commit`` (make a
        tried config permanent).
    :param mode: the mode to send, always explicit: the wire's default is REBOOT. Empty when nothing is sent.
    :param reboot_paths: config paths which the node takes only with a reboot.
    :param pending_reboot: a stored config waits for a reboot (before or because of this plan).
    :param try_open: the wanted config is active but not stored: a TRY window is open.
    :param notes: sentences for people.
    """

    action: str
    mode: str = ""
    reboot_paths: list[str] = field(default_factory=list)
    pending_reboot: bool = False
    try_open: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything is sent."""
        return bool(self.mode)

    @property
    def reboots(self) -> bool:
        """Whether the node goes away: a reboot, or the first install."""
        return self.action in ("reboot", "install")


def plan(wanted: Sequence[Document], observed: Observed, *, mode: str = "auto", reboot_policy: str = "allow") -> Plan:
    """Decide what to send.

    A change that the node can take live is sent as NO_REBOOT, not as AUTO: should our prediction be wrong the node then
    refuses instead of rebooting behind the back of the quorum guard.

    :param wanted: the desired config, decoded from the bytes that will be sent.
    :param mode: one of :data:`MODES`.
    :param reboot_policy: what to do about a change that forces a reboot: one of :data:`POLICIES`.
    :raises InputError: the mode or the policy forbids it; the message names the exact paths. Nothing was sent.
    """
    if observed.mode is NodeMode.MAINTENANCE:
        notes = [] if mode in ("auto", "reboot") else [f"mode {mode} has no meaning for a node in maintenance"]
        return Plan("install", "AUTO", notes=notes)
    stored = documents.same(wanted, observed.persistent)
    running = documents.same(wanted, observed.active)
    settled = documents.same(observed.persistent, observed.active)
    paths = reboot_paths(observed.active, wanted)
    if stored:
        return _stored(observed.tried, running, paths, mode, reboot_policy)
    if running:
        return _active(observed.tried, mode, reboot_policy)
    return _changed(settled, paths, mode, reboot_policy)


def _stored(tried: bool, running: bool, paths: list[str], mode: str, reboot_policy: str) -> Plan:
    """The node already holds the wanted config."""
    if running:
        return Plan("none")
    if tried and mode in ("staged", "try"):
        return Plan("none", try_open=True, notes=["another machine config is being tried"])
    if tried:
        # The node need not fall back by itself: any apply, even a dry run, ends the timer of a TRY.
        return Plan("live", "NO_REBOOT", notes=["a machine config that is being tried is replaced by the stored one"])
    if mode == "reboot" and reboot_policy == "allow":
        return Plan(
            "reboot", "REBOOT", paths, notes=["the stored machine config waits for a reboot, which is done now"]
        )
    reason = f" ({', '.join(paths)})" if paths else ""
    note = f"the stored machine config waits for a reboot{reason}"
    return Plan("none", "", paths, pending_reboot=True, notes=[note])


def _active(tried: bool, mode: str, reboot_policy: str) -> Plan:
    """The node runs with the wanted config and has another one stored: ours is tried, or the other one is staged."""
    if mode == "try":
        note = "the machine config is being tried and not yet stored" if tried else "another machine config is staged"
        return Plan("none", try_open=tried, pending_reboot=not tried, notes=[note])
    if mode == "staged":
        return Plan("stage", "STAGED", try_open=tried)
    if mode == "reboot" and reboot_policy != "staged":
        if reboot_policy == "never":
            raise _refused([], "mode: reboot is asked for, reboot_policy: never forbids it", "reboot_policy")
        return Plan("reboot", "REBOOT")
    if mode == "reboot":
        return Plan("stage", "STAGED", try_open=tried)
    note = "the tried machine config is made permanent" if tried else "a staged machine config is taken back"
    return Plan("commit", "NO_REBOOT", notes=[note])


def _changed(settled: bool, paths: list[str], mode: str, reboot_policy: str) -> Plan:
    notes = (
        [] if settled else ["the active machine config is not the stored one: a staged or a tried config is replaced"]
    )
    if mode == "staged":
        return Plan("stage", "STAGED", paths, pending_reboot=True, notes=notes)
    if mode == "try":
        if paths:
            raise _refused(paths, "a change that needs a reboot cannot be tried", "mode")
        if not settled:
            why = "a staged or a tried config is pending, so that a TRY would not fall back to the stored one"
            raise _refused([], why, "mode")
        return Plan("try", "TRY", try_open=True)
    if mode == "no_reboot" and paths:
        raise _refused(paths, "mode: no_reboot cannot take a change that needs a reboot", "mode")
    if not paths and mode != "reboot":
        return Plan("live", "NO_REBOOT", notes=notes)
    if reboot_policy == "never":
        raise _refused(paths, "the change needs a reboot and reboot_policy: never forbids it", "reboot_policy")
    if reboot_policy == "staged":
        return Plan("stage", "STAGED", paths, pending_reboot=True, notes=notes)
    return Plan("reboot", "REBOOT", paths, notes=notes)


def _refused(paths: list[str], why: str, param: str) -> InputError:
    reason = f": {', '.join(paths)}" if paths else ""
    return InputError(
        f"the machine config is not applied, {why}{reason}",
        remedy="Use mode: staged, or reboot_policy: allow in a maintenance window",
        param=param,
        facts={"reboot_paths": paths},
    )


def relation(observed: Observed) -> str:
    """Return how the active config relates to the stored one: ``in_sync``, ``staged`` or ``try``."""
    if documents.same(observed.persistent, observed.active):
        return "in_sync"
    return "try" if observed.tried else "staged"


def masked_diff(wanted: Sequence[Document], observed: Observed, title: str) -> dict[str, str]:
    """Return the ``diff`` of stored against wanted config, secrets masked."""

    def shown(config: Sequence[Document]) -> list[Any]:
        return [redaction.masked(dict(one.encoded())) for one in sorted(config, key=lambda one: one.identity)]

    return diff.before_after(shown(observed.persistent), shown(wanted), title)


def changed_paths(wanted: Sequence[Document], observed: Observed) -> list[str]:
    """Return which keys differ between stored and wanted config, e.g. ``v1alpha1.machine.network``; no values."""
    old = {one.identity: one for one in observed.persistent}
    new = {one.identity: one for one in wanted}
    paths: list[str] = []
    for identity in sorted({*old, *new}):
        label = (new.get(identity) or old[identity]).label
        if identity not in old or identity not in new:
            paths.append(label)
            continue
        paths += [f"{label}.{path}" for path in _paths(old[identity].encoded(), new[identity].encoded())]
    return paths


def _paths(old: Any, new: Any, depth: int = 0) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)) or depth > 3:
        return [] if old == new else [""]
    paths: list[str] = []
    for name in dict.fromkeys((*old, *new)):
        if (name in old) != (name in new):
            paths.append(str(name))
            continue
        paths += [f"{name}.{deeper}" if deeper else str(name) for deeper in _paths(old[name], new[name], depth + 1)]
    return paths
