# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart external-secrets 0.20.4."""

from __future__ import annotations

from .external_secrets_crds import definitions
from .parts import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    Object,
    Release,
    account,
    container,
    image,
    monitor,
    placement,
    rights,
    rule,
    security,
    service,
    workload,
)

NAME = "external-secrets"
#: deploy/charts/external-secrets/values.yaml, the same for each of its three programs.
_SECURITY = {**CONTAINER_SECURITY, **POD_SECURITY, "runAsUser": 1000}


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name, version = release.fullname(), release.version
    picture = image(release, "image", "ghcr.io/external-secrets/external-secrets", f"v{version}")
    port = int(release.value("webhook.port", 10250))
    dns = f"{name}-webhook.{release.namespace}.svc"
    parts = [
        ("", NAME, name, ["--concurrent=1", "--metrics-addr=:8080", "--loglevel=info"], {"metrics": 8080}),
        (
            "webhook",
            f"{NAME}-webhook",
            f"{name}-webhook",
            ["webhook", f"--port={port}", f"--dns-name={dns}", "--cert-dir=/tmp/certs", "--metrics-addr=:8080"],
            {"metrics": 8080, "webhook": port},
        ),
        (
            "certController",
            f"{NAME}-cert-controller",
            f"{name}-cert-controller",
            [
                "certcontroller",
                "--crd-requeue-interval=5m",
                f"--service-name={name}-webhook",
                f"--service-namespace={release.namespace}",
                f"--secret-name={name}-webhook",
                "--metrics-addr=:8080",
            ],
            {"metrics": 8080},
        ),
    ]
    objects = definitions(release) if release.on("installCRDs", True) else []
    for at, app, full, arguments, ports in parts:
        if at and not release.on(f"{at}.create", True):
            continue
        labels, selector = release.labels(app, f"v{version}"), release.selector(app)
        prefix = f"{at}." if at else ""
        holder = f"{NAME}-cert-controller" if at == "certController" else full
        made = container(app if not at else at.replace("certC", "cert-c"), picture, args=arguments, ports=ports)
        made |= security(release, f"{prefix}securityContext", _SECURITY)
        objects += [
            account(holder, labels),
            *rights(full, release.namespace, _rules(), labels, holder=holder),
            workload(
                "Deployment",
                full,
                labels,
                selector,
                [made],
                replicas=release.value(f"{prefix}replicaCount", 1),
                pod={
                    "serviceAccountName": holder,
                    **security(release, f"{prefix}podSecurityContext", {}),
                    **placement(release, at),
                },
            ),
        ]
        if at == "webhook":
            objects.append(service(full, labels | {"external-secrets.io/component": "webhook"}, selector, _https(port)))
        if release.on("serviceMonitor.enabled"):
            extra = release.value("serviceMonitor.additionalLabels", {})
            objects.append(service(f"{full}-metrics", labels, selector, [("metrics", 8080, "metrics")]))
            objects.append(monitor("ServiceMonitor", f"{full}-metrics", labels | extra, selector, "metrics"))
    return objects


def _https(port: int) -> list[tuple[str, int, int | str]]:
    return [("webhook", 443, port)]


def _rules() -> list[Object]:
    return [
        rule(["external-secrets.io", "generators.external-secrets.io"], ["*"], ["*"]),
        rule([""], ["secrets", "serviceaccounts", "namespaces", "configmaps"], ["*"]),
    ]
