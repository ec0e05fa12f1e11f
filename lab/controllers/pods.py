# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the workload controllers, the scheduler and the kubelets know about pods."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from .api import PODS, Api, Object, Resource
from .base import owner_reference

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
CILIUM_AGENT = {"k8s-app": "cilium"}

DAEMON_TOLERATIONS = [
    {"key": NOT_READY, "operator": "Exists", "effect": "NoExecute"},
    {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
]
"""What the DaemonSet controller adds (kubernetes ``pkg/controller/daemon/util/daemonset_util.go``)."""

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def random_suffix(length: int = 5) -> str:
    """Return a suffix as the API server's name generator makes them (no vowels, no digits that look like letters)."""
    return "".join(random.choices(_ALPHABET, k=length))


def template_hash(template: Object) -> str:
    """Return a short hash of a pod template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def tolerates(spec: Object, taint: Object) -> bool:
    """Tell whether a pod spec tolerates a taint (core/v1 ``Toleration.ToleratesTaint``)."""
    for toleration in spec.get("tolerations") or []:
        if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
            continue
        key = toleration.get("key")
        if key and key != taint["key"]:
            continue
        if toleration.get("operator", "Equal") == "Exists":
            return True
        if key and (toleration.get("value") or "") == (taint.get("value") or ""):
            return True
    return False


def blocking_taint(spec: Object, node: Object) -> Object | None:
    """Return the first taint that keeps the pod from being scheduled there, or None."""
    taints = list((node.get("spec") or {}).get("taints") or [])
    if (node.get("spec") or {}).get("unschedulable"):
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    for taint in taints:
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not tolerates(spec, taint):
            return taint
    return None


def selects_node(spec: Object, node: Object) -> bool:
    """Evaluate nodeSelector and the required node affinity."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        all(_expression(rule, labels) for rule in term.get("matchExpressions") or [])
        and all(_expression(rule, fields) for rule in term.get("matchFields") or [])
        and bool(term.get("matchExpressions") or term.get("matchFields"))
        for term in affinity.get("nodeSelectorTerms") or []
    )


def _expression(rule: Object, labels: dict[str, str]) -> bool:
    key, operator, values = rule["key"], rule["operator"], rule.get("values") or []
    match operator:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case "Gt" | "Lt":
            try:
                have, wanted = int(labels[key]), int(values[0])
            except (KeyError, ValueError, IndexError):
                return False
            return have > wanted if operator == "Gt" else have < wanted
    return False


async def create_pod(
    api: Api,
    resource: Resource,
    owner: Object,
    template: Object,
    *,
    name: str = "",
    labels: dict[str, str] | None = None,
    node: str = "",
    **spec: Any,
) -> str:
    """Create a pod of a workload and return its name.

    :param name: its full name, else the owner's with a random suffix.
    :param node: only this node may run it (as the DaemonSet controller says it, by a node affinity).
    :param spec: fields that override the template's.
    """
    meta = template.get("metadata") or {}
    body = {**template["spec"], **spec}
    if node:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        affinity = dict(body.get("affinity") or {})
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        body["affinity"] = affinity
        body["tolerations"] = [*(body.get("tolerations") or []), *DAEMON_TOLERATIONS]
        if body.get("hostNetwork"):
            unavailable = {"key": "node.kubernetes.io/network-unavailable", "operator": "Exists"}
            body["tolerations"].append({**unavailable, "effect": "NoSchedule"})
    metadata = {
        "name": name or f"{owner['metadata']['name']}-{random_suffix()}",
        "namespace": owner["metadata"]["namespace"],
        "labels": {**(meta.get("labels") or {}), **(labels or {})},
        "ownerReferences": [owner_reference(resource, owner)],
    }
    if meta.get("annotations"):
        metadata["annotations"] = meta["annotations"]
    await api.create(PODS, {"metadata": metadata, "spec": body})
    return str(metadata["name"])


def is_ready(pod: Object) -> bool:
    """Tell whether the pod's Ready condition is True and it is not going away."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def container_id(pod: Object, container: str, boot_id: str, restarts: int) -> str:
    """Return the id of a container: another one after each restart and each boot of its machine."""
    text = f"{boot_id}/{pod['metadata']['uid']}/{container}/{restarts}"
    return f"containerd://{hashlib.sha256(text.encode()).hexdigest()}"


def started_on(pod: Object, boot_id: str) -> bool:
    """Tell whether the pod's containers were started on this boot of their machine."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return bool(statuses) and all(
        c.get("containerID") == container_id(pod, c["name"], boot_id, c["restartCount"]) for c in statuses
    )


def is_finished(pod: Object) -> bool:
    """Tell whether the pod ran to its end."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def has_labels(obj: Object, labels: dict[str, str]) -> bool:
    """Tell whether the object carries all these labels."""
    have = obj["metadata"].get("labels") or {}
    return all(have.get(key) == value for key, value in labels.items())


def node_ready(node: Object) -> bool:
    """Tell whether a Node's Ready condition is True."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
