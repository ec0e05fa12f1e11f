# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudNativePG's decisions, without I/O: names, labels and specs of what a Cluster needs, cron fields, phases.

Source: cloudnative-pg v1.28 ``api/v1``, ``pkg/specs``.
"""

from __future__ import annotations

import datetime
from typing import Any

from ..api import Object, Resource

HEALTHY = "Cluster in healthy state"
PRIMARY = "Setting up primary"
REPLICA = "Creating a new replica"
WAITING = "Waiting for the instances to become active"
NO_PLUGIN = "Cluster cannot proceed to reconciliation due to an unknown plugin being required"
GROUP = "postgresql.cnpg.io"
CLUSTERS = Resource("postgresql.cnpg.io/v1", "clusters", "Cluster")
OBJECT_STORES = Resource("barmancloud.cnpg.io/v1", "objectstores", "ObjectStore")
JOB_ROLE, FULL_RECOVERY = "cnpg.io/jobRole", "full-recovery"
CLAIM_STATUS, CLAIM_READY = "cnpg.io/pvcStatus", "ready"


def instance_names(cluster: Object) -> list[str]:
    """Return the names of the instances that the Cluster wants."""
    return [f"{cluster['metadata']['name']}-{n}" for n in range(1, int(cluster["spec"].get("instances") or 1) + 1)]


def labels(cluster: Object, instance: str, primary: str) -> dict[str, str]:
    """Return the labels of an instance's pod."""
    role = "primary" if instance == primary else "replica"
    name = cluster["metadata"]["name"]
    inherited = ((cluster["spec"].get("inheritedMetadata") or {}).get("labels")) or {}
    return {
        **inherited,
        "cnpg.io/cluster": name,
        "cnpg.io/instanceName": instance,
        "cnpg.io/instanceRole": role,
        "cnpg.io/podRole": "instance",
        "role": role,
    }


def recovery(cluster: Object) -> Object | None:
    """Return how a Cluster is rebuilt, None when it starts empty."""
    return (cluster["spec"].get("bootstrap") or {}).get("recovery")


def application(cluster: Object) -> Object:
    """Return what a Cluster's bootstrap says of the application's database: its name, owner and Secret."""
    bootstrap = cluster["spec"].get("bootstrap") or {}
    return bootstrap.get("initdb") or bootstrap.get("recovery") or {}


def is_filled(claim: Object) -> bool:
    """Tell whether a claim holds the data of an instance."""
    return (claim["metadata"].get("annotations") or {}).get(CLAIM_STATUS) == CLAIM_READY


def claim(cluster: Object, instance: str, status: str = CLAIM_READY) -> Object:
    """Return the claim of an instance."""
    storage, name = cluster["spec"].get("storage") or {}, cluster["metadata"]["name"]
    inherited = ((cluster["spec"].get("inheritedMetadata") or {}).get("labels")) or {}
    marks = {"cnpg.io/cluster": name, "cnpg.io/instanceName": instance, "cnpg.io/pvcRole": "PG_DATA"}
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage.get("size", "1Gi")}},
    }
    if storage.get("storageClass"):
        spec["storageClassName"] = storage["storageClass"]
    return {
        "metadata": {
            "name": instance,
            "namespace": cluster["metadata"]["namespace"],
            "labels": {**inherited, **marks},
            "annotations": {"cnpg.io/nodeSerial": instance.rpartition("-")[2], CLAIM_STATUS: status},
        },
        "spec": spec,
    }


