# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the routing daemon really does: sessions and routes out of its JSON, judged against what is expected.

"Established" proves little: a neighbour without policy is Established and brings nothing, and the routes of a dead node
stay for a while as stale ones, still counted in ``pfxRcd``. So a route counts only when it is in the table, valid, not
stale, from a neighbour that is Established now (shapes measured with FRR 8.4.4; keys are read with defaults, because
other versions add and rename some).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .view import Network, peer_key

FAMILIES = {"ipv4 unicast": "ipv4Unicast", "ipv6 unicast": "ipv6Unicast"}
#: The daemon tells whole seconds: a session may be up for up to one more than that.
_ROUNDED = 1.0
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


class Asks(Protocol):
    """Answers show commands with JSON."""

    def json(self, command: str) -> dict[str, Any]:
        """Return the answer to one show command."""

    def json_all(self, commands: Sequence[str]) -> list[dict[str, Any]]:
        """Return the answers to several, in their order."""

    def text(self, command: str) -> str:
        """Return the answer to one command as it is."""


@dataclass(frozen=True)
class Session:
    """One neighbour in one family.

    :param state: ``Established``, ``Active``, ``Connect``, ``Idle``, ``Idle (Admin)``, ...
    :param peer_state: ``OK``, ``Policy`` (an external neighbour without policy), ``Admin``, ``NSF passive``.
    :param accepted: prefixes accepted after policy, stale ones included.
    :param up_seconds: how long it is up; 0 when it is not.
    """

    neighbor: str
    family: str
    state: str
    peer_state: str
    accepted: int
    sent: int
    up_seconds: float
    dynamic: bool = False

    @property
    def established(self) -> bool:
        """Whether the session is up now, kept stale routes aside."""
        return self.state == "Established" and self.peer_state != "NSF passive"


@dataclass(frozen=True)
class Path:
    """One path of a route."""

    neighbor: str
    next_hop: str
    valid: bool
    best: bool
    multipath: bool
    stale: bool


@dataclass(frozen=True)
class Neighbor:
    """What the daemon tells about a neighbour beside its sessions."""

    last_reset: str = ""
    last_error: str = ""
    authentication: bool = False
    map_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Live:
    """One look at the daemon."""

    sessions: Mapping[tuple[str, str], Session] = field(default_factory=dict)
    routes: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    neighbors: Mapping[str, Neighbor] = field(default_factory=dict)

    def established(self, neighbor: str, family: str) -> bool:
        """Whether a neighbour's session is up in a family."""
        session = self.sessions.get((peer_key(neighbor), family))
        return session is not None and session.established

    def good_paths(self, prefix: str) -> list[Path]:
        """Return the paths of a prefix that carry traffic or may: valid, fresh, from a session that is up."""
        family = "ipv6 unicast" if ":" in prefix else "ipv4 unicast"
        return [
            path
            for path in self.routes.get(prefix, ())
            if path.valid and not path.stale and self.established(path.neighbor, family) and not _mapped(path.next_hop)
        ]

    def width(self, prefix: str) -> int:
        """Return the ECMP width of a prefix: its best path and the paths beside it."""
        return len(self.used(prefix))

    def used(self, prefix: str) -> list[str]:
        """Return the neighbours over which a prefix is balanced: that of its best path, and those beside it."""
        return sorted(path.neighbor for path in self.good_paths(prefix) if path.best or path.multipath)


@dataclass(frozen=True)
class Expected:
    """A prefix that the router is to have accepted.

    :param neighbors: from each of these; empty for at least one.
    :param paths: at least this ECMP width.
    """

    prefix: Network
    neighbors: tuple[str, ...] = ()
    paths: int = 1


@dataclass(frozen=True)
class Wanted:
    """What must hold.

    :param sessions: (neighbour, family) pairs that must be Established.
    :param minimum: prefixes that each of them must have brought.
    :param maps: the inbound route map that must be in force, per neighbour and family.
    """

    sessions: tuple[tuple[str, str], ...] = ()
    minimum: int = 0
    prefixes: tuple[Expected, ...] = ()
    maps: Mapping[tuple[str, str], str] = field(default_factory=dict)


