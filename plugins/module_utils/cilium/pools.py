# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools of LB-IPAM: their ranges, who overlaps whom, what is in use, what a change would take away. No I/O.

Behaviour: cilium/cilium v1.17 ``operator/pkg/lbipam`` and ``Documentation/network/lb-ipam.rst``. A block is ``cidr``,
or ``start`` with or without ``stop``. The first and the last address of a cidr are given out unless the pool has
``allowFirstLastIPs: "No"``, which ranges and cidrs of one or two addresses ignore. A disabled pool keeps its ranges.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import kinds, selectors

Body = Mapping[str, Any]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address  # pylint: disable=unsupported-binary-operation

_IPS = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")
#: Classes that LB-IPAM serves; another one is ignored without a condition.
CLASSES = ("", "io.cilium/bgp-control-plane", "io.cilium/l2-announcer")


@dataclass(frozen=True)
class Range:
    """The addresses of one block that may be given out, from ``first`` to ``last``.

    :param text: as the block was written.
    """

    first: Address
    last: Address
    text: str

    def holds(self, address: Address) -> bool:
        """Whether an address lies in it."""
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)

    def meets(self, other: Range) -> bool:
        """Whether both share an address."""
        return self.first.version == other.first.version and not (
            int(self.last) < int(other.first) or int(other.last) < int(self.first)
        )

    @property
    def size(self) -> int:
        """Number of addresses."""
        return int(self.last) - int(self.first) + 1


