# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of External Secrets 0.20: ``v1`` is served; ``v1beta1`` is listed and served no more."""

from __future__ import annotations

import copy
from typing import Any

from .crds import READY, crd
from .parts import Object, Release

GROUP = "external-secrets.io"
_KINDS = (
    ("ExternalSecret", "externalsecrets", ("es",), "Namespaced", "v1", ""),
    ("SecretStore", "secretstores", ("ss",), "Namespaced", "v1", ""),
    ("ClusterSecretStore", "clustersecretstores", ("css",), "Cluster", "v1", "crds.createClusterSecretStore"),
    ("ClusterExternalSecret", "clusterexternalsecrets", ("ces",), "Cluster", "v1", "crds.createClusterExternalSecret"),
    ("PushSecret", "pushsecrets", ("ps",), "Namespaced", "v1alpha1", "crds.createPushSecret"),
    ("ClusterPushSecret", "clusterpushsecrets", (), "Cluster", "v1alpha1", "crds.createClusterPushSecret"),
)


def definitions(release: Release) -> list[Object]:
    """Return the definitions that the values ask for."""
    return [
        _definition(kind, plural, short, scope, version)
        for kind, plural, short, scope, version, switch in _KINDS
        if not switch or release.on(switch, True)
    ]


def _definition(kind: str, plural: str, short: tuple[str, ...], scope: str, version: str) -> dict[str, Any]:
    made = crd(
        *(GROUP, kind, plural),
        version=version,
        short=short,
        scope=scope,
        columns=READY,
        categories=("external-secrets",),
        labels={"external-secrets.io/component": "controller"},
    )
    if version == "v1":
        old = copy.deepcopy(made["spec"]["versions"][0])
        made["spec"]["versions"].append(old | {"name": "v1beta1", "served": False, "storage": False})
    return made
