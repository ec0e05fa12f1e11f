# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""User volumes: whether Talos can make one on a disk that is not blank, and what became of one on a node.

Pure. What is on a disk comes from the node's ``DiscoveredVolumes.block.talos.dev``, which is what Talos itself decides
by. It never wipes anything: a volume without room stays in phase ``failed``, while the node is running and ready.
Source: siderolabs/talos v1.10 ``internal/app/machined/pkg/controllers/block/internal/volumes`` ``locate.go``,
``disk.go``, ``partition.go``, ``format.go``; siderolabs/go-blockdevice v2 ``partitioning/gpt``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .documents import Document
from .scalars import format_bytes, parse_bytes

Disk = Mapping[str, Any]
#: The ``spec`` of a DiscoveredVolume: a disk or a partition, and what the prober found on it.
Discovered = Mapping[str, Any]

KIND = "UserVolumeConfig"
#: What Talos keeps free for a new partition table: 34 sectors in front, 33 behind.
TABLE_SECTORS = 67
#: Less is no volume: mkfs.xfs refuses allocation groups below 16 MiB. Talos asks for one sector and fails there.
SMALLEST = 16 * 1024**2

#: For a volume that is failed, whatever Talos says of it.
FAILED_REMEDY = (
    "The machine config is on the node; Talos tries again by itself as soon as the volume's disk is there and has "
    "room, and wipes nothing. Look at what DiscoveredVolumes says of that disk; when nothing on it is needed, wipe it, "
    "and nothing else (BlockDeviceWipe: talosctl wipe disk NAME), and run the same task again. check_hardware: false "
    "leaves the volume alone"
)


@dataclass(frozen=True)
class Verdict:
    """Something that keeps a volume from its disk.

    :param severity: ``error``: Talos would not make the volume, or overwrite what it does not know; ``warning``: it
        makes another one than was meant.
    """

    severity: str
    message: str
    remedy: str = ""


def label_of(name: str) -> str:
    """Return the label of the partition, which is the id of the volume's status too."""
    return f"u-{name}"


def judge(document: Document, disk: Disk, shown: str, discovered: Sequence[Discovered]) -> Iterator[Verdict]:
    """Say what stands between a ``UserVolumeConfig`` and the disk that its selector means.

    Talos looks for the partition's label on every disk first, and only then for room: on a disk on which its prober
    finds nothing, or in the largest gap of a GPT table. ``grow`` matters only to a partition that is there. Gaps are
    not told by a node, so what is free is judged by its sum: a table in pieces may pass here and fail there.

    :param shown: the disk for people.
    :param discovered: of all disks of the node; a disk that was not probed is not judged.
    """
    label = label_of(document.name)
    own = next((one for one in discovered if one.get("partition_label") == label), None)
    if own is not None:
        yield from _judge_own(document, disk, shown, own)
        return
    path = str(disk.get("dev_path"))
    whole = next((one for one in discovered if one.get("dev_path") == path), None)
    parts = [one for one in discovered if _parent(one) == path]
    if whole is None:
        return
    found = str(whole.get("name") or "")
    least = _bytes(document, "minSize")
    if not found and not parts:
        yield from _judge_blank(document, disk, shown, least)
        return
    holds = _holds(found, whole, parts)
    remedy = wipe_remedy(path)
    if found != "gpt":
        if found:
            why = f"Talos makes {label} on a blank disk or in a GPT table with room, and never wipes one"
        else:
            why = f"Talos does not know its partition table and would write a new one over it for {label}"
        yield Verdict("error", f"{shown} is not blank: {holds}. {why}", remedy)
        return
    room = _room(disk, whole, parts)
    wanted = max(least, SMALLEST)
    if room < wanted:
        need = f"minSize {_given(document, 'minSize')}" if least > SMALLEST else "any volume"
        yield Verdict(
            "error",
            f"{shown} is not blank: {holds}, which leaves {format_bytes(room)}, too little for {need}. Talos makes "
            f"{label} in what is free, and never wipes anything",
            remedy,
        )
    elif parts and room < min(_bytes(document, "maxSize") or _size(disk), _size(disk)):
        yield Verdict(
            "warning",
            f"{shown} is not blank: {holds}. {label} gets no more than the {format_bytes(room)} that are left",
            remedy,
        )