@dataclass(frozen=True)
class Used:
    """One address that a Service has."""

    address: Address
    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...]
    pinned: bool

    @property
    def service(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def block_text(block: Body) -> str:
    """Return a block as a person reads it."""
    if block.get("cidr"):
        return str(block["cidr"])
    return f"{block.get('start')} to {block.get('stop')}" if block.get("stop") else str(block.get("start"))


def block_range(block: Body, first_last: bool = True) -> Range:
    """Return the range of one block.

    :raises ValueError: with the reason, when the operator could not use it.
    """
    if block.get("cidr"):
        network = ipaddress.ip_network(str(block["cidr"]), strict=False)
        first, last = network[0], network[-1]
        if not first_last and network.num_addresses > 2:
            first, last = first + 1, last - 1
        return Range(first, last, block_text(block))
    if not block.get("start"):
        raise ValueError("it has a stop and no start" if block.get("stop") else "it has neither cidr nor start")
    first = ipaddress.ip_address(str(block["start"]))
    last = ipaddress.ip_address(str(block.get("stop") or block["start"]))
    if first.version != last.version:
        raise ValueError("it starts and stops in two address families")
    if int(first) > int(last):
        raise ValueError("it starts after it stops")
    return Range(first, last, block_text(block))


def as_cidrs(block: Body) -> list[str]:
    """Return the cidr blocks that hold exactly the addresses of a block; empty when it cannot be used."""
    try:
        found = block_range(block)
    except ValueError:
        return []
    return [str(network) for network in ipaddress.summarize_address_range(found.first, found.last)]


def ranges(pool: Body) -> list[Range]:
    """Return the usable ranges of a pool; blocks that cannot be used are left out, the linter tells them."""
    spec = kinds.spec_of(pool)
    found = []
    for block in spec.get("blocks") or []:
        try:
            found.append(block_range(block, spec.get("allowFirstLastIPs", "Yes") != "No"))
        except ValueError:
            continue
    return found


def overlaps(pools: Iterable[Body]) -> Iterator[tuple[Body, Range, Body, Range]]:
    """Yield each overlap between blocks, of one pool or of two, whichever addresses they give out."""
    flat = [(pool, found) for pool in pools for found in _outer(pool)]
    for index, (one, left) in enumerate(flat):
        for other, right in flat[index + 1 :]:
            if left.meets(right):
                yield one, left, other, right


def _outer(pool: Body) -> list[Range]:
    """Return the ranges with their first and last addresses: a conflict is judged by them."""
    spec = {**kinds.spec_of(pool), "allowFirstLastIPs": "Yes"}
    return ranges({**pool, "spec": spec})


def service_labels(service: Body) -> dict[str, str]:
    """Return what a pool's or an advertisement's selector sees of a Service."""
    metadata = service.get("metadata") or {}
    return {
        **(metadata.get("labels") or {}),
        "io.kubernetes.service.namespace": str(metadata.get("namespace") or "default"),
        "io.kubernetes.service.name": str(metadata.get("name") or ""),
    }


def takes_part(service: Body) -> bool:
    """Whether LB-IPAM gives a Service an address."""
    spec = service.get("spec") or {}
    return spec.get("type") == "LoadBalancer" and (spec.get("loadBalancerClass") or "") in CLASSES


def addresses(service: Body) -> list[Address]:
    """Return the load-balancer addresses that a Service has."""
    status = (service.get("status") or {}).get("loadBalancer") or {}
    return [ipaddress.ip_address(entry["ip"]) for entry in status.get("ingress") or [] if entry.get("ip")]


def in_use(services: Iterable[Body]) -> list[Used]:
    """Return every address that LB-IPAM has given to a Service."""
    found = []
    for service in services:
        if not takes_part(service):
            continue
        metadata = service.get("metadata") or {}
        annotations = metadata.get("annotations") or {}
        asked = {
            text.strip() for key in _IPS for text in str(annotations.get(key) or "").split(",") if text.strip()
        } | {str((service.get("spec") or {}).get("loadBalancerIP") or "")}
        labels = tuple(sorted(service_labels(service).items()))
        found += [
            Used(address, str(metadata.get("namespace")), str(metadata.get("name")), labels, str(address) in asked)
            for address in addresses(service)
        ]
    return sorted(found, key=lambda used: (used.address.version, int(used.address), used.service))


def taken(pool: Body, used: Iterable[Used]) -> list[Used]:
    """Return the addresses in use that lie in a pool."""
    own = ranges(pool)
    return [one for one in used if any(found.holds(one.address) for found in own)]


def usage(pool: Body, used: Iterable[Used]) -> dict[str, Any]:
    """Return what a pool holds, by its blocks and the Services' addresses, and what the operator says of it.

    Conditions carry their numbers as text in ``message`` with status Unknown (``operator/pkg/lbipam``).
    """
    own = taken(pool, used)
    total = sum(found.size for found in ranges(pool))
    conditions = {entry.get("type"): entry for entry in (pool.get("status") or {}).get("conditions") or []}
    conflict = conditions.get("cilium.io/PoolConflict") or {}

    def number(kind: str) -> int | None:
        text = str((conditions.get(kind) or {}).get("message") or "")
        return int(text) if text.isdigit() else None

    return {
        "name": kinds.name_of(pool),
        "blocks": [block_text(block) for block in kinds.spec_of(pool).get("blocks") or []],
        "disabled": bool(kinds.spec_of(pool).get("disabled")),
        "families": sorted({f"ipv{found.first.version}" for found in ranges(pool)}),
        "total": total,
        "used": len({one.address for one in own}),
        "available": max(0, total - len({one.address for one in own})),
        "services": [{"service": one.service, "address": str(one.address), "pinned": one.pinned} for one in own],
        "conflict": str(conflict.get("message") or "") if conflict.get("status") == "True" else "",
        "operator": {
            "seen": bool(conditions),
            "total": number("cilium.io/IPsTotal"),
            "available": number("cilium.io/IPsAvailable"),
            "used": number("cilium.io/IPsUsed"),
        },
    }


def losses(before: Iterable[Body], after: Iterable[Body], used: Iterable[Used]) -> list[tuple[Body, Used]]:
    """Return the addresses in use that a change of pools takes from their Service.

    Kept is an address that lies, after the change, in the pool of the same name, which still selects the Service:
    moving between pools takes it away and gives any address.
    """
    later = {kinds.name_of(pool): pool for pool in after}
    found = []
    for pool in before:
        new = later.get(kinds.name_of(pool))
        for one in taken(pool, used):
            selector = kinds.spec_of(new).get("serviceSelector") if new else None
            if new is None or not taken(new, [one]) or not selectors.matches(selector, dict(one.labels), absent=True):
                found.append((pool, one))
    return found


def renumbered(before: Body, after: Body, used: Iterable[Used]) -> list[Used]:
    """Return the addresses that stay possible and yet may change, because their block is edited.

    An edited block is deleted and added anew; 1.17 gave Services other addresses then unless they ask for theirs
    (cilium/cilium issue 40358).
    """
    old, new = ranges(before), ranges(after)
    gone = [found for found in old if (found.first, found.last) not in {(one.first, one.last) for one in new}]
    return [one for one in taken(after, used) if not one.pinned and any(found.holds(one.address) for found in gone)]
