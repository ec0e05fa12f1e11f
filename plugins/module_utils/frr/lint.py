# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of an FRR text that neither ``vtysh -C`` nor ``bgpd -C`` finds, in words and by line.

Both daemons' dry runs pass a text that accepts no route at all: a neighbour without policy, a map that matches a list
which does not exist, a prefix list without ``le`` (all measured with FRR 8.4.4). What they do find is told too, so that
a text can be judged where no FRR is installed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import admission, grammar, masking
from .text import CLOSED, Line
from .view import Network, Router, View, holds, is_address, view

FAMILIES = ("ipv4 unicast", "ipv6 unicast")
#: FRR cuts a longer line in two (``VTY_BUFSIZ``).
_LONGEST = 4095


@dataclass(frozen=True)
class Fault:
    """One fault.

    :param id: short name, stable: ``policy-missing``, ``le-missing``, ``dangling``, ``rejected``, ...
    :param severity: ``error`` when routes or lines are lost by it, else ``warn``.
    :param line: 1-based; 0 when the fault is the absence of a line.
    :param peer: the neighbour or group it is about, if it is about one.
    """

    id: str
    severity: str
    line: int
    message: str
    peer: str = ""

    def sentence(self) -> str:
        """Return the fault with its place."""
        return f"line {self.line}: {self.message}" if self.line else self.message


def lint(lines: list[Line], expected: Iterable[Network] = ()) -> list[Fault]:
    """Return the faults of a text, in line order.

    :param expected: prefixes which every neighbour of every router must be able to announce, for instance
        ``172.29.52.200/32``; each that would be refused is a fault with the deciding reason.
    """
    seen, prefixes = view(lines), list(expected)
    found = [
        *_commands(lines),
        *_lists(lines, seen),
        *_dangling(seen),
        *_definitions(seen),
        *_policies(seen),
        *_families(seen),
        *_missing_le(seen, prefixes),
        *_order(lines),
        *_widths(seen),
        *_expected(seen, prefixes),
    ]
    return sorted(dict.fromkeys(found), key=lambda fault: (fault.line, fault.id, fault.peer))


def _commands(lines: list[Line]) -> Iterator[Fault]:
    if lines and lines[0].raw.startswith("\ufeff"):
        yield Fault("bom", "error", 1, "begins with a byte order mark, which makes the line unknown to FRR")
    for number, line in enumerate(lines, start=1):
        words = line.words
        if len(line.raw.encode("utf-8", "surrogatepass")) > _LONGEST:
            yield Fault("long-line", "error", number, f"is longer than {_LONGEST} bytes, so FRR cuts it in two")
        if not words:
            continue
        if line.context == CLOSED:
            yield Fault("closed", "error", number, "stands after an 'end' or a surplus 'exit', so FRR ignores it")
        elif not line.known:
            yield _rejected(line, number)
        elif words[0] == "neighbor" and words[2:3] == ("password",) and not line.negated:
            yield Fault("password", "warn", number, f"holds the password of {words[1]} in clear text", words[1])


def _rejected(line: Line, number: int) -> Fault:
    words = list(line.words)
    shown = masking.line(line.text)
    if words[:1] == ["ip"] and words[1:2] and words[1] in ("community-list", "as-path", "extcommunity-list"):
        return Fault("rejected", "error", number, f"FRR rejects '{shown}': it is written 'bgp {words[1]} ...'")
    if grammar.router_only(words):
        return Fault("rejected", "error", number, f"FRR rejects '{shown}' here: it belongs inside 'router bgp'")
    if words[0] == "neighbor":
        return Fault("rejected", "error", number, f"FRR rejects '{shown}' here: no 'router bgp' is open")
    where = {"router": "in router bgp", "family": "in this address family", "route-map": "in this route-map"}
    return Fault(
        "unknown", "warn", number, f"'{shown}' is no command known {where.get(line.context.kind, 'at the top level')}"
    )


def _lists(lines: list[Line], seen: View) -> Iterator[Fault]:
    for number in seen.bad_ranges:
        yield Fault("bad-range", "error", number, "FRR rejects the range: it needs mask length <= ge <= le")
    for number, line in enumerate(lines, start=1):
        if line.words[:2] == ("ip", "prefix-list") and any(":" in word for word in line.words[3:]):
            yield Fault("ipv6-list", "warn", number, "is an IPv6 list, written 'ipv6 prefix-list ...'")
        if line.words[1:2] == ("prefix-list",) and line.words[0] in ("ip", "ipv6"):
            for word in line.words[3:]:
                if "/" in word and not _in_network_form(word):
                    yield Fault("host-bits", "warn", number, f"{word} has bits behind its mask; FRR drops them")


