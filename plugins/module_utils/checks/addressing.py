# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of networks and addresses: form, size, overlap, and that every address lies where it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from ..model.world import Network, World
from .registry import ERROR, EVERY, WARN, Breach, check

_RUN = "verified by running over the files of a real home-lab"
_CLUSTER = ("talos", "kubernetes", "cni", "bgp", "verify")
#: Networks that contain others by their nature.
SUPERNETS = ("supernet", "delegated_ipv6")


@check(
    "NET001",
    ERROR,
    "addressing",
    EVERY,
    rule="Every network is written in network form, without host bits.",
    why="Most systems clear host bits in silence, so the network in use is another one than the one that is read here.",
    broken="pods fd47:25e1:2f96:51:2000::/64 (which is the nodes' fd47:25e1:2f96:51::/64)",
    right="pods fd47:25e1:2f96:f500::/56",
    ground=_RUN,
)
def network_form(world: World) -> Iterator[Breach]:
    """A pool with both a network and a first address is reported too: Cilium then reads the network alone."""
    for network in [*world.networks, *world.pool_networks]:
        if network.given.ip != network.cidr.ip:
            yield Breach(
                network.path,
                f"{network.given} has host bits set: {network.title} is {network.cidr}.",
                str(network.cidr),
            )
    for path, pool in world.entries("load_balancers", "pools"):
        if "cidr" in pool and ("start" in pool or "stop" in pool):
            yield Breach(
                path,
                "The pool has a network and a range; Cilium reads the network and drops the range.",
                "either cidr, or start and stop",
            )


@check(
    "NET002",
    ERROR,
    "addressing",
    EVERY,
    rule="The networks of pods, services, nodes and load balancers are pairwise disjoint.",
    why="An address in two networks is routed to one of them only: nodes, pods or Services become unreachable.",
    broken="services fd47:25e1:2f96:51:1000::/108 inside VLAN 51 fd47:25e1:2f96:51::/64",
    right="services fd47:25e1:2f96:f600::/108",
    ground=_RUN,
)
def disjoint(world: World) -> Iterator[Breach]:
    """Networks are compared in network form. A pool may lie in the load balancers' network, which exists for it; a pool
    in the nodes' network is NET006."""
    plain = [network for network in world.networks if network.path[1] not in SUPERNETS]
    for one, other in combinations(plain, 2):
        if _overlap(one, other):
            yield Breach(other.path, f"{other.cidr} ({other.title}) overlaps {one.cidr} ({one.title}).")
    for pool in world.pools:
        for network in plain:
            inside = network.path[1] not in ("load_balancers", "management")
            if inside and pool.meets(lowest(network), highest(network)):
                yield Breach(pool.path, f"Pool {pool.name} overlaps {network.cidr} ({network.title}).")


@check(
    "NET003",
    ERROR,
    "addressing",
    ("talos", "kubernetes", "cni"),
    rule="The pods' network has at least one block per node.",
    why="A node without a block of its own gets no pod addresses, so it never becomes Ready.",
    broken="10.50.0.0/23 with node mask 24 and 3 nodes (2 blocks)",
    right="10.244.0.0/16 with node mask 24 (256 blocks)",
    ground=f"{_RUN}; kubernetes/kubernetes v1.33 pkg/controller/nodeipam; siderolabs/talos v1.10.5",
)
def node_blocks(world: World) -> Iterator[Breach]:
    """2 ** (node mask - prefix length) blocks per family, for every node of the model. Beside Cilium, Kubernetes' own
    allocator (which Talos always runs) cuts blocks of /24 and /64: it stops when the network is smaller than one, and
    with IPv6 when it has more than 2 ** 16 of them."""
    count = len(world.get("nodes"))
    for version, longest, own in ((4, 30, 24), (6, 126, 64)):
        path = ("networks", "pods", f"ipv{version}")
        text, mask = world.maybe(*path), world.maybe("networks", "pods", f"ipv{version}_node_mask")
        if text is None:
            continue
        prefix = world.network("pods", version).given.prefixlen
        blocks = 0 if mask is None or mask < prefix else 2 ** (mask - prefix)
        if mask is not None and blocks < count:
            # The shortest mask that still gives every node a block.
            needed = prefix + (count - 1).bit_length()
            yield Breach(
                ("networks", "pods", f"ipv{version}_node_mask"),
                f"{text} with a node mask of {mask} has room for {blocks} blocks, and there are {count} nodes.",
                f"a node mask of at least {needed}, or a larger network" if needed <= longest else "a larger network",
            )
        elif prefix > own or (version == 6 and prefix < own - 16):
            least = "/8" if version == 4 else "/48"
            text = f"kube-controller-manager cannot cut {text} into blocks of /{own}."
            yield Breach(
                path, text, f"a network from {least} to /{own}", why="It does not start, and nothing is scheduled."
            )


