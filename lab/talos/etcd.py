# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The etcd cluster which the control planes form: members, learners, leader, raft and alarms.

Only what Talos' API shows of etcd is kept. Quorum is a majority of the *voters*; without it nothing can be changed and
linearised reads fail, as in etcd.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import Node


class EtcdError(Exception):
    """What an etcd client would be told, in etcd's words."""


def new_id() -> int:
    """A member id: a random 64-bit number, never 0."""
    return secrets.randbits(63) | 1


@dataclass
class Member:
    """One entry of the member list; ``name`` is empty until the member was started once."""

    id: int
    name: str
    address: str
    learner: bool
    node: Node | None = None
    """The node whose disk holds this member's data; ``None`` once the data is gone."""

    @property
    def peer_urls(self) -> list[str]:
        """Where the other members reach it."""
        return [f"https://{self.address}:2380"]

    @property
    def client_urls(self) -> list[str]:
        """Where clients reach it; none before it was started."""
        return [f"https://{self.address}:2379"] if self.name else []

    @property
    def hex_id(self) -> str:
        """The id as etcd prints it."""
        return f"{self.id:016x}"

    @property
    def running(self) -> bool:
        """Whether its process runs right now."""
        return self.node is not None and self.node.etcd_up and self.node.storage.member is self


@dataclass
class Etcd:
    """One etcd cluster. A second Bootstrap on an empty control plane makes a second one: a split."""

    cluster_id: str
    members: list[Member] = field(default_factory=list)
    term: int = 2
    alarms: set[tuple[int, str]] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)
    writes: int = 1200
    lost: bool = False
    keys: dict[str, str] = field(default_factory=dict)
    """What somebody has put into it: it lives as long as the data of a majority does."""
    _leader: Member | None = None

    @property
    def voters(self) -> list[Member]:
        """Members with a vote."""
        return [member for member in self.members if not member.learner]

    @property
    def quorum(self) -> bool:
        """Whether a majority of the voters runs."""
        voters = self.voters
        return len([member for member in voters if member.running]) > len(voters) // 2

    @property
    def leader(self) -> Member | None:
        """The leader; a new election when the old one is gone, none without quorum."""
        if not self.quorum:
            self._leader = None
            return None
        if self._leader is None or not self._leader.running or self._leader not in self.members:
            self._leader = next(member for member in self.voters if member.running)
            self.term += 1
        return self._leader

    @property
    def raft_index(self) -> int:
        """The committed index: grows by itself while there is a quorum, as leases and Kubernetes write."""
        if self.quorum:
            self.writes = max(self.writes, 1200 + int((time.monotonic() - self.started) * 8))
        return self.writes

    def need_quorum(self) -> None:
        """Refuse what needs a majority.

        :raises EtcdError: as a client that ran into its deadline.
        """
        if not self.quorum:
            raise EtcdError("context deadline exceeded")

    def by_id(self, member_id: int) -> Member | None:
        """The member with this id."""
        return next((member for member in self.members if member.id == member_id), None)

    def by_name(self, name: str) -> Member | None:
        """The member with this (host)name."""
        return next((member for member in self.members if member.name == name), None)

    def add_learner(self, address: str, node: Node) -> Member:
        """Add a learner that was not started yet.

        :raises EtcdError: without quorum, for a known peer URL, and while there is another learner.
        """
        self.need_quorum()
        if any(member.address == address for member in self.members):
            raise EtcdError("etcdserver: Peer URLs already exists")
        if any(member.learner for member in self.members):
            raise EtcdError("etcdserver: too many learner members in cluster")
        member = Member(new_id(), "", address, True, node)
        self.members.append(member)
        self.writes += 1
        return member

    def promote(self, member: Member) -> None:
        """Make a learner a voter.

        :raises EtcdError: without quorum.
        """
        self.need_quorum()
        member.learner = False
        self.writes += 1

    def remove(self, member: Member) -> None:
        """Take a member out of the list.

        :raises EtcdError: without quorum, or when the others would have none.
        """
        self.need_quorum()
        rest = [other for other in self.voters if other is not member]
        if not member.learner and rest and len([o for o in rest if o.running]) <= len(rest) // 2:
            raise EtcdError("etcdserver: unhealthy cluster")
        self.members.remove(member)
        self.alarms = {alarm for alarm in self.alarms if alarm[0] != member.id}
        self.writes += 1
        if self._leader is member:
            self._leader = None

    def forfeit(self) -> Member | None:
        """Hand the leadership to another running voter and return it."""
        others = [member for member in self.voters if member.running and member is not self._leader]
        if others:
            self._leader = others[0]
            self.term += 1
        return self._leader

    def raise_alarms(self) -> set[tuple[int, str]]:
        """The alarms, including those which running members raise just now."""
        for member in self.members:
            if member.running and member.node is not None and member.node.faults.etcd_alarm:
                self.alarms.add((member.id, member.node.faults.etcd_alarm))
        return self.alarms

    def disarm(self) -> set[tuple[int, str]]:
        """Clear all alarms and return what was cleared."""
        cleared = set(self.raise_alarms())
        for member in self.members:
            if member.node is not None:
                member.node.faults.etcd_alarm = ""
        self.alarms.clear()
        return cleared