IMAGE = "ghcr.io/cloudnative-pg/postgresql:18.1"
#: What the operator gives each container and, in the pod, both user and group (pkg/specs/containers.go and pods.go).
SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod_spec(cluster: Object, instance: str, sidecar: str) -> Object:
    """Return the pod of an instance; the barman plugin adds a container of its own."""
    spec = cluster["spec"]
    main: Object = {
        "name": "postgres",
        "image": spec.get("imageName") or IMAGE,
        "ports": [
            {"name": "postgresql", "containerPort": 5432, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9187, "protocol": "TCP"},
            {"name": "status", "containerPort": 8000, "protocol": "TCP"},
        ],
        "volumeMounts": [{"name": "pgdata", "mountPath": "/var/lib/postgresql/data"}],
        "resources": spec.get("resources") or {},
        "securityContext": dict(SECURITY),
    }
    containers: list[Any] = [main]
    if sidecar:
        containers.append({"name": "plugin-barman-cloud", "image": sidecar, "securityContext": dict(SECURITY)})
    return {
        "hostname": instance,
        "serviceAccountName": "default",
        "containers": containers,
        "volumes": [{"name": "pgdata", "persistentVolumeClaim": {"claimName": instance}}],
    }


def recovery_job(cluster: Object, instance: str) -> Object:
    """Return the Job that restores the first instance's data (pkg/specs/jobs.go)."""
    marks = {"cnpg.io/cluster": cluster["metadata"]["name"], "cnpg.io/instanceName": instance, JOB_ROLE: FULL_RECOVERY}
    container: Object = {
        "name": FULL_RECOVERY,
        "image": cluster["spec"].get("imageName") or IMAGE,
        "command": ["/controller/manager", "instance", "restore"],
        "volumeMounts": [{"name": "pgdata", "mountPath": "/var/lib/postgresql/data"}],
        "securityContext": dict(SECURITY),
    }
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "pgdata", "persistentVolumeClaim": {"claimName": instance}}],
    }
    meta = {"name": f"{instance}-{FULL_RECOVERY}", "namespace": cluster["metadata"]["namespace"], "labels": marks}
    return {"metadata": meta, "spec": {"template": {"metadata": {"labels": marks}, "spec": pod}}}


def services(cluster: Object) -> list[Object]:
    """Return the three Services: to the primary, to replicas, to any instance."""
    name = cluster["metadata"]["name"]
    port = {"name": "postgres", "port": 5432, "targetPort": 5432, "protocol": "TCP"}
    found = []
    for suffix, role in (
        ("rw", {"cnpg.io/instanceRole": "primary"}),
        ("ro", {"cnpg.io/instanceRole": "replica"}),
        ("r", {}),
    ):
        selector = {"cnpg.io/cluster": name, **(role or {"cnpg.io/podRole": "instance"})}
        meta = {"name": f"{name}-{suffix}", "namespace": cluster["metadata"]["namespace"]}
        meta["labels"] = {"cnpg.io/cluster": name}
        found.append({"metadata": meta, "spec": {"type": "ClusterIP", "selector": selector, "ports": [port]}})
    return found


def next_run(schedule: str, now: datetime.datetime) -> datetime.datetime | None:
    """Return the next moment of a schedule of six fields (seconds first); five fields mean second 0.

    Only within eight days; None when the schedule cannot be read.
    """
    fields = schedule.split()
    fields = ["0", *fields] if len(fields) == 5 else fields
    if len(fields) != 6:
        return None
    try:
        second, minute, hour, day, month, weekday = (_field(f, *r) for f, r in zip(fields, _RANGES, strict=True))
    except ValueError:
        return None
    weekday = {d % 7 for d in weekday}
    moment = now.replace(microsecond=0, second=min(second)) + datetime.timedelta(minutes=1)
    for _unused in range(8 * 24 * 60):
        dow = (moment.weekday() + 1) % 7
        if moment.minute in minute and moment.hour in hour and moment.day in day and moment.month in month:
            if dow in weekday:
                return moment
        moment += datetime.timedelta(minutes=1)
    return None


_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _field(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _unused, step = part.partition("/")
        first, _unused, last = span.partition("-")
        start, stop = (low, high) if first in ("*", "?") else (int(first), int(last or (high if step else first)))
        found |= set(range(start, stop + 1, int(step or 1)))
    if not found or min(found) < low or max(found) > high:
        raise ValueError(text)
    return found
