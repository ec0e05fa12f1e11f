# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of one gobgpd over its unix socket: the few calls that Cilium makes of the library it embeds."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from grpclib.client import Channel, ServiceMethod, UnaryStreamMethod, UnaryUnaryMethod

from .messages import FAMILIES, Empty, build, message, pack
from .plan import Export, Peer, Route

SERVICE = "/apipb.GobgpApi/"
ACCEPT, REJECT = 1, 2
_PREFIX_SET, _NEIGHBOR_SET, _EXPORT, _IMPORT = 0, 1, 2, 1
_INCOMPLETE = 2
_LOCAL = 3


class Gobgp:
    """One daemon's API.

    :param socket: path of at most 107 bytes.
    """

    def __init__(self, socket: Path) -> None:
        self._channel = Channel(path=str(socket))

    async def _call(self, name: str, request: Any, answer: Any = Empty, timeout: float = 10.0) -> Any:
        method: ServiceMethod[Any, Any] = UnaryUnaryMethod(self._channel, SERVICE + name, type(request), answer)
        return await method(request, timeout=timeout)

    async def _list(self, name: str, request: Any, answer: Any, timeout: float | None = 10.0) -> AsyncIterator[Any]:
        method: UnaryStreamMethod[Any, Any] = UnaryStreamMethod(self._channel, SERVICE + name, type(request), answer)
        async with method.open(timeout=timeout) as stream:
            await stream.send_message(request, end=True)
            async for item in stream:
                yield item

    async def start(self, asn: int, router_id: str, port: int, addresses: list[str]) -> None:
        """Start BGP; the port -1 means no listening, as in Cilium."""
        config = {"asn": asn, "router_id": router_id, "listen_port": port, "listen_addresses": addresses}
        await self._call("StartBgp", build("StartBgpRequest", **{"global": config}))

    async def add_path(self, route: Route) -> None:
        """Put a route into the table."""
        await self._call("AddPath", build("AddPathRequest", path=_path(route)), message("AddPathResponse"))

    async def delete_path(self, route: Route) -> None:
        """Take a route out of the table."""
        path = _path(route)
        await self._call("DeletePath", build("DeletePathRequest", family=path.family, path=path))

    async def add_peer(self, peer: Peer) -> None:
        """Add a neighbour."""
        await self._call("AddPeer", build("AddPeerRequest", peer=_peer(peer)))

    async def delete_peer(self, address: str) -> None:
        """Remove a neighbour: it is told Cease, Peer De-configured (6/3)."""
        await self._call("DeletePeer", build("DeletePeerRequest", address=address))

    async def set_admin(self, address: str, up: bool) -> None:
        """Shut a neighbour down (Cease, Administrative Shutdown) or let it go again."""
        name = "EnablePeer" if up else "DisablePeer"
        await self._call(name, build(f"{name}Request", address=address))

    async def set_policies(self, peers: Iterable[Peer]) -> None:
        """Accept for each neighbour its own routes with their attributes, and nothing else; take nothing in.

        The daemon's own routes pass the import policy too, which is why one kind of route is accepted there.
        """
        sets: list[dict[str, Any]] = []
        statements: list[dict[str, Any]] = []
        for index, peer in enumerate(peers):
            host = f"{peer.address}/{128 if ':' in peer.address else 32}"
            sets.append({"defined_type": _NEIGHBOR_SET, "name": f"peer-{index}", "list": [host]})
            for number, export in enumerate(peer.exports):
                for family, prefixes in _by_family(export.prefixes):
                    name = f"export-{index}-{number}-{family}"
                    sets.append({"defined_type": _PREFIX_SET, "name": name, "prefixes": prefixes})
                    conditions = {"prefix_set": {"name": name}, "neighbor_set": {"name": f"peer-{index}"}}
                    statements.append({"name": name, "conditions": conditions, "actions": _actions(export)})
        # Policies of fixed names: the daemon keeps the names that are assigned while it replaces the rest.
        send = {"name": "export", "statements": statements}
        own = {"name": "local", "conditions": {"route_type": _LOCAL}, "actions": {"route_action": ACCEPT}}
        keep = {"name": "allow-local", "statements": [own]}
        await self._call("SetPolicies", build("SetPoliciesRequest", defined_sets=sets, policies=[send, keep]))
        for direction, policy in ((_EXPORT, send), (_IMPORT, keep)):
            body = {"name": "global", "direction": direction, "policies": [policy], "default_action": REJECT}
            await self._call("SetPolicyAssignment", build("SetPolicyAssignmentRequest", assignment=body))

    async def send_again(self, address: str) -> None:
        """Send a neighbour what the policies say now, without touching the session (soft reset out)."""
        await self._call("ResetPeer", build("ResetPeerRequest", address=address, soft=True, direction=1))

    async def peers(self) -> list[Any]:
        """Return all neighbours with their state and counters (message ``Peer``)."""
        request = build("ListPeerRequest", enableAdvertised=True)
        return [answer.peer async for answer in self._list("ListPeer", request, message("ListPeerResponse"))]

    async def changes(self) -> AsyncIterator[Any]:
        """Yield an item whenever a neighbour's session changes its state; ends with the daemon."""
        request = build("WatchEventRequest", peer={})
        async for event in self._list("WatchEvent", request, message("WatchEventResponse"), timeout=None):
            yield event

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def _actions(export: Export) -> dict[str, Any]:
    actions: dict[str, Any] = {"route_action": ACCEPT}
    if export.communities:
        actions["community"] = {"communities": list(export.communities)}
    if export.large_communities:
        actions["large_community"] = {"communities": list(export.large_communities)}
    if export.local_preference is not None:
        actions["local_pref"] = {"value": export.local_preference}
    return actions


