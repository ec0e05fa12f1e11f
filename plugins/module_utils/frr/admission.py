# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would the router accept this route? Prefix lists and route maps evaluated as bgpd does, with the reason in words.

First match decides; a list or map that ends without a match denies; an entry that matches a list which does not exist
never matches; a neighbour that names a map or list which does not exist refuses everything (measured with FRR 8.4.4).
Matches on anything but prefixes are taken as met, and ``on-match`` and ``continue`` as if they were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .live import Expected
from .text import Line
from .view import AGREED, FamilyPeer, MapEntry, Network, Peer, PrefixRule, Router, View, holds, view


@dataclass(frozen=True)
class Verdict:
    """Whether a route passes, and why; ``line`` is the deciding line of the text, 0 when none decides."""

    accepted: bool
    why: str
    line: int = 0


@dataclass(frozen=True)
class EffectivePeer:
    """A neighbour with what it inherits from its group."""

    name: str
    remote_as: str | None
    active: bool
    family: FamilyPeer

    def policies(self, direction: str) -> bool:
        """Whether any policy stands on the way ``in`` or ``out``."""
        return bool(
            getattr(self.family, f"map_{direction}")
            or getattr(self.family, f"list_{direction}")
            or getattr(self.family, f"other_{direction}")
        )


def family_of(prefix: Network) -> str:
    """Return the address family that carries a prefix."""
    return "ipv6 unicast" if prefix.version == 6 else "ipv4 unicast"


def effective(router: Router, peer: Peer, family: str) -> EffectivePeer:
    """Return a neighbour with its group's values where it has none of its own.

    A group's remote-as wins over the member's, silently; every other value of the member wins.
    """
    group = router.peers.get(peer.group) if peer.group else None
    own = peer.families.get(family, FamilyPeer())
    shared = group.families.get(family, FamilyPeer()) if group else FamilyPeer()
    merged = FamilyPeer(
        active=own.active if own.active is not None else shared.active,
        map_in=own.map_in or shared.map_in,
        map_out=own.map_out or shared.map_out,
        list_in=own.list_in or shared.list_in,
        list_out=own.list_out or shared.list_out,
        other_in=own.other_in or shared.other_in,
        other_out=own.other_out or shared.other_out,
        line=own.line or shared.line,
    )
    active = merged.active if merged.active is not None else (family == "ipv4 unicast" and router.default_ipv4)
    remote = (group.remote_as if group else None) or peer.remote_as
    return EffectivePeer(peer.name, remote, bool(active), merged)


def agreement(router: Router, peer: Peer) -> tuple[str, ...]:
    """Return what the far end has to match before a session comes up, the group's values included; never shown."""
    group = router.peers.get(peer.group) if peer.group else None
    shared = group.agreed if group else {}
    remote = effective(router, peer, "ipv4 unicast").remote_as or ""
    own = {**shared, **{key: value for key, value in peer.agreed.items() if value or key not in shared}}
    return (router.asn, remote, *(own.get(key, "") for key in AGREED if key != "remote-as"))


def external(router: Router, remote_as: str | None) -> bool:
    """Whether a neighbour of this AS is an external one, which ``ebgp-requires-policy`` is about."""
    return remote_as not in (None, "internal", router.asn)


def accepts(view: View, router: Router, peer: Peer, prefix: Network, *, direction: str = "in") -> Verdict:
    """Return whether the router takes a prefix from a neighbour (``in``) or sends it there (``out``)."""
    family = family_of(prefix)
    seen = effective(router, peer, family)
    if not seen.active:
        return Verdict(False, f"neighbour {peer.name} is not activated for {family}", peer.line)
    if router.requires_policy and external(router, seen.remote_as) and not seen.policies(direction):
        return Verdict(
            False,
            f"neighbour {peer.name} has no {direction} policy for {family}, and an external neighbour needs one",
            peer.line,
        )
    list_name = seen.family.list_in if direction == "in" else seen.family.list_out
    if list_name:
        verdict = _by_list(view, list_name, prefix)
        if not verdict.accepted:
            return verdict
    map_name = seen.family.map_in if direction == "in" else seen.family.map_out
    if map_name:
        return _by_map(view, map_name, prefix)
    return Verdict(True, "no policy stands in the way")


