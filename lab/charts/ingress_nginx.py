# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart ingress-nginx 4.14.0 (controller 1.14.0); its certificate hooks are left out, as they leave nothing behind."""

from __future__ import annotations

from typing import Any

from .parts import (
    LINUX,
    Object,
    Release,
    account,
    budget,
    container,
    image,
    monitor,
    obj,
    placement,
    rights,
    rule,
    service,
    workload,
)

APP = "1.14.0"


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    base = release.fullname()
    name = f"{base}-{release.value('controller.name', 'controller')}"
    labels = release.labels("ingress-nginx", APP, "controller")
    selector = release.selector("ingress-nginx", "controller")
    objects = [
        account(base, labels),
        *rights(base, release.namespace, _rules(), labels),
        obj("v1", "ConfigMap", name, labels, data={k: str(v) for k, v in _config(release).items()}),
        _service(release, name, labels, selector),
        _controller(release, base, name, labels, selector),
        _class(release, labels),
    ]
    if release.on("controller.admissionWebhooks.enabled", True):
        objects.append(service(f"{name}-admission", labels, selector, [("https-webhook", 443, "webhook")]))
    if release.on("controller.metrics.enabled"):
        objects.append(service(f"{name}-metrics", labels, selector, [("metrics", 10254, "metrics")]))
        if release.on("controller.metrics.serviceMonitor.enabled"):
            extra = release.value("controller.metrics.serviceMonitor.additionalLabels", {})
            objects.append(monitor("ServiceMonitor", name, labels | extra, selector, "metrics", interval="30s"))
    if release.on("controller.autoscaling.enabled"):
        objects.append(_autoscaler(release, name, labels))
        objects.append(budget(name, labels, selector, minAvailable=release.value("controller.minAvailable", 1)))
    elif int(release.value("controller.replicaCount", 1)) > 1:
        objects.append(budget(name, labels, selector, minAvailable=release.value("controller.minAvailable", 1)))
    return objects


def _config(release: Release) -> dict[str, Any]:
    snippets = {"allow-snippet-annotations": "true"} if release.on("controller.allowSnippetAnnotations") else {}
    return {**snippets, **release.value("controller.config", {})}


def _class(release: Release, labels: dict[str, str]) -> Object:
    marks = {}
    if release.on("controller.ingressClassResource.default"):
        marks["ingressclass.kubernetes.io/is-default-class"] = "true"
    name = release.value("controller.ingressClassResource.name", "nginx")
    controller = release.value("controller.ingressClassResource.controllerValue", "k8s.io/ingress-nginx")
    return obj("networking.k8s.io/v1", "IngressClass", name, labels, spec={"controller": controller}, annotations=marks)


def _service(release: Release, name: str, labels: dict[str, str], selector: dict[str, str]) -> Object:
    at = "controller.service"
    ports = []
    for key, number in (("http", 80), ("https", 443)):
        if release.on(f"{at}.{'enableHttp' if key == 'http' else 'enableHttps'}", True):
            ports.append((key, release.value(f"{at}.ports.{key}", number), key))
    kind = release.value(f"{at}.type", "LoadBalancer")
    more: Object = {"type": kind}
    for key in ("externalTrafficPolicy", "loadBalancerClass", "loadBalancerIP", "ipFamilyPolicy", "ipFamilies"):
        default = {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"]}.get(key)
        if found := release.value(f"{at}.{key}", default):
            more[key] = found
    made = service(
        name,
        {**labels, **release.value(f"{at}.labels", {})},
        selector,
        ports,
        more=more,
        annotations=release.value(f"{at}.annotations", {}),
    )
    for port in made["spec"]["ports"]:
        port["appProtocol"] = port["name"]
    return made


def _controller(release: Release, base: str, name: str, labels: dict[str, str], selector: dict[str, str]) -> Object:
    ingress_class = release.value("controller.ingressClass", "nginx")
    value = release.value("controller.ingressClassResource.controllerValue", "k8s.io/ingress-nginx")
    election = release.value("controller.electionID") or f"{base}-leader"
    arguments = [
        "/nginx-ingress-controller",
        f"--publish-service=$(POD_NAMESPACE)/{name}",
        f"--election-id={election}",
        f"--controller-class={value}",
        f"--ingress-class={ingress_class}",
        f"--configmap=$(POD_NAMESPACE)/{name}",
    ]
    arguments += [f"--{key}={text}" for key, text in (release.value("controller.extraArgs") or {}).items()]
    ports = {"http": 80, "https": 443}
    if release.on("controller.metrics.enabled"):
        ports["metrics"] = 10254
    if release.on("controller.admissionWebhooks.enabled", True):
        ports["webhook"] = 8443
    picture = image(release, "controller.image", "registry.k8s.io/ingress-nginx/controller", f"v{APP}")
    env = [
        {"name": key, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for key, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace"))
    ]
    replicas = release.value("controller.replicaCount", 1)
    if release.on("controller.autoscaling.enabled"):
        # The chart leaves the number to the autoscaler; the lab has none, so its lower limit holds.
        replicas = release.value("controller.autoscaling.minReplicas", 1)
    return workload(
        release.value("controller.kind", "Deployment"),
        name,
        labels,
        selector,
        [container("controller", picture, args=arguments, ports=ports, env=env)],
        replicas=replicas,
        pod={"serviceAccountName": base, "nodeSelector": LINUX, **placement(release, "controller")},
        pod_labels=release.value("controller.podLabels", {}),
    )


def _autoscaler(release: Release, name: str, labels: dict[str, str]) -> Object:
    at = "controller.autoscaling"
    metrics = [
        {
            "type": "Resource",
            "resource": {"name": what, "target": {"type": "Utilization", "averageUtilization": int(target)}},
        }
        for what, key in (("memory", "targetMemoryUtilizationPercentage"), ("cpu", "targetCPUUtilizationPercentage"))
        if (target := release.value(f"{at}.{key}", 50))
    ]
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": int(release.value(f"{at}.minReplicas", 1)),
        "maxReplicas": int(release.value(f"{at}.maxReplicas", 11)),
        "metrics": metrics,
    }
    return obj("autoscaling/v2", "HorizontalPodAutoscaler", name, labels, spec=spec)


def _rules() -> list[Object]:
    return [
        rule([""], ["configmaps", "endpoints", "nodes", "pods", "secrets", "namespaces", "services"]),
        rule(["networking.k8s.io"], ["ingresses", "ingressclasses"]),
        rule(["networking.k8s.io"], ["ingresses/status"], ["update"]),
        rule(["discovery.k8s.io"], ["endpointslices"]),
        rule([""], ["events"], ["create", "patch"]),
    ]
