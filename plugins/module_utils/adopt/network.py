# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools and BGP, out of Cilium's objects and the router's FRR configuration, which have to agree."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from ..frr import view as frr
from ..repository.objects import Object
from ..repository.spot import dig, listing, mapping, string
from ..repository.view import Repository, Router
from .cluster import values
from .draft import Draft, Seen, first

_LABEL = "io.cilium/lb-ipam-pool"
_IPS = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")

_RETRY = ("spec", "timers", "connectRetryTimeSeconds")


def fill(draft: Draft, repository: Repository) -> None:
    """Fill the pools, the networks around them, and BGP."""
    _pools(draft, repository)
    speaker = _speaker(repository)
    _bgp(draft, repository, speaker)
    _around(draft, speaker)
    _cilium(draft, repository)


def _speaker(repository: Repository) -> tuple[Router, frr.Router] | None:
    """Return the router's configuration with the most neighbours: older copies tend to lie beside it."""
    found = [(router, instance) for router in repository.routers for instance in router.view.routers.values()]
    return max(found, key=lambda pair: len(pair[1].speakers()), default=None)


def _pools(draft: Draft, repository: Repository) -> None:
    found, label, spot = [], None, None
    for item in repository.of("CiliumLoadBalancerIPPool", made=False):
        blocks = [block for _path, block in item.maps("spec", "blocks")]
        for number, block in enumerate(blocks, start=1):
            name = item.name if number == 1 else f"{item.name}-{number}"
            kept = {key: string(block.get(key)) for key in ("start", "stop", "cidr") if block.get(key)}
            found.append({"name": name, **kept})
        spot = spot or item.at("spec", "blocks")
        for key, value in item.map("spec", "serviceSelector", "matchLabels").items():
            if value == item.name and label is None:
                label = Seen(key, item.at("spec", "serviceSelector", "matchLabels", key))
    draft.default(("load_balancers", "selector_label"), _LABEL, "No pool selects by its own name.", label)
    question = "The pools of addresses for Services: name, start and stop, or cidr, of each."
    draft.need(("load_balancers", "pools"), question, Seen(found, spot) if spot is not None else None)
    pinned: dict[str, str] = {}
    place = None
    for service in repository.of("Service"):
        for key in _IPS:
            text = service.annotations.get(key, "")
            if text and "," not in text:
                pinned.setdefault(service.name.replace("-", "_"), text)
                place = place or service.at("metadata", "annotations", key)
    if place is not None:
        draft.found(("load_balancers", "pinned"), Seen(pinned, place))


def _instances(repository: Repository) -> Iterator[tuple[Object, Any, dict[str, Any]]]:
    """Yield object, path and value of each BGP instance, of the new kind first."""
    for item in repository.of("CiliumBGPClusterConfig", made=False):
        for path, instance in item.maps("spec", "bgpInstances"):
            yield item, path, instance
    for item in repository.of("CiliumBGPPeeringPolicy", made=False):
        for path, instance in item.maps("spec", "virtualRouters"):
            yield item, path, instance


def _of_instances(repository: Repository, *names: str) -> Iterator[Seen]:
    for item, path, instance in _instances(repository):
        for name in names:
            if instance.get(name) is not None:
                yield Seen(instance[name], item.at(*path, name))


def _of_peers(repository: Repository, *names: str) -> Iterator[Seen]:
    for item, path, instance in _instances(repository):
        for key in ("peers", "neighbors"):
            for index, peer in enumerate(listing(instance.get(key))):
                for name in names:
                    if dig(peer, name) is not None:
                        yield Seen(dig(peer, name), item.at(*path, key, index, name))


