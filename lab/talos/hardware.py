# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks, volumes and images of a node: selectors, partitions, wiping, and what an installer image brings.

Facts: siderolabs/talos v1.10 ``pkg/machinery/config/types/v1alpha1`` (install disk selector),
``internal/app/machined/pkg/controllers/block`` (volumes), image reference forms of the Image Factory.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import cel
from .documents import Config, dig
from .spec import Disk, schematic_id

if TYPE_CHECKING:
    from .node import Node

VANILLA = schematic_id([])
_FACTORY = re.compile(
    r"^[\w.:-]+/(?:metal-)?installer(?:-secureboot)?/(?P<id>[0-9a-f]{64}):(?P<tag>v\d+\.\d+\.\d+[\w.-]*)$"
)
_PLAIN = re.compile(r"^[\w.:/-]+/installer:(?P<tag>v\d+\.\d+\.\d+[\w.-]*)$")
_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4, "PB": 1000**5}
_UNITS |= {"KIB": 1024, "MIB": 1024**2, "GIB": 1024**3, "TIB": 1024**4, "PIB": 1024**5}
GIB = 1024**3


class ImageError(Exception):
    """An installer reference that cannot be pulled or is no installer."""


@dataclass(frozen=True)
class Image:
    """What an installer image brings: version tag and schematic id."""

    version: str
    schematic: str


def read_image(reference: str) -> Image:
    """What the installer behind a reference is.

    :raises ImageError: with the text of the pull or of the check.
    """
    if "://" in reference or not re.fullmatch(r"[\w.:/@-]+", reference):
        raise ImageError("could not parse reference: " + reference)
    match = _FACTORY.match(reference)
    if match:
        return Image(match["tag"], match["id"])
    match = _PLAIN.match(reference)
    if match:
        return Image(match["tag"], VANILLA)
    if re.search(r"/talos:", reference) or "/installer" not in reference:
        raise ImageError("manifest unknown: not an installer image")
    raise ImageError(f'failed to pull image "{reference}": not found')


def pull(node: Node, reference: str) -> Image:
    """Pull an installer; the Image Factory has one only of a schematic that it was given.

    :raises ImageError: with the text of the pull or of the check.
    """
    image = read_image(reference)
    if image.schematic != VANILLA and not node.cluster.schematics(image.schematic):
        raise ImageError(f'failed to pull image "{reference}": failed to resolve reference "{reference}": not found')
    return image


def write_image(node: Node, reference: str) -> None:
    """Put an installer's image on the system disk; the old one stays as the other boot entry."""
    try:
        image = read_image(reference)
    except ImageError:
        image = Image(node.storage.version, node.storage.schematic)
    store = node.storage
    if store.installed:
        store.fallback = (store.version, store.schematic, list(store.extensions))
    known = {other.spec.schematic: list(other.spec.extensions) for other in node.cluster.nodes}
    known[VANILLA] = []
    store.version, store.schematic = image.version, image.schematic
    store.extensions = known.get(image.schematic, store.extensions)
    store.installed = True


def start_extension(node: Node, extension: str) -> None:
    """Start the service of an extension that has one; lldpd waits for its configuration document."""
    if not extension.endswith("lldpd"):
        return
    node.services.add("ext-lldpd", checked=False)
    documents = node.active.named("ExtensionServiceConfig") if node.active else []
    if any(document.get("name") == "lldpd" for document in documents):
        node.services.run("ext-lldpd")
    else:
        node.services.move("ext-lldpd", 2, "Waiting for extension service config")


# -- the install disk --------------------------------------------------------------------------------------------------
def parse_size(text: str) -> int:
    """Bytes of ``120GB``; the number may carry decimals.

    :raises ValueError: for anything else.
    """
    match = re.fullmatch(r"\s*([\d.]+)\s*([a-zA-Z]*)\s*", text)
    if not match or match[2].upper() not in _UNITS:
        raise ValueError(f"invalid size {text!r}")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _size_matches(disk: Disk, text: str) -> bool:
    match = re.fullmatch(r"\s*(>=|<=|>|<|==)?\s*(.+)", text)
    if match is None:
        return False
    limit = parse_size(match[2])
    sign = match[1] or "=="
    return {
        ">=": disk.size >= limit,
        "<=": disk.size <= limit,
        ">": disk.size > limit,
        "<": disk.size < limit,
        "==": disk.size == limit,
    }[sign]