@check(
    "MOD012",
    ERROR,
    "addressing",
    ("talos", "kubernetes"),
    rule="The services' networks have a size that the API server takes, with room for the cluster's DNS.",
    why="The API server does not start, or the Service of the cluster's DNS gets no address.",
    broken="10.0.0.0/8; fd47:25e1:2f96:f600::/64",
    right="10.96.0.0/12; fd47:25e1:2f96:f600::/108",
    ground="kubernetes/kubernetes v1.31 cmd/kube-apiserver/app/options/validation.go; Talos: DNS has the tenth address",
)
def services_size(world: World) -> Iterator[Breach]:
    """Until Kubernetes 1.32 the API server keeps a bitmap of at most 20 bits per network."""
    match = re.match(r"v1\.(\d+)\.", world.get("versions", "kubernetes"))
    for version, bits in ((4, 32), (6, 128)):
        if world.maybe("networks", "services", f"ipv{version}") is None:
            continue
        network = world.network("services", version)
        size = bits - network.given.prefixlen
        if size > 20 and match and int(match.group(1)) <= 32:
            text = f"{network.cidr} ({network.title}) is too large: the prefix must be at least /{bits - 20}."
            yield Breach(network.path, text, f"{network.cidr.ip}/{bits - 20}")
        elif size < 4:
            text = f"{network.cidr} ({network.title}) has no tenth address for the cluster's DNS."
            yield Breach(network.path, text, f"a prefix of at most /{bits - 4}")


@check(
    "NET004",
    ERROR,
    "addressing",
    ("bgp", "verify"),
    rule="The supernet that the router announces contains every VLAN it stands for.",
    why="The router announces the supernet to the nodes; a VLAN outside of it is not reachable from the cluster.",
    broken="supernet fd47:25e1:2f96::/60, which ends before :51 and :52",
    right="supernet fd47:25e1:2f96::/56",
    ground=_RUN,
)
def supernet(world: World) -> Iterator[Breach]:
    """The value to use is the longest prefix that holds the present supernet and all VLANs."""
    for version in (4, 6):
        vlans = [
            item
            for item in world.networks
            if item.path[1] in ("management", "load_balancers") and item.version == version
        ]
        outer = world.maybe("networks", "supernet", f"ipv{version}")
        if outer is None:
            continue
        whole = world.network("supernet", version)
        outside = [vlan for vlan in vlans if vlan.cidr not in whole.cidr]
        if outside:
            # By first and last addresses: spanning_cidr looks at the networks' first addresses only.
            held = [whole.cidr, *(vlan.cidr for vlan in vlans)]
            ends = (min(cidr.first for cidr in held), max(cidr.last for cidr in held))
            use = netaddr.spanning_cidr([netaddr.IPAddress(end, version) for end in ends])
            names = " and ".join(f"{vlan.cidr} ({vlan.title})" for vlan in outside)
            yield Breach(whole.path, f"{whole.cidr} does not contain {names}.", str(use))


@check(
    "NET008",
    WARN,
    "addressing",
    ("talos", "kubernetes", "cni", "bgp"),
    rule="Pods, services, pools and BGP carry the same address families.",
    why="A family that one system has and the next has not ends there: pods or Services get addresses nobody routes.",
    broken="ipv6_enabled: true without networks.services.ipv6",
    right="ipv6_enabled: true with IPv6 networks for pods and services and an IPv6 pool",
    ground="cilium/cilium v1.17 chart values.yaml (ipv6.enabled is false by default)",
)
def families(world: World) -> Iterator[Breach]:
    """With IPv6 enabled every layer needs it; without, no IPv6 pool can be advertised because none is rendered."""
    if world.dual_stack:
        for subject in ("pods", "services", "load_balancers"):
            if world.maybe("networks", subject, "ipv6") is None and world.raw(("networks", subject, "ipv6")) is None:
                # Without these two the machine config cannot be rendered at all.
                grave = "" if subject == "load_balancers" else ERROR
                yield Breach(
                    ("networks", subject), f"IPv6 is enabled, but networks.{subject} has no ipv6.", severity=grave
                )
        if world.maybe("networks", "pods", "ipv6") and world.raw(("networks", "pods", "ipv6_node_mask")) is None:
            yield Breach(
                ("networks", "pods"), "IPv6 is enabled, but networks.pods has no ipv6_node_mask.", "64", severity=ERROR
            )
        if not any(pool.version == 6 for pool in world.pools):
            yield Breach(("load_balancers", "pools"), "IPv6 is enabled, but no pool has IPv6 addresses.")
        return
    six = {pool.name for pool in world.pools if pool.version == 6}
    for path, name in world.texts("bgp", "advertised_pools"):
        if name in six:
            yield Breach(
                path,
                f"Pool {name} has IPv6 addresses and is advertised, but networks.ipv6_enabled is false.",
                "networks.ipv6_enabled: true, or no such pool here",
            )