#: What :func:`read` asks: sessions, what is told of neighbours, and the tables.
_READ = (
    "show bgp summary json",
    "show bgp neighbors json",
    "show bgp ipv4 unicast json",
    "show bgp ipv6 unicast json",
)


def read(shell: Asks) -> Live:
    """Ask the daemon for everything that is judged.

    :raises StateUnavailable: as the shell raises it.
    """
    summary, details, *tables = shell.json_all(_READ)
    sessions: dict[tuple[str, str], Session] = {}
    for family, key in FAMILIES.items():
        for name, peer in _maps(_map(summary.get(key)).get("peers")):
            sessions[peer_key(name), family] = _session(peer_key(name), family, peer)
    routes: dict[str, tuple[Path, ...]] = {}
    for table in tables:
        for prefix, paths in _map(table.get("routes")).items():
            routes[str(prefix)] = tuple(_path(path) for path in paths if isinstance(path, Mapping))
    return Live(sessions, routes, {peer_key(name): _neighbor(peer) for name, peer in _maps(details)})


def missing(live: Live, wanted: Wanted) -> list[str]:
    """Return what does not hold, each as a sentence without its end; empty when all is well."""
    found = []
    for neighbor, family in wanted.sessions:
        found += _missing_session(live, neighbor, family, wanted)
    for expected in wanted.prefixes:
        found += _missing_prefix(live, expected)
    return found


def kept(before: Live, neighbors: Iterable[str], still: Iterable[str]) -> Wanted:
    """Return that what worked before works: sessions that were up, and routes that were there.

    :param neighbors: those that the new text still has.
    :param still: prefixes that the new text still accepts.
    """
    names, accepted = {peer_key(name) for name in neighbors}, set(still)
    sessions = tuple(key for key, session in before.sessions.items() if session.established and key[0] in names)
    prefixes = []
    for prefix in sorted(set(before.routes) & accepted):
        from_whom = tuple(path.neighbor for path in before.good_paths(prefix) if path.neighbor in names)
        if from_whom:
            prefixes.append(Expected(ipaddress.ip_network(prefix), from_whom))
    return Wanted(sessions, 0, tuple(prefixes))


def restarted(live: Live, before: Live, seconds: float) -> bool:
    """Whether the daemon shows that it has been given another text since an earlier look.

    An upload restarts it: every session that was up bounces. Or it has other neighbours than before, those aside that
    come and go by themselves.

    :param seconds: time since the write, which is behind the earlier look.
    """
    if _configured(live) != _configured(before):
        return True
    was_up = [key for key, session in before.sessions.items() if session.established and not session.dynamic]
    now = [live.sessions[key] for key in was_up]
    return bool(now) and all(
        not session.established
        or session.up_seconds + _ROUNDED <= seconds
        or session.up_seconds < before.sessions[session.neighbor, session.family].up_seconds
        for session in now
    )


def _configured(live: Live) -> set[tuple[str, str]]:
    return {key for key, session in live.sessions.items() if not session.dynamic}


def facts(live: Live) -> dict[str, Any]:
    """Return what a result tells of a look."""
    neighbors = []
    for (name, family), session in sorted(live.sessions.items()):
        about = live.neighbors.get(name, Neighbor())
        neighbors.append(
            {
                "neighbor": name,
                "family": family,
                "state": session.state,
                "peer_state": session.peer_state,
                "established": session.established,
                "accepted_prefixes": session.accepted,
                "sent_prefixes": session.sent,
                "up_seconds": int(session.up_seconds),
                "last_reset": about.last_reset,
                "last_error": about.last_error,
                "authentication": about.authentication,
            }
        )
    routes = [
        {
            "prefix": prefix,
            "paths": live.width(prefix),
            "next_hops": sorted(path.next_hop for path in paths),
            "neighbors": sorted(path.neighbor for path in live.good_paths(prefix)),
            "used": live.used(prefix),
            "stale": any(path.stale for path in paths),
        }
        for prefix, paths in sorted(live.routes.items())
    ]
    return {"neighbors": neighbors, "routes": routes}


