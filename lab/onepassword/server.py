# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Connect server over HTTP: authorisation, scopes, filters, files, activity, health, and faults.

Facts: 1Password/connect ``docs/openapi/spec.yaml`` 1.7.1 with its error texts, and its CHANGELOG (the first request
answered with 401 before 1.7.2).
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from ..doors import address_error
from ..scenario import ConnectFaults, OnePasswordDelays
from ..state import LabState
from . import seed
from .vaults import Body, Refused, Vault, new_id, now, patched, summary

PORT = 8080
ADDRESS = "172.29.51.20"
VERSION = "1.8.1"
RECORD = "connect.json"
INLINE_LIMIT = 32 * 1024
_FILTER = re.compile(r'\s*(name|title|tag)\s+eq\s+"((?:[^"\\]|\\.)*)"\s*')
_OPEN_PATHS = ("/heartbeat", "/health", "/metrics")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connect:
    """One Connect server.

    :param host: where it listens.
    :param known: values of items that another stand-in of the lab gave out, by the items' names in the inventory.
    """

    def __init__(
        self,
        state: LabState,
        host: str,
        faults: ConnectFaults,
        delays: OnePasswordDelays,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.state, self.host, self.faults, self.delays = state, host, faults, delays
        self.token = seed.token()
        model = seed.declared()
        self.vaults = [Vault(str(model["vault"])), Vault("Services")]
        seed.fill(self.vaults[0], self.token, model, known)
        self.requests: Counter[str] = Counter()
        self._activity: list[Body] = []
        self._greeted = False
        self._runner: web.AppRunner | None = None

    # -- life ----------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Listen, and leave ``connect.json`` for whoever may use it.

        :raises LabError: when the address is taken.
        """
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, PORT).start()
        except OSError as error:
            raise address_error(error, self.host, PORT) from error
        record = {"url": f"http://{self.host}:{PORT}", "token": self.token, "vault": self.vaults[0].name}
        self.state.write(self.state.root / RECORD, json.dumps(record, indent=2))

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def snapshot(self) -> dict[str, Any]:
        """Return the server for the status."""
        return {
            "listen": f"{self.host}:{PORT}",
            "open": self._runner is not None,
            "vaults": {vault.name: len(vault.visible()) for vault in self.vaults},
            "requests": dict(sorted(self.requests.items())),
        }

    def application(self) -> web.Application:
        """Return the server without a socket; for tests."""
        app = web.Application(middlewares=[self._middleware], client_max_size=2**24)
        add = app.router.add_route
        add("GET", "/heartbeat", self._heartbeat)
        add("GET", "/health", self._health)
        add("GET", "/metrics", self._metrics)
        add("GET", "/v1/activity", self._activity_log)
        add("GET", "/v1/vaults", self._vaults)
        add("GET", "/v1/vaults/{vault}", self._one_vault)
        items = "/v1/vaults/{vault}/items"
        add("GET", items, self._items)
        add("POST", items, self._create)
        add("GET", f"{items}/{{item}}", self._item)
        add("PUT", f"{items}/{{item}}", self._replace)
        add("PATCH", f"{items}/{{item}}", self._patch)
        add("DELETE", f"{items}/{{item}}", self._delete)
        add("GET", f"{items}/{{item}}/files", self._files)
        add("GET", f"{items}/{{item}}/files/{{file}}", self._file)
        add("GET", f"{items}/{{item}}/files/{{file}}/content", self._content)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Ids would make a counter of their own each.
        shape = re.sub(r"/[a-z0-9]{26}(?=/|$)", "/*", request.path)
        self.requests[f"{request.method} {shape}"] += 1
        if self.faults.down:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)
        try:
            if request.path not in _OPEN_PATHS:
                self._authorise(request)
            answer = await handler(request)
        except Refused as refused:
            answer = _json({"status": refused.status, "message": refused.message}, refused.status)
        except web.HTTPNotFound:
            answer = _json({"status": 404, "message": "not found"}, 404)
        if request.path not in _OPEN_PATHS:
            self._note(request, answer.status)
        return answer

    def _authorise(self, request: web.Request) -> None:
        faults = self.faults
        if faults.error:
            faults.error -= faults.error > 0
            raise Refused(500, "Internal server error")
        if faults.rate_limit:
            faults.rate_limit -= faults.rate_limit > 0
            raise Refused(429, "Too many requests")
        if faults.first_401 and not self._greeted:
            self._greeted = True
            raise Refused(401, "invalid bearer token")
        kind, _blank, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or token.strip() != self.token:
            raise Refused(401, "Invalid token signature")

    def _note(self, request: web.Request, status: int) -> None:
        actions = {"GET": "READ", "POST": "CREATE", "DELETE": "DELETE"}
        self._activity.insert(
            0,
            {
                "requestId": str(uuid.uuid4()),
                "timestamp": now(),
                "action": actions.get(request.method, "UPDATE"),
                "result": "SUCCESS" if status < 400 else "DENY",
                "actor": {
                    "id": new_id(),
                    "account": "LAB",
                    "jti": new_id(),
                    "userAgent": request.headers.get("User-Agent", ""),
                    "requestIp": request.remote or "",
                },
                "resource": {
                    "type": "ITEM" if "item" in request.match_info else "VAULT",
                    "vault": {"id": request.match_info.get("vault", "")},
                    "item": {"id": request.match_info.get("item", "")},
                    "itemVersion": 0,
                },
            },
        )
        del self._activity[1000:]

    # -- outside /v1 ---------------------------------------------------------------------------------------------------
    async def _heartbeat(self, _request: web.Request) -> web.Response:
        return web.Response(text=".", content_type="text/plain")

    async def _health(self, _request: web.Request) -> web.Response:
        dependencies = [
            {"service": "sync", "status": "ACTIVE" if self._activity else "TOKEN_NEEDED"},
            {"service": "sqlite", "status": "ACTIVE", "message": "Connected to database"},
        ]
        return _json({"name": "1Password Connect API", "version": VERSION, "dependencies": dependencies})

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text=f"http_requests_total {sum(self.requests.values())}\n", content_type="text/plain")

    async def _activity_log(self, request: web.Request) -> web.Response:
        limit, offset = int(request.query.get("limit", 50)), int(request.query.get("offset", 0))
        shown = self._activity[offset : offset + limit]
        answer = _json(shown)
        answer.headers["Content-Range"] = f"{offset + 1}-{offset + len(shown)}/{len(self._activity)}"
        return answer

    # -- vaults --------------------------------------------------------------------------------------------------------
    def _scope(self) -> list[Vault]:
        """Return the vaults of the token: with the fault, those that nobody asks for."""
        return self.vaults[1:] if self.faults.wrong_vault else self.vaults[:1]

    def _vault(self, request: web.Request) -> Vault:
        wanted = request.match_info["vault"]
        if self.faults.forbidden:
            self.faults.forbidden -= self.faults.forbidden > 0
            raise Refused(403, f"vault {wanted} is not in scope")
        for vault in self.vaults:
            if vault.id == wanted:
                if vault not in self._scope():
                    raise Refused(403, f"vault {wanted} is not in scope")
                return vault
        raise Refused(404, f"vault {wanted} not found")

    async def _vaults(self, request: web.Request) -> web.Response:
        # The API's description says name; the Go SDK, and with it External Secrets, asks for title.
        found = [vault.facts() for vault in self._scope()]
        return _json(_filtered(found, request, {"name": "name", "title": "name"}))

    async def _one_vault(self, request: web.Request) -> web.Response:
        return _json(self._vault(request).facts())

    # -- items ---------------------------------------------------------------------------------------------------------
    def _shown(self, vault: Vault) -> list[Body]:
        """Return the visible items with the faults carried out on them."""
        found = [body for body in vault.visible() if body["title"] not in self.faults.missing]
        found += [{**body, "id": body["id"][::-1]} for body in found if body["title"] in self.faults.duplicate]
        return [self._spoilt(body) for body in found]

    def _spoilt(self, body: Body) -> Body:
        fields = list(body["fields"])
        for text in self.faults.duplicate_field:
            title, _slash, label = text.rpartition("/")
            if title == body["title"]:
                fields += [{**one, "id": new_id()} for one in fields if one["label"] == label]
        for text in self.faults.missing_field:
            title, _slash, label = text.rpartition("/")
            if title == body["title"]:
                fields = [one for one in fields if one["label"] != label]
        return {**body, "fields": fields}

    def _found(self, request: web.Request) -> tuple[Vault, Body]:
        vault = self._vault(request)
        for body in self._shown(vault):
            if body["id"] == request.match_info["item"]:
                return vault, body
        raise Refused(404, f"item {request.match_info['item']} not found")

    async def _items(self, request: web.Request) -> web.Response:
        found = [summary(body) for body in self._shown(self._vault(request))]
        return _json(_filtered(found, request, {"title": "title", "tag": "tags"}))

    async def _create(self, request: web.Request) -> web.Response:
        vault, body = self._vault(request), await _body(request)
        if body.get("category") == "DOCUMENT":
            raise Refused(400, "Invalid item category")
        return _json(vault.put(vault.complete(body), self.delays.sync))

    async def _item(self, request: web.Request) -> web.Response:
        return _json(self._found(request)[1])

    async def _replace(self, request: web.Request) -> web.Response:
        vault, there = self._found(request)
        made = vault.complete({**await _body(request), "createdAt": there["createdAt"]}, there["id"])
        return _json(vault.put(made, self.delays.sync))

    async def _patch(self, request: web.Request) -> web.Response:
        vault, there = self._found(request)
        operations = await _body(request, list)
        if not operations:
            return _json(there)
        made = patched(vault.newest(there["id"]), operations)
        made |= {"id": there["id"], "vault": there["vault"]}
        return _json(vault.put(made, self.delays.sync))

    async def _delete(self, request: web.Request) -> web.Response:
        vault, there = self._found(request)
        vault.items.pop(there["id"], None)
        return web.Response(status=204)

    # -- files ---------------------------------------------------------------------------------------------------------
    def _shown_file(self, vault: Vault, file: Body, request: web.Request) -> Body:
        if request.query.get("inline_files") != "true":
            return file
        if file["size"] > INLINE_LIMIT:
            raise Refused(
                413,
                "File is too large to inline in request. Use the /v1/vaults/"
                f"{request.match_info['vault']}/items/{request.match_info['item']}/files/{file['id']}/content endpoint "
                "instead.",
            )
        return {**file, "content": base64.b64encode(vault.files[file["id"]]).decode()}

    def _found_file(self, request: web.Request) -> tuple[Vault, Body]:
        vault, body = self._found(request)
        for file in body["files"]:
            if file["id"] == request.match_info["file"]:
                return vault, file
        raise Refused(404, f"file {request.match_info['file']} not found")

    async def _files(self, request: web.Request) -> web.Response:
        vault, body = self._found(request)
        return _json([self._shown_file(vault, file, request) for file in body["files"]])

    async def _file(self, request: web.Request) -> web.Response:
        vault, file = self._found_file(request)
        return _json(self._shown_file(vault, file, request))

    async def _content(self, request: web.Request) -> web.Response:
        vault, file = self._found_file(request)
        headers = {"Content-Disposition": f'attachment; filename="{file["name"]}"'}
        return web.Response(body=vault.files[file["id"]], headers=headers, content_type="application/octet-stream")


def _filtered(found: list[Body], request: web.Request, keys: dict[str, str]) -> list[Body]:
    """Return what a SCIM-like filter leaves.

    :raises Refused: 400 for another one than ``x eq "y"``.
    """
    text = request.query.get("filter", "")
    if not text:
        return found
    match = _FILTER.fullmatch(text)
    if not match or match[1] not in keys:
        raise Refused(400, "Invalid filter")
    wanted = re.sub(r"\\(.)", r"\1", match[2])
    key = keys[match[1]]
    return (
        [one for one in found if wanted in one[key]] if key == "tags" else [one for one in found if one[key] == wanted]
    )


async def _body(request: web.Request, kind: type = dict) -> Any:
    try:
        found = await request.json()
    except ValueError:
        raise Refused(400, "Invalid request body") from None
    if not isinstance(found, kind):
        raise Refused(400, "Invalid request body")
    return found


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")
