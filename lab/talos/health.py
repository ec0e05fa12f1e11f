# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server-side health check: order and words of ``talosctl health`` (siderolabs/talos v1.10 ``pkg/cluster``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from .api import UNKNOWN, ApiError

if TYPE_CHECKING:
    from .node import Node

POLL = 0.5


async def check(node: Node, timeout: float) -> AsyncIterator[str]:
    """Progress lines: ``waiting for X: ...`` and ``waiting for X: OK``.

    :raises ApiError: when the time is up, with what was waited for.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    for name, holds in _checks(node):
        yield f"waiting for {name}: ..."
        told = ""
        while True:
            reason = holds()
            if not reason:
                break
            if reason != told:
                yield f"waiting for {name}: {reason}"
                told = reason
            if asyncio.get_running_loop().time() >= deadline:
                raise ApiError(UNKNOWN, "context deadline exceeded")
            await asyncio.sleep(POLL)
        yield f"waiting for {name}: OK"


def _peers(node: Node) -> list[Node]:
    return node.cluster.members_of(node)


def _checks(node: Node) -> list[tuple[str, Callable[[], str]]]:
    def services(name: str) -> Callable[[], str]:
        def problem() -> str:
            for peer in _peers(node):
                service = peer.services.get(name)
                if name == "etcd" and not peer.control_plane:
                    continue
                if service is None or not service.up:
                    return (
                        f'1 error occurred:\n\t* {peer.spec.address}: service "{name}" not in expected state "Running"'
                    )
            return ""

        return problem

    def members() -> str:
        for peer in _peers(node):
            if peer.control_plane and (peer.storage.member is None or peer.storage.member.learner):
                return f"etcd member for {peer.spec.address} is not a voter"
        etcd = node.storage.etcd
        if etcd is None or not etcd.quorum:
            return "etcdserver: no leader"
        return ""

    def count() -> str:
        etcd = node.storage.etcd
        peers = [peer for peer in _peers(node) if peer.control_plane]
        if etcd is None or len(etcd.members) != len(peers):
            return f"etcd members count {len(etcd.members) if etcd else 0} is not equal to {len(peers)}"
        return ""

    def booted() -> str:
        waiting = [peer.spec.address for peer in _peers(node) if peer.state != "running"]
        return f"nodes not in expected stage running: {waiting}" if waiting else ""

    def pods() -> str:
        waiting = [peer.hostname for peer in _peers(node) if peer.control_plane and not peer.kubernetes_up]
        return f"missing static pods on nodes {waiting}" if waiting else ""

    def ready() -> str:
        waiting = [peer.hostname for peer in _peers(node) if not peer.kubernetes_ready]
        return f"some nodes are not ready: {waiting}" if waiting else ""

    def nothing() -> str:
        return ""

    return [
        ("etcd to be healthy", services("etcd")),
        ("etcd members to be consistent across nodes", members),
        ("etcd members to be control plane nodes", count),
        ("apid to be ready", services("apid")),
        ("all nodes memory sizes", nothing),
        ("all nodes disk sizes", nothing),
        ("no diagnostics", nothing),
        ("kubelet to be healthy", services("kubelet")),
        ("all nodes to finish boot sequence", booted),
        ("all k8s nodes to report", pods),
        ("all control plane static pods to be running", pods),
        ("all control plane components to be ready", pods),
        ("all k8s nodes to report ready", ready),
        ("kube-proxy to report ready", nothing),
        ("coredns to report ready", nothing),
        ("all k8s nodes to report schedulable", nothing),
    ]
