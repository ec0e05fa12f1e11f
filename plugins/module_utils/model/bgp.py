# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says to Cilium about BGP: the options of one ``cilium_bgp_policy``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import networks

#: Name of the Secret that holds the password of the sessions, when there is one.
AUTH_SECRET = "cilium-bgp-auth"  # noqa: S105 - its name


def policy(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that say what is announced to whom; how to carry it out is the caller's matter.

    :param model: the whole model, keyed by subject.
    """
    bgp, pools = model["bgp"], model["load_balancers"]
    dual = networks.dual_stack(model["networks"])
    communities = bgp.get("communities") or {}
    result: dict[str, Any] = {
        "name": model["cluster"]["name"],
        "api": bgp["api"],
        "local_asn": bgp["cluster_asn"],
        "peers": [{"name": "router", "address": bgp["router"]["address"], "asn": bgp["router"]["asn"]}],
        "pool_label": pools["selector_label"],
        "pools": list(bgp["advertised_pools"]),
        "pod_cidr": bool(bgp["announce_pods"]),
        "timers": {
            "connect_retry_seconds": bgp["connect_retry_seconds"],
            "hold_seconds": bgp["hold_seconds"],
            "keepalive_seconds": bgp["keepalive_seconds"],
        },
        "graceful_restart": {"enabled": True, "seconds": bgp["graceful_restart_seconds"]},
        # Both ends must offer the same: with a family that the router does not take, routes wait for minutes.
        "families": ["ipv4", "ipv6"] if dual else ["ipv4"],
        "communities": {
            "load_balancer": _listed(communities.get("load_balancer")),
            "pods": _listed(communities.get("pods")),
        },
        "node_selector": {"matchLabels": {"kubernetes.io/os": "linux"}},
    }
    if bgp["authentication"]:
        result["auth_secret"] = AUTH_SECRET
        result["secrets_namespace"] = model["cilium"]["namespace"]
    return result


def _listed(value: Any) -> list[str]:
    if not value:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
