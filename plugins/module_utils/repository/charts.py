# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pinned charts make of their values: the Services, Ingresses, claims and workloads that others refer to.

Names and ports are those of the charts' own templates (ingress-nginx 4.14.0, longhorn 1.10.1, kube-prometheus-stack
75.18.1, kubernetes-dashboard 7.14.0, cilium 1.17.6, authentik 2025.12.4, external-dns 1.20.0, cert-manager v1.19.1,
external-secrets 0.20.4, metrics-server 3.13.0, snapshot-controller 4.2.0, cloudnative-pg 0.27.1). For any other chart
nothing is known, and :attr:`Release.known` says so: a check must not take what it cannot see for absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..model.schema import Path
from .objects import Object
from .spot import dig, listing, mapping, string, yes

_Values = dict[str, Any]
_Made = tuple[str, dict[str, Any], Path]


@dataclass(frozen=True, eq=False)
class Release:
    """A HelmRelease with the values that stand in it (``valuesFrom`` is not followed)."""

    object: Object

    @property
    def chart(self) -> str:
        """The chart's name, for a chart in a repository the last part of its path."""
        return self.object.text("spec", "chart", "spec", "chart").rstrip("/").rpartition("/")[2]

    @property
    def version(self) -> str:
        """The chart's version as written."""
        return self.object.text("spec", "chart", "spec", "version")

    @property
    def namespace(self) -> str:
        """Where it is installed."""
        return self.object.text("spec", "targetNamespace") or self.object.namespace

    @property
    def name(self) -> str:
        """Helm's name of the release."""
        named = self.object.text("spec", "releaseName")
        target = self.object.text("spec", "targetNamespace")
        return named or (f"{target}-{self.object.name}" if target else self.object.name)

    @property
    def values(self) -> _Values:
        """The values."""
        return self.object.map("spec", "values")

    @property
    def known(self) -> bool:
        """Whether what the chart makes is known."""
        return self.chart in _CHARTS

    def value(self, *path: str) -> Any:
        """Return the value at a path, None when it is not given."""
        return dig(self.values, *path)

    def makes(self) -> list[Object]:
        """Return the objects that the chart makes of the values and that are known here."""
        found = []
        for kind, value, source in _CHARTS[self.chart](self) if self.known else ():
            meta = {"namespace": self.namespace, **value.pop("metadata")}
            made = {"apiVersion": _API.get(kind, "v1"), "kind": kind, "metadata": meta, **value}
            spot = self.object.at("spec", "values", *source)
            found.append(replace(self.object, value=made, base=(), moved={(): spot}, chart=self.name))
        return found


_API = {
    "Deployment": "apps/v1",
    "DaemonSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "Ingress": "networking.k8s.io/v1",
    "IngressClass": "networking.k8s.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "StorageClass": "storage.k8s.io/v1",
}


def _fullname(release: Release, chart: str) -> str:
    """Return the name that Helm's usual helper makes of release and chart."""
    override = string(release.value("fullnameOverride"))
    name = string(release.value("nameOverride")) or chart
    return override or (release.name if name in release.name else f"{release.name}-{name}")


def _service(
    release: Release, name: str, ports: dict[str, int], path: Path = (), labels: dict[str, str] | None = None
) -> _Made:
    """Return a Service whose type, labels and annotations come from the map of values at ``path``."""
    given = mapping(dig(release.values, *path)) if path else {}
    spec: dict[str, Any] = {
        "type": string(given.get("type")) or "ClusterIP",
        "ports": [{"name": key, "port": port} for key, port in ports.items()],
    }
    if string(given.get("loadBalancerIP")):
        spec["loadBalancerIP"] = string(given.get("loadBalancerIP"))
    meta = {
        "name": name,
        "labels": {"app.kubernetes.io/instance": release.name, **(labels or {}), **mapping(given.get("labels"))},
        "annotations": mapping(given.get("annotations")),
    }
    return "Service", {"metadata": meta, "spec": spec}, path


def _workload(kind: str, name: str) -> _Made:
    return kind, {"metadata": {"name": name}}, ()