@check(
    "NET009",
    WARN,
    "addressing",
    ("talos", "kubernetes", "verify"),
    rule="The VIP is one free IPv4 address of the nodes' network.",
    why="Talos answers ARP for the VIP on the nodes' segment: elsewhere nobody asks, and a second owner takes it away.",
    broken="VIP 172.29.51.11, which is also mini01",
    right="VIP 172.29.51.10",
    ground="verified by running; one family: siderolabs/talos#10525",
)
def vip(world: World) -> Iterator[Breach]:
    """The collection's own rule is stricter than Talos' in one point: the VIP is IPv4, as the nodes' addresses are."""
    path, text = ("cluster", "vip"), world.get("cluster", "vip")
    address = netaddr.IPAddress(text)
    if address.version != 4:
        yield Breach(path, f"The VIP {text} is not an IPv4 address.")
        return
    network = world.network("management")
    if address not in network.cidr:
        yield Breach(path, f"The VIP {text} is outside of {network.cidr} ({network.title}).", severity=ERROR)
    elif address in (lowest(network), highest(network)):
        yield Breach(path, f"The VIP {text} is the network or broadcast address of {network.cidr}.", severity=ERROR)
    for owner, other in [
        *((f"node {node.name}", node.address) for node in world.nodes),
        ("the gateway", _address(world, "networks", "management", "gateway")),
        ("the router", _address(world, "bgp", "router", "address")),
    ]:
        if address == other:
            yield Breach(path, f"The VIP {text} is also the address of {owner}.", severity=ERROR)
            return


@check(
    "NET010",
    ERROR,
    "addressing",
    ("bgp",),
    rule="The nodes have an address of the family over which the router peers with them.",
    why="The router knows its neighbours by address; over IPv6 the nodes have changing ones (SLAAC): no session.",
    broken="bgp.router.address fd47:25e1:2f96:51::1 with nodes at 172.29.51.11 to .13",
    right="bgp.router.address 172.29.51.1; IPv6 routes are carried on the IPv4 session",
    ground="read in a real home-lab's router configuration",
)
def neighbours(world: World) -> Iterator[Breach]:
    """The peering is between bgp.router.address and each node's address."""
    router = netaddr.IPAddress(world.get("bgp", "router", "address"))
    strangers = [node.name for node in world.nodes if node.address.version != router.version]
    if strangers:
        gateway = world.maybe("networks", "management", "gateway")
        yield Breach(
            ("bgp", "router", "address"),
            f"{router} is IPv{router.version}, but homeops_nodes gives {', '.join(strangers)} no such address.",
            gateway,
        )


@check(
    "NET012",
    ERROR,
    "addressing",
    ("bgp", "talos", "verify"),
    rule="The router has one address: gateway of the nodes, BGP peer, target of the kernel log.",
    why="The console is reached, the peering is set up and the nodes are routed at what should be one machine.",
    broken="gateway 172.29.51.1, BGP peer 172.29.51.254",
    right="172.29.51.1 for both",
    ground=_RUN,
)
def one_router(world: World) -> Iterator[Breach]:
    """Only addresses of one family are compared; the router's id may be another address of it."""
    gateway = netaddr.IPAddress(world.get("networks", "management", "gateway"))
    router = netaddr.IPAddress(world.get("bgp", "router", "address"))
    if router.version == gateway.version and router != gateway:
        yield Breach(
            ("bgp", "router", "address"),
            f"The BGP peer is {router}, but the nodes' gateway is {gateway}.",
            str(gateway),
        )


@check(
    "MOD010",
    ERROR,
    "addressing",
    EVERY,
    rule="Each node's address and each gateway is a usable address of its network.",
    why="The node would be configured for a segment it is not on, and nothing would reach it after the first reboot.",
    broken="node address 172.29.15.11 in network 172.29.51.0/24",
    right="node address 172.29.51.11",
    ground="the model's own networks",
)
def address_in_network(world: World) -> Iterator[Breach]:
    """The first and the last address of an IPv4 network are its own, so nobody can have them."""
    wanted = [((*node.path, "address"), f"Node {node.name}", node.address, "management") for node in world.nodes]
    for subject in ("management", "load_balancers"):
        gateway = _address(world, "networks", subject, "gateway")
        if gateway is not None:
            wanted.append((("networks", subject, "gateway"), "The gateway", gateway, subject))
    for path, who, address, subject in wanted:
        if world.maybe("networks", subject, f"ipv{address.version}") is None:
            continue
        network = world.network(subject, address.version)
        if address not in network.cidr:
            yield Breach(path, f"{who} has {address}, which is outside of {network.cidr} ({network.title}).")
        elif address.version == 4 and network.given.prefixlen < 31 and address in (lowest(network), highest(network)):
            yield Breach(path, f"{who} has {address}, the network or broadcast address of {network.cidr}.")
    gateway = _address(world, "networks", "management", "gateway")
    for node in world.nodes:
        if node.address == gateway:
            yield Breach((*node.path, "address"), f"Node {node.name} has the gateway's address {gateway}.")


def _address(world: World, *path: str) -> object:
    text = world.maybe(*path)
    return netaddr.IPAddress(text) if text is not None else None


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and bool(lowest(one) <= highest(other) and lowest(other) <= highest(one))


def lowest(network: Network) -> netaddr.IPAddress:
    """Return the first address of a network, in network form."""
    return netaddr.IPAddress(network.cidr.first, network.version)


def highest(network: Network) -> netaddr.IPAddress:
    """Return the last address of a network."""
    return netaddr.IPAddress(network.cidr.last, network.version)
