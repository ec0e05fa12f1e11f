# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's configuration in a repository: the text as FRR reads it, and routes as it would decide about them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...cilium import kinds
from ...frr import admission, lint
from ...frr.view import Network, Peer, Router as Instance
from ...repository import limits
from ...repository.view import Repository, Router
from ..registry import BOTH, ERROR, REPO, WARN, Breach, also, check
from . import bgp
from .plan import Plan

_PHASES = ("bgp", "verify")
_FRR = "verified by running: FRR 8.4.4 and GoBGP 3.10.0"
#: Faults of the text that keep lines, and with them routes, from working: FRR refuses or ignores them.
_REFUSED = frozenset(("bom", "long-line", "closed", "rejected", "bad-range", "undefined", "dangling"))
#: What no home announces (RFC 5737): a router that takes it takes anything.
_FOREIGN = ipaddress.ip_network("203.0.113.0/24")


@dataclass(frozen=True)
class _Sample:
    """A route that the cluster would announce.

    :param what: for a sentence.
    """

    what: str
    prefix: Network


@lru_cache(maxsize=8)
def _faults(router: Router) -> tuple[lint.Fault, ...]:
    return tuple(lint.lint(router.lines))


def _of(repository: Repository, names: frozenset[str]) -> Iterator[tuple[Router, lint.Fault]]:
    for router in repository.routers:
        for fault in _faults(router):
            if fault.id in names:
                yield router, fault


def _told(router: Router, fault: lint.Fault, use: str | None = None, severity: str = "") -> Breach:
    return Breach(router.at(fault.line), f"{fault.message[:1].upper()}{fault.message[1:]}.", use, severity=severity)


@also("BGP007", REPO)
def literal_password(repository: Repository) -> Iterator[Breach]:
    """The password itself is never shown. In manifests a literal is a Secret with a password that BGP refers to."""
    for router, fault in _of(repository, frozenset(("password",))):
        yield _told(router, fault, "a password that is put in when the text is rendered")
    named = {name for item in bgp.objects(repository) for _path, name in bgp.auth(item)}
    for secret in repository.of("Secret"):
        if secret.name in named and (secret.text("stringData", "password") or secret.text("data", "password")):
            key = "stringData" if secret.text("stringData", "password") else "data"
            text = f"{secret.title} holds the BGP password in clear text."
            yield Breach(secret.at(key, "password"), text, "an ExternalSecret")


@check(
    "BGP008",
    ERROR,
    "bgp",
    _PHASES,
    rule="A prefix list that has to admit Services' addresses has le 32 (IPv6: le 128).",
    why="Services are announced as /32 and /128: the session is Established and the router accepts nothing.",
    broken="ip prefix-list LB seq 10 permit 172.29.52.0/24",
    right="ip prefix-list LB seq 10 permit 172.29.52.0/24 le 32",
    ground=f"{_FRR}: 0 routes accepted without, 3 with le 32",
    scope=REPO,
)
def host_routes(repository: Repository) -> Iterator[Breach]:
    """Each pool's first and last address are sent through the policies of each neighbour, as bgpd would do it."""
    for router, _instance, sample, verdict in _refused(repository):
        if "lacks 'le" in verdict.why:
            width = sample.prefix.max_prefixlen
            yield Breach(router.at(verdict.line), f"{sample.what} is refused: {verdict.why}.", f"le {width}")


@check(
    "BGP009",
    ERROR,
    "bgp",
    _PHASES,
    rule="An external neighbour has a policy in and out, or the router says no bgp ebgp-requires-policy.",
    why="FRR then neither accepts nor sends a route, and the session is Established all the same.",
    broken="neighbor 172.29.51.11 remote-as 64512 without a route-map",
    right="a route-map in and out in each address family",
    ground=f"{_FRR}: (Policy) in the summary, 0 routes",
    scope=REPO,
)
def policies(repository: Repository) -> Iterator[Breach]:
    """What a neighbour inherits from its peer group counts."""
    for router, fault in _of(repository, frozenset(("policy-missing",))):
        yield _told(router, fault, "a route-map in and out")


@check(
    "BGP010",
    ERROR,
    "bgp",
    _PHASES,
    rule="Every line of the router's configuration is one that FRR takes in its context.",
    why="FRR drops the line, or the console refuses the whole text; a policy that names nothing refuses every route.",
    broken="ip community-list standard X permit 64512:100; bgp graceful-restart outside of router bgp",
    right="bgp community-list standard X permit 64512:100; bgp lines inside of router bgp",
    ground=f"{_FRR}: vtysh -C and bgpd -C; a route-map that names a missing prefix-list is found by neither",
    scope=REPO,
)
def accepted_lines(repository: Repository) -> Iterator[Breach]:
    """Read by the collection's own parser, the one of udm_bgp_peer; no FRR is needed."""
    for router, fault in _of(repository, _REFUSED):
        yield _told(router, fault)


