# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an FRR text means: neighbours, groups, families, prefix lists and route maps.

The view answers questions (who is a neighbour, which policy has it); the text itself is edited line by line in
``edit.py``. Addresses are compared as addresses: ``FD00:0::2`` and ``fd00::2`` are one neighbour.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from . import grammar
from .text import Line

Network = ipaddress.IPv4Network | ipaddress.IPv6Network  # pylint: disable=unsupported-binary-operation

#: Attributes of a neighbour which both ends have to agree on, or no session comes up.
AGREED = ("local-as", "password", "remote-as", "shutdown")
#: Sequence steps that FRR gives to prefix-list lines without ``seq``.
_STEP = 5


@dataclass(frozen=True)
class PrefixRule:
    """One line of a prefix list; ``low`` and ``high`` are the prefix lengths it matches."""

    sequence: int
    permit: bool
    network: Network | None
    low: int
    high: int
    line: int

    def matches(self, prefix: Network) -> bool:
        """Whether the rule decides about the prefix; a rule for ``any`` decides about all."""
        if self.network is None:
            return True
        return holds(self.network, prefix) and self.low <= prefix.prefixlen <= self.high


@dataclass(frozen=True)
class MapEntry:
    """One entry of a route map.

    :param lists: the prefix list it matches per family (``ip``/``ipv6``).
    :param other_matches: everything else it matches, as written.
    :param call: the route map it calls, empty for none.
    """

    sequence: int
    permit: bool
    lists: dict[str, str]
    other_matches: tuple[str, ...]
    sets: tuple[str, ...]
    line: int
    call: str = ""


@dataclass
class FamilyPeer:
    """What one address family says of one neighbour or group; None where it says nothing.

    :param other_in: whether a distribute list or a filter list stands on the way in; it counts as a policy.
    """

    active: bool | None = None
    map_in: str | None = None
    map_out: str | None = None
    list_in: str | None = None
    list_out: str | None = None
    other_in: bool = False
    other_out: bool = False
    line: int = 0


@dataclass
class Peer:
    """A neighbour, or a group when ``is_group``; ``lines`` are the numbers of all lines about it.

    :param agreed: what the far end has to match before a session comes up (:data:`AGREED`), by its keyword; it holds
        the password, so it is never shown.
    """

    name: str
    is_group: bool = False
    remote_as: str | None = None
    group: str | None = None
    password: bool = False
    agreed: dict[str, str] = field(default_factory=dict, repr=False)
    families: dict[str, FamilyPeer] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)

    @property
    def line(self) -> int:
        """The first line about it."""
        return self.lines[0] if self.lines else 0

    def family(self, name: str) -> FamilyPeer:
        """Return the entry of a family, made when it is the first line about it."""
        return self.families.setdefault(name, FamilyPeer())


@dataclass
class Router:
    """One ``router bgp``.

    :param ranges: group of each ``bgp listen range``, by range.
    :param premature: lines about a neighbour or group that is not defined before them, with its name.
    """

    key: str
    line: int = 0
    router_id: str = ""
    peers: dict[str, Peer] = field(default_factory=dict)
    requires_policy: bool = True
    default_ipv4: bool = True
    maximum_paths: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, str] = field(default_factory=dict)
    premature: list[tuple[int, str]] = field(default_factory=list)

    @property
    def asn(self) -> str:
        """The router's own AS."""
        return self.key.split()[0]

    @property
    def vrf(self) -> str:
        """``vrf <name>`` or ``view <name>``; empty for the default instance."""
        return self.key.partition(" ")[2]

    def speakers(self) -> list[Peer]:
        """Return who speaks BGP with it: neighbours, and groups whose members come through a listen range."""
        return [peer for peer in self.peers.values() if not peer.is_group or peer.name in self.ranges.values()]


@dataclass
class View:
    """The whole text."""

    routers: dict[str, Router] = field(default_factory=dict)
    prefix_lists: dict[tuple[str, str], list[PrefixRule]] = field(default_factory=dict)
    route_maps: dict[str, list[MapEntry]] = field(default_factory=dict)
    bad_ranges: list[int] = field(default_factory=list)


