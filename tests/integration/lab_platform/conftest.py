# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster for all tests of the platform's programs: charts applied as a HelmRelease would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.platform_cluster import PlatformCluster

NET = "127.78"
ZONE = "k8s.home.geoffdavis.com"
INGRESS_VALUES = {
    "controller": {
        "ingressClass": "nginx-internal",
        "ingressClassResource": {"name": "nginx-internal", "controllerValue": "k8s.io/ingress-nginx-internal"},
        "service": {
            "labels": {"io.cilium/lb-ipam-pool": "bgp-ingress"},
            "annotations": {"lbipam.cilium.io/ips": "172.29.52.200"},
        },
    }
}
LONGHORN_VALUES = {
    "defaultSettings": {"createDefaultDiskLabeledNodes": True, "replicaSoftAntiAffinity": False},
    "persistence": {"reclaimPolicy": "Retain"},
}


def object_of(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("meta", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return object_of("v1", "Secret", name, namespace, type="Opaque", stringData=data)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformCluster]:
    with PlatformCluster(tmp_path_factory.mktemp("platform"), NET) as running:
        running.install("cilium", "1.17.6", "cilium", "kube-system", {"operator": {"replicas": 1}})
        running.install("prometheus-operator-crds", "21.0.0", "crds", "prometheus-operator-crds")
        running.install(
            "cert-manager", "v1.19.1", "cert-manager", "cert-manager", {"crds": {"enabled": True, "keep": True}}
        )
        running.install("ingress-nginx", "4.14.0", "ingress-nginx-internal", "ingress-nginx-internal", INGRESS_VALUES)
        running.install("longhorn", "1.10.1", "longhorn", "longhorn-system", LONGHORN_VALUES)
        pools = "ciliumloadbalancerippools.cilium.io"
        running.until(
            "the pools' kind exists",
            lambda: running.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", pools),
        )
        running.until("the pools' kind is established", lambda: running._established({"metadata": {"name": pools}}))
        selector = {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-ingress"}}
        spec = {"blocks": [{"start": "172.29.52.200", "stop": "172.29.52.220"}], "serviceSelector": selector}
        running.apply(object_of("cilium.io/v2alpha1", "CiliumLoadBalancerIPPool", "bgp-ingress", spec=spec))
        yield running


@pytest.fixture(scope="package")
def disks(cluster: PlatformCluster) -> None:
    """Each node's disk: nobody gets one by himself, because only labelled nodes do."""
    api = ("longhorn.io/v1beta2", "Node")
    cluster.until("Longhorn knows its nodes", lambda: len(cluster.list(*api, "longhorn-system")) == 3)
    assert all(not node["spec"].get("disks") for node in cluster.list(*api, "longhorn-system"))
    disk = {
        "path": "/var/mnt/longhorn-ssd",
        "diskType": "filesystem",
        "allowScheduling": True,
        "storageReserved": 100,
        "tags": ["ssd"],
    }
    spec = {"allowScheduling": True, "disks": {"longhorn-ssd": disk}}
    for name in ("mini01", "mini02", "mini03"):
        cluster.apply(object_of(*api, name, "longhorn-system", spec=spec))


@pytest.fixture(autouse=True)
def _no_faults_left(cluster: PlatformCluster) -> Iterator[None]:
    yield
    fresh = type(cluster.faults)()
    for name, value in vars(fresh).items():
        setattr(cluster.faults, name, value)
    cluster.scenario.faults.console.key_revoked = False
