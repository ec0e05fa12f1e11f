# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of a node: which room handles which, in which mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import wire

if TYPE_CHECKING:
    from .node import Node

GO_CODES = (
    "OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted "
    "FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated"
).split()
UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = 2, 3, 5, 6, 7
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE = 8, 9, 12, 14


class ApiError(Exception):
    """A gRPC status instead of an answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text

    @property
    def go_code(self) -> str:
        """The code as Go prints it: ``FailedPrecondition``."""
        return GO_CODES[self.code]


@dataclass(frozen=True)
class Caller:
    """Who calls: the roles of the client certificate."""

    roles: frozenset[str]

    @property
    def admin(self) -> bool:
        """Whether it may read what is sensitive."""
        return "os:admin" in self.roles


def one(name: str, **fields: Any) -> Any:
    """The answer ``machine.<name>Response`` with one message of these fields (no fields: an empty message)."""
    answer = wire.message(f"machine.{name}Response")()
    answer.messages.add(**fields)
    return answer


class Room:
    """A group of calls: methods named like the API's, coroutines for single answers, generators for streams."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def need_control_plane(self, what: str) -> None:
        """Refuse on workers.

        :raises ApiError: UNIMPLEMENTED.
        """
        if not self.node.control_plane:
            raise ApiError(UNIMPLEMENTED, f"{what} is only available on control plane nodes")


class Api:
    """All calls of one node."""

    def __init__(self, node: Node) -> None:
        from .calls_etcd import EtcdCalls
        from .calls_machine import MachineCalls
        from .calls_maintenance import MaintenanceCalls
        from .calls_state import StateCalls
        from .calls_storage import ClusterCalls, StorageCalls, TimeCalls
        from .calls_streams import StreamCalls

        state, storage = StateCalls(node), StorageCalls(node)
        self._rooms: dict[str, dict[str, list[Room]]] = {
            "configured": {
                "machine.MachineService": [MachineCalls(node), EtcdCalls(node), StreamCalls(node)],
                "storage.StorageService": [storage],
                "cluster.ClusterService": [ClusterCalls(node)],
                "time.TimeService": [TimeCalls(node)],
                "cosi.resource.State": [state],
            },
            "maintenance": {
                "machine.MachineService": [MaintenanceCalls(node)],
                "storage.StorageService": [storage],
                "cosi.resource.State": [state],
            },
        }
        self.state = state
        self.requests: Counter[str] = Counter()
        """Calls by method, dry runs apart, over all boots of the node."""

    async def call(self, call: wire.Call, request: Any, caller: Caller, mode: str) -> AsyncIterator[Any]:
        """Carry out one call.

        :raises ApiError: what the node answers instead.
        """
        dry = " (dry run)" if getattr(request, "dry_run", False) else ""
        self.requests[f"{call.service.rpartition('.')[2]}.{call.method}{dry}"] += 1
        for room in self._rooms.get(mode, {}).get(call.service, ()):
            method = getattr(room, call.method, None)
            if method is None:
                continue
            if mode == "maintenance" and call.method == "BlockDeviceWipe":
                raise ApiError(UNIMPLEMENTED, "API is not implemented in maintenance mode")
            if call.server_stream:
                async for answer in method(request, caller):
                    yield answer
            else:
                yield await method(request, caller)
            return
        raise ApiError(UNIMPLEMENTED, f"method {call.method} not implemented")
