# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart plugin-barman-cloud 0.1.0 of CloudNativePG (plugin v0.5.0): needs cert-manager for its two certificates."""

from __future__ import annotations

from .cloudnative_pg_crds import BARMAN, object_store
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

APP = "v0.5.0"
#: charts/plugin-barman-cloud/values.yaml.
_SECURITY = {**CONTAINER_SECURITY, **POD_SECURITY, "runAsUser": 10001, "runAsGroup": 10001}
PLUGIN = "barman-cloud.cloudnative-pg.io"
KEYS = frozenset(
    (
        "global replicaCount image sidecarImage imagePullSecrets nameOverride fullnameOverride namespaceOverride "
        "hostNetwork dnsPolicy updateStrategy crds additionalArgs additionalEnv serviceAccount rbac commonAnnotations "
        "podAnnotations podLabels containerSecurityContext podSecurityContext priorityClassName service resources "
        "nodeSelector topologySpreadConstraints tolerations affinity certificate"
    ).split()
)


def render(release: Release) -> list[Object]:
    """Return the objects of the release.

    :raises ChartError: for a key that its schema does not have.
    """
    release.refuse_unknown(KEYS)
    name = release.fullname()
    labels, selector = release.labels("plugin-barman-cloud", APP), release.selector("plugin-barman-cloud")
    side = _image(release, "sidecarImage", "cloudnative-pg/plugin-barman-cloud-sidecar")
    port = int(release.value("service.port", 9090))
    made = container(
        "plugin-barman-cloud",
        _image(release, "image", "cloudnative-pg/plugin-barman-cloud"),
        args=[
            "operator",
            "--server-cert=/server/tls.crt",
            "--server-key=/server/tls.key",
            "--client-cert=/client/tls.crt",
            f"--server-address=:{port}",
            "--leader-elect",
            "--log-level=debug",
            *release.value("additionalArgs", []),
        ],
        ports={"grpc": port},
        env=[{"name": "SIDECAR_IMAGE", "value": side}, *release.value("additionalEnv", [])],
        mounts={"server": "/server", "client": "/client"},
        **security(release, "containerSecurityContext", _SECURITY),
    )
    volumes = [{"name": part, "secret": {"secretName": f"{name}-{part}-tls"}} for part in ("server", "client")]
    issuer = release.value("certificate.issuerName", "selfsigned-issuer")
    group = "cert-manager.io/v1"
    host = release.value("service.name", "barman-cloud")
    objects = [object_store()] if release.on("crds.create", True) else []
    objects += [
        account(name, labels),
        *rights(name, release.namespace, [rule([BARMAN], ["*"], ["*"]), rule([""], ["secrets"], ["*"])], labels),
        obj(group, "Issuer", issuer, labels, spec={"selfSigned": {}}),
        service(
            host,
            labels | {"app": "barman-cloud", "cnpg.io/pluginName": PLUGIN},
            selector,
            [("grpc", port, port)],
            annotations={
                "cnpg.io/pluginClientSecret": f"{name}-client-tls",
                "cnpg.io/pluginServerSecret": f"{name}-server-tls",
                "cnpg.io/pluginPort": str(port),
            },
        ),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            [made],
            replicas=release.value("replicaCount", 1),
            pod={
                "serviceAccountName": name,
                "volumes": volumes,
                **security(release, "podSecurityContext", POD_SECURITY),
                **placement(release),
            },
            spec={"strategy": {"type": "Recreate"}},
        ),
    ]
    for part in ("client", "server"):
        if not release.on(f"certificate.create{part.title()}Certificate", True):
            continue
        spec: Object = {
            "commonName": f"{host}-client" if part == "client" else host,
            "duration": release.value("certificate.duration", "2160h"),
            "renewBefore": release.value("certificate.renewBefore", "360h"),
            "isCA": False,
            "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": issuer},
            "secretName": f"{name}-{part}-tls",
            "usages": [f"{part} auth"],
        }
        if part == "server":
            spec["dnsNames"] = [host]
        objects.append(obj(group, "Certificate", f"{name}-{part}", labels, spec=spec))
    return objects


def _image(release: Release, at: str, repository: str) -> str:
    registry = release.value(f"{at}.registry", "ghcr.io")
    name = release.value(f"{at}.repository", repository)
    return f"{registry}/{name}:{release.value(f'{at}.tag') or APP}"
