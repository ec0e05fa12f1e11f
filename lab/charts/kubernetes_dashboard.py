# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart kubernetes-dashboard 7.14.0: four programs of its own behind a Kong gateway."""

from __future__ import annotations

from .parts import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    Object,
    Release,
    account,
    container,
    obj,
    placement,
    rights,
    rule,
    security,
    service,
    workload,
)

_PARTS = (
    ("web", "docker.io/kubernetesui/dashboard-web:1.7.0", {"web": 8000}),
    ("api", "docker.io/kubernetesui/dashboard-api:1.14.0", {"api": 8000}),
    ("auth", "docker.io/kubernetesui/dashboard-auth:1.4.0", {"auth": 8000}),
    ("metrics-scraper", "docker.io/kubernetesui/dashboard-metrics-scraper:1.2.2", {"metrics-scraper": 8000}),
)
KONG = "kong:3.9"
#: charts/kubernetes-dashboard/values.yaml, and charts/kong/values.yaml of the chart below it.
_SECURITY = {**CONTAINER_SECURITY, "runAsUser": 1001, "runAsGroup": 2001}
_KONG_SECURITY = {**CONTAINER_SECURITY, **POD_SECURITY, "runAsUser": 1000}


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname()
    csrf = f"{name}-csrf"
    objects: list[Object] = [obj("v1", "Secret", csrf, release.labels(name, release.version), type="Opaque", data={})]
    for part, picture, ports in _PARTS:
        at = part.replace("metrics-scraper", "metricsScraper")
        if not release.on(f"{at}.enabled", True):
            continue
        full, port = f"{name}-{part}", next(iter(ports))
        labels, selector = release.labels(full, release.version, part), _selector(release, full, part)
        repository = release.value(f"{at}.image.repository", picture.rpartition(":")[0])
        tag = release.value(f"{at}.image.tag", picture.rpartition(":")[2])
        made = container(
            f"{name}-{part}", f"{repository}:{tag}", ports=ports, args=release.value(f"{at}.containers.args")
        )
        made |= security(release, "app.security.containerSecurityContext", _SECURITY)
        objects += [
            account(full, labels),
            service(full, labels, selector, [(port, 8000, port)]),
            workload(
                "Deployment",
                full,
                labels,
                selector,
                [made],
                replicas=release.value(f"{at}.scaling.replicas", 1),
                pod={
                    "serviceAccountName": full,
                    **security(release, "app.security.securityContext", POD_SECURITY),
                    **placement(release, "app.scheduling"),
                },
            ),
        ]
    scraper = f"{name}-metrics-scraper"
    objects += rights(scraper, release.namespace, [rule(["metrics.k8s.io"], ["pods", "nodes"])])
    if release.on("kong.enabled", True):
        objects += _kong(release, f"{release.name}-kong")
    return objects


def _selector(release: Release, full: str, part: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": full,
        "app.kubernetes.io/instance": release.name,
        "app.kubernetes.io/part-of": release.fullname(),
        "app.kubernetes.io/component": part,
    }


def _kong(release: Release, name: str) -> list[Object]:
    selector = {
        "app.kubernetes.io/name": "kong",
        "app.kubernetes.io/instance": release.name,
        "app.kubernetes.io/component": "app",
    }
    labels = {**selector, "app.kubernetes.io/version": "3.9", "helm.sh/chart": "kong-2.52.0"}
    ports: list[tuple[str, int, int | str]] = []
    inner = {"status": 8100}
    for key, number, target in (("http", 80, 8000), ("tls", 443, 8443)):
        if release.on(f"kong.proxy.{key}.enabled", key == "tls"):
            inner_port = int(release.value(f"kong.proxy.{key}.containerPort", target))
            shown = f"kong-proxy{'-tls' if key == 'tls' else ''}"
            ports.append((shown, int(release.value(f"kong.proxy.{key}.servicePort", number)), inner_port))
            inner["proxy-tls" if key == "tls" else "proxy"] = inner_port
    env = [
        {"name": f"KONG_{str(key).upper()}", "value": str(value)}
        for key, value in (release.value("kong.env", {"dns_order": "LAST,A,CNAME,AAAA,SRV"})).items()
        if not isinstance(value, dict)
    ]
    made = container("proxy", KONG, ports=inner, env=env, mounts={"kong-custom-dbless-config-volume": "/kong_dbless/"})
    made |= security(release, "kong.containerSecurityContext", _KONG_SECURITY)
    config = release.value("kong.dblessConfig.configMap", "kong-dbless-config")
    volume = {"name": "kong-custom-dbless-config-volume", "configMap": {"name": config}}
    return [
        account(name, labels),
        obj("v1", "ConfigMap", config, labels, data={"kong.yml": "_format_version: '3.0'\n"}),
        service(
            f"{name}-proxy",
            labels | {"enable-metrics": "true"},
            selector,
            ports,
            more={"type": release.value("kong.proxy.type", "ClusterIP")},
            annotations=release.value("kong.proxy.annotations", {}),
        ),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            [made],
            replicas=release.value("kong.replicaCount", 1),
            pod={"serviceAccountName": name, "volumes": [volume], **placement(release, "kong")},
        ),
    ]
