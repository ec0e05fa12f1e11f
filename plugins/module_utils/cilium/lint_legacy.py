# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the legacy kind (CiliumBGPPeeringPolicy v2alpha1), and those that both schemas can have. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from . import kinds, pools as pool_rules, selectors
from .findings import EMPTY, MISSING, Around, Body, Finding

#: What the agent can carry (cilium/cilium ``pkg/bgpv1/types``); the schema names many more.
_CARRIED = {("ipv4", "unicast"), ("ipv6", "unicast")}


def findings(objects: list[Body], around: Around) -> Iterator[Finding]:
    """Judge every legacy policy."""
    for policy in kinds.of_kind(objects, kinds.LEGACY):
        yield from _policy(policy, around)


def _policy(policy: Body, around: Around) -> Iterator[Finding]:
    title, spec = kinds.title(policy), kinds.spec_of(policy)
    yield from selector(title, "spec.nodeSelector", spec.get("nodeSelector"))
    routers = spec.get("virtualRouters") or []
    if not routers:
        yield Finding(6, title, "spec.virtualRouters", None, "nothing is announced to anybody", "one router", "BGP001")
    numbers = [router.get("localASN") for router in routers]
    for index, router in enumerate(routers):
        where = f"spec.virtualRouters[{index}]"
        if numbers.count(router.get("localASN")) > 1:
            yield Finding(
                *(12, title, f"{where}.localASN", router.get("localASN")),
                *("two routers of one policy have it", "one router per AS number", "BGP014"),
            )
        if not router.get("localASN"):
            yield Finding(
                *(9, title, f"{where}.localASN", router.get("localASN"), "no session can be opened with it"),
                *("an AS number from 1 to 4294967295", "BGP016"),
            )
        yield from selector(title, f"{where}.serviceSelector", router.get("serviceSelector"))
        yield from selector(title, f"{where}.podIPPoolSelector", router.get("podIPPoolSelector"))
        if router.get("serviceAdvertisements") == []:
            yield Finding(
                *(6, title, f"{where}.serviceAdvertisements", [], "no address of a Service is announced"),
                *("[LoadBalancerIP]", "BGP001"),
            )
        if (
            router.get("serviceSelector") is None
            and not router.get("exportPodCIDR")
            and not router.get("podIPPoolSelector")
        ):
            yield Finding(
                *(3, title, f"{where}.serviceSelector", None, "an absent selector selects no Service"),
                *("a selector such as io.cilium/lb-ipam-pool In [...]", "BGP002"),
            )
        yield from _neighbors(title, where, router, around)


def _neighbors(title: str, where: str, router: Body, around: Around) -> Iterator[Finding]:
    neighbors = router.get("neighbors") or []
    addresses = [bare(item.get("peerAddress")) for item in neighbors]
    for index, item in enumerate(neighbors):
        place = f"{where}.neighbors[{index}]"
        address = str(item.get("peerAddress") or "")
        if addresses.count(addresses[index]) > 1:
            yield Finding(
                *(8, title, f"{place}.peerAddress", address, "two neighbours have it"),
                *("one neighbour per address", "BGP015"),
            )
        host, _slash, length = address.partition("/")
        wanted = _host_length(host)
        if not wanted or length != wanted:
            yield Finding(
                *(9, title, f"{place}.peerAddress", address, "it is not the address of one host"),
                *(f"{host}/{wanted}" if wanted else "an address with /32 or /128", "BGP015"),
            )
        if not item.get("peerASN"):
            yield Finding(
                *(9, title, f"{place}.peerASN", item.get("peerASN"), "the legacy kind cannot take it from the peer"),
                *("the router's AS number", "BGP016"),
            )
        yield from timers(title, place, item)
        yield from families(title, f"{place}.families", item.get("families") or [])
        yield from secret(title, f"{place}.authSecretRef", item.get("authSecretRef"), around)
        internal = item.get("peerASN") == router.get("localASN")
        for number, entry in enumerate(item.get("advertisedPathAttributes") or []):
            inner = f"{place}.advertisedPathAttributes[{number}]"
            yield from selector(title, f"{inner}.selector", entry.get("selector"))
            yield from preference(title, f"{inner}.localPreference", entry.get("localPreference"), internal)
            if entry.get("selectorType") == "CiliumLoadBalancerIPPool":
                yield from _ranges(title, inner, entry, around)


