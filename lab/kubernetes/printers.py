# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns and cells of built-in kinds (``pkg/printers/internalversion/printers.go``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ages import age

Object = dict[str, Any]
Cells = Callable[[Object], list[Any]]


def _column(text: str) -> Object:
    """``Name``, ``Name:integer``; a trailing ``*`` is priority 1."""
    wide = text.endswith("*")
    name, _colon, kind = text.rstrip("*").partition(":")
    return {
        "name": name,
        "type": kind or "string",
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": 1 if wide else 0,
    }


def _age(obj: Object) -> str:
    return age(obj["metadata"].get("creationTimestamp"))


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _containers(spec: Object) -> list[str]:
    found = spec.get("containers") or []
    return [",".join(c.get("name", "") for c in found), ",".join(c.get("image", "") for c in found)]


def selector(value: Object | None) -> str:
    """A label selector in its one-line form."""
    if not value:
        return "<none>"
    labels = value.get("matchLabels") if "matchLabels" in value or "matchExpressions" in value else value
    parts = [f"{key}={label}" for key, label in sorted((labels or {}).items())]
    for rule in value.get("matchExpressions") or () if isinstance(value.get("matchExpressions"), list) else ():
        names = ",".join(sorted(rule.get("values") or ()))
        sign = {"In": f" in ({names})", "NotIn": f" notin ({names})", "Exists": "", "DoesNotExist": ""}
        prefix = "!" if rule.get("operator") == "DoesNotExist" else ""
        parts.append(prefix + rule.get("key", "") + sign.get(rule.get("operator", ""), ""))
    return ",".join(parts) or "<none>"


def _node(obj: Object) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    ready = {c.get("type"): c.get("status") for c in status.get("conditions") or ()}
    state = "Unknown" if ready.get("Ready") is None else "Ready" if ready["Ready"] == "True" else "NotReady"
    if spec.get("unschedulable"):
        state += ",SchedulingDisabled"
    roles = sorted(
        key.split("/", 1)[1]
        for key in obj["metadata"].get("labels") or {}
        if key.startswith("node-role.kubernetes.io/") and key.split("/", 1)[1]
    )
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or ()}
    info = status.get("nodeInfo") or {}
    return [
        _name(obj), state, ",".join(roles) or "<none>", _age(obj), info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"), addresses.get("ExternalIP", "<none>"),
        info.get("osImage") or "<unknown>", info.get("kernelVersion") or "<unknown>",
        info.get("containerRuntimeVersion") or "<unknown>",
    ]  # fmt: skip


def _pod(obj: Object) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    states = status.get("containerStatuses") or []
    ready = sum(1 for state in states if state.get("ready"))
    restarts = sum(state.get("restartCount", 0) for state in states)
    reason = status.get("reason") or status.get("phase", "")
    for state in states:
        for form in ("waiting", "terminated"):
            if (state.get("state") or {}).get(form, {}).get("reason"):
                reason = state["state"][form]["reason"]
    if obj["metadata"].get("deletionTimestamp"):
        reason = "Terminating"
    return [
        _name(obj), f"{ready}/{len(spec.get('containers') or ())}", reason, str(restarts), _age(obj),
        status.get("podIP") or "<none>", spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>", "<none>",
    ]  # fmt: skip


def _external(obj: Object) -> str:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    given = spec.get("externalIPs") or []
    if spec.get("type") == "LoadBalancer":
        found = [i.get("ip") or i.get("hostname", "") for i in (status.get("loadBalancer") or {}).get("ingress") or ()]
        return ",".join([*found, *given]) or "<pending>"
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    return ",".join(given) or "<none>"


def _service(obj: Object) -> list[Any]:
    spec = obj.get("spec") or {}
    ports = []
    for port in spec.get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return [
        _name(obj), spec.get("type", ""), spec.get("clusterIP") or "<none>", _external(obj),
        ",".join(ports) or "<none>", _age(obj), selector(spec.get("selector")),
    ]  # fmt: skip


