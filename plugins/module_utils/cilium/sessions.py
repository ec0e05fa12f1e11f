# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions as Cilium sees them: the status of the CiliumBGPNodeConfigs. No I/O.

The agent writes ``peeringState`` in lower case; only ``established`` is relied upon. A status is up to 5 s late, and an
agent that a legacy policy drives writes none (cilium/cilium ``pkg/bgpv1/manager/reconcilerv2/crd_status.go``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import kinds
from .intent import Intent

ESTABLISHED = "established"


@dataclass(frozen=True)
class Session:
    """One session of one node.

    :param state: ``established``, another word of the agent, or ``unknown`` when there is no status.
    :param advertised: routes sent, per family ``ipv4/unicast``.
    """

    node: str
    instance: str
    peer: str
    local_asn: int | None
    peer_address: str
    peer_asn: int | None
    state: str
    established_time: str
    hold_seconds: int | None
    keepalive_seconds: int | None
    advertised: Mapping[str, int]
    received: Mapping[str, int]

    @property
    def up(self) -> bool:
        """Whether the session stands."""
        return self.state == ESTABLISHED

    def as_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return asdict(self)


def sessions(node_configs: Iterable[Mapping[str, Any]]) -> list[Session]:
    """Return every session that the NodeConfigs ask for, with what their status says of it."""
    found = []
    for body in sorted(node_configs, key=kinds.name_of):
        status = {
            (instance.get("name"), peer.get("name")): (instance, peer)
            for instance in (body.get("status") or {}).get("bgpInstances") or []
            for peer in instance.get("peers") or []
        }
        for instance in kinds.spec_of(body).get("bgpInstances") or []:
            for peer in instance.get("peers") or []:
                seen_in, seen = status.get((instance.get("name"), peer.get("name")), ({}, {}))
                found.append(_session(kinds.name_of(body), instance, peer, seen_in, seen))
    return found


def _session(
    node: str, instance: Mapping[str, Any], peer: Mapping[str, Any], seen_in: Mapping[str, Any], seen: Mapping[str, Any]
) -> Session:
    timers = seen.get("timers") or {}
    counts = {f"{entry.get('afi')}/{entry.get('safi')}": entry for entry in seen.get("routeCount") or []}
    return Session(
        node=node,
        instance=str(instance.get("name")),
        peer=str(peer.get("name")),
        local_asn=seen_in.get("localASN") or instance.get("localASN"),
        peer_address=str(seen.get("peerAddress") or peer.get("peerAddress") or ""),
        peer_asn=seen.get("peerASN") or peer.get("peerASN"),
        state=str(seen.get("peeringState") or "unknown"),
        established_time=str(seen.get("establishedTime") or ""),
        hold_seconds=timers.get("appliedHoldTimeSeconds"),
        keepalive_seconds=timers.get("appliedKeepaliveSeconds"),
        advertised={family: int(entry.get("advertised") or 0) for family, entry in counts.items()},
        received={family: int(entry.get("received") or 0) for family, entry in counts.items()},
    )


def missing(node_configs: Iterable[Mapping[str, Any]], intent: Intent, nodes: Iterable[str], routes: int) -> list[str]:
    """Return what is missing until every node has every session of an intent; empty when nothing is.

    A status that still speaks of another AS number or address is one of before the change, and does not count.

    :param routes: how many routes each session must have sent at least, all families together.
    """
    seen = {(one.node, one.instance, one.peer): one for one in sessions(node_configs)}
    found = []
    for node in nodes:
        for peer in intent.peers:
            one = seen.get((node, intent.instance, peer.name))
            if one is None:
                found.append(f"{node} has no session with {peer.name} yet")
            elif (one.local_asn, one.peer_address, one.peer_asn) != (intent.local_asn, peer.address, peer.asn):
                found.append(f"{node}: the status speaks of {one.peer_address} AS {one.peer_asn} still")
            elif not one.up:
                found.append(f"{node}: the session with {peer.name} is {one.state}")
            elif sum(one.advertised.values()) < routes:
                sent = sum(one.advertised.values())
                found.append(f"{node}: {sent} routes announced to {peer.name}, {routes} wanted")
    return found
