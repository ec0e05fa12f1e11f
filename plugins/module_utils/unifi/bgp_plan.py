# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the console holds to what it is to hold: a plan, judged before anything is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..frr import admission, edit, lint, masking, text
from ..frr.desired import FAMILIES, Desired, policy_of
from ..frr.errors import FrrError
from ..frr.live import Expected, Live, Wanted, kept
from ..frr.state_command import Rejection
from ..frr.view import holds, view
from .bgp_config import DESCRIPTION, Stored

#: More are counted only: nobody reads a warning of a hundred lines.
_TOLD = 8


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    :param faults: of the text as it will be, ours first known by ``owned``.
    :param description: the console's own description as it is to be; None leaves it alone.
    :param target: which part of the configuration it is about, for messages.
    :param owned: numbers of the lines of ``after`` that the declaration is responsible for.
    """

    before: Stored
    after: str
    enabled: bool
    faults: tuple[lint.Fault, ...]
    owned: frozenset[int]
    peers: frozenset[str]
    description: str | None = None
    target: str = ""

    @property
    def describes(self) -> bool:
        """Whether the console is to describe it in other words."""
        return self.description is not None and bool(self.after) and self.description != self.before.description

    @property
    def changed(self) -> bool:
        """Whether the console has to be written to: it restarts the routing daemon with every write."""
        switched = bool(self.after) and self.enabled != self.before.enabled
        return self.after != self.before.text or switched or self.describes

    def is_ours(self, fault: lint.Fault) -> bool:
        """Whether a fault is in a line of ours or about a neighbour of ours."""
        return fault.line in self.owned or fault.peer in self.peers

    def diff(self, title: str) -> dict[str, str]:
        """Return the texts before and after, passwords masked."""
        return {
            "before": self._described(self.before.description)
            + _shown(self.before.text, self.before.enabled, self.before.document is None),
            "after": self._described(self.description or "")
            + _shown(self.after, self.enabled, not self.after and self.before.document is None),
            "before_header": title,
            "after_header": title,
        }

    def _described(self, words: str) -> str:
        return f"! (the console describes this configuration as '{words}')\n" if self.describes else ""


def plan(
    stored: Stored,
    desired: Desired,
    state: str,
    enabled: bool,
    expected: Sequence[Expected],
    description: str | None = None,
) -> Plan:
    """Plan one run.

    :raises FrrError: the text cannot be edited, or what is declared would not work.
    """
    absent = state == "absent"
    after = edit.remove(stored.text, desired) if absent and stored.text else stored.text
    if not absent:
        after = edit.apply(stored.text, desired)
    lines = text.parse(after)
    owned = frozenset(edit.ours(lines, desired)) if not absent else frozenset()
    peers = frozenset(peer.key for peer in desired.peers) if not absent else frozenset()
    # That our own password stands there in clear text is what was asked for.
    faults = tuple(fault for fault in lint.lint(lines) if fault.id != "password" or fault.line not in owned)
    made = Plan(
        stored,
        after,
        stored.enabled if absent else enabled,
        faults,
        owned,
        peers,
        None if absent or description is None else description[:DESCRIPTION],
        f"block {desired.name} of router bgp {desired.asn}",
    )
    if not absent:
        broken = [fault.sentence() for fault in faults if _breaks(made, fault)]
        _refuse(made, [*broken, *_refused(made, expected)], "policies" if broken else "expected_prefixes")
    return made


def told(faults: Sequence[lint.Fault]) -> list[dict[str, Any]]:
    """Return faults for a result."""
    return [
        {"id": fault.id, "severity": fault.severity, "line": fault.line, "message": fault.message, "peer": fault.peer}
        for fault in faults
    ]


def warning(made: Plan) -> str:
    """Return one sentence about the errors in lines of others; empty when there are none."""
    foreign = [f.sentence() for f in made.faults if f.severity == "error" and not made.is_ours(f)]
    if not foreign:
        return ""
    rest = f"; and {len(foreign) - _TOLD} more" if len(foreign) > _TOLD else ""
    return f"The router's BGP text has faults in lines that are not managed here: {'; '.join(foreign[:_TOLD])}{rest}."


def judge_rejections(made: Plan, rejections: Sequence[Rejection]) -> str:
    """Refuse when a dry run rejects a line of ours; return a sentence about those of others.

    :raises FrrError: naming our lines.
    """
    lines = text.parse(made.after)
    shown = {item.line: masking.line(lines[item.line - 1].text) for item in rejections if item.line <= len(lines)}
    reasons = {number: {item.reason for item in rejections if item.line == number and item.reason} for number in shown}
    why = {number: f" ({'; '.join(sorted(words))})" if words else "" for number, words in reasons.items()}
    ours = [
        f"line {number}: '{line}' is rejected{why[number]}" for number, line in shown.items() if number in made.owned
    ]
    _refuse(made, ours, "validate_command")
    foreign = [f"line {number}: '{line}'{why[number]}" for number, line in shown.items() if number not in made.owned]
    return f"FRR rejects lines that are not managed here: {'; '.join(foreign)}." if foreign else ""


def wanted(desired: Desired, expected: Sequence[Expected], minimum: int) -> Wanted:
    """Return what a router that works as declared shows; neighbours that only call in are not known beforehand."""
    groups = {peer.name: peer for peer in desired.peers if peer.is_group}
    sessions, maps = [], {}
    for peer in desired.peers:
        if peer.is_group or peer.shutdown:
            continue
        group = groups.get(peer.group)
        for family in peer.families or (group.families if group else ()):
            sessions.append((peer.key, family))
            maps[peer.key, family] = policy_of(desired, peer, family)[0]
    return Wanted(tuple(sessions), minimum, tuple(expected), maps)


def far_end_first(made: Plan, live: Live) -> set[str]:
    """Return the neighbours whose session cannot come back before their own side is changed as well.

    Who is given another AS, password or ``shutdown`` loses the session with this text, and so does who is taken out.
    In the phase the router comes first: to wait here for what the cluster has to do next would never end.
    """
    if not made.enabled:
        return {key[0] for key in live.sessions}
    earlier, later = (_agreements(raw, live) for raw in (made.before.text, made.after))
    return {key[0] for key in live.sessions if earlier.get(key[0]) != later.get(key[0])}


def still_wanted(made: Plan, live: Live) -> Wanted:
    """Return that what worked before the change still works, as far as the new text and the far ends allow it."""
    seen = view(text.parse(made.after))
    names = {name for router in seen.routers.values() for name, peer in router.peers.items() if not peer.is_group}
    names |= {key[0] for key, session in live.sessions.items() if session.dynamic}
    names -= far_end_first(made, live)
    accepted: set[str] = set()
    active = {key for key, session in live.sessions.items() if session.dynamic}
    for router in seen.routers.values():
        for peer in router.speakers():
            active |= {(peer.name, family) for family in FAMILIES if admission.effective(router, peer, family).active}
            for prefix in live.routes:
                network = _network(prefix)
                if network is not None and admission.accepts(seen, router, peer, network).accepted:
                    accepted.add(prefix)
    wanted = kept(live, names, accepted)
    # A family that a neighbour had and the declaration does not give it is meant to go.
    return replace(wanted, sessions=tuple(key for key in wanted.sessions if key in active))


def _agreements(raw: str, live: Live) -> dict[str, tuple[str, ...]]:
    """Return what each neighbour's far end has to match, those included that called in through a range."""
    found: dict[str, tuple[str, ...]] = {}
    for router in view(text.parse(raw)).routers.values():
        for name, peer in router.peers.items():
            if not peer.is_group:
                found[name] = admission.agreement(router, peer)
        for (name, _family), session in live.sessions.items():
            groups = [router.peers.get(group) for prefix, group in router.ranges.items() if _holds(prefix, name)]
            if session.dynamic and groups and groups[0] is not None:
                found[name] = admission.agreement(router, groups[0])
    return found


