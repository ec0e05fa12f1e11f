# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it safe to take one control plane away? etcd's quorum, judged from what every control plane says.

etcd needs a majority of its voters. Talos asks nobody before it reboots (siderolabs/talos v1.10
``internal/app/machined/pkg/runtime/v1alpha1``), so the caller must, and must keep two nodes from going at once.

An etcd that has lost its quorum names no members: that nobody names any is no proof that there is no etcd. Only an
empty data directory is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from .bootstrap import Standing, standing_of
from .client import EtcdMember, EtcdStatus, TalosClient
from .connection import NodeMode, Target, connect
from .errors import TalosError
from .identity import Identity
from .state import each_node, innermost

T = TypeVar("T")

#: Raft entries by which a member may be behind the most advanced one and still count as healthy.
MAX_LAG = 10_000


@dataclass(frozen=True)
class View:
    """What one control plane says of etcd.

    :param problem: what could not be asked, and why; empty when all was answered.
    :param bare: it is proved to hold nothing of etcd: an empty data directory, or a worker.
    """

    name: str
    members: Sequence[EtcdMember] = ()
    status: EtcdStatus | None = None
    alarms: Sequence[tuple[int, str]] = ()
    problem: str = ""
    bare: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether one node may go.

    :param needed: False when it is no etcd voter or the only one: then nothing is to be protected.
    :param voters: number of voting members; 0 when no etcd names them.
    :param healthy: names of the healthy ones, the node itself included.
    :param problems: what is wrong, one sentence per member or node.
    :param bare: every control plane that was asked is proved to hold nothing of etcd: there is no cluster yet.
    """

    safe: bool
    needed: bool
    voters: int = 0
    healthy: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())
    bare: bool = False

    @property
    def text(self) -> str:
        """The verdict for people."""
        if self.needed and not self.voters:
            text = "no etcd names its members, and this node may hold its data"
        else:
            wanted = self.voters // 2 + 1
            text = f"{len(self.healthy)} of {self.voters} etcd voters are healthy and {wanted} must stay"
        return f"{text} ({'; '.join(self.problems)})" if self.problems else text

    @property
    def remedy(self) -> str:
        """What to do about a refusal."""
        if self.needed and not self.voters:
            return (
                "Bring the other control planes back until etcd has a quorum again; when their data are lost, restore "
                "a backup (playbooks/restore.yml). List every control plane in control_planes"
            )
        return "Heal etcd first (talos_health); list every control plane in control_planes"


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
            return View(target.label, problem=_told(error))

    return each_node(targets, ask)


def view_of(name: str, client: TalosClient) -> View:
    """Ask one connected control plane, each thing by itself: without a leader etcd's status answers, and nothing else.

    :raises TalosError: the node is lost on the way.
    """
    problems: list[str] = []

    def asked(ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except TalosError as error:
            if error.code < 0:
                raise
            problems.append(_told(error))
            return None

    status = asked(client.etcd_status)
    members = asked(client.etcd_members) or []
    alarms = (asked(client.etcd_alarms) if status is None or status.leader else None) or []
    standing = asked(lambda: standing_of(client)) if status is None else None
    bare = standing in (Standing.EMPTY, Standing.WORKER)
    if standing is not None:
        problems.insert(0, standing.value)
    return View(name, members, status, alarms, "; ".join(dict.fromkeys(problems)), bare)


def _told(error: TalosError) -> str:
    return innermost(error.details or error.answer or str(error))


def judge(views: Sequence[View], name: str) -> Verdict:
    """Judge whether the control plane ``name`` may be taken away for a while.

    A voter is healthy when it answered, sees a leader, reports no error, no alarm is raised for it and its log is not
    far behind. It is refused when the healthy ones without ``name`` are fewer than the quorum, and when no etcd names
    its voters while ``name`` may hold data of it: that is how a lost quorum looks from outside.
    """
    own = next((view for view in views if view.name == name), None)
    members = max((view.members for view in views), key=len, default=())
    voters = {member.id: member for member in members if not member.is_learner}
    problems = [f"{view.name}: {view.problem}" for view in views if view.problem]
    if own is not None and own.bare:
        return Verdict(safe=True, needed=False, voters=len(voters), bare=all(view.bare for view in views))
    if not voters:
        return Verdict(safe=False, needed=True, problems=(*problems, *_leaderless(views)))
    if own is not None and own.status is not None and own.status.member_id not in voters:
        return Verdict(safe=True, needed=False, voters=len(voters))
    if len(voters) == 1:
        return Verdict(safe=True, needed=False, voters=1)
    head = max((view.status.raft_applied_index for view in views if view.status), default=0)
    alarmed: Mapping[int, str] = {member: alarm for view in views for member, alarm in view.alarms}
    healthy: dict[int, str] = {}
    for view in views:
        status = view.status
        if status is None or status.member_id not in voters or view.problem:
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


def _leaderless(views: Sequence[View]) -> list[str]:
    return [
        f"{view.name}: its etcd sees no leader" for view in views if view.status is not None and not view.status.leader
    ]


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
