# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Service is announced by whom, followed link by link: label, pool, advertisement, family, peer, node. No I/O.

The links are those of the agent (cilium/cilium ``pkg/bgpv1/manager/reconcilerv2/service.go``, the new kinds, and
``pkg/bgpv1/manager/reconciler/service.go``, the legacy one): an advertisement sees a Service's labels, and its name and
namespace as labels; each address goes to the peers of its own family; with ``externalTrafficPolicy: Local`` only nodes
with an endpoint that is not terminating announce.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from . import kinds, pools as pool_rules, selectors

Body = Mapping[str, Any]

#: The class whose Services BGP announces; an unset one means everybody's.
_CLASSES = ("", "io.cilium/bgp-control-plane")


@dataclass(frozen=True)
class Link:
    """One announcement of one address.

    :param policy: ``CiliumBGPClusterConfig home-ops``.
    :param advertisement: ``CiliumBGPAdvertisement home-ops``; the policy itself in the legacy kind.
    :param nodes: the nodes that announce it, None when the nodes are not known.
    """

    policy: str
    advertisement: str
    peer: str
    peer_address: str
    nodes: tuple[str, ...] | None


@dataclass(frozen=True)
class Reach:
    """One address of a Service (or a Service that has none), and how far it gets.

    :param pool_selects: whether the pool's ``serviceSelector`` matches the Service; None when there is no pool.
    :param broken: the first link that is missing, ``""`` when the address is announced.
    :param foreign: the Service names the class of another implementation, so nothing of Cilium ever serves it.
    """

    namespace: str
    name: str
    address: str
    pool: str
    label: str
    links: tuple[Link, ...] = ()
    broken: str = ""
    local: bool = False
    pool_selects: bool | None = None
    foreign: bool = False

    @property
    def nodes(self) -> list[str]:
        """The nodes that announce it."""
        return sorted({node for link in self.links for node in link.nodes or ()})

    def as_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return {**asdict(self), "nodes": self.nodes, "advertised": bool(self.links)}


@dataclass(frozen=True)
class Cluster:
    """What the way is judged by."""

    objects: tuple[Body, ...]
    pools: tuple[Body, ...]
    services: tuple[Body, ...]
    nodes: Mapping[str, Mapping[str, str]] | None = None
    slices: tuple[Body, ...] = ()
    pool_label: str = "io.cilium/lb-ipam-pool"


def reaches(cluster: Cluster) -> list[Reach]:
    """Return every Service of type LoadBalancer, address by address."""
    found = []
    for service in sorted(cluster.services, key=_key):
        if (service.get("spec") or {}).get("type") == "LoadBalancer":
            found += _service(service, cluster)
    return found


def _key(service: Body) -> tuple[str, str]:
    metadata = service.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _service(service: Body, cluster: Cluster) -> list[Reach]:
    namespace, name = _key(service)
    labels = pool_rules.service_labels(service)
    label = labels.get(cluster.pool_label, "")
    more: dict[str, Any] = {"local": _is_local(service), "foreign": not pool_rules.takes_part(service)}
    given = pool_rules.addresses(service)
    if not given:
        return [Reach(namespace, name, "", "", label, broken=_unassigned(service, labels, cluster), **more)]
    result = []
    for address in given:
        pool, selects = _holder(address, labels, cluster)
        links, broken = _links(service, labels, f"ipv{address.version}", cluster)
        found = Reach(namespace, name, str(address), pool, label, tuple(links), "" if links else broken, **more)
        result.append(replace(found, pool_selects=selects))
    return result


def _holder(address: pool_rules.Address, labels: Mapping[str, str], cluster: Cluster) -> tuple[str, bool | None]:
    """Return the pool that holds an address and whether its selector matches; of several rather one that matches."""
    found = [
        (kinds.name_of(pool), selectors.matches(kinds.spec_of(pool).get("serviceSelector"), labels, absent=True))
        for pool in cluster.pools
        if any(one.holds(address) for one in pool_rules.ranges(pool))
    ]
    return max(found, key=lambda one: one[1]) if found else ("", None)


