# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes: the kubelets' registration and status, Talos' labels, and the node life cycle controller.

A Node is Ready only while the CNI of its machine runs, which is the Cilium agent's pod on it; until then the condition
says ``cni plugin not initialized`` and the not-ready taints keep ordinary pods away. A machine that is gone makes its
Node ``Unknown`` after the declared grace. Nothing is written without a change: a lab at rest makes no writes, where a
real kubelet renews its lease.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from typing import Any

from .api import NODES, PODS, Object
from .base import Controller, Memory, merge_conditions, timestamp
from .manager import Host, World
from .pods import CILIUM_AGENT, CONTROL_PLANE, NOT_READY, UNREACHABLE, has_labels, is_ready, started_on

OWNED_LABELS = "talos.dev/owned-labels"
NO_CNI = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)
LOST = "Kubelet stopped posting node status."
KUBELET_CONDITIONS = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


def runs_cni(pods: Any, host: Host) -> bool:
    """Tell whether a Cilium agent that was started since the machine's last boot is ready on it."""
    return any(
        p["spec"].get("nodeName") == host.name
        and has_labels(p, CILIUM_AGENT)
        and is_ready(p)
        and started_on(p, host.boot_id)
        for p in pods
    )


class NodeController(Controller):
    """Keeps one Node object per machine whose kubelet has run."""

    watches = (NODES, PODS)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._up, self._down = Memory(), Memory()
        self._given: dict[str, list[str]] = {}

    async def reconcile(self) -> None:
        """Register, label, taint, and write conditions."""
        delays = self.world.delays.kubernetes
        hosts = {host.name: host for host in self.world.hosts()}
        self._up.keep((h.name, h.boot_id) for h in hosts.values() if h.alive)
        self._down.keep(h.name for h in hosts.values() if not h.alive)
        for host in hosts.values():
            node = self.mirror(NODES).get("", host.name)
            if node is None:
                self.world.node_ready(host.name, False)
                if host.alive and self.due(self._up.since((host.name, host.boot_id)), delays.node_register):
                    await self._register(host)
                continue
            if host.alive:
                await self._labels(host, node)
                await self._status(host, node)
            elif self.due(self._down.since(host.name), delays.node_lost):
                await self._lost(node)

    async def _register(self, host: Host) -> None:
        taints = [_taint(NOT_READY, "NoSchedule")]
        if host.control_plane and not host.schedulable:
            taints.append(_taint(CONTROL_PLANE, "NoSchedule"))
        for key, text in host.taints.items():
            value, _unused, effect = text.rpartition(":")
            taints.append({"key": key, "effect": effect or text, **({"value": value} if value else {})})
        spec: Object = {"taints": taints}
        blocks = self._pod_cidrs(host)
        if blocks:
            spec |= {"podCIDR": blocks[0], "podCIDRs": blocks}
        labels = {**_standard_labels(host), **_talos_labels(host)}
        annotations = {OWNED_LABELS: json.dumps(sorted(_talos_labels(host))), **host.annotations}
        self.log.info("registering node %s", host.name)
        metadata = {"name": host.name, "labels": labels, "annotations": annotations}
        await self.api.create(NODES, {"metadata": metadata, "spec": spec})

    def _pod_cidrs(self, host: Host) -> list[str]:
        """Give the machine the first free block of each pod subnet (/24, IPv6 /64), as the controller-manager does."""
        taken = {cidr for node in self.mirror(NODES) for cidr in (node.get("spec") or {}).get("podCIDRs") or []}
        # The mirror does not show yet what was created a moment ago.
        taken |= {cidr for name, cidrs in self._given.items() if name != host.name for cidr in cidrs}
        blocks = []
        for subnet in host.pod_subnets:
            network = ipaddress.ip_network(subnet, strict=False)
            size = max(24 if network.version == 4 else 64, network.prefixlen)
            block = next((str(b) for b in network.subnets(new_prefix=size) if str(b) not in taken), None)
            if block:
                blocks.append(block)
        self._given[host.name] = blocks
        return blocks

    async def _labels(self, host: Host, node: Object) -> None:
        """Follow ``machine.nodeLabels``: Talos removes only what it has set (annotation ``talos.dev/owned-labels``)."""
        meta = node["metadata"]
        have, wanted = meta.get("labels") or {}, _talos_labels(host)
        owned = json.loads((meta.get("annotations") or {}).get(OWNED_LABELS) or "[]")
        changes: dict[str, str | None] = {k: v for k, v in wanted.items() if have.get(k) != v}
        changes |= {key: None for key in owned if key not in wanted and key in have}
        if changes or sorted(owned) != sorted(wanted):
            note = {OWNED_LABELS: json.dumps(sorted(wanted))}
            await self.api.merge(NODES.of(node), {"metadata": {"labels": changes, "annotations": note}})

    async def _status(self, host: Host, node: Object) -> None:
        ready = runs_cni(self.mirror(PODS), host)
        if ready:
            condition = {"status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
        else:
            condition = {"status": "False", "reason": "KubeletNotReady", "message": NO_CNI}
        conditions = [
            {"type": kind, "status": "False", "reason": reason, "message": message}
            for kind, (reason, message) in KUBELET_CONDITIONS.items()
        ]
        conditions.append({"type": "Ready", **condition})
        keys = () if ready else (NOT_READY,)
        await self._taints(node, keys)
        await self._write(node, conditions, _facts(host))
        self.world.node_ready(host.name, ready)

    async def _lost(self, node: Object) -> None:
        conditions = [
            {"type": kind, "status": "Unknown", "reason": "NodeStatusUnknown", "message": LOST}
            for kind in (*KUBELET_CONDITIONS, "Ready")
        ]
        await self._taints(node, (UNREACHABLE,))
        await self._write(node, conditions, {})
        self.world.node_ready(node["metadata"]["name"], False)

    async def _taints(self, node: Object, keys: tuple[str, ...]) -> None:
        """Set the taints that follow from the Ready condition; all others stay."""
        old = (node.get("spec") or {}).get("taints") or []
        new = [t for t in old if t["key"] not in (NOT_READY, UNREACHABLE)]
        for key in keys:
            for effect in ("NoSchedule", "NoExecute"):
                known = next((t for t in old if t["key"] == key and t["effect"] == effect), None)
                fresh = _taint(key, effect)
                if effect == "NoExecute":
                    fresh["timeAdded"] = timestamp()
                new.append(known or fresh)
        if new != old:
            await self.api.merge(NODES.of(node), {"spec": {"taints": new or None}})

    async def _write(self, node: Object, conditions: list[Object], facts: Object) -> None:
        status = node.get("status") or {}
        merged = merge_conditions(status.get("conditions"), conditions)
        bare = [{k: v for k, v in c.items() if k != "lastHeartbeatTime"} for c in status.get("conditions") or []]
        if merged == bare and all(status.get(k) == v for k, v in facts.items()):
            return
        beat = timestamp()
        body = {"conditions": [{**c, "lastHeartbeatTime": beat} for c in merged], **facts}
        await self.api.merge(NODES.of(node, "status"), {"status": body})


def _taint(key: str, effect: str) -> Object:
    return {"key": key, "effect": effect}


def _standard_labels(host: Host) -> dict[str, str]:
    return {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": host.name,
        "kubernetes.io/os": "linux",
    }


def _talos_labels(host: Host) -> dict[str, str]:
    return ({CONTROL_PLANE: ""} if host.control_plane else {}) | host.labels


def _facts(host: Host) -> Object:
    # Quantities in their canonical form: the server stores no other, and a difference would be written for ever.
    quantity = {
        "cpu": "8",
        "ephemeral-storage": "229375Mi",
        "hugepages-2Mi": "0",
        "memory": "32713012Ki",
        "pods": "110",
    }
    reserved = {**quantity, "cpu": "7950m", "memory": "31664436Ki"}
    return {
        "addresses": [{"type": "InternalIP", "address": host.address}, {"type": "Hostname", "address": host.name}],
        "capacity": quantity,
        "allocatable": reserved,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": host.boot_id,
            "containerRuntimeVersion": "containerd://2.0.5",
            "kernelVersion": "6.12.35-talos",
            "kubeProxyVersion": "",
            "kubeletVersion": host.kubelet_version,
            "machineID": hashlib.md5(host.name.encode(), usedforsecurity=False).hexdigest(),
            "operatingSystem": "linux",
            "osImage": host.os_image,
            "systemUUID": "",
        },
    }
