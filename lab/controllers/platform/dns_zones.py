# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where external-dns writes: the static DNS of a UniFi console, and a zone at Cloudflare, both over HTTP."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp

from .dns_plan import Endpoint, grouped
from .state import Platform

TIMEOUT = aiohttp.ClientTimeout(total=10)
CLOUDFLARE = "https://api.cloudflare.com"


class ZoneError(Exception):
    """The zone cannot be read or written; ``fatal`` ends the program, anything else is tried again."""

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        self.fatal = fatal
        super().__init__(message)


class UnifiZone:
    """The UniFi webhook with its console (kashalls/external-dns-unifi-webhook v0.8.2 ``internal/unifi``)."""

    def __init__(self, platform: Platform, env: dict[str, str]) -> None:
        host = env.get("UNIFI_HOST", "").rstrip("/")
        external = env.get("UNIFI_EXTERNAL_CONTROLLER") == "true"
        base = "" if external else "/proxy/network"
        self._url = f"{platform.door(host)}{base}/v2/api/site/{env.get('UNIFI_SITE') or 'default'}/static-dns"
        self._headers = {"X-API-KEY": env.get("UNIFI_API_KEY", "")}

    async def _call(self, session: aiohttp.ClientSession, method: str, path: str = "", body: Any = None) -> Any:
        try:
            async with session.request(method, self._url + path, json=body, headers=self._headers, ssl=False) as answer:
                if answer.status != 200:
                    raise ZoneError(f"unifi: {method} static-dns answered {answer.status}: {await answer.text()}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ZoneError(f"unifi: {method} static-dns: {error}") from error

    async def read(self, session: aiohttp.ClientSession) -> list[Endpoint]:
        """Return what the console holds."""
        rows = await self._call(session, "GET")
        return grouped((r["key"], r["record_type"], r["value"], r["_id"], {}) for r in rows)

    async def delete(self, session: aiohttp.ClientSession, record: Endpoint) -> None:
        """Delete a record."""
        for row in record.ids:
            await self._call(session, "DELETE", f"/{row}")

    async def create(self, session: aiohttp.ClientSession, record: Endpoint) -> None:
        """Create a record; each target is one of the console's own."""
        for target in record.targets:
            body = {"enabled": True, "key": record.name, "record_type": record.kind, "value": target, "ttl": record.ttl}
            await self._call(session, "POST", "", body)


class CloudflareZone:
    """The Cloudflare provider."""

    def __init__(self, platform: Platform, env: dict[str, str], domains: tuple[str, ...]) -> None:
        self._base = f"{platform.door(CLOUDFLARE)}/client/v4"
        self._headers = {"Authorization": f"Bearer {env.get('CF_API_TOKEN', '')}"}
        self._context = ssl.create_default_context(cadata=platform.public.certificate.decode())
        self._domains = domains
        self._zones: dict[str, str] = {}
        self._zone_of: dict[str, str] = {}

    async def _call(self, session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Any:
        found: list[Any] = []
        page = 1
        while True:
            more = {"page": str(page), "per_page": "1000"} if method == "GET" else {}
            try:
                async with session.request(
                    method,
                    self._base + path,
                    json=body,
                    params=more,
                    headers=self._headers,
                    ssl=self._context,
                    server_hostname="api.cloudflare.com",
                ) as answer:
                    data = await answer.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise ZoneError(f"cloudflare: {method} {path}: {error}") from error
            if not data.get("success"):
                told = "; ".join(f"{e['message']} ({e['code']})" for e in data.get("errors") or [])
                raise ZoneError(told or str(answer.status), fatal=answer.status < 500 and answer.status != 429)
            if method != "GET":
                return data["result"]
            found += data["result"]
            if page >= (data.get("result_info") or {}).get("total_pages", 1):
                return found
            page += 1

    async def read(self, session: aiohttp.ClientSession) -> list[Endpoint]:
        """Return the records of every zone that the domains touch."""
        rows: list[tuple[str, str, str, str, dict[str, Any]]] = []
        for zone in await self._call(session, "GET", "/zones"):
            name = zone["name"]
            if self._domains and not any(d == name or d.endswith(f".{name}") for d in self._domains):
                continue
            self._zones[name] = zone["id"]
            for r in await self._call(session, "GET", f"/zones/{zone['id']}/dns_records"):
                self._zone_of[r["id"]] = zone["id"]
                rows.append((r["name"], r["type"], r["content"], r["id"], {"proxied": r.get("proxied")}))
        return grouped(rows)

    async def delete(self, session: aiohttp.ClientSession, record: Endpoint) -> None:
        """Delete a record."""
        for row in record.ids:
            await self._call(session, "DELETE", f"/zones/{self._zone_of[row]}/dns_records/{row}")

    async def create(self, session: aiohttp.ClientSession, record: Endpoint) -> None:
        """Create a record in the zone of the longest name that fits."""
        fits = [name for name in self._zones if record.name == name or record.name.endswith(f".{name}")]
        if not fits:
            return
        zone = self._zones[max(fits, key=len)]
        for target in record.targets:
            body = {
                "type": record.kind,
                "name": record.name,
                "content": target,
                "ttl": record.ttl or 1,
                "proxied": record.proxied and record.kind != "TXT",
            }
            await self._call(session, "POST", f"/zones/{zone}/dns_records", body)
