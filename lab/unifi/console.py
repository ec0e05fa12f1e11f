# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The UniFi OS console: login, status, device, BGP configuration and static DNS over HTTPS.

It stores the text it is sent and hands it to the router's daemon; like the real one it does not read it. Facts:
jamesbraid/go-unifi (Network 10.4 and 10.6, emulated gateway), kashalls/external-dns-unifi-webhook ``internal/unifi``,
Kane610/aiounifi v74.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ..doors import address_error
from ..scenario import BgpDelays, ConsoleFaults
from ..state import LabState
from .answers import Refusal, bad_gateway, enveloped, plain
from .certificate import self_signed
from .sessions import COOKIE, CSRF, EXPIRE, Sessions
from .store import BgpStore, DnsStore

log = logging.getLogger("lab.unifi")
PORT = 8443
SITE = "default"
USERNAME = "homeops"
VERSION = "10.0.162"
BGP_CAPABILITY = 1 << 22
_PROXY = "/proxy/network"
EDIT = "! edited by somebody else\n"

Run = Callable[[str, bool], Awaitable[None]]


class Console:
    """One console.

    :param host: where it listens; :param run: gives the router's daemon a text, and whether it is enabled.
    """

    def __init__(self, state: LabState, host: str, faults: ConsoleFaults, delays: BgpDelays, run: Run) -> None:
        self.state, self.host, self.faults, self.delays, self.run = state, host, faults, delays, run
        self.sessions = Sessions(
            faults, api_key=secrets.token_urlsafe(24), username=USERNAME, password=secrets.token_urlsafe(12)
        )
        self.bgp, self.dns = BgpStore(), DnsStore()
        self.requests: Counter[str] = Counter()
        self.applied = 0
        self._applying: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._runner: web.AppRunner | None = None

    # -- life ----------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Listen, and leave ``console.json`` for whoever may use it.

        :raises LabError: when the address is taken.
        """
        certificate, key, fingerprint = self_signed([self.host])
        crt, secret = self.state.root / "console.crt", self.state.root / "console.key"
        self.state.write(crt, certificate.decode())
        self.state.write(secret, key.decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, secret)
        app = web.Application(middlewares=[self._middleware], client_max_size=2**24)
        self._routes(app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, PORT, ssl_context=context).start()
        except OSError as error:
            raise address_error(error, self.host, PORT) from error
        record = {
            "host": self.host,
            "port": PORT,
            "site": SITE,
            "api_key": self.sessions.api_key,
            "username": self.sessions.username,
            "password": self.sessions.password,
            "fingerprint": fingerprint,
        }
        self.state.write(self.state.root / "console.json", json.dumps(record, indent=2))

    async def stop(self) -> None:
        """Listen no more."""
        for task in self._applying:
            task.cancel()
        await asyncio.gather(*self._applying, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def snapshot(self) -> dict[str, Any]:
        """Return the console for the status."""
        return {
            "listen": f"{self.host}:{PORT}",
            "open": self._runner is not None,
            "uploads": self.bgp.uploads,
            "deletes": self.bgp.deletes,
            "applied": self.applied,
            "pending": len(self._applying),
            "logins": self.sessions.logins,
            "stored": self.bgp.stored is not None,
            "enabled": self.bgp.enabled,
            "requests": dict(sorted(self.requests.items())),
        }

    # -- routing -------------------------------------------------------------------------------------------------------
    def _routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._root)
        router.add_post("/api/auth/login", self._login)
        router.add_post("/api/auth/logout", self._logout)
        router.add_get(f"{_PROXY}/status", self._status)
        v1, v2 = f"{_PROXY}/api/s/{{site}}", f"{_PROXY}/v2/api/site/{{site}}"
        router.add_get(f"{v1}/stat/sysinfo", self._sysinfo)
        router.add_get(f"{v1}/stat/device", self._device)
        for slash in ("", "/"):
            router.add_get(f"{v2}/bgp/config{slash}", self._bgp_list)
            router.add_post(f"{v2}/bgp/config{slash}", self._bgp_write)
            router.add_delete(f"{v2}/bgp/config{slash}", self._bgp_delete)
            router.add_get(f"{v2}/static-dns{slash}", self._dns_list)
            router.add_post(f"{v2}/static-dns{slash}", self._dns_add)
            router.add_put(f"{v2}/static-dns/{{id}}{slash}", self._dns_replace)
            router.add_delete(f"{v2}/static-dns/{{id}}{slash}", self._dns_remove)
        router.add_get(f"{v2}/bgp/config/all", self._bgp_list)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        path, session = request.path, None
        self.requests[f"{request.method} {path}"] += 1
        try:
            if self.faults.html_error:
                self.faults.html_error -= self.faults.html_error > 0
                return bad_gateway()
            if path.startswith(_PROXY) and path != f"{_PROXY}/status":
                session = self.sessions.admit(request)
                site = request.match_info.get("site", SITE)
                if site != SITE:
                    raise Refusal(404 if "/v2/" in path else 401, "api.err.NoSiteContext", f"No site {site}")
            answer = await handler(request)
        except Refusal as refusal:
            answer = refusal.answer(path)
        except web.HTTPMethodNotAllowed:
            answer = web.Response(status=405)  # empty and no JSON, as measured
        except web.HTTPNotFound:
            answer = Refusal(404, "api.err.NotFound", "Not found").answer(path)
        if session is not None:
            answer.headers.update(self.sessions.headers(request, session))
        return answer

    # -- UniFi OS ------------------------------------------------------------------------------------------------------
    async def _root(self, _request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>UniFi OS</title>\n", content_type="text/html")

    async def _login(self, request: web.Request) -> web.Response:
        session = self.sessions.login(request, await _json(request))
        if session is None:
            return plain({})
        answer = plain({"unique_id": "lab", "username": self.sessions.username, "isOwner": False})
        answer.headers[CSRF] = session.csrf
        answer.headers[EXPIRE] = str(int(session.expires * 1000))
        answer.set_cookie(COOKIE, session.token, path="/", secure=True, httponly=True, samesite="None")
        return answer

    async def _logout(self, request: web.Request) -> web.Response:
        self.sessions.logout(request)
        return plain({})

    async def _status(self, _request: web.Request) -> web.Response:
        return enveloped([], up=True, server_version=VERSION, uuid="lab")

    async def _sysinfo(self, _request: web.Request) -> web.Response:
        info = {"timezone": "Etc/UTC", "version": VERSION, "name": "lab", "ubnt_device_type": "UDMPRO"}
        return enveloped([info])

    async def _device(self, _request: web.Request) -> web.Response:
        capable = not self.faults.unsupported_device
        device = {
            "_id": "65f0c0ffee0000000000d001",
            "mac": "02:00:5e:29:51:01",
            "model": "UDMPRO",
            "type": "udm",
            "name": "udm",
            "ip": "172.29.51.1",
            "version": "4.3.9.26510",
            "state": 1,
            "adopted": True,
            "udapi_version": {"bgp": 1} if capable else {},
            "udapi_caps": BGP_CAPABILITY if capable else 0,
        }
        return enveloped([device])

    # -- BGP -----------------------------------------------------------------------------------------------------------
    async def _bgp_list(self, _request: web.Request) -> web.Response:
        answer = plain(self.bgp.list())
        if self.faults.concurrent_edit > 0:
            self.faults.concurrent_edit -= 1
            if self.faults.concurrent_edit == 0 and self.bgp.stored is not None:
                text = self.bgp.text
                self.bgp.stored["frr_bgpd_config"] = text + ("" if text.endswith("\n") or not text else "\n") + EDIT
                self._apply()
        return answer

    async def _bgp_write(self, request: web.Request) -> web.Response:
        body = await _json(request)
        self._gate()
        if self.faults.reject_text:
            raise Refusal(400, "api.err.InvalidPayload", "Invalid BGP configuration")
        how, self.faults.drop_connection = self.faults.drop_connection, ""
        if how == "lost":
            return _cut(request)
        stored, created = self.bgp.replace(body)
        log.info("upload %d of the BGP configuration (%d bytes)", self.bgp.uploads, len(self.bgp.text))
        self._apply()
        if how:
            return _cut(request)
        status = self.faults.status or (201 if created else 200)
        return web.Response(status=204) if status == 204 else plain(stored, status)

    async def _bgp_delete(self, _request: web.Request) -> web.Response:
        self._gate()
        self.bgp.clear()
        self._apply()
        return plain({})

    def _gate(self) -> None:
        if self.faults.unsupported_device:
            raise Refusal(404, "api.err.BgpUnsupportedDevice", "Device doesn't support BGP")

    def _apply(self) -> None:
        """Provision what is stored: later, and one after another."""
        if self.faults.apply_lost:
            return
        task = asyncio.get_running_loop().create_task(self._provision(self.bgp.text, self.bgp.enabled))
        self._applying.add(task)
        task.add_done_callback(self._applying.discard)

    async def _provision(self, text: str, enabled: bool) -> None:
        async with self._turn:
            await asyncio.sleep(self.delays.apply + self.faults.slow_apply)
            try:
                await self.run(text, enabled)
                self.applied += 1
            except Exception:
                log.exception("the router's daemon could not be given its text")

    # -- static DNS ----------------------------------------------------------------------------------------------------
    async def _dns_list(self, _request: web.Request) -> web.Response:
        return plain(self.dns.list())

    async def _dns_add(self, request: web.Request) -> web.Response:
        return plain(self.dns.add(await _json(request)))

    async def _dns_replace(self, request: web.Request) -> web.Response:
        return plain(self.dns.replace(request.match_info["id"], await _json(request)))

    async def _dns_remove(self, request: web.Request) -> web.Response:
        self.dns.remove(request.match_info["id"])
        return plain({})


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise Refusal(400, "api.err.InvalidPayload", "Invalid payload") from None


def _cut(request: web.Request) -> web.Response:
    """Cut the connection instead of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
