# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longhorn's decisions, without I/O: disks from labels, which disks take a replica, and how whole a volume is.

Source: longhorn v1.10 ``chart/``, ``docs/``; the scheduling rule is that of the documentation.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from ..api import Object

DRIVER = "driver.longhorn.io"
LABEL = "node.longhorn.io/create-default-disk"
DISKS, TAGS = "node.longhorn.io/default-disks-config", "node.longhorn.io/default-node-tags"
SOURCE = "recurring-job.longhorn.io/source"
JOB, GROUP = "recurring-job.longhorn.io/", "recurring-job-group.longhorn.io/"
DISK_SIZE = 1000204886016
"""A disk of the lab: one terabyte, in bytes."""
DEFAULTS = {
    "default-data-path": "/var/lib/longhorn/",
    "default-replica-count": '{"v1":"3","v2":"3"}',
    "storage-over-provisioning-percentage": "100",
    "storage-minimal-available-percentage": "25",
    "create-default-disk-labeled-nodes": "false",
    "node-drain-policy": "block-if-contains-last-replica",
    "node-down-pod-deletion-policy": "do-nothing",
    "replica-soft-anti-affinity": "false",
    "allow-volume-creation-with-degraded-availability": "true",
    "deleting-confirmation-flag": "false",
}
"""Settings that exist whether or not the chart sets them, with Longhorn's own defaults."""
_SIZES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "": 1}


def size(text: Any) -> int:
    """Read a Kubernetes quantity in bytes."""
    found = re.fullmatch(r"([\d.]+)([KMGT]i?)?", str(text))
    return int(float(found[1]) * _SIZES[found[2] or ""]) if found else 0


@dataclass(frozen=True)
class Disk:
    """One disk of one node as the scheduler sees it."""

    node: str
    name: str
    path: str
    uuid: str
    tags: frozenset[str]
    node_tags: frozenset[str]
    ready: bool
    schedulable: bool
    room: int
    scheduled: int = 0


@dataclass
class Spread:
    """Where the replicas of a volume lie, and why there are not more."""

    disks: list[Disk] = field(default_factory=list)
    problem: str = ""


def default_disks(node: Object, settings: dict[str, str]) -> dict[str, Object] | None:
    """Return the disks which a node gets when Longhorn first sees it; None: none."""
    labels, notes = node["metadata"].get("labels") or {}, node["metadata"].get("annotations") or {}
    path = settings.get("default-data-path") or DEFAULTS["default-data-path"]
    plain = {"default-disk": _disk({"path": path, "allowScheduling": True})}
    if settings.get("create-default-disk-labeled-nodes") != "true":
        return plain
    wish = labels.get(LABEL)
    if wish == "true":
        return plain
    if wish == "config":
        try:
            listed = json.loads(notes.get(DISKS) or "[]")
        except ValueError:
            return None
        return {_disk_name(entry): _disk(entry) for entry in listed}
    return None


def node_tags(node: Object) -> list[str]:
    """Return the default tags of a node's annotation."""
    try:
        found = json.loads((node["metadata"].get("annotations") or {}).get(TAGS) or "[]")
    except ValueError:
        return []
    return [str(tag) for tag in found]


def _disk_name(entry: Object) -> str:
    return entry.get("name") or f"disk-{hashlib.sha256(entry['path'].encode()).hexdigest()[:8]}"


def _disk(entry: Object) -> Object:
    return {
        "path": entry["path"],
        "diskType": entry.get("diskType", "filesystem"),
        "allowScheduling": bool(entry.get("allowScheduling", True)),
        "evictionRequested": False,
        "storageReserved": int(entry.get("storageReserved", 0)),
        "tags": list(entry.get("tags") or []),
    }


def uuid_of(node: str, path: str) -> str:
    """Return the id that Longhorn would write onto the disk."""
    digest = hashlib.sha256(f"{node}{path}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def spread(volume: Object, disks: list[Disk], kept: list[str], *, soft: bool) -> Spread:
    """Choose disks for the replicas of a volume.

    :param kept: uuids of disks that hold one already; :param soft: two replicas may share a node.
    """
    spec = volume["spec"]
    wanted, need = int(spec.get("numberOfReplicas") or 3), int(spec.get("size") or 0)
    selector, nodes = set(spec.get("diskSelector") or []), set(spec.get("nodeSelector") or [])
    found = [d for d in disks if d.uuid in kept and d.ready]
    fits = [d for d in disks if selector <= d.tags and nodes <= d.node_tags]
    roomy = [d for d in fits if d.ready and d.schedulable and d.room - d.scheduled >= need]
    for disk in sorted(roomy, key=lambda d: (d.scheduled, d.node, d.name)):
        if len(found) < wanted and disk.node not in {d.node for d in found}:
            found.append(disk)
    if soft:
        for disk in roomy:
            if len(found) < wanted and disk not in found:
                found.append(disk)
    if len(found) >= wanted:
        return Spread(found[:wanted])
    if not disks:
        reason = "no available disk candidates to create a new replica of size"
    elif not fits:
        reason = "tags not fulfilled"
    elif not roomy and not found:
        reason = "insufficient storage" if any(d.ready and d.schedulable for d in fits) else "disks are unavailable"
    else:
        reason = "hard affinity cannot be satisfied"
    return Spread(found, f"precheck new replica failed: {reason}")


def job_labels(claim: Object, parameters: dict[str, str]) -> dict[str, str]:
    """Return the recurring-job labels of a volume: of its claim, else of its class, else the group ``default``."""
    labels = claim["metadata"].get("labels") or {}
    if labels.get(SOURCE) in ("enabled", "enable"):
        return {k: v for k, v in labels.items() if k.startswith((JOB, GROUP)) and k != SOURCE}
    try:
        listed = json.loads(parameters.get("recurringJobSelector") or "[]")
    except ValueError:
        listed = []
    if listed:
        return {f"{GROUP if one.get('isGroup') else JOB}{one['name']}": "enabled" for one in listed}
    return {f"{GROUP}default": "enabled"}


def volume_spec(claim: Object, parameters: dict[str, str]) -> Object:
    """Return the spec of the volume for a claim."""
    modes = claim["spec"].get("accessModes") or ["ReadWriteOnce"]
    asked = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "1Gi")

    def tags(key: str) -> list[str]:
        return [word.strip() for word in parameters.get(key, "").split(",") if word.strip()]

    return {
        "size": str(size(asked)),
        "numberOfReplicas": int(parameters.get("numberOfReplicas") or 3),
        "dataLocality": parameters.get("dataLocality") or "disabled",
        "accessMode": "rwx" if "ReadWriteMany" in modes else "rwo",
        "dataEngine": parameters.get("dataEngine") or "v1",
        "diskSelector": tags("diskSelector"),
        "nodeSelector": tags("nodeSelector"),
        "staleReplicaTimeout": int(parameters.get("staleReplicaTimeout") or 30),
        "replicaAutoBalance": parameters.get("replicaAutoBalance") or "ignored",
        "frontend": "blockdev",
        "backupTargetName": parameters.get("backupTargetName") or "default",
        "encrypted": parameters.get("encrypted") == "true",
        "migratable": parameters.get("migratable") == "true" and "ReadWriteMany" in modes,
    }


def robustness(wanted: int, whole: int, attached: bool) -> str:
    """Return how whole a volume is; of a detached one nobody can tell unless nothing is left."""
    if whole == 0:
        return "faulted"
    if not attached:
        return "unknown"
    return "healthy" if whole >= wanted else "degraded"
