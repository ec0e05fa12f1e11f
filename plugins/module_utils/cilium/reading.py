# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of either schema back to an intent, where one intent can say them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..common.errors import InputError
from . import kinds, selectors
from .intent import PORT, Intent, Override, Peer, Timers

Body = Mapping[str, Any]


class NotOneIntent(InputError):
    """The objects say more than one intent can: different announcements per peer, several instances, ..."""


def _no(body: Body, why: str) -> NotOneIntent:
    return NotOneIntent(f"{kinds.title(body)} cannot be carried over as it is", answer=why)


def from_legacy(policy: Body, pool_label: str = "io.cilium/lb-ipam-pool") -> Intent:
    """Read a CiliumBGPPeeringPolicy; its neighbours have no names, so they get them from their addresses.

    :raises NotOneIntent: it says more than an intent can.
    """
    spec = kinds.spec_of(policy)
    routers = spec.get("virtualRouters") or []
    if len(routers) != 1:
        raise _no(policy, f"it has {len(routers)} virtual routers")
    router = routers[0]
    if router.get("podIPPoolSelector") is not None:
        raise _no(policy, "it announces pod IP pools")
    pools: tuple[str, ...] = ()
    if router.get("serviceSelector") is not None and router.get("serviceAdvertisements") != []:
        pools = _pools(policy, router["serviceSelector"], pool_label)
        if router.get("serviceAdvertisements") not in (None, ["LoadBalancerIP"]):
            raise _no(policy, "it announces other addresses of Services than LoadBalancerIP")
    neighbors = router.get("neighbors") or []
    shared = [_shared_of_neighbor(policy, neighbor) for neighbor in neighbors]
    if any(one != shared[0] for one in shared):
        raise _no(policy, "its neighbours differ in more than address, AS number and port")
    peers = [
        Peer(
            f"peer-{address.replace('.', '-').replace(':', '-')}",
            address,
            neighbor["peerASN"],
            neighbor.get("peerPort", PORT),
        )
        for neighbor in neighbors
        for address in [str(neighbor["peerAddress"]).partition("/")[0]]
    ]
    return Intent(
        name=kinds.name_of(policy),
        local_asn=router["localASN"],
        peers=tuple(sorted(peers, key=lambda peer: peer.name)),
        pool_label=pool_label,
        pools=pools,
        pod_cidr=bool(router.get("exportPodCIDR")),
        node_selector=selectors.canonical(selectors.widened(spec.get("nodeSelector"), kinds.MOVED_LABEL)),
        **shared[0],
    )


def _shared_of_neighbor(policy: Body, neighbor: Body) -> dict[str, Any]:
    communities: dict[str, tuple[str, ...]] = {}
    for entry in neighbor.get("advertisedPathAttributes") or []:
        if entry.get("selector") or entry.get("localPreference") is not None:
            raise _no(
                policy, "its path attributes select pools or set a local preference; the new kinds select Services"
            )
        communities[entry["selectorType"]] = _communities(entry)
    if set(communities) - {"PodCIDR", "CiliumLoadBalancerIPPool"}:
        raise _no(policy, "its path attributes are about pod IP pools")
    return {
        "timers": Timers(
            neighbor.get("connectRetryTimeSeconds", 120),
            neighbor.get("holdTimeSeconds", 90),
            neighbor.get("keepAliveTimeSeconds", 30),
        ),
        "graceful_restart": _restart(neighbor),
        "auth_secret": neighbor.get("authSecretRef", ""),
        # The agent offers both when none is written (v2alpha1 bgp_peering_policy_types.go, SetDefaults).
        "families": _families(neighbor.get("families") or [{"afi": "ipv4"}, {"afi": "ipv6"}]),
        "multihop": neighbor.get("eBGPMultihopTTL", 1),
        "load_balancer_communities": communities.get("CiliumLoadBalancerIPPool", ()),
        "pod_communities": communities.get("PodCIDR", ()),
    }


