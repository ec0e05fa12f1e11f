# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's API at its door: zones and DNS records, with a token in the header.

The lab knows no accounts: every well-formed token has the rights for every zone, unless a fault says otherwise.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ..authority import Authority
from ..public_site import PublicSite
from ..scenario import PlatformFaults
from ..state import LabState
from .zones import Refusal, Zones

PORT = 8443
HOST = "172.29.51.22"
NAME = "api.cloudflare.com"
_TOKEN = re.compile(r"^[A-Za-z0-9_\-]{20,}$")


class Cloudflare:
    """The stand-in.

    :param host: where it listens; :param authority: signs the certificate of ``api.cloudflare.com``.
    """

    def __init__(
        self, state: LabState, host: str, zones: list[str], faults: PlatformFaults, authority: Authority
    ) -> None:
        self.host, self.faults = host, faults
        self.zones = Zones(zones)
        self.requests: Counter[str] = Counter()
        self._site = PublicSite(state, "cloudflare", NAME, host, PORT, authority)

    async def start(self) -> None:
        """Listen; raises :class:`LabError` when the address is taken."""
        app = web.Application(middlewares=[self._middleware])
        base = "/client/v4"
        app.router.add_get(f"{base}/user/tokens/verify", self._verify)
        app.router.add_get(f"{base}/zones", self._list)
        app.router.add_get(f"{base}/zones/{{zone}}/dns_records", self._records)
        app.router.add_post(f"{base}/zones/{{zone}}/dns_records", self._add)
        app.router.add_put(f"{base}/zones/{{zone}}/dns_records/{{id}}", self._replace)
        app.router.add_patch(f"{base}/zones/{{zone}}/dns_records/{{id}}", self._replace)
        app.router.add_delete(f"{base}/zones/{{zone}}/dns_records/{{id}}", self._remove)
        await self._site.start(app)

    async def stop(self) -> None:
        """Listen no more."""
        await self._site.stop()

    def status(self) -> dict[str, Any]:
        """Return the zones with their records."""
        return {
            "listen": f"{self.host}:{PORT}",
            "open": self._site.is_open,
            "zones": {z["name"]: self.zones.records(z["id"]) for z in self.zones.all()},
            "requests": dict(sorted(self.requests.items())),
        }

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self.requests[request.method] += 1
        try:
            if self.faults.cloudflare_status:
                raise Refusal(self.faults.cloudflare_status, 10013, "An unknown error has occurred")
            scheme, _unused, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or not _TOKEN.match(token):
                raise Refusal(400, 6003, "Invalid request headers")
            if self.faults.cloudflare_token_invalid:
                raise Refusal(403, 9109, "Invalid access token")
            return await handler(request)
        except Refusal as refusal:
            errors = [{"code": refusal.code, "message": refusal.message}]
            return _answer(None, refusal.status, errors)
        except web.HTTPException as error:
            return _answer(None, error.status, [{"code": 7000, "message": "No route for that URI"}])

    async def _verify(self, _request: web.Request) -> web.Response:
        return _answer({"id": "0" * 32, "status": "active"})

    async def _list(self, request: web.Request) -> web.Response:
        return _page(request, self.zones.all(request.query.get("name", "")))

    async def _records(self, request: web.Request) -> web.Response:
        query = request.query
        found = self.zones.records(request.match_info["zone"], query.get("type", ""), query.get("name", ""))
        return _page(request, found)

    async def _add(self, request: web.Request) -> web.Response:
        return _answer(self.zones.add(request.match_info["zone"], await _json(request)))

    async def _replace(self, request: web.Request) -> web.Response:
        where = request.match_info
        merge = request.method == "PATCH"
        return _answer(self.zones.replace(where["zone"], where["id"], await _json(request), merge=merge))

    async def _remove(self, request: web.Request) -> web.Response:
        where = request.match_info
        self.zones.remove(where["zone"], where["id"])
        return _answer({"id": where["id"]})


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise Refusal(400, 6007, "Malformed JSON in request body") from None


def _answer(result: Any, status: int = 200, errors: list[dict[str, Any]] | None = None, **more: Any) -> web.Response:
    body = {"result": result, "success": not errors, "errors": errors or [], "messages": [], **more}
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")


def _page(request: web.Request, found: list[dict[str, Any]]) -> web.Response:
    size = max(1, min(5000, int(request.query.get("per_page") or 100)))
    page = max(1, int(request.query.get("page") or 1))
    shown = found[(page - 1) * size : page * size]
    info = {
        "page": page,
        "per_page": size,
        "count": len(shown),
        "total_count": len(found),
        "total_pages": -(-len(found) // size),
    }
    return _answer(shown, result_info=info)
