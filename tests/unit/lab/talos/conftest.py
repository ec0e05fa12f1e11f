# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated cluster in this process, and a raw client: grpclib and the lab's own message table, nothing else."""

from __future__ import annotations

import asyncio
import base64
import copy
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from grpclib.client import Channel
from grpclib.const import Cardinality
from grpclib.encoding.proto import ProtoCodec
from grpclib.exceptions import GRPCError, StreamTerminatedError

from lab.talos import tls, wire
from lab.talos.cluster import Cluster
from lab.talos.node import Node
from lab.talos.spec import Delays, NodeSpec

QUICK = {"boot": 0.0, "install": 0.02, "reboot": 0.05, "services": 0.02, "etcd_start": 0.02, "etcd_join": 0.02}
QUICK |= {"static_pods": 0.02, "upgrade": 0.02}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ca_pair(name: str) -> dict[str, str]:
    pair = tls.new_ca(name)
    return {"crt": b64(pair.crt), "key": b64(pair.key.replace(b" PRIVATE", b" ED25519 PRIVATE"))}


MACHINE_CA = ca_pair("talos")
CLUSTER_CA = ca_pair("kubernetes")


def config(**changes: Any) -> dict[str, Any]:
    """A small valid control plane config; ``changes`` replace values at ``machine__a__b`` paths, None removes."""
    document: dict[str, Any] = {
        "version": "v1alpha1",
        "machine": {
            "type": "controlplane",
            "token": "token",
            "ca": MACHINE_CA,
            "install": {"diskSelector": {"model": "APPLE*"}, "image": "ghcr.io/siderolabs/installer:v1.10.5"},
            "kubelet": {"image": "ghcr.io/siderolabs/kubelet:v1.31.1"},
            "features": {"rbac": True, "apidCheckExtKeyUsage": True},
        },
        "cluster": {
            "id": "id",
            "secret": "secret",
            "clusterName": "home-ops",
            "controlPlane": {"endpoint": "https://172.29.51.10:6443"},
            "ca": CLUSTER_CA,
            "etcd": {"ca": CLUSTER_CA},
            "discovery": {"enabled": True},
        },
    }
    document = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = path.split("__")
        holder = document
        for part in parents:
            holder = holder.setdefault(part, {})
        if value is None:
            holder.pop(last, None)
        else:
            holder[last] = value
    return document


