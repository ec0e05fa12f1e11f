# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longhorn on a lab's cluster without Flux, and a program with a volume."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible_collections.homeops.cluster.plugins.module_utils.longhorn import replicas, volumes
from ansible_collections.homeops.cluster.plugins.modules import kube_apply
from lab.charts import render
from tests.harness.bgp import until
from tests.harness.operator import Operator

SPACE = "longhorn-system"
#: The claim of the program.
CLAIM = "data/data-db-0"


def apply(operator: Operator, *objects: dict[str, Any]) -> None:
    """Apply objects."""
    operator.call(kube_apply, kubeconfig=operator.kubeconfig, definition=list(objects), timeout=30)


def named(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    """Return an object that has a name only."""
    space = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **space}}


def install(operator: Operator) -> None:
    """Have Longhorn; a node takes one replica of a volume at most."""
    settings = {"defaultSettings": {"replicaSoftAntiAffinity": False}}
    spaces = [named("v1", "Namespace", name) for name in (SPACE, "data")]
    apply(operator, *spaces, *render("longhorn", "1.10.1", "longhorn", SPACE, settings))


def rows(operator: Operator) -> list[replicas.VolumeRow]:
    """What Longhorn says of its volumes."""
    with operator.kube() as client:
        return volumes.read(client, SPACE) or []


def robustness(operator: Operator) -> list[str]:
    """What each volume that is used is worth."""
    return [row.robustness for row in rows(operator) if row.state == "attached"]


@contextlib.contextmanager
def volume(operator: Operator, count: int) -> Iterator[None]:
    """A program with one volume of so many replicas, which is gone afterwards."""
    made = named("storage.k8s.io/v1", "StorageClass", f"replicas-{count}")
    apply(operator, {**made, "provisioner": "driver.longhorn.io", "parameters": {"numberOfReplicas": str(count)}})
    claim = {
        "storageClassName": f"replicas-{count}",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    mounts = [{"name": "data", "mountPath": "/data"}]
    spec = {
        "serviceName": "db",
        "replicas": 1,
        "selector": {"matchLabels": {"app": "db"}},
        "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "db", "image": "db", "volumeMounts": mounts}]},
        },
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }
    apply(operator, {**named("apps/v1", "StatefulSet", "db", "data"), "spec": spec})
    until("the volume is whole", lambda: robustness(operator) == ["healthy"])
    yield
    with operator.kube() as client:
        client.delete("/apis/apps/v1/namespaces/data/statefulsets/db")
        client.delete("/api/v1/namespaces/data/persistentvolumeclaims/data-db-0")
    until("the volume is gone", lambda: not rows(operator))
