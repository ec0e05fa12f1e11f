# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart kube-prometheus-stack 75.18.1 (prometheus-operator v0.83.0) with its sub-charts for Grafana and exporters.

Prometheus and Alertmanager are objects here; their StatefulSets are the operator's work.
"""

from __future__ import annotations

from . import kube_prometheus_grafana as grafana
from .parts import Object, Release, account, container, monitor, obj, placement, rights, rule, service, workload
from .prometheus_operator_crds import GROUP, OPERATOR, definitions

LIMIT = 26
"""The chart cuts its name there, because the operator's own names must fit behind it."""
_SELECTORS = ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname(limit=LIMIT)
    objects = definitions() if release.on("crds.enabled", True) else []
    objects += _operator(release, name)
    if release.on("prometheus.enabled", True):
        objects += _server(release, name, "prometheus", "Prometheus", 9090)
    if release.on("alertmanager.enabled", True):
        objects += _server(release, name, "alertmanager", "Alertmanager", 9093)
        objects.append(
            obj(
                "v1",
                "Secret",
                f"alertmanager-{name}-alertmanager",
                _labels(release, name, "alertmanager"),
                type="Opaque",
                stringData={"alertmanager.yaml": "route:\n  receiver: 'null'\nreceivers:\n- name: 'null'\n"},
            )
        )
    if release.on("grafana.enabled", True):
        objects += grafana.render(release)
    if release.on("kubeStateMetrics.enabled", True):
        objects += _exporter(release, "kube-state-metrics", "Deployment", 8080, _STATE_METRICS)
    if release.on("nodeExporter.enabled", True):
        objects += _exporter(release, "prometheus-node-exporter", "DaemonSet", 9100, _NODE_EXPORTER)
    objects += _components(release, name)
    if release.on("defaultRules.create", True):
        objects.append(_rules(release, name))
    return objects


def _labels(release: Release, name: str, app: str) -> dict[str, str]:
    return {
        "app": f"{name}-{app}",
        "app.kubernetes.io/instance": release.name,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": name,
        "app.kubernetes.io/version": release.version,
        "chart": f"kube-prometheus-stack-{release.version}",
        "heritage": "Helm",
        "release": release.name,
        **release.value("commonLabels", {}),
    }


def _operator(release: Release, name: str) -> list[Object]:
    full, labels = f"{name}-operator", _labels(release, name, "operator")
    selector = {"app": f"{name}-operator", "release": release.name}
    registry = "quay.io/prometheus-operator"
    arguments = [
        f"--kubelet-service=kube-system/{name}-kubelet",
        "--kubelet-endpoints=true",
        "--localhost=127.0.0.1",
        f"--prometheus-config-reloader={registry}/prometheus-config-reloader:{OPERATOR}",
        "--web.listen-address=:10250",
    ]
    made = container("kube-prometheus-stack", f"{registry}/prometheus-operator:{OPERATOR}", args=arguments)
    made["ports"] = [{"name": "https", "containerPort": 10250, "protocol": "TCP"}]
    objects = [
        account(full, labels),
        *rights(
            full, release.namespace, [rule([GROUP], ["*"], ["*"]), rule(["apps"], ["statefulsets"], ["*"])], labels
        ),
        service(full, labels, selector, [("https", 443, "https")]),
        workload(
            "Deployment",
            full,
            labels,
            selector,
            [made],
            replicas=1,
            pod={"serviceAccountName": full, **placement(release, "prometheusOperator")},
        ),
    ]
    if release.on("prometheusOperator.serviceMonitor.selfMonitor", True):
        objects.append(monitor("ServiceMonitor", full, labels, selector, "https", scheme="https"))
    return objects


