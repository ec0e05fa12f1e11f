# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house's network with a kernel per machine: router and nodes each in a network namespace of their own.

The lab itself has all BGP daemons in one namespace, without zebra, and a route ends in bgpd's table. Here the router
has a bridge with a cable to each node, and zebra puts what bgpd selects into the router's kernel, so that what a kernel
refuses is seen: a next hop ``::ffff:172.29.51.11``, which an IPv6 route over an IPv4 session comes with, looks valid
to bgpd and is never installed. It needs root.

    python -m lab.bgp.hosts up|down --dir DIR [--net 127.34]

``up`` returns when the console answers; ``DIR`` then has ``console.json``, ``router.json`` and ``hosts.json``, the pid
in each machine's namespace by name. The console runs what it is sent, unchanged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from .. import process
from ..scenario import BgpDelays, ConsoleFaults
from ..state import CHECKOUT, MARK, LabError, LabState, door_address
from ..unifi.console import Console
from .addresses import NODES, ROUTER, ipv6_of
from .plan import Export, Instance, Peer, Route
from .programs import Programs, find
from .speaker import Speaker

CLUSTER_ASN, ROUTER_ASN = 64512, 64513
#: What each node announces besides its own pods, as Cilium would for a Service with a policy of Cluster.
SERVICES = ("172.29.52.200/32", "172.29.52.201/32", "fd47:25e1:2f96:52:100::1/128")
BRIDGE = "br51"
START_TIMEOUT = 20.0


def announced(number: int) -> list[str]:
    """What node ``number`` (from 1) announces."""
    return [*SERVICES, f"10.244.{number}.0/24", f"fd47:25e1:2f96:f5{number:02x}::/64"]


class Machine:
    """One network namespace, kept by a process that sleeps in it."""

    def __init__(self, name: str, programs: Programs, directory: Path) -> None:
        self.name, self.programs, self.directory = name, programs, directory
        self.holder: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The pid of the process inside."""
        if self.holder is None:
            raise LabError(f"{self.name} has no namespace.")
        return self.holder.pid

    async def start(self) -> None:
        """Make it, with its loopback up."""
        ready = self.directory / f"{self.name}.ready"
        script = f"set -e\n{self.programs.ip} link set lo up\n: >'{ready}'\nexec sleep infinity\n"
        self.holder = await process.spawn_child(
            [self.programs.unshare, "-n", "sh", "-c", script], log=self.directory / f"{self.name}.log"
        )
        deadline = time.monotonic() + START_TIMEOUT
        while not ready.exists():
            if self.holder.returncode is not None or time.monotonic() > deadline:
                raise LabError(f"This user may not make a network namespace; see {self.directory / self.name}.log.")
            await asyncio.sleep(0.01)

    def enter(self, *command: str) -> list[str]:
        """Return the command line that runs ``command`` inside."""
        return [self.programs.nsenter, "-t", str(self.pid), "-n", *command]

    async def run(self, *command: str) -> None:
        """Run a command inside to its end."""
        child = await asyncio.create_subprocess_exec(
            *self.enter(*command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _none = await child.communicate()
        if child.returncode:
            raise LabError(f"{self.name}: {' '.join(command)}: {output.decode(errors='replace').strip()}")

    async def ip(self, *words: str) -> None:
        """Run ``ip`` inside."""
        await self.run(self.programs.ip, *words)


class Hosts:
    """The router, its nodes, and the console."""

    def __init__(self, state: LabState, net: str, programs: Programs) -> None:
        self.state, self.programs = state, programs
        self.frr = _directory_of_frr(state)
        self.router = Machine("router", programs, state.logs)
        self.nodes = {name: Machine(name, programs, state.logs) for name in NODES}
        self.speakers: list[Speaker] = []
        self.console = Console(state, door_address(ROUTER, net), ConsoleFaults(), BgpDelays(apply=0.05), self.run_text)
        self._daemons: dict[str, asyncio.subprocess.Process] = {}

    async def start(self) -> None:
        """Lay the cables, start the daemons and the console."""
        await asyncio.gather(self.router.start(), *(node.start() for node in self.nodes.values()))
        await self._lay_cables()
        await self._start_zebra()
        await self.run_text("", False)
        for number, (name, machine) in enumerate(self.nodes.items(), 1):
            await self._start_node(number, name, machine)
        await self.console.start()
        shell = {"fault": "", "vtysh": self.programs.vtysh, "vty_socket": str(self.frr), "config_dir": str(self.frr)}
        self.state.write(self.state.root / "router.json", json.dumps(shell))
        pids = {machine.name: machine.pid for machine in (self.router, *self.nodes.values())}
        self.state.write(self.state.root / "hosts.json", json.dumps(pids))

    async def stop(self) -> None:
        """End everything; the namespaces go with their last process."""
        await self.console.stop()
        for speaker in self.speakers:
            await speaker.kill()
        for daemon in self._daemons.values():
            await process.end_child(daemon)
        for machine in (self.router, *self.nodes.values()):
            if machine.holder is not None:
                await process.end_child(machine.holder)

    async def run_text(self, text: str, enabled: bool) -> None:
        """Run bgpd with the router's text, byte for byte."""
        config = self.frr / "bgpd.conf"
        config.write_text(text if enabled and text else "frr defaults traditional\n", encoding="utf-8")
        # What reads the file has given up root's rights.
        shutil.chown(config, "frr", "frr")
        await self._daemon("bgpd", self.programs.bgpd, "-f", str(config))

    async def _lay_cables(self) -> None:
        """A bridge in the router, and a cable from it to each node."""
        await self.router.ip("link", "add", BRIDGE, "type", "bridge")
        await self._addresses(self.router, BRIDGE, ROUTER)
        for number, (name, machine) in enumerate(self.nodes.items(), 1):
            port = f"port{number}"
            peer = ("peer", "name", "eth0", "netns", str(machine.pid))
            await self.router.ip("link", "add", port, "type", "veth", *peer)
            await self.router.ip("link", "set", port, "master", BRIDGE, "up")
            await self._addresses(machine, "eth0", NODES[name])

    @staticmethod
    async def _addresses(machine: Machine, link: str, address: str) -> None:
        await machine.ip("addr", "add", f"{address}/24", "dev", link)
        await machine.ip("-6", "addr", "add", f"{ipv6_of(address)}/64", "dev", link, "nodad")
        await machine.ip("link", "set", link, "up")

    async def _start_zebra(self) -> None:
        config = self.frr / "zebra.conf"
        config.touch()
        (self.frr / "vtysh.conf").touch()
        shutil.chown(config, "frr", "frr")
        zebra = str(Path(self.programs.bgpd).with_name("zebra"))
        await self._daemon("zebra", zebra, "-f", str(config))

    async def _daemon(self, name: str, program: str, *words: str) -> None:
        """Start or restart a daemon of the router, and wait for its socket."""
        if name in self._daemons:
            await process.end_child(self._daemons.pop(name))
        socket, log = self.frr / f"{name}.vty", self.state.logs / f"{name}.log"
        socket.unlink(missing_ok=True)
        command = self.router.enter(
            *(program, *words, "-i", str(self.frr / f"{name}.pid"), "--vty_socket", str(self.frr)),
            *("-z", str(self.frr / "zserv.api"), "-P", "0"),
        )
        self._daemons[name] = await process.spawn_child(command, log=log)
        deadline = time.monotonic() + START_TIMEOUT
        while not socket.exists():
            if self._daemons[name].returncode is not None or time.monotonic() > deadline:
                raise LabError(f"{name} did not start; see {log}.")
            await asyncio.sleep(0.01)

    async def _start_node(self, number: int, name: str, machine: Machine) -> None:
        """A node that dials the router, and announces."""
        sockets = self.state.short_directory("nodes")
        speaker = Speaker(machine, sockets / f"{number}.sock", self.state.logs / f"{name}-gobgpd.log", lambda: None)
        address = NODES[name]
        peer = Peer(
            "router", ROUTER, ROUTER_ASN, address, restart_seconds=30, exports=(Export(tuple(announced(number))),)
        )
        instance = Instance("house", address, CLUSTER_ASN, address, peers=(peer,))
        await speaker.apply(instance, {Route(prefix) for prefix in announced(number)}, frozenset(), (179, [address]))
        self.speakers.append(speaker)


