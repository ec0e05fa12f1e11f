# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's one daemon: it hosts the Talos nodes, follows them with the control plane, and obeys the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
import time
import typing
from collections.abc import Mapping
from typing import Any

from . import control, outside, process
from .bgp.addresses import ROUTER
from .bgp.network import Network
from .cloudflare.server import PORT as CLOUDFLARE_PORT
from .control_plane import API_PORT, VIP, ControlPlane
from .controllers.flux import manifest
from .controllers.flux.base import Plant
from .doors import address_error
from .factory.server import PORT as FACTORY_PORT
from .git.server import ADDRESS as GIT, PORT as GIT_PORT, GitServer
from .onepassword.server import ADDRESS as CONNECT, PORT as CONNECT_PORT, Connect
from .scenario import HttpFault, Scenario, ScenarioError, WorkloadFault, build, convert, set_path, unknown_key
from .state import HOME_NET, LabError, LabState, door_address, lab_net
from .unifi.console import PORT as CONSOLE_PORT, Console
from .web.web import Web

TALOS_PORT = 50000
NODES = {"mini01": f"{HOME_NET}.51.11", "mini02": f"{HOME_NET}.51.12", "mini03": f"{HOME_NET}.51.13"}
"""The nodes of the home, by name and address."""
log = logging.getLogger("lab.daemon")


