# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says to Cilium's LB-IPAM: the pools of one ``cilium_lb_pool``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError
from . import chains, networks

#: Services that components of the house make for a pinned address (``<release>-controller`` of the chart).
_ENTRIES = {"ingress": "ingress-nginx/ingress-nginx-controller", "ingress_internal": chains.INTERNAL_ENTRY}


def pools(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pools; those of IPv6 only when the model carries it.

    Each pool is chosen by the model's label, with the pool's name as its value.

    :param model: the whole model, keyed by subject.
    """
    label = model["load_balancers"]["selector_label"]
    dual = networks.dual_stack(model["networks"])
    return [
        {
            "name": pool["name"],
            "blocks": [{key: str(pool[key]) for key in ("cidr", "start", "stop") if pool.get(key)}],
            "service_selector": {"matchLabels": {label: pool["name"]}},
        }
        for pool in model["load_balancers"]["pools"]
        if dual or version(pool) == 4
    ]


def pinned(model: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the promised addresses as ``bgp_status`` takes them.

    :returns: each with ``name``, ``address``, and ``service``: ``namespace/name`` where a component of the house makes
        the Service, else empty.
    """
    return [
        {"name": str(name), "address": str(address), "service": _ENTRIES.get(str(name), "")}
        for name, address in (model["load_balancers"].get("pinned") or {}).items()
    ]


def version(pool: Mapping[str, Any]) -> int:
    """Return the address family of a pool, 4 or 6.

    :raises InputError: it holds no address.
    """
    text = str(pool.get("cidr") or pool.get("start") or "").partition("/")[0]
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        raise InputError(
            f"pool {pool.get('name')!r} of homeops_load_balancers has neither a cidr nor a start that is an address",
            answer=repr(text),
            remedy="Write cidr: 172.29.52.0/28, or start and stop",
        ) from None