def _ranges(title: str, where: str, entry: Body, around: Around) -> Iterator[Finding]:
    """Pool attributes read ``blocks[].cidr`` only: another block fails the whole reconcile (``route_policy.go``)."""
    for pool in around.pools or ():
        spec = kinds.spec_of(pool)
        if spec.get("disabled") or not selectors.matches(entry.get("selector"), kinds.labels_of(pool), absent=True):
            continue
        for block in spec.get("blocks") or []:
            if block.get("cidr"):
                continue
            use = ", ".join(pool_rules.as_cidrs(block)) or "a block with cidr"
            yield Finding(
                *(14, title, f"{where}.selectorType", "CiliumLoadBalancerIPPool"),
                f"pool {kinds.name_of(pool)} has the range {block.get('start')} to {block.get('stop')}, and the legacy "
                "agent fails on anything but cidr",
                f"api v2, or the blocks {use}, or no communities of Services",
            )


# shared with the new kinds


def selector(title: str, where: str, value: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Judge one label selector."""
    for place, wrong, reason, use in selectors.faults(value):
        yield Finding(0, title, f"{where}.{place}", wrong, f"it {reason}", use)


def timers(title: str, where: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    """Judge hold and keepalive, defaults filled in as the server does."""
    hold, keepalive = given.get("holdTimeSeconds", 90), given.get("keepAliveTimeSeconds", 30)
    if keepalive > hold:
        written = "" if "keepAliveTimeSeconds" in given else "the default "
        yield Finding(
            *(10, title, f"{where}.keepAliveTimeSeconds", given.get("keepAliveTimeSeconds")),
            *(f"{written}{keepalive} s is longer than the hold time of {hold} s", str(max(1, hold // 3))),
        )


def families(title: str, where: str, given: list[Body]) -> Iterator[Finding]:
    """Judge a list of families."""
    pairs = [(str(item.get("afi")), str(item.get("safi"))) for item in given]
    for index, pair in enumerate(pairs):
        if pair not in _CARRIED:
            yield Finding(
                *(11, title, f"{where}[{index}]", "/".join(pair), "Cilium carries unicast of IPv4 and IPv6 only"),
                "ipv4/unicast or ipv6/unicast",
            )
        elif pairs.index(pair) != index:
            yield Finding(11, title, f"{where}[{index}]", "/".join(pair), "it is there twice", "each family once")


def preference(title: str, where: str, value: int | None, internal: bool | None) -> Iterator[Finding]:
    """Judge a local preference.

    :param internal: whether the session is iBGP, None when not known.
    """
    if value is None:
        return
    if not 0 <= value <= 4294967295:
        yield Finding(19, title, where, value, "it is out of range", "0 to 4294967295")
    elif internal is False:
        yield Finding(19, title, where, value, "it is not sent to a peer of another AS", "no local preference")


def secret(title: str, where: str, name: str | None, around: Around) -> Iterator[Finding]:
    """Judge the Secret that a password comes from (key ``password``, BGP secrets namespace)."""
    state = (around.secrets or {}).get(name or "")
    if not name or state is None:
        return
    if state == MISSING:
        yield Finding(
            *(13, title, where, name, "there is no such Secret: the session is tried with an empty password"),
            *("a Secret with the key password in the BGP secrets namespace", "BGP006"),
        )
    elif state == EMPTY:
        yield Finding(
            *(13, title, where, name, "its key password is absent or empty: the peer is not created"),
            *("a Secret whose key password is filled", "BGP019"),
        )


def bare(address: Any) -> str:
    """Return an address without its length, in one form."""
    text = str(address or "").strip().partition("/")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _host_length(host: str) -> str:
    try:
        return "32" if ipaddress.ip_address(host).version == 4 else "128"
    except ValueError:
        return ""
