# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of pools, which the operator only shows as a pool without addresses. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from . import kinds, pools as rules
from .findings import Around, Body, Finding
from .lint_legacy import selector


def findings(objects: list[Body], around: Around) -> Iterator[Finding]:
    """Judge every pool among the objects, and overlaps with the pools around them."""
    own = kinds.of_kind(objects, kinds.POOL)
    for pool in own:
        yield from _pool(pool)
    names = {kinds.name_of(pool) for pool in own}
    others = [pool for pool in around.pools or () if kinds.name_of(pool) not in names]
    for one, left, other, right in rules.overlaps([*others, *own]):
        if kinds.name_of(other) not in names:
            continue
        inside = kinds.name_of(one) == kinds.name_of(other)
        whose = "another block of the same pool" if inside else f"pool {kinds.name_of(one)}"
        yield Finding(
            *(17, kinds.title(other), "spec.blocks", right.text),
            f"it overlaps {left.text} of {whose}: the operator gives out no address of it (PoolConflict)",
            *("ranges that share no address", "NET006"),
        )


def _pool(pool: Body) -> Iterator[Finding]:
    title, spec = kinds.title(pool), kinds.spec_of(pool)
    yield from selector(title, "spec.serviceSelector", spec.get("serviceSelector"))
    blocks = spec.get("blocks") or []
    if not blocks:
        yield Finding(15, title, "spec.blocks", blocks, "the pool has no address", "at least one block", "NET006")
    for index, block in enumerate(blocks):
        yield from _block(title, f"spec.blocks[{index}]", block)


def _block(title: str, where: str, block: Body) -> Iterator[Finding]:
    if block.get("cidr") and (block.get("start") or block.get("stop")):
        yield Finding(
            *(16, title, where, dict(block), "cidr wins, start and stop are ignored"),
            *("either cidr, or start and stop", "NET001"),
        )
    try:
        rules.block_range(block)
    except ValueError as error:
        use = "start: 172.29.52.100 and stop: 172.29.52.199, or cidr: 172.29.52.0/28"
        start, stop = block.get("start"), block.get("stop")
        if "after" in str(error):
            use = f"start: {stop} and stop: {start}"
        yield Finding(15, title, where, dict(block), f"the operator cannot use it: {error}", use, "NET006")
        return
    if block.get("cidr"):
        network = ipaddress.ip_network(str(block["cidr"]), strict=False)
        if str(block["cidr"]).partition("/")[0] and ipaddress.ip_interface(str(block["cidr"])).ip != network[0]:
            yield Finding(
                *(16, title, f"{where}.cidr", block["cidr"], "host bits are set, and they are masked silently"),
                *(str(network), "NET001"),
            )