def _bgp(draft: Draft, repository: Repository, speaker: tuple[Router, frr.Router] | None) -> None:
    router, instance = speaker if speaker else (None, None)
    own = [peer for peer in instance.speakers() if peer.remote_as] if instance else []
    groups = [peer for peer in instance.peers.values() if peer.is_group] if instance else []
    asn = next((peer for peer in (*own, *groups) if (peer.remote_as or "").isdigit()), None)
    draft.need(
        ("bgp", "cluster_asn"),
        "The cluster's AS number.",
        first(_of_instances(repository, "localASN")),
        Seen(int(asn.remote_as), router.at(asn.line)) if router and asn and asn.remote_as else None,
    )
    draft.need(
        ("bgp", "router", "asn"),
        "The router's AS number.",
        Seen(int(instance.asn), router.at(instance.line)) if router and instance and instance.asn.isdigit() else None,
        first(_of_peers(repository, "peerASN")),
    )
    peers = [Seen(string(item.value).partition("/")[0], item.spot) for item in _of_peers(repository, "peerAddress")]
    draft.need(
        ("bgp", "router", "address"),
        "The router's address that the nodes peer with.",
        first(iter(peers)),
        Seen(instance.router_id, router.at(instance.line)) if router and instance and instance.router_id else None,
    )
    draft.need(
        ("bgp", "router", "router_id"),
        "The router's BGP id, usually its address.",
        Seen(instance.router_id, router.at(instance.line)) if router and instance and instance.router_id else None,
        first(iter(peers)),
    )
    draft.default(
        ("bgp", "router", "peer_group"),
        string(draft.at("cluster", "name")) or "cluster",
        "The router has no group of neighbours.",
        Seen(groups[0].name, router.at(groups[0].line)) if router and groups else None,
    )
    draft.default(("bgp", "api"), "auto", "What the API server serves decides.")
    configs = repository.of("CiliumBGPPeerConfig", made=False)
    seen = [Seen(item.get(*_RETRY), item.at(*_RETRY)) for item in configs]
    why = "Cilium's own default of 120 seconds keeps a path away for minutes after one refused dial."
    draft.default(("bgp", "connect_retry_seconds"), 5, why, first(item for item in seen if item.value))
    for key, path, default in (
        ("graceful_restart_seconds", ("gracefulRestart", "restartTimeSeconds"), 120),
        ("hold_seconds", ("timers", "holdTimeSeconds"), 90),
        ("keepalive_seconds", ("timers", "keepAliveTimeSeconds"), 30),
    ):
        seen = [Seen(item.get("spec", *path), item.at("spec", *path)) for item in configs]
        draft.default(("bgp", key), default, "Cilium's own default.", first(item for item in seen if item.value))
    _announced(draft, repository)
    paths = max(instance.maximum_paths.values(), default=0) if instance else 0
    draft.default(
        ("bgp", "maximum_paths"),
        max(1, len(draft.at("nodes") or [])),
        "One path per node.",
        Seen(paths, router.at(instance.line)) if router and instance and paths else None,
    )
    secured = [Seen(True, item.at("spec", "authSecretRef")) for item in configs if item.get("spec", "authSecretRef")]
    if router and instance and any(peer.password for peer in instance.peers.values()):
        secured.append(Seen(True, router.at(instance.line)))
    draft.default(("bgp", "authentication"), False, "Neither end has a password.", first(iter(secured)))


def _announced(draft: Draft, repository: Repository) -> None:
    pods, pools = [], []
    for item in repository.of("CiliumBGPAdvertisement", made=False):
        for path, entry in item.maps("spec", "advertisements"):
            if entry.get("advertisementType") == "PodCIDR":
                pods.append(Seen(True, item.at(*path, "advertisementType")))
            pools += [Seen(names, item.at(*path, "selector")) for names in _names(entry.get("selector"))]
    pods += [item for item in _of_instances(repository, "exportPodCIDR") if item.value is True]
    for seen in _of_instances(repository, "serviceSelector"):
        pools += [Seen(names, seen.spot) for names in _names(seen.value)]
    draft.default(("bgp", "announce_pods"), False, "No advertisement is of the type PodCIDR.", first(iter(pods)))
    known = [pool["name"] for pool in draft.at("load_balancers", "pools") or []]
    draft.default(
        ("bgp", "advertised_pools"),
        known,
        "No advertisement names pools, so all are meant.",
        first(item for item in pools if set(item.value) <= set(known)),
    )


