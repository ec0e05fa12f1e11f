# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses in a repository: Talos' files, Cilium's values, pools, Services and the router's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from ...cilium import kinds
from ...frr import lint
from ...repository import limits
from ...repository.objects import Object, matches
from ...repository.spot import Spot, dig, listing, mapping, string, texts, yes
from ...repository.view import Repository, Router
from ..registry import BOTH, REPO, Breach, also
from . import bgp
from .plan import Net, Plan, address, network

_RANGE = re.compile(r"([0-9A-Fa-f:.]{3,45})\s*-\s*([0-9A-Fa-f:.]{3,45})")
#: Keys under which people write the load balancers' range once more.
_LB_KEY = re.compile(r"lb|load[-_]?balancer|ip[-_]?pool", re.IGNORECASE)
_CONSOLE = re.compile(r"^(?:UNIFI_HOST|UNIFI_URL|UNIFI_CONTROLLER|UDM_HOST|UDM_IP|ROUTER_IP|ROUTER_HOST)$")
_IPS = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")
_TARGET = "external-dns.alpha.kubernetes.io/target"
_SHARING = ("lbipam.cilium.io/sharing-key", "io.cilium/lb-ipam-sharing-key")


@also("NET001", REPO)
def network_form(repository: Repository) -> Iterator[Breach]:
    """Networks of Talos' files, of Cilium's values, of pools, and of the router's prefix lists."""
    for net in Plan(repository).networks:
        if net.given.ip != net.cidr.ip:
            yield Breach(net.spot, f"{net.given} has host bits set: it is {net.cidr}.", str(net.cidr))
    for item in bgp.sound(repository):
        for path, block in item.maps("spec", "blocks") if item.kind == kinds.POOL else ():
            given = network(block.get("cidr"))
            if given is not None and given.ip != given.cidr.ip:
                yield Breach(item.at(*path, "cidr"), f"{given} has host bits set: it is {given.cidr}.", str(given.cidr))
            if block.get("cidr") and (block.get("start") or block.get("stop")):
                text = "The block has a network and a range; Cilium reads the network and drops the range."
                yield Breach(item.at(*path), text, "either cidr, or start and stop")
    for router in repository.routers:
        for fault in lint.lint(router.lines):
            if fault.id == "host-bits":
                yield Breach(router.at(fault.line), f"{fault.message[:1].upper()}{fault.message[1:]}.")


@also("NET002", REPO)
def disjoint(repository: Repository) -> Iterator[Breach]:
    """One network that is stated in several places is one; a pool in the nodes' network is NET006."""
    plan = Plan(repository)
    plain: dict[tuple[str, str], Net] = {}
    for net in plan.networks:
        plain.setdefault((net.subject, str(net.cidr)), net)
    for one, other in combinations(list(plain.values())[: limits.COMPARED], 2):
        if one.subject != other.subject and _meet(one.cidr, other.cidr):
            yield Breach(other.spot, f"{other.cidr} ({other.title}) overlaps {one.cidr} ({one.title}).")
    for pool in plan.pools:
        for net in plain.values():
            if net.subject != "nodes" and any(_in_range(item, net.cidr) for item in pool.ranges):
                text = f"The pool {pool.object.name} overlaps {net.cidr} ({net.title})."
                yield Breach(pool.object.at("spec", "blocks"), text)


@also("NET003", REPO)
def node_blocks(repository: Repository) -> Iterator[Breach]:
    """The nodes are counted in talconfig.yaml; the mask is Cilium's value, 24 and 120 when it is not given."""
    plan = Plan(repository)
    for use in repository.chart("cilium") if plan.count else ():
        operator = mapping(dig(use.values, "ipam", "operator"))
        for family, default in (("IPv4", 24), ("IPv6", 120)):
            value = operator.get(f"clusterPool{family}PodCIDRList")
            nets = [network(item) for item in (value if isinstance(value, list) else [string(value).strip("{}")])]
            known = [item for item in nets if item is not None]
            mask = operator.get(f"clusterPool{family}MaskSize", default)
            mask = int(mask) if string(mask).isdecimal() and len(string(mask)) < 4 else default
            if not known:
                continue
            blocks = sum(2 ** (mask - item.prefixlen) for item in known if item.prefixlen <= mask <= item._module.width)
            if blocks < plan.count:
                path = ("ipam", "operator", f"clusterPool{family}PodCIDRList")
                text = f"{', '.join(map(str, known))} with a node mask of {mask} has room for {blocks} blocks"
                yield Breach(use.at(*path), f"{text}, and there are {plan.count} nodes.", "a larger network")