@check(
    "BGP011",
    WARN,
    "bgp",
    _PHASES,
    rule="Prefix lists of IPv6 are written ipv6 prefix-list.",
    why="FRR takes ip prefix-list for them and stores them as ipv6; the next reader looks for a list of IPv4.",
    broken="ip prefix-list V6 seq 10 permit fd47:25e1:2f96:52::/64 le 128",
    right="ipv6 prefix-list V6 seq 10 permit fd47:25e1:2f96:52::/64 le 128",
    ground=f"{_FRR}: accepted and stored as ipv6 prefix-list",
    scope=REPO,
)
def ipv6_lists(repository: Repository) -> Iterator[Breach]:
    """One finding per line."""
    for router, fault in _of(repository, frozenset(("ipv6-list",))):
        yield _told(router, fault, "ipv6 prefix-list")


@check(
    "BGP012",
    WARN,
    "bgp",
    _PHASES,
    rule="The router accepts exactly what the cluster announces.",
    why="What is announced and not accepted is not reachable; what is accepted and not announced is an open door.",
    broken="the cluster announces 10.50.0.0/16, the router accepts 10.0.30.0/24 only",
    right="the pools, and the pods' network exactly when it is announced",
    ground="verified by running: prefix lists and route maps evaluated",
    scope=REPO,
)
def same_set(repository: Repository) -> Iterator[Breach]:
    """Pools and the pods' network are sent through the policies; so is a network that no home has. A router whose text
    has graver faults (BGP008 to BGP010) is left to those."""
    broken = {router.file for router, fault in _of(repository, _REFUSED | {"policy-missing"})}
    for router, instance, sample, verdict in _refused(repository):
        if router.file not in broken and "lacks 'le" not in verdict.why:
            line = verdict.line or instance.line
            yield Breach(router.at(line), f"{sample.what} is announced, and refused: {verdict.why}.")
    plan = Plan(repository)
    for router in repository.routers:
        for instance in router.view.routers.values():
            for peer in _cluster_peers(repository, instance)[:1]:
                if router.file in broken:
                    continue
                verdict = admission.accepts(router.view, instance, peer, _FOREIGN)
                if verdict.accepted and admission.effective(instance, peer, "ipv4 unicast").policies("in"):
                    line = verdict.line or peer.line
                    text = f"A network that the cluster never has is accepted from {peer.name}: {verdict.why}."
                    yield Breach(router.at(line), text, "prefix lists of the pools")
                for net in _pods(plan) if plan.exports_pods is False else ():
                    verdict = admission.accepts(router.view, instance, peer, net)
                    if verdict.accepted and not admission.accepts(router.view, instance, peer, _FOREIGN).accepted:
                        text = f"The pods' {net} is accepted from {peer.name}, and the cluster does not announce it."
                        yield Breach(router.at(verdict.line or peer.line), text, "no rule for the pods")


@check(
    "BGP013",
    WARN,
    "bgp",
    _PHASES,
    rule="The router does not send the cluster its own routes.",
    why="The nodes drop them as a loop; every change of a Service is sent and looked at twice.",
    broken="ip prefix-list OUT permit 172.29.0.0/18 le 32, which holds 172.29.52.200/32",
    right="ip prefix-list OUT permit 172.29.0.0/18",
    ground=f"{_FRR}: 3 routes sent back, each kept by its node as a loop",
    scope=REPO,
)
def no_echo(repository: Repository) -> Iterator[Breach]:
    """A route that the router would accept is sent through the policies on the way out."""
    for router in repository.routers:
        for instance in router.view.routers.values():
            for peer in _cluster_peers(repository, instance)[:1]:
                for sample in _samples(repository):
                    if not admission.accepts(router.view, instance, peer, sample.prefix).accepted:
                        continue
                    verdict = admission.accepts(router.view, instance, peer, sample.prefix, direction="out")
                    if verdict.accepted and admission.effective(
                        instance, peer, admission.family_of(sample.prefix)
                    ).policies("out"):
                        line = _deciding(router, instance, peer, sample.prefix) or verdict.line
                        text = f"{sample.what} is sent back to {peer.name}: {verdict.why}."
                        yield Breach(router.at(line), text, "the exact supernet, without le")
                        break