def _ingress_nginx(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "ingress-nginx")
    kind, value, path = _service(
        release,
        f"{name}-controller",
        {"http": 80, "https": 443},
        ("controller", "service"),
        {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"},
    )
    if not string(release.value("controller", "service", "type")):
        value["spec"]["type"] = "LoadBalancer"
    yield kind, value, path
    yield _workload(
        "DaemonSet" if release.value("controller", "kind") == "DaemonSet" else "Deployment", f"{name}-controller"
    )
    if yes(release.value("controller", "metrics", "enabled")):
        yield _service(release, f"{name}-controller-metrics", {"metrics": 10254})
    resource = mapping(release.value("controller", "ingressClassResource"))
    if resource.get("enabled", True) is not False:
        meta: dict[str, Any] = {"name": string(resource.get("name")) or "nginx", "annotations": {}}
        if yes(resource.get("default")):
            meta["annotations"]["ingressclass.kubernetes.io/is-default-class"] = "true"
        spec = {"controller": string(resource.get("controllerValue")) or "k8s.io/ingress-nginx"}
        yield "IngressClass", {"metadata": meta, "spec": spec}, ("controller", "ingressClassResource")


def _longhorn(release: Release) -> Iterator[_Made]:
    # The chart has no key for labels of this Service, only for annotations.
    kind, value, path = _service(release, "longhorn-frontend", {"http": 80}, ("service", "ui"), {"app": "longhorn-ui"})
    value["metadata"]["labels"] = {"app": "longhorn-ui"}
    yield kind, value, path
    yield _service(release, "longhorn-backend", {"manager": 9500}, (), {"app": "longhorn-manager"})
    yield _workload("DaemonSet", "longhorn-manager")
    yield _workload("Deployment", "longhorn-ui")
    yield _workload("Deployment", "longhorn-driver-deployer")
    yield _ingress(release, ("ingress",), "longhorn-ingress", "longhorn-frontend", 80)
    meta: dict[str, Any] = {"name": "longhorn", "annotations": {}}
    if release.value("persistence", "defaultClass") is not False:
        meta["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    parameters = {"numberOfReplicas": string(release.value("persistence", "defaultClassReplicaCount")) or "3"}
    if yes(release.value("persistence", "defaultDiskSelector", "enable")):
        parameters["diskSelector"] = string(release.value("persistence", "defaultDiskSelector", "selector"))
    policy = string(release.value("persistence", "reclaimPolicy")) or "Delete"
    yield (
        "StorageClass",
        {"metadata": meta, "provisioner": "driver.longhorn.io", "parameters": parameters, "reclaimPolicy": policy},
        ("persistence",),
    )


def _ingress(release: Release, path: Path, name: str, service: str, port: int) -> _Made:
    """Return the chart's Ingress; one without rules when it is off."""
    given = mapping(dig(release.values, *path))
    hosts = listing(given.get("hosts")) or [given.get("host")]
    backend = {"service": {"name": service, "port": {"number": port}}}
    rules = [
        {"host": string(host), "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        for host in (hosts if yes(given.get("enabled")) else [])
        if string(host)
    ]
    spec: dict[str, Any] = {"rules": rules}
    if rules and string(given.get("ingressClassName")):
        spec["ingressClassName"] = string(given.get("ingressClassName"))
    annotations = mapping(given.get("annotations")) if rules else {}
    return "Ingress", {"metadata": {"name": name, "annotations": annotations}, "spec": spec}, path


def _kube_prometheus_stack(release: Release) -> Iterator[_Made]:
    # The chart's helper cuts its own name when the release already holds it.
    name = _fullname(release, "kube-prometheus-stack")
    for part, port in (("prometheus", 9090), ("alertmanager", 9093)):
        if release.value(part, "enabled") is not False:
            labels = {"app": f"kube-prometheus-stack-{part}", "release": release.name}
            yield _service(release, f"{name}-{part}", {"http-web": port}, (part, "service"), labels)
            yield _ingress(release, (part, "ingress"), f"{name}-{part}", f"{name}-{part}", port)
    if release.value("grafana", "enabled") is not False:
        grafana = string(release.value("grafana", "fullnameOverride")) or f"{release.name}-grafana"
        yield _service(
            release, grafana, {"http-web": 80}, ("grafana", "service"), {"app.kubernetes.io/name": "grafana"}
        )
        yield _workload("Deployment", grafana)
        yield _ingress(release, ("grafana", "ingress"), grafana, grafana, 80)
    yield _service(release, f"{name}-operator", {"https": 443}, ("prometheusOperator", "service"))
    yield _workload("Deployment", f"{name}-operator")
    yield _workload("Deployment", f"{release.name}-kube-state-metrics")
    yield _service(release, f"{release.name}-kube-state-metrics", {"http": 8080})
    yield _workload("DaemonSet", f"{release.name}-prometheus-node-exporter")
    yield _service(release, f"{release.name}-prometheus-node-exporter", {"http-metrics": 9100})


def _kubernetes_dashboard(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "kubernetes-dashboard")
    port = release.value("kong", "proxy", "tls", "servicePort")
    number = port if isinstance(port, int) else 443
    yield _service(release, f"{release.name}-kong-proxy", {"kong-proxy-tls": number}, ("kong", "proxy"))
    yield _service(release, f"{name}-web", {"web": 8000})
    yield _service(release, f"{name}-api", {"api": 8000})
    yield _service(release, f"{name}-auth", {"auth": 8000})
    for part in ("web", "api", "auth", "metrics-scraper"):
        yield _workload("Deployment", f"{name}-{part}")
    yield _workload("Deployment", f"{release.name}-kong")


def _cilium(release: Release) -> Iterator[_Made]:
    yield _workload("DaemonSet", "cilium")
    yield _workload("Deployment", "cilium-operator")
    if release.value("hubble", "enabled") is not False:
        yield _service(release, "hubble-peer", {"peer-service": 443}, ("hubble", "peerService"))
    if yes(release.value("hubble", "relay", "enabled")):
        yield _service(release, "hubble-relay", {"grpc": 80}, (), {"k8s-app": "hubble-relay"})
        yield _workload("Deployment", "hubble-relay")
    if yes(release.value("hubble", "ui", "enabled")):
        yield _service(release, "hubble-ui", {"http": 80}, ("hubble", "ui", "service"), {"k8s-app": "hubble-ui"})
        yield _workload("Deployment", "hubble-ui")


def _authentik(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "authentik")
    labels = {"app.kubernetes.io/name": "authentik", "app.kubernetes.io/component": "server"}
    yield _service(release, f"{name}-server", {"http": 80, "https": 443}, ("server", "service"), labels)
    yield _workload("Deployment", f"{name}-server")
    yield _workload("Deployment", f"{name}-worker")
    yield _ingress(release, ("server", "ingress"), f"{name}-server", f"{name}-server", 80)
    if yes(release.value("redis", "enabled")):
        yield _service(release, f"{release.name}-redis-master", {"tcp-redis": 6379})
    if yes(release.value("server", "metrics", "enabled")):
        yield _service(release, f"{name}-server-metrics", {"metrics": 9300})


def _external_dns(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "external-dns")
    labels = {"app.kubernetes.io/name": "external-dns"}
    yield _service(release, name, {"http": 7979}, ("service",), labels)
    yield _workload("Deployment", name)


def _cert_manager(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "cert-manager")
    for part in ("", "-webhook", "-cainjector"):
        yield _workload("Deployment", f"{name}{part}")
    yield _service(release, name, {"tcp-prometheus-servicemonitor": 9402})
    yield _service(release, f"{name}-webhook", {"https": 443})


def _external_secrets(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "external-secrets")
    for part in ("", "-webhook", "-cert-controller"):
        yield _workload("Deployment", f"{name}{part}")
    yield _service(release, f"{name}-webhook", {"webhook": 443})


def _metrics_server(release: Release) -> Iterator[_Made]:
    name = _fullname(release, "metrics-server")
    yield _workload("Deployment", name)
    yield _service(release, name, {"https": 443}, ("service",))


def _snapshot_controller(release: Release) -> Iterator[_Made]:
    yield _workload("Deployment", _fullname(release, "snapshot-controller"))


def _cloudnative_pg(release: Release) -> Iterator[_Made]:
    yield _workload("Deployment", _fullname(release, "cloudnative-pg"))
    yield _service(release, string(release.value("service", "name")) or "cnpg-webhook-service", {"webhook-server": 443})


_CHARTS: dict[str, Callable[[Release], Iterator[_Made]]] = {
    "authentik": _authentik,
    "cert-manager": _cert_manager,
    "cilium": _cilium,
    "cloudnative-pg": _cloudnative_pg,
    "external-dns": _external_dns,
    "external-secrets": _external_secrets,
    "ingress-nginx": _ingress_nginx,
    "kube-prometheus-stack": _kube_prometheus_stack,
    "kubernetes-dashboard": _kubernetes_dashboard,
    "longhorn": _longhorn,
    "metrics-server": _metrics_server,
    "snapshot-controller": _snapshot_controller,
}
