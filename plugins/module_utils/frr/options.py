# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that declare a router's BGP configuration, and what they mean."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import InputError
from . import desired as want
from .live import Expected
from .view import is_address, peer_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}")
_FAMILY = {"ipv4": want.IPV4, "ipv6": want.IPV6}

#: What a neighbour and a group share.
_SHARED: dict[str, Any] = {
    "remote_as": {"type": "str"},
    "description": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "keepalive": {"type": "int"},
    "hold": {"type": "int"},
    "connect_retry": {"type": "int"},
    "update_source": {"type": "str"},
    "ebgp_multihop": {"type": "int"},
    "bfd": {"type": "bool", "default": False},
    "passive": {"type": "bool", "default": False},
    "shutdown": {"type": "bool", "default": False},
    "graceful_restart": {"type": "str", "choices": ["enabled", "disabled", "helper"]},
    "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"]},
}
NEIGHBOR: dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "peer_group": {"type": "str"},
    "ipv6_next_hop": {"type": "str"},
    **_SHARED,
}
_POLICY: dict[str, Any] = {
    "accept": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "prefix": {"type": "str", "required": True},
            "ge": {"type": "int"},
            "le": {"type": "int"},
        },
    },
    "announce": {"type": "list", "elements": "str", "default": []},
    "originate": {"type": "bool", "default": False},
    "maximum_paths": {"type": "int"},
    "local_preference": {"type": "int"},
    "communities": {"type": "list", "elements": "str", "default": []},
    "maximum_prefix": {"type": "int"},
}
EXPECTED: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "prefix": {"type": "str", "required": True},
        "neighbors": {"type": "list", "elements": "str", "default": []},
        "paths": {"type": "int", "default": 1},
    },
}
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "default": "homeops"},
    "asn": {"type": "int", "required": True},
    "router_id": {"type": "str"},
    "neighbors": {"type": "list", "elements": "dict", "options": NEIGHBOR},
    "neighbor": {"type": "dict", "options": NEIGHBOR},
    "peer_groups": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, **_SHARED},
    },
    "listen_ranges": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"prefix": {"type": "str", "required": True}, "peer_group": {"type": "str", "required": True}},
    },
    "listen_limit": {"type": "int"},
    "policies": {
        "type": "dict",
        "options": {
            "ipv4": {"type": "dict", "options": _POLICY},
            "ipv6": {"type": "dict", "options": _POLICY},
        },
    },
    "graceful_restart": {"type": "bool"},
    "restart_seconds": {"type": "int"},
    "stale_path_seconds": {"type": "int"},
    "multipath_relax": {"type": "bool"},
}


def declaration(params: Mapping[str, Any]) -> want.Desired:
    """Return what the parameters declare.

    :raises InputError: naming the parameter that contradicts itself or another one.
    """
    if not _NAME.fullmatch(params["name"]):
        raise InputError(
            "the name has to be letters, digits, dots, dashes and underscores", target=params["name"], param="name"
        )
    _number(params["asn"], 1, 4294967295, "asn")
    if params.get("router_id"):
        _address(params["router_id"], "router_id", 4)
    absent = params.get("state") == "absent"
    groups = [_peer({**item, "address": item["name"]}, True, absent) for item in params["peer_groups"]]
    given = params.get("neighbors") or ([params["neighbor"]] if params.get("neighbor") else [])
    members = [_peer(item, False, absent) for item in given]
    peers = (*groups, *members)
    _once([peer.key for peer in peers])
    ranges = {_network(item["prefix"], "listen_ranges"): str(item["peer_group"]) for item in params["listen_ranges"]}
    policies = {
        _FAMILY[key]: _policy(key, value) for key, value in (params.get("policies") or {}).items() if value is not None
    }
    if not absent:
        _agree(peers, {group.name for group in groups}, ranges, policies)
    return want.Desired(
        name=params["name"],
        asn=params["asn"],
        router_id=params.get("router_id") or "",
        peers=peers,
        policies=policies,
        ranges=ranges,
        listen_limit=params.get("listen_limit"),
        graceful_restart=params.get("graceful_restart"),
        restart_seconds=params.get("restart_seconds"),
        stale_path_seconds=params.get("stale_path_seconds"),
        multipath_relax=params.get("multipath_relax"),
        exact=params.get("state") == "exact",
    )


def expectations(given: Sequence[Mapping[str, Any]]) -> tuple[Expected, ...]:
    """Return the prefixes that the router is to have accepted.

    :raises InputError: one is no prefix, or names a neighbour that is no address.
    """
    found = []
    for item in given:
        prefix = ipaddress.ip_network(_network(item["prefix"], "expected_prefixes"))
        for name in item["neighbors"]:
            _address(name, "expected_prefixes")
        found.append(Expected(prefix, tuple(peer_key(name) for name in item["neighbors"]), item["paths"]))
    return tuple(found)


