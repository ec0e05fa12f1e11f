# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router's BGP configuration is to hold, and the FRR lines that say it.

The declared part is a set of neighbours and groups of one ``router bgp``, and per family the prefixes that are taken
from them and sent to them. From it come two kinds of lines: a block of prefix lists and route maps that is wholly ours,
and lines inside a ``router bgp`` that may hold other people's lines too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .view import is_address, peer_key

#: Words of one line, keywords in full, ``no`` included.
Words = tuple[str, ...]

IPV4, IPV6 = "ipv4 unicast", "ipv6 unicast"
FAMILIES = (IPV4, IPV6)


@dataclass(frozen=True)
class Accept:
    """A range of prefixes; ``low`` and ``high`` are the prefix lengths that pass."""

    network: str
    low: int
    high: int


@dataclass(frozen=True)
class Policy:
    """What passes in one family.

    :param accept: taken from the neighbours; empty takes nothing.
    :param announce: sent to them, exactly these networks; empty sends nothing.
    :param originate: whether the router itself brings the announced networks into BGP.
    :param maximum_paths: ECMP width; None leaves the router's own line alone.
    :param local_preference: given to what is taken; None gives none.
    :param communities: added to what is taken.
    :param maximum_prefix: warn when a neighbour sends more; None sets no limit.
    """

    accept: tuple[Accept, ...] = ()
    announce: tuple[str, ...] = ()
    originate: bool = False
    maximum_paths: int | None = None
    local_preference: int | None = None
    communities: tuple[str, ...] = ()
    maximum_prefix: int | None = None


@dataclass(frozen=True)
class Peer:
    """One neighbour or group; what a member of a group leaves out, the group says.

    :param name: address, or the group's name.
    :param password: one word, never shown.
    :param families: which families it carries; empty for a member that follows its group.
    :param next_hop: IPv6 next hop set on what an IPv4 session brings: it would be an IPv4-mapped one, which no kernel
        installs.
    """

    name: str
    is_group: bool = False
    group: str = ""
    remote_as: str = ""
    description: str = ""
    password: str = field(default="", repr=False)
    keepalive: int | None = None
    hold: int | None = None
    connect_retry: int | None = None
    update_source: str = ""
    ebgp_multihop: int | None = None
    bfd: bool = False
    passive: bool = False
    shutdown: bool = False
    graceful_restart: str = ""
    families: tuple[str, ...] = ()
    next_hop: str = ""

    @property
    def key(self) -> str:
        """Its name in the one form in which neighbours are compared."""
        return self.name if self.is_group else peer_key(self.name)


@dataclass(frozen=True)
class Setting:
    """One command that is not about a neighbour.

    :param key: the words that name it.
    :param value: the words behind them; None for a command that is to be absent.
    :param arity: how many words a value has, to tell commands with the same beginning apart.
    :param negated: whether it is wanted with ``no``.
    """

    key: Words
    value: Words | None = ()
    arity: int = 0
    negated: bool = False

    @property
    def words(self) -> Words:
        """The whole command."""
        return (*(("no",) if self.negated else ()), *self.key, *(self.value or ()))

    def is_about(self, words: Words) -> bool:
        """Whether a command, without ``no``, is this one with any value."""
        return words[: len(self.key)] == self.key and len(words) == len(self.key) + self.arity


