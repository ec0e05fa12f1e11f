# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent of one node makes of the Cilium objects: its BGP instances. Pure; both generations of kinds.

Source: cilium/cilium v1.17 ``pkg/bgpv1/agent/controller.go``, ``pkg/bgpv1/manager/{reconciler,reconcilerv2}``.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...bgp.addresses import ipv6_of
from ...bgp.plan import Instance, Peer
from ..api import Object
from ..base import selector_matches
from . import bgp_routes as routes

ANNOTATION = "cilium.io/bgp-virtual-router."
TWO_POLICIES = (
    "more then one CiliumBGPPeeringPolicy applies to this node, please ensure only a single Policy matches this node's "
    "labels"
)
BOTH = ("ipv4", "ipv6")


class Refused(Exception):
    """The agent cannot act on what it read; the message is its log line."""


@dataclass
class View:
    """The objects that the agents look at."""

    policies: list[Object] = field(default_factory=list)
    node_configs: list[Object] = field(default_factory=list)
    peer_configs: list[Object] = field(default_factory=list)
    advertisements: list[Object] = field(default_factory=list)
    services: list[Object] = field(default_factory=list)
    pools: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    slices: list[Object] = field(default_factory=list)
    secrets: list[Object] = field(default_factory=list)
    """Those of the BGP secrets namespace."""


@dataclass
class Decision:
    """What a node does: ``mode`` is ``legacy``, ``v2`` or empty; ``problems`` are the agent's log lines."""

    mode: str = ""
    instances: list[Instance] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def decide(cilium_node: Object, annotations: dict[str, str], address: str, view: View) -> Decision:
    """Return the instances of one node.

    :param annotations: those of the Node; :param address: its IPv4 address.
    """
    labels = cilium_node["metadata"].get("labels") or {}
    name = cilium_node["metadata"]["name"]
    mine = [
        p
        for p in view.policies
        if selector_matches((p.get("spec") or {}).get("nodeSelector"), labels, when_absent=True)
    ]
    decision = Decision()
    if len(mine) > 1:
        decision.problems.append(TWO_POLICIES)
        return decision
    if mine:
        decision.mode = "legacy"
        for router in (mine[0].get("spec") or {}).get("virtualRouters") or []:
            try:
                decision.instances.append(_legacy(router, cilium_node, annotations, address, view, decision.problems))
            except Refused as refusal:  # one malformed router fails the node's whole reconcile
                decision.problems.append(str(refusal))
                decision.instances.clear()
                break
        return decision
    config = next((c for c in view.node_configs if c["metadata"]["name"] == name), None)
    if config is not None:
        decision.mode = "v2"
        for instance in (config.get("spec") or {}).get("bgpInstances") or []:
            if not instance.get("localASN"):
                decision.problems.append("missing ASN in desired config")
                continue
            decision.instances.append(_modern(instance, cilium_node, address, view, decision.problems))
    return decision


# -- the legacy kind ---------------------------------------------------------------------------------------------------
def _legacy(
    router: Object, node: Object, annotations: dict[str, str], address: str, view: View, problems: list[str]
) -> Instance:
    asn = router["localASN"]
    router_id, port = _overrides(annotations, asn, address)
    name = node["metadata"]["name"]
    services = routes.matching_services(view.services, router.get("serviceSelector"))
    kinds = router.get("serviceAdvertisements", ["LoadBalancerIP"])
    prefixes = [p for s in services for p in routes.service_prefixes(s, kinds, name, view.pods, view.slices)]
    if router.get("exportPodCIDR"):
        prefixes += routes.pod_prefixes(node)
    peers = []
    for neighbor in router.get("neighbors") or []:
        secret = _password(neighbor.get("authSecretRef"), view, problems)
        if secret is None:
            continue
        families = _families(neighbor.get("families")) or BOTH
        announced = routes.Announcements(internal=neighbor["peerASN"] == asn)
        for family in families:
            announced.add(prefixes, family)
        for entry in neighbor.get("advertisedPathAttributes") or []:
            try:
                announced.colour(_selected(entry, node, view, announced.announced()), entry)
            except Refused as refusal:
                problems.append(str(refusal))
        remote = neighbor["peerAddress"].partition("/")[0]
        peers.append(
            Peer(
                name=remote,
                address=remote,
                asn=neighbor["peerASN"],
                local_address=_local(remote, address),
                port=neighbor.get("peerPort") or 179,
                password=secret,
                families=families,
                exports=announced.exports(),
                multihop=neighbor.get("eBGPMultihopTTL") or 1,
                restart_seconds=_restart(neighbor.get("gracefulRestart")),
                **_timers(neighbor),
            )
        )
    return Instance(str(asn), address, asn, router_id, port, tuple(peers))


def _overrides(annotations: dict[str, str], asn: int, address: str) -> tuple[str, int]:
    """Return router ID and local port; an annotation on the Node sets either."""
    text = annotations.get(f"{ANNOTATION}{asn}")
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals or key not in ("router-id", "local-port"):
            raise Refused(f"failed to parse annotation {ANNOTATION}{asn}: {part!r}")
        found[key] = value
    port = found.get("local-port", "-1")
    if not port.lstrip("-").isdigit():
        raise Refused(f"failed to parse annotation {ANNOTATION}{asn}: local-port {port!r}")
    return found.get("router-id", address), int(port)


