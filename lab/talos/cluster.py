# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several nodes share: who they are, and the etcd cluster (or clusters) they form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..keyspace import KeyValue
from .documents import dig
from .etcd import Etcd, Member, new_id
from .tls import decode_pem, plain_key

if TYPE_CHECKING:
    from .node import Node


async def _nothing() -> list[KeyValue]:
    return []


class Cluster:
    """The nodes of one lab, as the network between them would see them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.etcds: list[Etcd] = []
        self.bootstrap_config: dict[str, Any] | None = None
        """The active v1alpha1 config of the node that was bootstrapped last."""
        self.recovered: list[KeyValue] | None = None
        """What an etcd that was recovered from a snapshot begins with, until the API server in front of it has it."""
        self.keyspace: Callable[[], Awaitable[list[KeyValue]]] = _nothing
        """Everything that is in etcd now: asked of the API server in front of it."""
        self.schematics: Callable[[str], bool] = lambda _schematic: True
        """Whether the Image Factory has been given a schematic; only then an installer of it can be pulled."""
        self._waiters: set[asyncio.Future[None]] = set()

    # -- nodes -----------------------------------------------------------------------------------------------------
    def register(self, node: Node) -> None:
        """Make a node reachable for the others."""
        self.nodes.append(node)

    def find(self, target: str) -> Node | None:
        """The node that answers at ``target``: one of its addresses or its hostname."""
        return next((node for node in self.nodes if target in node.targets), None)

    def members_of(self, node: Node) -> list[Node]:
        """The nodes which discovery shows to ``node``: same cluster id and secret, API up."""
        key = cluster_key(node)
        if not key:
            return []
        return [other for other in self.nodes if other.api_up and cluster_key(other) == key]

    # -- waiting ---------------------------------------------------------------------------------------------------
    def changed(self) -> None:
        """Tell everyone who waits, and re-derive what depends on several nodes."""
        for waiter in list(self._waiters):
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        for node in self.nodes:
            node.refresh()

    async def wait(self) -> None:
        """Until the next change of any node."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    # -- etcd ------------------------------------------------------------------------------------------------------
    @property
    def bootstrapped(self) -> bool:
        """Whether any control plane's etcd holds data."""
        return any(node.storage.member is not None for node in self.nodes)

    def bootstrap(self, node: Node) -> Etcd:
        """A new etcd cluster of one member, on ``node``'s empty data directory."""
        member = Member(new_id(), node.hostname, node.spec.address, False, node)
        etcd = Etcd(cluster_key(node), [member])
        self.etcds.append(etcd)
        node.storage.etcd, node.storage.member = etcd, member
        self.bootstrap_config = node.machine_config
        return etcd

    def joinable(self, node: Node) -> Etcd | None:
        """The etcd cluster which ``node`` would find through discovery, when it has quorum."""
        key = cluster_key(node)
        return next((etcd for etcd in self.etcds if etcd.cluster_id == key and etcd.quorum), None)

    def forget(self, etcd: Etcd) -> None:
        """Drop an etcd cluster when no data of it is left anywhere."""
        if etcd in self.etcds and not any(node.storage.etcd is etcd for node in self.nodes):
            self.etcds.remove(etcd)

    # -- kubernetes ------------------------------------------------------------------------------------------------
    def kubernetes_pki(self) -> dict[str, bytes] | None:
        """PEM texts of the bootstrapped machine config, ``None`` before Bootstrap.

        Keys: ``ca_crt ca_key aggregator_crt aggregator_key service_account_key etcd_crt etcd_key``.
        """
        config = self.bootstrap_config
        if config is None:
            return None
        sources = {
            "ca_crt": "cluster.ca.crt",
            "ca_key": "cluster.ca.key",
            "aggregator_crt": "cluster.aggregatorCA.crt",
            "aggregator_key": "cluster.aggregatorCA.key",
            "service_account_key": "cluster.serviceAccount.key",
            "etcd_crt": "cluster.etcd.ca.crt",
            "etcd_key": "cluster.etcd.ca.key",
        }
        return {name: plain_key(decode_pem(dig(config, path))) for name, path in sources.items()}

    def snapshot(self) -> dict[str, Any]:
        """The shared state as plain data, for ``lab status``."""
        return {
            "bootstrapped": self.bootstrapped,
            "etcd": [
                {
                    "quorum": etcd.quorum,
                    "keys": dict(etcd.keys),
                    "leader": etcd.leader.name if etcd.leader else "",
                    "members": [
                        {"id": m.hex_id, "name": m.name, "learner": m.learner, "running": m.running}
                        for m in etcd.members
                    ],
                }
                for etcd in self.etcds
            ],
        }


def cluster_key(node: Node) -> str:
    """What makes two nodes find each other: cluster id and secret of the active config."""
    config = node.machine_config
    if not config:
        return ""
    return (
        f"{dig(config, 'cluster.id') or ''}/{dig(config, 'cluster.secret') or ''}/{dig(config, 'cluster.token') or ''}"
    )
