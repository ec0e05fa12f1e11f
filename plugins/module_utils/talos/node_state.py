# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node says of itself around an apply: what it is at, its hardware, its way back after a reboot."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError
from ..common.wait import Deadline, Observation, wait_until
from . import documents, hardware, volumes
from .apply_plan import Observed
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .documents import Document
from .errors import TalosError
from .identity import Identity
from .node_config import held, read_config
from .state import etcd_state, machine_status
from .upgrade_plan import Running

#: Seconds for which a node that took its first config must be seen in maintenance to count as fallen back.
FALLEN_BACK = 90.0
#: Stages in which a node works with its config; a control plane stays in booting until etcd is bootstrapped.
AT_WORK = ("booting", "running")
#: Seconds for which a user volume may stay failed: Talos tries again when a disk appears, and one on USB may be late.
FAILED_PATIENCE = 20.0
#: Seconds in which the user volumes must be ready once the node has its config.
VOLUME_PATIENCE = 300.0


def observe(client: TalosClient, mode: NodeMode) -> Observed:
    """Return what is needed for the plan."""
    stage = machine_status(client)["stage"]
    if mode is NodeMode.MAINTENANCE:
        return Observed(mode, stage=stage)
    return held(client, mode).observed(client.target, stage)


def system_disk(client: TalosClient) -> str:
    """Return the device path of the disk on which Talos is installed; empty while it is not."""
    found = client.cosi_get("runtime", "SystemDisks.block.talos.dev", "system-disk")
    return str(found.spec.get("devPath") or "") if found else ""


def running_of(client: TalosClient) -> Running:
    """Return what a configured node runs."""
    schematic = ""
    for item in client.cosi_list("runtime", "ExtensionStatuses.runtime.talos.dev"):
        metadata = item.spec.get("metadata") or {}
        if metadata.get("name") == "schematic":
            schematic = str(metadata.get("version") or "")
    return Running(client.version().tag, schematic)


def check_hardware(client: TalosClient, wanted: Sequence[Document]) -> hardware.Report:
    """Judge a config against the node's disks, what is on them, and its links; works in maintenance too."""
    disks = [item.spec for item in client.cosi_list("runtime", "Disks.block.talos.dev")]
    links = {item.id: item.spec for item in client.cosi_list("network", "LinkStatuses.net.talos.dev")}
    discovered: list[dict[str, Any]] = []
    if volumes.wanted(wanted):
        discovered = [item.spec for item in client.cosi_list("runtime", "DiscoveredVolumes.block.talos.dev")]
    return hardware.check_hardware(wanted, disks, links, system_disk=system_disk(client), discovered=discovered)


def volume_states(client: TalosClient, names: Sequence[str]) -> list[volumes.State]:
    """Return what became of user volumes; without any, nothing is read."""
    if not names:
        return []
    statuses = client.cosi_list("runtime", "VolumeStatuses.block.talos.dev")
    return volumes.states(names, {item.id: item.spec for item in statuses})


def wait_for_volumes(
    target: Target,
    identity: Identity | None,
    names: Sequence[str],
    *,
    call_timeout: float,
    timeout: float,
    ctx: Context,
    param: str = "",
    facts: Mapping[str, Any] | None = None,
) -> list[volumes.State]:
    """Wait until the user volumes are ready: a node is running and ready without them, and its pods are not.

    :raises TalosError: one stays failed, with what Talos says of it.
    :raises WaitTimeout: one is not ready in time.
    """
    where = f"{target.label} ({target.node}:{target.port})"
    failing: dict[str, Deadline] = {}

    def look() -> Observation[list[volumes.State]]:
        try:
            client, _mode = connect(target, identity, call_timeout)
            with client:
                found = volume_states(client, names)
        except TalosError as error:
            if error.permanent:
                raise
            return Observation(False, _short(error))
        for state in found:
            if state.phase != "failed":
                failing.pop(state.name, None)
            elif failing.setdefault(state.name, Deadline(FAILED_PATIENCE)).passed:
                lost = [str(one) for one in found if one.phase == "failed"]
                raise TalosError(
                    "making the user volumes",
                    target=where,
                    answer="; ".join(lost),
                    remedy=volumes.FAILED_REMEDY,
                    param=param,
                    facts=facts,
                )
        lacking = "; ".join(str(state) for state in found if state.phase != "ready")
        return Observation(not lacking, lacking, found)

    return (
        wait_until(
            look,
            what="the user volumes",
            target=where,
            timeout=min(VOLUME_PATIENCE, timeout),
            ctx=ctx,
            remedy="Look at the node's kernel log for the volume; a run of the same task looks again",
            param=param,
        )
        or []
    )