@dataclass(frozen=True)
class Desired:
    """The declared part of one ``router bgp``.

    :param name: names our block and our lists and maps.
    :param peers: groups first.
    :param ranges: group of each ``bgp listen range``, by range.
    :param graceful_restart: None leaves the router's own line alone.
    :param exact: whether neighbours, groups and ranges that are not declared are to go.
    """

    name: str
    asn: int
    router_id: str = ""
    peers: tuple[Peer, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    ranges: Mapping[str, str] = field(default_factory=dict)
    listen_limit: int | None = None
    graceful_restart: bool | None = None
    restart_seconds: int | None = None
    stale_path_seconds: int | None = None
    multipath_relax: bool | None = None
    exact: bool = False

    @property
    def key(self) -> str:
        """The instance as the text names it."""
        return str(self.asn)


def names(name: str, family: str) -> tuple[str, str]:
    """Return the names of our policies of one family, in and out; list and map share them."""
    stem = f"{name.upper()}-{'V6' if family == IPV6 else 'V4'}"
    return f"{stem}-IN", f"{stem}-OUT"


def policy_of(desired: Desired, peer: Peer, family: str) -> tuple[str, str]:
    """Return the names of a neighbour's route maps, in and out."""
    inward, outward = names(desired.name, family)
    return (f"{inward}-{peer.key}" if family == IPV6 and peer.next_hop else inward), outward


def policy_lines(desired: Desired) -> Iterator[str]:
    """Yield the lines of our own block: lists first, then maps, each family in turn."""
    used = [family for family in FAMILIES if family in desired.policies]
    for family in used:
        policy, word = desired.policies[family], _word(family)
        inward, outward = names(desired.name, family)
        for number, item in enumerate(policy.accept, start=1):
            yield f"{word} prefix-list {inward} seq {number * 10} permit {_range(item)}"
        for number, network in enumerate(policy.announce, start=1):
            yield f"{word} prefix-list {outward} seq {number * 10} permit {ipaddress.ip_network(network)}"
    for family in used:
        policy = desired.policies[family]
        inward, outward = names(desired.name, family)
        yield from _map(family, inward, inward, bool(policy.accept), _sets(policy))
        for peer in desired.peers if family == IPV6 else ():
            if peer.next_hop:
                own, _out = policy_of(desired, peer, family)
                yield from _map(
                    family, own, inward, bool(policy.accept), [*_sets(policy), f"ipv6 next-hop global {peer.next_hop}"]
                )
        yield from _map(family, outward, outward, bool(policy.announce), [])


def router_settings(desired: Desired) -> Iterator[Setting]:
    """Yield the commands at router level that are not about a neighbour."""
    if desired.router_id:
        yield Setting(("bgp", "router-id"), (desired.router_id,), 1)
    yield Setting(("bgp", "log-neighbor-changes"))
    relax = ("bgp", "bestpath", "as-path", "multipath-relax")
    if desired.multipath_relax is not None:
        yield Setting(relax, () if desired.multipath_relax else None)
    if desired.graceful_restart is not None:
        yield Setting(("bgp", "graceful-restart"), () if desired.graceful_restart else None)
    if desired.restart_seconds is not None:
        yield Setting(("bgp", "graceful-restart", "restart-time"), (str(desired.restart_seconds),), 1)
    if desired.stale_path_seconds is not None:
        yield Setting(("bgp", "graceful-restart", "stalepath-time"), (str(desired.stale_path_seconds),), 1)
    if any(policy.originate and policy.announce for policy in desired.policies.values()):
        # The router has no route of exactly this length, and without one it would keep quiet about the network.
        yield Setting(("bgp", "network", "import-check"), negated=True)
    if desired.listen_limit is not None:
        yield Setting(("bgp", "listen", "limit"), (str(desired.listen_limit),), 1)


def range_lines(desired: Desired) -> list[Words]:
    """Return the lines of the ranges in which the router is called."""
    return [
        ("bgp", "listen", "range", str(ipaddress.ip_network(network)), "peer-group", group)
        for network, group in desired.ranges.items()
    ]


def peer_lines(peer: Peer) -> list[Words]:
    """Return the lines at router level about one neighbour or group; the one that defines it first, as FRR demands."""
    head: Words = ("neighbor", peer.key)
    lines: list[Words] = []
    if peer.is_group:
        lines.append((*head, "peer-group"))
    if peer.group:
        lines.append((*head, "peer-group", peer.group))
    elif peer.remote_as:
        lines.append((*head, "remote-as", peer.remote_as))
    if peer.description:
        lines.append((*head, "description", *peer.description.split()))
    if peer.password:
        lines.append((*head, "password", peer.password))
    if peer.hold is not None and peer.keepalive is not None:
        lines.append((*head, "timers", str(peer.keepalive), str(peer.hold)))
    if peer.connect_retry is not None:
        lines.append((*head, "timers", "connect", str(peer.connect_retry)))
    if peer.update_source:
        lines.append((*head, "update-source", peer.update_source))
    if peer.ebgp_multihop is not None:
        lines.append((*head, "ebgp-multihop", str(peer.ebgp_multihop)))
    if peer.graceful_restart:
        suffix = {"enabled": "", "disabled": "-disable", "helper": "-helper"}[peer.graceful_restart]
        lines.append((*head, f"graceful-restart{suffix}"))
    lines += [(*head, word) for word in ("bfd", "passive", "shutdown") if getattr(peer, word)]
    return lines


def family_settings(desired: Desired, family: str) -> Iterator[Setting]:
    """Yield the commands inside a family that are neither about a neighbour nor about a network."""
    policy = desired.policies.get(family, Policy())
    if policy.maximum_paths is not None:
        yield Setting(("maximum-paths",), (str(policy.maximum_paths),), 1)


def networks(desired: Desired, family: str) -> list[str]:
    """Return the networks of a family that the router itself is to bring into BGP."""
    policy = desired.policies.get(family, Policy())
    return [str(ipaddress.ip_network(network)) for network in policy.announce] if policy.originate else []


def family_lines(desired: Desired, peer: Peer, family: str, *, active_by_default: bool) -> list[Words]:
    """Return the lines inside a family about one neighbour or group.

    :param active_by_default: whether the router activates every neighbour in this family by itself.
    """
    head: Words = ("neighbor", peer.key)
    follows = bool(peer.group) and not peer.families
    if family not in peer.families and not follows:
        return [("no", *head, "activate")] if active_by_default else []
    if follows:
        own = policy_of(desired, peer, family)[0]
        return [(*head, "route-map", own, "in")] if family == IPV6 and peer.next_hop else []
    policy = desired.policies.get(family, Policy())
    inward, outward = policy_of(desired, peer, family)
    lines: list[Words] = [(*head, "activate"), (*head, "soft-reconfiguration", "inbound")]
    if policy.maximum_prefix is not None:
        lines.append((*head, "maximum-prefix", str(policy.maximum_prefix), "80", "warning-only"))
    return [*lines, (*head, "route-map", inward, "in"), (*head, "route-map", outward, "out")]


def default_families(name: str) -> tuple[str, ...]:
    """Return the family of a neighbour's own address; IPv4 for one that is not named by an address."""
    return (IPV6,) if is_address(name) and ipaddress.ip_address(name).version == 6 else (IPV4,)


def _map(family: str, name: str, list_name: str, permits: bool, sets: list[str]) -> Iterator[str]:
    if permits:
        yield f"route-map {name} permit 10"
        yield f" match {_word(family)} address prefix-list {list_name}"
        yield from (f" set {words}" for words in sets)
        yield "exit"
    yield f"route-map {name} deny 65535"
    yield "exit"


def _sets(policy: Policy) -> list[str]:
    sets = []
    if policy.local_preference is not None:
        sets.append(f"local-preference {policy.local_preference}")
    if policy.communities:
        sets.append(f"community {' '.join(policy.communities)} additive")
    return sets


def _word(family: str) -> str:
    return "ipv6" if family == IPV6 else "ip"


def _range(item: Accept) -> str:
    network = ipaddress.ip_network(item.network)
    text = str(network)
    if item.low > network.prefixlen:
        text += f" ge {item.low}"
    if item.high > network.prefixlen:
        text += f" le {item.high}"
    return text
