# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says to the router about BGP: the options of one ``udm_bgp_peer``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError
from . import networks

#: Above FRR's default of 100, so that what the cluster announces wins over the same prefix learned elsewhere.
LOCAL_PREFERENCE = 200
#: A node that announces more than this is told of in the router's log.
MAXIMUM_PREFIX = 250


def peers(model: Mapping[str, Any], password: str = "") -> dict[str, Any]:
    """Return the options that declare the nodes as neighbours and what passes between them and the router.

    :param model: the whole model, keyed by subject.
    :param password: of the sessions, when ``bgp.authentication`` is true.
    :raises InputError: the password is missing, or a node's IPv6 address in a model that carries IPv6.
    """
    bgp, nets = model["bgp"], model["networks"]
    router, dual = bgp["router"], networks.dual_stack(nets)
    group: dict[str, Any] = {
        "name": router["peer_group"],
        "remote_as": str(bgp["cluster_asn"]),
        "hold": bgp["hold_seconds"],
        "keepalive": bgp["keepalive_seconds"],
        "connect_retry": 10,
        # Both families over one session per node, as the cluster's side has it.
        "families": ["ipv4", "ipv6"] if dual else ["ipv4"],
    }
    if bgp["authentication"]:
        if not password:
            raise InputError(
                "homeops_bgp.authentication is true, but the password is not there",
                remedy="Put the password of the item homeops_secrets.items.bgp into HOMEOPS_BGP_PASSWORD",
            )
        group["password"] = password
    policies = {"ipv4": _policy(bgp, nets, "ipv4", 32)}
    if dual:
        policies["ipv6"] = _policy(bgp, nets, "ipv6", 128)
    return {
        "name": model["cluster"]["name"],
        "asn": router["asn"],
        "router_id": router["router_id"],
        "peer_groups": [group],
        "neighbors": [_neighbor(node, router["peer_group"], dual) for node in model["nodes"]],
        "policies": policies,
        "graceful_restart": True,
        "stale_path_seconds": bgp["graceful_restart_seconds"],
    }


def _neighbor(node: Mapping[str, Any], group: str, dual: bool) -> dict[str, Any]:
    neighbor = {"address": node["address"], "peer_group": group, "description": node["name"]}
    if dual:
        if not node.get("ipv6"):
            raise InputError(
                f"homeops_nodes: {node['name']} has no ipv6 address, but networks.ipv6_enabled is true",
                answer="over an IPv4 session the routes of IPv6 come with a next hop that no kernel installs",
                remedy="Give the address that the node really has in the management network, as ipv6",
            )
        neighbor["ipv6_next_hop"] = node["ipv6"]
    return neighbor


def _policy(bgp: Mapping[str, Any], nets: Mapping[str, Any], family: str, width: int) -> dict[str, Any]:
    accept = [{"prefix": nets["load_balancers"][family], "le": width}]
    if bgp["announce_pods"]:
        mask = nets["pods"][f"{family}_node_mask"]
        accept.append({"prefix": nets["pods"][family], "ge": mask, "le": mask})
    supernet = nets["supernet"].get(family)
    return {
        "accept": accept,
        # Exactly this: anything longer would send the cluster its own routes back.
        "announce": [supernet] if supernet else [],
        "originate": bool(supernet),
        "maximum_paths": bgp["maximum_paths"],
        "local_preference": LOCAL_PREFERENCE,
        "maximum_prefix": MAXIMUM_PREFIX,
    }