def _judge_own(document: Document, disk: Disk, shown: str, own: Discovered) -> Iterator[Verdict]:
    """Judge a partition with the volume's label: Talos takes it, on any disk, when its filesystem is the right one."""
    where = str(own.get("dev_path"))
    label = label_of(document.name)
    if _parent(own) != str(disk.get("dev_path")):
        yield Verdict(
            "warning", f"the selector means {shown}, but Talos takes {where}, which has the label {label} already"
        )
    wanted = str((document.body.get("filesystem") or {}).get("type") or "xfs")
    if document.body.get("encryption"):
        wanted = "luks"
    found = str(own.get("name") or "")
    if found not in ("", wanted):
        yield Verdict(
            "error",
            f"{where} on {shown} has the label {label} and holds {found}, and {wanted} is wanted: Talos refuses it "
            f"(filesystem type mismatch: {found} != {wanted})",
            wipe_remedy(where),
        )


def _judge_blank(document: Document, disk: Disk, shown: str, least: int) -> Iterator[Verdict]:
    table = TABLE_SECTORS * int(disk.get("sector_size") or 512)
    if least and _size(disk) < least + table:
        yield Verdict("error", f"minSize {_given(document, 'minSize')} is more than {shown} has beside its table")


def _holds(found: str, whole: Discovered, parts: Sequence[Discovered]) -> str:
    """Return what is on a disk, ``it holds a GPT table with /dev/sda1 (unknown content, 1.0 TB)``."""
    listed = ", ".join(
        f"{one.get('dev_path')} ({' '.join(_names(one))}, {one.get('pretty_size') or format_bytes(_size(one))})"
        for one in sorted(parts, key=lambda one: int(one.get("partition_index") or 0))
    )
    if not found:
        return f"it holds {listed}"
    if found != "gpt":
        return f"it holds {' '.join(_names(whole))} on the whole disk"
    return f"it holds a GPT table with {listed}" if listed else "it holds an empty GPT table"


def _names(one: Discovered) -> list[str]:
    """Return what the prober found, and the label that tells a person which disk it is."""
    label = str(one.get("label") or one.get("partition_label") or "")
    return [str(one.get("name") or "unknown content"), *([f'"{label}"'] if label else [])]


def _parent(one: Discovered) -> str:
    if one.get("parent_dev_path"):
        return str(one["parent_dev_path"])
    return f"/dev/{one['parent']}" if one.get("parent") else ""


def _room(disk: Disk, whole: Discovered, parts: Sequence[Discovered]) -> int:
    """Return the bytes of a GPT table that no partition has; the table says itself how many it can give away."""
    table = TABLE_SECTORS * int(disk.get("sector_size") or 512)
    usable = int(whole.get("probed_size") or 0) or _size(disk) - table
    return max(0, usable - sum(_size(one) for one in parts))


def _size(one: Mapping[str, Any]) -> int:
    return int(one.get("size") or 0)


def _given(document: Document, key: str) -> Any:
    return (document.body.get("provisioning") or {}).get(key)


def _bytes(document: Document, key: str) -> int:
    """Return a size of the document; 0 without one, and for what the offline validation refuses."""
    try:
        return parse_bytes(str(_given(document, key) or 0))
    except ValueError:
        return 0


def wipe_remedy(path: str) -> str:
    """Return how a person makes room. On purpose by hand: nothing here decides that somebody's data may go."""
    name = path.removeprefix("/dev/")
    return (
        f"Save what is needed, then wipe {path} of this node and nothing else, in another computer (wipefs --all) or "
        f"by Talos where it is installed (BlockDeviceWipe: talosctl wipe disk {name}; Talos 1.10 refuses that in "
        "maintenance), or select another disk. Nothing wipes it for you"
    )


# -- what became of them ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """One user volume on a node.

    :param phase: in Talos' words; ``absent`` when the node has no status of it (yet).
    """

    name: str
    phase: str
    error: str = ""

    def __str__(self) -> str:
        return f"{label_of(self.name)} is {self.phase}" + (f": {self.error}" if self.error else "")


def wanted(config: Sequence[Document]) -> list[str]:
    """Return the names of a machine config's user volumes."""
    return [document.name for document in config if document.kind == KIND]


def states(names: Sequence[str], statuses: Mapping[str, Mapping[str, Any]]) -> list[State]:
    """Return what became of volumes.

    :param statuses: the ``spec`` of each ``VolumeStatuses.block.talos.dev`` by its id.
    """
    found = []
    for name in names:
        spec = statuses.get(label_of(name)) or {}
        found.append(State(name, str(spec.get("phase") or "absent"), str(spec.get("errorMessage") or "")))
    return found
