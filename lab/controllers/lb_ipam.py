# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LB-IPAM of the Cilium operator: addresses for Services of type LoadBalancer.

Source: cilium/cilium ``Documentation/network/lb-ipam.rst`` and ``operator/pkg/lbipam``. Without a running operator, or
without any pool, nothing happens; which free address is taken is nobody's promise, here it is the lowest.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .api import LB_POOLS, PODS, SERVICES, Object
from .base import Controller, Memory, key_of, merge_conditions, selector_matches
from .cilium.operator import operator_runs
from .manager import World

MANAGER = "cilium-operator-lb-ipam"
CLASSES = ("", "io.cilium/bgp-control-plane", "io.cilium/l2-announcer")
SATISFIED = "cilium.io/IPAMRequestSatisfied"
NO_POOL = "There are no enabled CiliumLoadBalancerIPPools that match this service"
OUT_OF_IPS = "All enabled CiliumLoadBalancerIPPools that match this service ran out of allocatable IPs"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Range:
    """One block of a pool: first and last address that may be given out."""

    first: Address
    last: Address

    def __contains__(self, address: Address) -> bool:
        """Tell whether the address lies inside."""
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)

    def overlaps(self, other: Range) -> bool:
        """Tell whether both share an address."""
        return other.first in self or self.first in other

    def size(self) -> int:
        """Return the number of addresses."""
        return int(self.last) - int(self.first) + 1

    def __str__(self) -> str:
        return f"{self.first} - {self.last}"


@dataclass
class Pool:
    """A pool that takes part."""

    name: str
    ranges: list[Range]
    selector: Object | None
    enabled: bool

    def selects(self, service: Object) -> bool:
        """Tell whether the Service may have addresses of this pool; no selector selects every Service."""
        meta = service["metadata"]
        labels = {
            **(meta.get("labels") or {}),
            "io.kubernetes.service.namespace": meta["namespace"],
            "io.kubernetes.service.name": meta["name"],
        }
        return selector_matches(self.selector, labels, when_absent=True)

    def find(self, address: Address) -> bool:
        """Tell whether the address belongs to the pool."""
        return any(address in block for block in self.ranges)


class LbIpam(Controller):
    """Assigns addresses and reports on Services and pools."""

    watches = (SERVICES, LB_POOLS, PODS)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._seen = Memory()

    async def reconcile(self) -> None:
        """Give every request what it may have; keep what is still right."""
        objects = sorted(
            self.mirror(LB_POOLS), key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"])
        )
        pending = {
            str(key_of(o)) for o in (*objects, *self.mirror(SERVICES)) if not (o.get("status") or {}).get("conditions")
        }
        self._seen.keep(pending)
        if not operator_runs(self.mirror(PODS)):
            return
        delay = self.world.delays.cilium.lb_ipam
        waiting = [key for key in pending if not self.due(self._seen.since(key), delay)]
        if waiting:
            return
        pools, conflicts = read_pools(objects)
        services = sorted(self.mirror(SERVICES), key=lambda s: s["metadata"]["creationTimestamp"])
        used: dict[Address, Object] = {}
        wanted = [s for s in services if takes_part(s)]
        if objects:
            for service in wanted:  # those who have addresses keep them before anyone new is served
                for address in current(service):
                    if address not in used and usable(service, address, pools):
                        used[address] = service
            for service in wanted:
                await self._serve(service, pools, used)
        elif any(current(s) for s in wanted):
            for service in wanted:
                await self._write(service, [], ("False", "no_pool", NO_POOL))
        for service in services:
            if not takes_part(service) and has_condition(service):
                await self._release(service)
        for obj in objects:
            await self._report(obj, pools, conflicts, used)

    async def _serve(self, service: Object, pools: list[Pool], used: dict[Address, Object]) -> None:
        addresses, verdict = assign(service, pools, used)
        for address in [a for a, s in used.items() if s is service and a not in addresses]:
            del used[address]
        for address in addresses:
            used.setdefault(address, service)
        await self._write(service, addresses, verdict)

    async def _write(self, service: Object, addresses: list[Address], verdict: tuple[str, str, str]) -> None:
        status, reason, message = verdict
        old = service.get("status") or {}
        condition = {"type": SATISFIED, "status": status, "reason": reason, "message": message}
        conditions = merge_conditions(old.get("conditions"), [condition])
        ingress = [{"ip": str(a), "ipMode": "VIP"} for a in addresses]
        if (old.get("loadBalancer") or {}).get("ingress", []) == ingress and old.get("conditions") == conditions:
            return
        body = {"status": {"loadBalancer": {"ingress": ingress or None}, "conditions": conditions}}
        await self._patch(SERVICES.of(service, "status"), body)

    async def _release(self, service: Object) -> None:
        rest = [c for c in service["status"]["conditions"] if c["type"] != SATISFIED]
        body = {"status": {"loadBalancer": {"ingress": None}, "conditions": rest or None}}
        await self._patch(SERVICES.of(service, "status"), body)

    async def _report(
        self, obj: Object, pools: list[Pool], conflicts: dict[str, str], used: dict[Address, Object]
    ) -> None:
        name = obj["metadata"]["name"]
        pool = next(p for p in pools if p.name == name)
        total = sum(block.size() for block in pool.ranges)
        taken = sum(pool.find(address) for address in used)
        conflict = conflicts.get(name, "")
        if conflict:
            first = {"status": "True", "reason": "cidr_overlap", "message": conflict}
        else:
            first = {"status": "False", "reason": "resolved", "message": ""}
        numbers = {"IPsTotal": total, "IPsAvailable": total - taken, "IPsUsed": taken}
        conditions = [{"type": "cilium.io/PoolConflict", **first}]
        for kind, number in numbers.items():
            entry = {"status": "Unknown", "reason": "noreason", "message": str(number)}
            conditions.append({"type": f"cilium.io/{kind}", **entry})
        generation = obj["metadata"].get("generation", 1)
        old = (obj.get("status") or {}).get("conditions")
        new = merge_conditions(old, [{**c, "observedGeneration": generation} for c in conditions])
        if new != old:
            await self._patch(LB_POOLS.of(obj, "status"), {"status": {"conditions": new}})

    async def _patch(self, path: str, body: Object) -> None:
        await self.api.request("PATCH", path, body, "application/merge-patch+json", query={"fieldManager": MANAGER})


