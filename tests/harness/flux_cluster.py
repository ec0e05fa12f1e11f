# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with the lab's controllers and Git server, and no Talos underneath: machines that are always there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lab.controllers.api import DAEMON_SETS, Api
from lab.controllers.flux import manifest
from lab.controllers.flux.base import Plant
from lab.controllers.manager import Host, Manager, World
from lab.controllers.platform.state import Platform
from lab.git.server import GitServer
from lab.scenario import Scenario
from lab.state import LabState
from tests.harness.kube_server import KubeServer

CHECKOUT = Path(__file__).resolve().parents[2]
HOSTS = [
    Host(
        f"mini0{number}",
        f"172.29.51.1{number}",
        alive=True,
        boot_id="1",
        kubelet_version="v1.33.4",
        endpoints=frozenset(("10.96.0.1:443",)),
    )
    for number in (1, 2, 3)
]
TOLERATE = [{"operator": "Exists"}]


class FluxCluster:
    """An API server, all controllers of the lab, and the Git server.

    :param host: loopback address of the Git server, a test module's own.
    :param platform: what the platform's programs share.
    """

    def __init__(self, directory: Path, host: str, backend: str = "emulator", platform: Platform | None = None) -> None:
        self.platform = platform
        self.server = KubeServer(directory, backend)
        self.scenario = Scenario.load(CHECKOUT / "lab" / "scenarios" / "fast.yml")
        self.state = LabState(directory / "lab")
        self.git = GitServer(self.state, host, self.scenario.faults.git, manifest.text())
        self.manager: Manager
        self.api: Api

    def run(self, work: Coroutine[Any, Any, Any], timeout: float = 60) -> Any:
        """Carry out something in the cluster's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self.server._loop).result(timeout)

    def __enter__(self) -> FluxCluster:
        logging.getLogger("lab").setLevel(logging.INFO)
        self.server.__enter__()
        self.state.create()
        self.run(self._start())
        return self

    async def _start(self) -> None:
        await self.git.start()
        state = LabState(self.server.directory / "state")
        from lab.kube_backend import BackendFiles

        files = BackendFiles.create(state, self.server.pki, ["127.0.0.1"])
        api = Api(self.server.url, files.client_context())
        self.api = Api(self.server.url, files.client_context(), agent="test")
        flux = Plant(self.git, self.scenario.faults.flux)
        world = World(
            api,
            self.scenario.delays,
            lambda: HOSTS,
            lambda name, ready: None,
            self.server.directory / "logs",
            faults=self.scenario.faults.workloads,
            flux=flux,
            platform=self.platform,
        )
        self.manager = Manager(world, builtin_garbage_collection=self.server.backend.builtin_garbage_collection)
        self.manager.start()
        world.running.set()
        labels = {"k8s-app": "cilium"}
        pod = {"hostNetwork": True, "tolerations": TOLERATE, "containers": [{"name": "agent", "image": "agent"}]}
        spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
        meta = {"name": "cilium", "namespace": "kube-system"}
        await self.api.ensure(DAEMON_SETS, {"metadata": meta, "spec": spec}, "test")

    def __exit__(self, *exc: object) -> None:
        self.run(self._stop())
        self.server.__exit__(*exc)

    async def _stop(self) -> None:
        await self.manager.stop()
        await self.git.stop()
        await self.api.close()