@also("NET004", REPO)
def supernet(repository: Repository) -> Iterator[Breach]:
    """Judged are the ``network`` lines of the router: one that is near to a node or a pool stands for its VLAN."""
    plan = Plan(repository)
    wanted = [(host.name, host.address, host.address) for host in plan.nodes]
    for pool in plan.pools:
        wanted += [
            (f"the pool {pool.object.name}", address(str(item.first)), address(str(item.last))) for item in pool.ranges
        ]
    for router in repository.routers:
        stated = list(_announced(router))
        for name, first, last in wanted:
            near = [(spot, net) for spot, net in stated if net.version == first.version and _near(net, first)]
            if near and not any(first in net and last in net for spot, net in near):
                spot, net = near[0]
                use = str(netaddr.spanning_cidr([netaddr.IPAddress(net.first, net.version), first, last]))
                yield Breach(spot, f"{net} is announced for the house, and does not contain {name} ({first}).", use)
                break


def _announced(router: Router) -> Iterator[tuple[Spot, Any]]:
    for number, line in enumerate(router.lines, start=1):
        if line.words[:1] == ("network",) and len(line.words) > 1 and not line.negated:
            given = network(line.words[1])
            if given is not None and 0 < given.prefixlen < (32 if given.version == 4 else 128):
                yield router.at(number), given.cidr


def _near(net: Any, host: Any) -> bool:
    """Whether a network belongs to the same house: the first 16 bits (IPv4) or 48 (IPv6) are equal."""
    shift = 16 if net.version == 4 else 80
    return bool(net.prefixlen >= 128 - 80 if net.version == 6 else net.prefixlen >= 16) and (
        net.first >> shift == int(host) >> shift
    )


@also("NET005", REPO)
def one_pool_definition(repository: Repository) -> Iterator[Breach]:
    """Ranges that other files of the repository state for load balancers are compared with the pools that are applied;
    so is a second definition of a pool in a file that nothing applies."""
    pools = Plan(repository).pools
    if not pools:
        return
    applied = {pool.object.name: pool.object for pool in pools}
    for path, documents in sorted(repository.documents.items()):
        for document in documents:
            value = mapping(document.value)
            name = string(dig(value, "metadata", "name"))
            if value.get("kind") == kinds.POOL:
                first = applied.get(name)
                if (
                    first is not None
                    and path != first.file
                    and dig(value, "spec", "blocks") != first.get("spec", "blocks")
                ):
                    text = f"The pool {name} has other blocks in {first.file}, which is what is applied."
                    yield Breach(document.spot(("spec", "blocks")), text, "one definition")
                continue
            if "kind" in value and "apiVersion" in value:
                continue
            for where, text in texts(document.value):
                match = _RANGE.fullmatch(text.strip())
                if not match or not any(isinstance(part, str) and _LB_KEY.search(part) for part in where):
                    continue
                ends = [address(match.group(1)), _last(match.group(1), match.group(2))]
                if None not in ends and not all(any(pool.holds(end) for pool in pools) for end in ends):
                    yield Breach(
                        document.spot(where), f"The range {text.strip()} is none of the pools that are applied."
                    )


@also("NET005", BOTH)
def same_pools(case: Any) -> Iterator[Breach]:
    """Pools of one name are compared, address by address; a pool of the inventory that the repository lacks is one that
    it does not define, and no finding."""
    pools = {pool.object.name: pool for pool in Plan(case.repository).pools}
    for wanted in case.model.pools:
        pool = pools.get(wanted.name)
        if pool is None or len(pool.ranges) != 1:
            continue
        ends = (address(str(pool.ranges[0].first)), address(str(pool.ranges[0].last)))
        if ends != (wanted.first, wanted.last):
            text = (
                f"The pool {wanted.name} is {ends[0]} to {ends[1]} here, {wanted.first} to {wanted.last} in the model."
            )
            yield Breach(pool.object.at("spec", "blocks"), text, f"{wanted.first} to {wanted.last}")


def _last(first: str, text: str) -> Any:
    """Return the end of a range; ``172.29.52.100-199`` names its last part only."""
    return address(first.rpartition(".")[0] + "." + text) if text.isdecimal() else address(text)