def _server(release: Release, name: str, part: str, kind: str, port: int) -> list[Object]:
    full, labels = f"{name}-{part}", _labels(release, name, part)
    selector = {"app.kubernetes.io/name": part, "operator.prometheus.io/name": full}
    at = f"{part}.{part}Spec"
    spec = dict(release.value(at, {}))
    spec.setdefault("replicas", 1)
    spec.setdefault("serviceAccountName", full)
    defaults = {"prometheus": ("v3.4.2", "quay.io/prometheus/prometheus"), "alertmanager": ("v0.28.1", "")}
    version, repository = defaults[part]
    repository = repository or "quay.io/prometheus/alertmanager"
    spec.setdefault("version", version)
    picture = spec.pop("image", None) or {}
    if isinstance(picture, dict):
        spec["image"] = f"{picture.get('repository', repository)}:{picture.get('tag', version)}"
    storage = spec.pop("storageSpec", None)
    if storage:
        spec["storage"] = storage
    if part == "prometheus":
        for what in _SELECTORS:
            own = spec.pop(f"{what}SelectorNilUsesHelmValues", True)
            default = {"matchLabels": {"release": release.name}} if own else {}
            spec[f"{what}Selector"] = spec.get(f"{what}Selector") or default
            spec[f"{what}NamespaceSelector"] = spec.get(f"{what}NamespaceSelector") or {}
    svc = service(
        full,
        labels | {"self-monitor": "true"} | release.value(f"{part}.service.labels", {}),
        selector,
        [
            ("http-web", int(release.value(f"{part}.service.port", port)), port),
            ("reloader-web", 8080, "reloader-web"),
        ],
        more={"type": release.value(f"{part}.service.type", "ClusterIP")},
        annotations=release.value(f"{part}.service.annotations", {}),
    )
    objects = [account(full, labels), svc, obj(f"{GROUP}/v1", kind, full, labels, spec=spec)]
    if release.on(f"{part}.serviceMonitor.selfMonitor", True):
        wanted = {"app": f"{name}-{part}", "release": release.name, "self-monitor": "true"}
        objects.append(monitor("ServiceMonitor", full, labels, wanted, "http-web", path="/metrics"))
    return objects


_STATE_METRICS = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.15.0"
_NODE_EXPORTER = "quay.io/prometheus/node-exporter:v1.9.1"


def _exporter(release: Release, app: str, kind: str, port: int, picture: str) -> list[Object]:
    full = f"{release.name}-{app}"
    selector = {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": release.name}
    labels = {**selector, "release": release.name, "app.kubernetes.io/managed-by": "Helm"}
    node = kind == "DaemonSet"
    port_name = "http-metrics" if node else "http"
    made = container(app.removeprefix("prometheus-"), picture, ports={port_name: port})
    pod: Object = {"serviceAccountName": full, **placement(release, app)}
    if node:
        pod |= {"hostNetwork": True, "hostPID": True}
        pod.setdefault("tolerations", [{"effect": "NoSchedule", "operator": "Exists"}])
    objects = [
        account(full, labels),
        service(full, labels, selector, [(port_name, port, port_name)]),
        workload(kind, full, labels, selector, [made], replicas=1, pod=pod),
        monitor("ServiceMonitor", full, labels, selector, port_name),
    ]
    if not node:
        objects += rights(full, release.namespace, [rule([""], ["*"], ["list", "watch"])], labels)
    return objects


def _components(release: Release, name: str) -> list[Object]:
    """Return Services and monitors of the cluster's own parts; without endpoints a selector finds their pods."""
    parts = (
        ("kubeControllerManager", "kube-controller-manager", "component", 10257, "https"),
        ("kubeScheduler", "kube-scheduler", "component", 10259, "https"),
        ("kubeEtcd", "kube-etcd", "component", 2381, "http"),
        ("kubeProxy", "kube-proxy", "k8s-app", 10249, "http"),
        ("coreDns", "coredns", "k8s-app", 9153, "http"),
    )
    objects: list[Object] = []
    for key, app, label, default, scheme in parts:
        if not release.on(f"{key}.enabled", True):
            continue
        labels = _labels(release, name, app) | {"jobLabel": app}
        port = int(release.value(f"{key}.service.port", default))
        target = int(release.value(f"{key}.service.targetPort", default))
        pods = {"coredns": "kube-dns"}.get(app, app.removeprefix("kube-") if app == "kube-etcd" else app)
        listed = release.value(f"{key}.endpoints", [])
        made = service(f"{name}-{app}", labels, {label: pods}, [("http-metrics", port, target)])
        made["metadata"]["namespace"] = "kube-system"
        made["spec"]["clusterIP"] = "None"
        if listed:
            del made["spec"]["selector"]
            subset = {
                "addresses": [{"ip": address} for address in listed],
                "ports": [{"name": "http-metrics", "port": port, "protocol": "TCP"}],
            }
            objects.append(obj("v1", "Endpoints", f"{name}-{app}", labels, namespace="kube-system", subsets=[subset]))
        objects.append(made)
        if release.on(f"{key}.serviceMonitor.enabled", True):
            wanted = {"app": f"{name}-{app}", "release": release.name}
            watch = monitor("ServiceMonitor", f"{name}-{app}", labels, wanted, "http-metrics", scheme=scheme)
            watch["spec"]["namespaceSelector"] = {"matchNames": ["kube-system"]}
            objects.append(watch)
    return objects


def _rules(release: Release, name: str) -> Object:
    labels = _labels(release, name, "kube-prometheus-stack") | {"app": name}
    watchdog = {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}}
    groups = [{"name": "general.rules", "rules": [watchdog]}]
    return obj(f"{GROUP}/v1", "PrometheusRule", f"{name}-general.rules", labels, spec={"groups": groups})