def read_pools(objects: list[Object]) -> tuple[list[Pool], dict[str, str]]:
    """Return the pools and, by name, the conflict of each that overlaps an older one; such a pool gives nothing."""
    pools: list[Pool] = []
    conflicts: dict[str, str] = {}
    for obj in objects:
        spec, name = obj.get("spec") or {}, obj["metadata"]["name"]
        first_last = spec.get("allowFirstLastIPs", "Yes") == "Yes"
        ranges = [r for r in (_range(block, first_last) for block in spec.get("blocks") or []) if r]
        for other in [*pools, Pool(name, ranges, None, True)]:
            for index, mine in enumerate(ranges):
                for position, theirs in enumerate(other.ranges):
                    itself = other.name == name and position <= index
                    if not itself and name not in conflicts and mine.overlaps(theirs):
                        text = (
                            f"Pool conflicts since range '{mine}' overlaps range '{theirs}' from IP Pool '{other.name}'"
                        )
                        conflicts[name] = text
        enabled = not spec.get("disabled") and name not in conflicts
        pools.append(Pool(name, ranges, spec.get("serviceSelector"), enabled))
    return pools, conflicts


def _range(block: Object, first_last: bool) -> Range | None:
    try:
        if block.get("cidr"):
            network = ipaddress.ip_network(block["cidr"], strict=False)
            first, last = network[0], network[-1]
            if not first_last and network.num_addresses > 2:
                first, last = first + 1, last - 1
            return Range(first, last)
        first = ipaddress.ip_address(block["start"])
        return Range(first, ipaddress.ip_address(block.get("stop") or block["start"]))
    except (KeyError, ValueError):
        return None


def takes_part(service: Object) -> bool:
    """Tell whether LB-IPAM answers for the Service."""
    spec = service["spec"]
    return (
        spec.get("type") == "LoadBalancer"
        and (spec.get("loadBalancerClass") or "") in CLASSES
        and not service["metadata"].get("deletionTimestamp")
    )


def has_condition(service: Object) -> bool:
    """Tell whether LB-IPAM has written on the Service."""
    return any(c["type"] == SATISFIED for c in (service.get("status") or {}).get("conditions") or [])


