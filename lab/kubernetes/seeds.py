# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fresh cluster already holds: its namespaces, the kubernetes Service, priority classes and roles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .call import Call

if TYPE_CHECKING:
    from .api import Api

_RBAC = "rbac.authorization.k8s.io"
_BOOTSTRAP = {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}


def _objects(first_address: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """``(group, plural, namespace, object)`` in the order of creation."""
    spaces = ("default", "kube-system", "kube-public", "kube-node-lease")
    out: list[tuple[str, str, str, dict[str, Any]]] = [
        ("", "namespaces", "", {"metadata": {"name": name}}) for name in spaces
    ]
    service = {
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "clusterIP": first_address,
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
    }
    out.append(("", "services", "default", service))
    for name, value in (("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)):
        out.append(("scheduling.k8s.io", "priorityclasses", "", {"metadata": {"name": name}, "value": value}))
    rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    admin = {"name": "cluster-admin", **_BOOTSTRAP}
    out.append((_RBAC, "clusterroles", "", {"metadata": dict(admin), "rules": rules}))
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"apiGroup": _RBAC, "kind": "Group", "name": "system:masters"}]
    binding = {"metadata": dict(admin), "roleRef": reference, "subjects": subjects}
    out.append((_RBAC, "clusterrolebindings", "", binding))
    return out


def plant(api: Api) -> None:
    """Create the seeds through the ordinary write path."""
    for group, plural, namespace, obj in _objects(str(api.services.network[1])):
        resource = api.registry.find(group, "v1", plural)
        assert resource is not None
        call = Call(
            resource, "v1", namespace, "", "", {"fieldManager": "kube-apiserver"}, "application/json",
            json.dumps(obj).encode(),
        )  # fmt: skip
        api.writes.create(call)