class SelectorError(Exception):
    """An install disk selector that cannot be used."""


def selector_expression(selector: dict[str, Any]) -> str:
    """A disk selector as the CEL expression that Talos prints (``DiskMatchExpression``).

    :raises SelectorError: for ``name`` and unknown types.
    """
    parts = []
    if selector.get("size"):
        match = re.fullmatch(r"\s*(>=|<=|>|<|==)?\s*(.+)", str(selector["size"]))
        assert match is not None
        parts.append(f"disk.size {match[1] or '=='} {parse_size(match[2])}u")
    parts += [f'glob("{selector[key]}", disk.{key})' for key in ("uuid", "wwid", "model") if selector.get(key)]
    if selector.get("name"):
        raise SelectorError("selector on name is not supported")
    parts += [f'glob("{selector[key]}", disk.{key})' for key in ("serial", "modalias") if selector.get(key)]
    parts.append('disk.transport != ""')
    kinds = {
        "nvme": 'disk.transport == "nvme"',
        "sd": 'disk.transport == "mmc"',
        "hdd": "disk.rotational",
        "ssd": "!disk.rotational",
    }
    if selector.get("type"):
        if selector["type"] not in kinds:
            raise SelectorError(f'unsupported disk type "{selector["type"]}"')
        parts.append(kinds[selector["type"]])
    if selector.get("busPath"):
        parts.append(f'glob("{selector["busPath"]}", disk.bus_path)')
    return " && ".join([*parts, "!disk.readonly", "!disk.cdrom"])


def select(disks: list[Disk], selector: dict[str, Any]) -> list[Disk]:
    """The disks which an install selector matches."""
    found = []
    for disk in disks:
        if disk.readonly or disk.cdrom or not disk.transport:
            continue
        if selector.get("size") and not _size_matches(disk, str(selector["size"])):
            continue
        kinds = {"nvme": disk.transport == "nvme", "sd": disk.transport == "mmc"}
        kinds |= {"hdd": disk.rotational, "ssd": not disk.rotational}
        if selector.get("type") and not kinds.get(str(selector["type"]), False):
            continue
        globs = {"uuid": disk.uuid, "wwid": disk.wwid, "model": disk.model, "serial": disk.serial}
        globs |= {"modalias": disk.modalias, "busPath": disk.bus_path}
        if all(fnmatch.fnmatchcase(value, str(selector[key])) for key, value in globs.items() if selector.get(key)):
            found.append(disk)
    return found


def install_disk(node: Node, config: Config) -> Disk | None:
    """The disk which the config installs to; a selector has priority over a name."""
    selector = dig(config.v1alpha1, "machine.install.diskSelector")
    if selector:
        return next(iter(select(node.disks, selector)), None)
    path = str(dig(config.v1alpha1, "machine.install.disk") or "")
    return next((disk for disk in node.disks if disk.path == path), None)


def system_disk(node: Node) -> Disk | None:
    """The disk with Talos on it, when the node sees it."""
    if not node.storage.installed:
        return None
    return next((disk for disk in node.disks if disk.name == node.storage.system_disk), None)


def format_system_disk(node: Node, disk: Disk) -> None:
    """A new partition table: whatever the disk held is gone."""
    _lose_etcd(node)
    store = node.storage
    store.system_disk, store.ephemeral, store.state = disk.name, False, None
    store.fallback = None
    store.user_volumes = {name: where for name, where in store.user_volumes.items() if where != disk.name}
    _clean(node, disk.name)


# -- user volumes ------------------------------------------------------------------------------------------------------
def disk_facts(node: Node, disk: Disk) -> dict[str, Any]:
    """What a CEL expression sees of a disk."""
    return {
        "size": disk.size,
        "model": disk.model,
        "serial": disk.serial,
        "wwid": disk.wwid,
        "uuid": disk.uuid,
        "modalias": disk.modalias,
        "transport": disk.transport,
        "rotational": disk.rotational,
        "readonly": disk.readonly,
        "cdrom": disk.cdrom,
        "bus_path": disk.bus_path,
        "dev_path": disk.path,
        "io_size": disk.io_size,
        "sector_size": disk.sector_size,
    }


