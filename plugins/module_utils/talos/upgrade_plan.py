# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a node need another Talos image, and may it go there? Pure.

Rules (siderolabs/talos v1.10 docs, "Upgrading Talos"): one adjacent minor release at a time; never back; the image is
an installer reference whose schematic decides the extensions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_REFERENCE = re.compile(
    r"^(?P<name>[^:@\s]+(?::\d+/[^:@\s]+)?):(?P<tag>v\d+\.\d+\.\d+(?:-[\w.]+)?)(?:@sha256:[0-9a-f]{64})?$"
)
_SCHEMATIC = re.compile(r"/installer(?:-secureboot)?/(?P<id>[0-9a-f]{64})$")
_VERSION = re.compile(r"^v(\d+)\.(\d+)\.(\d+)(-.*)?$")


@dataclass(frozen=True)
class Image:
    """An installer reference, taken apart; ``schematic`` is empty for an image of no factory."""

    reference: str
    version: str
    schematic: str


@dataclass(frozen=True)
class Running:
    """What a node runs: version tag, and the id of the schematic it was made from (empty when it does not say)."""

    version: str
    schematic: str


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :param needed: whether the node runs something else.
    :param why: what differs.
    :param refusal: why it must not happen; empty when it may.
    """

    needed: bool
    why: str = ""
    refusal: str = ""


def image(reference: str) -> Image | None:
    """Take an installer reference apart; None when it is none (a disk image's URL, no version)."""
    found = _REFERENCE.match(reference)
    if not found or "://" in reference:
        return None
    schematic = _SCHEMATIC.search(found["name"])
    return Image(reference, found["tag"], schematic["id"] if schematic else "")


def plan(running: Running, wanted: Image) -> Plan:
    """Judge an upgrade of one node."""
    differs = []
    if running.version != wanted.version:
        differs.append(f"Talos {running.version}, wanted is {wanted.version}")
    if wanted.schematic and running.schematic and running.schematic != wanted.schematic:
        differs.append(f"schematic {running.schematic[:12]}…, wanted is {wanted.schematic[:12]}…")
    if not differs:
        return Plan(False)
    return Plan(True, "; ".join(differs), _refusal(running.version, wanted.version))


def _refusal(running: str, wanted: str) -> str:
    old, new = _VERSION.match(running), _VERSION.match(wanted)
    if not old or not new:
        return f"{running} and {wanted} cannot be compared"
    before, after = (int(old[1]), int(old[2])), (int(new[1]), int(new[2]))
    if after < before or (after == before and int(new[3]) < int(old[3]) and not new[4]):
        return f"{wanted} is older than the running {running}: a downgrade may not read what the newer one has written"
    if after[0] != before[0] or after[1] - before[1] > 1:
        return f"from {running} to {wanted} is more than one minor release: go by each one between them"
    return ""
