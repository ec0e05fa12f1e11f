# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every chart is built of: a release with its values, and the shapes of the objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

LINUX = {"kubernetes.io/os": "linux"}
_INSTALL_ORDER = (
    *("PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget"),
    *("ServiceAccount", "Secret", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim"),
    *("CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet"),
    *("Pod", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass"),
    *("Ingress", "APIService"),
)
"""helm/helm ``pkg/releaseutil/kind_sorter.go``; kinds that Helm does not know come last, by name."""

_CLUSTER_SCOPED = frozenset(
    {
        *("PriorityClass", "Namespace", "StorageClass", "CSIDriver", "PersistentVolume", "CustomResourceDefinition"),
        *("ClusterRole", "ClusterRoleBinding", "IngressClass", "APIService", "VolumeSnapshotClass"),
    }
)


class ChartError(Exception):
    """The chart refuses its values; the message is Helm's."""


class UnknownChart(ChartError):
    """No such chart in the catalogue."""


@dataclass(frozen=True)
class Release:
    """One release: its chart, and the values that were given to it."""

    chart: str
    version: str
    name: str
    namespace: str
    values: dict[str, Any]

    def value(self, dotted: str, default: Any = None) -> Any:
        """Return a value by its path, or the chart's default; an explicit null counts as absent, as in Helm."""
        current: Any = self.values
        for key in dotted.split("."):
            if not isinstance(current, dict) or current.get(key) is None:
                return default
            current = current[key]
        return current

    def on(self, dotted: str, default: bool = False) -> bool:
        """Return a switch."""
        return bool(self.value(dotted, default))

    def fullname(self, chart: str = "", *, limit: int = 63) -> str:
        """Return the usual name of a chart's objects: the override, the release, or release and chart."""
        if override := self.value("fullnameOverride"):
            return str(override)[:limit].rstrip("-")
        name = str(self.value("nameOverride") or chart or self.chart)
        text = self.name if name in self.name else f"{self.name}-{name}"
        return text[:limit].rstrip("-")

    def labels(self, name: str, app_version: str, component: str = "") -> dict[str, str]:
        """Return the usual labels of an object."""
        found = {
            **self.selector(name, component),
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/version": app_version.replace("+", "_"),
            "helm.sh/chart": f"{self.chart}-{self.version}".replace("+", "_"),
        }
        return found | {str(k): str(v) for k, v in (self.value("commonLabels") or {}).items()}

    def selector(self, name: str, component: str = "") -> dict[str, str]:
        """Return the labels by which Services and workloads find their pods."""
        found = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": self.name}
        return found | ({"app.kubernetes.io/component": component} if component else {})

    def adopt(self, obj: Object) -> Object:
        """Give the object its namespace and Helm's marks, by which a release knows its objects."""
        meta = obj["metadata"]
        if obj["kind"] not in _CLUSTER_SCOPED and not meta.get("namespace"):
            meta["namespace"] = self.namespace
        meta["labels"] = {"app.kubernetes.io/managed-by": "Helm", **(meta.get("labels") or {})}
        meta["annotations"] = {
            **(meta.get("annotations") or {}),
            "meta.helm.sh/release-name": self.name,
            "meta.helm.sh/release-namespace": self.namespace,
        }
        return obj

    def refuse_unknown(self, known: Iterable[str], at: str = "") -> None:
        """Refuse keys as a values schema with ``additionalProperties: false`` does.

        :raises ChartError: naming every unknown key.
        """
        given = self.value(at, {}) if at else self.values
        unknown = sorted(set(given) - set(known)) if isinstance(given, Mapping) else []
        if unknown:
            place = at or "(root)"
            lines = [f"- {place}: Additional property {key} is not allowed" for key in unknown]
            head = "values don't meet the specifications of the schema(s) in the following chart(s):"
            raise ChartError("\n".join([head, f"{self.chart}:", *lines, ""]))


def helm_order(objects: list[Object]) -> list[Object]:
    """Sort objects as Helm does before it creates them."""
    rank = {kind: number for number, kind in enumerate(_INSTALL_ORDER)}
    return sorted(objects, key=lambda o: (rank.get(o["kind"], len(rank)), "" if o["kind"] in rank else o["kind"]))


def obj(api_version: str, kind: str, name: str, labels: Mapping[str, str] | None = None, **fields: Any) -> Object:
    """Return an object; ``annotations`` and ``namespace`` go into its metadata."""
    meta: Object = {"name": name}
    for key in ("namespace", "annotations"):
        if found := fields.pop(key, None):
            meta[key] = found
    if labels:
        meta["labels"] = dict(labels)
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def container(
    name: str,
    image: str,
    *,
    args: list[str] | None = None,
    ports: Mapping[str, int] | None = None,
    env: list[Object] | None = None,
    env_from: list[Object] | None = None,
    mounts: Mapping[str, str] | None = None,
    **more: Any,
) -> Object:
    """Return a container; ``ports`` maps names to numbers, ``mounts`` volumes to paths."""
    found: Object = {"name": name, "image": image}
    if args:
        found["args"] = args
    if ports:
        found["ports"] = [{"name": n, "containerPort": p, "protocol": "TCP"} for n, p in ports.items()]
    if env:
        found["env"] = env
    if env_from:
        found["envFrom"] = env_from
    if mounts:
        found["volumeMounts"] = [{"name": n, "mountPath": p} for n, p in mounts.items()]
    return found | more


def workload(
    kind: str,
    name: str,
    labels: Mapping[str, str],
    selector: Mapping[str, str],
    containers: list[Object],
    *,
    replicas: int | None = None,
    pod: Mapping[str, Any] | None = None,
    pod_labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    api_version: str = "apps/v1",
) -> Object:
    """Return a Deployment, DaemonSet or StatefulSet.

    :param pod: further fields of the pod's spec; :param spec: further fields of the workload's.
    """
    template = {
        "metadata": {"labels": {**selector, **(pod_labels or {})}},
        "spec": {"containers": containers, **(pod or {})},
    }
    body: Object = {"selector": {"matchLabels": dict(selector)}, "template": template, **(spec or {})}
    if replicas is not None and kind != "DaemonSet":
        body["replicas"] = int(replicas)
    return obj(api_version, kind, name, labels, spec=body)


def service(
    name: str,
    labels: Mapping[str, str],
    selector: Mapping[str, str],
    ports: Iterable[tuple[str, int, int | str]],
    *,
    more: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """Return a Service; ``ports`` are (name, port, target)."""
    listed = [{"name": n, "port": int(p), "protocol": "TCP", "targetPort": t} for n, p, t in ports]
    spec: Object = {"type": "ClusterIP", "selector": dict(selector), "ports": listed, **(more or {})}
    return obj("v1", "Service", name, labels, spec=spec, annotations=dict(annotations or {}))


def account(name: str, labels: Mapping[str, str] | None = None) -> Object:
    """Return a ServiceAccount."""
    return obj("v1", "ServiceAccount", name, labels)


def rights(
    name: str, namespace: str, rules: list[Object], labels: Mapping[str, str] | None = None, *, holder: str = ""
) -> list[Object]:
    """Return a ClusterRole and its binding to the ServiceAccount ``holder``, which else has the same name."""
    group = "rbac.authorization.k8s.io"
    return [
        obj(f"{group}/v1", "ClusterRole", name, labels, rules=rules),
        obj(
            f"{group}/v1",
            "ClusterRoleBinding",
            name,
            labels,
            roleRef={"apiGroup": group, "kind": "ClusterRole", "name": name},
            subjects=[{"kind": "ServiceAccount", "name": holder or name, "namespace": namespace}],
        ),
    ]


def rule(groups: list[str], resources: list[str], verbs: list[str] | None = None) -> Object:
    """Return one rule of RBAC; without verbs it reads."""
    return {"apiGroups": groups, "resources": resources, "verbs": verbs or ["get", "list", "watch"]}


def monitor(
    kind: str, name: str, labels: Mapping[str, str], selector: Mapping[str, str], port: str, **more: Any
) -> Object:
    """Return a ServiceMonitor or PodMonitor of one port."""
    endpoints = "endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"
    spec = {"selector": {"matchLabels": dict(selector)}, endpoints: [{"port": port, **more}]}
    return obj("monitoring.coreos.com/v1", kind, name, labels, spec=spec)


def budget(name: str, labels: Mapping[str, str], selector: Mapping[str, str], **limit: Any) -> Object:
    """Return a PodDisruptionBudget."""
    spec = {"selector": {"matchLabels": dict(selector)}, **limit}
    return obj("policy/v1", "PodDisruptionBudget", name, labels, spec=spec)


def placement(release: Release, at: str = "") -> Object:
    """Return the pod fields that nearly every chart takes: selector, tolerations, affinity, priority."""
    prefix = f"{at}." if at else ""
    found: Object = {}
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "topologySpreadConstraints"):
        if value := release.value(f"{prefix}{key}"):
            found[key] = value
    return found


#: What most charts give a pod and its containers by default, so that a namespace of level restricted takes them.
POD_SECURITY: Object = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def security(release: Release, at: str, default: Mapping[str, Any]) -> Object:
    """Return a pod's or a container's security context: the chart's default, with the values ``at`` merged over it."""
    # An explicit null takes a default away.
    found = {key: value for key, value in merged(default, release.value(at, {})).items() if value is not None}
    # A switch of charts that render the context with it, and no field of Kubernetes.
    return {"securityContext": found} if found.pop("enabled", True) and found else {}


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Object:
    """Return two trees of values as one, as Helm does; lists are replaced."""
    result = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def image(release: Release, at: str, repository: str, tag: str) -> str:
    """Return an image whose repository and tag may be overridden under ``at``."""
    return f"{release.value(f'{at}.repository', repository)}:{release.value(f'{at}.tag', tag)}"
