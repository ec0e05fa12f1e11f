# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the Kubernetes API: answers that are replaced, delayed or cut.

The emulator carries them out itself. A real API server knows none, so a proxy is put between the doors and the server
for as long as faults are set. It ends TLS with the same serving certificate, asks for the same client certificates, and
names the client to the server as an aggregating front proxy does (``X-Remote-User``, ``X-Remote-Group``; kubernetes
``--requestheader-client-ca-file``).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from .scenario import HttpFault, build
from .state import LabError

if TYPE_CHECKING:
    from .kube_backend import Backend, BackendFiles

REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "content-length", "te"})


class KubeFaults:
    """The list of faults and where it is carried out.

    :param faults: the scenario's own list; it always shows what is left.
    :param moved: called when the doors must lead elsewhere, because the proxy came or went.
    """

    def __init__(self, faults: list[HttpFault], moved: Callable[[], Awaitable[None]]) -> None:
        self.faults, self.moved = faults, moved
        self.port = 0
        """Where the doors lead while a proxy is in between, else 0."""
        self._backend: Any = None
        self._files: BackendFiles | None = None
        self._proxy: FaultProxy | None = None

    async def attach(self, backend: Backend, files: BackendFiles) -> None:
        """Carry the faults out in front of this backend."""
        self._backend, self._files = backend, files
        await self.apply()

    async def detach(self) -> None:
        """The backend goes away."""
        self._backend = None
        await self._close()

    async def sync(self) -> None:
        """Fetch what is left of the faults from a server that carries them out itself."""
        if hasattr(self._backend, "get_faults"):
            with contextlib.suppress(LabError):  # it is going away at this moment
                self.faults[:] = [build(HttpFault, entry, "fault") for entry in await self._backend.get_faults()]

    async def apply(self) -> None:
        """Bring the list to where it is carried out."""
        if self._backend is None:
            return
        if hasattr(self._backend, "set_faults"):
            await self._backend.set_faults([dataclasses.asdict(fault) for fault in self.faults])
        elif self.faults and self._proxy is None and self._files is not None:
            self._proxy = FaultProxy(self.faults, self._backend.port, self._files)
            self.port = await self._proxy.start()
            await self.moved()
        elif not self.faults and self._proxy is not None:
            await self._close()
            await self.moved()

    async def _close(self) -> None:
        self.port = 0
        if self._proxy is not None:
            await self._proxy.stop()
            self._proxy = None


class FaultProxy:
    """An HTTPS proxy in front of a real API server that carries out faults."""

    def __init__(self, faults: list[HttpFault], port: int, files: BackendFiles) -> None:
        self.faults, self.backend_port, self.files = faults, port, files
        self._runner: web.ServerRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> int:
        """Listen on a free port and return it."""
        from .kube_backend import HOST

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.files.server_crt, self.files.server_key)
        context.load_verify_locations(str(self.files.ca))
        context.verify_mode = ssl.CERT_OPTIONAL
        connector = aiohttp.TCPConnector(ssl=self.files.front_proxy_context(), limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=timeout)
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0, ssl_context=context).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = take(self.faults, request.method, request.path_qs)
        if fault is not None:
            if fault.delay:
                await asyncio.sleep(fault.delay)
            if fault.reset and request.transport is not None:
                request.transport.abort()
                raise asyncio.CancelledError
            if fault.status:
                return injected(fault.status)
        return await self._forward(request)

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        from .kube_backend import HOST

        assert self._session is not None
        headers = [
            (k, v) for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP and "x-remote" not in k.lower()
        ]
        headers += identity(request)
        body = await request.read() if request.can_read_body else None
        url = f"https://{HOST}:{self.backend_port}{request.path_qs}"
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            response = web.StreamResponse(status=answer.status)
            for key, value in answer.headers.items():
                if key.lower() not in HOP_BY_HOP:
                    response.headers.add(key, value)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


def take(faults: list[HttpFault], method: str, target: str) -> HttpFault | None:
    """Return the first fault that matches and has times left, using up one of them."""
    for fault in faults:
        if fault.times and (not fault.method or fault.method.upper() == method) and re.search(fault.path, target):
            fault.times -= fault.times > 0
            return fault
    return None


def injected(status: int) -> web.Response:
    """Return a Status as the API server would send it."""
    message = "a fault of the lab's scenario"
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(status, ""),
        "code": status,
    }
    return web.Response(status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def identity(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Return the headers that name the client of a verified certificate to the server; none for other clients."""
    certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
    names = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    users = [value for key, value in names if key == "commonName"]
    groups = [value for key, value in names if key == "organizationName"]
    return [("X-Remote-User", users[0]), *(("X-Remote-Group", g) for g in groups)] if users else []
