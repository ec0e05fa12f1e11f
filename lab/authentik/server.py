# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server: its router in front, the core behind it, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import ssl
import time
from collections import Counter
from typing import Any

from aiohttp import web

from ..doors import address_error
from ..scenario import AuthentikDelays, AuthentikFaults, AuthentikSettings
from . import seeds, ui
from .api import PREFIX, Api
from .calls import Call
from .embedded import Embedded
from .messages import Reply, Request, json_reply, text_reply
from .outposts import EMBEDDED, ensure_embedded
from .store import Row, Store, random_text, stamp
from .tokens import clean_up
from .versions import Release

log = logging.getLogger("lab.authentik")
STRANGER = "somebody-else"
"""Name of the provider that another writer attaches."""
_OUTPOST = re.compile(rf"{PREFIX}outposts/instances/([0-9a-f-]{{36}})/$")
_HEALTH = ("/-/health/live/", "/-/health/ready/")


class Server:
    """One installation of the server with its database.

    :param token: ``AUTHENTIK_BOOTSTRAP_TOKEN`` of the first start.
    :param complete: False for the few default flows of the recorded server.
    """

    def __init__(
        self,
        token: str,
        faults: AuthentikFaults | None = None,
        delays: AuthentikDelays | None = None,
        settings: AuthentikSettings | None = None,
        *,
        namespace: str = "default",
        email: str = "",
        complete: bool = True,
    ) -> None:
        self.faults = faults or AuthentikFaults()
        self.delays = delays or AuthentikDelays(blueprints=0.0, outpost=0.0)
        self.settings = settings or AuthentikSettings()
        self.token, self.email, self.complete = token, email, complete
        self.store = Store(Release(self.settings.version), namespace)
        if self.settings.page_size:
            self.store.settings["pagination_default_page_size"] = self.settings.page_size
            self.store.settings["pagination_max_page_size"] = self.settings.page_size
        self.embedded = Embedded(self.store, self.outpost_delay, lambda: self.worker_up)
        self.api = Api(self.store, self.health, lambda: not self.faults.not_superuser)
        self.requests: Counter[str] = Counter()
        self.pods: dict[str, list[str]] = {}
        """Connected pods of proxies, by the key of the outpost whose token they have."""
        self.hosts = ["authentik-server"]
        """The server's own pods, each with the embedded outpost."""
        self.starts = 0
        self.worker = True
        """Whether the cluster runs the worker."""
        self._started = float("inf")

    # -- life ----------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start, or start again: the database stays, and the embedded outpost comes back when it was deleted."""
        self.starts += 1
        self.store.release = Release(self.settings.version)
        self._started = time.monotonic()
        if self.starts == 1:
            blueprints = not self.delays.blueprints
            seeds.fill(self.store, self.token, email=self.email, blueprints=blueprints, complete=self.complete)
        ensure_embedded(self.store)
        self.embedded.load()

    def outpost_delay(self) -> float:
        """Return the seconds from a change until an outpost serves it."""
        return self.delays.outpost

    @property
    def worker_up(self) -> bool:
        """Whether the worker does its work."""
        return self.worker and not self.faults.worker_down

    def health(self, row: Row) -> list[Row]:
        """Return the entries of ``health/``."""
        if self.faults.outpost_down:
            return []
        hosts = [*(self.hosts if row["managed"] == EMBEDDED else ()), *self.pods.get(row["pk"], [])]
        should = self.store.release.text
        runs = "2024.8.0" if self.faults.outpost_outdated else should
        return [
            {
                "uid": host,
                "last_seen": stamp(self.store.clock.now()),
                "version": runs,
                "version_should": should,
                "version_outdated": runs != should,
                "build_hash": "",
                "build_hash_should": "",
                "golang_version": "go1.25.5",
                "openssl_enabled": False,
                "openssl_version": "",
                "fips_enabled": False,
                "hostname": host,
            }
            for host in hosts
        ]

    def snapshot(self) -> dict[str, Any]:
        """Return the server for the status."""
        row = self.embedded.row
        return {
            "version": self.store.release.text,
            "starts": self.starts,
            "providers": len(self.store.providers),
            "applications": len(self.store.applications),
            "attached": len(row["providers"]) if row else None,
            "served": sorted(self.embedded.applications),
            "problem": self.embedded.problem,
            "requests": dict(sorted(self.requests.items())),
        }

    # -- requests ------------------------------------------------------------------------------------------------------
    async def respond(self, request: Request) -> Reply:
        """Answer one request, as the router does."""
        self.requests[f"{request.method} {request.path}"] += 1
        self.store.clock.offset = self.faults.clock
        api = request.path.startswith(PREFIX)
        if (wait := self._wait(request)) > 0:
            await asyncio.sleep(wait)
        reply = self._trouble(request)
        if reply is None:
            self.embedded.refresh()
            self._worker()
            if not api and self.embedded.takes(request):
                reply = self.embedded.handle(request)
            elif request.path in _HEALTH:
                reply = Reply(self.store.release.health_status)
            elif api:
                reply = self._api(request)
            else:
                reply = ui.page(request, self.store)
            reply.headers.setdefault("X-Powered-By", "authentik")
        if self.faults.jitter > 0:
            await asyncio.sleep(random.uniform(0, self.faults.jitter))
        if request.method == "HEAD":
            reply.body = b""
        return reply

    def _wait(self, request: Request) -> float:
        wait = self.delays.answer if request.path.startswith(PREFIX) else 0.0
        if self.faults.slow and re.search(self.faults.slow_path, f"{request.method} {request.path}"):
            wait += self.faults.slow
        return wait + (random.uniform(0, self.faults.jitter) if self.faults.jitter > 0 else 0.0)

    def _trouble(self, request: Request) -> Reply | None:
        """Return what a server that is not up answers; the outpost's own paths need no core."""
        faults = self.faults
        if faults.reset:
            faults.reset -= faults.reset > 0
            return Reply(cut=True)
        accepts_json = "application/json" in request.headers.get("accept", "")
        if faults.starting or time.monotonic() < self._started + self.delays.start:
            faults.starting -= faults.starting > 0
            headers = {"Retry-After": faults.retry_after}
            if request.path == _HEALTH[0]:
                return Reply(502)
            if accepts_json:
                return json_reply(503, {"error": "authentik starting"}, headers)
            reply = text_reply(503, "authentik starting")
            reply.headers.update(headers)
            return reply
        if faults.crashed:
            faults.crashed -= faults.crashed > 0
            text = "failed to connect to authentik backend: dial unix /dev/shm/authentik-core.sock: connection refused"
            return json_reply(502, {"error": text}) if accepts_json else text_reply(502, text)
        return None

    def _worker(self) -> None:
        """Do what the worker has done by now."""
        if not self.worker_up:
            return
        clean_up(self.store)
        if not self.store.flows and time.monotonic() >= self._started + self.delays.start + self.delays.blueprints:
            seeds.apply_blueprints(self.store, complete=self.complete)

    def _api(self, request: Request) -> Reply:
        known = True
        if self.faults.token_dead >= 0 and request.headers.get("authorization"):
            known = self.faults.token_dead > 0
            self.faults.token_dead -= known
        found = _OUTPOST.match(request.path)
        row = self.store.outposts.get(found.group(1)) if found else None
        before = list(row["providers"]) if row else []
        reply = self.api.handle(request, known=known)
        if reply.status == 200:
            self._others(request, row, before)
        return reply

    def _others(self, request: Request, row: Row | None, before: list[int]) -> None:
        """Let somebody else write to the outpost at the worst moment."""
        faults = self.faults
        if request.method in ("PATCH", "PUT") and row is not None and b'"providers"' in request.body:
            if faults.lost_update > 0:
                faults.lost_update -= 1
                row["providers"] = sorted({*before, self._stranger()})
                self.store.touch()
        elif request.method == "GET" and faults.concurrent_attach > 0 and "/outposts/instances/" in request.path:
            faults.concurrent_attach -= 1
            if faults.concurrent_attach == 0:
                target = row or self.embedded.row
                if target is not None:
                    target["providers"] = sorted({*target["providers"], self._stranger()})
                    self.store.touch()

    def _stranger(self) -> int:
        """Return the provider of somebody else."""
        found = self.store.find("providers", name=STRANGER)
        if found is None:
            flow = next(iter(self.store.rows("flows", designation="authorization")))
            end = next(iter(self.store.rows("flows", designation="invalidation")))
            found = self.api.resources["providers/proxy"].make(
                {
                    "name": STRANGER,
                    "authorization_flow": flow["pk"],
                    "invalidation_flow": end["pk"],
                    "external_host": f"https://{STRANGER}.example.net",
                    "mode": "forward_single",
                },
                Call(self.store),
            )
        return int(found["pk"])


class Listener:
    """A server on a socket of its own.

    :param context: for HTTPS.
    """

    def __init__(self, server: Server, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.server, self.host, self.port, self.context = server, host, port, context
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen and return the port.

        :raises LabError: the address is taken.
        """
        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self.context)
            await site.start()
        except OSError as error:
            raise address_error(error, self.host, self.port) from error
        self.port = self._runner.addresses[0][1]
        return self.port

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        reply = await self.server.respond(await taken_from(request))
        if reply.upstream:
            reply = text_reply(502, f"no upstream is reached from here: {reply.upstream}")
        return given_to(request, reply)


async def taken_from(request: web.Request) -> Request:
    """Return a request of aiohttp in the form of the server's parts."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, request.raw_path, headers, await request.read(), request.secure)


def given_to(request: web.Request, reply: Reply) -> web.Response:
    """Return an answer to aiohttp."""
    if reply.cut:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    return web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)


def fresh_token() -> str:
    """Return a key such as a bootstrap token."""
    return random_text(60)