def _deployment(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return [
        _name(obj), f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}", status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0), _age(obj), *_containers(spec["template"]["spec"]),
        selector(spec.get("selector")),
    ]  # fmt: skip


def _stateful(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [_name(obj), ready, _age(obj), *_containers(spec["template"]["spec"])]


def _replica(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return [
        _name(obj), spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0), _age(obj),
        *_containers(spec["template"]["spec"]), selector(spec.get("selector")),
    ]  # fmt: skip


def _daemon(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    pod = spec["template"]["spec"]
    counts = [
        status.get(name, 0)
        for name in (
            "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled",
            "numberAvailable",
        )
    ]  # fmt: skip
    nodes = selector(pod.get("nodeSelector"))
    return [_name(obj), *counts, nodes, _age(obj), *_containers(pod), selector(spec.get("selector"))]


def _claim(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    modes = _modes(status.get("accessModes") or ())
    return [
        _name(obj), phase, spec.get("volumeName", ""), (status.get("capacity") or {}).get("storage", ""), modes,
        spec.get("storageClassName", ""), spec.get("volumeAttributesClassName") or "<unset>", _age(obj),
        spec.get("volumeMode", "<unset>"),
    ]  # fmt: skip


def _modes(modes: Any) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(short.get(mode, mode) for mode in modes)


def _volume(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef") or {}
    bound = f"{claim.get('namespace')}/{claim.get('name')}" if claim else ""
    return [
        _name(obj), (spec.get("capacity") or {}).get("storage", ""), _modes(spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy", ""), status.get("phase", ""), bound,
        spec.get("storageClassName", ""), spec.get("volumeAttributesClassName") or "<unset>",
        status.get("reason", ""), _age(obj), spec.get("volumeMode", "<unset>"),
    ]  # fmt: skip


def _job(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    states = {c.get("type") for c in status.get("conditions") or () if c.get("status") == "True"}
    state = next((name for name in ("Complete", "Failed", "Suspended") if name in states), "Running")
    done = f"{status.get('succeeded', 0)}/{spec.get('completions', 1)}"
    started = age(status.get("startTime")) if status.get("startTime") else ""
    return [
        _name(obj), state, done, started, _age(obj), *_containers(spec["template"]["spec"]),
        selector(spec.get("selector")),
    ]  # fmt: skip


def _cron(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    last = age(status.get("lastScheduleTime")) if status.get("lastScheduleTime") else "<none>"
    return [
        _name(obj), spec.get("schedule", ""), spec.get("timeZone") or "<none>",
        "True" if spec.get("suspend") else "False", len(status.get("active") or ()), last, _age(obj),
        *_containers(spec["jobTemplate"]["spec"]["template"]["spec"]), "<none>",
    ]  # fmt: skip


def _ingress(obj: Object) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    found = [i.get("ip") or i.get("hostname", "") for i in (status.get("loadBalancer") or {}).get("ingress") or ()]
    ports = "80, 443" if spec.get("tls") else "80"
    return [
        _name(obj),
        spec.get("ingressClassName") or "<none>",
        ",".join(hosts) or "*",
        ",".join(found),
        ports,
        _age(obj),
    ]


def _event(obj: Object) -> list[Any]:
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    last = obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    return [
        age(last), obj.get("type", ""), obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}", obj.get("message", obj.get("note", "")), _name(obj),
    ]  # fmt: skip


_TABLES: dict[str, tuple[str, Cells]] = {
    "nodes": (
        "Name Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* Container-Runtime*", _node
    ),
    "pods": ("Name Ready Status Restarts Age IP* Node* Nominated_Node* Readiness_Gates*", _pod),
    "services": ("Name Type Cluster-IP External-IP Port(s) Age Selector*", _service),
    "deployments.apps": ("Name Ready Up-to-date Available Age Containers* Images* Selector*", _deployment),
    "statefulsets.apps": ("Name Ready Age Containers* Images*", _stateful),
    "replicasets.apps": (
        "Name Desired:integer Current:integer Ready:integer Age Containers* Images* Selector*", _replica
    ),
    "daemonsets.apps": (
        "Name Desired:integer Current:integer Ready:integer Up-to-date:integer Available:integer Node_Selector Age"
        " Containers* Images* Selector*", _daemon
    ),
    "configmaps": (
        "Name Data Age",
        lambda o: [_name(o), len(o.get("data") or ()) + len(o.get("binaryData") or ()), _age(o)],
    ),
    "secrets": ("Name Type Data Age", lambda o: [_name(o), o.get("type", ""), len(o.get("data") or ()), _age(o)]),
    "serviceaccounts": ("Name Secrets Age", lambda o: [_name(o), len(o.get("secrets") or ()), _age(o)]),
    "namespaces": ("Name Status Age", lambda o: [_name(o), (o.get("status") or {}).get("phase", ""), _age(o)]),
    "persistentvolumeclaims": (
        "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age VolumeMode*", _claim
    ),
    "persistentvolumes": (
        "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass Reason Age"
        " VolumeMode*", _volume
    ),
    "jobs.batch": ("Name Status Completions Duration Age Containers* Images* Selector*", _job),
    "cronjobs.batch": (
        "Name Schedule Timezone Suspend:boolean Active:integer Last_Schedule Age Containers* Images* Selector*", _cron
    ),
    "ingresses.networking.k8s.io": ("Name Class Hosts Address Ports Age", _ingress),
    "ingressclasses.networking.k8s.io": (
        "Name Controller Parameters Age",
        lambda o: [_name(o), (o.get("spec") or {}).get("controller", ""), "<none>", _age(o)],
    ),
    "storageclasses.storage.k8s.io": (
        "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age",
        lambda o: [
            _name(o), o.get("provisioner", ""), o.get("reclaimPolicy", ""), o.get("volumeBindingMode", ""),
            "true" if o.get("allowVolumeExpansion") else "false", _age(o),
        ],
    ),
    "networkpolicies.networking.k8s.io": (
        "Name Pod-Selector Age", lambda o: [_name(o), selector((o.get("spec") or {}).get("podSelector")), _age(o)]
    ),
    "customresourcedefinitions.apiextensions.k8s.io": (
        "Name Created_At:date", lambda o: [_name(o), o["metadata"].get("creationTimestamp")]
    ),
    "clusterroles.rbac.authorization.k8s.io": (
        "Name Created_At:date", lambda o: [_name(o), o["metadata"].get("creationTimestamp")]
    ),
    "roles.rbac.authorization.k8s.io": (
        "Name Created_At:date", lambda o: [_name(o), o["metadata"].get("creationTimestamp")]
    ),
    "clusterrolebindings.rbac.authorization.k8s.io": (
        "Name Role Age", lambda o: [_name(o), "ClusterRole/" + o["roleRef"]["name"], _age(o)]
    ),
    "rolebindings.rbac.authorization.k8s.io": (
        "Name Role Age", lambda o: [_name(o), o["roleRef"]["kind"] + "/" + o["roleRef"]["name"], _age(o)]
    ),
    "leases.coordination.k8s.io": (
        "Name Holder Age", lambda o: [_name(o), (o.get("spec") or {}).get("holderIdentity", ""), _age(o)]
    ),
    "priorityclasses.scheduling.k8s.io": (
        "Name Value:integer Global-Default Age PreemptionPolicy",
        lambda o: [
            _name(o), o.get("value", 0), "true" if o.get("globalDefault") else "false", _age(o),
            o.get("preemptionPolicy", ""),
        ],
    ),
    "events": ("Last_Seen Type Reason Object Message Name*", _event),
}  # fmt: skip


def of(resource: str) -> tuple[list[Object], Cells]:
    """Column definitions and the function that makes the cells of a kind; others show name and age."""
    text, cells = _TABLES.get(resource, ("Name Age", lambda obj: [_name(obj), _age(obj)]))
    return [_column(part.replace("_", " ")) for part in text.split()], cells
