# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's listener: TLS, one handler per call, roles, proxying, faults.

The calls themselves are methods of :class:`~.api.Api`; this room decides who may call what on which node, and turns
what comes back into gRPC. Facts: siderolabs/talos v1.10 ``internal/app/apid/pkg/{director,backend}``,
``internal/app/maintenance``, ``internal/app/machined/pkg/system/services/machined.go`` (access rules).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream

from . import tls, wire
from .api import Api, ApiError, Caller
from .documents import dig

if TYPE_CHECKING:
    from .node import Node

ADMIN = "os:admin"
LETTERS = {"A": ADMIN, "O": "os:operator", "R": "os:reader", "B": "os:etcd:backup"}
MAINTENANCE_SERVICES = ("machine.MachineService", "storage.StorageService", "cosi.resource.State")
#: Calls that change something: where a power cut can leave a job half done.
WRITES = frozenset(
    "ApplyConfiguration Bootstrap Reboot Shutdown Rollback Reset Upgrade EtcdRemoveMemberByID EtcdLeaveCluster "
    "EtcdForfeitLeadership EtcdAlarmDisarm EtcdDefragment EtcdSnapshot EtcdRecover ImagePull MetaWrite "
    "MetaDelete".split()
)
_FORWARDED = ("machine", "storage", "cluster", "time", "cosi")


