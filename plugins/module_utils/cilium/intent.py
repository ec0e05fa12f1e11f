# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person wants of BGP, whichever schema carries it, and the faults that can be told before anything is asked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..common.errors import InputError
from . import selectors

PORT = 179
FAMILIES = ("ipv4", "ipv6")
#: The names that the CRDs know (RFC 1997 and its successors; cilium/cilium ``bgp_advert_types.go``).
WELL_KNOWN = (
    *("internet", "planned-shut", "accept-own", "route-filter-translated-v4", "route-filter-v4"),
    *("route-filter-translated-v6", "route-filter-v6", "llgr-stale", "no-llgr", "blackhole", "no-export"),
    *("no-advertise", "no-export-subconfed", "no-peer"),
)
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_ASN = (1, 4294967295)


@dataclass(frozen=True)
class Peer:
    """One router that every selected node dials."""

    name: str
    address: str
    asn: int
    port: int = PORT


@dataclass(frozen=True)
class Timers:
    """Seconds; the defaults are the CRDs'."""

    connect_retry: int = 120
    hold: int = 90
    keepalive: int = 30


@dataclass(frozen=True)
class Override:
    """What one node does differently; only the new kinds can say all of it.

    :param local_addresses: ``(peer name, address)``.
    """

    node: str
    router_id: str = ""
    local_port: int | None = None
    local_addresses: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Intent:
    """One policy: who speaks with whom, and what is announced.

    :param pools: values of the label ``pool_label`` of the Services whose addresses are announced.
    :param graceful_restart: seconds that the router keeps the routes of a restarting agent; None = off.
    :param node_selector: None = every node.
    """

    name: str
    local_asn: int
    peers: tuple[Peer, ...]
    pool_label: str = "io.cilium/lb-ipam-pool"
    pools: tuple[str, ...] = ()
    pod_cidr: bool = False
    timers: Timers = Timers()
    graceful_restart: int | None = 120
    auth_secret: str = ""
    families: tuple[str, ...] = ("ipv4",)
    multihop: int = 1
    load_balancer_communities: tuple[str, ...] = ()
    pod_communities: tuple[str, ...] = ()
    node_selector: Mapping[str, Any] | None = field(default=None, hash=False)
    overrides: tuple[Override, ...] = ()

    @property
    def instance(self) -> str:
        """Name of the router instance; a change of the AS number makes a new one anyway."""
        return f"instance-{self.local_asn}"


def parse(params: Mapping[str, Any]) -> Intent:
    """Read the options of ``cilium_bgp_policy``; lists come back in one order, so that theirs does not matter.

    :raises InputError: naming option, value and what to write instead.
    """
    name = _name(params["name"], "name")
    asn = _number(params["local_asn"], *_ASN, "local_asn", "local_asn")
    families = tuple(sorted(set(params.get("families") or ["ipv4"]), key=FAMILIES.index))
    communities = params.get("communities") or {}
    intent = Intent(
        name=name,
        local_asn=asn,
        peers=_peers(params["peers"]),
        pool_label=_label_key(params["pool_label"]),
        pools=_pools(params.get("pools") or []),
        pod_cidr=bool(params.get("pod_cidr")),
        timers=_timers(params.get("timers") or {}),
        graceful_restart=_restart(params.get("graceful_restart")),
        auth_secret=_name(params["auth_secret"], "auth_secret") if params.get("auth_secret") else "",
        families=families,
        multihop=_number(params.get("ebgp_multihop") or 1, 1, 255, "ebgp_multihop", "ebgp_multihop"),
        load_balancer_communities=_communities(communities.get("load_balancer") or [], "load_balancer"),
        pod_communities=_communities(communities.get("pods") or [], "pods"),
        node_selector=selectors.canonical(params.get("node_selector")),
        overrides=(),
    )
    for where, value, reason, use in selectors.faults(params.get("node_selector")):
        _refuse("node_selector", f"node_selector.{where}", value, reason, use)
    if not intent.pools and not intent.pod_cidr:
        _refuse("pools", "pools", [], "announces nothing, and neither does pod_cidr", "a pool, or pod_cidr: true")
    internal = [peer for peer in intent.peers if peer.asn == asn]
    if internal and intent.multihop > 1:
        _refuse("ebgp_multihop", "ebgp_multihop", intent.multihop, f"peer {internal[0].name} is internal", "1")
    overrides = _overrides(params.get("node_overrides") or [], intent)
    return _with(intent, overrides)


def _with(intent: Intent, overrides: tuple[Override, ...]) -> Intent:
    values = {name: getattr(intent, name) for name in intent.__dataclass_fields__}
    return Intent(**{**values, "overrides": overrides})


def _refuse(param: str, where: str, value: Any, reason: str, use: str) -> NoReturn:
    raise InputError(f"the option {where} is {value!r}: {reason}", remedy=f"Use {use}", param=param)


def _name(value: Any, param: str, where: str = "") -> str:
    if not _NAME.fullmatch(str(value)):
        _refuse(param, where or param, value, "it is not an object's name", "lower-case letters, digits and dashes")
    return str(value)


