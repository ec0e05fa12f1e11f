# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated Talos nodes of a test's (or a bench's) own: the lab's nodes on loopback, run by a thread."""

from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.talos import secrets, talosconfig
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import Identity, load_talosconfig
from ansible_collections.homeops.cluster.plugins.modules import talos_apply
from lab.talos.cluster import Cluster
from lab.talos.node import Node
from lab.talos.spec import Delays, NodeSpec

T = TypeVar("T")
BUNDLE = Path(__file__).resolve().parents[1] / "unit" / "fixtures" / "talos" / "secrets.yaml"

#: What the home's minis have in common, as far as the tests care.
PATCHES: list[dict[str, Any]] = [
    {
        "machine": {
            "install": {"diskSelector": {"model": "APPLE*"}},
            "network": {"interfaces": [{"interface": "enp3s0f0", "dhcp": True, "vip": {"ip": "172.29.51.10"}}]},
        }
    },
    {
        "apiVersion": "v1alpha1",
        "kind": "UserVolumeConfig",
        "name": "longhorn-ssd",
        "provisioning": {"diskSelector": {"match": 'disk.model == "Portable SSD T5"'}, "maxSize": "1TB"},
    },
]


class TalosNodes:
    """Nodes ``mini01`` ... in maintenance on ``<net>.51.11`` ...; use as a context manager.

    :param folder: for talosconfig and locks.
    :param net: the loopback net's first two bytes.
    :param delays: seconds by name, see ``lab.scenario.TalosDelays``; all zero but the ones given.
    """

    def __init__(self, folder: Path, net: str = "127.47", count: int = 3, **delays: float) -> None:
        self.folder, self.net, self.count = folder, net, count
        quick = dict.fromkeys(Delays.__dataclass_fields__, 0.02)
        self.delays = Delays(**{**quick, **delays})
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.nodes: list[Node] = []
        self.bundle = secrets.parse(BUNDLE.read_text())
        self.talosconfig = folder / "talosconfig"
        self.identity: Identity

    def __enter__(self) -> TalosNodes:
        now = datetime.datetime.now(datetime.UTC)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.talosconfig.write_text(talosconfig.talosconfig_text("home-ops", self.bundle, [], [], now))
        self.talosconfig.chmod(0o600)
        self.identity = load_talosconfig(str(self.talosconfig))
        self.thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _start(self) -> None:
        cluster = Cluster()

        def changed(node: Node, _what: str) -> None:
            if node.kubernetes_up and not node.kubernetes_ready:
                self.loop.call_soon(setattr, node, "kubernetes_ready", True)

        for number in range(1, self.count + 1):
            spec = NodeSpec(f"mini{number:02d}", self.listen(number), self.address(number))
            self.nodes.append(Node(spec, cluster, self.delays, changed))
        await asyncio.gather(*(node.start() for node in self.nodes))

    async def _stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))

    def call(self, awaitable: Awaitable[T]) -> T:
        """Run something in the nodes' thread and return its result."""

        async def wrapped() -> T:
            return await awaitable

        future: Future[T] = asyncio.run_coroutine_threadsafe(wrapped(), self.loop)
        return future.result(30)

    def do(self, action: Callable[[], Any]) -> None:
        """Call a plain function in the nodes' thread."""

        async def wrapped() -> None:
            action()

        self.call(wrapped())

    def listen(self, number: int) -> str:
        """The loopback address of a node."""
        return f"{self.net}.51.{10 + number}"

    @staticmethod
    def address(number: int) -> str:
        """The address which a node believes to have."""
        return f"172.29.51.{10 + number}"

    def client(self, number: int) -> TalosClient:
        """A connection to a configured node."""
        return TalosClient(self.listen(number), identity=self.identity, server_name=self.address(number))

    def door(self, number: int) -> dict[str, Any]:
        """How to reach a node, as in the options of modules."""
        return {"name": f"mini{number:02d}", "node": self.listen(number), "server_name": self.address(number)}

    def arguments(self, number: int, patches: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
        """Return talos_apply's arguments for a node, defaults filled in."""
        given = {
            **self.door(number),
            "talosconfig": str(self.talosconfig),
            "secrets_file": str(BUNDLE),
            "cluster_name": "home-ops",
            "endpoint": "https://172.29.51.10:6443",
            "talos_version": "v1.10.5",
            "kubernetes_version": "v1.31.1",
            "patches": [*PATCHES, {"machine": {"network": {"hostname": f"mini{number:02d}"}}}, *patches],
            "control_planes": [self.door(one) for one in range(1, self.count + 1)],
            "wait_timeout": 30,
            "lock_dir": str(self.folder / "locks"),
            **more,
        }
        checked = ArgumentSpecValidator(talos_apply.SPEC["argument_spec"]).validate(given)
        assert not checked.error_messages, checked.error_messages
        return checked.validated_parameters

    def apply(
        self, number: int, patches: Sequence[Any] = (), ctx: Context | None = None, **more: Any
    ) -> dict[str, Any]:
        """Run talos_apply for a node."""
        arguments: Mapping[str, Any] = self.arguments(number, patches, **more)
        return talos_apply.run(arguments, ctx or Context())

    def bootstrap(self, timeout: float = 120.0) -> None:
        """Bring etcd up on all nodes, which must be configured."""
        with self.client(1) as client:
            client.bootstrap()
        self.until(lambda: all(node.etcd_voter and node.state == "running" for node in self.nodes), timeout)

    def until(self, condition: Callable[[], bool], timeout: float = 120.0) -> None:
        """Wait for a condition of the nodes."""
        deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=timeout)
        while not condition():
            assert datetime.datetime.now(datetime.UTC) < deadline, [node.snapshot() for node in self.nodes]
            threading.Event().wait(0.05)