class _Protocol(H2Protocol):
    """A connection that knows its client's certificate, and can be cut."""

    owner: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.owner.connected(self, transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.owner.connections.pop(self, None)
        super().connection_lost(exc)


class _Server(Server):
    owner: Any = None

    def _protocol_factory(self) -> H2Protocol:
        plain = super()._protocol_factory()
        protocol = _Protocol(plain.handler, self._config, self._h2_config)
        protocol.owner = self.owner
        return protocol


class Listener:
    """Port 50000 of one node: closed, maintenance or configured."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.api = Api(node)
        self.connections: dict[_Protocol, Any] = {}
        self.mode = ""
        self.leaf: tls.KeyPair | None = None
        self._server: _Server | None = None
        self._check_usage = False
        self._closing = asyncio.Event()

    @property
    def configured(self) -> bool:
        """Whether the configured API listens."""
        return self.mode == "configured"

    @property
    def spki(self) -> str:
        """The pin of the certificate that is presented now; empty while closed."""
        return self.leaf.spki if self.leaf and self.mode else ""

    # -- open and close --------------------------------------------------------------------------------------------
    async def open_maintenance(self) -> None:
        """Listen with a certificate of a fresh CA; clients show none."""
        spec = self.node.spec
        names = [spec.address, spec.listen, "127.0.0.1", "::1"]
        self.leaf = tls.issue(
            tls.new_ca(), common_name=tls.MAINTENANCE_NAME, names=[*names, tls.MAINTENANCE_NAME], server=True
        )
        await self._open("maintenance", tls.server_context(self.leaf))

    async def open_configured(self) -> None:
        """Listen with a certificate of the config's own CA, and verify clients against it.

        A config whose CA cannot be used leaves the port closed, as apid keeps failing then.
        """
        config = self.node.machine_config or {}
        while True:
            try:
                ca = self._issuing_ca(config)
                break
            except LookupError:
                await self.node.cluster.wait()  # a worker: its certificate comes from a control plane's trustd
        accepted = [tls.decode_pem(dig(item, "crt")) for item in dig(config, "machine.acceptedCAs") or []]
        issuer = tls.new_ca() if self.node.faults.wrong_ca else ca
        node, spec = self.node, self.node.spec
        names = [*(dig(config, "machine.certSANs") or []), spec.address, spec.listen, node.hostname, spec.name]
        try:
            self.leaf = tls.issue(issuer, common_name=node.hostname, names=map(str, names), server=True)
            context = tls.server_context(self.leaf, [ca.crt, *accepted])
        except (tls.KeyPairError, ssl.SSLError, ValueError) as error:
            node.say(f"[talos] apid: cannot use the machine CA: {error}")
            return
        self._check_usage = bool(dig(config, "machine.features.apidCheckExtKeyUsage"))
        await self._open("configured", context)

    def _issuing_ca(self, config: dict[str, Any]) -> tls.KeyPair:
        crt = tls.decode_pem(dig(config, "machine.ca.crt"))
        key = tls.plain_key(tls.decode_pem(dig(config, "machine.ca.key")))
        if key:
            return tls.KeyPair(crt, key)
        token = dig(config, "machine.token")
        for other in self.node.cluster.nodes:
            theirs = other.machine_config or {}
            if other.api_up and other.control_plane and dig(theirs, "machine.token") == token:
                key = tls.plain_key(tls.decode_pem(dig(theirs, "machine.ca.key")))
                if key:
                    return tls.KeyPair(crt, key)
        raise LookupError("no control plane's trustd answers")

    async def _open(self, mode: str, context: ssl.SSLContext) -> None:
        await self.close()
        handlers = {
            call.path: Handler(
                self._bind(call),
                Cardinality((call.client_stream, call.server_stream)),
                wire.message(call.request),
                wire.message(call.answer),
            )
            for call in wire.CALLS
            if mode == "configured" or call.service in MAINTENANCE_SERVICES
        }
        server = _Server([_Mapping(handlers)])
        server._mapping = _Calls(server._mapping)
        server.owner = self
        await server.start(self.node.spec.listen, self.node.spec.port, ssl=context)
        self._server, self.mode = server, mode
        self._closing = asyncio.Event()

    async def close(self) -> None:
        """Stop listening; open connections get a GOAWAY and are closed."""
        server, self._server, self.mode = self._server, None, ""
        self._closing.set()
        if server is None:
            return
        for protocol, transport in list(self.connections.items()):
            with suppress(Exception):
                protocol.connection._connection.close_connection()
                protocol.connection.flush()
            transport.close()
        server.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
        self.connections.clear()

    def abort(self) -> None:
        """Cut every connection and stop listening, as a power loss does."""
        server, self._server, self.mode = self._server, None, ""
        self._closing.set()
        for transport in list(self.connections.values()):
            transport.abort()
        self.connections.clear()
        if server is not None:
            server.close()

    def connected(self, protocol: _Protocol, transport: Any) -> None:
        """A client shook hands: refuse it when its certificate is for more than client authentication."""
        self.connections[protocol] = transport
        if self.mode == "configured" and self._check_usage:
            der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            if not der or not tls.only_client_auth(der):
                transport.abort()

    # -- calls -----------------------------------------------------------------------------------------------------
    def _bind(self, call: wire.Call) -> Any:
        async def handle(stream: Stream[Any, Any]) -> None:
            try:
                await self._handle(call, stream)
            except ApiError as error:
                raise GRPCError(Status(error.code), error.text) from None

        return handle

    def _caller(self, transport: Any) -> Caller:
        if self.mode == "maintenance":
            return Caller(frozenset({"os:reader"}))
        der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        roles = tls.client_roles(der) if der else frozenset()
        if not dig(self.node.machine_config, "machine.features.rbac"):
            roles = frozenset({ADMIN})
        return Caller(roles)

    async def _handle(self, call: wire.Call, stream: Stream[Any, Any]) -> None:
        transport = stream._stream._transport
        caller = self._caller(transport)
        faults = self.node.faults
        key = faults.for_call(faults.delay, call.service, call.method)
        if key:
            await asyncio.sleep(faults.delay[key])
        if faults.spend(faults.reset, call.service, call.method):
            transport.abort()
            return
        writes = call.method in WRITES
        if (writes or faults.die_at == call.method) and self.node.dies_at(call.method):
            return
        failure = faults.error(call.service, call.method)
        if failure:
            raise ApiError(*failure)
        request: Any = stream if call.client_stream else await stream.recv_message()
        answers = self._route(call, request, caller, stream.metadata or {})
        dropping = faults.for_call(faults.drop, call.service, call.method)
        async for answer in answers:
            if dropping and faults.spend(faults.drop, call.service, call.method):
                transport.abort()
                return
            if transport.is_closing() or (writes and self.node.dies_at(f"done:{call.method}")):
                return
            await stream.send_message(answer)

    async def _route(self, call: wire.Call, request: Any, caller: Caller, metadata: Any) -> AsyncIterator[Any]:
        """Answer here, or from the nodes which the metadata names."""
        nodes = metadata.getall("nodes", []) if hasattr(metadata, "getall") else []
        single = metadata.getall("node", []) if hasattr(metadata, "getall") else []
        if self.mode == "maintenance":
            nodes, single = [], []
        if len(single) > 1:
            raise ApiError(3, "node metadata must be single-valued")
        if not self.node.control_plane and self.mode == "configured":
            local = self.node.targets
            single = [] if single and single[0] in local else single
            nodes = [] if len(nodes) == 1 and nodes[0] in local else nodes
            if nodes or single:
                raise ApiError(7, "no request forwarding")
        if nodes:
            if call.service.startswith("cosi."):
                raise ApiError(3, "one-2-many proxying is not supported for COSI methods")
            many = self._many(call, request, caller, nodes)
            async for answer in many:
                yield answer
            return
        if single:
            target = self._remote(single[0])
            async for answer in target.forwarded(call, request, caller):
                yield answer
            return
        async for answer in self.local(call, request, caller):
            yield answer

    def _remote(self, target: str) -> Listener:
        """The API of another node, as this one's apid reaches it.

        :raises ApiError: UNAVAILABLE when nothing listens there, or when the two do not trust each other.
        """
        other = self.node.cluster.find(target)
        text = f"dial tcp {target}:50000: connect: connection refused"
        if other is None:
            text = f"dial tcp {target}:50000: connect: no route to host"
        if other is None or not other.api_up:
            refused = 'connection error: desc = "transport: '
            if other is not None and other.listener.mode == "maintenance":
                text = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
                raise ApiError(14, f'{refused}authentication handshake failed: {text}"')
            raise ApiError(14, f'{refused}Error while dialing: {text}"')
        if dig(other.machine_config, "machine.ca.crt") != dig(self.node.machine_config, "machine.ca.crt"):
            raise ApiError(
                14,
                'connection error: desc = "transport: authentication handshake failed: tls: failed to verify '
                'certificate: x509: certificate signed by unknown authority"',
            )
        return other.listener

    async def _many(self, call: wire.Call, request: Any, caller: Caller, targets: list[str]) -> AsyncIterator[Any]:
        """Ask several nodes; failures become messages, the call itself is OK."""
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def ask(target: str) -> None:
            try:
                async for answer in self._remote(target).forwarded(call, request, caller):
                    for item in [answer] if call.server_stream else answer.messages:
                        item.metadata.hostname = target
                    await queue.put(answer)
            except ApiError as error:
                answer = wire.message(call.answer)()
                item = answer if call.server_stream else answer.messages.add()
                item.metadata.hostname = target
                item.metadata.error = f"rpc error: code = {error.go_code} desc = {error.text}"
                item.metadata.status.code, item.metadata.status.message = error.code, error.text
                await queue.put(answer)
            finally:
                await queue.put(None)

        tasks = [asyncio.ensure_future(ask(target)) for target in targets]
        merged = None
        try:
            left = len(tasks)
            while left:
                answer = await queue.get()
                if answer is None:
                    left -= 1
                elif call.server_stream:
                    yield answer
                elif merged is None:
                    merged = answer
                else:
                    merged.MergeFrom(answer)
        finally:
            for task in tasks:
                task.cancel()
        if merged is not None:
            yield merged

    async def forwarded(self, call: wire.Call, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """The same for another node's apid: UNAVAILABLE when this one goes down on the way.

        :raises ApiError: what the node answers instead.
        """
        closing = asyncio.ensure_future(self._closing.wait())
        answers = self.local(call, request, caller).__aiter__()
        coming: asyncio.Future[Any] | None = None
        try:
            while True:
                coming = asyncio.ensure_future(answers.__anext__())
                await asyncio.wait({coming, closing}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    raise ApiError(14, "error reading from server: EOF")
                try:
                    answer = coming.result()
                except StopAsyncIteration:
                    return
                yield answer
        finally:
            closing.cancel()
            if coming is not None:
                coming.cancel()

    async def local(self, call: wire.Call, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Carry a call out on this node: check the role, then the method.

        :raises ApiError: what the node answers instead.
        """
        mode = self.mode
        if not mode:  # the connection was taken in while the node went down; nobody is left behind it
            gone = "dial unix /system/run/machined/machine.sock: connect: connection refused"
            raise ApiError(14, f'connection error: desc = "transport: Error while dialing: {gone}"')
        if mode != "maintenance":
            allowed = {LETTERS[letter] for letter in call.roles}
            if not allowed & caller.roles:
                raise ApiError(7, "not authorized")
        async for answer in self.api.call(call, request, caller, mode):
            yield answer


class _Calls(dict[str, Handler]):
    """The calls of a listener; an unknown one gets a proper status, which grpclib alone does not send."""

    def get(self, path: str, default: Any = None) -> Any:
        known = super().get(path)
        if known is not None:
            return known
        service, _unused, method = path.lstrip("/").partition("/")
        served = any(other.startswith(f"/{service}/") for other in self)
        text = f"unknown method {method} for service {service}" if served else f"unknown service {service}"

        async def refuse(stream: Stream[Any, Any]) -> None:
            raise GRPCError(Status.UNIMPLEMENTED, text)

        empty = wire.message("google.protobuf.Empty")
        return Handler(refuse, Cardinality.UNARY_UNARY, empty, empty)


class _Mapping:
    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers

    def __mapping__(self) -> dict[str, Handler]:
        return self._handlers
