# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors: bytes go through while they are open, and nobody is answered when they are closed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from lab.doors import Door, DoorFaults
from lab.state import LabError

HOST = "127.62.7.1"


def run(scene: Callable[[Door, tuple[str, int]], Awaitable[None]]) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write(b"!")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        door = Door("mini01", HOST, 16443)
        try:
            await scene(door, server.sockets[0].getsockname()[:2])
        finally:
            await door.close()
            server.close()

    asyncio.run(main())


def test_bytes_go_both_ways_and_so_does_the_end() -> None:
    async def scene(door: Door, target: tuple[str, int]) -> None:
        await door.open(target)
        reader, writer = await asyncio.open_connection(HOST, 16443)
        data = os.urandom(3_000_000)

        async def send() -> None:
            writer.write(data)
            await writer.drain()
            writer.write_eof()

        task = asyncio.create_task(send())
        assert await reader.read(-1) == data + b"!"
        await task
        assert door.connections == 1
        writer.close()

    run(scene)


def test_closing_refuses_and_cuts() -> None:
    async def scene(door: Door, target: tuple[str, int]) -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, 16443)
        await door.open(target)
        assert door.is_open
        reader, writer = await asyncio.open_connection(HOST, 16443)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        await door.close()
        assert not door.is_open
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, 16443)
        await door.open(target)
        _unused, writer = await asyncio.open_connection(HOST, 16443)
        writer.close()

    run(scene)


def test_faults_cut_so_many_connections_and_delay_them() -> None:
    async def scene(door: Door, target: tuple[str, int]) -> None:
        await door.open(target)
        door.faults = DoorFaults(reset=1, delay=0.1)
        reader, writer = await asyncio.open_connection(HOST, 16443)
        writer.write(b"a")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        started = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection(HOST, 16443)
        writer.write(b"b")
        assert await reader.readexactly(1) == b"b"
        assert asyncio.get_running_loop().time() - started >= 0.1
        writer.close()

    run(scene)


def test_a_backend_that_is_gone_ends_the_connection() -> None:
    async def scene(door: Door, target: tuple[str, int]) -> None:
        await door.open(("127.0.0.1", 1))
        reader, _unused = await asyncio.open_connection(HOST, 16443)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)

    run(scene)


def test_an_address_in_use_is_one_sentence_with_what_to_do() -> None:
    async def scene(door: Door, target: tuple[str, int]) -> None:
        await door.open(target)
        with pytest.raises(LabError, match=rf"{HOST}:16443 is already in use; .*HOMEOPS_LAB_NET"):
            await Door("mini02", HOST, 16443).open(target)

    run(scene)
