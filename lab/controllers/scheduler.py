# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler: binds pending pods to Nodes whose labels, taints and cordon allow it."""

from __future__ import annotations

from collections import Counter

from .api import CLAIMS, NODES, PODS, ApiError, Object
from .base import Controller, merge_conditions
from .needs import unbound_claim
from .pods import blocking_taint, is_finished, selects_node


class Scheduler(Controller):
    """Gives each pending pod the least loaded fitting node, or says why there is none."""

    watches = (NODES, PODS, CLAIMS)

    async def reconcile(self) -> None:
        """Bind what can be bound."""
        nodes = list(self.mirror(NODES))
        pods = list(self.mirror(PODS))
        load = Counter(p["spec"]["nodeName"] for p in pods if p["spec"].get("nodeName") and not is_finished(p))
        for pod in pods:
            if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp") or is_finished(pod):
                continue
            if unbound := unbound_claim(pod, self.mirror(CLAIMS).get):
                await self._refuse(pod, f"0/{len(nodes)} nodes are available: {unbound}.")
                continue
            chosen, refusal = choose(pod, nodes, load)
            if chosen:
                load[chosen] += 1
                await self._bind(pod, chosen)
            else:
                await self._refuse(pod, refusal)

    async def _bind(self, pod: Object, node: str) -> None:
        meta = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
        try:
            await self.api.request("POST", PODS.of(pod, "binding"), body)
        except ApiError as error:
            if error.status not in (404, 405, 409):
                raise
            if error.status != 409:  # a server without the subresource lets the field be set
                await self.api.merge(PODS.of(pod), {"spec": {"nodeName": node}})

    async def _refuse(self, pod: Object, message: str) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        old = (pod.get("status") or {}).get("conditions")
        await self.api.set_status(PODS, pod, {"phase": "Pending", "conditions": merge_conditions(old, [condition])})


def choose(pod: Object, nodes: list[Object], load: Counter[str]) -> tuple[str, str]:
    """Return the node for a pod and "", or "" and the scheduler's sentence."""
    fitting, refusals = [], Counter[str]()
    for node in nodes:
        name = node["metadata"]["name"]
        if not selects_node(pod["spec"], node):
            refusals["node(s) didn't match Pod's node affinity/selector"] += 1
            continue
        taint = blocking_taint(pod["spec"], node)
        if taint is None:
            fitting.append((load[name], name))
        elif taint["key"] == "node.kubernetes.io/unschedulable":
            refusals["node(s) were unschedulable"] += 1
        else:
            refusals[f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"] += 1
    if fitting:
        return min(fitting)[1], ""
    if not nodes:
        return "", "no nodes available to schedule pods"
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(refusals.items()))
    return "", f"0/{len(nodes)} nodes are available: {reasons}."
