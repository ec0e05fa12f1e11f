# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All controllers of one cluster: the mirrors they share, what they know of the machines, and their tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..scenario import Delays, WorkloadFault
from .api import CRDS, Api, Object, Resource
from .base import Controller, Mirror
from .platform.state import Platform

if TYPE_CHECKING:
    from ..bgp.network import Network
    from ..web.web import Web
    from .flux.base import Plant


@dataclass(frozen=True)
class Host:
    """A machine as Kubernetes meets it: what its kubelet would report.

    :param boot_id: changes with every boot; containers do not survive it.
    :param labels: ``machine.nodeLabels``; ``taints`` likewise.
    :param endpoints: ``host:port`` under which the API server is reached from this machine.
    """

    name: str
    address: str
    alive: bool
    boot_id: str
    kubelet_version: str
    control_plane: bool = True
    schedulable: bool = True
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    taints: dict[str, str] = field(default_factory=dict)
    pod_subnets: tuple[str, ...] = ("10.244.0.0/16",)
    endpoints: frozenset[str] = frozenset()
    os_image: str = "Talos (v1.10.5)"


class World:
    """What controllers share.

    :param hosts: returns the machines as they are now.
    :param node_ready: told when a Node became Ready or stopped being it (name, ready).
    :param logs: directory for the logs of pods, one file each.
    :param bgp: the daemons that speak BGP for the nodes.
    :param web: the doors of the ingress controllers.
    :param flux: what Flux's controllers have besides the API; without it they rest.
    :param platform: what the programs of the platform share.
    :ivar connect: URL at which the pods of 1Password Connect answer, whichever name of the Service is asked for.
    """

    def __init__(
        self,
        api: Api,
        delays: Delays,
        hosts: Callable[[], list[Host]],
        node_ready: Callable[[str, bool], None],
        logs: Path,
        *,
        faults: list[WorkloadFault] | None = None,
        bgp: Network | None = None,
        web: Web | None = None,
        flux: Plant | None = None,
        platform: Platform | None = None,
    ) -> None:
        self.api, self.delays, self.hosts, self.node_ready, self.logs = api, delays, hosts, node_ready, logs
        self.faults = faults if faults is not None else []
        self.bgp, self.web, self.flux = bgp, web, flux
        self.platform = platform or Platform()
        self.connect = ""
        self.mirrors: dict[Resource, Mirror] = {}
        self.poke: Callable[[], None] = lambda: None
        """Wakes every controller: something changed that no mirror shows."""
        self.running = asyncio.Event()
        """Set while any API server of the cluster answers; controllers rest otherwise."""

    def fault_for(self, kind: str, obj: Object) -> WorkloadFault | None:
        """Return the fault that keeps this object failing, using up one of its ``times``."""
        meta = obj["metadata"]
        for fault in self.faults:
            if fault.times == 0 or fault.kind != kind or fault.name != meta["name"]:
                continue
            if fault.namespace and fault.namespace != meta.get("namespace"):
                continue
            containers = (obj.get("spec") or {}).get("containers") or []
            if fault.image and fault.image not in [container.get("image") for container in containers]:
                continue
            fault.times -= fault.times > 0
            return fault
        return None


@dataclass(frozen=True)
class Outcome:
    """How a container ended: exit code, and what it wrote."""

    code: int
    output: str = ""


class Manager:
    """Runs the controllers of one cluster.

    :param builtin_garbage_collection: the server follows namespaces and owners itself.
    """

    def __init__(self, world: World, *, builtin_garbage_collection: bool) -> None:
        from . import all_controllers

        self.world = world
        world.poke = self.poke
        self.controllers: list[Controller] = [
            cls(world) for cls in all_controllers(builtin_garbage_collection=builtin_garbage_collection)
        ]
        for controller in self.controllers:
            for resource in controller.watches:
                if resource not in world.mirrors:
                    log = logging.getLogger("lab.controllers.mirror")
                    world.mirrors[resource] = Mirror(world.api, resource, self._waker(resource), log)
        self._tasks: list[asyncio.Task[Any]] = []

    def _waker(self, resource: Resource) -> Callable[[], None]:
        interested: list[Controller] | None = None

        def wake() -> None:
            nonlocal interested
            if interested is None:
                interested = [c for c in self.controllers if resource in c.watches]
            for controller in interested:
                controller.wake.set()
            if resource is CRDS:
                for mirror in self.world.mirrors.values():
                    mirror.defined.set()

        return wake

    def start(self) -> None:
        """Start all loops."""
        parts: list[Mirror | Controller] = [*self.world.mirrors.values(), *self.controllers]
        for part in parts:
            self._tasks.append(asyncio.get_running_loop().create_task(part.run()))

    def poke(self) -> None:
        """Wake every controller: the machines changed."""
        for controller in self.controllers:
            controller.wake.set()

    async def stop(self) -> None:
        """End all loops and the session."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.world.api.close()
