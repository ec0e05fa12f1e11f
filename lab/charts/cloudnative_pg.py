# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart cloudnative-pg 0.27.1 (operator 1.28.1)."""

from __future__ import annotations

from .cloudnative_pg_crds import GROUP, definitions
from .parts import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    Object,
    Release,
    account,
    container,
    image,
    monitor,
    obj,
    placement,
    rights,
    rule,
    security,
    service,
    workload,
)

APP = "1.28.1"
#: charts/cloudnative-pg/values.yaml.
_SECURITY = {**CONTAINER_SECURITY, "runAsUser": 10001, "runAsGroup": 10001}
CONFIG, METRICS = "cnpg-controller-manager-config", "cnpg-default-monitoring"


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname()
    labels, selector = release.labels("cloudnative-pg", APP), release.selector("cloudnative-pg")
    port = int(release.value("webhook.port", 9443))
    picture = image(release, "image", "ghcr.io/cloudnative-pg/cloudnative-pg", APP)
    config = release.value("config.name", CONFIG)
    arguments = [
        "controller",
        "--leader-elect",
        f"--max-concurrent-reconciles={release.value('config.maxConcurrentReconciles', 10)}",
        f"--config-map-name={config}",
        f"--webhook-port={port}",
    ]
    env = [
        {"name": "OPERATOR_IMAGE_NAME", "value": picture},
        {
            "name": "OPERATOR_NAMESPACE",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        },
        {"name": "MONITORING_QUERIES_CONFIGMAP", "value": METRICS},
    ]
    made = container(
        "manager",
        picture,
        args=arguments,
        ports={"metrics": 8080, "webhook-server": port},
        env=env + release.value("additionalEnv", []),
    )
    rules = [rule([GROUP], ["*"], ["*"]), rule([""], ["pods", "services", "secrets", "configmaps"], ["*"])]
    made |= security(release, "containerSecurityContext", _SECURITY)
    objects = definitions() if release.on("crds.create", True) else []
    objects += [
        account(name, labels),
        *rights(name, release.namespace, rules, labels),
        obj("v1", "ConfigMap", METRICS, labels | {"cnpg.io/reload": ""}, data={"queries": ""}),
        service("cnpg-webhook-service", labels, selector, [("webhook-server", 443, "webhook-server")]),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            [made],
            replicas=release.value("replicaCount", 1),
            pod={
                "serviceAccountName": name,
                **security(release, "podSecurityContext", POD_SECURITY),
                **placement(release),
            },
        ),
    ]
    if release.on("config.create", True):
        data = {k: str(v) for k, v in release.value("config.data", {}).items()}
        objects.append(obj("v1", "ConfigMap", config, labels, data=data))
    if release.on("monitoring.podMonitorEnabled"):
        extra = release.value("monitoring.podMonitorAdditionalLabels", {})
        objects.append(monitor("PodMonitor", name, labels | extra, selector, "metrics"))
    return objects