def _holds(prefix: str, name: str) -> bool:
    network, address = _network(prefix), _network(name)
    return network is not None and address is not None and holds(network, address)


def _network(prefix: str) -> Any:
    try:
        return ipaddress.ip_network(prefix)
    except ValueError:
        return None


def _breaks(made: Plan, fault: lint.Fault) -> bool:
    return fault.severity == "error" and made.is_ours(fault)


def _refused(made: Plan, expected: Sequence[Expected]) -> list[str]:
    """Return the expected prefixes that the new text itself would not accept."""
    seen = view(text.parse(made.after))
    found = []
    for item in expected:
        for router in seen.routers.values():
            family = admission.family_of(item.prefix)
            carriers = [p for p in router.speakers() if p.name in made.peers or p.group in made.peers]
            carriers = [p for p in carriers if admission.effective(router, p, family).active]
            chosen = [p for p in carriers if p.name in item.neighbors] if item.neighbors else carriers
            verdicts = [(p.name, admission.accepts(seen, router, p, item.prefix)) for p in chosen]
            found += [f"{item.prefix} from {name} is refused: {v.why}" for name, v in verdicts if not v.accepted]
    return found


def _refuse(made: Plan, reasons: Sequence[str], param: str) -> None:
    if reasons:
        raise FrrError(
            "planning the router's BGP text",
            target=made.target,
            answer="; ".join(dict.fromkeys(reasons)),
            remedy="Nothing was written",
            param=param,
            facts={"faults": told(made.faults)},
        )


def _shown(raw: str, enabled: bool, nothing: bool) -> str:
    if nothing:
        return ""
    return ("" if enabled else "! (the console has this configuration switched off)\n") + masking.text(raw)


def routers_of(raw: str) -> list[dict[str, Any]]:
    """Return the routers of a text with their neighbours, groups and ranges, for facts."""
    seen = view(text.parse(raw))
    routers = []
    for router in seen.routers.values():
        peers = []
        for peer in router.peers.values():
            families = {}
            for family in lint.FAMILIES:
                known = admission.effective(router, peer, family)
                if known.active:
                    entry = known.family
                    families[family] = {
                        "route_map_in": entry.map_in or "",
                        "route_map_out": entry.map_out or "",
                        "prefix_list_in": entry.list_in or "",
                        "prefix_list_out": entry.list_out or "",
                    }
            remote = admission.effective(router, peer, lint.FAMILIES[0]).remote_as
            peers.append(
                {
                    "name": peer.name,
                    "is_group": peer.is_group,
                    "peer_group": peer.group or "",
                    "remote_as": remote or "",
                    "authentication": peer.password,
                    "families": families,
                    "line": peer.line,
                }
            )
        routers.append(
            {
                "asn": router.asn,
                "vrf": router.vrf,
                "router_id": router.router_id,
                "maximum_paths": dict(router.maximum_paths),
                "listen_ranges": dict(router.ranges),
                "neighbors": peers,
            }
        )
    return routers
