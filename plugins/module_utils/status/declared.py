# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that the model promises to others by heart, held against the Services that have them. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .report import Finding


@dataclass(frozen=True)
class Pin:
    """One promised address.

    :param name: its key in the model.
    :param service: ``namespace/name`` of the Service that is to have it; ``""`` for one that is called like the pin.
    """

    name: str
    address: str
    service: str = ""

    def means(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of ``cilium_bgp_info`` is of this Service."""
        if self.service:
            return f"{row['namespace']}/{row['name']}" == self.service
        return bool(row["name"] == self.name.replace("_", "-"))


def judge(pins: Iterable[Pin], services: Sequence[Mapping[str, Any]], pending: bool) -> tuple[list[Finding], list[str]]:
    """Return what is wrong with the promised addresses, and which are still to come.

    A Service that is there with another address is a fault at any time. One that is not there is a warning, and before
    its component has been installed (``pending``) only a note.

    :param services: ``services`` of ``cilium_bgp_info``.
    """
    findings: list[Finding] = []
    notes: list[str] = []
    rows = [row for row in services if not row.get("foreign")]
    for pin in pins:
        key = f"homeops_load_balancers.pinned.{pin.name}"
        own = [row for row in rows if pin.means(row)]
        given = [str(row["address"]) for row in own if row.get("address")]
        holders = [f"{row['namespace']}/{row['name']}" for row in rows if _same(row.get("address"), pin.address)]
        if any(_same(address, pin.address) for address in given) or (holders and not pin.service and not own):
            continue
        if given:
            held = f"; {', '.join(holders)} has that one" if holders else ""
            name = f"{own[0]['namespace']}/{own[0]['name']}"
            findings.append(Finding("error", name, f"has {', '.join(given)}, and {key} says {pin.address}{held}"))
        elif not own:  # one without an address is told as such
            who = f"the Service {pin.service}" if pin.service else "a Service"
            held = f"; {', '.join(holders)} has the address" if holders else ""
            text = f"{who} with the address {pin.address} of {key} is not there{' yet' if pending else ''}{held}"
            if pending:
                notes.append(f"pending: {text}")
            else:
                findings.append(Finding("warning", pin.service or pin.name, text))
    return findings, notes


def _same(given: object, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(str(given)) == ipaddress.ip_address(wanted)
    except ValueError:
        return False
