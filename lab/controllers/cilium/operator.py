# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Cilium operator: its CustomResourceDefinitions appear when it runs, and every Node gets its CiliumNode."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

from ..api import CILIUM_NODES, CONFIG_MAPS, CRDS, NODES, PODS, Object
from ..base import RETRY, Controller, owner_reference
from ..pods import has_labels, is_ready
from . import crds

OPERATOR = {"io.cilium/app": "operator"}


def operator_runs(pods: Any) -> bool:
    """Tell whether any pod of the operator is ready."""
    return any(has_labels(pod, OPERATOR) and is_ready(pod) for pod in pods)


class CiliumOperator(Controller):
    """Does what the operator does besides LB-IPAM."""

    watches = (PODS, NODES, CRDS, CILIUM_NODES)

    async def reconcile(self) -> None:
        """Register kinds, then give blocks to nodes."""
        pods = list(self.mirror(PODS))
        if not operator_runs(pods):
            return
        for definition in crds.definitions():
            if self.mirror(CRDS).get("", definition["metadata"]["name"]) is None:
                await self.api.create(CRDS, definition)
        if not _established(self.mirror(CRDS).get("", "ciliumnodes.cilium.io")):
            return
        settings = await self._settings(pods)
        taken = {c for n in self.mirror(CILIUM_NODES) for c in _blocks(n)}
        for node in self.mirror(NODES):
            existing = self.mirror(CILIUM_NODES).get("", node["metadata"]["name"])
            if existing is None:
                await self._create(node, settings, taken)
            elif (existing["metadata"].get("labels") or {}) != (node["metadata"].get("labels") or {}):
                labels = {
                    **dict.fromkeys(existing["metadata"].get("labels") or {}),
                    **(node["metadata"].get("labels") or {}),
                }
                await self.api.merge(CILIUM_NODES.of(existing), {"metadata": {"labels": labels}})

    async def _settings(self, pods: list[Object]) -> dict[str, str]:
        namespace = next(p["metadata"]["namespace"] for p in pods if has_labels(p, OPERATOR))
        found = await self.api.get(CONFIG_MAPS.path(namespace, "cilium-config"))
        return (found or {}).get("data") or {}

    async def _create(self, node: Object, settings: dict[str, str], taken: set[str]) -> None:
        """Create the CiliumNode: blocks of the cluster pool, or the Node's own with ``ipam: kubernetes``."""
        if settings.get("ipam") == "kubernetes":
            blocks = (node.get("spec") or {}).get("podCIDRs") or []
        else:
            blocks = []
            for family in ("ipv4", "ipv6"):
                if settings.get(f"enable-{family}") != "true":
                    continue
                size = int(settings.get(f"cluster-pool-{family}-mask-size") or (24 if family == "ipv4" else 120))
                block = _free_block(settings.get(f"cluster-pool-{family}-cidr", ""), size, taken)
                blocks += [block] if block else []
        taken.update(blocks)
        addresses = (node.get("status") or {}).get("addresses") or []
        spec = {
            "addresses": [{"ip": a["address"], "type": a["type"]} for a in addresses if a["type"] == "InternalIP"],
            "ipam": {"podCIDRs": blocks},
        }
        metadata = {
            "name": node["metadata"]["name"],
            "labels": node["metadata"].get("labels") or {},
            "ownerReferences": [{k: v for k, v in owner_reference(NODES, node).items() if k in _OWNER_KEYS}],
        }
        if await self.api.create(CILIUM_NODES, {"metadata": metadata, "spec": spec}) is None:
            self.due(time.monotonic(), RETRY)  # established, and not served yet


_OWNER_KEYS = ("apiVersion", "kind", "name", "uid")


def _established(definition: Object | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _blocks(cilium_node: Object) -> list[str]:
    return (((cilium_node.get("spec") or {}).get("ipam")) or {}).get("podCIDRs") or []


def _free_block(cidrs: str, size: int, taken: set[str]) -> str:
    for cidr in cidrs.split():
        for block in ipaddress.ip_network(cidr, strict=False).subnets(new_prefix=size):
            if str(block) not in taken:
                return str(block)
    return ""