def _number(value: Any, least: int, most: int, param: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        _refuse(param, where, value, "it is out of range", f"a number from {least} to {most}")
    return value


def _label_key(value: str) -> str:
    if not selectors.is_key(value):
        _refuse("pool_label", "pool_label", value, "it is not a label key", "io.cilium/lb-ipam-pool")
    return value


def _pools(values: Iterable[str]) -> tuple[str, ...]:
    found = sorted(set(values))
    for value in found:
        if not value or not selectors.is_value(value):
            _refuse("pools", "pools", value, "it is not a label value", "letters, digits, - _ . (at most 63)")
    return tuple(found)


def _address(value: Any, param: str, where: str) -> str:
    text = str(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        bare = text.strip().partition("/")[0]
        try:
            use = str(ipaddress.ip_address(bare))
        except ValueError:
            use = "an address such as 172.29.51.1"
    _refuse(param, where, value, "it is not a bare address; each schema gets the form that it wants", use)


def _peers(given: Iterable[Mapping[str, Any]]) -> tuple[Peer, ...]:
    peers = []
    for index, item in enumerate(given):
        where = f"peers[{index}]"
        peers.append(
            Peer(
                _name(item["name"], "peers", f"{where}.name"),
                _address(item["address"], "peers", f"{where}.address"),
                _number(item["asn"], *_ASN, "peers", f"{where}.asn"),
                _number(item.get("port") or PORT, 1, 65535, "peers", f"{where}.port"),
            )
        )
    if not peers:
        _refuse("peers", "peers", [], "a policy without peers announces to nobody", "at least one peer")
    for key in ("name", "address"):
        values = [getattr(peer, key) for peer in peers]
        for value in values:
            if values.count(value) > 1:
                _refuse("peers", f"peers[{values.index(value)}].{key}", value, "two peers have it", f"one {key} each")
    return tuple(sorted(peers, key=lambda peer: peer.name))


def _timers(given: Mapping[str, Any]) -> Timers:
    timers = Timers(
        _number(given.get("connect_retry_seconds") or 120, 1, 2147483647, "timers", "timers.connect_retry_seconds"),
        _number(given.get("hold_seconds") or 90, 3, 65535, "timers", "timers.hold_seconds"),
        _number(given.get("keepalive_seconds") or 30, 1, 65535, "timers", "timers.keepalive_seconds"),
    )
    if timers.keepalive > timers.hold:
        written = "" if given.get("keepalive_seconds") else " (its default)"
        _refuse(
            "timers",
            "timers.keepalive_seconds",
            timers.keepalive,
            f"{timers.keepalive}{written} is longer than the hold time of {timers.hold} s",
            f"{max(1, timers.hold // 3)}",
        )
    return timers


def _restart(given: Mapping[str, Any] | None) -> int | None:
    if given is None:
        return 120
    if not given.get("enabled", True):
        return None
    return _number(given.get("seconds") or 120, 1, 4095, "graceful_restart", "graceful_restart.seconds")


def community_kind(text: str) -> str:
    """Return the key of the CRDs' ``communities`` under which a community belongs, ``""`` when it is none."""
    parts = text.split(":")
    numbers = [int(part) for part in parts if re.fullmatch(r"0|[1-9][0-9]{0,9}", part)]
    if text in WELL_KNOWN:
        return "wellKnown"
    if len(numbers) != len(parts):
        return ""
    if (len(numbers) == 1 and numbers[0] < 2**32) or (len(numbers) == 2 and max(numbers) < 2**16):
        return "standard"
    return "large" if len(numbers) == 3 and max(numbers) < 2**32 else ""


def _communities(given: Iterable[Any], key: str) -> tuple[str, ...]:
    found = sorted({str(value) for value in given})
    for value in found:
        if not community_kind(value):
            _refuse(
                *("communities", f"communities.{key}", value, "it is not a community"),
                'a text such as "64512:100", "64512:1:2" or no-export (quoted: YAML reads some as numbers)',
            )
    return tuple(found)


def _overrides(given: Iterable[Mapping[str, Any]], intent: Intent) -> tuple[Override, ...]:
    found: list[Override] = []
    names = {peer.name for peer in intent.peers}
    for index, item in enumerate(given):
        where = f"node_overrides[{index}]"
        local = []
        for name, address in sorted((item.get("local_addresses") or {}).items()):
            if name not in names:
                _refuse("node_overrides", f"{where}.local_addresses", name, "there is no such peer", _listed(names))
            local.append((name, _address(address, "node_overrides", f"{where}.local_addresses.{name}")))
        router_id = str(item.get("router_id") or "")
        if router_id and ":" in _address(router_id, "node_overrides", f"{where}.router_id"):
            _refuse("node_overrides", f"{where}.router_id", router_id, "a router ID is written as IPv4", "172.29.51.11")
        port = item.get("local_port")
        if port is not None:
            port = _number(port, 1, 65535, "node_overrides", f"{where}.local_port")
        if not (router_id or port or local):
            _refuse(
                "node_overrides", where, dict(item), "it overrides nothing", "router_id, local_port or local_addresses"
            )
        node = _name(item["node"], "node_overrides", f"{where}.node")
        if any(other.node == node for other in found):
            _refuse("node_overrides", f"{where}.node", node, "it is there twice", "one entry per node")
        found.append(Override(node, router_id, port, tuple(local)))
    return tuple(sorted(found, key=lambda override: override.node))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def named(name: str) -> Intent:
    """Return an intent that only has a name, for what is to be deleted."""
    return Intent(_name(name, "name"), 0, ())
