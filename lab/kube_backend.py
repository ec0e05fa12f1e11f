# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes backend: one launcher for the emulator and for a real API server.

Both get the same material (:class:`BackendFiles`) and answer on a free loopback port; the doors in front of it decide
which of the cluster's addresses reach it. Which one is used is the choice of ``HOMEOPS_LAB_KUBE``: ``auto`` (the
default: a real one when it is found, see :mod:`lab.kubernetes.envtest`), ``emulator`` or ``envtest``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from . import process
from .certificates import KubernetesPki
from .keyspace import KeyValue
from .state import CHECKOUT, LabError, LabState

HOST = "127.0.0.1"
FRONT_PROXY = "front-proxy-client"
CONTROL = "emulator.sock"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
START_TIMEOUT = 60.0
ATTEMPTS = 3
"""Free ports are found by asking, so another process may take one before the server does."""


@dataclass(frozen=True)
class BackendFiles:
    """The private files that a backend is started with."""

    directory: Path
    ca: Path
    server_crt: Path
    server_key: Path
    service_account_key: Path
    client_crt: Path
    client_key: Path
    aggregator_ca: Path
    proxy_crt: Path
    proxy_key: Path

    @classmethod
    def create(cls, state: LabState, pki: KubernetesPki, names: list[str]) -> BackendFiles:
        """Write them under the lab's directory: a serving certificate for ``names``, a client one for controllers."""
        directory = state.kubernetes
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        server_crt, server_key = pki.issue("kube-apiserver", names=names)
        client_crt, client_key = pki.issue("homeops-lab", organizations=["system:masters"], client=True)
        proxy_crt, proxy_key = pki.issue(FRONT_PROXY, client=True, front_proxy=True)
        files = {
            "ca.crt": pki.ca_crt,
            "server.crt": server_crt,
            "server.key": server_key,
            "service-account.key": pki.service_account_key,
            "client.crt": client_crt,
            "client.key": client_key,
            "aggregator-ca.crt": pki.aggregator_crt,
            "front-proxy.crt": proxy_crt,
            "front-proxy.key": proxy_key,
        }
        for name, data in files.items():
            with os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(data)
        return cls(directory, *(directory / name for name in files))

    def client_context(self) -> ssl.SSLContext:
        """Return a TLS context that trusts the cluster's CA and carries the controllers' certificate."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.client_crt, self.client_key)
        return context

    def front_proxy_context(self) -> ssl.SSLContext:
        """Return a TLS context for a proxy that names its clients to the API server."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.proxy_crt, self.proxy_key)
        return context


class Backend(Protocol):
    """A running Kubernetes API on :data:`HOST`."""

    name: str
    port: int
    builtin_garbage_collection: bool
    """Namespaces and owners are followed inside the server; else the lab's controllers do it."""

    async def start(self) -> None:
        """Start and return when ``/readyz`` answers 200; raises :class:`LabError`."""

    async def stop(self) -> None:
        """End all its processes."""

    def alive(self) -> bool:
        """Tell whether its processes still run."""

    async def writes(self) -> Counter[str]:
        """Count the writes of all clients but the lab's own controllers; dry runs are no writes."""

    async def keyspace(self) -> list[KeyValue]:
        """Everything that is in its etcd; raises :class:`LabError`."""

    async def load(self, rows: list[KeyValue]) -> None:
        """Start over with exactly this in its etcd; raises :class:`LabError`."""


