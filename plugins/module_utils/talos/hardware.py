# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine config against the hardware it is for: disks of selectors and volumes, network interfaces.

Pure: the disks and links come from the node's ``Disks.block.talos.dev`` and ``LinkStatuses.net.talos.dev``, and what is
on the disks from its ``DiscoveredVolumes.block.talos.dev`` (``volumes``). Talos takes the first disk that matches; here
a selector must mean exactly one, since the other one may hold data. Source:
siderolabs/talos v1.10.5 ``types/v1alpha1/v1alpha1_provider.go`` ``DiskMatchExpression`` and ``types/block``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import cel, documents, volumes
from .documents import Document
from .scalars import parse_bytes

Disk = Mapping[str, Any]
Link = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One result of the check.

    :param subject: what was judged: ``machine.install.diskSelector``, ``UserVolumeConfig longhorn-ssd``.
    :param severity: ``error`` stops an apply; ``warning`` is what could not be judged or is only unusual.
    :param remedy: what to do about it, when that is not to correct the subject.
    """

    subject: str
    severity: str
    message: str
    remedy: str = ""


@dataclass
class Report:
    """All findings and the disks that were chosen (``install`` and volumes by name, as device paths)."""

    findings: list[Finding] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> list[str]:
        """The messages which stop an apply."""
        return [f"{one.subject}: {one.message}" for one in self.findings if one.severity == "error"]

    @property
    def warnings(self) -> list[str]:
        """The messages which do not."""
        return [f"{one.subject}: {one.message}" for one in self.findings if one.severity == "warning"]

    @property
    def remedies(self) -> list[str]:
        """What to do about the errors, where they say so themselves."""
        return list(dict.fromkeys(one.remedy for one in self.findings if one.severity == "error" and one.remedy))

    def error(self, subject: str, message: str) -> None:
        """Add an error."""
        self.findings.append(Finding(subject, "error", message))

    def warn(self, subject: str, message: str) -> None:
        """Add a warning."""
        self.findings.append(Finding(subject, "warning", message))


def check_hardware(
    config: Sequence[Document],
    disks: Sequence[Disk],
    links: Mapping[str, Link],
    *,
    system_disk: str = "",
    discovered: Sequence[volumes.Discovered] = (),
) -> Report:
    """Judge a machine config against a node's hardware.

    :param disks: the ``spec`` of each disk.
    :param links: the ``spec`` of each link by its name.
    :param system_disk: device path of the disk on which Talos is installed; empty while it is not.
    :param discovered: the ``spec`` of each discovered volume: what is on the disks.
    """
    report = Report()
    legacy = documents.v1alpha1(config)
    body: Mapping[str, Any] = legacy.body if legacy else {}
    machine = body.get("machine") or {}
    usable = [disk for disk in disks if not disk.get("readonly") and not disk.get("cdrom")]
    _check_install(report, machine.get("install") or {}, usable, system_disk)
    system = system_disk or report.chosen.get("install", "")
    for document in config:
        if document.kind in ("UserVolumeConfig", "VolumeConfig"):
            _check_volume(report, document, usable, system, discovered)
    for interface in (machine.get("network") or {}).get("interfaces") or []:
        _check_interface(report, interface or {}, links)
    return report


def describe(disks: Sequence[Disk]) -> str:
    """Return the disks for people: ``/dev/sda (Portable SSD T5, 1.0 TB, usb, serial S1)``; ``none`` without any."""
    return ", ".join(_describe(disk) for disk in disks) or "none"


def _describe(disk: Disk) -> str:
    size = disk.get("pretty_size") or f"{int(disk.get('size') or 0)} bytes"
    parts = [disk.get("model") or "unknown model", size, disk.get("transport") or "no transport"]
    if disk.get("serial"):
        parts.append(f"serial {disk['serial']}")
    return f"{disk.get('dev_path', '?')} ({', '.join(map(str, parts))})"


def install_expression(selector: Mapping[str, Any]) -> str:
    """Return the CEL form of ``machine.install.diskSelector``, as Talos makes (and prints) it.

    :raises ValueError: what Talos refuses: ``selector on name is not supported``, ``unsupported disk type "x"``.
    """
    terms: list[str] = []
    if selector.get("size"):
        match = re.match(r"(>=|<=|>|<|==)?\s*(.*)$", selector["size"])
        operator, size = (match.group(1) or "==", match.group(2)) if match else ("==", selector["size"])
        terms.append(f"disk.size {operator} {parse_bytes(size)}u")
    if selector.get("name"):
        raise ValueError("selector on name is not supported")
    for key, name in (
        ("uuid", "uuid"),
        ("wwid", "wwid"),
        ("model", "model"),
        ("serial", "serial"),
        ("modalias", "modalias"),
    ):
        if selector.get(key):
            terms.append(_glob_term(selector[key], name))
    terms.append('disk.transport != ""')
    kinds = {
        "nvme": 'disk.transport == "nvme"',
        "sd": 'disk.transport == "mmc"',
        "hdd": "disk.rotational",
        "ssd": "!disk.rotational",
    }
    kind = selector.get("type")
    if kind:
        if kind not in kinds:
            raise ValueError(f'unsupported disk type "{kind}"')
        terms.append(kinds[kind])
    if selector.get("busPath"):
        terms.append(_glob_term(selector["busPath"], "bus_path"))
    return " && ".join([*terms, "!disk.readonly", "!disk.cdrom"])


def _glob_term(pattern: str, name: str) -> str:
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return f'glob("{quoted}", disk.{name})'


def _select(text: str, disks: Sequence[Disk], system: str) -> list[Disk]:
    expression = cel.parse(text)
    return [disk for disk in disks if expression.matches(disk, system_disk=bool(system) and _is(disk, system))]


def _is(disk: Disk, path: str) -> bool:
    return path == disk.get("dev_path") or path in (disk.get("symlinks") or ())


def _check_install(report: Report, install: Mapping[str, Any], disks: Sequence[Disk], system: str) -> None:
    selector = install.get("diskSelector")
    path = str(install.get("disk") or "")
    if selector is not None:
        subject = "machine.install.diskSelector"
        try:
            text = install_expression(selector)
            found = _select(text, disks, system)
        except (ValueError, cel.CelInvalid) as error:
            report.error(subject, f"install disk selector is invalid: {error}")
            return
        if not found:
            report.error(subject, f"no disks matched the expression: {text}; the node has {describe(disks)}")
            return
        if len(found) > 1:
            report.error(subject, f"{len(found)} disks match the expression {text}, one was meant: {describe(found)}")
            return
    elif path:
        subject = "machine.install.disk"
        found = [disk for disk in disks if _is(disk, path)]
        if not found:
            report.error(subject, f"there is no disk {path}; the node has {describe(disks)}")
            return
    else:
        return
    chosen = str(found[0].get("dev_path"))
    report.chosen["install"] = chosen
    if system and not _is(found[0], system):
        report.warn(
            subject,
            f"selects {_describe(found[0])}, but Talos is installed on {system}: it is used only on a new install",
        )


def _check_volume(
    report: Report,
    document: Document,
    disks: Sequence[Disk],
    system: str,
    discovered: Sequence[volumes.Discovered],
) -> None:
    subject = document.label
    provisioning = document.body.get("provisioning") or {}
    text = (provisioning.get("diskSelector") or {}).get("match")
    if not text:
        return
    try:
        found = _select(text, disks, system)
    except cel.CelUnsupported as error:
        report.warn(subject, f"the disk selector {text} is not judged: {error}")
        return
    except cel.CelInvalid as error:
        report.error(subject, f"disk selector is invalid: {error}")
        return
    if not found:
        report.error(subject, f"no disks matched the expression: {text}; the node has {describe(disks)}")
        return
    user = document.kind == volumes.KIND
    on_system = [disk for disk in found if system and _is(disk, system)]
    if user and on_system:
        report.error(
            subject,
            f"the expression {text} matches the disk of Talos itself: {_describe(on_system[0])}; select another one",
        )
        return
    if len(found) > 1:
        report.error(subject, f"{len(found)} disks match the expression {text}, one was meant: {describe(found)}")
        return
    minimum = provisioning.get("minSize")
    if user and minimum and parse_bytes(minimum) > int(found[0].get("size") or 0):
        report.error(subject, f"minSize {minimum} is more than {_describe(found[0])} has")
        return
    if user:
        for verdict in volumes.judge(document, found[0], _describe(found[0]), discovered):
            report.findings.append(Finding(subject, verdict.severity, verdict.message, verdict.remedy))
    report.chosen[document.name] = str(found[0].get("dev_path"))


_MADE_BY_CONFIG = ("bond", "bridge", "dummy", "wireguard")


def _check_interface(report: Report, interface: Mapping[str, Any], links: Mapping[str, Link]) -> None:
    if interface.get("ignore") or any(interface.get(name) is not None for name in _MADE_BY_CONFIG):
        return
    physical = {name: link for name, link in links.items() if _is_physical(link)}
    shown = ", ".join(f"{name} ({link.get('hardwareAddr', 'no address')})" for name, link in physical.items()) or "none"
    selector = interface.get("deviceSelector")
    if selector is not None:
        subject = "machine.network.interfaces deviceSelector"
        found = [name for name, link in links.items() if _link_matches(selector, link)]
        if not found:
            wanted = ", ".join(f"{key} {value}" for key, value in selector.items())
            report.error(subject, f"no interface has {wanted}; the node has {shown}")
        return
    name = interface.get("interface") or ""
    if (
        name
        and name != "lo"
        and name not in links
        and not any(name in (link.get("altNames") or ()) for link in links.values())
    ):
        report.error("machine.network.interfaces", f"there is no interface {name}; the node has {shown}")


def _is_physical(link: Link) -> bool:
    return link.get("type") == "ether" and not link.get("kind")


def _link_matches(selector: Mapping[str, Any], link: Link) -> bool:
    for key, name in (
        ("busPath", "busPath"),
        ("hardwareAddr", "hardwareAddr"),
        ("permanentAddr", "permanentAddr"),
        ("pciID", "pciID"),
        ("driver", "driver"),
    ):
        wanted = selector.get(key)
        if wanted and not cel.glob(str(wanted).lower(), str(link.get(name) or "").lower()):
            return False
    physical = selector.get("physical")
    return physical is None or physical == _is_physical(link)