def from_v2(objects: Iterable[Body], name: str, pool_label: str = "io.cilium/lb-ipam-pool") -> Intent:
    """Read the new kinds' objects that the CiliumBGPClusterConfig ``name`` consists of.

    :raises NotOneIntent: they say more than an intent can.
    """
    listed = list(objects)
    cluster = next((body for body in kinds.of_kind(listed, kinds.CLUSTER) if kinds.name_of(body) == name), None)
    if cluster is None:
        raise NotOneIntent(f"there is no {kinds.CLUSTER} {name}")
    spec = kinds.spec_of(cluster)
    instances = spec.get("bgpInstances") or []
    if len(instances) != 1:
        raise _no(cluster, f"it has {len(instances)} instances")
    instance = instances[0]
    configs = {kinds.name_of(body): body for body in kinds.of_kind(listed, kinds.PEER)}
    adverts = kinds.of_kind(listed, kinds.ADVERTISEMENT)
    peers, shared = [], []
    for peer in instance.get("peers") or []:
        config = configs.get((peer.get("peerConfigRef") or {}).get("name", ""))
        if config is None or not peer.get("peerASN") or not peer.get("peerAddress"):
            raise _no(cluster, f"peer {peer.get('name')} lacks its configuration, AS number or address")
        inner = kinds.spec_of(config)
        port = (inner.get("transport") or {}).get("peerPort", PORT)
        peers.append(Peer(peer["name"], peer["peerAddress"], peer["peerASN"], port))
        shared.append(_shared_of_config(config, adverts, pool_label))
    if not shared or any(one != shared[0] for one in shared):
        raise _no(cluster, "its peers differ in more than address, AS number and port, or there are none")
    return Intent(
        name=name,
        local_asn=instance["localASN"],
        peers=tuple(sorted(peers, key=lambda peer: peer.name)),
        pool_label=pool_label,
        node_selector=selectors.canonical(selectors.widened(spec.get("nodeSelector"), kinds.MOVED_LABEL)),
        overrides=_overrides(listed, instance["name"]),
        **shared[0],
    )


def _shared_of_config(config: Body, adverts: Iterable[Body], pool_label: str) -> dict[str, Any]:
    spec = kinds.spec_of(config)
    families = spec.get("families") or []
    entries: list[list[Body]] = []
    for family in families:
        selected = [
            entry
            for body in adverts
            if selectors.matches(family.get("advertisements"), kinds.labels_of(body), absent=False)
            for entry in kinds.spec_of(body).get("advertisements") or []
        ]
        entries.append(selected)
    if not entries or any(one != entries[0] for one in entries):
        raise _no(config, "its families announce different things, or there are none")
    services = [entry for entry in entries[0] if entry["advertisementType"] == "Service"]
    pods = [entry for entry in entries[0] if entry["advertisementType"] == "PodCIDR"]
    if len(services) > 1 or len(pods) > 1 or len(services) + len(pods) != len(entries[0]):
        raise _no(config, "it selects several advertisements of one type, or ones of other types")
    timers = spec.get("timers") or {}
    return {
        "pools": _pools(config, services[0].get("selector"), pool_label) if services else (),
        "pod_cidr": bool(pods),
        "timers": Timers(
            timers.get("connectRetryTimeSeconds", 120),
            timers.get("holdTimeSeconds", 90),
            timers.get("keepAliveTimeSeconds", 30),
        ),
        "graceful_restart": _restart(spec),
        "auth_secret": spec.get("authSecretRef", ""),
        "families": _families(families),
        "multihop": spec.get("ebgpMultihop", 1),
        "load_balancer_communities": _communities(services[0].get("attributes") or {}) if services else (),
        "pod_communities": _communities(pods[0].get("attributes") or {}) if pods else (),
    }


def _overrides(objects: Iterable[Body], instance: str) -> tuple[Override, ...]:
    found = []
    for body in kinds.of_kind(objects, kinds.OVERRIDE):
        for entry in kinds.spec_of(body).get("bgpInstances") or []:
            if entry.get("name") == instance:
                local = [
                    (peer["name"], peer["localAddress"])
                    for peer in entry.get("peers") or []
                    if peer.get("localAddress")
                ]
                found.append(
                    Override(
                        kinds.name_of(body), entry.get("routerID", ""), entry.get("localPort"), tuple(sorted(local))
                    )
                )
    return tuple(sorted(found, key=lambda override: override.node))


def _pools(body: Body, selector: Mapping[str, Any] | None, pool_label: str) -> tuple[str, ...]:
    values = selectors.allowed(selector, pool_label)
    if values is None or selectors.widened(selector, pool_label) is not None:
        raise _no(body, f"its Service selector is not a list of values of {pool_label}")
    return tuple(sorted(values))


def _families(families: Iterable[Body]) -> tuple[str, ...]:
    return tuple(sorted(family["afi"] for family in families))


def _restart(body: Body) -> int | None:
    restart = body.get("gracefulRestart") or {}
    return restart.get("restartTimeSeconds", 120) if restart.get("enabled") else None


def _communities(body: Body) -> tuple[str, ...]:
    return tuple(sorted(value for values in (body.get("communities") or {}).values() for value in values))