def holds(network: Network, prefix: Network) -> bool:
    """Whether a prefix lies in a network of the same family."""
    return network.version == prefix.version and prefix.subnet_of(network)  # type: ignore[arg-type]


def peer_key(name: str) -> str:
    """Return a neighbour's name in one form: addresses are normalised, groups and interfaces kept."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def is_address(name: str) -> bool:
    """Whether a neighbour is named by its address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def view(lines: Iterable[Line]) -> View:
    """Return the meaning of parsed lines; what FRR would reject or does not concern BGP is left out."""
    seen = View()
    for number, line in enumerate(lines, start=1):
        if not line.words or not line.known or line.leaves:
            continue
        if line.context.kind == grammar.TOP:
            _top(seen, line, number)
        elif line.context.kind in (grammar.ROUTER, grammar.FAMILY):
            key = line.context.router
            _router(seen.routers.setdefault(key, Router(key, line=number)), line, number)
        elif line.context.kind == grammar.ROUTE_MAP:
            _map_line(seen, line)
    for rules in seen.prefix_lists.values():
        rules.sort(key=lambda rule: rule.sequence)
    for entries in seen.route_maps.values():
        entries.sort(key=lambda entry: entry.sequence)
    return seen


def _top(seen: View, line: Line, number: int) -> None:
    words = line.words
    if line.opens is not None and line.opens.kind == grammar.ROUTER:
        seen.routers.setdefault(line.opens.router, Router(line.opens.router, line=number))
    elif words[:2] == ("router", "bgp") and line.negated:
        seen.routers.pop(" ".join(words[2:]), None)
    elif words[0] == "route-map":
        _map_head(seen, line, number)
    elif words[0] in ("ip", "ipv6") and words[1:2] == ("prefix-list",):
        _prefix_list(seen, line, number)


def _map_head(seen: View, line: Line, number: int) -> None:
    name, rest = line.words[1], line.words[2:]
    if line.negated and not rest:
        seen.route_maps.pop(name, None)
        return
    if len(rest) < 2 or not rest[1].isdigit():
        return
    entries = seen.route_maps.setdefault(name, [])
    old = next((entry for entry in entries if entry.sequence == int(rest[1])), None)
    if line.negated:
        entries[:] = [entry for entry in entries if entry is not old]
    elif old is None:
        entries.append(MapEntry(int(rest[1]), rest[0] == "permit", {}, (), (), number))
    else:
        entries[entries.index(old)] = replace(old, permit=rest[0] == "permit")


