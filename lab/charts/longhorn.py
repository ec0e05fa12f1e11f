# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart longhorn 1.10.1. What the manager and the driver deployer make at run time is theirs, not the chart's."""

from __future__ import annotations

import re
from typing import Any

import yaml

from .longhorn_crds import definitions
from .parts import Object, Release, account, container, image, monitor, obj, rights, rule, service, workload

ACCOUNT, UI = "longhorn-service-account", "longhorn-ui"
DRIVER = "driver.longhorn.io"


def render(release: Release) -> list[Object]:
    """Return the objects of the release; the names do not depend on the release's."""
    version = f"v{release.version}"
    labels = release.labels("longhorn", version)
    objects = [
        *definitions(labels),
        obj("scheduling.k8s.io/v1", "PriorityClass", "longhorn-critical", labels, value=1000000000),
        account(ACCOUNT, labels),
        account("longhorn-ui-service-account", labels),
        account("longhorn-support-bundle", labels),
        *rights("longhorn-role", release.namespace, _rules(), labels, holder=ACCOUNT),
        _file("longhorn-default-setting", "default-setting.yaml", default_settings(release), labels),
        _file("longhorn-default-resource", "default-resource.yaml", backup_store(release), labels),
        _class(release, labels),
        *_services(release, labels),
        _manager(release, version, labels),
        _deployer(release, version, labels),
        _ui(release, version, labels),
    ]
    if release.on("metrics.serviceMonitor.enabled"):
        extra = release.value("metrics.serviceMonitor.additionalLabels", {})
        name = "longhorn-prometheus-servicemonitor"
        objects.append(monitor("ServiceMonitor", name, labels | extra, {"app": "longhorn-manager"}, "manager"))
    return objects


def setting_name(key: str) -> str:
    """Return the name of a setting for a key of the values: ``createDefaultDisk...`` is ``create-default-disk-...``."""
    special = {
        "snapshotDataIntegrityCronjob": "snapshot-data-integrity-cronjob",
        "longGRPCTimeOut": "long-grpc-timeout",
        "replicaFileSyncHttpClientTimeout": "replica-file-sync-http-client-timeout",
        "guaranteedInstanceManagerCPU": "guaranteed-instance-manager-cpu",
        "dataEngineCPUMask": "data-engine-cpu-mask",
        "failedBackupTTL": "failed-backup-ttl",
        "upgradeResponderURL": "upgrade-responder-url",
    }
    return special.get(key) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", key).lower()


def default_settings(release: Release) -> dict[str, Any]:
    """Return the settings that the values set; a null leaves Longhorn's own default."""
    given = release.value("defaultSettings", {})
    return {setting_name(key): value for key, value in given.items() if value is not None}


