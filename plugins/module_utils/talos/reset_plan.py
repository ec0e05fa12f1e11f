# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it the right node, and what would a reset take? Pure.

Two names must agree before anything is wiped: the one that the inventory has, and one that only the machine itself has
(the SMBIOS serial number or UUID). Partitions are named one by one; the system disk as a whole is never among them, and
a user volume only together with the serial number of the disk it lies on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .machine import Machine, disagreements

#: What a reset takes unless told otherwise: the machine config and the node's own keys.
STATE = "STATE"
EPHEMERAL = "EPHEMERAL"
#: Labels of the system disk that may be named (META holds the upgrade's fallback and stays).
SYSTEM_LABELS = (STATE, EPHEMERAL)
USER_PREFIX = "u-"


@dataclass(frozen=True)
class Volume:
    """One located volume of a node.

    :param disk: device path of the disk it lies on; :param serial: that disk's serial number.
    :param size: bytes.
    """

    label: str
    disk: str
    serial: str
    size: int


@dataclass(frozen=True)
class Request:
    """What the caller wants wiped.

    :param confirm: name of the node, said a second time.
    :param hardware_id: serial number or UUID of the machine.
    :param user_volumes: name of a user volume -> serial number of its disk.
    :param accept_loss: what on EPHEMERAL may be lost, by the words that :func:`at_stake` uses.
    """

    name: str
    confirm: str
    hardware_id: str
    wipe: Sequence[str] = (STATE,)
    user_volumes: Mapping[str, str] = field(default_factory=dict)
    accept_loss: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """What a reset would take.

    :param labels: partitions, as the node calls them.
    :param kept: volumes that stay.
    :param refusals: why it must not happen, one sentence each; empty when it may.
    """

    labels: tuple[str, ...]
    kept: tuple[Volume, ...]
    lost: tuple[str, ...]
    refusals: tuple[str, ...]


def at_stake(folders: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what lies on EPHEMERAL and nowhere else, by word.

    :param folders: content by path, of those paths that exist.
    """
    found = {}
    if folders.get("/var/lib/longhorn/replicas"):
        count = len(folders["/var/lib/longhorn/replicas"])
        found["longhorn"] = f"{count} replica{'s' * (count != 1)} of Longhorn in /var/lib/longhorn"
    local = [name for name in folders.get("/var/local", ()) if name not in (".", "")]
    if local:
        found["local"] = f"local volumes in /var/local ({', '.join(sorted(local)[:5])})"
    return found


def plan(request: Request, machine: Machine, volumes: Sequence[Volume], stake: Mapping[str, str]) -> Plan:
    """Judge a reset.

    :param stake: see :func:`at_stake`.
    """
    refusals = [*_identity(request, machine)]
    labels: list[str] = []
    for label in dict.fromkeys(request.wipe):
        if label in SYSTEM_LABELS:
            labels.append(label)
        elif label.startswith(USER_PREFIX):
            refusals.append(
                f"{label} is a user volume: name it in user_volumes with the serial number of its disk, not in wipe"
            )
        else:
            refusals.append(f"{label} is none of {', '.join(SYSTEM_LABELS)}: nothing else of the system disk is wiped")
    by_label = {volume.label: volume for volume in volumes}
    for name, serial in request.user_volumes.items():
        refusals += _user_volume(name, serial, by_label)
        labels.append(f"{USER_PREFIX}{name}")
    if not labels and not refusals:
        refusals.append("no partition is named: that would be the whole system disk")
    lost = tuple(stake.values()) if EPHEMERAL in labels else ()
    if EPHEMERAL in labels:
        refusals += [
            f"EPHEMERAL holds {text}, and nothing else has it; say accept_loss: [{word}] to lose it"
            for word, text in stake.items()
            if word not in request.accept_loss
        ]
    kept = tuple(volume for volume in volumes if volume.label not in labels)
    return Plan(tuple(labels), kept, lost, tuple(refusals))


def _identity(request: Request, machine: Machine) -> list[str]:
    found = []
    if request.confirm != request.name:
        said = f"confirm says {request.confirm!r}" if request.confirm else "confirm is empty"
        found.append(f"the target is {request.name} and {said}: name it twice")
    if not request.hardware_id:
        found.append(f"hardware_id is empty; the machine that answers says: {machine.told}")
    return [*found, *disagreements(machine, request.name, request.hardware_id)]


def _user_volume(name: str, serial: str, volumes: Mapping[str, Volume]) -> list[str]:
    volume = volumes.get(f"{USER_PREFIX}{name}")
    if volume is None:
        there = [label.removeprefix(USER_PREFIX) for label in volumes if label.startswith(USER_PREFIX)]
        return [f"the node has no user volume {name}; it has {', '.join(there) or 'none'}"]
    if not serial or serial != volume.serial:
        return [
            f"user volume {name} lies on {volume.disk} with the serial number {volume.serial or '(none)'}, "
            f"and {serial or 'none'} is named"
        ]
    return []


def facts(found: Plan) -> dict[str, Any]:
    """Return the plan as a module returns it."""
    return {
        "labels": list(found.labels),
        "lost": list(found.lost),
        "kept": [
            {"label": volume.label, "disk": volume.disk, "serial": volume.serial, "size": volume.size}
            for volume in found.kept
        ],
    }
