# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BGP network of one lab: the namespace, the router, a speaker per instance and node, and what goes wrong there.

Two sides drive it. The console gives the router its text; the Cilium controller says which instances the nodes have.
Faults lie between what is wanted and what the daemons get, so that neither side can see them otherwise than at home.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from grpclib.exceptions import GRPCError

from ..scenario import BgpDelays, BgpSettings, ConsoleFaults
from ..state import LabError, LabState
from . import programs
from .addresses import NODES, address_of, ipv6_of
from .namespace import Namespace
from .plan import Export, Instance, Route
from .router import Router
from .speaker import Speaker

log = logging.getLogger("lab.bgp")
RETRY = 1.0
FILTERED = "192.168.99.0/24"
"""What the fault ``filtered`` announces: a prefix that no list of the home admits."""
MARTIAN = "127.0.0.1"

Key = tuple[str, str]


class Network:
    """One lab's BGP.

    :param alive: returns the addresses of the machines that have power and run a kubelet.
    :param settings: how the network is laid out; :param faults: what goes wrong, read again at every step.
    :param delays: how long things take, likewise.
    """

    def __init__(
        self,
        state: LabState,
        environ: Mapping[str, str],
        settings: BgpSettings,
        faults: ConsoleFaults,
        alive: Callable[[], set[str]],
        delays: BgpDelays | None = None,
    ) -> None:
        self.delays = delays or BgpDelays()
        self.state, self.environ, self.settings, self.faults, self.alive = state, environ, settings, faults, alive
        self.problem = ""
        self.router: Router | None = None
        self.speakers: dict[Key, Speaker] = {}
        self.text, self.enabled = "", False
        self._reference: str | None = None
        self._namespace: Namespace | None = None
        self._directory: Path | None = None
        self._wanted: dict[Key, Instance] = {}
        self._agents: set[str] = set()
        self._applied: dict[Key, Any] = {}
        self._listeners: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- life ----------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin; nothing waits for it, and :attr:`problem` says why there is no BGP when there is none."""
        self._write_route("")
        self._reference = self.text if self.faults.session_down_after_change else None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._open()
        except (LabError, OSError) as error:
            self.problem = str(error)
            log.error("%s", error)
            self._ready.set()
            return
        self._ready.set()
        while True:
            self._wake.clear()
            wait: float | None = None
            try:
                wait = await self._step()
            except Exception:
                log.exception("the BGP network could not be brought to what is wanted")
                wait = RETRY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    async def _open(self) -> None:
        found = programs.find(self.environ)
        if isinstance(found, str):
            raise LabError(found)
        self._directory = self.state.short_directory("bgp")
        self._namespace = Namespace(found, self._directory, self.state.logs / "bgp-namespace.log")
        await self._namespace.start()
        self.router = Router(self._namespace, self._directory, self.state.logs)
        self._write_route(found.vtysh)
        await self.router.apply(self.text, enabled=self.enabled)

    async def stop(self) -> None:
        """End every daemon."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(speaker.kill() for speaker in self.speakers.values()))
        self.speakers.clear()
        if self.router is not None:
            await self.router.stop()
        if self._namespace is not None:
            await self._namespace.stop()

    def _write_route(self, vtysh: str) -> None:
        """Tell the vtysh stand-in where the real one finds its daemon."""
        fault = "ssh_unreachable" if self.faults.ssh_unreachable else ""
        fault = fault or ("vtysh_missing" if self.faults.vtysh_missing or not vtysh else "")
        directory = str(self._directory) if self._directory else ""
        vty = str(self.router.vty) if self.router else ""
        route = {"vtysh": vtysh, "vty_socket": vty, "config_dir": directory, "fault": fault}
        self.state.write(self.state.root / "router.json", json.dumps(route))

    # -- what is wanted ------------------------------------------------------------------------------------------------
    async def run_text(self, text: str, *, enabled: bool) -> None:
        """Give the router this text; its daemon starts anew, whether the text is another one or not."""
        self.text, self.enabled = text, enabled
        await self._ready.wait()
        self._wake.set()
        if self.router is not None:
            await self.router.apply(text, enabled=enabled)

    def want(self, instances: list[Instance], agents: set[str]) -> None:
        """Take what the nodes shall run.

        :param agents: addresses of the nodes whose agent runs. A node that is not among them falls silent; one that
            is, and has no instance, says good-bye.
        """
        wanted = {instance.key: instance for instance in instances}
        if wanted != self._wanted or agents != self._agents:
            self._wanted, self._agents = wanted, set(agents)
            self._wake.set()

    def poke(self) -> None:
        """Look again: a machine or a fault changed."""
        self._wake.set()

    def faults_changed(self) -> None:
        """Follow the faults."""
        if self.faults.session_down_after_change and self._reference is None:
            self._reference = self.text
        elif not self.faults.session_down_after_change:
            self._reference = None
        if self.router is not None and self._namespace is not None:
            self._write_route(self._namespace.programs.vtysh)
        else:
            self._write_route("")
        self._wake.set()

    def listen(self, callback: Callable[[], None]) -> None:
        """Call back whenever a session changed its state; the last listener is the one that counts."""
        self._listeners[:] = [callback]

    def _changed(self) -> None:
        for callback in self._listeners:
            callback()

    # -- bringing it about ---------------------------------------------------------------------------------------------
    async def _step(self) -> float | None:
        alive = self.alive()
        self._agents &= alive  # a machine that comes back has no agent yet
        silent = self._nodes("node_killed") | (set(NODES.values()) - (alive & self._agents))
        jobs = []
        for key, speaker in list(self.speakers.items()):
            if key[0] in silent:
                jobs.append(self._end(key, speaker.kill()))
            elif key not in self._wanted:
                jobs.append(self._end(key, speaker.leave()))
        results = await asyncio.gather(*jobs, return_exceptions=True)
        first: dict[str, str] = {}
        for node, name in sorted(self._wanted):
            first.setdefault(node, name)
        work = [
            self._apply(key, instance, first[key[0]] == key[1])
            for key, instance in self._wanted.items()
            if key[0] not in silent
        ]
        results += await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                log.error("a speaker could not be brought to what is wanted: %r", result)
        return RETRY if any(isinstance(result, BaseException) for result in results) else None

    async def _end(self, key: Key, how: Any) -> None:
        await how
        self.speakers.pop(key, None)
        self._applied.pop(key, None)
        log.info("gobgpd of %s has ended", key[0])
        self._changed()

    async def _apply(self, key: Key, wanted: Instance, alone: bool) -> None:
        instance, routes, down = self._with_faults(wanted)
        speaker = self.speakers.get(key)
        if speaker is None:
            assert self._namespace is not None and self._directory is not None
            name = f"{key[0].rpartition('.')[2]}-{key[1]}"[:40].replace("/", "_")
            log_file = self.state.logs / f"gobgpd-{name}.log"
            socket = self._directory / "n" / f"{name}.sock"
            speaker = Speaker(self._namespace, socket, log_file, self._changed, lambda: self.delays.idle)
            self.speakers[key] = speaker
        goal = (instance, frozenset(routes), down)
        if self._applied.get(key) == goal and speaker.running:
            return
        try:
            async with asyncio.timeout(20.0):
                await speaker.apply(instance, routes, down, self._listening(instance, alone))
        except (GRPCError, OSError, TimeoutError, LabError):
            self._applied.pop(key, None)
            await speaker.kill()
            raise
        self._applied[key] = goal
        self._changed()

    def _listening(self, instance: Instance, alone: bool) -> tuple[int, list[str]]:
        """Return the port and addresses on which a speaker accepts connections, -1 for none.

        Cilium listens only where it is told a port. The lab's nodes do so nevertheless unless ``nodes_listen`` is
        false: GoBGP waits five to ten seconds before it dials, and a router that dials a node which listens is there
        at once. A peer on another port than 179 is left to the speaker's own dialling.
        """
        addresses = [instance.node, ipv6_of(instance.node)]
        if instance.listen_port > 0:
            return instance.listen_port, addresses
        ordinary = all(peer.port == 179 for peer in instance.peers)
        return (179, addresses) if self.settings.nodes_listen and alone and ordinary else (-1, [])

    def _nodes(self, fault: str) -> set[str]:
        found = set()
        for name in getattr(self.faults, fault):
            with contextlib.suppress(KeyError):
                found.add(address_of(name))
        return found

    def _with_faults(self, wanted: Instance) -> tuple[Instance, set[Route], frozenset[str]]:
        """Return the instance as the daemon gets it, its routes, and the peers that are shut down."""
        peers, node = wanted.peers, wanted.node
        down = node in self._nodes("session_down")
        if self._reference is not None and self.text != self._reference:
            down = down or node in self._nodes("session_down_after_change")
        if down:
            peers = ()
        if node in self._nodes("md5_mismatch"):
            peers = tuple(replace(peer, password=f"not-{peer.password}") for peer in peers)
        if node in self._nodes("no_prefixes"):
            peers = tuple(replace(peer, exports=()) for peer in peers)
        if node in self._nodes("filtered"):
            peers = tuple(replace(peer, exports=(*peer.exports, Export((FILTERED,)))) for peer in peers)
        instance = replace(wanted, peers=peers)
        routes = instance.routes()
        if node in self._nodes("martian_next_hop"):
            routes = {route if ":" in route.prefix else Route(route.prefix, MARTIAN) for route in routes}
        closed = frozenset(peer.address for peer in peers) if node in self._nodes("node_admin_down") else frozenset()
        return instance, routes, closed

    # -- what is -------------------------------------------------------------------------------------------------------
    async def states(self) -> dict[Key, dict[str, dict[str, Any]]]:
        """Return per instance what its daemon says of its peers (see :meth:`Speaker.state`)."""
        keys = list(self.speakers)
        answers = await asyncio.gather(*(self.speakers[key].state() for key in keys))
        return dict(zip(keys, answers, strict=True))

    async def snapshot(self) -> dict[str, Any]:
        """Return the network for the status."""
        names = {address: name for name, address in NODES.items()}
        router = self.router
        sessions = await router.sessions() if router is not None else {}
        return {
            "available": router is not None,
            "problem": self.problem,
            "bgpd": {
                "running": bool(router and router.running),
                "pid": router.pid if router else None,
                "restarts": max(router.restarts, 0) if router else 0,
                "uptime": round(time.time() - router.started, 1) if router and router.running else None,
                "refused_lines": router.refused if router else [],
                "configured": self.enabled and bool(self.text.strip()),
            },
            "gobgpd": [
                {"node": names.get(key[0], key[0]), "instance": key[1], "pid": speaker.pid, "running": speaker.running}
                for key, speaker in sorted(self.speakers.items())
            ],
            "sessions": sessions,
        }