def _by_family(prefixes: Iterable[str]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the prefixes as exact matches, one list per address family: a set of the daemon holds one family."""
    found: dict[str, list[dict[str, Any]]] = {}
    for prefix in prefixes:
        network = ipaddress.ip_network(prefix)
        length = network.prefixlen
        entry = {"ip_prefix": prefix, "mask_length_min": length, "mask_length_max": length}
        found.setdefault(f"ipv{network.version}", []).append(entry)
    return sorted(found.items())


def _path(route: Route) -> Any:
    network = ipaddress.ip_network(route.prefix)
    afi, safi = FAMILIES["ipv6" if network.version == 6 else "ipv4"]
    family = {"afi": afi, "safi": safi}
    nlri = pack("IPAddressPrefix", prefix_len=network.prefixlen, prefix=str(network.network_address))
    attributes = [pack("OriginAttribute", origin=_INCOMPLETE)]
    if network.version == 6:
        hop = route.next_hop or "::"
        attributes.append(pack("MpReachNLRIAttribute", family=family, next_hops=[hop], nlris=[nlri]))
    else:
        attributes.append(pack("NextHopAttribute", next_hop=route.next_hop or "0.0.0.0"))
    return build("Path", nlri=nlri, pattrs=attributes, family=family)


def _peer(peer: Peer) -> Any:
    families = []
    for name in peer.families:
        afi, safi = FAMILIES[name]
        families.append(
            {
                "config": {"family": {"afi": afi, "safi": safi}, "enabled": True},
                "mp_graceful_restart": {"config": {"enabled": peer.restart_seconds > 0}},
            }
        )
    timers = {
        # GoBGP waits at least five seconds whatever is asked for, and after a dial in vain up to twice as long.
        "connect_retry": peer.connect_retry_seconds,
        "hold_time": peer.hold_seconds,
        "keepalive_interval": peer.keepalive_seconds,
        "idle_hold_time_after_reset": 1,
    }
    body: dict[str, Any] = {
        "conf": {"neighbor_address": peer.address, "peer_asn": peer.asn, "auth_password": peer.password},
        "timers": {"config": timers},
        "transport": {"local_address": peer.local_address, "remote_port": peer.port},
        "afi_safis": families,
    }
    if peer.multihop > 1:
        body["ebgp_multihop"] = {"enabled": True, "multihop_ttl": peer.multihop}
    if peer.restart_seconds:
        body["graceful_restart"] = {
            "enabled": True,
            "restart_time": peer.restart_seconds,
            "notification_enabled": True,
            "local_restarting": True,
        }
    return build("Peer", **body)
