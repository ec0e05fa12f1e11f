# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of CloudNativePG 1.28 and of its barman plugin 0.5: enough of the schemas to refuse what they refuse."""

from __future__ import annotations

from typing import Any

from .crds import FLAG, FREE, FREE_LIST, TEXT, WHOLE, crd, fields, one_of

GROUP, BARMAN = "postgresql.cnpg.io", "barmancloud.cnpg.io"
_CLUSTER_NAME = fields({"name": TEXT}, ("name",))
_OPEN = {"x-kubernetes-preserve-unknown-fields": True}
_PLUGIN = fields(
    {
        "name": TEXT,
        "enabled": {"type": "boolean", "default": True},
        "isWALArchiver": {"type": "boolean", "default": False},
        "parameters": {"type": "object", "additionalProperties": TEXT},
    },
    ("name",),
)
_CLUSTER = fields(
    {
        "instances": {"type": "integer", "minimum": 1, "default": 1},
        "imageName": TEXT,
        "enableSuperuserAccess": {"type": "boolean", "default": False},
        "superuserSecret": _CLUSTER_NAME,
        "storage": FREE,
        "bootstrap": FREE,
        "plugins": {"type": "array", "items": _PLUGIN},
        "primaryUpdateStrategy": one_of("unsupervised", "supervised", default="unsupervised"),
    },
    ("instances",),
    **_OPEN,
)
_CLUSTER_COLUMNS = [
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Instances", "type": "integer", "jsonPath": ".status.instances"},
    {"name": "Ready", "type": "integer", "jsonPath": ".status.readyInstances"},
    {"name": "Status", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Primary", "type": "string", "jsonPath": ".status.currentPrimary"},
]
_METHOD = one_of("barmanObjectStore", "volumeSnapshot", "plugin", default="barmanObjectStore")
_BACKUP = {
    "cluster": _CLUSTER_NAME,
    "method": _METHOD,
    "target": one_of("primary", "prefer-standby"),
    "pluginConfiguration": FREE,
    "online": FLAG,
    "onlineConfiguration": FREE,
}
_SCHEDULE = {
    **_BACKUP,
    "schedule": TEXT,
    "immediate": FLAG,
    "suspend": FLAG,
    "backupOwnerReference": one_of("none", "self", "cluster", default="none"),
}


def definitions() -> list[dict[str, Any]]:
    """Return the operator's definitions."""
    free: dict[str, Any] = {"spec": FREE}
    return [
        crd(GROUP, "Cluster", "clusters", spec=_CLUSTER, columns=_CLUSTER_COLUMNS),
        crd(GROUP, "Backup", "backups", spec=fields(_BACKUP, ("cluster",))),
        crd(GROUP, "ScheduledBackup", "scheduledbackups", spec=fields(_SCHEDULE, ("cluster", "schedule"))),
        crd(GROUP, "Database", "databases", **free),
        crd(GROUP, "Pooler", "poolers", **free),
        crd(GROUP, "Publication", "publications", **free),
        crd(GROUP, "Subscription", "subscriptions", **free),
        crd(GROUP, "FailoverQuorum", "failoverquorums", spec=None),
        crd(GROUP, "ImageCatalog", "imagecatalogs", status=None, **free),
        crd(GROUP, "ClusterImageCatalog", "clusterimagecatalogs", status=None, scope="Cluster", **free),
    ]


_STORE = fields(
    {
        "configuration": fields(
            {
                "destinationPath": {"type": "string", "minLength": 1},
                "endpointURL": TEXT,
                "endpointCA": FREE,
                "s3Credentials": FREE,
                "azureCredentials": FREE,
                "googleCredentials": FREE,
                "wal": FREE,
                "data": FREE,
                "tags": FREE,
                "historyTags": FREE,
                "serverName": TEXT,
            },
            ("destinationPath",),
        ),
        "retentionPolicy": {"type": "string", "pattern": r"^[1-9][0-9]*[dwm]$"},
        "instanceSidecarConfiguration": fields(
            {
                "retentionPolicyIntervalSeconds": {**WHOLE, "default": 1800},
                "env": FREE_LIST,
                "resources": FREE,
                "additionalContainerArgs": FREE_LIST,
            }
        ),
    },
    ("configuration",),
)


def object_store() -> dict[str, Any]:
    """Return the definition that the barman plugin brings."""
    return crd(BARMAN, "ObjectStore", "objectstores", spec=_STORE)
