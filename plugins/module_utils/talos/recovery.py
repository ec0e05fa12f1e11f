# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore etcd from a snapshot: the steps of ``talos_etcd_restore``, in order.

Ask everybody, decide, wipe what is named, send the snapshot, Bootstrap with it, and wait until every control plane is a
voter. The order of a node's own steps: siderolabs/talos v1.10 ``internal/app/machined/pkg/system/services/etcd.go``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..common.wait import Deadline, Observation, wait_until
from . import bootstrap, documents, lock, node_config, operations, recovery_plan
from .bootstrap import Standing
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .errors import ALREADY_EXISTS, FAILED_PRECONDITION, ConnectionLost, TalosError
from .identity import Identity
from .recovery_plan import Act, Decision
from .state import each_node, etcd_state

#: Bytes per message of the stream.
PART = 64 * 1024


@dataclass(frozen=True)
class Options:
    """How to restore; see the module's options of the same names.

    :param patience: seconds for which an etcd that does not serve is watched before its data are wiped.
    """

    wipe: Sequence[str] = ()
    patience: float = 30.0
    interval: float = 1.0
    call_timeout: float = 10.0
    stream_timeout: float = 300.0
    lock_dir: str | None = None


@dataclass
class Restore:
    """One restore.

    :param cluster_id: the id which every node's machine config must have.
    :param snapshot: path of a verified snapshot.
    """

    targets: Sequence[Target]
    chosen: Target
    identity: Identity | None
    cluster_id: str
    snapshot: str
    options: Options
    deadline: Deadline
    ctx: Context
    reasons: dict[str, str] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Restore when every control plane's answer allows it, and return the module's result."""
        with ExitStack() as stack:
            if not self.ctx.check_mode:
                options = self.options
                stack.enter_context(
                    lock.cluster_lock(
                        self.cluster_id,
                        "a restore of etcd",
                        directory=options.lock_dir,
                        timeout=self.deadline.left,
                        ctx=self.ctx,
                    )
                )
            decision, standings = self._decide()
            result = {
                "changed": True,
                "node": self.chosen.label,
                "wiped": list(decision.wipe),
                "reason": decision.why,
                "standings": {name: standing.value for name, standing in standings.items()},
            }
            if self.ctx.check_mode:
                return result
            self._wipe(decision.wipe)
            self._start()
            return {**result, "members": self._joined()}

    # -- deciding ----------------------------------------------------------------------------------------------------
    def _decide(self) -> tuple[Decision, dict[str, Standing]]:
        decision = Decision(Act.WAIT, "")
        standings: dict[str, Standing] = {}
        since: Deadline | None = None

        def look() -> Observation[None]:
            nonlocal decision, standings, since
            standings = self._ask()
            decision = recovery_plan.decide(standings, self.options.wipe, planned=self.ctx.check_mode)
            told = "; ".join([decision.why, *self.reasons.values()])
            if decision.act is Act.REFUSE and (self.ctx.check_mode or not decision.watched):
                raise self._refusal(decision.why)
            if decision.act is Act.WAIT:
                if self.ctx.check_mode:
                    raise TalosError("predicting the restore", answer=told, remedy="Bring the named nodes up")
                return Observation(False, told)
            if decision.watched and not self.ctx.check_mode:
                since = since or Deadline(self.options.patience)
                if not since.passed:
                    return Observation(False, f"{decision.why}; it is watched for {self.options.patience:g} s")
            if decision.act is Act.REFUSE:
                raise self._refusal(decision.why)
            return Observation(True, decision.why)

        wait_until(
            look,
            what="every control plane to say whether its etcd may begin anew",
            target=", ".join(target.label for target in self.targets),
            timeout=self.deadline.left,
            ctx=self.ctx,
            interval=self.options.interval,
            remedy="Bring the named nodes up. One that is gone for good is left out of nodes, and must never come back "
            "with its old data. Nothing was sent",
            param="nodes",
        )
        return decision, standings

    def _refusal(self, why: str, told: str = "Nothing was sent") -> InputError:
        remedy = ""
        if "named to be wiped" in why:
            remedy = "Name those nodes in wipe when all that lies on their EPHEMERAL may go. "
        elif "etcd serves" in why:
            remedy = "After an earlier restore go on with site.yml; a single dead member is removed, not restored. "
        elif "maintenance" in why:
            remedy = "Run site.yml -t talos first. "
        return InputError("etcd is not restored", answer=why, remedy=remedy + told, param="wipe")

    def _ask(self) -> dict[str, Standing]:
        self.reasons = {}

        def ask(target: Target) -> Standing:
            try:
                client, mode = connect(target, self.identity, self.options.call_timeout)
                with client:
                    if mode is NodeMode.MAINTENANCE:
                        return Standing.MAINTENANCE
                    self._same_cluster(client, target)
                    return bootstrap.standing_of(client)
            except TalosError as error:
                if error.permanent:
                    raise
                self.reasons[target.label] = str(error)
                return Standing.UNREACHABLE

        answers = each_node(self.targets, ask)
        return {target.label: standing for target, standing in zip(self.targets, answers, strict=True)}

    def _same_cluster(self, client: TalosClient, target: Target) -> None:
        config = documents.v1alpha1(node_config.read_config(client, "v1alpha1"))
        found = str(((config.body.get("cluster") or {}) if config else {}).get("id") or "")
        if found != self.cluster_id:
            raise InputError(
                "the snapshot is of another cluster",
                target=f"id {self.cluster_id}",
                answer=f"{target.label} belongs to the cluster with the id {found or '(none)'}",
                remedy="Give a backup of this cluster. Nothing was sent",
                param="path",
            )

    # -- doing -------------------------------------------------------------------------------------------------------
    def _wipe(self, names: Sequence[str]) -> None:
        """Wipe, and again where a node lost its power before it had done so: it comes back with its data."""
        if not names:
            return
        told_in: dict[str, str] = {}

        def look() -> Observation[None]:
            standings = self._ask()
            decision = recovery_plan.decide(standings, names)
            if decision.act is Act.REFUSE:
                wiped = f"{', '.join(told_in)} may be wiped already" if told_in else "Nothing was sent"
                raise self._refusal(decision.why, wiped)
            for target in self.targets:
                if target.label in names and standings[target.label] is Standing.DATA:
                    self._tell_to_wipe(target, told_in)
            left = [f"{name} {standing}" for name, standing in standings.items() if standing is not Standing.EMPTY]
            return Observation(not left, ", ".join(left))

        wait_until(
            look,
            what="the wiped nodes to be back with an empty etcd",
            target=", ".join(names),
            timeout=self.deadline.left,
            ctx=self.ctx,
            interval=self.options.interval,
            remedy="Look at the nodes' consoles; the same command goes on from here",
        )

    def _tell_to_wipe(self, target: Target, told_in: dict[str, str]) -> None:
        """Once per boot; again in the same one when nobody knows whether it was heard, which a node on its way down
        answers and ignores."""
        try:
            client, _unused = connect(target, self.identity, self.options.call_timeout)
            with client:
                boot = client.boot_id()
                if told_in.get(target.label) == boot:
                    return
                self.ctx.progress(f"wiping EPHEMERAL of {target.label}")
                told_in[target.label] = ""
                operations.reset(client, ["EPHEMERAL"], graceful=False)
                told_in[target.label] = boot
        except TalosError as error:
            if error.permanent or not _passes(error):
                raise

    def _start(self) -> None:
        """Send and bootstrap; again when the node lost its power before its data directory had anything of it."""
        sent_in = ""
        half: Deadline | None = None

        def look() -> Observation[None]:
            nonlocal sent_in, half
            try:
                client, _mode = connect(self.chosen, self.identity, self.options.call_timeout)
                with client:
                    if etcd_state(client)["voter"]:
                        return Observation(True, "up")
                    boot, standing = client.boot_id(), bootstrap.standing_of(client)
                    if boot != sent_in and standing is Standing.EMPTY:
                        operations.recover(client, self._parts(), timeout=self.options.stream_timeout)
                        sent_in = boot
                        client.bootstrap(recover=True)
                        return Observation(False, "it was sent the snapshot")
                    if standing is Standing.EMPTY:
                        self._failed(client)
                    if boot != sent_in and standing is Standing.DATA:
                        half = half or Deadline(self.options.patience)
                        if half.passed:
                            raise self._half()
                    return Observation(False, "its etcd is starting")
            except TalosError as error:
                if error.permanent or not _passes(error):
                    raise
                if error.code == FAILED_PRECONDITION:
                    sent_in = ""
                return Observation(False, error.details or error.answer or str(error))

        wait_until(
            look,
            what="etcd to begin with the snapshot",
            target=self.chosen.label,
            timeout=self.deadline.left,
            ctx=self.ctx,
            interval=self.options.interval,
            remedy="Look at the log of service etcd on this node; the same command tries again",
        )

    def _parts(self) -> Iterator[bytes]:
        with open(self.snapshot, "rb") as file:
            while part := file.read(PART):
                yield part

    def _failed(self, client: TalosClient) -> None:
        for service in client.services():
            if service.id == "etcd" and service.state == "Failed":
                raise HomeopsError(
                    "starting etcd from the snapshot",
                    target=self.chosen.label,
                    answer=service.last_event or service.last_message,
                    remedy="Its data directory is still empty; give another snapshot",
                )

    def _half(self) -> HomeopsError:
        name = self.chosen.label
        return HomeopsError(
            "starting etcd from the snapshot",
            target=name,
            answer=f"it was booted while the snapshot was written: its etcd has data and has not served for "
            f"{self.options.patience:g} s",
            remedy=f"Give the same command with {name} named in wipe; what its etcd has is in the snapshot. All else "
            "on its EPHEMERAL goes, too",
            param="wipe",
        )

    def _joined(self) -> list[str]:
        names: list[str] = []

        def look() -> Observation[None]:
            nonlocal names

            def ask(target: Target) -> tuple[str, list[str]]:
                try:
                    client, _mode = connect(target, self.identity, self.options.call_timeout)
                    with client:
                        found = etcd_state(client)
                        voters = [str(m["hostname"]) for m in found["members"] if not m["learner"]]
                        return ("" if found["voter"] else found["reason"] or "it has no vote yet"), voters
                except TalosError as error:
                    return error.details or error.answer or str(error), []

            answers = each_node(self.targets, ask)
            left = [f"{t.label}: {reason}" for t, (reason, _v) in zip(self.targets, answers, strict=True) if reason]
            # They were asked one after the other, so the longest list is the newest.
            longest = max((voters for _reason, voters in answers), key=len)
            names = sorted(longest)
            return Observation(not left, "; ".join(left))

        wait_until(
            look,
            what="every control plane to join the restored etcd",
            target=", ".join(target.label for target in self.targets),
            timeout=self.deadline.left,
            ctx=self.ctx,
            interval=self.options.interval,
            remedy="The restored etcd serves; look at service etcd of the named nodes",
        )
        return names


def _passes(error: TalosError) -> bool:
    """Whether looking again may help; ALREADY_EXISTS is what an answer that was lost looks like afterwards."""
    lost = isinstance(error, ConnectionLost)
    return lost or error.transient or error.code in (ALREADY_EXISTS, FAILED_PRECONDITION)