class EmulatorBackend:
    """The emulator as a child process."""

    name = "emulator"
    builtin_garbage_collection = True

    def __init__(self, state: LabState, files: BackendFiles, version: str) -> None:
        self.state, self.files, self.version = state, files, version
        self.port = 0
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the emulator and wait until it answers."""
        log = self.state.logs / "kubernetes.log"
        for attempt in range(ATTEMPTS):
            self.port = free_port()
            self._child = await process.spawn_child(
                [
                    *(sys.executable, "-m", "lab.kubernetes", "--host", HOST, "--port", str(self.port)),
                    *("--client-ca", str(self.files.ca), "--version", self.version, "--log", str(log)),
                    *("--cert", str(self.files.server_crt), "--key", str(self.files.server_key)),
                    # Relative, because a unix socket's path may have 107 bytes only.
                    *("--control", CONTROL),
                ],
                log=log,
                cwd=self.files.directory,
                extra={"PYTHONPATH": str(CHECKOUT)},
            )
            try:
                await wait_ready(self.port, self.files, self.alive, "the Kubernetes emulator", log)
                return
            except LabError:
                await self.stop()
                if attempt == ATTEMPTS - 1:
                    raise

    async def stop(self) -> None:
        """End the emulator; its objects are gone with it."""
        if self._child is not None:
            await process.end_child(self._child)
            self._child = None

    def alive(self) -> bool:
        """Tell whether the child runs."""
        return self._child is not None and self._child.returncode is None

    async def writes(self) -> Counter[str]:
        """Count the clients' writes by method and path; the lab's controllers and dry runs are left out."""
        counters = await self._control("GET", "counters")
        requests = {key: count for key, count in counters["requests"].items() if key.split()[0] in WRITES}
        return Counter({key: count for key, count in requests.items() if "(dry run)" not in key})

    async def keyspace(self) -> list[KeyValue]:
        """All objects as an API server keeps them in etcd."""
        return [KeyValue.of_json(row) for row in await self._control("GET", "keyspace")]

    async def load(self, rows: list[KeyValue]) -> None:
        """Replace all objects; the watches of clients end."""
        await self._control("POST", "keyspace", [row.as_json() for row in rows])

    async def get_faults(self) -> list[dict[str, Any]]:
        """Return the list of faults with the times that are left."""
        return await self._control("GET", "faults")

    async def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """Replace the list of faults."""
        await self._control("POST", "faults", faults)

    async def _control(self, method: str, name: str, body: Any = None) -> Any:
        directory = os.open(self.files.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            connector = aiohttp.UnixConnector(path=f"/proc/self/fd/{directory}/{CONTROL}")
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.request(method, f"http://lab/__lab/{name}", json=body) as answer,
            ):
                data = await answer.json()
        except (OSError, aiohttp.ClientError) as error:
            raise LabError(f"The Kubernetes emulator's control socket did not answer: {error}.") from error
        finally:
            os.close(directory)
        if answer.status >= 400:
            raise LabError(f"The Kubernetes emulator refused: {data.get('error')}.")
        return data


def create_backend(
    state: LabState, files: BackendFiles, version: str, environ: Mapping[str, str] | None = None
) -> Backend:
    """Return the backend that the environment asks for.

    :param version: the cluster's Kubernetes version; a real API server has its own.
    :raises LabError: for an unknown choice, or when a real one is asked for and not found.
    """
    from .kubernetes import envtest

    env = os.environ if environ is None else environ
    choice = env.get("HOMEOPS_LAB_KUBE") or "auto"
    if choice not in ("auto", "emulator", "envtest"):
        raise LabError(f"HOMEOPS_LAB_KUBE must be auto, emulator or envtest, not {choice!r}.")
    assets = envtest.find(env) if choice != "emulator" else None
    if assets:
        return envtest.EnvtestBackend(state, files, assets)
    if choice == "envtest":
        raise LabError(
            "HOMEOPS_LAB_KUBE=envtest, but kube-apiserver and etcd were not found in TEST_ASSET_KUBE_APISERVER and "
            "TEST_ASSET_ETCD, KUBEBUILDER_ASSETS, /usr/local/kubebuilder/bin or PATH."
        )
    return EmulatorBackend(state, files, version)


def free_port() -> int:
    """Return a loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


async def wait_ready(
    port: int, files: BackendFiles, alive: Callable[[], bool], what: str, log: Path, path: str = "/readyz"
) -> None:
    """Wait until ``path`` answers 200 over TLS.

    :param alive: False ends the wait at once.
    :raises LabError: when the process ends or :data:`START_TIMEOUT` passes.
    """
    context = files.client_context()
    deadline = time.monotonic() + START_TIMEOUT
    last = "no answer yet"
    while time.monotonic() < deadline:
        if not alive():
            raise LabError(f"{what} ended while it was starting; see {log}.")
        try:
            status = await _status(port, context, path)
            if status == 200:
                return
            last = f"HTTP {status}"
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
            last = str(error) or type(error).__name__
        await asyncio.sleep(0.05)
    raise LabError(f"{what} was not ready after {START_TIMEOUT:.0f} s ({last}); see {log}.")


async def _status(port: int, context: ssl.SSLContext | None, path: str) -> int:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), 5)
        return int(line.split()[1])
    finally:
        writer.close()