@also("NET006", REPO)
def pools_apart(repository: Repository) -> Iterator[Breach]:
    """The nodes' network is known when their addresses are static or Talos is told valid subnets."""
    yield from (breach for rule, breach in bgp.found_by_linter(repository) if rule == "NET006")
    plan = Plan(repository)
    l2 = repository.of("CiliumL2AnnouncementPolicy")
    hosts = [*plan.nodes, *plan.vips[:1], *plan.routers[:1]]
    for pool in plan.pools:
        for host in hosts:
            if pool.holds(host.address):
                text = f"The pool {pool.object.name} contains {host.address}, the address of {host.name}."
                yield Breach(pool.object.at("spec", "blocks"), text)
        for net in plan.networks:
            # Announced on the segment itself (L2), addresses have to be of the nodes' network.
            if net.subject == "nodes" and not l2 and any(_in_range(item, net.cidr) for item in pool.ranges):
                text = f"The pool {pool.object.name} lies in {net.cidr} ({net.title}), and is announced by BGP only."
                yield Breach(pool.object.at("spec", "blocks"), text, "a network of its own")
                break


@also("NET007", REPO)
def pinned(repository: Repository) -> Iterator[Breach]:
    """A DNS target of a LoadBalancer is judged as well: it is an address that the Service has to ask for."""
    pools = Plan(repository).pools
    owners: dict[str, Object] = {}
    for service in repository.of("Service"):
        if service.text("spec", "type") != "LoadBalancer" or not pools:
            continue
        labels = {
            **service.labels,
            "io.kubernetes.service.namespace": service.namespace,
            "io.kubernetes.service.name": service.name,
        }
        chosen = [pool for pool in pools if matches(pool.object.get("spec", "serviceSelector"), labels)]
        if not chosen:
            continue  # BGP005 tells
        asked = list(_asked(service))
        for spot, value in asked:
            if not any(pool.holds(value) for pool in chosen):
                names = ", ".join(pool.object.name for pool in chosen)
                yield Breach(spot, f"{service.title} asks for {value}, which is not in its pool ({names}).")
            first = owners.setdefault(str(value), service)
            if first.title != service.title and not _shared(first, service):
                yield Breach(spot, f"{service.title} asks for {value}, which {first.title} asks for too.")
        for text in service.annotations.get(_TARGET, "").split(","):
            target = address(text)
            if (
                target is not None
                and any(pool.holds(target) for pool in pools)
                and target not in [value for spot, value in asked]
            ):
                spot = service.at("metadata", "annotations", _TARGET)
                text = f"DNS points at {target}, but {service.title} does not ask for that address."
                yield Breach(spot, text, f'{_IPS[0]}: "{target}"')


def _asked(service: Object) -> Iterator[tuple[Spot, Any]]:
    for key in _IPS:
        for text in service.annotations.get(key, "").split(","):
            value = address(text)
            if value is not None:
                yield service.at("metadata", "annotations", key), value
    value = address(service.text("spec", "loadBalancerIP"))
    if value is not None:
        yield service.at("spec", "loadBalancerIP"), value


def _shared(one: Object, other: Object) -> bool:
    keys = [{item.annotations.get(key) for key in _SHARING} - {None} for item in (one, other)]
    return bool(keys[0] & keys[1])


@also("NET008", REPO)
def families(repository: Repository) -> Iterator[Breach]:
    """The pods' and Services' families of Talos are compared with each other and with Cilium's value ipv6.enabled."""
    plan = Plan(repository)
    six = {
        subject: [net for net in plan.networks if net.subject == subject and net.given.version == 6]
        for subject in ("pods", "services")
    }
    if not repository.talos.talconfigs and not repository.talos.fragments:
        return
    for subject, other in (("pods", "services"), ("services", "pods")):
        if six[subject] and not six[other] and any(net.subject == other for net in plan.networks):
            yield Breach(six[subject][0].spot, f"The {subject} have an IPv6 network, and the {other} have none.")
    for use in repository.chart("cilium"):
        enabled = yes(dig(use.values, "ipv6", "enabled"))
        talos = [net for net in six["pods"] if net.spot.file != use.where.file]
        if talos and not enabled and use.values:
            text = "The pods have an IPv6 network, and Cilium's ipv6.enabled is not true."
            yield Breach(use.at("ipv6", "enabled"), text, "ipv6.enabled: true, or no IPv6 network")


@also("NET009", REPO)
def vip(repository: Repository) -> Iterator[Breach]:
    """The VIP of each node's interface is compared with the nodes, the pools and the endpoint."""
    plan = Plan(repository)
    for host in plan.vips:
        if host.address != plan.vips[0].address:
            yield Breach(host.spot, f"The VIP {host.address} is {plan.vips[0].address} elsewhere.")
        for node in plan.nodes:
            if node.address == host.address:
                yield Breach(host.spot, f"The VIP {host.address} is also the address of {node.name}.")
        for net in plan.networks:
            if net.subject == "nodes" and net.given.version == host.address.version:
                others = [item for item in plan.networks if item.subject == "nodes" and host.address in item.cidr]
                if not others:
                    yield Breach(host.spot, f"The VIP {host.address} is outside of {net.cidr} ({net.title}).")
                break


