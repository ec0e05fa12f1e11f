# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of Longhorn 1.10 (``longhorn.io/v1beta2``): the used ones with their fields, the rest free."""

from __future__ import annotations

from typing import Any

from .crds import FLAG, FREE, TEXT, TEXTS, WHOLE, crd, fields, one_of

GROUP, VERSION = "longhorn.io", "v1beta2"
_DISK = fields(
    {
        "path": TEXT,
        "diskType": one_of("filesystem", "block"),
        "diskDriver": one_of("", "auto", "aio", "nvme"),
        "allowScheduling": FLAG,
        "evictionRequested": FLAG,
        "storageReserved": {"type": "integer", "format": "int64"},
        "tags": TEXTS,
    }
)
_NODE = fields(
    {
        "name": TEXT,
        "allowScheduling": FLAG,
        "evictionRequested": FLAG,
        "instanceManagerCPURequest": WHOLE,
        "tags": TEXTS,
        "disks": {"type": "object", "additionalProperties": _DISK},
    }
)
_JOB = fields(
    {
        "name": TEXT,
        "cron": TEXT,
        "task": one_of(
            *("snapshot", "snapshot-force-create", "snapshot-cleanup", "snapshot-delete", "backup"),
            *("backup-force-create", "filesystem-trim", "system-backup"),
        ),
        "groups": TEXTS,
        "retain": WHOLE,
        "concurrency": WHOLE,
        "labels": {"type": "object", "additionalProperties": TEXT},
        "parameters": {"type": "object", "additionalProperties": TEXT},
    }
)
_VOLUME = fields(
    {
        "size": {"type": "string", "format": "int64"},
        "numberOfReplicas": WHOLE,
        "dataLocality": one_of("disabled", "best-effort", "strict-local"),
        "accessMode": one_of("rwo", "rwx"),
        "dataEngine": one_of("v1", "v2"),
        "diskSelector": TEXTS,
        "nodeSelector": TEXTS,
        "nodeID": TEXT,
        "staleReplicaTimeout": WHOLE,
        "replicaAutoBalance": one_of("ignored", "disabled", "least-effort", "best-effort"),
        "frontend": one_of("blockdev", "iscsi", "nvmf", "ublk", ""),
        "fromBackup": TEXT,
        "backupTargetName": TEXT,
        "encrypted": FLAG,
        "migratable": FLAG,
        "snapshotDataIntegrity": one_of("ignored", "disabled", "enabled", "fast-check"),
        "image": TEXT,
    }
)
_TARGET = fields({"backupTargetURL": TEXT, "credentialSecret": TEXT, "pollInterval": TEXT, "syncRequestedAt": FREE})
_TARGET["properties"]["syncRequestedAt"] = {"type": "string", "format": "date-time", "nullable": True}
_OTHERS = (
    ("BackingImage", "backingimages", ("lhbi",)),
    ("BackingImageDataSource", "backingimagedatasources", ("lhbids",)),
    ("BackingImageManager", "backingimagemanagers", ("lhbim",)),
    ("Backup", "backups", ("lhb",)),
    ("BackupBackingImage", "backupbackingimages", ("lhbbi",)),
    ("BackupVolume", "backupvolumes", ("lhbv",)),
    ("Engine", "engines", ("lhe",)),
    ("EngineImage", "engineimages", ("lhei",)),
    ("InstanceManager", "instancemanagers", ("lhim",)),
    ("Orphan", "orphans", ("lho",)),
    ("Replica", "replicas", ("lhr",)),
    ("ShareManager", "sharemanagers", ("lhsm",)),
    ("Snapshot", "snapshots", ("lhsnap",)),
    ("SupportBundle", "supportbundles", ("lhbundle",)),
    ("SystemBackup", "systembackups", ("lhsb",)),
    ("SystemRestore", "systemrestores", ("lhsr",)),
    ("VolumeAttachment", "volumeattachments", ("lhva",)),
)


def definitions(labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return all definitions."""
    common: dict[str, Any] = {"version": VERSION, "labels": {**labels, "longhorn-manager": ""}}
    setting = crd(
        *(GROUP, "Setting", "settings"),
        short=("lhs",),
        spec=None,
        status=fields({"applied": FLAG}),
        root={"value": TEXT},
        **common,
    )
    setting["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["required"] = ["value"]
    return [
        crd(GROUP, "Node", "nodes", short=("lhn",), spec=_NODE, **common),
        crd(GROUP, "Volume", "volumes", short=("lhv",), spec=_VOLUME, columns=_VOLUME_COLUMNS, **common),
        crd(GROUP, "RecurringJob", "recurringjobs", short=("lhrj",), spec=_JOB, **common),
        crd(GROUP, "BackupTarget", "backuptargets", short=("lhbt",), spec=_TARGET, **common),
        setting,
        *(crd(GROUP, kind, plural, short=short, spec=FREE, **common) for kind, plural, short in _OTHERS),
    ]


_VOLUME_COLUMNS = [
    {"name": "State", "type": "string", "jsonPath": ".status.state"},
    {"name": "Robustness", "type": "string", "jsonPath": ".status.robustness"},
    {"name": "Size", "type": "string", "jsonPath": ".spec.size"},
    {"name": "Node", "type": "string", "jsonPath": ".status.currentNodeID"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
