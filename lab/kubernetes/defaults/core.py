# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults of core kinds other than pods (``pkg/apis/core/v1/defaults.go``, registry strategies, admission)."""

from __future__ import annotations

import base64
from typing import Any

from ..call import now

Object = dict[str, Any]


def service(obj: Object) -> None:
    """Service."""
    spec = obj.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}).setdefault("timeoutSeconds", 10800)
    headless = spec.get("clusterIP") == "None"
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
        if port["targetPort"] in (0, ""):
            port["targetPort"] = port.get("port")
    if kind in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if headless:
        spec.pop("nodePort", None)
    for ingress in ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
        if ingress.get("ip"):
            ingress.setdefault("ipMode", "VIP")


def secret(obj: Object) -> None:
    """Secret: the write-only ``stringData`` moves into ``data``."""
    text = obj.pop("stringData", None)
    if text:
        data = obj.setdefault("data", {})
        for name, value in text.items():
            data[name] = base64.b64encode(value.encode()).decode()
    obj.setdefault("type", "Opaque")


def namespace(obj: Object) -> None:
    """Namespace: its own name as a label."""
    meta = obj["metadata"]
    if meta.get("name"):
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]


def _new_namespace(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    if "kubernetes" not in spec.setdefault("finalizers", []):
        spec["finalizers"].append("kubernetes")
    obj["status"] = {"phase": "Active"}


def node(obj: Object) -> None:
    """Node: the list of pod networks follows the single one."""
    spec = obj.setdefault("spec", {})
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs") and not spec.get("podCIDR"):
        spec["podCIDR"] = spec["podCIDRs"][0]


def _new_node(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    taints = list(spec.get("taints") or ())
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    if not any(t.get("key") == taint["key"] and t.get("effect") == "NoSchedule" for t in taints):
        spec["taints"] = [*taints, taint]
    status = obj.setdefault("status", {})
    status.setdefault("daemonEndpoints", {}).setdefault("kubeletEndpoint", {"Port": 0})
    info = status.setdefault("nodeInfo", {})
    for name in (
        "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion",
        "kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture",
    ):  # fmt: skip
        info.setdefault(name, "")


def _protected(finalizer: str, obj: Object) -> None:
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        obj["metadata"]["finalizers"] = [*finalizers, finalizer]
    obj["status"] = {"phase": "Pending"}


def _new_claim(obj: Object) -> None:
    _protected("kubernetes.io/pvc-protection", obj)


def _new_volume(obj: Object) -> None:
    _protected("kubernetes.io/pv-protection", obj)
    obj["status"]["lastPhaseTransitionTime"] = now()


def claim(obj: Object) -> None:
    """PersistentVolumeClaim."""
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def volume(obj: Object) -> None:
    """PersistentVolume."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")


def endpoints(obj: Object) -> None:
    """Endpoints."""
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _new_service(obj: Object) -> None:
    obj["status"] = {"loadBalancer": {}}


def limit_range(obj: Object) -> None:
    """LimitRange: container defaults follow from max and default."""
    for item in (obj.get("spec") or {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        limits = item.get("max") or {}
        default = item.setdefault("default", {})
        for name, value in limits.items():
            default.setdefault(name, value)
        request = item.setdefault("defaultRequest", {})
        for name, value in {**(item.get("min") or {}), **default}.items():
            request.setdefault(name, value)
        for name in ("default", "defaultRequest"):
            if not item[name]:
                del item[name]


def _empty_status(obj: Object) -> None:
    obj["status"] = {}


def _config_data(obj: Object) -> None:
    """Maps that became empty are not printed."""
    for name in ("data", "binaryData"):
        if name in obj and not obj[name]:
            del obj[name]


DEFAULTS = {
    "nodes": node,
    "services": service,
    "secrets": secret,
    "namespaces": namespace,
    "persistentvolumeclaims": claim,
    "persistentvolumes": volume,
    "endpoints": endpoints,
    "limitranges": limit_range,
}
PREPARED = {
    "namespaces": _new_namespace,
    "nodes": _new_node,
    "persistentvolumeclaims": _new_claim,
    "persistentvolumes": _new_volume,
    "services": _new_service,
    "resourcequotas": _empty_status,
}
FINISHED = {"configmaps": _config_data, "secrets": _config_data}
