# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart external-dns 1.20.0 (external-dns 0.20.0)."""

from __future__ import annotations

from typing import Any

from .crds import FREE_LIST, crd, fields
from .parts import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    ChartError,
    Object,
    Release,
    account,
    container,
    monitor,
    placement,
    rights,
    rule,
    security,
    service,
    workload,
)

APP = "0.20.0"
#: charts/external-dns/values.yaml; a webhook beside the program gets what its own values say, by default nothing.
_SECURITY = {**CONTAINER_SECURITY, "privileged": False, "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532}
BOTH_FIXES = "'txtPrefix' and 'txtSuffix' are mutually exclusive"


def render(release: Release) -> list[Object]:
    """Return the objects of the release.

    :raises ChartError: for a prefix and a suffix of the registry's names at the same time.
    """
    if release.value("txtPrefix") and release.value("txtSuffix"):
        raise ChartError(f"execution error at (external-dns/templates/deployment.yaml): {BOTH_FIXES}")
    name = release.fullname()
    labels, selector = release.labels("external-dns", APP), release.selector("external-dns")
    provider = release.value("provider", {})
    provider = {"name": provider} if isinstance(provider, str) else provider
    webhook = provider.get("name", "aws") == "webhook"
    repository = release.value("image.repository", "registry.k8s.io/external-dns/external-dns")
    main = container(
        "external-dns",
        f"{repository}:{release.value('image.tag', f'v{APP}')}",
        args=arguments(release, provider.get("name", "aws")),
        ports={"http": 7979},
        env=release.value("env", []),
    )
    main |= security(release, "securityContext", _SECURITY)
    containers = [main]
    ports: list[tuple[str, int, int | str]] = [("http", int(release.value("service.port", 7979)), "http")]
    if webhook:
        at = provider.get("webhook") or {}
        picture = at.get("image") or {}
        side = container(
            "webhook",
            f"{picture.get('repository')}:{picture.get('tag')}",
            args=at.get("args") or [],
            ports={"http-webhook": 8080},
            env=at.get("env") or [],
        )
        for key in ("livenessProbe", "readinessProbe"):
            if at.get(key):
                side[key] = at[key]
        if at.get("securityContext"):
            side["securityContext"] = at["securityContext"]
        containers.append(side)
        ports.append(("http-webhook", int((at.get("service") or {}).get("port", 8080)), "http-webhook"))
    objects = [
        _endpoints(),
        account(name, labels),
        *rights(name, release.namespace, _rules(), labels),
        service(name, labels, selector, ports),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            containers,
            replicas=1 if release.on("enabled", True) else 0,
            pod={
                "serviceAccountName": name,
                "volumes": release.value("extraVolumes", []),
                **security(release, "podSecurityContext", {**POD_SECURITY, "fsGroup": 65534}),
                **placement(release),
            },
            pod_labels=release.value("podLabels", {}),
            spec={"strategy": release.value("deploymentStrategy", {"type": "Recreate"})},
        ),
    ]
    if release.on("serviceMonitor.enabled"):
        extra = release.value("serviceMonitor.additionalLabels", {})
        objects.append(monitor("ServiceMonitor", name, labels | extra, selector, "http", path="/metrics"))
    return objects


def arguments(release: Release, provider: str) -> list[str]:
    """Return the arguments of the program, in the order of the chart's template."""
    found = [
        f"--log-level={release.value('logLevel', 'info')}",
        f"--log-format={release.value('logFormat', 'text')}",
        f"--interval={release.value('interval', '1m')}",
    ]
    found += ["--events"] if release.on("triggerLoopOnEvent") else []
    found += [f"--source={source}" for source in release.value("sources", ["service", "ingress"])]
    found += [f"--policy={release.value('policy', 'upsert-only')}", f"--registry={release.value('registry', 'txt')}"]
    for key, flag in (("txtOwnerId", "txt-owner-id"), ("txtPrefix", "txt-prefix"), ("txtSuffix", "txt-suffix")):
        found += [f"--{flag}={text}"] if (text := release.value(key)) else []
    found += [f"--namespace={release.namespace}"] if release.on("namespaced") else []
    for key, flag in (("domainFilters", "domain-filter"), ("excludeDomains", "exclude-domains")):
        found += [f"--{flag}={domain}" for domain in release.value(key, [])]
    for key, flag in (("labelFilter", "label-filter"), ("annotationFilter", "annotation-filter")):
        found += [f"--{flag}={text}"] if (text := release.value(key)) else []
    found += [f"--managed-record-types={kind}" for kind in release.value("managedRecordTypes", [])]
    found.append(f"--provider={provider}")
    extra: Any = release.value("extraArgs", [])
    if isinstance(extra, dict):
        for key, texts in extra.items():
            found += [f"--{key}={text}" for text in (texts if isinstance(texts, list) else [texts])]
    else:
        found += [str(text) for text in extra]
    return found


def _endpoints() -> Object:
    spec = fields({"endpoints": FREE_LIST})
    definition = crd("externaldns.k8s.io", "DNSEndpoint", "dnsendpoints", version="v1alpha1", spec=spec)
    note = "https://github.com/kubernetes-sigs/external-dns/pull/2007"
    definition["metadata"]["annotations"] = {"api-approved.kubernetes.io": note}
    return definition


def _rules() -> list[Object]:
    return [
        rule([""], ["pods", "services", "nodes"]),
        rule(["discovery.k8s.io"], ["endpointslices"]),
        rule(["networking.k8s.io"], ["ingresses"]),
        rule(["externaldns.k8s.io"], ["dnsendpoints"]),
        rule(["externaldns.k8s.io"], ["dnsendpoints/status"], ["*"]),
    ]