@also("NET010", REPO)
def neighbours(repository: Repository) -> Iterator[Breach]:
    """The router's IPv6 neighbours are looked for among the nodes' addresses in talconfig.yaml."""
    plan = Plan(repository)
    known = {str(node.address) for node in plan.nodes} | set(_static(repository))
    for router in repository.routers if plan.nodes else ():
        for instance in router.view.routers.values():
            for peer in instance.peers.values():
                value = address(peer.name)
                if not peer.is_group and value is not None and value.version == 6 and str(value) not in known:
                    text = f"The neighbour {peer.name} is an address that no node has."
                    yield Breach(router.at(peer.line), text, "IPv6 routes on the IPv4 session")
        for fault in lint.lint(router.lines):
            if fault.id == "mapped-next-hop":
                yield Breach(router.at(fault.line), f"{fault.message[:1].upper()}{fault.message[1:]}.")


def _static(repository: Repository) -> Iterator[str]:
    for _document, _path, node in repository.talos.nodes():
        for interface in listing(node.get("networkInterfaces")):
            for text in listing(dig(interface, "addresses")):
                value = address(text)
                if value is not None:
                    yield str(value)


@also("NET011", REPO)
def interfaces(repository: Repository) -> Iterator[Breach]:
    """The names of talconfig.yaml are those that count; patches, Cilium's values and L2 policies are compared."""
    own = {
        string(dig(interface, "interface"))
        for _document, _path, node in repository.talos.nodes()
        for interface in listing(node.get("networkInterfaces"))
    } - {""}
    if not own:
        return
    wanted = " or ".join(sorted(own))
    for fragment in repository.talos.fragments:
        for index, interface in enumerate(listing(fragment.get("machine", "network", "interfaces"))):
            name = string(dig(interface, "interface"))
            if name and name not in own and not re.match(r"bond|br|dummy|wg|tailscale|lo", name):
                spot = fragment.at("machine", "network", "interfaces", index, "interface")
                yield Breach(spot, f"The interface {name} is {wanted} in talconfig.yaml.", wanted)
    for use in repository.chart("cilium"):
        value = use.values.get("devices")
        names = value if isinstance(value, list) else re.split(r"[ ,{}]+", string(value))
        plain = [item for item in names if isinstance(item, str) and item]
        if plain and not any(_names(item, own) for item in plain):
            yield Breach(use.at("devices"), f"devices names {', '.join(plain)}, the nodes have {wanted}.", wanted)
    for policy in repository.of("CiliumL2AnnouncementPolicy"):
        for index, text in enumerate(listing(policy.get("spec", "interfaces"))):
            if isinstance(text, str) and re.fullmatch(r"[\^$A-Za-z0-9]+", text) and text.strip("^$") not in own:
                if not any(name.startswith(text.strip("^$")) for name in own if not text.endswith("$")):
                    yield Breach(
                        policy.at("spec", "interfaces", index), f"The nodes have {wanted}, not {text}.", wanted
                    )


def _names(text: str, own: set[str]) -> bool:
    return text in own or (text.endswith("+") and any(name.startswith(text[:-1]) for name in own))


@also("NET012", REPO)
def one_router(repository: Repository) -> Iterator[Breach]:
    """The address of the BGP peer is compared with the console's in the environment of workloads and chart values."""
    peers = Plan(repository).routers
    if not peers:
        return
    right = {str(host.address) for host in peers}
    for item in repository.objects:
        for path, value in _environment(item):
            found = address(re.sub(r"^[a-z]+://", "", value).partition(":")[0].partition("/")[0])
            if found is not None and str(found) not in right and found.version == peers[0].address.version:
                text = f"The console is at {found} here, and the BGP peer is {peers[0].address}."
                yield Breach(item.at(*path), text, value.replace(str(found), str(peers[0].address)))


def _environment(item: Object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield path and value of what names the router's console: environment of containers, keys of ConfigMaps."""
    if item.kind not in ("Deployment", "StatefulSet", "DaemonSet", "HelmRelease", "ConfigMap"):
        return
    for path, text in texts(item.value):
        if path[-1] == "value" and path[:-1]:
            if _CONSOLE.match(string(dig(item.value, *path[:-1], "name"))):
                yield path, text
        elif isinstance(path[-1], str) and _CONSOLE.match(path[-1]):
            yield path, text


def _meet(one: Any, other: Any) -> bool:
    return bool(one.version == other.version and one.first <= other.last and other.first <= one.last)


def _in_range(item: Any, net: Any) -> bool:
    return bool(item.first.version == net.version and int(item.first) <= net.last and net.first <= int(item.last))
