# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which prefixes a node's agent announces, with which attributes (cilium/cilium v1.17 ``pkg/bgpv1/manager``)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...bgp.plan import Export
from ..api import Object
from ..base import selector_matches
from ..pods import has_labels, is_ready

BGP_CLASS = "io.cilium/bgp-control-plane"
WELL_KNOWN = {
    "internet": "0:0",
    "planned-shut": "65535:0",
    "accept-own": "65535:1",
    "route-filter-translated-v4": "65535:2",
    "route-filter-v4": "65535:3",
    "route-filter-translated-v6": "65535:4",
    "route-filter-v6": "65535:5",
    "llgr-stale": "65535:6",
    "no-llgr": "65535:7",
    "blackhole": "65535:666",
    "no-export": "65535:65281",
    "no-advertise": "65535:65282",
    "no-export-subconfed": "65535:65283",
    "no-peer": "65535:65284",
}


@dataclass
class Attributes:
    """What a prefix carries; several advertisements of one prefix add up."""

    communities: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)
    local_preference: int | None = None

    def add(self, attributes: Object | None, *, internal: bool) -> None:
        """Take the attributes of one advertisement; the local preference counts inside one AS only."""
        given = attributes or {}
        communities = given.get("communities") or {}
        self.communities |= {_standard(text) for text in communities.get("standard") or []}
        self.communities |= {WELL_KNOWN[name] for name in communities.get("wellKnown") or [] if name in WELL_KNOWN}
        self.large |= set(communities.get("large") or [])
        if internal and given.get("localPreference") is not None:
            self.local_preference = max(self.local_preference or 0, given["localPreference"])


class Announcements:
    """The prefixes of one neighbour, collected family by family."""

    def __init__(self, *, internal: bool) -> None:
        self.internal = internal
        self._prefixes: dict[str, Attributes] = {}

    def add(self, prefixes: Iterable[str], family: str, attributes: Object | None = None) -> None:
        """Announce those of ``prefixes`` which are of this family (``ipv4``, ``ipv6``)."""
        for prefix in prefixes:
            if family_of(prefix) == family:
                self._prefixes.setdefault(prefix, Attributes()).add(attributes, internal=self.internal)

    def colour(self, prefixes: Iterable[str], attributes: Object | None) -> None:
        """Give attributes to those prefixes which are announced anyway."""
        for prefix in prefixes:
            if prefix in self._prefixes:
                self._prefixes[prefix].add(attributes, internal=self.internal)

    def announced(self) -> list[str]:
        """Return the prefixes so far."""
        return sorted(self._prefixes)

    def exports(self) -> tuple[Export, ...]:
        """Return the prefixes grouped by what they carry."""
        groups: dict[tuple[tuple[str, ...], tuple[str, ...], int | None], list[str]] = {}
        for prefix, attributes in sorted(self._prefixes.items()):
            key = (tuple(sorted(attributes.communities)), tuple(sorted(attributes.large)), attributes.local_preference)
            groups.setdefault(key, []).append(prefix)
        return tuple(Export(tuple(prefixes), *key) for key, prefixes in groups.items())


def family_of(prefix: str) -> str:
    """Return ``ipv4`` or ``ipv6``."""
    return f"ipv{ipaddress.ip_network(prefix).version}"


def _standard(text: str) -> str:
    """Write a standard community as two halves; Cilium takes the whole number too."""
    if ":" in text:
        return text
    number = int(text)
    return f"{number >> 16}:{number & 0xFFFF}"


def pod_prefixes(cilium_node: Object) -> list[str]:
    """Return the pod ranges of the node: those of its CiliumNode, not of its Node."""
    blocks = ((cilium_node.get("spec") or {}).get("ipam") or {}).get("podCIDRs") or []
    return [str(ipaddress.ip_network(block, strict=False)) for block in blocks]


def service_labels(service: Object) -> dict[str, str]:
    """Return what a selector of Services sees."""
    meta = service["metadata"]
    pseudo = {"io.kubernetes.service.name": meta["name"], "io.kubernetes.service.namespace": meta["namespace"]}
    return {**(meta.get("labels") or {}), **pseudo}


def service_prefixes(
    service: Object, kinds: Iterable[str], node: str, pods: Iterable[Object], slices: Iterable[Object]
) -> list[str]:
    """Return the host routes of one Service for the node of this name.

    :param kinds: of ``LoadBalancerIP``, ``ExternalIP``, ``ClusterIP``.
    """
    spec = service["spec"]
    wanted = set(kinds)
    found: list[str] = []
    outside = spec.get("externalTrafficPolicy") != "Local" or has_endpoint(service, node, pods, slices)
    inside = spec.get("internalTrafficPolicy") != "Local" or has_endpoint(service, node, pods, slices)
    if "LoadBalancerIP" in wanted and outside and spec.get("type") == "LoadBalancer":
        if spec.get("loadBalancerClass") in (None, "", BGP_CLASS):
            ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
            found += [entry["ip"] for entry in ingress if entry.get("ip")]
    if "ExternalIP" in wanted and outside:
        found += spec.get("externalIPs") or []
    if "ClusterIP" in wanted and inside:
        found += [ip for ip in spec.get("clusterIPs") or [spec.get("clusterIP")] if ip and ip != "None"]
    return [str(ipaddress.ip_network(address)) for address in found]


def has_endpoint(service: Object, node: str, pods: Iterable[Object], slices: Iterable[Object]) -> bool:
    """Tell whether an endpoint of the Service that is not terminating lives on the node.

    EndpointSlices decide where somebody keeps them; the pods that the Service selects otherwise, which is what the
    controller of EndpointSlices would write.
    """
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    mine = [
        entry
        for entry in slices
        if entry["metadata"]["namespace"] == namespace and has_labels(entry, {"kubernetes.io/service-name": name})
    ]
    if mine:
        endpoints = [endpoint for entry in mine for endpoint in entry.get("endpoints") or []]
        return any(e.get("nodeName") == node and not (e.get("conditions") or {}).get("terminating") for e in endpoints)
    selector = service["spec"].get("selector")
    return bool(selector) and any(
        pod["metadata"]["namespace"] == namespace
        and pod["spec"].get("nodeName") == node
        and has_labels(pod, selector)
        and is_ready(pod)
        for pod in pods
    )


def matching_services(services: Iterable[Object], selector: Object | None) -> list[Object]:
    """Return the Services that a selector chooses; none without a selector."""
    return [s for s in services if selector_matches(selector, service_labels(s), when_absent=False)]
