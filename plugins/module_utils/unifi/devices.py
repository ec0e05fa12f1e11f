# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway of a site can do BGP.

The console stores no BGP configuration without an adopted gateway whose ``udapi_caps`` have bit 22 and whose
``udapi_version`` is not empty (``/api/s/<site>/stat/device``); only a write would say so itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from .client import Client
from .errors import UnsupportedDevice

BGP_CAPABILITY = 1 << 22


def require_bgp(client: Client, site: str) -> None:
    """Refuse a site without a gateway that can do BGP.

    :raises UnsupportedDevice: naming the gateways that there are.
    :raises UnifiError: the devices cannot be read.
    """
    doing = "reading the devices"
    devices = client.v1("GET", f"/s/{quote(site, safe='')}/stat/device", doing=doing)
    if not any(can_bgp(device) for device in devices):
        raise UnsupportedDevice(
            "looking for a gateway that can do BGP",
            target=client.door.name,
            answer=f"site {site} has none; adopted are {_named(devices)}",
            remedy="BGP needs UniFi OS 4.1 with Network 9 or newer, and a gateway such as a UDM Pro",
        )


def can_bgp(device: Mapping[str, Any]) -> bool:
    """Whether a device says that it can do BGP."""
    caps = device.get("udapi_caps")
    return bool(
        device.get("adopted") and isinstance(caps, int) and caps & BGP_CAPABILITY and device.get("udapi_version")
    )


def _named(devices: Iterable[Mapping[str, Any]]) -> str:
    found = [f"{device.get('model') or 'a device'} with {device.get('version') or 'no version'}" for device in devices]
    return ", ".join(sorted(found)[:5]) or "no devices"