class Daemon:
    """One running lab.

    :param state: its directory; :param net: its loopback net.
    """

    def __init__(self, state: LabState, net: str, scenario: Scenario, environ: Mapping[str, str]) -> None:
        from .talos.cluster import Cluster
        from .talos.node import Node
        from .talos.spec import NodeSpec

        self.state, self.net, self.scenario = state, net, scenario
        self.cluster = Cluster()
        self.nodes: list[Any] = []
        for name in scenario.hardware:
            if name not in NODES:
                raise LabError(f"The scenario's hardware names {name!r}; the lab's nodes are {', '.join(NODES)}.")
        for name, address in NODES.items():
            hardware = dataclasses.asdict(scenario.hardware[name]) if name in scenario.hardware else {}
            given = {key: value for key, value in hardware.items() if value is not None}
            spec = NodeSpec(name=name, listen=door_address(address, net), address=address, port=TALOS_PORT, **given)
            self.nodes.append(Node(spec, self.cluster, scenario.delays.talos, self._changed))
        for name, faults in scenario.faults.nodes.items():
            self._set_node_faults(self._node(name), faults)
        wrong = scenario.faults.console
        self.bgp = Network(state, environ, scenario.bgp, wrong, self._alive, scenario.delays.bgp)
        self.console = Console(state, door_address(ROUTER, net), wrong, scenario.delays.bgp, self._run_router)
        self.web = Web(state, net, scenario)
        delays, known = scenario.delays.onepassword, {"unifi": self.console.sessions.api_key}
        self.connect = Connect(state, door_address(CONNECT, net), scenario.faults.connect, delays, known)
        self.git = GitServer(state, door_address(GIT, net), scenario.faults.git, manifest.text())
        flux = Plant(self.git, scenario.faults.flux)
        self.platform = outside.platform(state, net, scenario)
        self.cloudflare = outside.cloudflare(state, net, scenario, self.platform)
        self.factory = outside.factory(state, net, self.platform)
        self.cluster.schematics = self.factory.knows
        self.control_plane = ControlPlane(
            state, net, self.nodes, self.cluster, scenario, environ, self.bgp, self.web, flux, self.platform
        )
        self.started = time.time()
        self.stopping = asyncio.Event()
        self._server: asyncio.Server | None = None

    def _changed(self, node: Any, what: str) -> None:
        log.info("%s: %s (%s)", node.name, what, node.state)
        self._poke()

    def _poke(self) -> None:
        self.control_plane.poke()
        self.bgp.poke()

    def _alive(self) -> set[str]:
        return {host.address for host in self.control_plane.hosts() if host.alive}

    async def _run_router(self, text: str, enabled: bool) -> None:
        await self.bgp.run_text(text, enabled=enabled)

    async def start(self) -> None:
        """Power the nodes on and listen; raises :class:`LabError` when an address is taken."""
        self._probe_addresses()
        await asyncio.gather(*(self._power_on(node) for node in self.nodes))
        self.control_plane.start()
        self.bgp.start()
        await self.console.start()
        await self.web.start()
        await self.git.start()
        await self.cloudflare.start()
        await self.factory.start()
        await self.connect.start()
        self._server = await control.listen(self.state.socket, self.handle)
        record = {"pid": os.getpid(), "net": self.net, "scenario": self.scenario.name, "started": self.started}
        self.state.write(self.state.record, json.dumps(record))

    def _probe_addresses(self) -> None:
        """Find a taken address before anything runs; doors open only much later."""
        wanted = [(node.spec.listen, port) for node in self.nodes for port in (node.spec.port, API_PORT)]
        wanted += [
            (door_address(VIP, self.net), API_PORT),
            (self.console.host, CONSOLE_PORT),
            (self.git.host, GIT_PORT),
        ]
        wanted += [(self.cloudflare.host, CLOUDFLARE_PORT), (self.factory.host, FACTORY_PORT)]
        wanted += [(self.connect.host, CONNECT_PORT)]
        for host, port in wanted:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                    probe.listen(1)
                except OSError as error:
                    raise address_error(error, host, port) from error

    async def _power_on(self, node: Any) -> None:
        try:
            await node.start()
        except OSError as error:
            raise address_error(error, node.spec.listen, node.spec.port) from error

    async def stop(self) -> None:
        """End everything that runs here."""
        if self._server:
            self._server.close()
        await self.console.stop()
        await self.git.stop()
        await self.cloudflare.stop()
        await self.factory.stop()
        await self.connect.stop()
        await self.control_plane.stop()
        await self.web.stop()
        await self.bgp.stop()
        await asyncio.gather(*(node.stop() for node in self.nodes if node.powered), return_exceptions=True)

    # -- control socket ---------------------------------------------------------------------------------------------
    async def handle(self, request: dict[str, Any]) -> Any:
        """Carry out one request of the control socket."""
        match request.get("do"):
            case "ping":
                hosts = {name: door_address(address, self.net) for name, address in NODES.items()}
                return {"pid": os.getpid(), "net": self.net, "hosts": hosts}
            case "status":
                return await self.status()
            case "nodes":  # for who looks all the time: the rest of the status asks the API server
                return [node.snapshot() for node in self.nodes]
            case "stop":
                self.stopping.set()
                return {"pid": os.getpid()}
            case "power":
                return await self._power(request["node"], bool(request["on"]))
            case "etcd":
                return self._etcd(dict(request["put"]), disarm=bool(request.get("disarm")))
            case "faults":
                return await self._faults()
            case "fault":
                return await self._fault(request["target"], request.get("words") or [])
            case "clear":
                return await self._clear()
        raise LabError(f"The lab does not know the request {request.get('do')!r}.")

    async def status(self) -> dict[str, Any]:
        """Return everything that ``status --json`` shows."""
        return {
            "running": True,
            "pid": os.getpid(),
            "directory": str(self.state.root),
            "net": self.net,
            "scenario": self.scenario.name,
            "uptime": round(time.time() - self.started, 1),
            "nodes": [node.snapshot() for node in self.nodes],
            "cluster": self.cluster.snapshot(),
            "kubernetes": self.control_plane.snapshot(),
            "console": self.console.snapshot(),
            "web": self.web.snapshot(),
            "git": self.git.snapshot(),
            "cloudflare": self.cloudflare.status(),
            "factory": self.factory.status(),
            "connect": self.connect.snapshot(),
            "bgp": await self.bgp.snapshot(),
            "delays": {**dataclasses.asdict(self.scenario.delays), "cold_run": self.scenario.delays.cold_run()},
            "requests": {
                "talos": {node.name: dict(sorted(node.listener.api.requests.items())) for node in self.nodes},
                "kubernetes_writes": dict(sorted((await self.control_plane.writes()).items())),
            },
            "faults": await self._faults(),
        }

    def _node(self, name: str) -> Any:
        for node in self.nodes:
            if name in (node.name, node.spec.address, node.spec.listen):
                return node
        raise LabError(f"There is no node {name!r}; the lab's nodes are {', '.join(NODES)}.")

    async def _power(self, name: str, on: bool) -> dict[str, Any]:
        node = self._node(name)
        if on:
            await self._power_on(node)
        else:
            await node.stop()
            await self.control_plane.lose(node.name)
        self._poke()
        return node.snapshot()

    def _etcd(self, keys: dict[str, str], *, disarm: bool) -> dict[str, str]:
        """Put keys into the cluster's etcd, beside what Kubernetes keeps there, and disarm its alarms."""
        etcd = next((etcd for etcd in self.cluster.etcds if etcd.quorum), None)
        if etcd is None:
            raise LabError("No etcd has a quorum.")
        etcd.keys.update(keys)
        if disarm:
            etcd.disarm()
        return dict(etcd.keys)

    async def _faults(self) -> dict[str, Any]:
        await self.control_plane.faults.sync()
        nodes = {}
        for node in self.nodes:
            if changed := changed_fields(node.faults):
                nodes[node.name] = changed
        return {
            "nodes": nodes,
            "kube": [dataclasses.asdict(fault) for fault in self.scenario.faults.kube],
            "workloads": [dataclasses.asdict(fault) for fault in self.scenario.faults.workloads],
            **{name: changed_fields(faults) for name, (faults, _where) in self._other_faults().items()},
            "doors": {
                n: vars(d.faults) for n, d in self.control_plane.doors.items() if d.faults.reset or d.faults.delay
            },
        }

    async def _fault(self, target: str, words: list[str]) -> Any:
        """Set one fault (of a node, console, platform, Kubernetes API, workload or door), or a declared delay."""
        try:
            if target.startswith("delays."):
                set_path(self.scenario, target, parse_word(words[0] if words else ""))
            elif target == "kube":
                fault = build(HttpFault, parse_word(" ".join(words)), "kube")
                await self.control_plane.faults.sync()
                self.scenario.faults.kube.append(fault)
                await self.control_plane.faults.apply()
            elif target == "workload":
                self.scenario.faults.workloads.append(build(WorkloadFault, parse_word(" ".join(words)), "workload"))
            elif target == "door":
                self._door_fault(words)
            elif target in (others := self._other_faults()):
                faults, where = others[target]
                self._named_fault(faults, words, where)
                self.bgp.faults_changed()
            elif words == ["die"]:
                return await self._power(target, False)
            else:
                node = self._node(target)
                self._named_fault(node.faults, words, node.name)
        except ScenarioError as error:
            raise LabError(f"The fault was not set: {error}.") from error
        self._poke()
        return await self._faults()

    def _door_fault(self, words: list[str]) -> None:
        doors = self.control_plane.doors
        if not words or words[0] not in doors:
            raise LabError(f"Name a door: {', '.join(doors)}.")
        door = doors[words[0]]
        if words[1:] == ["cut"]:
            door.cut()
            return
        door.faults = build(type(door.faults), parse_word(" ".join(words[1:])), f"door {door.name}")

    def _other_faults(self) -> dict[str, tuple[Any, str]]:
        """Return the faults of everything that is no node, each with what it is called."""
        known = self.scenario.faults
        return {
            "authentik": (known.authentik, "Authentik"),
            "connect": (known.connect, "1Password Connect"),
            "console": (known.console, "the console"),
            "flux": (known.flux, "Flux"),
            "git": (known.git, "the Git server"),
            "platform": (known.platform, "the platform"),
            "web": (known.web, "the web"),
        }

    def _named_fault(self, faults: Any, words: list[str], where: str) -> None:
        if not words:
            names = [f.name for f in dataclasses.fields(faults)]
            first = ["die"] if any(faults is node.faults for node in self.nodes) else []
            raise LabError(f"Name a fault of {where}: {', '.join([*first, *names])}.")
        if len(words) == 1 and words[0].startswith("{"):
            fields = parse_word(words[0])
        else:
            fields = {words[0]: parse_word(" ".join(words[1:]) or "true")}
        if faults is self.scenario.faults.console:
            for value in fields.values():
                for name in value if isinstance(value, list) else ():
                    self._node(str(name))
        set_fields(faults, fields, where)

    def _set_node_faults(self, node: Any, faults: Mapping[str, Any]) -> None:
        set_fields(node.faults, faults, node.name)

    async def _clear(self) -> Any:
        """Take all faults back; nodes that are off stay off."""
        for faults in (*(node.faults for node in self.nodes), *(own for own, _where in self._other_faults().values())):
            default = type(faults)()
            for field in dataclasses.fields(default):
                setattr(faults, field.name, getattr(default, field.name))
        self.bgp.faults_changed()
        self.scenario.faults.kube.clear()
        self.scenario.faults.workloads.clear()
        for door in self.control_plane.doors.values():
            door.faults = type(door.faults)()
        await self.control_plane.faults.apply()
        self._poke()
        return await self._faults()


