# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the machine that answers the one which the inventory means?

An address can be given to another machine, and a mainboard can be replaced; the name in an inventory tells neither. The
machine itself says its hostname, and its SMBIOS serial number and UUID, which no configuration can change.
"""

from __future__ import annotations

from dataclasses import dataclass

from .client import TalosClient


@dataclass(frozen=True)
class Machine:
    """What a node says it is; empty texts where it says nothing."""

    hostname: str = ""
    uuid: str = ""
    serial: str = ""

    @property
    def told(self) -> str:
        """The machine for people."""
        return f"hostname {self.hostname or 'none'}, serial {self.serial or 'none'}, UUID {self.uuid or 'none'}"


def machine_of(client: TalosClient) -> Machine:
    """Return what the node says it is, in maintenance too."""
    hostname = client.cosi_get("network", "HostnameStatuses.net.talos.dev", "hostname")
    system = client.cosi_get("hardware", "SystemInformations.hardware.talos.dev", "systeminformation")
    spec = system.spec if system else {}
    return Machine(
        str(hostname.spec.get("hostname") or "") if hostname else "",
        str(spec.get("uuid") or ""),
        str(spec.get("serialnumber") or ""),
    )


def disagreements(machine: Machine, name: str, hardware_id: str) -> list[str]:
    """Return in which ways the machine is not the one that is meant, one sentence each.

    :param name: the node's name in the inventory; empty is not judged.
    :param hardware_id: serial number or UUID as somebody knows it; empty is not judged.
    """
    found = []
    if name and machine.hostname and machine.hostname.partition(".")[0] != name:
        found.append(f"the machine that answers calls itself {machine.hostname}, not {name}")
    known = {text.lower() for text in (machine.uuid, machine.serial) if text}
    if hardware_id and hardware_id.strip().lower() not in known:
        found.append(
            f"hardware_id {hardware_id} is not this machine's: {machine.told}. "
            "The inventory may be stale, or another machine has the address"
        )
    return found
