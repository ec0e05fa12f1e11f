# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart metrics-server 3.13.0 (metrics-server 0.8.0)."""

from __future__ import annotations

from .parts import Object, Release, account, container, image, monitor, obj, placement, rights, rule, service, workload

APP = "0.8.0"


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname()
    labels, selector = release.labels("metrics-server", APP), release.selector("metrics-server")
    port = int(release.value("containerPort", 10250))
    arguments = [
        f"--secure-port={port}",
        *release.value(
            "defaultArgs",
            [
                "--cert-dir=/tmp",
                "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
                "--kubelet-use-node-status-port",
                "--metric-resolution=15s",
            ],
        ),
    ]
    if release.on("metrics.enabled"):
        arguments.append("--authorization-always-allow-paths=/metrics")
    arguments += release.value("args", [])
    picture = image(release, "image", "registry.k8s.io/metrics-server/metrics-server", f"v{APP}")
    pod = {
        "serviceAccountName": name,
        "priorityClassName": "system-cluster-critical",
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        **placement(release),
    }
    objects = [
        account(name, labels),
        *rights(
            f"system:{name}", release.namespace, [rule([""], ["nodes/metrics", "pods", "nodes"])], labels, holder=name
        ),
        service(
            name,
            labels,
            selector,
            [("https", int(release.value("service.port", 443)), "https")],
            more={"type": release.value("service.type", "ClusterIP")},
        ),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            [container("metrics-server", picture, args=arguments, ports={"https": port}, mounts={"tmp": "/tmp"})],
            replicas=release.value("replicas", 1),
            pod=pod,
        ),
    ]
    if release.on("apiService.create", True):
        objects.append(_api_service(release, name, labels))
    if release.on("serviceMonitor.enabled"):
        extra = release.value("serviceMonitor.additionalLabels", {})
        objects.append(
            monitor("ServiceMonitor", name, labels | extra, selector, "https", path="/metrics", scheme="https")
        )
    return objects


def _api_service(release: Release, name: str, labels: dict[str, str]) -> Object:
    spec = {
        "group": "metrics.k8s.io",
        "groupPriorityMinimum": 100,
        "insecureSkipTLSVerify": release.on("apiService.insecureSkipTLSVerify", True),
        "service": {"name": name, "namespace": release.namespace, "port": int(release.value("service.port", 443))},
        "version": "v1beta1",
        "versionPriority": 100,
    }
    return obj("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", labels, spec=spec)