def judged(lines: Sequence[Line], expected: Iterable[Expected]) -> list[dict[str, Any]]:
    """Judge every expected prefix against a text, per neighbour that carries its family."""
    seen = view(lines)
    found = []
    for item in expected:
        family = family_of(item.prefix)
        for router in seen.routers.values():
            speakers = router.speakers()
            chosen = [peer for peer in speakers if peer.name in item.neighbors] if item.neighbors else speakers
            active = [peer for peer in chosen if effective(router, peer, family).active]
            for peer in active or chosen:
                verdict = accepts(seen, router, peer, item.prefix)
                found.append(
                    {
                        "prefix": str(item.prefix),
                        "neighbor": peer.name,
                        "accepted": verdict.accepted,
                        "why": verdict.why,
                        "line": verdict.line,
                    }
                )
    return found


def _by_map(view: View, name: str, prefix: Network, depth: int = 0) -> Verdict:
    if name not in view.route_maps or depth > 8:
        return Verdict(False, f"route-map {name} does not exist, so everything is refused")
    missed: list[Verdict] = []
    for entry in view.route_maps[name]:
        miss = _missed(view, entry, prefix)
        if miss is not None:
            missed.append(miss)
            continue
        reasons = "; ".join(dict.fromkeys(item.why for item in missed))
        # The last list that was asked is what a person has to look at, not the entry that denies all the rest.
        line = next((item.line for item in missed if item.line), entry.line)
        if not entry.permit:
            hint = f" after this: {reasons}" if reasons else ""
            return Verdict(False, f"route-map {name} denies it with entry {entry.sequence}{hint}", line)
        if entry.call:
            called = _by_map(view, entry.call, prefix, depth + 1)
            if not called.accepted:
                return called
        return Verdict(True, f"route-map {name} permits it with entry {entry.sequence}", entry.line)
    reasons = "; ".join(dict.fromkeys(item.why for item in missed)) or "it is empty"
    return Verdict(
        False, f"no entry of route-map {name} matches it: {reasons}", next((item.line for item in missed), 0)
    )


def _missed(view: View, entry: MapEntry, prefix: Network) -> Verdict | None:
    """Return why an entry does not match, or None when it does."""
    for family, name in entry.lists.items():
        if (family == "ipv6") != (prefix.version == 6):
            return Verdict(False, f"entry {entry.sequence} matches {_words(family)} prefixes only", entry.line)
        verdict = _by_list(view, name, prefix)
        if not verdict.accepted:
            return verdict if verdict.line else Verdict(False, verdict.why, entry.line)
    return None


def _by_list(view: View, name: str, prefix: Network) -> Verdict:
    rules = view.prefix_lists.get(("ipv6" if prefix.version == 6 else "ip", name))
    if rules is None:
        return Verdict(False, f"prefix-list {name} does not exist")
    for rule in rules:
        if rule.matches(prefix):
            word = "permits" if rule.permit else "denies"
            return Verdict(rule.permit, f"prefix-list {name} {word} it with seq {rule.sequence}", rule.line)
    for rule in rules:
        if rule.permit and rule.network is not None and holds(rule.network, prefix):
            return Verdict(False, _near(name, rule, rule.network, prefix), rule.line)
    return Verdict(False, f"prefix-list {name} has no rule for it")


def _near(name: str, rule: PrefixRule, network: Network, prefix: Network) -> str:
    """Say why a rule whose network holds the prefix does not match it."""
    lengths = str(rule.low) if rule.low == rule.high else f"{rule.low} to {rule.high}"
    lacks = f": it lacks 'le {prefix.max_prefixlen}'" if prefix.prefixlen > rule.high else ""
    return f"prefix-list {name} seq {rule.sequence} permits {network} with length {lengths} only{lacks}"


def _words(family: str) -> str:
    return "IPv6" if family == "ipv6" else "IPv4"