def refused_by_policy(shell: Asks, neighbor: str, prefix: Network) -> bool | None:
    """Whether the neighbour sends the prefix and policy drops it; None when the daemon cannot tell."""
    family = "ipv6" if prefix.version == 6 else "ipv4"
    answer = shell.json(f"show bgp {family} unicast neighbors {neighbor} filtered-routes json")
    routes = answer.get("receivedRoutes")
    return str(prefix) in routes if isinstance(routes, Mapping) else None


def _missing_session(live: Live, neighbor: str, family: str, wanted: Wanted) -> list[str]:
    key = (peer_key(neighbor), family)
    session = live.sessions.get(key)
    if session is None:
        return [f"{neighbor} is no neighbour for {family} in the running daemon"]
    about = live.neighbors.get(key[0], Neighbor())
    if not session.established:
        state = session.peer_state if session.state == "Established" else session.state
        why = "; ".join(text for text in (about.last_reset, about.last_error) if text)
        hint = ", with a password set on this side" if about.authentication else ""
        return [f"{neighbor} {family} is {state}{hint}{f' (last reset: {why})' if why else ''}"]
    if session.peer_state == "Policy":
        return [f"{neighbor} {family} is Established, but has no policy: nothing is accepted"]
    in_force, declared = about.map_in.get(family, ""), wanted.maps.get(key, "")
    if declared and in_force and in_force != declared:
        return [f"{neighbor} {family} is still filtered by route-map {in_force}, not by {declared}"]
    if session.accepted < wanted.minimum:
        return [f"{neighbor} {family} has {session.accepted} accepted prefixes of at least {wanted.minimum}"]
    return []


def _missing_prefix(live: Live, expected: Expected) -> list[str]:
    prefix = str(expected.prefix)
    good = live.good_paths(prefix)
    from_whom = {path.neighbor for path in good}
    lacking = [name for name in expected.neighbors if peer_key(name) not in from_whom]
    paths = live.routes.get(prefix, ())
    if any(_mapped(path.next_hop) for path in paths):
        return [f"{prefix} has an IPv4-mapped next hop, which no kernel installs"]
    stale = [path.neighbor for path in paths if path.stale]
    if lacking:
        text = f"{prefix} is not accepted from {', '.join(lacking)}"
        held = [name for name in lacking if peer_key(name) in stale]
        return [f"{text} (only a stale route of {', '.join(held)} is left)" if held else text]
    if not good:
        return [f"{prefix} is not accepted from any neighbour{' (only stale routes are left)' if stale else ''}"]
    if live.width(prefix) < expected.paths:
        return [f"{prefix} has {live.width(prefix)} of {expected.paths} paths"]
    return []


def _session(name: str, family: str, peer: Mapping[str, Any]) -> Session:
    return Session(
        name,
        family,
        str(peer.get("state", "")),
        str(peer.get("peerState", "")),
        _number(peer.get("pfxRcd")),
        _number(peer.get("pfxSnt")),
        _number(peer.get("peerUptimeMsec")) / 1000 if peer.get("state") == "Established" else 0.0,
        bool(peer.get("dynamicPeer")),
    )


def _path(path: Mapping[str, Any]) -> Path:
    hops = [hop for hop in path.get("nexthops") or [] if isinstance(hop, Mapping)]
    used = [hop for hop in hops if hop.get("used")] or hops
    return Path(
        peer_key(str(path.get("peerId", ""))),
        str(used[0].get("ip", "")) if used else "",
        bool(path.get("valid")),
        bool(path.get("bestpath")),
        bool(path.get("multipath")),
        bool(path.get("stale")),
    )


def _neighbor(peer: Mapping[str, Any]) -> Neighbor:
    families = _map(peer.get("addressFamilyInfo"))
    maps = {
        family: str(_map(families.get(key)).get("routeMapForIncomingAdvertisements") or "")
        for family, key in FAMILIES.items()
    }
    return Neighbor(
        str(peer.get("lastResetDueTo") or ""),
        str(peer.get("lastNotificationReason") or ""),
        bool(peer.get("authenticationEnabled")),
        {family: name.lstrip("*") for family, name in maps.items() if name},
    )


def _mapped(address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in _MAPPED
    except ValueError:
        return False


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: object) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return [(str(key), item) for key, item in _map(value).items() if isinstance(item, Mapping)]


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