def _prefix_list(seen: View, line: Line, number: int) -> None:
    words = list(line.words)
    if line.negated:
        seen.prefix_lists.pop((words[0], words[2]), None) if len(words) == 3 else None
        return
    if len(words) < 5:
        return
    name, rest = words[2], words[3:]
    sequence: int | None = None
    if grammar.expand(rest[0], ("seq",)) and len(rest) > 3 and rest[1].isdigit():
        sequence, rest = int(rest[1]), rest[2:]
    action = grammar.expand(rest[0], ("permit", "deny"))
    if action is None:
        return
    network: Network | None = None
    if rest[1] != "any":
        try:
            network = ipaddress.ip_network(rest[1], strict=False)
        except ValueError:
            return
    # FRR takes "ip prefix-list N permit fd00::/8" as a short form of the IPv6 command.
    family = "ipv6" if words[0] == "ipv6" or (network is not None and network.version == 6) else "ip"
    width = 128 if family == "ipv6" else 32
    exact = network.prefixlen if network is not None else 0
    bounds = {key: int(value) for key, value in zip(rest[2::2], rest[3::2], strict=False) if value.isdigit()}
    low = bounds.get("ge", exact)
    high = bounds.get("le", width if "ge" in bounds or network is None else exact)
    if not exact <= low <= high <= width:
        seen.bad_ranges.append(number)
        return
    rules = seen.prefix_lists.setdefault((family, name), [])
    if sequence is None:
        sequence = (max((rule.sequence for rule in rules), default=0) // _STEP + 1) * _STEP
    rules[:] = [rule for rule in rules if rule.sequence != sequence]
    rules.append(PrefixRule(sequence, action == "permit", network, low, high, number))


def _map_line(seen: View, line: Line) -> None:
    name, _action, sequence = line.context.name.rsplit(" ", 2)
    entries = seen.route_maps.get(name, [])
    for index, entry in enumerate(entries):
        if str(entry.sequence) != sequence or line.negated:
            continue
        words = line.words
        if words[0] == "match" and len(words) > 4 and words[2:4] == ("address", "prefix-list"):
            entries[index] = replace(entry, lists={**entry.lists, words[1]: words[4]})
        elif words[0] == "match":
            entries[index] = replace(entry, other_matches=(*entry.other_matches, " ".join(words[1:])))
        elif words[0] == "set":
            entries[index] = replace(entry, sets=(*entry.sets, " ".join(words[1:])))
        elif words[0] == "call" and len(words) > 1:
            entries[index] = replace(entry, call=words[1])


def _router(router: Router, line: Line, number: int) -> None:
    words = line.words
    if words[0] == "neighbor" and len(words) > 1:
        _neighbor(router, line, number)
    elif words[:2] == ("bgp", "ebgp-requires-policy"):
        router.requires_policy = not line.negated
    elif words[:3] == ("bgp", "default", "ipv4-unicast"):
        router.default_ipv4 = not line.negated
    elif words[:2] == ("bgp", "router-id") and len(words) > 2:
        router.router_id = "" if line.negated else words[2]
    elif words[:3] == ("bgp", "listen", "range") and len(words) > 5:
        if line.negated:
            router.ranges.pop(words[3], None)
        else:
            router.ranges[words[3]] = words[5]
    elif words[0] == "maximum-paths" and len(words) > 1 and words[1].isdigit():
        router.maximum_paths[line.context.name or "ipv4 unicast"] = int(words[1])


def _neighbor(router: Router, line: Line, number: int) -> None:
    name = peer_key(line.words[1])
    attribute, rest = (line.words[2] if len(line.words) > 2 else ""), list(line.words[3:])
    if line.negated and (not attribute or (attribute in ("remote-as", "peer-group") and not rest)):
        router.peers.pop(name, None)
        return
    defines = attribute in ("remote-as", "peer-group", "interface") and not line.negated
    if name not in router.peers and not defines:
        router.premature.append((number, name))
    peer = router.peers.setdefault(name, Peer(name))
    peer.lines.append(number)
    value = None if line.negated else (rest[0] if rest else None)
    if attribute in AGREED:
        # Behind "shutdown" stands at most a message for people.
        peer.agreed[attribute] = "" if line.negated else "yes" if attribute == "shutdown" else " ".join(rest)
    if attribute == "interface" and "remote-as" in rest[:-1]:
        peer.remote_as = rest[rest.index("remote-as") + 1]
    elif attribute == "interface" and "peer-group" in rest[:-1]:
        peer.group = rest[rest.index("peer-group") + 1]
    elif attribute == "peer-group" and not rest:
        peer.is_group = True
    elif attribute == "peer-group":
        peer.group = value
    elif attribute == "remote-as":
        peer.remote_as = value
    elif attribute == "password":
        peer.password = not line.negated
    elif attribute in grammar.FAMILY_ATTRIBUTES:
        entry = peer.family(line.context.name or "ipv4 unicast")
        entry.line = entry.line or number
        _family_attribute(entry, attribute, rest, line.negated)


def _family_attribute(entry: FamilyPeer, attribute: str, rest: list[str], negated: bool) -> None:
    direction = rest[1] if len(rest) > 1 and rest[1] in ("in", "out") else ""
    if attribute == "activate":
        entry.active = not negated
    elif attribute in ("route-map", "prefix-list") and direction:
        kind = "map" if attribute == "route-map" else "list"
        setattr(entry, f"{kind}_{direction}", None if negated else rest[0])
    elif attribute in ("distribute-list", "filter-list") and direction:
        setattr(entry, f"other_{direction}", not negated)
