# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulated node is made of: hardware, identity and the software it was booted from.

The defaults are a Mac mini of the home-lab: an internal Apple NVMe disk, a Samsung T5 on USB and one wired link.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..factory.schematics import canonical, identifier
from ..scenario import TalosDelays as Delays

__all__ = ["Delays", "Disk", "Link", "NodeSpec", "default_disks", "default_links", "schematic_id"]

TB = 1000**4

_DESCRIPTIONS = {
    "iscsi-tools": "This system extension provides iscsi-tools.",
    "lldpd": "This system extension provides LLDP daemon.",
    "usb-modem-drivers": "This system extension provides USB modem drivers.",
    "thunderbolt": "This system extension provides Thunderbolt support.",
}


@dataclass
class Disk:
    """A block device as the kernel shows it; sizes in bytes, ``transport`` nvme, usb, sata, ..."""

    name: str
    size: int
    model: str
    transport: str
    serial: str = ""
    wwid: str = ""
    uuid: str = ""
    modalias: str = ""
    bus_path: str = ""
    rotational: bool = False
    readonly: bool = False
    cdrom: bool = False
    io_size: int = 512
    sector_size: int = 512

    @property
    def path(self) -> str:
        """The device node, ``/dev/sda``."""
        return f"/dev/{self.name}"

    @property
    def kind(self) -> str:
        """The disk type of install selectors: nvme, hdd, sd or ssd."""
        if self.transport == "nvme":
            return "nvme"
        if self.transport == "mmc":
            return "sd"
        return "hdd" if self.rotational else "ssd"

    def partition(self, index: int) -> str:
        """The kernel name of a partition: ``nvme0n1p1``, ``sda1``."""
        return f"{self.name}p{index}" if self.name[-1].isdigit() else f"{self.name}{index}"


@dataclass
class Link:
    """A network link: ``kind`` is empty for a physical one."""

    name: str
    mac: str
    driver: str = "tg3"
    bus_path: str = "0000:03:00.0"
    speed: int = 1000
    up: bool = True
    alt_names: list[str] = field(default_factory=list)


def default_disks(number: int = 1) -> list[Disk]:
    """The two disks of mini ``number``, with serials of their own."""
    return [
        Disk(
            name="nvme0n1",
            size=251000193024,
            model="APPLE SSD AP0256M",
            transport="nvme",
            serial=f"C07{number:05d}AP256M",
            wwid=f"nvme.106b-4330373030{number:02d}-4150504c45-00000001",
            bus_path="/pci0000:00/0000:00:1b.0/0000:02:00.0/nvme",
            io_size=4096,
            sector_size=4096,
        ),
        Disk(
            name="sda",
            size=TB,
            model="Portable SSD T5",
            transport="usb",
            serial=f"1234567A{number:04d}",
            wwid=f"naa.5000000000000{number:03d}",
            modalias="scsi:t-0x00",
            bus_path="/pci0000:00/0000:00:14.0/usb4/4-1/4-1:1.0/host0/target0:0:0/0:0:0:0",
            io_size=33553920,
        ),
    ]


def default_links(number: int = 1) -> list[Link]:
    """The wired link of mini ``number``."""
    return [Link(name="enp3s0f0", mac=f"38:f9:d3:00:51:{number:02x}")]


def schematic_id(extensions: Iterable[str]) -> str:
    """The Image Factory's id of a schematic with these official extensions and nothing else."""
    return identifier(canonical({"customization": {"systemExtensions": {"officialExtensions": list(extensions)}}}))


def extension_status(name: str, version: str) -> dict[str, Any]:
    """The metadata of one extension as ExtensionStatuses show it."""
    short = name.rsplit("/", 1)[-1].removeprefix("ext-")  # the service is ext-lldpd, the extension lldpd
    return {
        "name": short,
        "version": version,
        "author": "Sidero Labs",
        "description": _DESCRIPTIONS.get(short, f"This system extension provides {short}."),
    }


@dataclass
class NodeSpec:
    """One node.

    :param name: the hostname it falls back to and its name in the lab, ``mini01``.
    :param listen: the loopback address on which its API listens, ``127.29.51.11``.
    :param address: the address which it believes to have, ``172.29.51.11``.
    :param disks: :class:`Disk` objects or mappings of their fields.
    :param extensions: official extensions of the image it boots, ``siderolabs/lldpd``.
    """

    name: str
    listen: str
    address: str
    port: int = 50000
    uuid: str = ""
    disks: list[Any] = field(default_factory=list)
    links: list[Any] = field(default_factory=list)
    extensions: list[str] = field(
        default_factory=lambda: [
            "siderolabs/iscsi-tools",
            "siderolabs/ext-lldpd",
            "siderolabs/usb-modem-drivers",
            "siderolabs/thunderbolt",
        ]
    )
    talos_version: str = "v1.10.5"

    def __post_init__(self) -> None:
        tail = self.address.rsplit(".", 1)[-1]
        number = (int(tail) - 10) % 100 if tail.isdigit() else 1
        self.uuid = self.uuid or str(uuids.uuid5(uuids.NAMESPACE_DNS, f"{self.name}.lab"))
        self.disks = [
            Disk(**item) if isinstance(item, Mapping) else item for item in self.disks or default_disks(number)
        ]
        self.links = [
            Link(**item) if isinstance(item, Mapping) else item for item in self.links or default_links(number)
        ]

    @property
    def schematic(self) -> str:
        """The schematic id of the image the node boots."""
        return schematic_id(self.extensions)