def _peer(item: Mapping[str, Any], is_group: bool, absent: bool) -> want.Peer:
    name, where = str(item["address"]), "peer_groups" if is_group else "neighbors"
    if is_group and (is_address(name) or not _NAME.fullmatch(name)):
        raise InputError("a group's name has to be a word and no address", target=name, param=where)
    if not is_group:
        _address(name, where)
    remote = str(item.get("remote_as") or "")
    if remote and remote not in ("internal", "external"):
        _number(int(remote) if remote.isdigit() else 0, 1, 4294967295, where, f"remote_as of {name}")
    if not absent and not remote and not item.get("peer_group"):
        raise InputError(f"{name} needs a remote_as", remedy="Give it, or a peer_group that has one", param=where)
    if remote and item.get("peer_group"):
        raise InputError(
            f"{name} has a remote_as and a peer_group",
            answer="FRR would silently take the group's",
            remedy="Leave it to the group",
            param=where,
        )
    if bool(item.get("hold") is None) != bool(item.get("keepalive") is None):
        raise InputError(f"{name} needs keepalive and hold together", param=where)
    if item.get("hold") is not None and not 3 <= item["hold"] <= 65535:
        raise InputError(f"the hold time of {name} has to be 3 to 65535 seconds", param=where)
    password = item.get("password") or ""
    if re.search(r"\s", password):
        # Never the password itself.
        raise InputError(f"the password of {name} has a blank, and FRR takes one word", param=where)
    for key in ("description", "update_source"):
        if re.search(r"[\r\n]", item.get(key) or ""):
            raise InputError(f"{key} of {name} has to be one line", param=where)
    families = tuple(_FAMILY[key] for key in ("ipv4", "ipv6") if key in (item.get("families") or ()))
    if item.get("peer_group") and families:
        raise InputError(f"{name} follows the families of its group", remedy="Give them there", param=where)
    next_hop = item.get("ipv6_next_hop") or ""
    if next_hop:
        _address(next_hop, where, 6)
    return want.Peer(
        name=name,
        is_group=is_group,
        group=item.get("peer_group") or "",
        remote_as=remote,
        description=item.get("description") or "",
        password=password,
        keepalive=item.get("keepalive"),
        hold=item.get("hold"),
        connect_retry=item.get("connect_retry"),
        update_source=item.get("update_source") or "",
        ebgp_multihop=item.get("ebgp_multihop"),
        bfd=bool(item.get("bfd")),
        passive=bool(item.get("passive")),
        shutdown=bool(item.get("shutdown")),
        graceful_restart=item.get("graceful_restart") or "",
        families=families or (() if item.get("peer_group") else want.default_families(name)),
        next_hop=str(ipaddress.ip_address(next_hop)) if next_hop else "",
    )


def _policy(key: str, given: Mapping[str, Any]) -> want.Policy:
    version, where = (6 if key == "ipv6" else 4), f"policies.{key}"
    accept = []
    for item in given["accept"]:
        network = ipaddress.ip_network(_network(item["prefix"], where, version))
        width = network.max_prefixlen
        low = item["ge"] if item.get("ge") is not None else network.prefixlen
        high = (
            item["le"] if item.get("le") is not None else (width if item.get("ge") is not None else network.prefixlen)
        )
        if not network.prefixlen <= low <= high <= width:
            raise InputError(
                f"the range of {network} is none", answer="it needs mask length <= ge <= le", param="policies"
            )
        accept.append(want.Accept(str(network), low, high))
    if given.get("maximum_paths") is not None:
        _number(given["maximum_paths"], 1, 256, "policies", f"{where}.maximum_paths")
    return want.Policy(
        accept=tuple(accept),
        announce=tuple(_network(item, where, version) for item in given["announce"]),
        originate=given["originate"],
        maximum_paths=given.get("maximum_paths"),
        local_preference=given.get("local_preference"),
        communities=tuple(given["communities"]),
        maximum_prefix=given.get("maximum_prefix"),
    )


def _agree(
    peers: Sequence[want.Peer],
    groups: set[str],
    ranges: Mapping[str, str],
    policies: Mapping[str, want.Policy],
) -> None:
    """Refuse references to what is not declared, and families without a policy."""
    for name in [peer.group for peer in peers if peer.group] + list(ranges.values()):
        if name not in groups:
            raise InputError(f"the group {name} is not among peer_groups", param="peer_groups")
    for peer in peers:
        lacking = [family for family in peer.families if family not in policies]
        if lacking:
            raise InputError(
                f"{peer.name} carries {' and '.join(lacking)}, but policies do not say what passes there",
                remedy="Without a policy an external neighbour brings nothing, though its session is Established",
                param="policies",
            )
        mapped = want.IPV6 in peer.families and not peer.is_group and ":" not in peer.name and not peer.next_hop
        if mapped:
            raise InputError(
                f"{peer.name} carries ipv6 over IPv4, so its next hops are IPv4-mapped ones, which no kernel installs",
                remedy="Give its ipv6_next_hop, or declare an IPv6 neighbour for this family",
                param="neighbors",
            )


def _once(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name} is declared twice", param="neighbors")


def _network(text: str, param: str, version: int = 0) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise InputError(
            f"{text} is no network", answer=str(error), remedy="Write it as 172.29.52.0/24", param=param.split(".")[0]
        ) from error
    if version and network.version != version:
        raise InputError(f"{text} is not of IPv{version}", target=param, param=param.split(".")[0])
    return str(network)


def _address(text: str, param: str, version: int = 0) -> None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        raise InputError(f"{text} is no address", param=param) from error
    if version and found.version != version:
        raise InputError(f"{text} is no IPv{version} address", param=param)


def _number(value: int, low: int, high: int, param: str, what: str = "") -> None:
    if not low <= value <= high:
        raise InputError(f"{what or param} has to be {low} to {high}", param=param)
