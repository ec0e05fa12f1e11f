# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrade one node: the steps of ``talos_upgrade``, in order. Look, judge, guard etcd's quorum, write, prove.

The proof of an upgrade is the wanted version after a new boot id, the stage running, and etcd's vote. A node that comes
back with its old version has fallen back by itself: then the upgrade failed, and the node is as it was.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..common.wait import Deadline, Observation, wait_until
from . import documents, node_config, node_state, operations, state, upgrade_plan
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .errors import ConnectionLost, TalosError
from .factory import Supply
from .guard import Guard
from .identity import Identity
from .machine import disagreements, machine_of
from .upgrade_plan import Image, Running
from .validation import CONTROL_PLANE_TYPES


@dataclass(frozen=True)
class Options:
    """How to upgrade; see the module's options of the same names."""

    stage: bool = False
    hardware_id: str = ""
    wait_timeout: float = 1200.0
    call_timeout: float = 10.0
    tolerated: tuple[str, ...] = ()
    supply: Supply = field(default_factory=Supply)


@dataclass
class Upgrade:
    """One upgrade of one node."""

    target: Target
    identity: Identity
    image: Image
    guard: Guard
    options: Options
    ctx: Context
    result: dict[str, Any] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Upgrade when the node runs something else, and return the module's result.

        :raises InputError: the step is not allowed; nothing was sent.
        :raises HomeopsError: etcd cannot spare the node, or it did not come back as wanted.
        """
        deadline = Deadline(self.options.wait_timeout)
        client, mode = connect(self.target, self.identity, self.options.call_timeout)
        with client:
            if mode is NodeMode.MAINTENANCE:
                raise InputError(
                    "a node in maintenance is not upgraded: it installs the version of its machine config",
                    target=self.target.label,
                    remedy="Run site.yml -t talos",
                    param="node",
                )
            self._identify(client)
            running = node_state.running_of(client)
            plan = upgrade_plan.plan(running, self.image)
            self.result.update(
                changed=plan.needed,
                version_before=running.version,
                version_after=running.version,
                schematic_before=running.schematic,
                boot_id_before="",
                boot_id_after="",
                reason=plan.why,
            )
            if not plan.needed:
                return self.result
            if plan.refusal:
                raise InputError(
                    f"node {self.target.label} is not upgraded",
                    answer=plan.refusal,
                    remedy="Nothing was sent",
                    param="image",
                    facts={**self.result, "changed": False},
                )
            if self.ctx.diff_mode:
                self.result["diff"] = _diff(self.target.label, running, self.image)
            self.options.supply.ensure(self.image.reference, predict=self.ctx.check_mode)
            if self.ctx.check_mode:
                return {**self.result, "version_after": self.image.version}
            self._write(client, deadline)
        return self.result

    def _identify(self, client: TalosClient) -> None:
        """Refuse another machine than the one that is meant.

        :raises InputError: nothing was sent.
        """
        wrong = disagreements(machine_of(client), self.target.name, self.options.hardware_id)
        if wrong:
            raise InputError(
                f"node {self.target.label} is not upgraded",
                answer="; ".join(wrong),
                remedy="Correct the inventory. Nothing was sent",
                param="hardware_id",
                facts={**self.result, "changed": False},
            )

    def _write(self, client: TalosClient, deadline: Deadline) -> None:
        config = documents.v1alpha1(node_config.read_config(client, "v1alpha1"))
        body = config.body if config else {}
        control_plane = (body.get("machine") or {}).get("type") in CONTROL_PLANE_TYPES
        voter = control_plane and bool(state.etcd_state(client)["voter"])
        with ExitStack() as stack:
            if control_plane:
                stack.enter_context(
                    self.guard.alone(
                        self.target,
                        body.get("cluster") or {},
                        "upgrading this control plane",
                        deadline,
                        self.ctx,
                        {**self.result, "changed": False},
                    )
                )
            self.result["boot_id_before"] = client.boot_id()
            self.ctx.progress(f"{self.result['version_before']} -> {self.image.version}")
            try:
                operations.upgrade(client, self.image.reference, stage=self.options.stage)
            except ConnectionLost:
                self.ctx.warn(
                    f"{self.target.label}: the connection ended before the answer; waiting tells what happened"
                )
            client.close()
            self._prove(voter, deadline)

    def _prove(self, voter: bool, deadline: Deadline) -> None:
        """Wait for the node with its new version; the lock is held meanwhile."""

        def look() -> Observation[str]:
            try:
                client, _mode = connect(self.target, self.identity, self.options.call_timeout)
                with client:
                    return self._back(client, voter)
            except TalosError as error:
                if error.permanent:
                    raise
                return Observation(False, (error.details or error.answer or str(error)).splitlines()[0])

        boot_id = wait_until(
            look,
            what=f"{self.target.label} to be back with {self.image.version}",
            target=self.target.label,
            timeout=deadline.left,
            ctx=self.ctx,
            interval=1.0,
            remedy="Look at its console: the old version boots again by itself when the new one does not start",
        )
        self.result.update(boot_id_after=boot_id or "", version_after=self.image.version)

    def _back(self, client: TalosClient, voter: bool) -> Observation[str]:
        status = state.machine_status(client)
        stage, boot_id = status["stage"], client.boot_id()
        if boot_id == self.result["boot_id_before"]:
            return Observation(False, f"stage {stage}, not yet rebooted")
        if stage != "running":
            return Observation(False, f"stage {stage}")
        version = client.version().tag
        if version != self.image.version:
            raise HomeopsError(
                f"upgrading to {self.image.version}",
                target=self.target.label,
                answer=f"the node came back with {version}: the new image did not boot, and it fell back by itself",
                remedy="Read its dmesg before the next try; the other nodes are as they were",
                param="image",
                facts={**self.result, "boot_id_after": boot_id},
            )
        unmet = [item["name"] for item in status["unmet"] if item["name"] not in self.options.tolerated]
        if unmet:
            return Observation(False, f"running {version}, not ready: {', '.join(unmet)}")
        if voter and not state.etcd_state(client)["voter"]:
            return Observation(False, f"running {version}, etcd is not a voting member yet")
        return Observation(True, version, boot_id)


def _diff(name: str, running: Running, wanted: Image) -> dict[str, str]:
    title = f"{name}: Talos"
    return {
        "before": f"version: {running.version}\nschematic: {running.schematic}\n",
        "after": f"version: {wanted.version}\nschematic: {wanted.schematic or running.schematic}\n",
        "before_header": title,
        "after_header": title,
    }
