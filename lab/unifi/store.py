# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the console keeps: one BGP configuration, and static DNS records. Pure, in memory."""

from __future__ import annotations

import secrets
from typing import Any

from .answers import Refusal

RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
SITE_ID = "65f0c0ffee0000000000d5e1"
_LENGTHS = {"uploaded_file_name": 256, "description": 128}


def new_id() -> str:
    """Return an id as the console's database makes them."""
    return secrets.token_hex(12)


class BgpStore:
    """The BGP configuration of the site: none, or one object which every write replaces."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] | None = None
        self.uploads = 0
        self.deletes = 0

    def list(self) -> list[dict[str, Any]]:
        """Return no object or one."""
        return [dict(self.stored)] if self.stored is not None else []

    def replace(self, body: Any) -> tuple[dict[str, Any], bool]:
        """Store what was posted; return the object and whether there was none before.

        Nothing is merged: a key that is left out is gone, ``enabled`` becomes false, ``description`` empty.
        """
        checked = check_bgp(body)
        created = self.stored is None
        kept = {} if self.stored is None else {"_id": self.stored["_id"]}
        self.stored = {
            **checked,
            "_id": kept.get("_id") or new_id(),
            "site_id": SITE_ID,
            "enabled": checked.get("enabled", False),
            "description": checked.get("description") or "",
        }
        self.uploads += 1
        return dict(self.stored), created

    def clear(self) -> None:
        """Remove it."""
        self.stored = None
        self.deletes += 1

    @property
    def text(self) -> str:
        """The text of the stored configuration."""
        return (self.stored or {}).get("frr_bgpd_config", "")

    @property
    def enabled(self) -> bool:
        """Whether the router runs it."""
        return bool((self.stored or {}).get("enabled"))


def check_bgp(body: Any) -> dict[str, Any]:
    """Return the body of a write.

    :raises Refusal: 400 for a missing or unfit field; the text itself is not looked into.
    """
    if not isinstance(body, dict):
        raise Refusal(400, "api.err.InvalidPayload", "Invalid payload")
    for key, name in (("uploaded_file_name", "uploadedFileName"), ("frr_bgpd_config", "frrBgpdConfig")):
        if body.get(key) is None:
            raise Refusal(400, "api.err.InvalidPayload", f"{name} required")
    for key in ("uploaded_file_name", "frr_bgpd_config", "description"):
        if key in body and body[key] is not None and not isinstance(body[key], str):
            raise Refusal(400, "api.err.InvalidPayload", f"{key} must be a string")
    for key, length in _LENGTHS.items():
        text = body.get(key) or ""
        if len(text) > length or "\n" in text:
            raise Refusal(400, "api.err.InvalidValue", f"{key} must match .{{0,{length}}}")
    if not isinstance(body.get("enabled", False), bool):
        raise Refusal(400, "api.err.InvalidPayload", "enabled must be a boolean")
    return dict(body)


class DnsStore:
    """The static DNS records of the site, by id."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Any]] = {}

    def list(self) -> list[dict[str, Any]]:
        """Return all records."""
        return [dict(record) for record in self._records.values()]

    def add(self, body: Any) -> dict[str, Any]:
        """Add a record."""
        record = {"_id": new_id(), **check_record(body)}
        self._records[record["_id"]] = record
        return dict(record)

    def replace(self, record_id: str, body: Any) -> dict[str, Any]:
        """Replace a record."""
        self._need(record_id)
        self._records[record_id] = {"_id": record_id, **check_record(body)}
        return dict(self._records[record_id])

    def remove(self, record_id: str) -> None:
        """Remove a record."""
        self._need(record_id)
        del self._records[record_id]

    def _need(self, record_id: str) -> None:
        if record_id not in self._records:
            raise Refusal(404, "api.err.IdInvalid", f"Static DNS record {record_id} not found")


def check_record(body: Any) -> dict[str, Any]:
    """Return a record as it is stored, without its id.

    :raises Refusal: 400 for a missing or unfit field.
    """
    if not isinstance(body, dict):
        raise Refusal(400, "api.err.InvalidPayload", "Invalid payload")
    for key, length in (("key", 128), ("value", 256)):
        text = body.get(key)
        if not isinstance(text, str) or not 1 <= len(text) <= length:
            raise Refusal(400, "api.err.InvalidValue", f"{key} must match .{{1,{length}}}")
    kind = body.get("record_type")
    if kind not in RECORD_TYPES:
        raise Refusal(400, "api.err.InvalidValue", f"record_type must match {'|'.join(RECORD_TYPES)}")
    record = {key: value for key, value in body.items() if key != "_id"}
    record.setdefault("enabled", True)
    if kind == "SRV":
        for key in ("port", "priority", "weight"):
            record.setdefault(key, 0)
    return record