@dataclass(frozen=True)
class Return:
    """What a node must show to count as back.

    :param old_boot_id: the boot id before; empty when it was not known (first install).
    :param stages: stages that count.
    :param voter: its etcd must be a voting member again.
    :param tolerated: unmet conditions which do not matter, like ``nodeReady`` without a CNI.
    :param further: says what else is missing, given the node and its boot id; empty when nothing is.
    """

    old_boot_id: str = ""
    stages: tuple[str, ...] = ("running",)
    voter: bool = False
    tolerated: Collection[str] = ("nodeReady",)
    further: Callable[[TalosClient, str], str] | None = None


def wait_until_back(
    target: Target,
    identity: Identity,
    wanted: Sequence[Document],
    expect: Return,
    *,
    call_timeout: float,
    timeout: float,
    ctx: Context,
) -> str:
    """Wait until the node has come back with the wanted config as its active one; return its boot id.

    An open port proves nothing: a new boot id, the active config, the stage, and etcd's vote do.

    :raises WaitTimeout: with the last state seen.
    """

    since: float | None = None

    def look() -> Observation[str]:
        nonlocal since
        try:
            client, mode = connect(target, identity, call_timeout)
        except TalosError as error:
            if error.permanent:
                raise
            return Observation(False, _short(error))
        with client:
            try:
                if mode is NodeMode.MAINTENANCE:
                    stage = machine_status(client)["stage"]
                    since = (since or time.monotonic()) if stage == "maintenance" else None
                    if since is not None and time.monotonic() - since >= FALLEN_BACK:
                        raise _not_installed(target, wanted)
                    return Observation(False, f"in maintenance, stage {stage}")
                since = None
                return _back(client, wanted, expect)
            except TalosError as error:
                return Observation(False, _short(error))

    return (
        wait_until(
            look,
            what=f"{target.label} to be back",
            target=f"{target.label} ({target.node}:{target.port})",
            timeout=timeout,
            ctx=ctx,
            remedy="Look at the node's console; a run of the same task goes on from here",
        )
        or ""
    )


def _not_installed(target: Target, wanted: Sequence[Document]) -> HomeopsError:
    """Say that Talos was not installed: a node whose install failed waits in maintenance for another config."""
    legacy = documents.v1alpha1(wanted)
    install = ((legacy.body.get("machine") or {}).get("install") or {}) if legacy else {}
    return HomeopsError(
        "installing Talos",
        target=f"{target.label} ({target.node}:{target.port})",
        answer="the node took its machine config and is in maintenance again, so the install has failed "
        f"({install.get('image')})",
        remedy="Its console says why: an installer that cannot be pulled (homeops_talos.extensions, the network), or a "
        "disk that cannot be written. The same command tries again",
        param="installer_image",
    )


def _short(error: TalosError) -> str:
    return (error.details or error.answer or str(error)).splitlines()[0]


def _back(client: TalosClient, wanted: Sequence[Document], expect: Return) -> Observation[str]:
    status = machine_status(client)
    stage = status["stage"]
    boot_id = client.boot_id()
    if expect.old_boot_id and boot_id == expect.old_boot_id:
        return Observation(False, f"stage {stage}, not yet rebooted")
    if not system_disk(client):
        return Observation(False, f"stage {stage}, not yet installed")
    if stage not in expect.stages:
        return Observation(False, f"stage {stage}")
    if not documents.same(read_config(client, "v1alpha1"), wanted):
        return Observation(False, f"stage {stage}, the active machine config is not yet the wanted one")
    if expect.stages == ("running",):
        unmet = [item["name"] for item in status["unmet"] if item["name"] not in expect.tolerated]
        if unmet:
            return Observation(False, f"stage running, not ready: {', '.join(unmet)}")
    if expect.voter and not etcd_state(client)["voter"]:
        return Observation(False, f"stage {stage}, etcd is not a voting member yet")
    lacks = expect.further(client, boot_id) if expect.further is not None else ""
    return Observation(not lacks, f"stage {stage}{f', {lacks}' if lacks else ''}", boot_id)


def wait_for_config(
    target: Target,
    identity: Identity | None,
    which: str,
    wanted: Sequence[Document],
    *,
    call_timeout: float,
    timeout: float,
    ctx: Context,
) -> None:
    """Wait until one of the node's configs is the wanted one: an OK of the apply means only that it was accepted.

    A change of the network or of certificates may end connections, so every look makes one of its own.

    :param which: ``persistent`` or ``v1alpha1``.
    :raises WaitTimeout: it is not in time.
    """

    def look() -> Observation[Any]:
        try:
            client, _mode = connect(target, identity, call_timeout)
            with client:
                same = documents.same(read_config(client, which), wanted)
        except TalosError as error:
            if error.permanent:
                raise
            return Observation(False, _short(error))
        return Observation(same, "the node holds another machine config" if not same else "")

    label = "stored" if which == "persistent" else "active"
    wait_until(
        look,
        what=f"the {label} machine config",
        target=f"{target.label} ({target.node}:{target.port})",
        timeout=timeout,
        ctx=ctx,
        remedy="A run of the same task compares again and goes on from here",
        interval=0.1,
    )
