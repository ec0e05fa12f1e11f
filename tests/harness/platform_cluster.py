# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with the platform's programs, the router's console and Cloudflare, and charts applied without Flux."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import outside
from lab.charts import render
from lab.controllers.api import Resource
from lab.state import LabState
from lab.unifi.console import Console
from tests.harness.flux_cluster import FluxCluster

NAMESPACES = Resource("v1", "namespaces", "Namespace", namespaced=False)
_PLURALS = {"Ingress": "ingresses", "IngressClass": "ingressclasses", "NetworkPolicy": "networkpolicies"}
_CLUSTER = (
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "PriorityClass",
    "IngressClass",
    "ClusterIssuer",
    "StorageClass",
    "APIService",
    "CiliumLoadBalancerIPPool",
    "VolumeSnapshotClass",
)


def resource_of(obj: dict[str, Any]) -> Resource:
    """Return the resource of an object: plurals are regular but for a few."""
    kind = obj["kind"]
    name = kind.lower()
    regular = f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith("ss") else f"{name}s"
    plural = {"prometheus": "prometheuses", "endpoints": "endpoints"}.get(name, regular)
    return Resource(obj["apiVersion"], _PLURALS.get(kind, plural), kind, kind not in _CLUSTER)


class PlatformCluster(FluxCluster):
    """:class:`FluxCluster` with the world outside.

    :param net: first two parts of the loopback addresses, a test module's own.
    """

    def __init__(self, directory: Path, net: str) -> None:
        super().__init__(directory, f"{net}.51.21")
        state = LabState(directory / "outside")
        state.create()
        shared = outside.platform(state, net, self.scenario)
        self.platform = shared
        wrong = self.scenario.faults.console
        self.console = Console(state, f"{net}.51.1", wrong, self.scenario.delays.bgp, _nothing)
        self.cloudflare = outside.cloudflare(state, net, self.scenario, shared)

    @property
    def faults(self) -> Any:
        """The faults of the platform."""
        return self.scenario.faults.platform

    def poke(self) -> None:
        """Let every controller look again, as the daemon does after a fault was set."""
        self.server._loop.call_soon_threadsafe(self.manager.poke)

    async def _start(self) -> None:
        await self.console.start()
        await self.cloudflare.start()
        await super()._start()

    async def _stop(self) -> None:
        await super()._stop()
        await self.console.stop()
        await self.cloudflare.stop()

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects; definitions are waited for, namespaces made."""
        self.run(self._apply(list(objects)), 180)

    async def _apply(self, objects: list[dict[str, Any]]) -> None:
        namespaces = {o["metadata"]["namespace"] for o in objects if o["metadata"].get("namespace")}
        for name in sorted(namespaces):
            await self.api.create(NAMESPACES, {"metadata": {"name": name}})
        for obj in objects:
            await self.api.ensure(resource_of(obj), obj, "test")

    def install(self, chart: str, version: str, release: str, namespace: str, values: Any = None) -> None:
        """Apply what a chart renders: its definitions first."""
        objects = render(chart, version, release, namespace, values or {})
        kinds = [o for o in objects if o["kind"] == "CustomResourceDefinition"]
        self.apply(*kinds)
        for definition in kinds:
            self.until(f"{definition['metadata']['name']} is established", lambda d=definition: self._established(d))
        self.apply(*(o for o in objects if o["kind"] != "CustomResourceDefinition"))

    def _established(self, definition: dict[str, Any]) -> bool:
        found = self.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition["metadata"]["name"])
        conditions = ((found or {}).get("status") or {}).get("conditions") or []
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """Return an object."""
        resource = resource_of({"apiVersion": api_version, "kind": kind})
        return self.run(self.api.get(resource.path(namespace, name)))

    def list(self, api_version: str, kind: str, namespace: str = "") -> Any:
        """Return the objects of a kind."""
        path = resource_of({"apiVersion": api_version, "kind": kind}).path(namespace)
        return self.run(self.api.list(path))[0]

    def condition(self, api_version: str, kind: str, name: str, namespace: str = "", what: str = "Ready") -> Any:
        """Return (status, reason, message) of a condition, or None."""
        found = self.get(api_version, kind, name, namespace) or {}
        for one in (found.get("status") or {}).get("conditions") or []:
            if one["type"] == what:
                return one["status"], one.get("reason", ""), one.get("message", "")
        return None

    def available(self, name: str, namespace: str) -> bool:
        """Tell whether a Deployment is available."""
        return (self.condition("apps/v1", "Deployment", name, namespace, "Available") or ("",))[0] == "True"

    def until(self, what: str, test: Callable[[], Any], seconds: float = 180) -> Any:
        """Wait for a fact."""
        end = time.monotonic() + seconds
        while True:
            if found := test():
                return found
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            time.sleep(0.1)


async def _nothing(text: str, enabled: bool) -> None:
    return None
