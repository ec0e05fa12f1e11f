# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one node's BGP speaker shall do: plain, comparable data, made by the Cilium controller."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Route:
    """A prefix in network form; ``next_hop`` empty is the speaker's own address of the session."""

    prefix: str
    next_hop: str = ""


@dataclass(frozen=True)
class Export:
    """Prefixes that one neighbour is sent, and the attributes they carry."""

    prefixes: tuple[str, ...]
    communities: tuple[str, ...] = ()
    large_communities: tuple[str, ...] = ()
    local_preference: int | None = None


@dataclass(frozen=True)
class Peer:
    """One neighbour; seconds, and ``restart_seconds`` 0 for no graceful restart."""

    name: str
    address: str
    asn: int
    local_address: str
    port: int = 179
    password: str = ""
    families: tuple[str, ...] = ("ipv4", "ipv6")
    hold_seconds: int = 90
    keepalive_seconds: int = 30
    connect_retry_seconds: int = 120
    multihop: int = 1
    restart_seconds: int = 0
    exports: tuple[Export, ...] = ()

    def identity(self) -> Peer:
        """Return the neighbour without what can change while its session stays."""
        return Peer(**{**self.__dict__, "exports": ()})

    def prefixes(self) -> list[str]:
        """Return all prefixes that the neighbour is sent."""
        return sorted({prefix for export in self.exports for prefix in export.prefixes})


@dataclass(frozen=True)
class Instance:
    """One BGP instance of a node: its own gobgpd.

    :param name: unique on the node; :param node: the node's address.
    """

    name: str
    node: str
    asn: int
    router_id: str
    listen_port: int = -1
    peers: tuple[Peer, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Return node and name."""
        return self.node, self.name

    def identity(self) -> tuple[int, str, int]:
        """Return what, when changed, makes Cilium build the instance anew."""
        return self.asn, self.router_id, self.listen_port

    def routes(self) -> set[Route]:
        """Return what its table holds."""
        return {Route(prefix) for peer in self.peers for prefix in peer.prefixes()}
