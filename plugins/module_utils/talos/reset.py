# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reset one node: the steps of ``talos_reset``, in order. Look, judge, guard etcd's quorum, wipe, prove.

The proof of a reset is a node in maintenance: another certificate, no machine config, its own word for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from ..common.wait import Deadline, Observation, wait_until
from . import documents, node_config, operations, reset_plan
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .errors import ConnectionLost, TalosError
from .guard import Guard
from .identity import Identity
from .machine import machine_of
from .reset_plan import Plan, Request, Volume
from .state import machine_status
from .validation import CONTROL_PLANE_TYPES

#: Folders of EPHEMERAL in which data lies that nothing else has.
FOLDERS = ("/var/lib/longhorn/replicas", "/var/local")


@dataclass(frozen=True)
class Options:
    """How to reset; see the module's options of the same names."""

    graceful: bool = True
    wait_timeout: float = 900.0
    call_timeout: float = 10.0


@dataclass
class Reset:
    """One reset of one node."""

    target: Target
    identity: Identity
    request: Request
    guard: Guard
    options: Options
    ctx: Context
    result: dict[str, Any] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Reset when the target is proved to be the right one, and return the module's result.

        :raises InputError: the target is not named twice, or what would be lost is not; nothing was sent.
        :raises HomeopsError: etcd cannot spare the node, or the node did not come back.
        """
        deadline = Deadline(self.options.wait_timeout)
        client, mode = connect(self.target, self.identity, self.options.call_timeout)
        with client:
            machine = machine_of(client)
            volumes = volumes_of(client)
            self.result.update(changed=False, hostname=machine.hostname, uuid=machine.uuid, serial=machine.serial)
            if mode is NodeMode.MAINTENANCE:
                return {**self.result, "reason": "the node is in maintenance: it has no machine config to wipe"}
            stake = reset_plan.at_stake(_folders(client)) if reset_plan.EPHEMERAL in self.request.wipe else {}
            plan = reset_plan.plan(self.request, machine, volumes, stake)
            self.result.update(reset_plan.facts(plan), at_stake=list(stake.values()))
            self._refuse(plan)
            if self.ctx.diff_mode:
                self.result["diff"] = _diff(self.target.label, volumes, plan)
            if self.ctx.check_mode:
                return {**self.result, "changed": True}
            self._wipe(client, plan, deadline)
        self._prove(deadline)
        return {**self.result, "changed": True}

    def _refuse(self, plan: Plan) -> None:
        if plan.refusals:
            raise InputError(
                f"node {self.target.label} is not reset",
                answer="; ".join(plan.refusals),
                remedy="Nothing was sent",
                param="confirm",
                facts=self.result,
            )

    def _wipe(self, client: TalosClient, plan: Plan, deadline: Deadline) -> None:
        config = documents.v1alpha1(node_config.read_config(client, "v1alpha1"))
        body = config.body if config else {}
        control_plane = (body.get("machine") or {}).get("type") in CONTROL_PLANE_TYPES
        with ExitStack() as stack:
            # Whether it is a voter is for the guard to find out: without a leader no etcd says so.
            if control_plane:
                stack.enter_context(
                    self.guard.alone(
                        self.target,
                        body.get("cluster") or {},
                        "resetting this control plane",
                        deadline,
                        self.ctx,
                        self.result,
                    )
                )
            self.ctx.progress(f"wiping {', '.join(plan.labels)}")
            try:
                operations.reset(client, plan.labels, graceful=self.options.graceful)
            except ConnectionLost:
                self.ctx.warn(
                    f"{self.target.label}: the connection ended before the answer; waiting tells what happened"
                )
            client.close()
            # The lock is held until the node is away for certain: a second reset must see etcd without it.
            self._gone(deadline)

    def _gone(self, deadline: Deadline) -> None:
        """Wait until the node no longer answers as a member of the cluster."""

        def look() -> Observation[None]:
            try:
                client, mode = connect(self.target, self.identity, self.options.call_timeout)
                with client:
                    if mode is NodeMode.MAINTENANCE:
                        return Observation(True, "in maintenance")
                    stage = machine_status(client)["stage"]
                    return Observation(False, f"stage {stage}")
            except TalosError:
                return Observation(True, "it does not answer")

        wait_until(
            look,
            what="the node to go down for its reset",
            target=self.target.label,
            timeout=deadline.left,
            ctx=self.ctx,
            interval=0.3,
            remedy="Look at the node's console: the reset was accepted and has not begun",
        )

    def _prove(self, deadline: Deadline) -> None:
        def look() -> Observation[None]:
            try:
                client, mode = connect(self.target, self.identity, self.options.call_timeout)
                with client:
                    return Observation(mode is NodeMode.MAINTENANCE, "it still answers with its old certificate")
            except TalosError as error:
                return Observation(False, (error.details or error.answer or str(error)).splitlines()[0])

        wait_until(
            look,
            what="the node to be in maintenance",
            target=self.target.label,
            timeout=deadline.left,
            ctx=self.ctx,
            interval=0.5,
            remedy="Look at the node's console; once it is in maintenance, site.yml brings it back",
        )


def volumes_of(client: TalosClient) -> list[Volume]:
    """Return the located volumes, each with the serial number of its disk."""
    serials = {
        str(disk.spec.get("dev_path") or f"/dev/{disk.id}"): str(disk.spec.get("serial") or "")
        for disk in client.cosi_list("runtime", "Disks.block.talos.dev")
    }
    found = []
    for item in client.cosi_list("runtime", "VolumeStatuses.block.talos.dev"):
        if not item.spec.get("location"):
            continue
        disk = str(item.spec.get("parentLocation") or item.spec["location"])
        found.append(Volume(item.id, disk, serials.get(disk, ""), int(item.spec.get("size") or 0)))
    return sorted(found, key=lambda volume: volume.label)


def _folders(client: TalosClient) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    for path in FOLDERS:
        names = client.folder(path)
        if names is not None:
            found[path] = names
    return found


def _diff(name: str, volumes: Sequence[Volume], plan: Plan) -> dict[str, str]:
    def told(shown: Sequence[Volume]) -> str:
        return "".join(f"{volume.label} on {volume.disk} (serial {volume.serial or 'none'})\n" for volume in shown)

    title = f"{name}: volumes"
    return {"before": told(volumes), "after": told(plan.kept), "before_header": title, "after_header": title}
