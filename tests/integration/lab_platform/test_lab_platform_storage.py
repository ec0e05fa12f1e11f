# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longhorn: disks, claims that are bound, and what becomes of a volume when disks or replicas are lost."""

from __future__ import annotations

from typing import Any

import pytest

from lab.controllers.platform import longhorn_plan as plan
from tests.harness.platform_cluster import PlatformCluster

from .conftest import object_of

LH, SPACE = "longhorn.io/v1beta2", "longhorn-system"
SSD = {"numberOfReplicas": "2", "staleReplicaTimeout": "2880", "diskSelector": "ssd", "fsType": "ext4"}


def stateful(name: str, storage_class: str, labels: dict[str, str]) -> dict[str, Any]:
    mark = {"app": name}
    claim = {
        "metadata": {"name": "data", "labels": labels},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "2Gi"}},
        },
    }
    pod = {"containers": [{"name": "db", "image": "db", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}
    spec = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": mark},
        "template": {"metadata": {"labels": mark}, "spec": pod},
        "volumeClaimTemplates": [claim],
    }
    return object_of("apps/v1", "StatefulSet", name, "data", spec=spec)


@pytest.fixture(scope="module")
def storage(cluster: PlatformCluster, disks: None) -> PlatformCluster:
    made = {
        "provisioner": "driver.longhorn.io",
        "reclaimPolicy": "Retain",
        "allowVolumeExpansion": True,
        "volumeBindingMode": "Immediate",
        "parameters": SSD,
    }
    cluster.apply(object_of("storage.k8s.io/v1", "StorageClass", "longhorn-ssd", **made))
    return cluster


def volume_of(storage: PlatformCluster, claim: str) -> dict[str, Any]:
    found = storage.get("v1", "PersistentVolumeClaim", claim, "data") or {}
    return storage.get(LH, "Volume", (found.get("spec") or {}).get("volumeName") or "none", SPACE) or {}


def robustness(storage: PlatformCluster, claim: str) -> str:
    return (volume_of(storage, claim).get("status") or {}).get("robustness", "")


def test_the_charts_settings_class_and_driver_appear(storage: PlatformCluster) -> None:
    setting = storage.get(LH, "Setting", "create-default-disk-labeled-nodes", SPACE)
    assert setting["value"] == "true"
    assert setting["status"]["applied"]
    default = storage.until("the class is there", lambda: storage.get("storage.k8s.io/v1", "StorageClass", "longhorn"))
    assert default["provisioner"] == "driver.longhorn.io"
    assert default["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    target = storage.until("the backup target", lambda: storage.get(LH, "BackupTarget", "default", SPACE))
    assert target["spec"]["pollInterval"] == "300s"


def test_a_stateful_set_gets_a_bound_claim_and_a_healthy_volume(storage: PlatformCluster) -> None:
    labels = {"recurring-job.longhorn.io/source": "enabled", "recurring-job-group.longhorn.io/database": "enabled"}
    storage.apply(stateful("db", "longhorn-ssd", labels))
    storage.until("the volume is healthy", lambda: robustness(storage, "data-db-0") == "healthy")
    claim = storage.get("v1", "PersistentVolumeClaim", "data-db-0", "data")
    assert claim["status"]["phase"] == "Bound"
    volume = volume_of(storage, "data-db-0")
    assert volume["spec"]["diskSelector"] == ["ssd"]
    assert volume["metadata"]["labels"]["recurring-job-group.longhorn.io/database"] == "enabled"
    assert "recurring-job-group.longhorn.io/default" not in volume["metadata"]["labels"]
    assert volume["status"]["kubernetesStatus"]["pvcName"] == "data-db-0"
    replicas = [r for r in storage.list(LH, "Replica", SPACE) if r["spec"]["volumeName"] == volume["metadata"]["name"]]
    assert len({r["spec"]["nodeID"] for r in replicas}) == len(replicas) == 2

    def good() -> bool:
        mine = [r for r in storage.list(LH, "Replica", SPACE) if r["spec"]["volumeName"] == volume["metadata"]["name"]]
        return all(r["spec"].get("healthyAt") and not r["spec"]["failedAt"] for r in mine)

    storage.until("each replica says since when it is good", good)
    storage.until(
        "the StatefulSet is ready",
        lambda: storage.get("apps/v1", "StatefulSet", "db", "data")["status"].get("readyReplicas") == 1,
    )


@pytest.mark.parametrize(("fault", "value"), [("volume_degraded", "degraded"), ("volume_faulted", "faulted")])
def test_a_lost_replica_shows(storage: PlatformCluster, fault: str, value: str) -> None:
    getattr(storage.faults, fault).append("data/data-db-0")
    storage.poke()
    storage.until(f"the volume is {value}", lambda: robustness(storage, "data-db-0") == value)
    getattr(storage.faults, fault).clear()
    storage.poke()
    storage.until("the volume is healthy again", lambda: robustness(storage, "data-db-0") == "healthy")


def test_untagged_disks_take_no_replica_and_the_pod_waits_for_its_volume(storage: PlatformCluster) -> None:
    storage.faults.disk_untagged.extend(["mini01", "mini02", "mini03"])
    storage.apply(stateful("late", "longhorn-ssd", {}))

    def scheduled() -> Any:
        conditions = (volume_of(storage, "data-late-0").get("status") or {}).get("conditions") or []
        return [c for c in conditions if c["type"] == "Scheduled" and c["status"] == "False"]

    refused = storage.until("the volume cannot be scheduled", scheduled)
    assert refused[0]["reason"] == "ReplicaSchedulingFailure"
    assert "tags not fulfilled" in refused[0]["message"]

    def waiting() -> Any:
        pod = storage.get("v1", "Pod", "late-0", "data") or {}
        states = [c["state"].get("waiting", {}) for c in (pod.get("status") or {}).get("containerStatuses") or []]
        return [s for s in states if "is not ready for workloads" in s.get("message", "")]

    storage.until("the pod says what it waits for", waiting)
    storage.faults.disk_untagged.clear()
    storage.poke()
    storage.until("the volume is healthy", lambda: robustness(storage, "data-late-0") == "healthy")


def test_a_pod_without_its_claim_is_not_scheduled(storage: PlatformCluster) -> None:
    volumes = [{"name": "x", "persistentVolumeClaim": {"claimName": "nowhere"}}]
    pod = {"containers": [{"name": "x", "image": "x"}], "volumes": volumes}
    storage.apply(object_of("v1", "Pod", "lonely", "data", spec=pod))
    told = storage.until(
        "the scheduler says why", lambda: storage.condition("v1", "Pod", "lonely", "data", "PodScheduled")
    )
    assert told == (
        "False",
        "Unschedulable",
        '0/3 nodes are available: persistentvolumeclaim "nowhere" not found.',
    )


def test_a_missing_disk_is_named(storage: PlatformCluster) -> None:
    def ready() -> Any:
        status = storage.get(LH, "Node", "mini03", SPACE)["status"]["diskStatus"]["longhorn-ssd"]
        return next(c for c in status["conditions"] if c["type"] == "Ready")

    storage.until("the disk is ready", lambda: ready()["status"] == "True")
    storage.faults.disk_missing.append("mini03")
    storage.poke()
    storage.until("the disk is not ready", lambda: ready()["status"] == "False")
    assert "/var/mnt/longhorn-ssd" in ready()["message"]
    storage.faults.disk_missing.clear()
    storage.poke()
    storage.until("the disk is ready again", lambda: ready()["status"] == "True")


def test_the_lab_counts_a_disk_as_a_terabyte(storage: PlatformCluster) -> None:
    status = storage.get(LH, "Node", "mini01", SPACE)["status"]["diskStatus"]["longhorn-ssd"]
    assert status["storageMaximum"] == plan.DISK_SIZE > status["storageAvailable"] > 0
