# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static DNS records of a UniFi console (kashalls/external-dns-unifi-webhook v0.8.2 ``internal/unifi``).

``/proxy/network/v2/api/site/<site>/static-dns`` lists them: ``key``, ``record_type``, ``value``, ``enabled``, ``ttl``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .client import Client

TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT")


def read(client: Client, site: str) -> list[dict[str, Any]]:
    """Return every record of a site.

    :raises UnifiError: one of its kinds.
    """
    found = client.v2("GET", f"/site/{quote(site, safe='')}/static-dns", doing="reading the DNS records")
    return [entry for entry in found or [] if isinstance(entry, dict)]


def chosen(records: Iterable[Mapping[str, Any]], zone: str, types: Sequence[str]) -> list[dict[str, Any]]:
    """Return the records of some types in a zone (all of them when it is empty), by name and type."""
    zone = zone.strip(".").lower()
    found = []
    for record in records:
        name = str(record.get("key") or "").rstrip(".")
        if record.get("record_type") not in types or not _within(name.lower(), zone):
            continue
        found.append(
            {
                "name": name,
                "type": str(record["record_type"]),
                "value": str(record.get("value") or ""),
                "enabled": record.get("enabled") is not False,
                "ttl": int(record.get("ttl") or 0),
            }
        )
    return sorted(found, key=lambda item: (item["name"], item["type"], item["value"]))


def _within(name: str, zone: str) -> bool:
    return not zone or name == zone or name.endswith(f".{zone}")
