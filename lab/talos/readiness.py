# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a node is ready: the conditions of ``MachineStatuses`` (``controllers/runtime/machine_status.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import workloads
from .services import STATE_NAMES

if TYPE_CHECKING:
    from .node import Node


def state_name(state: int) -> str:
    """The name of a service state."""
    return STATE_NAMES[state]


def unmet(node: Node) -> list[tuple[str, str]]:
    """The unmet conditions; they count only while booting and running."""
    if node.state not in ("booting", "running") or node.active is None:
        return []
    checks = {
        "time": "" if node.time_synced else "time is not synced",
        "network": "",
        "services": _services(node),
        "staticPods": _static_pods(node),
        "nodeReady": _node_ready(node),
    }
    return [(name, reason) for name, reason in checks.items() if reason]


def _services(node: Node) -> str:
    problems = []
    running = set()
    for service in node.services:
        if not service.running:
            problems.append(f"{service.id} not running")
            continue
        running.add(service.id)
        if service.healthy is False:
            problems.append(f"{service.id} not healthy")
    required = ["apid", "machined", "kubelet", *(["etcd", "trustd"] if node.control_plane else [])]
    problems += [f"{name} not running" for name in required if name not in running]
    return ", ".join(problems)


def _static_pods(node: Node) -> str:
    if not node.static_pods_up:  # before they were started there is no status to look at
        return ""
    missing = [pod for pod in workloads.SECTIONS if not workloads.ready(node, pod)]
    return ", ".join(f"kube-system/{pod}-{node.hostname} not ready" for pod in missing)


def _node_ready(node: Node) -> str:
    if node.kubernetes_ready:
        return ""
    if not any(other.kubernetes_up for other in node.cluster.nodes):
        return f'node "{node.hostname}" status is not available yet'
    return f'node "{node.hostname}" is not ready'


STAGE_NUMBERS = {
    "unknown": 0,
    "booting": 1,
    "installing": 2,
    "maintenance": 3,
    "running": 4,
    "rebooting": 5,
    "shutting down": 6,
    "resetting": 7,
    "upgrading": 8,
}


def publish(node: Node) -> None:
    """A MachineStatusEvent when stage or conditions differ from the last one."""
    if node.state not in STAGE_NUMBERS:
        return
    conditions = unmet(node)
    now = (node.boot_id, node.state, tuple(conditions))
    if node.published == now:
        return
    node.published = now
    node.events.publish(
        "MachineStatusEvent",
        stage=STAGE_NUMBERS[node.state],
        status={
            "ready": not conditions,
            "unmet_conditions": [{"name": name, "reason": reason} for name, reason in conditions],
        },
    )