def set_fields(target: Any, fields: Mapping[str, Any], where: str) -> None:
    """Set fields of a dataclass of faults; all are checked before any is set.

    :raises LabError: for an unknown field or a value of the wrong type.
    """
    hints = typing.get_type_hints(type(target), vars(sys.modules[type(target).__module__]))
    checked = {}
    for key, value in fields.items():
        if key not in hints:
            raise LabError(f"The fault was not set: {unknown_key(key, list(hints), where)}.")
        try:
            checked[key] = convert(hints[key], value, f"{where}.{key}")
        except ScenarioError as error:
            raise LabError(f"The fault was not set: {error}.") from error
    for key, value in checked.items():
        setattr(target, key, value)


def changed_fields(faults: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults."""
    default = type(faults)()
    names = [field.name for field in dataclasses.fields(faults)]
    return {name: value for name in names if (value := getattr(faults, name)) != getattr(default, name)}


def parse_word(text: str) -> Any:
    """Read a fault's value: JSON, else plain text."""
    try:
        return json.loads(text)
    except ValueError:
        if text.startswith(("{", "[")):
            raise LabError(f"The fault is not JSON: {text}") from None
        return text


async def serve(state: LabState, net: str, scenario: Scenario, environ: Mapping[str, str]) -> None:
    """Run a lab until it is told to stop."""
    daemon = Daemon(state, net, scenario, environ)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stopping.set)
    try:
        await daemon.start()
        await daemon.stopping.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await daemon.stop()


def main(state: LabState, scenario: Scenario) -> int:
    """Entry point of ``serve``: hold the lab's lock for life, and leave a sentence when the start fails.

    Whom a launcher has started finds a directory. Without one, ``down`` has come between the launcher's fork and this
    line, when it could not see this process yet.
    """
    launched = process.OWNER in os.environ
    os.umask(0o077)
    os.environ.setdefault(process.OWNER, str(state.root))
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(name)s: %(message)s"
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    try:
        with state.lock("daemon.lock", timeout=0.0, make=not launched):
            asyncio.run(serve(state, lab_net(), scenario, os.environ))
        return 0
    except LabError as error:
        with contextlib.suppress(FileNotFoundError):
            state.write(state.failure, str(error))
        log.error("%s", error)
        return 1