def foreign(node: Node, disk: Disk) -> str:
    """What somebody else left on a disk: a filesystem's name, ``gpt``, or nothing."""
    if disk is system_disk(node) or disk.name in node.storage.user_volumes.values():
        return ""
    return node.faults.foreign_disks.get(disk.name, "")


def _volume_disks(node: Node, document: dict[str, Any]) -> list[Disk]:
    """The disks which a UserVolumeConfig's selector matches."""
    expression = str(dig(document, "provisioning.diskSelector.match") or "")
    return [
        disk
        for disk in node.disks
        if cel.matches(
            expression,
            {
                "disk": disk_facts(node, disk),
                "system_disk": node.storage.installed and disk.name == node.storage.system_disk,
            },
        )
    ]


def volume_disk(node: Node, document: dict[str, Any]) -> Disk | None:
    """The first of them on which the volume can be made: blank, or with a partition table of Talos' own making."""
    return next((disk for disk in _volume_disks(node, document) if not foreign(node, disk)), None)


def volume_failure(node: Node, document: dict[str, Any]) -> str:
    """Why a volume cannot be made, in Talos' words: ``locate.go``, ``disk.go`` and go-blockdevice's ``gpt.go``.

    A table without room is taken when the volume asks for no minimum, and then there is nothing to allocate.
    """
    table = any(foreign(node, disk) == "gpt" for disk in _volume_disks(node, document))
    if table and not dig(document, "provisioning.minSize"):
        allocating = "error allocating partition: partition size must be greater than sector size"
        return f"error creating partition: {allocating}"
    return "no disks matched for volume"


def provision_user_volumes(node: Node) -> None:
    """Create what the active config asks for; nothing is ever removed by a config."""
    if node.active is None or not node.storage.ephemeral:
        return
    for document in node.active.named("UserVolumeConfig"):
        name = str(document.get("name"))
        if name not in node.storage.user_volumes:
            disk = volume_disk(node, document)
            if disk is not None:
                node.storage.user_volumes[name] = disk.name


# -- wiping ------------------------------------------------------------------------------------------------------------
def _lose_etcd(node: Node) -> None:
    """The data directory is gone; the member stays in the others' list."""
    member, etcd = node.storage.member, node.storage.etcd
    node.storage.member = node.storage.etcd = None
    node.storage.recovery_snapshot = b""
    node.faults.etcd_damaged = False
    node.etcd_up = node.static_pods_up = False
    if member is not None:
        member.node = None
    if etcd is not None:
        node.cluster.forget(etcd)
        node.tell("etcd")


def wipe_volume(node: Node, label: str) -> None:
    """Wipe one partition by its volume id."""
    if label == "STATE":
        node.storage.state = None
    elif label == "EPHEMERAL":
        node.storage.ephemeral = False
        _lose_etcd(node)
    elif label == "META":
        node.storage.meta.clear()
        node.storage.installed = False
    elif label.startswith("u-"):
        node.storage.user_volumes.pop(label[2:], None)


def wipe_system_disk(node: Node) -> None:
    """Everything on the system disk, the bootloader included: the node boots from its image again."""
    disk = node.storage.system_disk
    _lose_etcd(node)
    store = node.storage
    store.installed, store.system_disk, store.state, store.ephemeral = False, "", None, False
    store.meta.clear()
    store.fallback = None
    store.user_volumes = {name: where for name, where in store.user_volumes.items() if where != disk}
    store.version, store.schematic = node.spec.talos_version, node.spec.schematic
    store.extensions = list(node.spec.extensions)


def wipe_disk(node: Node, path: str) -> None:
    """Everything on a user disk, by device path."""
    name = path.removeprefix("/dev/")
    node.storage.user_volumes = {key: where for key, where in node.storage.user_volumes.items() if where != name}
    _clean(node, name)


def _clean(node: Node, name: str) -> None:
    """Whatever somebody else left on a disk is gone."""
    if name in node.faults.foreign_disks:
        node.faults.foreign_disks = {key: what for key, what in node.faults.foreign_disks.items() if key != name}
