# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP doors: the addresses on which clients reach the Kubernetes API.

A door forwards bytes to the backend while it is open. A closed door has no listener, so a client is refused at once,
as by a node whose API server is down; closing also cuts the connections that are open. TLS is not touched: the client
talks to the API server itself.
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from typing import Any

from .state import LabError


@dataclass
class DoorFaults:
    """What a door does wrong: ``reset`` connections still to be cut after their first bytes, ``delay`` in seconds."""

    reset: int = 0
    delay: float = 0.0


class Door:
    """One listening address in front of the backend.

    :param name: who answers there, for the status: a node's name or ``vip``.
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name, self.host, self.port = name, host, port
        self.faults = DoorFaults()
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._target = ("", 0)
        self._pipes: set[_Pipe] = set()

    @property
    def is_open(self) -> bool:
        """Tell whether the door listens."""
        return self._server is not None

    async def open(self, target: tuple[str, int]) -> None:
        """Listen, and forward to ``target`` (host, port).

        :raises LabError: when the address is taken.
        """
        self._target = target
        if self._server is None:
            loop = asyncio.get_running_loop()
            try:
                self._server = await loop.create_server(lambda: _Pipe(self), self.host, self.port)
            except OSError as error:
                raise address_error(error, self.host, self.port) from error

    async def close(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for pipe in list(self._pipes):
            pipe.cut()

    def cut(self) -> int:
        """Cut the connections that are open now and return how many there were."""
        count = len(self._pipes)
        for pipe in list(self._pipes):
            pipe.cut()
        return count


def address_error(error: OSError, host: str, port: int) -> LabError:
    """Return the sentence for an address on which nobody could listen."""
    if error.errno == errno.EADDRINUSE:
        return LabError(
            f"{host}:{port} is already in use; end the process that listens there, or give this lab another net: "
            f"HOMEOPS_LAB_NET=127.31."
        )
    return LabError(f"The lab cannot listen on {host}:{port}: {error.strerror or error}.")


class _Pipe(asyncio.Protocol):
    """The client's half of a forwarded connection; it owns the backend's half."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.transport: Any = None
        self.backend: _Backend | None = None
        self.waiting: list[bytes] = []
        self.ended = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.door.connections += 1
        self.door._pipes.add(self)
        self.task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        if self.door.faults.delay:
            await asyncio.sleep(self.door.faults.delay)
        try:
            _unused, backend = await asyncio.get_running_loop().create_connection(
                lambda: _Backend(self), *self.door._target
            )
        except OSError:
            self.cut()
            return
        if self.transport.is_closing():
            backend.transport.abort()
            return
        self.backend = backend
        for data in self.waiting:
            backend.transport.write(data)
        self.waiting.clear()
        if self.ended:
            backend.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        if self.door.faults.reset > 0:
            self.door.faults.reset -= 1
            self.cut()
        elif self.backend is None:
            self.waiting.append(data)
        else:
            self.backend.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.backend is not None and not self.backend.transport.is_closing():
            self.backend.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.backend is not None:
            self.backend.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.backend is not None:
            self.backend.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.door._pipes.discard(self)
        self.task.cancel()
        if self.backend is not None:
            self.backend.transport.close()

    def cut(self) -> None:
        self.transport.abort()
        if self.backend is not None:
            self.backend.transport.abort()


class _Backend(asyncio.Protocol):
    """The backend's half of a forwarded connection."""

    transport: Any

    def __init__(self, pipe: _Pipe) -> None:
        self.pipe = pipe

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.pipe.transport.write(data)

    def pause_writing(self) -> None:
        self.pipe.transport.pause_reading()

    def resume_writing(self) -> None:
        self.pipe.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.pipe.transport.is_closing():
            self.pipe.transport.close()
