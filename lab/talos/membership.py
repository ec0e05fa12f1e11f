# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a control plane's etcd comes up: bootstrapped, restarted, or joined as a learner and promoted.

Follows siderolabs/talos v1.10 ``internal/app/machined/pkg/system/services/etcd.go``: an empty data directory means
"join", a member of the same name is removed first, one learner at a time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import workloads
from .etcd import Etcd, EtcdError, Member
from .services import FAILED

if TYPE_CHECKING:
    from .node import Node

RETRY = 0.2

__all__ = ["EtcdError", "leave", "run"]


async def run(node: Node) -> None:
    """Bring etcd up, keep it as the faults want it, and the static pods with it."""
    found: Etcd | None = None
    while _no_data(node) and found is None:
        found = node.cluster.joinable(node)
        if found is None:
            await node.cluster.wait()
    if found is not None:
        await _join(node, found)
    else:  # restarted with its data, or Bootstrap was called here
        await asyncio.sleep(node.delays.etcd_start)
    member, etcd = node.storage.member, node.storage.etcd
    assert member is not None and etcd is not None
    await _until_allowed(node)
    _up(node, member)
    await node.dies_in("service:etcd")
    node.spawn(_static_pods(node))
    if member.learner:
        await _promote(node, etcd, member)
    while node.storage.member is member:
        await node.cluster.wait()
        if node.faults.etcd_stopped and node.etcd_up:
            node.etcd_up = False
            node.services.move("etcd", FAILED, 'Failed to run task: task "etcd" failed: exit code 1')
            node.tell("etcd")
            await _until_allowed(node)
            _up(node, member)
        kubelet = not (node.faults.kubelet_unhealthy or "kubelet" in node.faults.hung)
        if node.services["kubelet"].running and node.services["kubelet"].healthy is not kubelet:
            node.services.health("kubelet", kubelet, 'Get "http://127.0.0.1:10248/healthz": connection refused')


def _no_data(node: Node) -> bool:
    return node.storage.member is None


async def _until_allowed(node: Node) -> None:
    while node.faults.etcd_stopped:
        await node.cluster.wait()


def _up(node: Node, member: Member) -> None:
    node.etcd_up = True
    member.name = node.hostname
    node.services.run("etcd")
    node.tell("etcd")


async def _join(node: Node, etcd: Etcd) -> None:
    while True:
        same = etcd.by_name(node.hostname)
        try:
            if same is not None:
                etcd.remove(same)
            member = etcd.add_learner(node.spec.address, node)
        except EtcdError as error:
            node.say(f"[talos] etcd: failed to join, retrying: {error}")
            await asyncio.sleep(RETRY)
            continue
        node.storage.etcd, node.storage.member = etcd, member
        return


async def _promote(node: Node, etcd: Etcd, member: Member) -> None:
    node.services.health("etcd", True)
    await asyncio.sleep(node.delays.etcd_join)
    while member.learner:
        if node.faults.stuck_learner:
            await node.cluster.wait()
            continue
        try:
            etcd.promote(member)
        except EtcdError:
            await asyncio.sleep(RETRY)
    node.tell("etcd")


async def _static_pods(node: Node) -> None:
    member = node.storage.member
    while member is not None and (member.learner or not node.services["kubelet"].running):
        await node.cluster.wait()
    await asyncio.sleep(node.delays.static_pods)
    workloads.start(node)


def leave(node: Node) -> None:
    """Leave the cluster: the member is removed and the data directory emptied.

    :raises EtcdError: without quorum.
    """
    member, etcd = node.storage.member, node.storage.etcd
    if member is None or etcd is None:
        return
    others = [other for other in etcd.members if other is not member]
    if others:
        if etcd.leader is member:
            etcd.forfeit()
        etcd.remove(member)
    node.etcd_up = node.static_pods_up = False
    node.storage.member = node.storage.etcd = None
    node.faults.etcd_damaged = False
    node.cluster.forget(etcd)
    if node.etcd_task is not None:
        node.etcd_task.cancel()
    service = node.services.get("etcd")
    if service is not None and service.running:
        node.services.stop("etcd")
    node.tell("etcd")