def backup_store(release: Release) -> dict[str, Any]:
    """Return the default backup target as the manager reads it."""
    at = "defaultBackupStore"
    found = {
        "backup-target": release.value(f"{at}.backupTarget"),
        "backup-target-credential-secret": release.value(f"{at}.backupTargetCredentialSecret"),
        "backupstore-poll-interval": release.value(f"{at}.pollInterval"),
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _file(name: str, key: str, content: dict[str, Any], labels: dict[str, str]) -> Object:
    text = yaml.safe_dump({k: _text(v) for k, v in content.items()}, sort_keys=False) if content else ""
    return obj("v1", "ConfigMap", name, labels, data={key: text})


def _class(release: Release, labels: dict[str, str]) -> Object:
    at = "persistence"
    default = release.on(f"{at}.defaultClass", True)
    parameters = {
        "numberOfReplicas": _text(release.value(f"{at}.defaultClassReplicaCount", 3)),
        "staleReplicaTimeout": "30",
        "fromBackup": "",
        "fsType": release.value(f"{at}.defaultFsType", "ext4"),
        "dataLocality": release.value(f"{at}.defaultDataLocality", "disabled"),
        "unmapMarkSnapChainRemoved": release.value(f"{at}.unmapMarkSnapChainRemoved", "ignored"),
        "disableRevisionCounter": _text(release.value(f"{at}.disableRevisionCounter", "true")),
        "dataEngine": release.value(f"{at}.dataEngine", "v1"),
        "backupTargetName": release.value(f"{at}.backupTargetName", "default"),
    }
    if release.on(f"{at}.migratable"):
        parameters["migratable"] = "true"
    if options := release.value(f"{at}.defaultMkfsParams"):
        parameters["mkfsParams"] = options
    if release.on(f"{at}.defaultDiskSelector.enable"):
        parameters["diskSelector"] = release.value(f"{at}.defaultDiskSelector.selector", "")
    if release.on(f"{at}.recurringJobSelector.enable"):
        parameters["recurringJobSelector"] = _text(release.value(f"{at}.recurringJobSelector.jobList", []))
    storage_class = {
        "kind": "StorageClass",
        "apiVersion": "storage.k8s.io/v1",
        "metadata": {
            "name": "longhorn",
            "annotations": {"storageclass.kubernetes.io/is-default-class": _text(default)},
        },
        "provisioner": DRIVER,
        "allowVolumeExpansion": True,
        "reclaimPolicy": release.value(f"{at}.reclaimPolicy", "Delete"),
        "volumeBindingMode": release.value(f"{at}.volumeBindingMode", "Immediate"),
        "parameters": parameters,
    }
    data = {"storageclass.yaml": yaml.safe_dump(storage_class, sort_keys=False)}
    return obj("v1", "ConfigMap", "longhorn-storageclass", labels, data=data)


def _services(release: Release, labels: dict[str, str]) -> list[Object]:
    app = {"app": "longhorn-manager"}
    frontend = service(
        "longhorn-frontend",
        labels | {"app": UI},
        {"app": UI},
        [("http", 80, "http")],
        more={"type": release.value("service.ui.type", "ClusterIP")},
        annotations=release.value("service.ui.annotations", {}),
    )
    hook = {"longhorn.io/admission-webhook": "longhorn-admission-webhook"}
    recovery = {"longhorn.io/recovery-backend": "longhorn-recovery-backend"}
    return [
        service("longhorn-backend", labels | app, app, [("manager", 9500, "manager")]),
        frontend,
        service("longhorn-admission-webhook", labels | app, hook, [("admission-webhook", 9502, "admission-wh")]),
        service("longhorn-recovery-backend", labels | app, recovery, [("recovery-backend", 9503, "recov-backend")]),
    ]


def _pod(release: Release, at: str, holder: str = ACCOUNT) -> Object:
    found: Object = {"serviceAccountName": holder}
    for key in ("nodeSelector", "tolerations", "priorityClass"):
        value = release.value(f"{at}.{key}") or release.value(f"global.{key}")
        if key == "priorityClass":
            found["priorityClassName"] = value or "longhorn-critical"
        elif value:
            found[key] = value
    return found


def _manager(release: Release, version: str, labels: dict[str, str]) -> Object:
    app = {"app": "longhorn-manager"}
    picture = image(release, "image.longhorn.manager", "longhornio/longhorn-manager", version)
    engine = image(release, "image.longhorn.engine", "longhornio/longhorn-engine", version)
    arguments = ["longhorn-manager", "-d", "daemon", "--engine-image", engine, "--manager-image", picture]
    made = container(
        "longhorn-manager",
        picture,
        args=[*arguments, "--service-account", ACCOUNT],
        ports={"manager": 9500, "admission-wh": 9502, "recov-backend": 9503},
        env=[{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}}],
        mounts={"longhorn-default-setting": "/var/lib/longhorn-setting/"},
        securityContext={"privileged": True},
    )
    pod = _pod(release, "longhornManager")
    pod["volumes"] = [{"name": "longhorn-default-setting", "configMap": {"name": "longhorn-default-setting"}}]
    marks = {
        "longhorn.io/admission-webhook": "longhorn-admission-webhook",
        "longhorn.io/recovery-backend": "longhorn-recovery-backend",
    }
    spec = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}}
    return workload("DaemonSet", "longhorn-manager", labels | app, app, [made], pod=pod, pod_labels=marks, spec=spec)


def _deployer(release: Release, version: str, labels: dict[str, str]) -> Object:
    app = {"app": "longhorn-driver-deployer"}
    picture = image(release, "image.longhorn.manager", "longhornio/longhorn-manager", version)
    env = [
        {"name": f"CSI_{name}_REPLICA_COUNT", "value": str(release.value(f"csi.{key}ReplicaCount", 3))}
        for name, key in (
            ("ATTACHER", "attacher"),
            ("PROVISIONER", "provisioner"),
            ("RESIZER", "resizer"),
            ("SNAPSHOTTER", "snapshotter"),
        )
    ]
    arguments = ["longhorn-manager", "-d", "deploy-driver", "--manager-image", picture]
    made = container("longhorn-driver-deployer", picture, args=arguments, env=env)
    pod = _pod(release, "longhornDriver")
    return workload("Deployment", "longhorn-driver-deployer", labels | app, app, [made], replicas=1, pod=pod)


def _ui(release: Release, version: str, labels: dict[str, str]) -> Object:
    picture = image(release, "image.longhorn.ui", "longhornio/longhorn-ui", version)
    env = [{"name": "LONGHORN_MANAGER_IP", "value": "http://longhorn-backend:9500"}]
    made = container("longhorn-ui", picture, ports={"http": 8000}, env=env)
    pod = _pod(release, "longhornUI", "longhorn-ui-service-account")
    replicas = release.value("longhornUI.replicas", 2)
    return workload("Deployment", UI, labels | {"app": UI}, {"app": UI}, [made], replicas=replicas, pod=pod)


def _rules() -> list[Object]:
    return [
        rule(["longhorn.io"], ["*"], ["*"]),
        rule([""], ["pods", "persistentvolumes", "persistentvolumeclaims", "nodes", "configmaps", "secrets"], ["*"]),
        rule(["apps"], ["daemonsets", "deployments", "statefulsets"], ["*"]),
        rule(["storage.k8s.io"], ["storageclasses", "volumeattachments", "csinodes", "csidrivers"], ["*"]),
    ]