def _deciding(router: Router, instance: Instance, peer: Peer, prefix: Network) -> int:
    """Return the line of the rule that lets a prefix out: it is what has to be changed, not the map that names it."""
    seen = admission.effective(instance, peer, admission.family_of(prefix)).family
    family = "ipv6" if prefix.version == 6 else "ip"
    names = [seen.list_out]
    names += [entry.lists.get(family) for entry in router.view.route_maps.get(seen.map_out or "", []) if entry.permit]
    for name in names:
        for rule in router.view.prefix_lists.get((family, name or ""), []):
            if rule.permit and rule.matches(prefix):
                return rule.line
    return 0


@also("BGP017", REPO)
def paths(repository: Repository) -> Iterator[Breach]:
    """Without the line FRR keeps as many paths as it was built for, which nobody sees in the text."""
    count = Plan(repository).count
    for router in repository.routers:
        for instance in router.view.routers.values():
            speakers = [peer for peer in _cluster_peers(repository, instance) if not peer.is_group]
            for family in lint.FAMILIES:
                active = [peer for peer in speakers if admission.effective(instance, peer, family).active]
                wanted = max(count if active else 0, len(active))
                width = instance.maximum_paths.get(family)
                if len(active) > 1 and (width is None or width < wanted):
                    have = f"is {width}" if width else "is not set"
                    text = f"maximum-paths of {family} {have}, and there are {wanted} nodes."
                    yield Breach(router.at(instance.line), text, f"maximum-paths {wanted}")


@also("BGP016", BOTH)
def every_node(case: Any) -> Iterator[Breach]:
    """The nodes of the inventory are looked for among the neighbours of the repository's router configuration."""
    world, repository = case.model, case.repository
    for router in repository.routers:
        for instance in router.view.routers.values():
            if instance.ranges or not any(not peer.is_group for peer in instance.peers.values()):
                continue
            for node in world.nodes:
                if str(node.address) not in instance.peers:
                    text = f"The node {node.name} ({node.address}) is no neighbour of {router.file}."
                    yield Breach(router.at(instance.line), text, f"neighbor {node.address}")


def _cluster_peers(repository: Repository, instance: Instance) -> list[Peer]:
    """Return the neighbours that are nodes of the cluster: those of its AS, all external ones when it is not known."""
    local = {str(pair[1]) for pair in bgp.sessions(repository)}
    found = []
    for peer in instance.speakers():
        group = instance.peers.get(peer.group) if peer.group else None
        remote = (group.remote_as if group else None) or peer.remote_as
        if remote in local or (not local and admission.external(instance, remote)):
            found.append(peer)
    return found


def _pods(plan: Plan) -> Iterator[Network]:
    """Yield one block of each of the pods' networks, as a node would announce it."""
    for net in plan.networks:
        if net.subject == "pods":
            width = 24 if net.given.version == 4 else 64
            first = f"{net.cidr.network}/{max(width, net.cidr.prefixlen)}"
            yield ipaddress.ip_network(first)


def _samples(repository: Repository) -> Iterator[_Sample]:
    """Yield what the cluster announces: the ends of each pool, and a block of the pods when they are exported."""
    plan = Plan(repository)
    if not any(item.kind in (kinds.LEGACY, kinds.ADVERTISEMENT) for item in bgp.sound(repository)):
        return
    for pool in plan.pools:
        for item in pool.ranges:
            for end in dict.fromkeys((item.first, item.last)):
                yield _Sample(f"{end}/{end.max_prefixlen} of pool {pool.object.name}", ipaddress.ip_network(str(end)))
    for net in dict.fromkeys(_pods(plan)) if plan.exports_pods else ():
        yield _Sample(f"The pods' {net}", net)


def _refused(repository: Repository) -> Iterator[tuple[Router, Instance, _Sample, admission.Verdict]]:
    """Yield what the cluster announces and a router refuses, once per deciding line."""
    samples = list(_samples(repository))[: limits.COMPARED]
    for router in repository.routers:
        seen: set[tuple[int, str]] = set()
        for instance in router.view.routers.values():
            for peer in _cluster_peers(repository, instance)[: limits.COMPARED]:
                for sample in samples:
                    family = admission.family_of(sample.prefix)
                    if not admission.effective(instance, peer, family).active:
                        continue  # another family is carried by another session, or by none
                    verdict = admission.accepts(router.view, instance, peer, sample.prefix)
                    if not verdict.accepted and (verdict.line, verdict.why) not in seen:
                        seen.add((verdict.line, verdict.why))
                        yield router, instance, sample, verdict
