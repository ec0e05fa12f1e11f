# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes side of the lab: it follows what the Talos nodes do.

The backend is started as soon as a control plane has a config, because the config holds the CA, and is reached by
nobody before etcd is bootstrapped and a node's static pods run: each node's door opens with that node's API server. The
virtual address belongs to one node with a vote in etcd and moves, after a delay, when that node dies. A cluster that
was reset everywhere loses its backend and all its objects.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .certificates import KubernetesPki
from .controllers.api import Api
from .controllers.manager import Host, Manager, World
from .controllers.platform.state import Platform
from .doors import Door
from .keyspace import KeyValue
from .kube_backend import HOST, Backend, BackendFiles, create_backend
from .kube_faults import KubeFaults
from .onepassword.server import ADDRESS as CONNECT, PORT as CONNECT_PORT
from .scenario import Scenario
from .state import LabError, LabState, door_address

if TYPE_CHECKING:
    from .bgp.network import Network
    from .controllers.flux.base import Plant
    from .web.web import Web

API_PORT = 6443
VIP = "172.29.51.10"
DEFAULT_VERSION = "v1.31.1"
LOOK = 1.0
"""Seconds after which the nodes are looked at although nobody said that they changed."""
ALL = 10.0
"""Seconds after which every controller looks at everything, whatever seems to have changed."""
log = logging.getLogger("lab.control_plane")