def _directory_of_frr(state: LabState) -> Path:
    """Return a directory for daemons that give up root's rights: the lab's own are closed to them."""
    target = Path(tempfile.mkdtemp(prefix="homeops-lab-", dir="/tmp"))
    (target / MARK).touch()
    shutil.chown(target, "frr", "frr")
    (state.root / "frr").symlink_to(target)
    return target


async def serve(state: LabState, net: str, programs: Programs) -> None:
    """Run until a signal comes."""
    hosts, stopping = Hosts(state, net, programs), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await hosts.start()
        await stopping.wait()
    finally:
        await hosts.stop()


def up(state: LabState, net: str) -> int:
    """Start it, and return when it stands."""
    state.create()
    command = [process.python(), "-m", "lab.bgp.hosts", "serve", "--dir", str(state.root), "--net", net]
    log = state.logs / "hosts.log"
    pid = process.spawn_detached(command, owner=str(state.root), log=log, cwd=CHECKOUT, extra={})
    deadline = time.monotonic() + START_TIMEOUT
    while not (state.root / "hosts.json").exists():
        if not Path(f"/proc/{pid}").exists() or time.monotonic() > deadline:
            print(f"The hosts did not start; see {log}.", file=sys.stderr)
            return 1
        time.sleep(0.05)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Start, serve or end."""
    parser = argparse.ArgumentParser(description="the house's network with a kernel per machine")
    parser.add_argument("do", choices=["up", "serve", "down"])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--net", default="127.34")
    given = parser.parse_args(arguments)
    state = LabState(given.dir.resolve())
    if given.do == "down":
        process.end_processes(str(state.root))
        state.remove()
        return 0
    programs = find(os.environ)
    if isinstance(programs, str) or os.geteuid():
        print(programs if isinstance(programs, str) else "A kernel per machine needs root.", file=sys.stderr)
        return 2
    if given.do == "up":
        return up(state, given.net)
    os.umask(0o022)
    asyncio.run(serve(state, given.net, programs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
