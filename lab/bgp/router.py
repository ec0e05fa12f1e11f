# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router: FRR's own bgpd, without zebra, driven over its vty socket from outside the namespace."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from pathlib import Path
from typing import Any

from .. import process
from ..state import LabError
from .adapt import daemon_text
from .addresses import ROUTER, ipv6_of
from .namespace import Namespace

log = logging.getLogger("lab.bgp.router")
START_TIMEOUT = 5.0
_REFUSED = re.compile(r"\[SHWNK-NWT5S\].* on config line \d+: *(.*?)\s*$", re.MULTILINE)


class Router:
    """One bgpd.

    :param directory: short, private; holds its configuration and sockets.
    """

    def __init__(self, namespace: Namespace, directory: Path, logs: Path) -> None:
        self.namespace, self.directory = namespace, directory
        self.vty = directory / "vty"
        self.config = directory / "bgpd.conf"
        self.restarts = -1
        """How often it was started again; the first start makes it 0."""
        self.started = 0.0
        self._journal, self._begin = logs / "bgpd.log", 0
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Tell whether bgpd runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Return its pid while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def refused(self) -> list[str]:
        """The lines of the running text that bgpd does not take; it goes on without them."""
        try:
            with self._journal.open(encoding="utf-8", errors="replace") as file:
                file.seek(self._begin)
                return _REFUSED.findall(file.read())
        except OSError:
            return []

    async def apply(self, stored: str, *, enabled: bool) -> None:
        """Run this text: stop bgpd, wait for its end, start it. Equal text bounces the sessions as well.

        :raises LabError: when bgpd does not come up.
        """
        async with self._lock:
            await self._stop()
            self.vty.mkdir(mode=0o700, exist_ok=True)
            (self.directory / "vtysh.conf").touch(mode=0o600)
            self.config.touch(mode=0o600)
            self.config.write_text(daemon_text(stored, enabled=enabled), encoding="utf-8")
            socket = self.vty / "bgpd.vty"
            socket.unlink(missing_ok=True)
            command = self.namespace.enter(
                *(self.namespace.programs.bgpd, "-S", "-Z", "-n", "-f", str(self.config)),
                *("-i", str(self.directory / "bgpd.pid"), "--vty_socket", str(self.vty)),
                *("-z", str(self.directory / "zserv.api"), "-P", "0", "-p", "179"),
                # Only its own addresses: the nodes' are on the same interface.
                *("-l", ROUTER, "-l", ipv6_of(ROUTER)),
                *("--log", f"file:{self._journal}"),
            )
            self._begin = self._journal.stat().st_size if self._journal.exists() else 0
            self._process = await process.spawn_child(command, log=self._journal)
            deadline = time.monotonic() + START_TIMEOUT
            while not socket.exists():
                if not self.running or time.monotonic() > deadline:
                    raise LabError(f"bgpd did not start; see {self._journal}.")
                await asyncio.sleep(0.01)
            self.started = time.time()
            self.restarts += 1
            log.info("bgpd runs (pid %s, restart %d)", self.pid, self.restarts)

    async def stop(self) -> None:
        """End it."""
        async with self._lock:
            await self._stop()

    async def _stop(self) -> None:
        if self._process is not None:
            await process.end_child(self._process)
            self._process = None

    def vtysh(self, *commands: str) -> list[str]:
        """Return the command line of the real vtysh, which works from outside over the socket's path."""
        words = [self.namespace.programs.vtysh, "--vty_socket", str(self.vty), "--config_dir", str(self.directory)]
        return words + ["-d", "bgpd"] + [word for command in commands for word in ("-c", command)]

    async def show(self, command: str) -> Any:
        """Return what a ``show ... json`` command answers, or {} when bgpd does not."""
        if not self.running:
            return {}
        child = await asyncio.create_subprocess_exec(
            *self.vtysh(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            output, _unused = await asyncio.wait_for(child.communicate(), 5.0)
            return json.loads(output)
        except (TimeoutError, ValueError):
            if child.returncode is None:
                child.kill()
                await child.wait()
            return {}

    async def sessions(self) -> dict[str, dict[str, Any]]:
        """Return per neighbour and family its state and accepted prefixes."""
        summary = await self.show("show bgp summary json")
        found: dict[str, dict[str, Any]] = {}
        for family, part in summary.items():
            for address, peer in (part.get("peers") or {}).items() if isinstance(part, dict) else ():
                entry = found.setdefault(address, {"state": peer.get("state"), "accepted": {}})
                entry["peer_state"] = peer.get("peerState")
                entry["accepted"][family] = peer.get("pfxRcd", 0)
        return found