def _names(selector: Any) -> Iterator[list[str]]:
    """Yield the lists of values that a selector names."""
    for entry in listing(mapping(selector).get("matchExpressions")):
        if dig(entry, "operator") == "In":
            yield [string(item) for item in listing(dig(entry, "values"))]
    for value in mapping(mapping(selector).get("matchLabels")).values():
        yield [string(value)]


def _parsed(text: Any) -> Any:
    try:
        return ipaddress.ip_network(string(text), strict=False)
    except ValueError:
        return None


def _around(draft: Draft, speaker: tuple[Router, frr.Router] | None) -> None:
    """Fill the networks that only the router knows: that of the pools, and the one that holds all of the house."""
    rules = []
    if speaker:
        for (family, _name), entries in speaker[0].view.prefix_lists.items():
            rules += [(rule, speaker[0].at(rule.line)) for rule in entries if rule.permit and family == "ip"]
    pools = [
        net
        for pool in draft.at("load_balancers", "pools") or []
        if (net := _parsed(pool.get("cidr") or pool.get("start"))) is not None and net.version == 4
    ]
    nodes = _parsed(draft.at("networks", "management", "ipv4"))
    holding = [
        (rule.network, spot)
        for rule, spot in rules
        if rule.network is not None and pools and all(net.subnet_of(rule.network) for net in pools)
    ]
    own = [(net, spot) for net, spot in holding if nodes is None or not net.overlaps(nodes)]
    both = [(net, spot) for net, spot in holding if nodes is not None and nodes.subnet_of(net)]
    base = ("networks", "load_balancers")
    draft.ask((*base, "vlan"), "The VLAN of the pools, in which no node lives.")
    best = max(own, key=lambda pair: pair[0].prefixlen, default=None)
    draft.need((*base, "ipv4"), "The network that holds all pools.", Seen(str(best[0]), best[1]) if best else None)
    lan = _parsed(draft.at(*base, "ipv4"))
    if lan is not None:
        draft.default((*base, "gateway"), str(lan[1]), "The network's first address; the repository says none.")
    else:
        draft.ask((*base, "gateway"), "The router's address in the network of the pools.")
    peer = _parsed(draft.at("bgp", "router", "address"))
    if (
        nodes is not None
        and peer is not None
        and peer.subnet_of(nodes)
        and not draft.at("networks", "management", "gateway")
    ):
        draft.default(
            ("networks", "management", "gateway"),
            string(draft.at("bgp", "router", "address")),
            "The nodes peer with this address of the router; no route says another one.",
        )
    wide = min(both, key=lambda pair: pair[0].prefixlen, default=None)
    question = "The network that holds all of the house, nodes and pools at least."
    draft.need(("networks", "supernet", "ipv4"), question, Seen(str(wide[0]), wide[1]) if wide else None)


def _cilium(draft: Draft, repository: Repository) -> None:
    reason = "The default of Cilium's chart."
    releases = [item for item in repository.releases if item.chart == "cilium"]
    draft.default(
        ("cilium", "namespace"),
        "kube-system",
        "Where Cilium is installed as a rule.",
        Seen(releases[0].namespace, releases[0].object.at("metadata", "namespace")) if releases else None,
    )
    for key, path, default in (
        ("hubble", ("hubble", "enabled"), True),
        ("operator_replicas", ("operator", "replicas"), 2),
        ("acceleration", ("loadBalancer", "acceleration"), "disabled"),
        ("load_balancer_algorithm", ("loadBalancer", "algorithm"), "random"),
        ("load_balancer_mode", ("loadBalancer", "mode"), "snat"),
        ("prometheus", ("prometheus", "enabled"), False),
    ):
        draft.default(("cilium", key), default, reason, first(values(repository, "cilium", *path)))
