# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloudflare keeps: zones, and the records of each. Pure, in memory."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from typing import Any

TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT")


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, Cloudflare's own code, and the message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Zones:
    """The zones of one account; ids do not change between runs."""

    def __init__(self, names: list[str]) -> None:
        self.zones = {hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(): name for name in names}
        self._records: dict[str, dict[str, dict[str, Any]]] = {zone: {} for zone in self.zones}

    def all(self, name: str = "") -> list[dict[str, Any]]:
        """Return the zones, or the one of this name."""
        found = [(i, n) for i, n in self.zones.items() if name in ("", n)]
        return [{"id": i, "name": n, "status": "active", "type": "full", "paused": False} for i, n in found]

    def records(self, zone: str, kind: str = "", name: str = "") -> list[dict[str, Any]]:
        """Return the records of a zone, narrowed by type and name."""
        return [
            dict(r) for r in self._zone(zone).values() if kind in ("", r["type"]) and name.lower() in ("", r["name"])
        ]

    def add(self, zone: str, body: Any) -> dict[str, Any]:
        """Add a record; Cloudflare refuses an identical one, and a CNAME beside anything else."""
        records, record = self._zone(zone), self._check(zone, body)
        for other in records.values():
            if other["name"] != record["name"]:
                continue
            if other["type"] == record["type"] and other["content"] == record["content"]:
                raise Refusal(400, 81058, "An identical record already exists.")
            if "CNAME" in (other["type"], record["type"]) and "TXT" not in (other["type"], record["type"]):
                raise Refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        record["id"] = secrets.token_hex(16)
        records[record["id"]] = record
        return dict(record)

    def replace(self, zone: str, record_id: str, body: Any, *, merge: bool = False) -> dict[str, Any]:
        """Replace a record, or change the given fields."""
        records = self._zone(zone)
        old = self._need(records, record_id)
        given = {**{k: old[k] for k in ("type", "name", "content", "ttl", "proxied")}, **body} if merge else body
        records[record_id] = {**self._check(zone, given), "id": record_id}
        return dict(records[record_id])

    def remove(self, zone: str, record_id: str) -> None:
        """Remove a record."""
        records = self._zone(zone)
        self._need(records, record_id)
        del records[record_id]

    def _zone(self, zone: str) -> dict[str, dict[str, Any]]:
        if zone not in self._records:
            raise Refusal(403, 9109, "Invalid zone identifier")
        return self._records[zone]

    @staticmethod
    def _need(records: dict[str, dict[str, Any]], record_id: str) -> dict[str, Any]:
        if record_id not in records:
            raise Refusal(404, 81044, "Record does not exist.")
        return records[record_id]

    def _check(self, zone: str, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or body.get("type") not in TYPES:
            raise Refusal(400, 9004, "DNS record type is invalid.")
        kind, content = body["type"], body.get("content")
        name = str(body.get("name") or "").lower().rstrip(".")
        domain = self.zones[zone]
        if name in ("", "@"):
            name = domain
        if name != domain and not name.endswith(f".{domain}"):
            name = f"{name}.{domain}"
        if not isinstance(content, str) or not content:
            raise Refusal(400, 9020, "DNS record content is invalid.")
        if kind in ("A", "AAAA"):
            try:
                version: int | None = ipaddress.ip_address(content).version
            except ValueError:
                version = None
            if version != {"A": 4, "AAAA": 6}[kind]:
                code, what = {"A": (9005, "IPv4"), "AAAA": (9006, "IPv6")}[kind]
                raise Refusal(400, code, f"Content for {kind} record must be a valid {what} address.")
        proxied = bool(body.get("proxied"))
        if proxied and kind not in ("A", "AAAA", "CNAME"):
            raise Refusal(400, 9004, f"{kind} records cannot be proxied.")
        ttl = int(body.get("ttl") or 1)
        return {"type": kind, "name": name, "content": content, "ttl": 1 if proxied else ttl, "proxied": proxied}
