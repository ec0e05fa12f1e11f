# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gobgpd: brought to what its instance says, step by step, so that sessions stay where Cilium's would."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from grpclib.exceptions import GRPCError

from .. import process
from ..state import LabError
from .gobgp import Gobgp
from .messages import STATES
from .plan import Instance, Route
from .programs import Programs

log = logging.getLogger("lab.bgp.speaker")
START_TIMEOUT = 10.0
HOLD = 5.0
"""Seconds for which GoBGP leaves a neighbour alone whose session was lost (``pkg/server/fsm.go``); nothing sets it."""


class Place(Protocol):
    """Where a daemon runs."""

    programs: Programs

    def enter(self, *command: str) -> list[str]:
        """Return the command line that runs ``command`` there."""


class Speaker:
    """The daemon of one instance of one node.

    :param socket: path of its API, at most 107 bytes.
    :param changed: called when one of its sessions changes its state.
    :param hold: tells how many seconds after the loss of a session its neighbour is taken on again; less than
        :data:`HOLD` is reached by adding it anew.
    """

    def __init__(
        self,
        namespace: Place,
        socket: Path,
        log_file: Path,
        changed: Callable[[], None],
        hold: Callable[[], float] = lambda: HOLD,
    ) -> None:
        self.namespace, self.socket, self.log_file, self.changed, self.hold = namespace, socket, log_file, changed, hold
        self.instance: Instance | None = None
        self.down: frozenset[str] = frozenset()
        """Addresses of the peers that are shut down."""
        self._process: asyncio.subprocess.Process | None = None
        self._gobgp: Gobgp | None = None
        self._watch: asyncio.Task[None] | None = None
        self._held: dict[str, asyncio.Task[None]] = {}
        self._busy = asyncio.Lock()
        self._routes: set[Route] = set()
        self._policy: tuple[Any, ...] | None = None
        self._keys: set[str] = set()
        """Neighbours whose connections must carry a signature, for as long as this daemon listens."""

    @property
    def running(self) -> bool:
        """Tell whether the daemon runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Return the daemon's pid while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    async def apply(
        self, wanted: Instance, routes: set[Route], down: frozenset[str], listen: tuple[int, list[str]]
    ) -> None:
        """Bring the daemon to this state.

        :param routes: what its table shall hold; :param down: peers to shut down.
        :param listen: port (-1 for none) and addresses on which it also accepts connections.
        """
        async with self._busy:
            await self._apply(wanted, routes, down, listen)

    async def _apply(
        self, wanted: Instance, routes: set[Route], down: frozenset[str], listen: tuple[int, list[str]]
    ) -> None:
        # GoBGP 3.10 keeps a neighbour's key at its listening socket, which then lets nobody in without one.
        locked = any(peer.address in self._keys and not peer.password for peer in wanted.peers)
        if self.instance is not None and (locked or self.instance.identity() != wanted.identity()):
            await self.leave()
        if not self.running:
            await self._start(wanted, listen)
        assert self._gobgp is not None
        policy = tuple((peer.address, peer.exports) for peer in wanted.peers)
        again = policy != self._policy
        if again:
            await self._gobgp.set_policies(wanted.peers)
            self._policy = policy
        # Routes come before neighbours, so that they are sent before End-of-RIB.
        for route in sorted(self._routes - routes):
            await self._gobgp.delete_path(route)
        for route in sorted(routes - self._routes):
            await self._gobgp.add_path(route)
        self._routes = set(routes)
        old = {peer.address: peer for peer in self.instance.peers} if self.instance else {}
        new = {peer.address: peer for peer in wanted.peers}
        for address, peer in old.items():
            if address not in new or new[address].identity() != peer.identity():
                await self._gobgp.delete_peer(address)
                self.down -= {address}
        for address, peer in new.items():
            if address not in old or old[address].identity() != peer.identity():
                await self._gobgp.add_peer(peer)
            elif again:
                with contextlib.suppress(GRPCError):  # a neighbour that is down has nothing to be sent
                    await self._gobgp.send_again(address)
        self._keys |= {peer.address for peer in wanted.peers if peer.password and listen[0] > 0}
        self.instance = wanted
        for address in sorted(self.down ^ down):
            if address in new:
                await self._gobgp.set_admin(address, address not in down)
        ready, self.down = self.down - down, down & frozenset(new)
        for address in ready & frozenset(new):
            self._rest(self._gobgp, address)

    async def _start(self, wanted: Instance, listen: tuple[int, list[str]]) -> None:
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        command = self.namespace.enter(
            self.namespace.programs.gobgpd, "--api-hosts", f"unix://{self.socket}", "--pprof-disable"
        )
        # Two threads are plenty, and keep three daemons from competing with everything else.
        self._process = await process.spawn_child(command, log=self.log_file, extra={"GOMAXPROCS": "2"})
        deadline = time.monotonic() + START_TIMEOUT
        while not self.socket.exists():
            if not self.running or time.monotonic() > deadline:
                raise LabError(f"gobgpd did not start; see {self.log_file}.")
            await asyncio.sleep(0.01)
        self._gobgp = Gobgp(self.socket)
        self.instance, self._routes, self._policy, self.down, self._keys = None, set(), None, frozenset(), set()
        while True:
            try:
                await self._gobgp.start(wanted.asn, wanted.router_id, *listen)
                break
            except (ConnectionError, OSError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)
        self._watch = asyncio.get_running_loop().create_task(self._follow(self._gobgp))

    async def _follow(self, gobgp: Gobgp) -> None:
        with contextlib.suppress(GRPCError, OSError, ConnectionError):
            async for event in gobgp.changes():
                self.changed()
                state = event.peer.peer.state
                if state.session_state == STATES.index("idle"):
                    self._rest(gobgp, state.neighbor_address)

    def _rest(self, gobgp: Gobgp, address: str) -> None:
        """Leave a neighbour alone whose session is lost, for as long as it is to be."""
        if self.hold() < HOLD and address not in self._held:
            task = asyncio.get_running_loop().create_task(self._take_on_again(gobgp, address))
            self._held[address] = task
            task.add_done_callback(lambda _done: self._held.pop(address, None))

    async def _take_on_again(self, gobgp: Gobgp, address: str) -> None:
        await asyncio.sleep(self.hold())
        with contextlib.suppress(GRPCError, OSError, TimeoutError):
            async with self._busy:
                peers = {peer.address: peer for peer in self.instance.peers} if self.instance else {}
                if gobgp is not self._gobgp or address not in peers or address in self.down:
                    return
                state = await self.state()
                if state.get(address, {}).get("state") == "idle":
                    await gobgp.delete_peer(address)
                    await gobgp.add_peer(peers[address])

    async def state(self) -> dict[str, dict[str, Any]]:
        """Return per peer address: ``state``, ``asn``, ``since`` (epoch), timers and routes per family."""
        if self._gobgp is None or not self.running:
            return {}
        try:
            return {peer.conf.neighbor_address: _state(peer) for peer in await self._gobgp.peers()}
        except (GRPCError, OSError, TimeoutError):
            return {}

    async def leave(self) -> None:
        """End as an agent does whose node is not selected any more: every neighbour is told Cease 6/3."""
        if self._gobgp is not None and self.running and self.instance is not None:
            with contextlib.suppress(GRPCError, OSError, TimeoutError):
                for peer in self.instance.peers:
                    await self._gobgp.delete_peer(peer.address)
                await asyncio.sleep(0.05)  # the notification is sent by another of its threads
        await self.kill()

    async def kill(self) -> None:
        """End without a word, as a node that lost its power."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        held = list(self._held.values())
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        if self._gobgp is not None:
            self._gobgp.close()
            self._gobgp = None
        if self._process is not None:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
            self._process = None
        self.instance = None
        self.socket.unlink(missing_ok=True)


def _state(peer: Any) -> dict[str, Any]:
    families = {}
    # With graceful restart the daemon counts its End-of-RIB marker as one more route.
    marker = int(peer.graceful_restart.enabled and peer.state.session_state == STATES.index("established"))
    for family in peer.afi_safis:
        kind = family.state.family if family.state.family.afi else family.config.family
        name = {1: "ipv4", 2: "ipv6"}.get(kind.afi, str(kind.afi))
        families[name] = {"received": family.state.received, "advertised": max(family.state.advertised - marker, 0)}
    number = peer.state.session_state
    return {
        "state": STATES[number] if number < len(STATES) else "unknown",
        "asn": peer.state.peer_asn or peer.conf.peer_asn,
        "since": peer.timers.state.uptime.seconds,
        "hold": peer.timers.state.negotiated_hold_time,
        "keepalive": peer.timers.state.keepalive_interval,
        "families": families,
    }
