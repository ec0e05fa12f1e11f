# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The area ``storage``: Longhorn's disks, volumes and backups; pure.

Fields of ``longhorn.io/v1beta2`` (longhorn@v1.10.1 ``deploy/longhorn.yaml``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ..longhorn import replicas
from .areas import Area, Facts, Number, counted, days_left, instant, size

Object = Mapping[str, Any]


def storage(facts: Facts) -> Area:
    """Judge disks, volumes and backups."""
    blank = facts.unknown("storage", "longhorn", "Longhorn")
    if blank is not None:
        return blank
    area, found = Area("storage"), facts.value("longhorn")
    shown = set(facts.wanted.shown)
    limited = len(shown) < len(facts.wanted.nodes)
    total = used = 0
    for node in found["nodes"]:
        name = str(node["metadata"]["name"])
        if limited and name not in shown:
            continue
        for disk, spec in sorted(((node.get("spec") or {}).get("disks") or {}).items()):
            status = ((node.get("status") or {}).get("diskStatus") or {}).get(disk) or {}
            row = _disk(area, facts, name, disk, spec, status)
            total, used = total + row["total"], used + row["used"]
    disks = len(area.rows)
    if not disks:
        area.find("error", "Longhorn", "has no disk: no volume can be made")
    volumes = replicas.rows(found["volumes"], found["replicas"])
    bodies = {str(body["metadata"]["name"]): body for body in found["volumes"]}
    listed = [one for one in volumes if not limited or shown & set(one.good)]
    for volume in listed:
        _volume(area, facts, volume, bodies[volume.name], found)
    if not limited:
        _targets(area, found["targets"])
    fine = sum(one.robustness == "healthy" or one.state == "detached" for one in listed)
    share = f", {size(used)} of {size(total)} used" if total else ""
    area.summary = f"{fine} of {counted(len(listed), 'volume')} healthy, {counted(disks, 'disk')}{share}"
    return area


def _disk(area: Area, facts: Facts, node: str, disk: str, spec: Object, status: Object) -> dict[str, Any]:
    conditions = {str(item.get("type")): item for item in status.get("conditions") or []}
    ready = (conditions.get("Ready") or {}).get("status") == "True"
    total, free = int(status.get("storageMaximum") or 0), int(status.get("storageAvailable") or 0)
    used = max(0, total - free)
    percent = used * 100 // total if total else 0
    row = {
        "kind": "disk",
        "name": f"{node}/{disk}",
        "state": "ok" if ready else "error",
        "path": str(spec.get("path") or status.get("diskPath") or ""),
        "total": total,
        "used": used,
        "percent": percent,
        "reserved": int(spec.get("storageReserved") or 0),
        "scheduled": int(status.get("storageScheduled") or 0),
        "schedulable": bool(spec.get("allowScheduling"))
        and (conditions.get("Schedulable") or {}).get("status") == "True",
        "text": f"{size(used)} of {size(total)} used",
    }
    area.rows.append(row)
    subject, limits = f"disk {node}/{disk}", facts.wanted.thresholds
    if not ready:
        said = (conditions.get("Ready") or {}).get("message") or "its node has not said anything of it yet"
        area.find("error", subject, str(said))
    elif not row["schedulable"]:
        area.find("warning", subject, "takes no new replicas")
    if total:
        area.numbers.append(Number("storage_used", f"{node}/{disk}", "bytes", used, total))
        if percent >= limits.storage_critical:
            area.find("error", subject, f"is {percent} % full")
        elif percent >= limits.storage_warning:
            area.find("warning", subject, f"is {percent} % full")
    return row


def _volume(area: Area, facts: Facts, row: replicas.VolumeRow, body: Object, found: Mapping[str, Any]) -> None:
    last = _last_backup(row.name, body, found["backup_volumes"])
    subject = f"volume {row.claim or row.name}"
    area.rows.append(
        {
            "kind": "volume",
            "name": row.claim or row.name,
            "volume": row.name,
            "state": row.robustness if row.state != "detached" else "detached",
            "size": row.size,
            "wanted": row.wanted,
            "good": list(row.good),
            "last_backup": last or None,
            "text": f"{len(row.good)} of {counted(row.wanted, 'replica')}, "
            + (
                f"backup {days_left(facts.wanted.now, instant(last) or facts.wanted.now):g} days old"
                if last
                else "no backup"
            ),
        }
    )
    if row.robustness == "faulted":
        area.find("error", subject, f"is faulted: {len(row.good)} of {counted(row.wanted, 'replica')} is good")
    elif row.state == "attached" and row.robustness == "degraded":
        area.find("warning", subject, f"is degraded: {len(row.good)} of {counted(row.wanted, 'replica')} are good")
    # A volume that is younger than the age of a backup has not missed one yet.
    age, born = timedelta(days=facts.wanted.thresholds.backup_age), instant(body["metadata"].get("creationTimestamp"))
    since = instant(last) or born
    if since is not None and facts.wanted.now - since > age:
        days = (facts.wanted.now - since).days
        area.find(
            "warning", subject, f"was last backed up {days} days ago" if last else f"has no backup in {days} days"
        )


def _last_backup(name: str, body: Object, backups: Sequence[Object]) -> str:
    """Return when a volume was last backed up, from the volume itself or from its backup volume."""
    found = [str((body.get("status") or {}).get("lastBackupAt") or "")]
    for backup in backups:
        if (backup.get("spec") or {}).get("volumeName") == name or backup["metadata"]["name"] == name:
            found.append(str((backup.get("status") or {}).get("lastBackupAt") or ""))
    return max(found)


def _targets(area: Area, targets: Sequence[Object]) -> None:
    for target in targets:
        name, status = str(target["metadata"]["name"]), target.get("status") or {}
        said = next((str(item.get("message")) for item in status.get("conditions") or [] if item.get("message")), "")
        fine = bool(status.get("available"))
        url = str((target.get("spec") or {}).get("backupTargetURL") or "")
        area.rows.append(
            {"kind": "backup target", "name": name, "state": "ok" if fine else "error", "text": said or url}
        )
        if not fine:
            area.find("error", f"backup target {name}", said or "is not available")
