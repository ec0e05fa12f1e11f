# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart cert-manager v1.19.1; its start-up check is a hook and leaves nothing behind."""

from __future__ import annotations

from .cert_manager_crds import definitions
from .parts import (
    CONTAINER_SECURITY,
    LINUX,
    POD_SECURITY,
    ChartError,
    Object,
    Release,
    account,
    budget,
    container,
    image,
    obj,
    placement,
    rights,
    rule,
    security,
    service,
    workload,
)

KEYS = frozenset(
    (
        "global installCRDs crds replicaCount strategy podDisruptionBudget featureGates maxConcurrentChallenges image "
        "clusterResourceNamespace namespace serviceAccount enableCertificateOwnerRef config dns01RecursiveNameservers "
        "dns01RecursiveNameserversOnly disableAutoApproval approveSignerNames extraArgs extraEnv resources "
        "securityContext containerSecurityContext volumes volumeMounts podLabels hostAliases nodeSelector ingressShim "
        "affinity tolerations topologySpreadConstraints livenessProbe enableServiceLinks prometheus webhook cainjector "
        "acmesolver startupapicheck extraObjects creator enabled automountServiceAccountToken deploymentAnnotations "
        "podAnnotations fullnameOverride nameOverride http_proxy https_proxy no_proxy podDnsConfig podDnsPolicy "
        "serviceAnnotations serviceLabels serviceIPFamilies serviceIPFamilyPolicy imagePullSecrets"
    ).split()
)
BOTH_CRDS = (
    "ERROR: the deprecated .installCRDs option cannot be enabled at the same time as its replacement .crds.enabled"
)
REGISTRY = "quay.io/jetstack/cert-manager"


def render(release: Release) -> list[Object]:
    """Return the objects of the release.

    :raises ChartError: for a key that its schema does not have, or two ways to ask for its kinds.
    """
    release.refuse_unknown(KEYS)
    if release.on("installCRDs") and release.on("crds.enabled"):
        raise ChartError(f"execution error at (cert-manager/templates/crds.yaml): {BOTH_CRDS}")
    name = release.fullname()
    version = release.version if release.version.startswith("v") else f"v{release.version}"
    parts = [
        ("", name, "cert-manager", "controller", {"http-metrics": 9402, "http-healthz": 9403}),
        ("webhook", f"{name}-webhook", "webhook", "webhook", {"https": 10250, "healthcheck": 6080}),
        ("cainjector", f"{name}-cainjector", "cainjector", "cainjector", {"http-metrics": 9402}),
    ]
    objects: list[Object] = []
    if release.on("crds.enabled") or release.on("installCRDs"):
        marks = {"helm.sh/resource-policy": "keep"} if release.on("crds.keep", True) else {}
        objects += definitions(release.labels("cert-manager", version, "crds") | {"app": "cert-manager"}, marks)
    for at, full, app, component, ports in parts:
        if at and not release.on(f"{at}.enabled", True):
            continue
        labels = {"app": app, **release.labels(app, version, component)}
        selector = release.selector(app, component)
        prefix = f"{at}." if at else ""
        picture = image(release, f"{prefix}image", f"{REGISTRY}-{component}", version)
        made = container(f"cert-manager-{component}", picture, args=_arguments(release, component, full), ports=ports)
        made |= security(release, f"{prefix}containerSecurityContext", CONTAINER_SECURITY)
        made["env"] = [
            {
                "name": "POD_NAMESPACE",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            }
        ]
        objects += [
            account(full, labels),
            *rights(full, release.namespace, [rule(["cert-manager.io", "acme.cert-manager.io"], ["*"], ["*"])], labels),
            workload(
                "Deployment",
                full,
                labels,
                selector,
                [made],
                replicas=release.value(f"{prefix}replicaCount", 1),
                pod={
                    "serviceAccountName": full,
                    "nodeSelector": LINUX,
                    **security(release, f"{prefix}securityContext", POD_SECURITY),
                    **placement(release, at),
                },
                pod_labels={"app": app},
            ),
        ]
        if release.on(f"{prefix}podDisruptionBudget.enabled"):
            limit = release.value(f"{prefix}podDisruptionBudget.maxUnavailable")
            least = release.value(f"{prefix}podDisruptionBudget.minAvailable", None if limit is not None else 1)
            limits = {"minAvailable": least} if least is not None else {"maxUnavailable": limit}
            objects.append(budget(full, labels, selector, **limits))
        objects += _services(full, component, labels, selector, release)
    return objects


def _services(
    full: str, component: str, labels: dict[str, str], selector: dict[str, str], release: Release
) -> list[Object]:
    if component == "webhook":
        return [service(full, labels, selector, [("https", 443, "https"), ("metrics", 9402, "http-metrics")])]
    if not release.on("prometheus.enabled", True):
        return []
    found = [service(full, labels, selector, [("tcp-prometheus-servicemonitor", 9402, "http-metrics")])]
    if component == "controller" and release.on("prometheus.servicemonitor.enabled"):
        at = "prometheus.servicemonitor"
        extra = {
            "prometheus": release.value(f"{at}.prometheusInstance", "default"),
            **release.value(f"{at}.labels", {}),
        }
        names = {"key": "app.kubernetes.io/name", "operator": "In", "values": ["cainjector", "cert-manager", "webhook"]}
        spec = {
            "jobLabel": full,
            "selector": {"matchExpressions": [names]},
            "endpoints": [{"targetPort": "http-metrics", "path": "/metrics", "interval": "60s"}],
        }
        found.append(obj("monitoring.coreos.com/v1", "ServiceMonitor", full, labels | extra, spec=spec))
    return found


def _arguments(release: Release, component: str, full: str) -> list[str]:
    election = release.value("global.leaderElection.namespace", "kube-system")
    found = [f"--v={release.value('global.logLevel', 2)}"]
    if component == "webhook":
        namespace = "$(POD_NAMESPACE)"
        names = ",".join(f"{full}.{tail}" for tail in (namespace, f"{namespace}.svc"))
        return [
            *found,
            f"--secure-port={release.value('webhook.securePort', 10250)}",
            f"--dynamic-serving-ca-secret-namespace={namespace}",
            f"--dynamic-serving-ca-secret-name={full}-ca",
            f"--dynamic-serving-dns-names={full},{names}",
        ]
    found.append(f"--leader-election-namespace={election}")
    if component == "controller":
        cluster = release.value("clusterResourceNamespace", "$(POD_NAMESPACE)")
        found.insert(1, f"--cluster-resource-namespace={cluster}")
        found.append(f"--max-concurrent-challenges={release.value('maxConcurrentChallenges', 60)}")
        found += release.value("extraArgs", [])
    return found
