# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The areas ``kubernetes`` and ``cilium``: the API at every door, nodes, workloads, and pods that fail; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..status import report
from .areas import Area, Facts, counted, instant
from .gather import ANSWERED

Object = Mapping[str, Any]

#: Why a container waits, when waiting does not help it.
_STUCK = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
VIP = "vip"


def kubernetes(facts: Facts) -> Area:
    """Judge the API servers, the nodes as the API lists them, and what runs on them."""
    area = Area("kubernetes")
    doors = [name for name in (VIP, *facts.wanted.shown) if f"api:{name}" in facts.answers]
    answering = sum(_door(area, facts, name) for name in doors)
    found = facts.answer("kubernetes")
    if found.state != ANSWERED:
        area.missing(found, "Kubernetes API")
        area.summary = f"the API answers at {answering} of {counted(len(doors), 'door')}"
        return area
    objects: list[Object] = found.value
    listed = {name_of(item): item for item in objects if item.get("kind") == "Node"}
    ready = 0
    for name in facts.wanted.shown:
        state, kubelet = report.listed_state(listed.get(name))
        ready += state == "Ready"
        area.rows.append({"kind": "Node", "name": name, "state": state, "text": kubelet})
        for severity, text in report.listed_faults(listed.get(name), facts.wanted.kubernetes):
            area.find(severity, name, text)
    for item in objects:
        if item.get("kind") in ("DaemonSet", "Deployment", "StatefulSet") and whole(facts):
            _workload(area, item)
    pods = [item for item in objects if item.get("kind") == "Pod"]
    failing = _pods(area, facts, pods)
    area.summary = (
        f"the API answers at {answering} of {counted(len(doors), 'door')}, {ready} of "
        f"{counted(len(facts.wanted.shown), 'node')} Ready, {failing} of {counted(len(pods), 'pod')} failing"
    )
    return area


def whole(facts: Facts) -> bool:
    """Whether the report is about the whole cluster."""
    return len(facts.wanted.shown) == len(facts.wanted.nodes)


def name_of(item: Object) -> str:
    """Return ``namespace/name``, or the name of what has no namespace."""
    meta = item.get("metadata") or {}
    return f"{meta['namespace']}/{meta.get('name')}" if meta.get("namespace") else str(meta.get("name"))


def _door(area: Area, facts: Facts, name: str) -> bool:
    found = facts.answer(f"api:{name}")
    where = "the VIP" if name == VIP else name
    if found.state != ANSWERED:
        area.find("error", f"Kubernetes API at {where}", found.reason)
        area.rows.append({"kind": "API", "name": name, "state": "error", "text": found.reason})
        return False
    version = str(found.value["version"])
    area.rows.append({"kind": "API", "name": name, "state": "ok", "text": version})
    if facts.wanted.kubernetes and version != facts.wanted.kubernetes:
        area.find("warning", f"Kubernetes API at {where}", f"runs {version}, wanted is {facts.wanted.kubernetes}")
    return True


def _workload(area: Area, item: Object) -> None:
    have, want = report.replicas(item)
    if have < want:
        text = f"{have} of {counted(want, 'pod')} {'is' if want == 1 else 'are'} ready"
        area.rows.append({"kind": str(item["kind"]), "name": name_of(item), "state": "warning", "text": text})
        area.find("warning", f"{item['kind']} {name_of(item)}", text)


def _pods(area: Area, facts: Facts, pods: Iterable[Object]) -> int:
    failing = 0
    for pod in pods:
        node = str((pod.get("spec") or {}).get("nodeName") or "")
        if not whole(facts) and node not in facts.wanted.shown:
            continue
        fault = pod_fault(pod, facts)
        if fault:
            failing += 1
            text = f"{fault}{f' (on {node})' if node else ''}"
            area.rows.append({"kind": "Pod", "name": name_of(pod), "state": "warning", "text": text})
            area.find("warning", f"Pod {name_of(pod)}", text)
    return failing


def pod_fault(pod: Object, facts: Facts) -> str:
    """Return what is wrong with a pod, nothing when it does what it shall or has not had its time yet."""
    status, meta = pod.get("status") or {}, pod.get("metadata") or {}
    phase, now = str(status.get("phase") or "Pending"), facts.wanted.now
    patience = facts.wanted.thresholds.pod_patience

    def late(text: Any) -> bool:
        since = instant(text)
        return since is not None and (now - since).total_seconds() > patience

    if phase == "Succeeded":
        return ""
    if phase == "Failed":
        return f"failed: {status.get('reason') or status.get('message') or 'no reason given'}"
    if meta.get("deletionTimestamp"):
        return "does not end" if late(meta["deletionTimestamp"]) else ""
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _STUCK:
            said = " ".join(str(waiting.get("message") or "").split())
            tries = f", restarted {container['restartCount']} times" if container.get("restartCount") else ""
            return f"{container.get('name')}: {waiting['reason']}{f' ({said})' if said else ''}{tries}"
    conditions = {str(item.get("type")): item for item in status.get("conditions") or []}
    if phase == "Pending" and late(meta.get("creationTimestamp")):
        return f"is pending: {(conditions.get('PodScheduled') or {}).get('message') or 'its containers do not start'}"
    ready = conditions.get("Ready") or {}
    if phase == "Running" and ready.get("status") == "False" and late(ready.get("lastTransitionTime")):
        return f"has not been ready since {ready['lastTransitionTime']}: {ready.get('message') or 'no reason given'}"
    return ""


def cilium(facts: Facts) -> Area:
    """Judge Cilium: its workloads in the wanted version, and an agent on every node."""
    blank = facts.unknown("cilium", "kubernetes", "Cilium")
    if blank is not None:
        return blank
    area, objects = Area("cilium"), facts.value("kubernetes")
    fine = 0
    for wanted in facts.wanted.workloads:
        row, found = report.workload_row(wanted, objects)
        fine += not found
        area.take(found)
        area.rows.append({"kind": wanted["kind"], "name": row.name, "ready": row.ready, "version": row.version})
        if wanted["kind"] == "DaemonSet" and row.ready != "missing":
            _agents(area, facts, wanted, objects)
    area.summary = f"{fine} of {counted(len(facts.wanted.workloads), 'workload')} as wanted"
    return area


def _agents(area: Area, facts: Facts, wanted: Mapping[str, str], objects: Iterable[Object]) -> None:
    pods = {
        str((item.get("spec") or {}).get("nodeName")): item
        for item in objects
        if item.get("kind") == "Pod"
        and (item.get("metadata") or {}).get("namespace") == wanted["namespace"]
        and any(
            owner.get("kind") == "DaemonSet" and owner.get("name") == wanted["name"]
            for owner in (item.get("metadata") or {}).get("ownerReferences") or []
        )
    }
    for node in facts.wanted.shown:
        pod = pods.get(node)
        conditions = ((pod or {}).get("status") or {}).get("conditions") or []
        ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
        area.rows.append(
            {
                "kind": "agent",
                "name": f"{wanted['name']} on {node}",
                "ready": "missing" if pod is None else "Ready" if ready else "NotReady",
                "version": "",
            }
        )
        if pod is None:
            area.find("error", node, f"has no pod of {wanted['name']}")
        elif not ready:
            area.find("error", node, f"its pod of {wanted['name']} is not ready")
