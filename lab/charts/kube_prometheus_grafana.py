# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-chart grafana of kube-prometheus-stack (Grafana 12.0)."""

from __future__ import annotations

import hashlib
from typing import Any

from .parts import Object, Release, account, container, monitor, obj, placement, service, workload

IMAGE = "docker.io/grafana/grafana:12.0.2"
SIDECAR = "quay.io/kiwigrid/k8s-sidecar:1.30.0"


def render(release: Release) -> list[Object]:
    """Return Grafana's objects."""
    full = release.value("grafana.fullnameOverride") or f"{release.name}-grafana"
    selector = {"app.kubernetes.io/name": "grafana", "app.kubernetes.io/instance": release.name}
    labels = {**selector, "app.kubernetes.io/version": IMAGE.rpartition(":")[2], "helm.sh/chart": "grafana-9.2.10"}
    objects = [
        account(full, labels),
        obj("v1", "ConfigMap", full, labels, data={"grafana.ini": _ini(release)}),
        service(
            full,
            labels | release.value("grafana.service.labels", {}),
            selector,
            [
                (
                    release.value("grafana.service.portName", "http-web"),
                    int(release.value("grafana.service.port", 80)),
                    int(release.value("grafana.service.targetPort", 3000)),
                )
            ],
            more={"type": release.value("grafana.service.type", "ClusterIP")},
            annotations=release.value("grafana.service.annotations", {}),
        ),
        _deployment(release, full, labels, selector),
    ]
    if not release.value("grafana.admin.existingSecret"):
        data = {"admin-user": release.value("grafana.adminUser", "admin"), "admin-password": _password(release)}
        objects.append(obj("v1", "Secret", full, labels, type="Opaque", stringData={**data, "ldap-toml": ""}))
    if release.on("grafana.persistence.enabled"):
        objects.append(_claim(release, full, labels))
    if release.on("grafana.serviceMonitor.enabled", True):
        extra = {"release": release.name, **release.value("grafana.serviceMonitor.labels", {})}
        objects.append(monitor("ServiceMonitor", full, labels | extra, selector, "http-web", path="/metrics"))
    return objects


def _password(release: Release) -> str:
    """Return the password of the values, the chart's default, or for a null one that is the release's own.

    The real chart draws a random one and keeps it; here it must be the same in every rendering.
    """
    grafana = release.values.get("grafana") or {}
    if "adminPassword" not in grafana:
        return "prom-operator"
    given = grafana["adminPassword"]
    return given or hashlib.sha256(f"{release.namespace}/{release.name}".encode()).hexdigest()[:40]


def _ini(release: Release) -> str:
    sections = (release.values.get("grafana") or {}).get("grafana.ini") or {}
    lines: list[str] = []
    for section, entries in sorted(sections.items()):
        if isinstance(entries, dict):
            lines.append(f"[{section}]")
            lines += [f"{key} = {_text(value)}" for key, value in sorted(entries.items())]
        else:
            lines.insert(0, f"{section} = {_text(entries)}")
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _claim(release: Release, full: str, labels: dict[str, str]) -> Object:
    at = "grafana.persistence"
    spec: Object = {
        "accessModes": release.value(f"{at}.accessModes", ["ReadWriteOnce"]),
        "resources": {"requests": {"storage": release.value(f"{at}.size", "10Gi")}},
    }
    if name := release.value(f"{at}.storageClassName"):
        spec["storageClassName"] = name
    extra = release.value(f"{at}.extraPvcLabels", {})
    marks = release.value(f"{at}.annotations", {})
    return obj("v1", "PersistentVolumeClaim", full, labels | extra, annotations=marks, spec=spec)


def _deployment(release: Release, full: str, labels: dict[str, str], selector: dict[str, str]) -> Object:
    secret = release.value("grafana.admin.existingSecret") or full
    keys = (("GF_SECURITY_ADMIN_USER", "userKey", "admin-user"), ("GF_SECURITY_ADMIN_PASSWORD", "passwordKey", ""))
    env = [
        {
            "name": name,
            "valueFrom": {
                "secretKeyRef": {
                    "name": secret,
                    "key": release.value(f"grafana.admin.{key}", default or "admin-password"),
                }
            },
        }
        for name, key, default in keys
    ]
    env += [{"name": k, "value": str(v)} for k, v in release.value("grafana.env", {}).items()]
    env += [{"name": k, "valueFrom": v} for k, v in release.value("grafana.envValueFrom", {}).items()]
    sources = [{"secretRef": {"name": release.value("grafana.envFromSecret")}}]
    made = container(
        "grafana",
        IMAGE,
        ports={"grafana": 3000, "gossip-tcp": 9094},
        env=env,
        env_from=sources if release.value("grafana.envFromSecret") else [],
        mounts={"config": "/etc/grafana/grafana.ini", "storage": "/var/lib/grafana"},
    )
    sides = [container(f"grafana-sc-{what}", SIDECAR) for what in ("dashboard", "datasources")]
    if release.on("grafana.persistence.enabled"):
        storage: Object = {"name": "storage", "persistentVolumeClaim": {"claimName": full}}
    else:
        storage = {"name": "storage", "emptyDir": {}}
    pod: Object = {
        "serviceAccountName": full,
        "volumes": [{"name": "config", "configMap": {"name": full}}, storage],
        "securityContext": release.value(
            "grafana.securityContext", {"runAsNonRoot": True, "runAsUser": 472, "runAsGroup": 472, "fsGroup": 472}
        ),
        **placement(release, "grafana"),
    }
    strategy = release.value("grafana.deploymentStrategy", {"type": "RollingUpdate"})
    return workload(
        "Deployment",
        full,
        labels,
        selector,
        [*sides, made],
        replicas=release.value("grafana.replicas", 1),
        pod=pod,
        spec={"strategy": strategy},
    )