class ControlPlane:
    """Doors, backend and controllers of the lab's cluster.

    :param nodes: the simulated Talos nodes (see :mod:`lab.talos.node`); :param cluster: what they share.
    :param bgp: the daemons that speak BGP for the nodes.
    :param web: the doors of the ingress controllers.
    :param flux: what Flux's controllers have besides the API.
    :param platform: what the programs of the platform share.
    """

    def __init__(
        self,
        state: LabState,
        net: str,
        nodes: list[Any],
        cluster: Any,
        scenario: Scenario,
        environ: Mapping[str, str],
        bgp: Network | None = None,
        web: Web | None = None,
        flux: Plant | None = None,
        platform: Platform | None = None,
    ) -> None:
        self.state, self.net, self.nodes, self.cluster = state, net, nodes, cluster
        self.scenario, self.environ, self.bgp, self.web, self.flux = scenario, environ, bgp, web, flux
        self.platform = platform or Platform(faults=scenario.faults.platform)
        self.doors = {node.name: Door(node.name, node.spec.listen, API_PORT) for node in nodes}
        self.doors["vip"] = Door("vip", door_address(VIP, net), API_PORT)
        self.backend: Backend | None = None
        self.manager: Manager | None = None
        self.holder = ""
        self.problem = ""
        self.faults = KubeFaults(scenario.faults.kube, self._redirect)
        self._pki: KubernetesPki | None = None
        self._starting: asyncio.Task[None] | None = None
        self._served = False
        self._holder_lost = float("-inf")
        self._ready_since = float("inf")
        self._wake = asyncio.Event()
        self._shown: list[Host] = []
        self._poked = float("-inf")
        self._task: asyncio.Task[None] | None = None
        cluster.keyspace = self._keyspace

    def start(self) -> None:
        """Begin to follow the nodes."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def poke(self) -> None:
        """Look again: something about the nodes changed."""
        self._wake.set()

    async def lose(self, name: str) -> None:
        """Close the doors of a machine that lost its power, before anybody is told that it did."""
        await self.doors[name].close()
        if self.holder == name:
            await self.doors["vip"].close()
            self._holder_lost, self.holder = time.monotonic(), ""

    async def stop(self) -> None:
        """Close the doors and end everything."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for door in self.doors.values():
            await door.close()
        await self._drop()

    async def _run(self) -> None:
        while True:
            told = self._wake.is_set()
            self._wake.clear()
            try:
                wait = await self._step(told)
            except Exception:
                log.exception("the control plane could not follow the nodes")
                wait = LOOK
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                pass

    async def _step(self, told: bool) -> float | None:
        """Bring everything in line with the nodes; return the seconds after which to look again.

        :param told: somebody said that something changed.
        """
        if self._served and (not self.cluster.bootstrapped or self.cluster.recovered is not None):
            log.info("the cluster was reset: dropping its Kubernetes")
            await self._drop()
        config = self._config()
        pki = KubernetesPki.from_machine_config(config)
        if self.backend is not None and self._starting is None and not self.backend.alive():
            log.error("the Kubernetes backend ended; starting an empty one")
            await self._drop()
        if self._pki is not None and pki is not None and pki != self._pki:
            log.info("the cluster has another CA: starting its Kubernetes anew")
            await self._drop()
        if self.backend is None and self._starting is None and pki is not None:
            self._pki = pki
            self._starting = asyncio.get_running_loop().create_task(self._start_backend(pki, config or {}))
        up = [node for node in self.nodes if node.kubernetes_up]
        if not (up and self.cluster.bootstrapped and self.backend is not None and self._starting is None):
            self._ready_since = float("inf")
            await self._set_doors([], "")
            return LOOK
        now = time.monotonic()
        self._ready_since = min(self._ready_since, now)
        left = self._ready_since + self.scenario.delays.kubernetes.start - now
        if left > 0:
            return left
        if self.cluster.recovered is not None:
            rows = self.cluster.recovered
            await self.backend.load(rows)
            self.cluster.recovered = None
            log.info("Kubernetes starts with the %d objects of a snapshot", len(rows))
        self._served = True
        again = await self._set_doors(up, self._choose_holder(up, now))
        if self.manager is None:
            self.manager = self._start_controllers(self.backend)
        self._tell(self.manager, told)
        return again if again is not None else LOOK

    def _tell(self, manager: Manager, told: bool) -> None:
        """Let the controllers run, and wake them all when there may be something that no mirror shows."""
        rested = not manager.world.running.is_set()
        manager.world.running.set()
        hosts, now = self.hosts(), time.monotonic()
        if told or rested or hosts != self._shown or now - self._poked >= ALL:
            self._shown, self._poked = hosts, now
            manager.poke()

    async def _keyspace(self) -> list[KeyValue]:
        """What etcd holds: nothing before there was an API server, what a snapshot brought until one has it."""
        if self.cluster.recovered is not None:
            return self.cluster.recovered
        if self.backend is None or not self._served:
            return []
        return await self.backend.keyspace()

    def _config(self) -> dict[str, Any] | None:
        """Return the machine config that makes the cluster: the bootstrapped one, else any control plane's."""
        if self.cluster.bootstrapped and self.cluster.bootstrap_config:
            return self.cluster.bootstrap_config
        configs = [node.machine_config for node in self.nodes if node.machine_config]
        return next((c for c in configs if (c.get("machine") or {}).get("type") == "controlplane"), None)

    async def _start_backend(self, pki: KubernetesPki, config: dict[str, Any]) -> None:
        try:
            files = BackendFiles.create(self.state, pki, self._server_names())
            version = image_tag((config.get("cluster") or {}).get("apiServer")) or DEFAULT_VERSION
            backend = create_backend(self.state, files, version, self.environ)
            started = time.monotonic()
            await backend.start()
            log.info("%s is ready after %.1f s", backend.name, time.monotonic() - started)
            self.backend, self.files, self.problem = backend, files, ""
            await self.faults.attach(backend, files)
        except LabError as error:
            self.problem = str(error)
            log.error("%s", error)
            await asyncio.sleep(2.0)
        finally:
            self._starting = None
            self._wake.set()

    def _server_names(self) -> list[str]:
        home = [VIP, *(node.spec.address for node in self.nodes)]
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        listens = [node.spec.listen for node in self.nodes]
        return [*names, "localhost", HOST, "10.96.0.1", *home, door_address(VIP, self.net), *listens]

    def _start_controllers(self, backend: Backend) -> Manager:
        api = Api(f"https://{HOST}:{backend.port}", self.files.client_context())
        world = World(
            api,
            self.scenario.delays,
            self.hosts,
            self._node_ready,
            self.state.logs,
            faults=self.scenario.faults.workloads,
            bgp=self.bgp,
            web=self.web,
            flux=self.flux,
            platform=self.platform,
        )
        world.connect = f"http://{door_address(CONNECT, self.net)}:{CONNECT_PORT}"
        manager = Manager(world, builtin_garbage_collection=backend.builtin_garbage_collection)
        manager.start()
        return manager

    async def _drop(self) -> None:
        """End controllers and backend and forget every object."""
        await self._set_doors([], "")
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
            self._starting = None
        if self.manager is not None:
            await self.manager.stop()
            self.manager = None
        if self.bgp is not None:
            self.bgp.want([], set())
        if self.web is not None:
            await self.web.reset()
        if self.backend is not None:
            backend, self.backend = self.backend, None
            await self.faults.detach()
            await backend.stop()
        await asyncio.to_thread(shutil.rmtree, self.state.kubernetes, ignore_errors=True)
        self._pki, self._served, self.holder = None, False, ""

    # -- doors -----------------------------------------------------------------------------------------------------
    def _choose_holder(self, up: list[Any], now: float) -> str:
        """Return who holds the virtual address: it stays until its holder is lost, then moves after the delay."""
        wanting = [node.name for node in up if node.etcd_voter and virtual_address(node.machine_config) == VIP]
        if self.holder in wanting:
            return self.holder
        if self.holder:
            self._holder_lost, self.holder = now, ""
        waited = now - self._holder_lost >= self.scenario.delays.kubernetes.vip_failover
        return wanting[0] if wanting and waited else ""

    async def _set_doors(self, up: list[Any], holder: str) -> float | None:
        """Open and close; return the seconds until the virtual address may move, if it waits."""
        assert self.backend is not None or not up
        target = (HOST, self.faults.port or self.backend.port) if up and self.backend else (HOST, 0)
        wanted = {node.name for node in up} | ({"vip"} if holder else set())
        if holder != self.holder and holder:
            log.info("the virtual address is on %s", holder)
        if not holder and self.doors["vip"].is_open:
            self._holder_lost = time.monotonic()
        self.holder = holder
        for name, door in self.doors.items():
            if name in wanted and not door.is_open:
                await door.open(target)
                log.info("door %s is open on %s:%d", name, door.host, door.port)
            elif name not in wanted and door.is_open:
                await door.close()
                log.info("door %s is closed", name)
        if self.manager is not None and not up:
            self.manager.world.running.clear()
        return 0.1 if up and not holder else None

    async def _redirect(self) -> None:
        """Lead the open doors to where the server is reached now; clients connect again."""
        if self.backend is not None:
            for door in self.doors.values():
                if door.is_open:
                    await door.open((HOST, self.faults.port or self.backend.port))
                    door.cut()

    # -- machines --------------------------------------------------------------------------------------------------
    def hosts(self) -> list[Host]:
        """Return the machines as Kubernetes meets them: every node that has a kubelet's config."""
        return [self._host(node) for node in self.nodes if node.machine_config or node.configured]

    def _host(self, node: Any) -> Host:
        config = node.machine_config or (node.persistent.v1alpha1 if node.persistent else None) or {}
        machine, cluster = config.get("machine") or {}, config.get("cluster") or {}
        control_plane = machine.get("type") == "controlplane"
        kubelet = any(service.id == "kubelet" and service.running for service in node.services)
        subnets = (cluster.get("network") or {}).get("podSubnets") or ["10.244.0.0/16"]
        return Host(
            name=node.hostname,
            address=node.spec.address,
            alive=bool(node.powered and node.machine_config and kubelet and not node.faults.kubelet_unhealthy),
            boot_id=node.boot_id,
            kubelet_version=node.kubelet_version,
            control_plane=control_plane,
            schedulable=bool(cluster.get("allowSchedulingOnControlPlanes")) or not control_plane,
            labels={str(k): str(v) for k, v in (machine.get("nodeLabels") or {}).items()},
            annotations={str(k): str(v) for k, v in (machine.get("nodeAnnotations") or {}).items()},
            taints={str(k): str(v) for k, v in (machine.get("nodeTaints") or {}).items()},
            pod_subnets=tuple(subnets),
            endpoints=self._endpoints(machine, cluster),
            os_image=f"Talos ({node.storage.version})",
        )

    def _endpoints(self, machine: dict[str, Any], cluster: dict[str, Any]) -> frozenset[str]:
        """Return where the API server answers, seen from a machine: node addresses, the VIP, KubePrism."""
        found = {f"{node.spec.address}:{API_PORT}" for node in self.nodes if node.kubernetes_up}
        if self.doors["vip"].is_open:
            found.add(f"{VIP}:{API_PORT}")
        endpoint = urlsplit(str((cluster.get("controlPlane") or {}).get("endpoint") or ""))
        if endpoint.hostname and found:
            found.add(f"{endpoint.hostname}:{endpoint.port or 443}")
        prism = (machine.get("features") or {}).get("kubePrism") or {}
        if prism.get("enabled") and found:
            found |= {f"{name}:{prism.get('port', 7445)}" for name in ("localhost", "127.0.0.1")}
        return frozenset(found)

    def _node_ready(self, name: str, ready: bool) -> None:
        for node in self.nodes:
            if node.hostname == name and node.kubernetes_ready != ready:
                log.info("node %s is %s", name, "Ready" if ready else "not Ready")
                node.kubernetes_ready = ready

    # -- status ----------------------------------------------------------------------------------------------------
    async def writes(self) -> Counter[str]:
        """Count the writes of everyone but the lab's own controllers, by method and path."""
        if self.backend is None or not self.backend.alive():
            return Counter()
        try:
            return await self.backend.writes()
        except LabError:  # it is going away at this moment
            return Counter()

    def snapshot(self) -> dict[str, Any]:
        """Return the Kubernetes side for the status."""
        return {
            "backend": self.backend.name if self.backend else None,
            "port": self.backend.port if self.backend else None,
            "serving": any(door.is_open for door in self.doors.values()),
            "vip_holder": self.holder or None,
            "problem": self.problem,
            "doors": [
                {
                    "name": door.name,
                    "listen": f"{door.host}:{door.port}",
                    "open": door.is_open,
                    "connections": door.connections,
                }
                for door in self.doors.values()
            ],
        }


def virtual_address(config: dict[str, Any] | None) -> str:
    """Return the first virtual address of a machine config (``machine.network.interfaces[].vip.ip``), or ""."""
    interfaces = (((config or {}).get("machine") or {}).get("network") or {}).get("interfaces") or []
    addresses = [(interface.get("vip") or {}).get("ip") for interface in interfaces]
    addresses += [(vlan.get("vip") or {}).get("ip") for i in interfaces for vlan in i.get("vlans") or []]
    return next((str(address) for address in addresses if address), "")


def image_tag(section: dict[str, Any] | None) -> str:
    """Return the tag of a component's image, ``v1.31.1``."""
    image = str((section or {}).get("image") or "").partition("@")[0]
    return image.rpartition("/")[2].partition(":")[2]
