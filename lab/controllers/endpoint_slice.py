# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EndpointSlices: which pods answer for a Service (kubernetes ``staging/src/k8s.io/endpointslice``).

One slice per Service with a selector is plenty for a house; a real controller begins a second one after 100 endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .api import PODS, SERVICES, Object, Resource
from .base import Controller, owner_reference
from .pods import is_finished, is_ready

SLICES = Resource("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"


class EndpointSliceController(Controller):
    """Keeps the slices of Services with a selector."""

    watches = (SERVICES, PODS, SLICES)

    async def reconcile(self) -> None:
        """Bring every slice to what the pods say; slices go with their Services by their owner references."""
        mine: dict[tuple[str, str], Object] = {}
        for entry in self.mirror(SLICES):
            labels = entry["metadata"].get("labels") or {}
            if labels.get(MANAGED_BY) == MANAGER:
                mine[entry["metadata"]["namespace"], labels.get(SERVICE_NAME, "")] = entry
        pods = [pod for pod in self.mirror(PODS) if (pod.get("status") or {}).get("podIP") and not is_finished(pod)]
        for service in self.mirror(SERVICES):
            meta, spec = service["metadata"], service["spec"]
            if not spec.get("selector") or meta.get("deletionTimestamp"):
                continue
            wanted = slice_of(service, pods)
            found = mine.get((meta["namespace"], meta["name"]))
            if found is None:
                await self.api.create(SLICES, wanted)
            elif _content(found) != _content(wanted):
                await self.api.merge(SLICES.of(found), _content(wanted))


def slice_of(service: Object, pods: Iterable[Object]) -> Object:
    """Return the slice of a Service.

    :param pods: those that have an address.
    """
    meta, spec = service["metadata"], service["spec"]
    selected = [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == meta["namespace"]
        and spec["selector"].items() <= (pod["metadata"].get("labels") or {}).items()
    ]
    return {
        "apiVersion": SLICES.api_version,
        "kind": SLICES.kind,
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER},
            "ownerReferences": [owner_reference(SERVICES, service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in selected],
        "ports": [_port(port, selected) for port in spec.get("ports") or []],
    }


def _endpoint(pod: Object) -> Object:
    meta, terminating = pod["metadata"], bool(pod["metadata"].get("deletionTimestamp"))
    ready = is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready and not terminating, "serving": ready, "terminating": terminating},
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
    }


def _port(port: Object, pods: list[Object]) -> Object:
    """Return a port with the number behind it; a name is looked up in the pods' containers."""
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, str) and not target.isdigit():
        named = (
            entry["containerPort"]
            for pod in pods
            for container in pod["spec"]["containers"]
            for entry in container.get("ports") or []
            if entry.get("name") == target
        )
        target = next(named, None)
    found = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP")}
    return found if target is None else {**found, "port": int(target)}


def _content(entry: Object) -> Object:
    return {"endpoints": entry.get("endpoints") or [], "ports": entry.get("ports") or []}
