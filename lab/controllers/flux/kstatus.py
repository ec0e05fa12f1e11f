# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is an object current? The rules of kstatus (sigs.k8s.io/cli-utils ``pkg/kstatus/status``), which Flux waits by.

And of Helm (helm.sh/helm/v3 ``pkg/kube/ready.go``), which the helm-controller waits by.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

CURRENT, PROGRESS, FAILED, TERMINATING = "Current", "InProgress", "Failed", "Terminating"


def _condition(obj: Object, kind: str) -> Object:
    found = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in found if c.get("type") == kind), {})


def _is(obj: Object, kind: str, status: str = "True") -> bool:
    return _condition(obj, kind).get("status") == status


def kstatus(obj: Object) -> str:
    """Return ``Current``, ``InProgress``, ``Failed`` or ``Terminating``."""
    meta, status = obj["metadata"], obj.get("status") or {}
    if meta.get("deletionTimestamp"):
        return TERMINATING
    seen = status.get("observedGeneration")
    if seen is not None and seen != meta.get("generation", seen):
        return PROGRESS
    if _is(obj, "Reconciling"):
        return PROGRESS
    if _is(obj, "Stalled"):
        return FAILED
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    rule = _RULES.get((group, obj["kind"]))
    if rule is not None:
        return str(rule(obj, obj.get("spec") or {}, status))
    ready = _condition(obj, "Ready")
    if ready and ready.get("status") != "True":
        return PROGRESS
    return CURRENT


def _deployment(obj: Object, spec: Object, status: Object) -> str:
    if _condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return FAILED
    wanted = spec.get("replicas", 1)
    fine = status.get("replicas", 0) == wanted == status.get("updatedReplicas", 0)
    fine = fine and status.get("availableReplicas", 0) >= wanted
    return CURRENT if fine and "observedGeneration" in status and (not wanted or _is(obj, "Available")) else PROGRESS


def _stateful_set(_obj: Object, spec: Object, status: Object) -> str:
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return CURRENT
    wanted = spec.get("replicas", 1)
    fine = "observedGeneration" in status and all(
        status.get(key, 0) >= wanted for key in ("replicas", "readyReplicas", "currentReplicas")
    )
    return CURRENT if fine and status.get("currentRevision") == status.get("updateRevision") else PROGRESS


def _daemon_set(_obj: Object, spec: Object, status: Object) -> str:
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return CURRENT
    wanted = status.get("desiredNumberScheduled")
    keys = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    fine = wanted is not None and "observedGeneration" in status and all(status.get(k, 0) >= wanted for k in keys)
    return CURRENT if fine else PROGRESS


def _job(obj: Object, _spec: Object, _status: Object) -> str:
    if _is(obj, "Failed"):
        return FAILED
    # kstatus is content with a Job that has started; the kustomize-controller brings a rule of its own.
    return CURRENT if _is(obj, "Complete") else PROGRESS


def _claim(_obj: Object, _spec: Object, status: Object) -> str:
    return CURRENT if status.get("phase") == "Bound" else PROGRESS


def _service(_obj: Object, spec: Object, _status: Object) -> str:
    # kstatus asks a LoadBalancer only for its cluster address.
    return PROGRESS if spec.get("type") == "LoadBalancer" and not spec.get("clusterIP") else CURRENT


def _pod(obj: Object, _spec: Object, status: Object) -> str:
    phase = status.get("phase")
    if phase == "Failed":
        return FAILED
    return CURRENT if phase == "Succeeded" or _is(obj, "Ready") else PROGRESS


def _definition(obj: Object, _spec: Object, _status: Object) -> str:
    if _is(obj, "NamesAccepted", "False"):
        return FAILED
    return CURRENT if _is(obj, "Established") else PROGRESS


_RULES = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): lambda obj, spec, status: (
        CURRENT if status.get("availableReplicas", 0) >= spec.get("replicas", 1) else PROGRESS
    ),
    ("batch", "Job"): _job,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("", "Pod"): _pod,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}


def helm_ready(obj: Object) -> bool:
    """Tell whether Helm's ``--wait`` is content with an object."""
    kind, spec, status = obj["kind"], obj.get("spec") or {}, obj.get("status") or {}
    if kind == "Deployment":
        if spec.get("paused"):
            return True
        strategy = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        replicas = spec.get("replicas", 1)
        missing = _share(strategy.get("maxUnavailable", "25%"), replicas)
        seen = status.get("observedGeneration") == obj["metadata"].get("generation")
        return bool(seen) and status.get("updatedReplicas", 0) >= replicas - missing <= status.get("readyReplicas", 0)
    if kind == "Service":
        waits = spec.get("type") == "LoadBalancer" and not spec.get("externalIPs")
        return not waits or bool((status.get("loadBalancer") or {}).get("ingress"))
    if kind in ("StatefulSet", "DaemonSet", "PersistentVolumeClaim", "CustomResourceDefinition"):
        return kstatus(obj) == CURRENT
    return True


def _share(value: int | str, whole: int) -> int:
    text = str(value)
    return whole * int(text[:-1]) // 100 if text.endswith("%") else int(text)
