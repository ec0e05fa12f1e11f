# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart headlamp 0.40.0."""

from __future__ import annotations

from .parts import Object, Release, account, container, image, obj, placement, service, workload


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname()
    labels, selector = release.labels("headlamp", release.version), release.selector("headlamp")
    picture = image(release, "image", "ghcr.io/headlamp-k8s/headlamp", f"v{release.version}")
    arguments = ["-in-cluster", *([f"-plugins-dir={release.value('config.pluginsDir', '/headlamp/plugins')}"])]
    oidc = release.value("config.oidc", {})
    if external := (oidc.get("externalSecret") or {}).get("enabled"):
        sources = [{"secretRef": {"name": oidc["externalSecret"]["name"]}}]
        arguments += ["-oidc-client-id=$(OIDC_CLIENT_ID)", "-oidc-client-secret=$(OIDC_CLIENT_SECRET)"]
    else:
        sources = release.value("envFrom", [])
    group = "rbac.authorization.k8s.io"
    objects = [
        account(name, labels),
        service(
            name,
            labels,
            selector,
            [("http", int(release.value("service.port", 80)), "http")],
            more={"type": release.value("service.type", "ClusterIP")},
        ),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            [
                container(
                    "headlamp",
                    picture,
                    args=arguments + release.value("config.extraArgs", []),
                    ports={"http": 4466},
                    env=release.value("env", []),
                    env_from=sources,
                )
            ],
            replicas=release.value("replicaCount", 1),
            pod={"serviceAccountName": name, **placement(release)},
        ),
    ]
    if release.on("clusterRoleBinding.create", True):
        role = release.value("clusterRoleBinding.clusterRoleName", "cluster-admin")
        subject = {"kind": "ServiceAccount", "name": name, "namespace": release.namespace}
        reference = {"apiGroup": group, "kind": "ClusterRole", "name": role}
        objects.append(
            obj(f"{group}/v1", "ClusterRoleBinding", f"{name}-admin", labels, roleRef=reference, subjects=[subject])
        )
    if release.on("config.oidc.secret.create", True) and not external and oidc.get("clientID"):
        keys = ("clientID", "clientSecret", "issuerURL", "scopes")
        data = {key: str(oidc[key]) for key in keys if oidc.get(key)}
        secret = release.value("config.oidc.secret.name", "oidc")
        objects.append(obj("v1", "Secret", secret, labels, type="Opaque", stringData=data))
    return objects
