# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that a repository states: networks, nodes, pools, the VIP, the router; each with its place.

Only what is written is known. A network of nodes that have DHCP is not, so nothing is said of it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from ...cilium import kinds, pools as rules
from ...repository.objects import Object
from ...repository.spot import Spot, dig, listing, mapping, string
from ...repository.view import Repository
from . import bgp

_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_CIDR = re.compile(r"[0-9A-Fa-f:.]{2,45}/\d{1,3}")


@dataclass(frozen=True)
class Net:
    """A network that is stated.

    :param subject: ``pods``, ``services`` or ``nodes``.
    :param given: ``netaddr.IPNetwork`` as written.
    """

    subject: str
    given: Any
    spot: Spot

    @property
    def cidr(self) -> Any:
        """The network with host bits cleared."""
        return self.given.cidr

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"the {self.subject}' network"


@dataclass(frozen=True)
class Host:
    """An address that is stated: of a node, the VIP, the router."""

    name: str
    address: Any
    spot: Spot


@dataclass(frozen=True)
class Pool:
    """A pool that Flux applies, with its usable ranges."""

    object: Object
    ranges: list[rules.Range]

    def holds(self, address: Any) -> bool:
        """Whether an address lies in it; a ``netaddr.IPAddress``."""
        plain = ipaddress.ip_address(str(address))
        return any(item.holds(plain) for item in self.ranges)


def network(text: Any) -> Any:
    """Return a ``netaddr.IPNetwork``, None for anything else."""
    if not isinstance(text, str) or not _CIDR.fullmatch(text.strip()):
        return None
    try:
        return netaddr.IPNetwork(text.strip())
    except (netaddr.AddrFormatError, ValueError):
        return None


def address(text: Any) -> Any:
    """Return a ``netaddr.IPAddress`` of an address with or without prefix length, None for anything else."""
    plain = string(text).strip().partition("/")[0]
    if not _ADDRESS.fullmatch(plain):
        return None
    try:
        return netaddr.IPAddress(plain)
    except (netaddr.AddrFormatError, ValueError):
        return None


class Plan:
    """The addresses of one repository."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    @cached_property
    def networks(self) -> list[Net]:
        """Pods', Services' and nodes' networks wherever they are stated."""
        return [*self._talos(), *self._cilium(), *self._nodes_networks()]

    def _talos(self) -> Iterator[Net]:
        for document in self.repository.talos.talconfigs:
            for key, subject in (("clusterPodNets", "pods"), ("clusterSvcNets", "services")):
                for index, text in enumerate(listing(dig(document.value, key))):
                    given = network(text)
                    if given is not None:
                        yield Net(subject, given, document.spot((key, index)))
        for fragment in self.repository.talos.fragments:
            for key, subject in (("podSubnets", "pods"), ("serviceSubnets", "services")):
                for index, text in enumerate(listing(fragment.get("cluster", "network", key))):
                    given = network(text)
                    if given is not None:
                        yield Net(subject, given, fragment.at("cluster", "network", key, index))

    def _cilium(self) -> Iterator[Net]:
        for use in self.repository.chart("cilium"):
            operator = mapping(dig(use.values, "ipam", "operator"))
            for key in ("clusterPoolIPv4PodCIDRList", "clusterPoolIPv6PodCIDRList"):
                value = operator.get(key)
                for text in value if isinstance(value, list) else string(value).strip("{}").split(","):
                    given = network(text)
                    if given is not None:
                        yield Net("pods", given, use.at("ipam", "operator", key))

    def _nodes_networks(self) -> Iterator[Net]:
        """Yield the networks of nodes' static addresses, and those that Talos is told of."""
        for document, path, node in self.repository.talos.nodes():
            for index, interface in enumerate(listing(node.get("networkInterfaces"))):
                for number, text in enumerate(listing(dig(interface, "addresses"))):
                    given = network(text)
                    if given is not None and given.prefixlen not in (32, 128):
                        spot = document.spot((*path, "networkInterfaces", index, "addresses", number))
                        yield Net("nodes", given.cidr, spot)
        for fragment in self.repository.talos.fragments:
            for keys in (
                ("machine", "kubelet", "nodeIP", "validSubnets"),
                ("cluster", "etcd", "advertisedSubnets"),
            ):
                for index, text in enumerate(listing(fragment.get(*keys))):
                    given = network(text)
                    if given is not None and given.prefixlen > 0:
                        yield Net("nodes", given, fragment.at(*keys, index))

    @cached_property
    def nodes(self) -> list[Host]:
        """The nodes of talconfig.yaml."""
        return [
            Host(string(node.get("hostname")) or str(path[-1]), found, document.spot((*path, "ipAddress")))
            for document, path, node in self.repository.talos.nodes()
            for text in string(node.get("ipAddress")).split(",")
            if (found := address(text)) is not None
        ]

    @cached_property
    def count(self) -> int:
        """The number of nodes; 0 when not known."""
        return len(list(self.repository.talos.nodes()))

    @cached_property
    def vips(self) -> list[Host]:
        """Every place that states the VIP of the Kubernetes API."""
        found = []
        for document, path, node in self.repository.talos.nodes():
            for index, interface in enumerate(listing(node.get("networkInterfaces"))):
                text = dig(interface, "vip", "ip")
                value = address(text)
                if value is not None:
                    place = (*path, "networkInterfaces", index, "vip", "ip")
                    found.append(Host("the VIP", value, document.spot(place)))
        for fragment in self.repository.talos.fragments:
            for index, interface in enumerate(listing(fragment.get("machine", "network", "interfaces"))):
                value = address(dig(interface, "vip", "ip"))
                if value is not None:
                    place = ("machine", "network", "interfaces", index, "vip", "ip")
                    found.append(Host("the VIP", value, fragment.at(*place)))
        return found

    @cached_property
    def pools(self) -> list[Pool]:
        """The pools that Flux applies and that pass their schema."""
        return [
            Pool(item, rules.ranges(item.value))
            for item in bgp.sound(self.repository)
            if item.kind == kinds.POOL and item.get("spec", "disabled") is not True
        ]

    @cached_property
    def routers(self) -> list[Host]:
        """The address that the cluster peers with, wherever it is stated."""
        found = []
        for item in bgp.sound(self.repository):
            for outer, inner in (("virtualRouters", "neighbors"), ("bgpInstances", "peers")):
                for path, _instance in item.maps("spec", outer):
                    for place, peer in item.maps(*path, inner):
                        value = address(peer.get("peerAddress"))
                        if value is not None:
                            found.append(Host("the BGP peer", value, item.at(*place, "peerAddress")))
        return found

    @cached_property
    def exports_pods(self) -> bool | None:
        """Whether the cluster announces the pods' networks; None when no BGP object is known."""
        known = False
        for item in bgp.sound(self.repository):
            if item.kind == kinds.LEGACY:
                known = True
                if any(router.get("exportPodCIDR") is True for path, router in item.maps("spec", "virtualRouters")):
                    return True
            elif item.kind == kinds.ADVERTISEMENT:
                known = True
                entries = item.maps("spec", "advertisements")
                if any(entry.get("advertisementType") == "PodCIDR" for path, entry in entries):
                    return True
        return False if known else None
