# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTPS listener (aiohttp's low-level server: no router, no access log) and the control socket."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from ..keyspace import KeyValue
from . import registry_keys
from .api import Api
from .call import Reply
from .errors import ApiError, PlainError, internal
from .faults import Counters, Faults
from .reviews import Identity
from .watch import Watch, drain

log = logging.getLogger("lab.kubernetes")
LAB_AGENT = "homeops-lab-controller"
"""The lab's own controllers: neither counted nor met by faults, which are about the clients under test."""
_OPEN = ("/healthz", "/livez", "/readyz")
_UNAUTHORIZED = ApiError(401, "Unauthorized", "Unauthorized")


class Server:
    """One listener over one :class:`Api`."""

    def __init__(self, api: Api, tokens: dict[str, Identity] | None = None, secure: bool = True) -> None:
        self.api = api
        api.tokens.update(tokens or {})
        self.secure = secure
        self.faults = Faults()
        self.counters = Counters()
        self.watches: set[Watch] = set()
        self._runners: list[web.BaseRunner] = []

    def _identity(self, request: web.BaseRequest) -> Identity | None:
        if not self.secure:
            return Identity("system:admin", ("system:masters",))
        transport = request.transport
        known = getattr(transport, "_lab_identity", None)
        if known is not None:
            return known
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        if certificate:
            names: dict[str, list[str]] = {}
            for part in certificate.get("subject", ()):
                for key, value in part:
                    names.setdefault(key, []).append(value)
            return Identity((names.get("commonName") or [""])[0], tuple(names.get("organizationName") or ()))
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            return self.api.tokens.get(header[7:].strip())
        return None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        method, target = request.method, request.path_qs
        path = target.partition("?")[0]
        own = request.headers.get("User-Agent", "").startswith(LAB_AGENT)
        if not own:
            dry = " (dry run)" if "dryRun=All" in target else ""
            self.counters.counts[(method + dry, path)] += 1
        if self.faults.entries and not own:
            fault = self.faults.take(method, target)
            if fault is not None:
                if fault.delay:
                    await asyncio.sleep(fault.delay)
                if fault.reset:
                    if request.transport is not None:
                        request.transport.abort()
                    raise asyncio.CancelledError
                if fault.status:
                    return self._status(_injected(fault.status))
        identity = self._identity(request)
        if identity is None:
            if not path.startswith(_OPEN):
                return self._status(_UNAUTHORIZED)
            identity = Identity("system:anonymous", ("system:unauthenticated",))
        body = await request.read() if request.can_read_body else b""
        headers = {
            "accept": ",".join(request.headers.getall("Accept", ())),
            "content-type": request.headers.get("Content-Type", ""),
            "user-agent": request.headers.get("User-Agent", ""),
        }
        try:
            answer, warnings = self.api.handle(method, target, headers, body, identity)
        except ApiError as error:
            return self._status(error)
        except PlainError as error:
            return self._send(Reply(error.code, error.text, "text/plain; charset=utf-8"), [])
        except Exception as error:
            log.exception("%s %s", method, target)
            return self._status(internal(f"Internal error occurred: {type(error).__name__}: {error}"))
        if isinstance(answer, Watch):
            return await self._watch(request, answer)
        if headers["accept"].startswith("application/yaml") and answer.content_type == "application/json":
            text = yaml.safe_dump(json.loads(answer.text), allow_unicode=True)
            answer = Reply(answer.status, text, "application/yaml")
        return self._send(answer, warnings)

    def _status(self, error: ApiError) -> web.Response:
        return self._send(Reply(error.code, json.dumps(error.status(), ensure_ascii=False)), [])

    def _send(self, reply: Reply, warnings: list[str]) -> web.Response:
        self.counters.statuses[reply.status] += 1
        response = web.Response(
            body=reply.text.encode(), status=reply.status, headers={"Content-Type": reply.content_type}
        )
        if "as=APIGroupDiscoveryList" in reply.content_type:
            response.headers["Vary"] = "Accept"
        for text in dict.fromkeys(warnings):
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{quoted}"')
        return response

    async def _watch(self, request: web.BaseRequest, watch: Watch) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        self.watches.add(watch)
        self.counters.statuses[200] += 1
        try:
            await response.prepare(request)
            seconds = watch.call.query.get("timeoutSeconds", "")
            timeout = float(seconds) if seconds.isdigit() and int(seconds) else None
            bookmarks = watch.call.query.get("allowWatchBookmarks", "").lower() in ("1", "true")
            await drain(watch, response.write, timeout, bookmarks)
            await response.write_eof()
        except (ConnectionResetError, ConnectionError):
            log.debug("the client of a watch left")
        finally:
            watch.close()
            self.watches.discard(watch)
        return response

    # -- control ------------------------------------------------------------------------------------------------

    async def control(self, request: web.BaseRequest) -> web.StreamResponse:
        """The lab's own door (a unix socket): counters, faults, reset, dump."""
        method, path = request.method, request.path
        if (method, path) == ("GET", "/__lab/counters"):
            return web.json_response(self.counters.shown())
        if (method, path) == ("DELETE", "/__lab/counters"):
            self.counters.clear()
            return web.json_response(self.counters.shown())
        if (method, path) == ("GET", "/__lab/faults"):
            return web.json_response([fault.shown() for fault in self.faults.entries])
        if (method, path) == ("POST", "/__lab/faults"):
            try:
                entries = json.loads(await request.read() or b"[]")
                self.faults.replace(entries if isinstance(entries, list) else [entries])
            except (ValueError, TypeError, AttributeError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response([fault.shown() for fault in self.faults.entries])
        if (method, path) == ("POST", "/__lab/reset"):
            self.close_watches()
            self.api.reset()
            self.faults.replace([])
            self.counters.clear()
            return web.json_response({})
        if (method, path) == ("GET", "/__lab/keyspace"):
            return web.json_response([row.as_json() for row in registry_keys.export(self.api)])
        if (method, path) == ("POST", "/__lab/keyspace"):
            # Read from the stream, because read() takes no more than a mebibyte.
            rows = json.loads(await request.content.read())
            self.close_watches()
            try:
                registry_keys.load(self.api, [KeyValue.of_json(row) for row in rows])
            except (ValueError, TypeError, KeyError) as error:
                self.api.reset()
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response({})
        if (method, path) == ("GET", "/__lab/dump"):
            return web.Response(text=self.dump(), content_type="application/yaml")
        return web.json_response({"error": f"{method} {path} is not served here"}, status=404)

    def dump(self) -> str:
        """The state as YAML."""
        return yaml.safe_dump(self.api.dump(), sort_keys=False, allow_unicode=True)

    def close_watches(self) -> None:
        """End all watches; clients open new ones."""
        for watch in list(self.watches):
            watch.lines.put_nowait(None)

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(
        self, host: str, port: int, context: ssl.SSLContext | None = None, control: Path | None = None
    ) -> int:
        """Listen; returns the port."""
        runner = web.ServerRunner(web.Server(self.handle, access_log=None, keepalive_timeout=120.0))
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, port, ssl_context=context, backlog=256, reuse_address=True)
        await site.start()
        if control is not None:
            control.unlink(missing_ok=True)
            inner = web.ServerRunner(web.Server(self.control, access_log=None))
            await inner.setup()
            self._runners.append(inner)
            await web.UnixSite(inner, str(control)).start()
        bound: Any = site._server.sockets[0].getsockname()  # type: ignore[union-attr]
        return int(bound[1])

    async def stop(self) -> None:
        """End watches and listeners."""
        self.close_watches()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()


def _injected(status: int) -> ApiError:
    reasons = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}
    return ApiError(status, reasons.get(status, ""), "a fault of the lab's scenario", None)


def tls(cert: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """The listener's TLS context; client certificates are asked for, and checked against the CA when given."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context