def _in_network_form(word: str) -> bool:
    try:
        return ipaddress.ip_interface(word).ip == ipaddress.ip_network(word, strict=False).network_address
    except ValueError:
        return True


def _dangling(seen: View) -> Iterator[Fault]:
    for router in seen.routers.values():
        for peer in router.peers.values():
            for family, entry in peer.families.items():
                kind = "ipv6" if family.startswith("ipv6") else "ip"
                for name in (entry.map_in, entry.map_out):
                    if name and name not in seen.route_maps:
                        text = f"{peer.name} names route-map {name}, which does not exist: everything is refused"
                        yield Fault("dangling", "error", entry.line, text, peer.name)
                for name in (entry.list_in, entry.list_out):
                    if name and (kind, name) not in seen.prefix_lists:
                        text = f"{peer.name} names {kind} prefix-list {name}, which does not exist: "
                        yield Fault("dangling", "error", entry.line, f"{text}everything is refused", peer.name)
    for map_name, entries in seen.route_maps.items():
        for map_entry in entries:
            for kind, name in map_entry.lists.items():
                if (kind, name) not in seen.prefix_lists:
                    text = f"route-map {map_name} entry {map_entry.sequence} matches {kind} prefix-list {name}, "
                    yield Fault("dangling", "error", map_entry.line, f"{text}which does not exist: it never matches")
            if map_entry.call and map_entry.call not in seen.route_maps:
                text = f"route-map {map_name} entry {map_entry.sequence} calls route-map {map_entry.call}, "
                yield Fault("dangling", "error", map_entry.line, f"{text}which does not exist")


def _definitions(seen: View) -> Iterator[Fault]:
    for router in seen.routers.values():
        for number, name in router.premature:
            text = f"FRR rejects a line about {name} before its remote-as or peer-group line"
            yield Fault("undefined", "error", number, text, name)
        for peer in router.peers.values():
            group = router.peers.get(peer.group) if peer.group else None
            if peer.group and (group is None or not group.is_group):
                text = f"neighbour {peer.name} joins group {peer.group}, which is not defined"
                yield Fault("dangling", "error", peer.line, text, peer.name)
            if group and group.remote_as and peer.remote_as and group.remote_as != peer.remote_as:
                text = (
                    f"neighbour {peer.name} has remote-as {peer.remote_as}, but its group {group.name} has "
                    f"{group.remote_as}, which wins"
                )
                yield Fault("remote-as", "error", peer.line, text, peer.name)
            elif not peer.is_group and not peer.remote_as and not (group and group.remote_as):
                text = f"neighbour {peer.name} has no remote-as, neither of its own nor from a group"
                yield Fault("remote-as", "error", peer.line, text, peer.name)


def _policies(seen: View) -> Iterator[Fault]:
    for router in seen.routers.values():
        for peer in router.speakers():
            for family in FAMILIES:
                known = admission.effective(router, peer, family)
                if not (known.active and router.requires_policy and admission.external(router, known.remote_as)):
                    continue
                lacking = [direction for direction in ("in", "out") if not known.policies(direction)]
                if lacking:
                    effects = {"in": "nothing is accepted", "out": "nothing is sent"}
                    text = (
                        f"neighbour {peer.name} has no {' and no '.join(lacking)} policy for {family}: "
                        f"{' and '.join(effects[word] for word in lacking)}, though the session is Established"
                    )
                    yield Fault("policy-missing", "error", peer.line, text, peer.name)


def _families(seen: View) -> Iterator[Fault]:
    for router in seen.routers.values():
        for peer in router.speakers():
            if peer.is_group or not is_address(peer.name):
                continue
            six = ":" in peer.name
            four = admission.effective(router, peer, FAMILIES[0])
            if six and four.active and four.family.active is None:
                text = f"neighbour {peer.name} is active for ipv4 unicast, because the router activates all by default"
                yield Fault("family-mismatch", "warn", peer.line, text, peer.name)
            carried = admission.effective(router, peer, FAMILIES[1])
            if not six and carried.active and not _rewrites(seen, carried.family.map_in):
                text = (
                    f"neighbour {peer.name} carries ipv6 unicast over IPv4: the next hops are IPv4-mapped ones, "
                    "which no kernel installs, unless a route-map in sets 'ipv6 next-hop global'"
                )
                yield Fault("mapped-next-hop", "error", peer.line, text, peer.name)
            for family, known, wanted in ((FAMILIES[0], four, "ip"), (FAMILIES[1], carried, "ipv6")):
                for name in (known.family.map_in, known.family.map_out) if known.active else ():
                    yield from _wrong_lists(seen, name, family, wanted, peer.name)


