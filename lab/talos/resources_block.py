# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of disks, partitions and volumes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from . import hardware
from .documents import dig
from .spec import Disk

if TYPE_CHECKING:
    from .node import Node

MIB, GIB = 1024**2, 1024**3
_LAYOUT = (
    ("EFI", 2100 * MIB, "vfat"),
    ("META", MIB, "talosmeta"),
    ("STATE", 100 * MIB, "xfs"),
    ("EPHEMERAL", 0, "xfs"),
)
#: What Windows and macOS call a partition with exFAT, and its type.
_BASIC_DATA, _BASIC_TYPE = "Basic data partition", "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
_LINUX_TYPE = "0fc63daf-8483-4772-8e79-3d69d8477de4"
#: Sectors of a GPT table, 34 in front and 33 behind, which no partition gets.
_TABLE = 67
_LUKS = {"STATE": "state", "EPHEMERAL": "ephemeral"}


def pretty(size: int) -> str:
    """A size as github.com/dustin/go-humanize prints it: ``251 GB``, ``1.0 TB``."""
    if size < 10:
        return f"{size} B"
    value, units = float(size), ["B", "kB", "MB", "GB", "TB", "PB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}" if round(value, 1) < 10 else f"{value:.0f} {units[0]}"


def disks(node: Node) -> dict[str, Any]:
    """The disks."""
    out: dict[str, Any] = {}
    for disk in node.disks:
        spec: dict[str, Any] = {
            "dev_path": disk.path,
            "size": disk.size,
            "pretty_size": pretty(disk.size),
            "io_size": disk.io_size,
            "sector_size": disk.sector_size,
            "readonly": disk.readonly,
            "cdrom": disk.cdrom,
        }
        optional = {
            "model": disk.model,
            "serial": disk.serial,
            "modalias": disk.modalias,
            "wwid": disk.wwid,
            "uuid": disk.uuid,
            "bus_path": disk.bus_path,
            "sub_system": "/sys/class/block",
            "transport": disk.transport,
            "rotational": disk.rotational,
        }
        spec |= {key: value for key, value in optional.items() if value}
        if disk.serial:
            name = disk.model.replace(" ", "_")
            spec["symlinks"] = [f"/dev/disk/by-id/{disk.transport}-{name}_{disk.serial}"]
        out[disk.name] = spec
    return out


def system_disk(node: Node) -> dict[str, Any]:
    """The disk with Talos on it; absent while not installed."""
    disk = hardware.system_disk(node)
    return {"system-disk": {"diskID": disk.name, "devPath": disk.path}} if disk else {}


def _identifier(node: Node, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{node.spec.uuid}/{what}"))


def _encrypted(node: Node, label: str) -> bool:
    return label in _LUKS and bool(dig(node.machine_config, f"machine.systemDiskEncryption.{_LUKS[label]}"))


def partitions(node: Node) -> list[dict[str, Any]]:
    """All partitions: name, parent, label, index, size, filesystem."""
    rows: list[dict[str, Any]] = []
    system = hardware.system_disk(node)
    if system is not None:
        left = system.size
        for index, (label, size, filesystem) in enumerate(_LAYOUT, start=1):
            if label == "EPHEMERAL" and not node.storage.ephemeral:
                continue
            if label == "STATE" and node.storage.state is None:
                filesystem = ""
            rows.append(_row(system, index, label, size or left - 4 * MIB, filesystem))
            left -= size
        first = len(_LAYOUT) + 1
        rows += _user_rows(node, system, first)
    for disk in node.disks:
        if disk is not system:
            rows += _user_rows(node, disk, 1)
        if hardware.foreign(node, disk) == "gpt":
            rows.append({**_row(disk, 1, _BASIC_DATA, disk.size - 2 * MIB, ""), "foreign": True})
    return rows


def _user_rows(node: Node, disk: Disk, first: int) -> list[dict[str, Any]]:
    names = [name for name, where in node.storage.user_volumes.items() if where == disk.name]
    documents = {str(d.get("name")): d for d in (node.active.named("UserVolumeConfig") if node.active else [])}
    rows = []
    for offset, name in enumerate(names):
        document = documents.get(name, {})
        filesystem = str(dig(document, "filesystem.type") or "xfs")
        limit = dig(document, "provisioning.maxSize")
        size = min(disk.size - 2 * MIB, hardware.parse_size(str(limit))) if limit else disk.size - 2 * MIB
        rows.append(_row(disk, first + offset, f"u-{name}", size, filesystem))
    return rows


def _row(disk: Disk, index: int, label: str, size: int, filesystem: str) -> dict[str, Any]:
    return {
        "name": disk.partition(index),
        "parent": disk.name,
        "label": label,
        "index": index,
        "size": size,
        "filesystem": filesystem,
    }


def discovered(node: Node) -> dict[str, Any]:
    """Disks and partitions as the prober sees them (``controllers/block/discovery.go``)."""
    rows = partitions(node)
    known = {disk.name: disk for disk in node.disks}
    out: dict[str, Any] = {}
    for disk in node.disks:
        whole = "gpt" if any(row["parent"] == disk.name for row in rows) else hardware.foreign(node, disk)
        spec: dict[str, Any] = {
            "dev_path": disk.path,
            "type": "disk",
            "device_path": f"/sys/devices{disk.bus_path}/block/{disk.name}",
            "size": disk.size,
            "pretty_size": pretty(disk.size),
            "sector_size": disk.sector_size,
            "io_size": disk.io_size,
            "name": whole,
        }
        if whole:
            spec["uuid"] = _identifier(node, disk.name)
            spec["block_size"] = disk.sector_size
            spec["probed_size"] = disk.size - (_TABLE * disk.sector_size if whole == "gpt" else 0)
        out[disk.name] = spec
    for row in rows:
        disk = known[row["parent"]]
        spec = {
            "dev_path": f"/dev/{row['name']}",
            "type": "partition",
            "device_path": f"/sys/devices{disk.bus_path}/block/{disk.name}/{row['name']}",
            "parent": row["parent"],
            "parent_dev_path": f"/dev/{row['parent']}",
            "size": row["size"],
            "pretty_size": pretty(row["size"]),
            "sector_size": disk.sector_size,
            "io_size": disk.io_size,
            "name": "luks" if _encrypted(node, row["label"]) and row["filesystem"] else row["filesystem"],
        }
        if row["filesystem"] not in ("", "talosmeta"):
            spec["uuid"] = _identifier(node, f"{row['name']}/fs")
            spec["label"] = row["label"]
            spec |= {"block_size": disk.sector_size, "probed_size": row["size"]}
        spec |= {
            "partition_uuid": _identifier(node, row["name"]),
            "partition_type": _BASIC_TYPE if row.get("foreign") else _LINUX_TYPE,
            "partition_label": row["label"],
            "partition_index": row["index"],
        }
        out[row["name"]] = spec
    return out


def volume_statuses(node: Node) -> dict[str, dict[str, Any]]:
    """META, STATE, EPHEMERAL and the user volumes; phases as the volume manager reports them."""
    rows = {row["label"]: row for row in partitions(node) if not row.get("foreign")}
    out: dict[str, dict[str, Any]] = {}
    for label in ("META", "STATE", "EPHEMERAL"):
        row = rows.get(label)
        if row is None:
            waiting = {"META": "missing", "STATE": "missing"}.get(label, "waiting")
            if label != "EPHEMERAL" or node.active is not None:
                out[label] = {"phase": waiting, "type": "partition"}
        else:
            ready = label == "META" or row["filesystem"] != ""
            out[label] = _volume(node, row, "ready" if ready else "missing")
    for document in node.active.named("UserVolumeConfig") if node.active else []:
        label = f"u-{document.get('name')}"
        row = rows.get(label)
        if row is not None:
            out[label] = _volume(node, row, "ready")
        elif node.storage.ephemeral:
            failure = hardware.volume_failure(node, document)
            out[label] = {"phase": "failed", "type": "partition", "errorMessage": failure}
        else:
            out[label] = {"phase": "waiting", "type": "partition"}
    return out


def _volume(node: Node, row: dict[str, Any], phase: str) -> dict[str, Any]:
    label = row["label"]
    encrypted = _encrypted(node, label)
    location = f"/dev/{row['name']}"
    spec: dict[str, Any] = {
        "phase": phase,
        "type": "partition",
        "location": location,
        "mountLocation": f"/dev/dm-{row['index']}" if encrypted else location,
        "partitionIndex": row["index"],
        "parentLocation": f"/dev/{row['parent']}",
        "uuid": _identifier(node, f"{row['name']}/fs"),
        "partitionUUID": _identifier(node, row["name"]),
        "size": row["size"],
        "prettySize": pretty(row["size"]),
        "filesystem": "none" if row["filesystem"] == "talosmeta" else row["filesystem"],
    }
    if encrypted:
        spec["encryptionProvider"] = "luks2"
    if label != "META":
        target = {"STATE": "/system/state", "EPHEMERAL": "/var"}.get(label, label[2:])
        spec["mountSpec"] = {"targetPath": target}
    return {key: value for key, value in spec.items() if value != ""}


def mounts(node: Node) -> dict[str, Any]:
    """Mounted volumes."""
    out: dict[str, Any] = {}
    for label, volume in volume_statuses(node).items():
        if volume["phase"] != "ready" or label == "META":
            continue
        target = {"STATE": "/system/state", "EPHEMERAL": "/var"}.get(label, f"/var/mnt/{label[2:]}")
        out[label] = {
            "source": volume["mountLocation"],
            "target": target,
            "filesystemType": volume["filesystem"],
            "options": ["prjquota"] if label == "EPHEMERAL" else [],
            "encrypted": "encryptionProvider" in volume,
        }
    return out


PRODUCERS: dict[tuple[str, str], Any] = {
    ("runtime", "disks.block.talos.dev"): disks,
    ("runtime", "systemdisks.block.talos.dev"): system_disk,
    ("runtime", "discoveredvolumes.block.talos.dev"): discovered,
    ("runtime", "volumestatuses.block.talos.dev"): volume_statuses,
    ("runtime", "mountstatuses.runtime.talos.dev"): mounts,
}
