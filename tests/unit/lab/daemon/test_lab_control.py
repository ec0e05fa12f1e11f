# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from lab import control
from lab.state import LabError


async def echo(request: dict[str, Any]) -> Any:
    if request.get("bad"):
        raise LabError("no such thing.")
    return request


def test_a_request_and_a_refusal_even_in_a_directory_with_a_long_name(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    path = directory / "control.sock"

    async def scene() -> None:
        server = await control.listen(path, echo)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        big = {"do": "x" * 200_000}
        assert await asyncio.to_thread(control.ask, path, big) == big
        with pytest.raises(LabError, match="no such thing"):
            await asyncio.to_thread(control.ask, path, {"bad": 1})
        server.close()

    asyncio.run(scene())


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        control.ask(tmp_path / "none" / "control.sock", {})
    (tmp_path / "control.sock").touch()
    with pytest.raises(ConnectionError):
        control.ask(tmp_path / "control.sock", {})


def test_a_stale_socket_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.touch()

    async def scene() -> None:
        server = await control.listen(path, echo)
        assert await asyncio.to_thread(control.ask, path, {"a": 1}) == {"a": 1}
        server.close()

    asyncio.run(scene())


def test_a_daemon_that_does_not_answer(tmp_path: Path) -> None:
    async def never(request: dict[str, Any]) -> Any:
        await asyncio.sleep(3)

    async def scene() -> None:
        server = await control.listen(tmp_path / "c", never)
        with pytest.raises(LabError, match="did not answer within"):
            await asyncio.to_thread(control.ask, tmp_path / "c", {}, 0.2)
        server.close()

    asyncio.run(scene())
