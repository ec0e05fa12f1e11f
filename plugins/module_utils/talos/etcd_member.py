# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dead member of etcd: whether it may be removed, and the steps until its node is a member again.

etcd refuses a removal only when the rest would have no quorum; that the member itself is dead must be proved here. A
node joins anew only with an empty data directory (siderolabs/talos v1.10
``internal/app/machined/pkg/system/services/etcd.go``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from ..common.wait import Deadline, Observation, wait_until
from . import documents, lock, node_config, operations, quorum
from .client import EtcdMember
from .connection import NodeMode, Target, connect
from .errors import NOT_FOUND, ConnectionLost, TalosError
from .identity import Identity
from .quorum import View
from .state import etcd_state


@dataclass(frozen=True)
class Wanted:
    """The member that is dead.

    :param name: its name, which is its node's; :param id: 16 hex digits, for one without a name.
    :param wipe: whether its node's data may be wiped.
    """

    name: str
    id: str = ""
    wipe: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :param refusal: why nothing is; empty when it may be.
    :param member: to be removed, None when it is in the list no more.
    :param through: name of a node whose etcd serves.
    :param wipe: whether the node is wiped.
    """

    refusal: str = ""
    member: EtcdMember | None = None
    through: str = ""
    wipe: bool = False
    stay: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.member is not None or self.wipe


def plan(wanted: Wanted, views: Sequence[View], *, has_data: bool) -> Plan:
    """Return what is to be done.

    :param views: what each control plane says of etcd.
    :param has_data: whether the node of that name answers and has etcd data, or may have.
    """
    serving = [view for view in views if view.status is not None and view.status.leader]
    if not serving:
        told = "; ".join(f"{view.name}: {view.problem or 'no leader'}" for view in views)
        return Plan(f"no etcd has a leader, so no member can be removed ({told})")
    members = max((view.members for view in serving), key=len)
    found = [one for one in members if (f"{one.id:016x}" == wanted.id if wanted.id else one.hostname == wanted.name)]
    member = found[0] if found else None
    answers = {view.status.member_id for view in serving if view.status is not None}
    if member is not None and member.id in answers:
        if any(view.name == wanted.name for view in serving):
            return Plan(stay=[one.hostname for one in members if not one.is_learner])
        return Plan(f"the member {member.hostname or member.id} serves; only a dead one is removed")
    rest = [one for one in members if one is not member and not one.is_learner]
    if len([one for one in rest if one.id in answers]) <= len(rest) // 2:
        return Plan(f"only {len(answers)} of the {len(rest)} other members serve, which is no quorum without it")
    known = any(view.name == wanted.name for view in views)
    if known and has_data and not wanted.wipe:
        return Plan(f"{wanted.name} has etcd data that would have to be wiped, and is not named to be")
    return Plan("", member, serving[0].name, known and has_data, [one.hostname for one in rest])


@dataclass
class Rejoin:
    """The steps for one member."""

    targets: Sequence[Target]
    identity: Identity | None
    wanted: Wanted
    deadline: Deadline
    ctx: Context
    call_timeout: float = 10.0
    interval: float = 1.0
    lock_dir: str | None = None

    def run(self) -> dict[str, Any]:
        """Remove the member, wipe its node and wait until it has a vote, as far as each is needed."""
        with ExitStack() as stack:
            if not self.ctx.check_mode:
                stack.enter_context(
                    lock.cluster_lock(
                        self._cluster(),
                        self.wanted.name or self.wanted.id,
                        directory=self.lock_dir,
                        timeout=self.deadline.left,
                        ctx=self.ctx,
                    )
                )
            views = quorum.look(self.targets, self.identity, self.call_timeout)
            todo = plan(self.wanted, views, has_data=self._has_data())
            if todo.refusal:
                raise InputError(
                    f"the etcd member {self.wanted.name or self.wanted.id} is not removed",
                    answer=todo.refusal,
                    remedy="Nothing was changed",
                    param="wipe" if "not named" in todo.refusal else "name",
                )
            result = {
                "changed": todo.changed,
                "removed": f"{todo.member.id:016x}" if todo.member else "",
                "wiped": todo.wipe,
                "members": sorted(todo.stay),
            }
            if self.ctx.diff_mode and todo.member:
                before = sorted([*todo.stay, todo.member.hostname or f"{todo.member.id:016x}"])
                result["diff"] = {"before": "\n".join(before) + "\n", "after": "\n".join(sorted(todo.stay)) + "\n"}
            if self.ctx.check_mode or not todo.changed:
                return result
            self._remove(todo)
            if todo.wipe:
                self._wipe()
            own = self._own()
            return {**result, "members": self._joined(own)} if own and todo.wipe else result

    def _own(self) -> Target | None:
        return next((target for target in self.targets if target.label == self.wanted.name), None)

    def _cluster(self) -> str:
        for target in self.targets:
            with suppress(TalosError):
                client, mode = connect(target, self.identity, self.call_timeout)
                with client:
                    if mode is NodeMode.CONFIGURED:
                        config = documents.v1alpha1(node_config.read_config(client, "v1alpha1"))
                        body = (config.body.get("cluster") or {}) if config else {}
                        return str(body.get("id") or body.get("clusterName") or "cluster")
        return "cluster"

    def _has_data(self) -> bool:
        own = self._own()
        if own is None:
            return False
        try:
            client, mode = connect(own, self.identity, self.call_timeout)
            with client:
                return mode is NodeMode.CONFIGURED and bool(client.folder("/var/lib/etcd"))
        except TalosError:
            return False

    def _remove(self, todo: Plan) -> None:
        if todo.member is None:
            return
        through = next(target for target in self.targets if target.label == todo.through)
        client, _mode = connect(through, self.identity, self.call_timeout)
        with client:
            try:
                operations.remove_member(client, todo.member.id)
            except TalosError as error:
                if error.code != NOT_FOUND:
                    raise

    def _wipe(self) -> None:
        own = self._own()
        if own is not None:
            client, _mode = connect(own, self.identity, self.call_timeout)
            with client, suppress(ConnectionLost):
                operations.reset(client, ["EPHEMERAL"], graceful=False)

    def _joined(self, own: Target) -> list[str]:
        names: list[str] = []

        def look() -> Observation[None]:
            nonlocal names
            try:
                client, _mode = connect(own, self.identity, self.call_timeout)
                with client:
                    found = etcd_state(client)
            except TalosError as error:
                return Observation(False, error.details or error.answer or str(error))
            names = sorted(str(member["hostname"]) for member in found["members"] if not member["learner"])
            return Observation(bool(found["voter"]), found["reason"] or "it has no vote yet")

        wait_until(
            look,
            what="the node to join etcd anew",
            target=own.label,
            timeout=self.deadline.left,
            ctx=self.ctx,
            interval=self.interval,
            remedy="Look at the log of service etcd on this node; the same command goes on from here",
        )
        return names