def _unassigned(service: Body, labels: Mapping[str, str], cluster: Cluster) -> str:
    """Say why a Service has no address."""
    if (service.get("spec") or {}).get("loadBalancerClass") and not pool_rules.takes_part(service):
        return f"LB-IPAM does not serve the class {service['spec']['loadBalancerClass']}"
    fitting = [
        kinds.name_of(pool)
        for pool in cluster.pools
        if not kinds.spec_of(pool).get("disabled")
        and selectors.matches(kinds.spec_of(pool).get("serviceSelector"), labels, absent=True)
    ]
    # Before the operator's own words, which only say that no pool matches.
    annotations = (service.get("metadata") or {}).get("annotations") or {}
    if not fitting and cluster.pool_label in annotations and cluster.pool_label not in labels:
        return f"no pool selects it: {cluster.pool_label} is an annotation, and Cilium reads the label"
    conditions = {entry.get("type"): entry for entry in (service.get("status") or {}).get("conditions") or []}
    for kind in ("cilium.io/IPAMRequestSatisfied", "io.cilium/lb-ipam-request-satisfied"):
        entry = conditions.get(kind) or {}
        if entry.get("status") == "False":
            return f"no address: {entry.get('message') or entry.get('reason')}"
    if fitting:
        return f"no address yet, although pool {', '.join(fitting)} selects it: does the operator of Cilium run?"
    value = labels.get(cluster.pool_label)
    return f"no pool selects it ({cluster.pool_label} is {value or 'not set'})"


def _links(service: Body, labels: Mapping[str, str], family: str, cluster: Cluster) -> tuple[list[Link], str]:
    """Return the announcements of a Service's addresses of one family, and the first missing link if there is none."""
    if ((service.get("spec") or {}).get("loadBalancerClass") or "") not in _CLASSES:
        return [], f"BGP does not announce the class {service['spec']['loadBalancerClass']}"
    found: list[Link] = []
    reasons: list[str] = []
    taken: set[str] = set()
    for policy in kinds.of_kind(cluster.objects, kinds.LEGACY):
        nodes = _nodes(policy, service, cluster)
        taken |= set(_selected(policy, cluster) or ())
        for router in kinds.spec_of(policy).get("virtualRouters") or []:
            wanted = router.get("serviceSelector")
            kinds_of_address = router.get("serviceAdvertisements")
            if not selectors.matches(wanted, labels, absent=False):
                reasons.append(f"{kinds.title(policy)} does not select its labels")
            elif kinds_of_address is not None and "LoadBalancerIP" not in kinds_of_address:
                reasons.append(f"{kinds.title(policy)} announces {kinds_of_address}, not LoadBalancerIP")
            else:
                for neighbor in router.get("neighbors") or []:
                    offered = [item.get("afi") for item in neighbor.get("families") or []] or ["ipv4", "ipv6"]
                    address = str(neighbor.get("peerAddress")).partition("/")[0]
                    if family in offered:
                        title = kinds.title(policy)
                        found.append(Link(title, title, address, address, nodes))
                    else:
                        reasons.append(f"{kinds.title(policy)} offers {address} no {family}")
    for config in kinds.of_kind(cluster.objects, kinds.CLUSTER):
        nodes = _nodes(config, service, cluster)
        if nodes is not None and taken:
            nodes = tuple(node for node in nodes if node not in taken)
            if not nodes and _selected(config, cluster):
                reasons.append(f"a legacy policy wins over {kinds.title(config)} on every node")
                continue
        _new_links(config, labels, family, cluster, nodes, found, reasons)
    usable = [link for link in found if link.nodes is None or link.nodes]
    if found and not usable:
        why = (
            "no node has an endpoint of it (externalTrafficPolicy Local)"
            if _is_local(service)
            else "no node is selected"
        )
        return [], why
    if not found and not reasons:
        return [], "there is no BGP policy"
    return usable, reasons[0] if reasons else ""


def _new_links(
    config: Body,
    labels: Mapping[str, str],
    family: str,
    cluster: Cluster,
    nodes: tuple[str, ...] | None,
    found: list[Link],
    reasons: list[str],
) -> None:
    """Follow the new kinds: instance, peer, PeerConfig, family, Advertisement, entry."""
    peer_configs = {kinds.name_of(body): body for body in kinds.of_kind(cluster.objects, kinds.PEER)}
    adverts = kinds.of_kind(cluster.objects, kinds.ADVERTISEMENT)
    for instance in kinds.spec_of(config).get("bgpInstances") or []:
        for peer in instance.get("peers") or []:
            name = str((peer.get("peerConfigRef") or {}).get("name") or "")
            body = peer_configs.get(name)
            if body is None:
                reasons.append(f"{kinds.title(config)}: peer {peer.get('name')} refers to no {kinds.PEER} that exists")
                continue
            chosen = [item for item in kinds.spec_of(body).get("families") or [] if item.get("afi") == family]
            if not chosen:
                reasons.append(f"{kinds.title(body)} has no family {family}")
                continue
            selected = [
                advert
                for advert in adverts
                if any(
                    selectors.matches(f.get("advertisements"), kinds.labels_of(advert), absent=False) for f in chosen
                )
            ]
            if not selected:
                reasons.append(f"{kinds.title(body)}: family {family} selects no Advertisement by its labels")
            for advert in selected:
                if _announces(advert, labels):
                    address = str(peer.get("peerAddress") or "")
                    found.append(Link(kinds.title(config), kinds.title(advert), str(peer.get("name")), address, nodes))
                else:
                    reasons.append(f"{kinds.title(advert)} does not select its labels")


