# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The etcd calls of MachineService.

Facts: siderolabs/talos v1.10 ``v1alpha1_server.go`` and ``internal/pkg/etcd``. Some calls ask the local member only,
others any member that discovery shows; a wrapped gRPC error keeps its code, anything else is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from . import membership, recovery, wire
from .api import FAILED_PRECONDITION, NOT_FOUND, UNAVAILABLE, UNKNOWN, ApiError, Caller, Room, one
from .etcd import Etcd, EtcdError, Member

REFUSED = (
    'connection error: desc = "transport: Error while dialing: dial tcp {address}:2379: connect: connection refused"'
)
ETCD_VERSION = "3.5.21"
DB_SIZE = 20 * 1024 * 1024


class EtcdCalls(Room):
    """Members, status, alarms, snapshot, recovery."""

    def _local(self, doing: str = "") -> tuple[Etcd, Member]:
        node = self.node
        if not node.etcd_up or node.storage.etcd is None or node.storage.member is None:
            text = REFUSED.format(address="127.0.0.1")
            if doing:
                text = f"{doing}: rpc error: code = Unavailable desc = {text}"
            raise ApiError(UNAVAILABLE, text)
        return node.storage.etcd, node.storage.member

    def _any(self, doing: str = "") -> Etcd:
        """The etcd cluster that answers on any discovered control plane, with a leader."""
        node = self.node
        prefix = f"{doing}: " if doing else ""
        peers = [other for other in node.cluster.members_of(node) if other.control_plane]
        if not peers:
            create = "failed to create etcd client: " if doing else ""
            raise ApiError(UNKNOWN, f"{create}no controlplane endpoints discovered yet")
        etcds = [other.storage.etcd for other in peers if other.etcd_up and other.storage.etcd is not None]
        if not etcds:
            text = REFUSED.format(address=peers[0].spec.address)
            if doing:
                text = f"{prefix}rpc error: code = Unavailable desc = {text}"
            raise ApiError(UNAVAILABLE, text)
        own = node.storage.etcd if node.etcd_up and node.storage.etcd is not None else etcds[0]
        if not own.quorum:
            raise ApiError(UNKNOWN, f"{prefix}etcdserver: no leader")
        return own

    async def EtcdMemberList(self, request: Any, caller: Caller) -> Any:
        """The member list, as the local member or any member has it."""
        self.need_control_plane("member list")
        etcd = self._local()[0] if request.query_local else self._any()
        if not etcd.quorum:
            raise ApiError(UNKNOWN, "etcdserver: no leader")
        answer = one("EtcdMemberList", legacy_members=[member.name for member in etcd.members])
        for member in etcd.members:
            answer.messages[0].members.add(
                id=member.id,
                hostname=member.name,
                peer_urls=member.peer_urls,
                client_urls=member.client_urls,
                is_learner=member.learner,
            )
        return answer

    async def EtcdStatus(self, request: Any, caller: Caller) -> Any:
        """What the local member says of itself; it answers without a leader, too."""
        self.need_control_plane("etcd status")
        etcd, member = self._local("failed to query etcd status")
        leader = etcd.leader
        errors = [] if leader else ["etcdserver: no leader"]
        for member_id, alarm in sorted(etcd.raise_alarms()):
            errors.append(f"memberID:{member_id} alarm:{alarm} ")
        index = etcd.raft_index
        return one(
            "EtcdStatus",
            member_status={
                "member_id": member.id,
                "protocol_version": ETCD_VERSION,
                "db_size": DB_SIZE,
                "db_size_in_use": DB_SIZE // 3,
                "leader": leader.id if leader else 0,
                "raft_index": index,
                "raft_term": etcd.term,
                "raft_applied_index": max(0, index - self.node.faults.raft_lag),
                "errors": errors,
                "is_learner": member.learner,
            },
        )

    async def EtcdAlarmList(self, request: Any, caller: Caller) -> Any:
        """All alarms of the cluster."""
        self.need_control_plane("etcd alarm list")
        etcd, _unused = self._local("failed to list etcd alarms")
        self._need_quorum(etcd, "failed to list etcd alarms")
        return self._alarms("EtcdAlarmList", "EtcdAlarm", etcd.raise_alarms())

    async def EtcdAlarmDisarm(self, request: Any, caller: Caller) -> Any:
        """Clear all alarms."""
        self.need_control_plane("etcd alarm list")
        etcd, _unused = self._local("failed to disarm etcd alarm")
        self._need_quorum(etcd, "failed to disarm etcd alarm")
        return self._alarms("EtcdAlarmDisarm", "EtcdAlarmDisarm", etcd.disarm())

    @staticmethod
    def _alarms(call: str, name: str, alarms: set[tuple[int, str]]) -> Any:
        answer = one(call)
        for member_id, alarm in sorted(alarms):
            number = wire.number("machine.EtcdMemberAlarm.AlarmType", alarm)
            answer.messages[0].member_alarms.add(member_id=member_id, alarm=number)
        return answer

    @staticmethod
    def _need_quorum(etcd: Etcd, doing: str) -> None:
        if not etcd.quorum:
            raise ApiError(UNKNOWN, f"{doing}: etcdserver: request timed out")

    async def EtcdDefragment(self, request: Any, caller: Caller) -> Any:
        """Defragment the local member."""
        self.need_control_plane("etcd defragment")
        self._local("failed to defragment etcd")
        return one("EtcdDefragment")

    async def EtcdRemoveMemberByID(self, request: Any, caller: Caller) -> Any:
        """Take a member out of the list."""
        self.need_control_plane("etcd remove member")
        etcd = self._any("failed to remove member")
        member = etcd.by_id(request.member_id)
        if member is None:
            raise ApiError(NOT_FOUND, "etcdserver: member not found")
        try:
            etcd.remove(member)
        except EtcdError as error:
            raise ApiError(UNKNOWN, f"failed to remove member: {error}") from None
        if member.node is not None:
            member.node.etcd_up = False
        self.node.tell("etcd")
        return one("EtcdRemoveMemberByID")

    async def EtcdLeaveCluster(self, request: Any, caller: Caller) -> Any:
        """Leave: the member is removed and its data deleted."""
        self.need_control_plane("etcd leave")
        self._any("failed to leave cluster")
        try:
            membership.leave(self.node)
        except EtcdError as error:
            raise ApiError(UNKNOWN, f"failed to leave cluster: {error}") from None
        return one("EtcdLeaveCluster")

    async def EtcdForfeitLeadership(self, request: Any, caller: Caller) -> Any:
        """Hand the leadership on; empty when this member does not lead."""
        self.need_control_plane("etcd forfeit leadership")
        etcd = self._any("failed to forfeit leadership")
        if len(etcd.members) == 1:
            raise ApiError(UNKNOWN, "failed to forfeit leadership: cannot forfeit leadership, only one member")
        if etcd.leader is not self.node.storage.member:
            return one("EtcdForfeitLeadership")
        successor = etcd.forfeit()
        self.node.tell("etcd")
        return one("EtcdForfeitLeadership", member=successor.name if successor else "")

    async def EtcdSnapshot(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """A snapshot: the database and the SHA-256 of it."""
        self.need_control_plane("etcd snapshot")
        etcd, _unused = self._local("failed reading etcd snapshot")
        data = recovery.snapshot(etcd, await self.node.cluster.keyspace())
        for start in range(0, len(data), 32768):
            yield wire.message("common.Data")(bytes=data[start : start + 32768])

    async def EtcdRecover(self, stream: Any, caller: Caller) -> Any:
        """Take a snapshot for a Bootstrap with ``recover_etcd``."""
        if not self.node.booted:
            raise ApiError(FAILED_PRECONDITION, "etcd service is not ready for recovery yet")
        self.need_control_plane("etcd recover")
        received = b""
        async for part in stream:
            received += part.bytes
        self.node.storage.recovery_snapshot = received
        return one("EtcdRecover")
