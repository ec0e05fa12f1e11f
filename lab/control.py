# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket: one JSON line asked, one JSON line answered.

The socket lies in the lab's private directory, so whoever may open it owns the lab. Unix socket paths are limited to
107 bytes (unix(7)) while lab directories in temporary folders are longer; both ends therefore go through a descriptor
of the directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .state import LabError

Handler = Callable[[dict[str, Any]], Awaitable[Any]]


def ask(path: Path, request: dict[str, Any], timeout: float = 10.0) -> Any:
    """Send one request and return its result.

    :raises ConnectionError: when no daemon answers there.
    :raises LabError: when the daemon refuses the request.
    """
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConnectionError(str(error)) from error
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            try:
                connection.connect(f"/proc/self/fd/{directory}/{path.name}")
                connection.sendall(json.dumps(request).encode() + b"\n")
                data = b""
                while not data.endswith(b"\n"):
                    chunk = connection.recv(65536)
                    if not chunk:
                        raise ConnectionError("the daemon closed the connection")
                    data += chunk
            except TimeoutError as error:
                raise LabError(f"The lab's daemon did not answer within {timeout:.0f} s; see its logs.") from error
            except OSError as error:
                raise ConnectionError(str(error)) from error
    finally:
        os.close(directory)
    answer = json.loads(data)
    if "error" in answer:
        raise LabError(answer["error"])
    return answer.get("result")


async def listen(path: Path, handler: Handler) -> asyncio.Server:
    """Serve the control socket; ``handler`` gets each request and returns plain data or raises :class:`LabError`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if not line:
                return
            try:
                answer = {"result": await handler(json.loads(line))}
            except (LabError, ValueError) as error:
                answer = {"error": str(error)}
            except KeyError as error:
                answer = {"error": f"The request lacks {error}."}
            writer.write(json.dumps(answer, default=str).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    mask = os.umask(0o177)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.umask(mask)
        os.close(directory)
    return await asyncio.start_unix_server(serve, sock=listener, limit=2**20)