def _announces(advert: Body, labels: Mapping[str, str]) -> bool:
    return any(
        entry.get("advertisementType") == "Service"
        and "LoadBalancerIP" in ((entry.get("service") or {}).get("addresses") or [])
        and selectors.matches(entry.get("selector"), labels, absent=False)
        for entry in kinds.spec_of(advert).get("advertisements") or []
    )


def _selected(policy: Body, cluster: Cluster) -> tuple[str, ...] | None:
    if cluster.nodes is None:
        return None
    wanted = kinds.spec_of(policy).get("nodeSelector")
    return tuple(
        sorted(name for name, labels in cluster.nodes.items() if selectors.matches(wanted, labels, absent=True))
    )


def _is_local(service: Body) -> bool:
    return (service.get("spec") or {}).get("externalTrafficPolicy") == "Local"


def _nodes(policy: Body, service: Body, cluster: Cluster) -> tuple[str, ...] | None:
    """Return the nodes of a policy that announce a Service."""
    nodes = _selected(policy, cluster)
    if nodes is None or not _is_local(service):
        return nodes
    namespace, name = _key(service)
    having = {
        endpoint.get("nodeName")
        for body in cluster.slices
        if (body.get("metadata") or {}).get("namespace") == namespace
        and kinds.labels_of(body).get("kubernetes.io/service-name") == name
        for endpoint in body.get("endpoints") or []
        if not (endpoint.get("conditions") or {}).get("terminating")
    }
    return tuple(node for node in nodes if node in having)


def pod_routes(objects: Iterable[Body]) -> bool:
    """Whether any policy announces pod ranges."""
    listed = list(objects)
    legacy = any(
        router.get("exportPodCIDR")
        for policy in kinds.of_kind(listed, kinds.LEGACY)
        for router in kinds.spec_of(policy).get("virtualRouters") or []
    )
    return legacy or any(
        entry.get("advertisementType") == "PodCIDR"
        for advert in kinds.of_kind(listed, kinds.ADVERTISEMENT)
        for entry in kinds.spec_of(advert).get("advertisements") or []
    )


def pod_ranges(
    objects: Iterable[Body], cilium_nodes: Iterable[Body], nodes: Mapping[str, Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return the pod ranges that some policy announces, each from its own node, families that no peer takes left out.

    The agent announces ``CiliumNode.spec.ipam.podCIDRs`` (cilium/cilium ``reconcilerv2/pod_cidr.go``).
    """
    listed = list(objects)
    ranges = {
        kinds.name_of(body): [str(cidr) for cidr in (kinds.spec_of(body).get("ipam") or {}).get("podCIDRs") or []]
        for body in cilium_nodes
    }
    families = _pod_families(listed, nodes)
    return [
        {"node": node, "cidr": cidr}
        for node in sorted(families)
        for cidr in ranges.get(node, [])
        if ("ipv6" if ":" in cidr else "ipv4") in families[node]
    ]


def _pod_families(objects: list[Body], nodes: Mapping[str, Mapping[str, str]]) -> dict[str, set[str]]:
    """Return the families in which each node announces its pods; a legacy policy wins over the new kinds."""
    cluster = Cluster(tuple(objects), (), (), nodes)
    found: dict[str, set[str]] = {}
    ruled: set[str] = set()
    for policy in kinds.of_kind(objects, kinds.LEGACY):
        for node in _selected(policy, cluster) or ():
            ruled.add(node)
            for router in kinds.spec_of(policy).get("virtualRouters") or []:
                for neighbor in router.get("neighbors") or [] if router.get("exportPodCIDR") else []:
                    offered = {str(item.get("afi")) for item in neighbor.get("families") or []} or {"ipv4", "ipv6"}
                    found.setdefault(node, set()).update(offered)
    pods = [
        advert
        for advert in kinds.of_kind(objects, kinds.ADVERTISEMENT)
        if any(
            entry.get("advertisementType") == "PodCIDR" for entry in kinds.spec_of(advert).get("advertisements") or []
        )
    ]
    offers = {
        kinds.name_of(config): {
            str(family.get("afi"))
            for family in kinds.spec_of(config).get("families") or []
            if any(selectors.matches(family.get("advertisements"), kinds.labels_of(ad), absent=False) for ad in pods)
        }
        for config in kinds.of_kind(objects, kinds.PEER)
    }
    for config in kinds.of_kind(objects, kinds.CLUSTER):
        for node in set(_selected(config, cluster) or ()) - ruled:
            for instance in kinds.spec_of(config).get("bgpInstances") or []:
                for peer in instance.get("peers") or []:
                    name = str((peer.get("peerConfigRef") or {}).get("name"))
                    found.setdefault(node, set()).update(offers.get(name, set()))
    return found