def current(service: Object) -> list[Address]:
    """Return the addresses that the Service has."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [ipaddress.ip_address(entry["ip"]) for entry in ingress if entry.get("ip")]


def requested(service: Object) -> list[str]:
    """Return the addresses that the Service asks for, in either annotation or ``spec.loadBalancerIP``."""
    annotations = service["metadata"].get("annotations") or {}
    text = annotations.get("lbipam.cilium.io/ips") or annotations.get("io.cilium/lb-ipam-ips") or ""
    text = text or service["spec"].get("loadBalancerIP") or ""
    return [part.strip() for part in text.split(",") if part.strip()]


def usable(service: Object, address: Address, pools: list[Pool]) -> bool:
    """Tell whether the Service may keep an address: a pool that selects it holds it (a disabled one too)."""
    wishes = requested(service)
    if wishes and str(address) not in wishes:
        return False
    return any(pool.find(address) and pool.selects(service) for pool in pools)


def sharing(service: Object) -> tuple[str, frozenset[int], str]:
    """Return what decides whether two Services may share an address: key, ports, traffic policy."""
    annotations = service["metadata"].get("annotations") or {}
    key = annotations.get("lbipam.cilium.io/sharing-key") or annotations.get("io.cilium/lb-ipam-sharing-key") or ""
    ports = frozenset(p["port"] for p in service["spec"].get("ports") or [])
    return key, ports, service["spec"].get("externalTrafficPolicy", "Cluster")


def may_share(one: Object, other: Object) -> bool:
    """Tell whether two Services may have the same address."""
    (key, ports, policy), (key2, ports2, policy2) = sharing(one), sharing(other)
    same_namespace = one["metadata"]["namespace"] == other["metadata"]["namespace"]
    local = policy == "Local" and (
        not one["spec"].get("selector") or one["spec"]["selector"] != other["spec"].get("selector")
    )
    return bool(key) and key == key2 and same_namespace and not ports & ports2 and policy == policy2 and not local


def assign(
    service: Object, pools: list[Pool], used: dict[Address, Object]
) -> tuple[list[Address], tuple[str, str, str]]:
    """Decide the addresses of one Service and its condition (status, reason, message)."""
    satisfied = ("True", "satisfied", "")
    wishes = requested(service)
    if wishes:
        granted: list[Address] = []
        for wish in wishes:
            address, refusal = _grant(service, wish, pools, used)
            if address is None:
                return granted, refusal
            granted.append(address)
        return granted, satisfied
    matching = [pool for pool in pools if pool.enabled and pool.selects(service)]
    result = []
    for family in service["spec"].get("ipFamilies") or ["IPv4"]:
        version = 6 if family == "IPv6" else 4
        kept = [a for a in current(service) if a.version == version and used.get(a) is service]
        blocks = [b for pool in matching for b in pool.ranges if b.first.version == version]
        if kept:
            result.append(kept[0])
        elif not blocks:
            return result, ("False", "no_pool", NO_POOL)
        else:
            free = next((a for block in blocks if (a := _free(block, used)) is not None), None)
            if free is None:
                return result, ("False", "out_of_ips", OUT_OF_IPS)
            result.append(free)
    return result, satisfied


def _grant(
    service: Object, wish: str, pools: list[Pool], used: dict[Address, Object]
) -> tuple[Address | None, tuple[str, str, str]]:
    try:
        address = ipaddress.ip_address(wish)
    except ValueError:
        return None, ("False", "no_pool", f"No pool exists with a CIDR containing '{wish}'")
    holders = [pool for pool in pools if pool.enabled and pool.find(address)]
    if not holders:
        return None, ("False", "no_pool", f"No pool exists with a CIDR containing '{wish}'")
    if not any(pool.selects(service) for pool in holders):
        text = f"The pool with the CIDR containing '{wish}', doesn't select this service"
        return None, ("False", "pool_selector_mismatch", text)
    owner = used.get(address)
    if owner is not None and owner is not service:
        if not sharing(service)[0] or not sharing(owner)[0]:
            return None, ("False", "already_allocated", f"The IP '{wish}' is already allocated to another service")
        if not may_share(service, owner):
            text = f"The IP '{wish}' is already allocated to an incompatible service. Reason: ports or policy conflict"
            return None, ("False", "already_allocated_incompatible_service", text)
    return address, ("True", "satisfied", "")


def _free(block: Range, used: dict[Address, Object]) -> Address | None:
    address = block.first
    while address in block:
        if address not in used:
            return address
        address += 1
    return None
