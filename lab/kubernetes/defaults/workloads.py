# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults of apps and batch kinds (``pkg/apis/apps/v1/defaults.go``, ``pkg/apis/batch/v1/defaults.go``)."""

from __future__ import annotations

import uuid
from typing import Any

from . import pods

Object = dict[str, Any]


def _rolling(values: Object, **defaults: Any) -> None:
    for name, value in defaults.items():
        values.setdefault(name, value)


def deployment(obj: Object) -> None:
    """Deployment."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        _rolling(strategy.setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    pods.template(spec)


def daemon_set(obj: Object) -> None:
    """DaemonSet; the old template generation lives on as an annotation."""
    spec = obj.setdefault("spec", {})
    notes = obj["metadata"].setdefault("annotations", {})
    notes.setdefault("deprecated.daemonset.template.generation", "1")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        _rolling(strategy.setdefault("rollingUpdate", {}), maxUnavailable=1, maxSurge=0)
    spec.setdefault("revisionHistoryLimit", 10)
    pods.template(spec)


def stateful_set(obj: Object) -> None:
    """StatefulSet."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    _rolling(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        claim.setdefault("status", {}).setdefault("phase", "Pending")
    pods.template(spec)


def replica_set(obj: Object) -> None:
    """ReplicaSet and ReplicationController."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    pods.template(spec)


def _job_spec(spec: Object) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    pods.template(spec)


def job(obj: Object) -> None:
    """Job."""
    spec = obj.setdefault("spec", {})
    _job_spec(spec)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")


def cron_job(obj: Object) -> None:
    """CronJob; the job template gets no defaults of its own beyond the pod template's."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    inner = spec.setdefault("jobTemplate", {})
    inner.setdefault("metadata", {})
    pods.template(inner.setdefault("spec", {}))


def _new_daemon_set(obj: Object) -> None:
    obj["status"] = {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    }


def _new_job(obj: Object) -> None:
    spec, uid = obj["spec"], obj["metadata"].get("uid") or str(uuid.uuid4())
    obj["status"] = {}
    if spec.get("manualSelector"):
        return
    names = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": obj["metadata"]["name"],
        "controller-uid": uid,
        "job-name": obj["metadata"]["name"],
    }
    for meta in (obj["metadata"], spec["template"]["metadata"]):
        meta["labels"] = {**(meta.get("labels") or {}), **names}
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})


def _empty_status(obj: Object) -> None:
    obj["status"] = {}


def _replicas_status(obj: Object) -> None:
    obj["status"] = {"replicas": 0}


def _set_status(obj: Object) -> None:
    obj["status"] = {"replicas": 0, "availableReplicas": 0}


def _null_times(obj: Object) -> None:
    """The Go type prints the template's unset creation time as null."""
    spec = obj.get("spec") or {}
    if "jobTemplate" in spec:
        spec["jobTemplate"].setdefault("metadata", {}).setdefault("creationTimestamp", None)
        spec = spec["jobTemplate"].get("spec") or {}
    if isinstance(spec.get("template"), dict):
        spec["template"].setdefault("metadata", {}).setdefault("creationTimestamp", None)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("metadata", {}).setdefault("creationTimestamp", None)


DEFAULTS = {
    "deployments.apps": deployment,
    "daemonsets.apps": daemon_set,
    "statefulsets.apps": stateful_set,
    "replicasets.apps": replica_set,
    "replicationcontrollers": replica_set,
    "jobs.batch": job,
    "cronjobs.batch": cron_job,
    "pods": pods.pod,
}
PREPARED = {
    "deployments.apps": _empty_status,
    "daemonsets.apps": _new_daemon_set,
    "statefulsets.apps": _set_status,
    "replicasets.apps": _replicas_status,
    "replicationcontrollers": _replicas_status,
    "jobs.batch": _new_job,
    "cronjobs.batch": _empty_status,
    "pods": pods.new_pod,
}
FINISHED = dict.fromkeys(
    ("deployments.apps", "daemonsets.apps", "statefulsets.apps", "replicasets.apps", "jobs.batch", "cronjobs.batch"),
    _null_times,
)