def _rewrites(seen: View, name: str | None) -> bool:
    permits = [entry for entry in seen.route_maps.get(name or "", []) if entry.permit]
    return bool(permits) and all(
        any(words.startswith("ipv6 next-hop global") for words in entry.sets) for entry in permits
    )


def _wrong_lists(seen: View, name: str | None, family: str, wanted: str, peer: str) -> Iterator[Fault]:
    """A map of one family that permits by lists of the other only."""
    permits = [entry for entry in seen.route_maps.get(name or "", []) if entry.permit]
    if permits and all(entry.lists and wanted not in entry.lists for entry in permits):
        text = f"route-map {name} is used for {family} of {peer}, but matches lists of the other family only"
        yield Fault("family-mismatch", "error", permits[0].line, text, peer)


def _missing_le(seen: View, expected: list[Network]) -> Iterator[Fault]:
    """A permitted network on the way in that lets only itself through: host routes are what a cluster announces."""
    lists: set[tuple[str, str]] = set()
    for router in seen.routers.values():
        for peer in router.peers.values():
            for family, entry in peer.families.items():
                if entry.list_in:
                    lists.add(("ipv6" if family.startswith("ipv6") else "ip", entry.list_in))
                for map_entry in seen.route_maps.get(entry.map_in or "", []):
                    lists |= {key for key in map_entry.lists.items() if map_entry.permit}
    for key in sorted(lists):
        for rule in seen.prefix_lists.get(key, []):
            network = rule.network
            if network is None or not rule.permit or not rule.low == rule.high == network.prefixlen:
                continue
            if network.prefixlen in (0, network.max_prefixlen):
                continue
            width = network.max_prefixlen
            text = (
                f"prefix-list {key[1]} permits exactly {network}: a service's /{width} is refused without 'le {width}'"
            )
            wanted = any(holds(network, prefix) and prefix != network for prefix in expected)
            yield Fault("le-missing", "error" if wanted else "warn", rule.line, text)


def _order(lines: list[Line]) -> Iterator[Fault]:
    routers = [number for number, line in enumerate(lines, 1) if line.opens and line.opens.kind == grammar.ROUTER]
    for number, line in enumerate(lines, start=1):
        if routers and number > routers[0] and line.opens is not None and line.opens.kind == grammar.ROUTE_MAP:
            text = "stands after 'router bgp', so routes are refused for the first 5 seconds (route-map delay-timer)"
            yield Fault("late-policy", "warn", number, text)
            return


def _widths(seen: View) -> Iterator[Fault]:
    for router in seen.routers.values():
        for family in FAMILIES:
            active = [p for p in router.speakers() if admission.effective(router, p, family).active]
            width = router.maximum_paths.get(family)
            if len(active) > 1 and (width is None or width < len(active)):
                have = f"is {width}" if width else "is not set"
                text = f"maximum-paths of {family} {have}, with {len(active)} neighbours: ECMP may end at fewer"
                yield Fault("maximum-paths", "warn", router.line, text)


def _expected(seen: View, prefixes: list[Network]) -> Iterator[Fault]:
    for router in seen.routers.values():
        for peer in router.speakers():
            for prefix in prefixes:
                if not _carries(router, peer.name, prefix):
                    continue
                verdict = admission.accepts(seen, router, peer, prefix)
                if not verdict.accepted:
                    text = f"{prefix} from {peer.name} is refused: {verdict.why}"
                    yield Fault("refused", "error", verdict.line, text, peer.name)
                elif admission.accepts(seen, router, peer, prefix, direction="out").accepted:
                    text = f"{prefix} is sent back to {peer.name}, where it came from: let out the exact supernet only"
                    yield Fault("echo", "warn", verdict.line, text, peer.name)


def _carries(router: Router, name: str, prefix: Network) -> bool:
    """Whether a prefix is expected of this neighbour: of one that carries the family, or no other does."""
    family = admission.family_of(prefix)
    carriers = [p.name for p in router.speakers() if admission.effective(router, p, family).active]
    return name in carriers if carriers else True