def as_bytes(*documents: dict[str, Any]) -> bytes:
    return yaml.safe_dump_all(documents, sort_keys=False).encode()


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class Bench:
    """Three nodes and ways to talk to them."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.told: list[tuple[str, str]] = []
        self.delays = Delays(**QUICK)
        self.nodes = []
        for number in (1, 2, 3):
            address = f"127.46.51.{10 + number}"
            spec = NodeSpec(f"mini{number:02d}", address, f"172.29.51.{10 + number}", port=free_port(address))
            node = Node(spec, self.cluster, self.delays, lambda n, what: self.told.append((n.name, what)))
            self.nodes.append(node)

    def __getitem__(self, index: int) -> Node:
        return self.nodes[index]

    async def start(self) -> None:
        await asyncio.gather(*(node.start() for node in self.nodes))

    async def stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def until(self, holds: Callable[[], Any], seconds: float = 10.0) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, [node.snapshot() for node in self.nodes]
            await asyncio.sleep(0.01)

    async def configured(self, *only: int) -> None:
        """Apply the config in maintenance and wait for the configured API."""
        chosen = [self.nodes[i] for i in only or (0, 1, 2)]
        for node in chosen:
            await self.apply(node, as_bytes(config()), mode="AUTO", insecure=True)
        await self.until(lambda: all(node.booted for node in chosen))

    async def running(self, *only: int) -> None:
        """A bootstrapped cluster."""
        await self.configured(*only)
        chosen = [self.nodes[i] for i in only or (0, 1, 2)]
        await self.call(chosen[0], "machine.MachineService/Bootstrap")
        await self.until(lambda: all(node.state == "running" and node.etcd_voter for node in chosen))

    async def apply(self, node: Node, data: bytes, mode: str = "AUTO", **more: Any) -> Any:
        insecure = more.pop("insecure", False)
        number = wire.number("machine.ApplyConfigurationRequest.Mode", mode)
        fields = {"data": data, "mode": number, **more}
        answer = await self.call(node, "machine.MachineService/ApplyConfiguration", insecure=insecure, **fields)
        return answer.messages[0]

    @staticmethod
    def plain_config() -> bytes:
        return as_bytes(config())

    def context(self, roles: tuple[str, ...] = ("os:admin",), ca: dict[str, str] | None = None, **leaf: Any) -> Any:
        pair = ca or MACHINE_CA
        issuer = tls.KeyPair(base64.b64decode(pair["crt"]), tls.plain_key(base64.b64decode(pair["key"])))
        client = tls.issue(issuer, organization=roles, **leaf)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.set_alpn_protocols(["h2"])
        made.load_verify_locations(cadata=base64.b64decode(MACHINE_CA["crt"]).decode())
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "crt").write_bytes(client.crt)
            Path(folder, "key").write_bytes(client.key)
            made.load_cert_chain(Path(folder, "crt"), Path(folder, "key"))
        return made

    @staticmethod
    def insecure() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.set_alpn_protocols(["h2"])
        return made

    async def call(
        self, node: Node, method: str, insecure: bool = False, metadata: Any = None, context: Any = None, **fields: Any
    ) -> Any:
        """One call; a list of answers when it is a stream."""
        call = next(c for c in wire.CALLS if c.path == "/" + method)
        shook = self.insecure() if insecure else context or self.context()
        channel = Channel(node.spec.listen, node.spec.port, ssl=shook, codec=ProtoCodec())
        request = wire.message(call.request)(**fields)
        kind = Cardinality.UNARY_STREAM if call.server_stream else Cardinality.UNARY_UNARY
        answers: list[Any] = []
        try:
            async with channel.request(
                call.path, kind, wire.message(call.request), wire.message(call.answer), metadata=metadata, timeout=10
            ) as stream:
                await stream.send_message(request, end=True)
                async for answer in stream:
                    answers.append(answer)
        finally:
            channel.close()
        return answers if call.server_stream else answers[0]

    async def refused(self, node: Node, method: str, **options: Any) -> tuple[int, str]:
        """The status of a call that must fail."""
        with pytest.raises(GRPCError) as caught:
            await self.call(node, method, **options)
        return caught.value.status.value, str(caught.value.message)

    async def resource(self, node: Node, namespace: str, kind: str, name: str, **options: Any) -> Any:
        answer = await self.call(node, "cosi.resource.State/Get", namespace=namespace, type=kind, id=name, **options)
        return answer.resource


CUT = (StreamTerminatedError, ConnectionError, OSError, ssl.SSLError)


@pytest.fixture
def bench() -> Callable[[Callable[[Bench], Awaitable[None]]], None]:
    """Run a coroutine with a started bench."""

    def run(body: Callable[[Bench], Awaitable[None]]) -> None:
        async def whole() -> None:
            made = Bench()
            await made.start()
            try:
                await body(made)
            finally:
                await made.stop()

        asyncio.run(whole())

    return run


@pytest.fixture
def talos_config() -> Callable[..., bytes]:
    """The bytes of a valid control plane config with changes."""
    return lambda **changes: as_bytes(config(**changes))


@pytest.fixture
def worker_config() -> bytes:
    """The bytes of a valid worker config of the same cluster."""
    changed = config(machine__type="worker", cluster__etcd=None)
    changed["machine"]["ca"] = {"crt": MACHINE_CA["crt"], "key": ""}
    changed["cluster"]["ca"] = {"crt": CLUSTER_CA["crt"], "key": ""}
    return as_bytes(changed)
