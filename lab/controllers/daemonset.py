# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DaemonSets: one pod on every node that the template may run on."""

from __future__ import annotations

import math
from typing import Any

from .api import DAEMON_SETS, NODES, PODS, Object
from .base import Controller, owned_by
from .pods import DAEMON_TOLERATIONS, blocking_taint, create_pod, is_ready, selects_node, template_hash

HASH = "controller-revision-hash"


class DaemonSetController(Controller):
    """Creates, replaces and counts the pods."""

    watches = (DAEMON_SETS, NODES, PODS)

    async def reconcile(self) -> None:
        """Bring every DaemonSet one step on."""
        for daemon_set in self.mirror(DAEMON_SETS):
            if not daemon_set["metadata"].get("deletionTimestamp"):
                await self._one(daemon_set)

    async def _one(self, daemon_set: Object) -> None:
        spec, uid = daemon_set["spec"], daemon_set["metadata"]["uid"]
        template = spec["template"]
        nodes = [node["metadata"]["name"] for node in self.mirror(NODES) if eligible(template["spec"], node)]
        wanted = template_hash(template)
        pods: dict[str, Object] = {}
        for pod in self.mirror(PODS):
            if owned_by(pod, uid):
                node = pinned_node(pod)
                if node not in nodes or node in pods or (pod.get("status") or {}).get("phase") == "Failed":
                    await self.api.delete(PODS, pod)
                else:
                    pods[node] = pod
        for node in nodes:
            if node not in pods:
                labels = {HASH: wanted, "pod-template-generation": str(daemon_set["metadata"].get("generation", 1))}
                await create_pod(self.api, DAEMON_SETS, daemon_set, template, labels=labels, node=node)
        outdated = [n for n, p in pods.items() if (p["metadata"].get("labels") or {}).get(HASH) != wanted]
        ready = [n for n, p in pods.items() if is_ready(p)]
        strategy = spec.get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") == "RollingUpdate":
            rolling = strategy.get("rollingUpdate") or {}
            budget = at_least_one(rolling.get("maxUnavailable", 1), len(nodes)) - (len(nodes) - len(ready))
            for node in sorted(outdated, key=lambda n: n in ready):
                if node in ready:
                    budget -= 1
                    if budget < 0:
                        continue
                await self.api.delete(PODS, pods[node])
        count = len(nodes)
        await self.api.set_status(
            DAEMON_SETS,
            daemon_set,
            {
                "currentNumberScheduled": len(pods),
                "desiredNumberScheduled": count,
                "numberMisscheduled": 0,
                "numberReady": len(ready),
                "numberAvailable": len(ready) or None,
                "numberUnavailable": count - len(ready) or None,
                "updatedNumberScheduled": len(pods) - len(outdated) or None,
                "observedGeneration": daemon_set["metadata"].get("generation", 1),
            },
        )


def eligible(spec: Object, node: Object) -> bool:
    """Tell whether a DaemonSet's pod belongs on the node."""
    tolerant = {**spec, "tolerations": [*(spec.get("tolerations") or []), *DAEMON_TOLERATIONS]}
    return selects_node(spec, node) and blocking_taint(tolerant, node) is None


def pinned_node(pod: Object) -> str:
    """Return the node that the DaemonSet controller wrote into the pod's affinity."""
    if pod["spec"].get("nodeName"):
        return pod["spec"]["nodeName"]
    try:
        terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        return terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    except (KeyError, IndexError):
        return ""


def at_least_one(value: Any, total: int) -> int:
    """Resolve an int-or-percent; percentages round up, and 0 counts as 1."""
    if isinstance(value, str) and value.endswith("%"):
        value = math.ceil(total * int(value[:-1]) / 100)
    return max(1, int(value))