def _selected(entry: Object, node: Object, view: View, announced: list[str]) -> list[str]:
    """Return the prefixes that ``advertisedPathAttributes`` of the legacy kind speak of."""
    selector = entry.get("selector")
    if entry["selectorType"] == "PodCIDR":
        matches = selector_matches(selector, node["metadata"].get("labels") or {}, when_absent=True)
        return routes.pod_prefixes(node) if matches else []
    if entry["selectorType"] != "CiliumLoadBalancerIPPool":
        return []
    found = []
    for pool in view.pools:
        spec = pool.get("spec") or {}
        if spec.get("disabled") or not selector_matches(
            selector, pool["metadata"].get("labels") or {}, when_absent=True
        ):
            continue
        for block in spec.get("blocks") or []:
            if not block.get("cidr"):
                raise Refused("failed to parse IPAM pool CIDR : invalid CIDR address")
            network = ipaddress.ip_network(block["cidr"], strict=False)
            for prefix in announced:
                address = ipaddress.ip_network(prefix)
                if address.version == network.version and address.network_address in network:
                    found.append(prefix)
    return found


# -- the kinds that replace it -----------------------------------------------------------------------------------------
def _modern(instance: Object, node: Object, address: str, view: View, problems: list[str]) -> Instance:
    peers = []
    for entry in instance.get("peers") or []:
        remote = (entry.get("peerAddress") or "").strip()
        if not remote:  # skipped without a word, as the agent does
            continue
        reference = (entry.get("peerConfigRef") or {}).get("name")
        config = _named(view.peer_configs, reference) if reference else None
        if reference and config is None:
            problems.append(f"peer config {reference!r} of peer {entry['name']!r} not found")
            continue
        spec = (config or {}).get("spec") or {}
        secret = _password(spec.get("authSecretRef"), view, problems)
        if secret is None:
            continue
        asn = entry.get("peerASN") or 0
        announced = routes.Announcements(internal=asn == instance["localASN"])
        try:
            _announce(announced, spec, node, view)
        except Refused as refusal:
            problems.append(str(refusal))
        peers.append(
            Peer(
                name=entry["name"],
                address=remote,
                asn=asn,
                local_address=entry.get("localAddress") or _local(remote, address),
                port=(spec.get("transport") or {}).get("peerPort") or 179,
                password=secret,
                families=_families(spec.get("families")) or BOTH,
                exports=announced.exports(),
                multihop=spec.get("ebgpMultihop") or 1,
                restart_seconds=_restart(spec.get("gracefulRestart")),
                **_timers(spec.get("timers") or {}),
            )
        )
    router_id, port = instance.get("routerID") or address, instance.get("localPort") or -1
    return Instance(instance["name"], address, instance["localASN"], router_id, port, tuple(peers))


def _announce(announced: routes.Announcements, spec: Object, node: Object, view: View) -> None:
    """Join the families of a peer's config with the advertisements by labels; no selector chooses none."""
    name = node["metadata"]["name"]
    chosen = []
    for family in spec.get("families") or []:
        if family.get("safi") != "unicast" or family.get("afi") not in BOTH:
            continue
        for advertisement in view.advertisements:
            labels = advertisement["metadata"].get("labels") or {}
            if selector_matches(family.get("advertisements"), labels, when_absent=False):
                entries = (advertisement.get("spec") or {}).get("advertisements") or []
                chosen += [(family["afi"], entry) for entry in entries]
    for afi, entry in chosen:
        if entry["advertisementType"] == "PodCIDR":
            announced.add(routes.pod_prefixes(node), afi, entry.get("attributes"))
    for _unused, entry in chosen:
        if entry["advertisementType"] == "Service" and not entry.get("service"):
            if routes.matching_services(view.services, entry.get("selector")):
                raise Refused("advertisement has no service options")
    for afi, entry in chosen:
        if entry["advertisementType"] == "Service" and entry.get("service"):
            kinds = entry["service"].get("addresses") or []
            for service in routes.matching_services(view.services, entry.get("selector")):
                prefixes = routes.service_prefixes(service, kinds, name, view.pods, view.slices)
                announced.add(prefixes, afi, entry.get("attributes"))


# -- shared ------------------------------------------------------------------------------------------------------------
def _named(objects: Iterable[Object], name: str) -> Object | None:
    return next((obj for obj in objects if obj["metadata"]["name"] == name), None)


def _password(reference: str | None, view: View, problems: list[str]) -> str | None:
    """Return the MD5 password, empty without one; None when the peer cannot be made."""
    if not reference:
        return ""
    secret = _named(view.secrets, reference)
    if secret is None:
        problems.append(f'Failed to fetch secret "{reference}": not found (will continue with empty password)')
        return ""
    password = base64.b64decode((secret.get("data") or {}).get("password") or "").decode(errors="replace")
    if not password:
        problems.append(f'failed to fetch secret "{reference}": missing password key')
        return None
    return password


def _families(families: list[Object] | None) -> tuple[str, ...]:
    found = [f["afi"] for f in families or [] if f.get("safi") == "unicast" and f.get("afi") in BOTH]
    return tuple(dict.fromkeys(found))


def _timers(spec: Object) -> dict[str, int]:
    return {
        "hold_seconds": spec.get("holdTimeSeconds") or 90,
        "keepalive_seconds": spec.get("keepAliveTimeSeconds") or 30,
        "connect_retry_seconds": spec.get("connectRetryTimeSeconds") or 120,
    }


def _restart(spec: Object | None) -> int:
    return (spec.get("restartTimeSeconds") or 120) if spec and spec.get("enabled") else 0


def _local(remote: str, address: str) -> str:
    return ipv6_of(address) if ":" in remote else address
