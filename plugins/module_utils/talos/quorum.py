# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it safe to take one control plane away? etcd's quorum, judged from what every control plane says.

etcd needs a majority of its voters. Talos asks nobody before it reboots (siderolabs/talos v1.10
``internal/app/machined/pkg/runtime/v1alpha1``), so the caller must, and must keep two nodes from going at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .client import EtcdMember, EtcdStatus, TalosClient
from .connection import NodeMode, Target, connect
from .errors import TalosError
from .identity import Identity
from .state import each_node

#: Raft entries by which a member may be behind the most advanced one and still count as healthy.
MAX_LAG = 10_000


@dataclass(frozen=True)
class View:
    """What one control plane says of etcd.

    :param problem: why it could not be asked; empty when it answered.
    """

    name: str
    members: Sequence[EtcdMember] = ()
    status: EtcdStatus | None = None
    alarms: Sequence[tuple[int, str]] = ()
    problem: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether one node may go.

    :param needed: False when it is no etcd voter or the only one: then nothing is to be protected.
    :param voters: number of voting members.
    :param healthy: names of the healthy ones, the node itself included.
    :param problems: what is wrong, one sentence per member or node.
    """

    safe: bool
    needed: bool
    voters: int = 0
    healthy: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """The verdict for people."""
        wanted = self.voters // 2 + 1
        text = f"{len(self.healthy)} of {self.voters} etcd voters are healthy and {wanted} must stay"
        return f"{text} ({'; '.join(self.problems)})" if self.problems else text


def look(targets: Sequence[Target], identity: Identity | None, timeout: float) -> list[View]:
    """Ask every control plane; one that cannot be asked is a view with a ``problem``."""

    def ask(target: Target) -> View:
        try:
            client, mode = connect(target, identity, timeout)
            with client:
                if mode is NodeMode.MAINTENANCE:
                    return View(target.label, problem="it is in maintenance mode")
                return view_of(target.label, client)
        except TalosError as error:
            return View(target.label, problem=error.details or error.answer or str(error))

    return each_node(targets, ask)


def view_of(name: str, client: TalosClient) -> View:
    """Ask one connected control plane.

    :raises TalosError: its etcd does not answer.
    """
    return View(name, client.etcd_members(), client.etcd_status(), client.etcd_alarms())


def judge(views: Sequence[View], name: str) -> Verdict:
    """Judge whether the control plane ``name`` may be taken away for a while.

    A voter is healthy when it answered, sees a leader, reports no error, no alarm is raised for it and its log is not
    far behind. It is refused when the healthy ones without ``name`` are fewer than the quorum.
    """
    own = next((view for view in views if view.name == name), None)
    members = max((view.members for view in views), key=len, default=())
    voters = {member.id: member for member in members if not member.is_learner}
    if own is not None and own.status is not None and own.status.member_id not in voters:
        return Verdict(safe=True, needed=False, voters=len(voters))
    if len(voters) <= 1:
        return Verdict(safe=True, needed=False, voters=len(voters))
    problems: list[str] = [f"{view.name}: {view.problem}" for view in views if view.problem]
    head = max((view.status.raft_applied_index for view in views if view.status), default=0)
    alarmed: Mapping[int, str] = {member: alarm for view in views for member, alarm in view.alarms}
    healthy: dict[int, str] = {}
    for view in views:
        status = view.status
        if status is None or status.member_id not in voters:
            continue
        problem = _problem(view, status, head, alarmed, set(voters))
        if problem:
            problems.append(f"{view.name}: {problem}")
        else:
            healthy[status.member_id] = view.name
    asked = {view.status.member_id for view in views if view.status}
    for member_id, member in voters.items():
        if member_id not in asked and not any(view.problem and view.name == member.hostname for view in views):
            problems.append(f"{member.hostname or 'a member that has not started'}: it was not asked or did not answer")
    left = [label for label in healthy.values() if label != name]
    return Verdict(
        safe=len(left) >= len(voters) // 2 + 1,
        needed=True,
        voters=len(voters),
        healthy=tuple(sorted(healthy.values())),
        problems=tuple(problems),
    )


def _problem(view: View, status: EtcdStatus, head: int, alarmed: Mapping[int, str], voters: set[int]) -> str:
    """Say what is wrong with one voter; empty when nothing is."""
    if {member.id for member in view.members if not member.is_learner} != voters:
        return "it knows other etcd members than the rest"
    if not status.leader:
        return "its etcd sees no leader"
    if status.errors:
        return f"its etcd reports {', '.join(status.errors)}"
    if status.member_id in alarmed:
        return f"the alarm {alarmed[status.member_id]} is raised"
    if head - status.raft_applied_index > MAX_LAG:
        return f"its etcd is {head - status.raft_applied_index} entries behind"
    return ""
