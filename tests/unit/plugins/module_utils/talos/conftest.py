# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small gRPC server on h2 whose every misbehaviour can be chosen; it shares no code with the client under test."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass
class Pair:
    """A certificate with its key, standard labels."""

    certificate: x509.Certificate
    key: ed25519.Ed25519PrivateKey

    @property
    def crt(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def talos_pem(self) -> bytes:
        return self.pem.replace(b"PRIVATE KEY", b"ED25519 PRIVATE KEY")


def certificate(
    issuer: Pair | None,
    common_name: str = "",
    organization: str = "",
    names: tuple[str, ...] = (),
    begin: datetime.datetime = NOW - DAY,
    end: datetime.datetime = NOW + DAY,
    client: bool = False,
) -> Pair:
    """Return a new CA (no issuer) or leaf."""
    key = ed25519.Ed25519PrivateKey.generate()
    attributes = [
        x509.NameAttribute(oid, value)
        for oid, value in ((NameOID.COMMON_NAME, common_name), (NameOID.ORGANIZATION_NAME, organization))
        if value
    ]
    subject = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if issuer is None:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    else:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Pair(builder.sign((issuer.key if issuer else key), None), key)


@dataclass
class Reply:
    """What the server does with one request.

    :param chunk: bytes of body per DATA frame.
    :param stop: instead of a status: ``eof``, ``reset``, ``goaway`` (refusing the stream) or ``silence``.
    :param goaway_first: announce the end of the connection before answering, as a node does that shuts down.
    :param raw_body: sent as it is, instead of framed messages.
    """

    messages: list[bytes] = field(default_factory=list)
    status: int | None = 0
    message: str = ""
    chunk: int = 16000
    trailers_only: bool = False
    goaway_first: bool = False
    stop: str = ""
    raw_body: bytes | None = None
    content_type: str = "application/grpc"
    http_status: str = "200"
    early: bool = False


class TalosServer:
    """One listener on a free port of 127.0.0.1.

    :param handler: ``(path, request message) -> Reply``.
    :param client_ca: require client certificates of this CA.
    :param greeting: sent in clear instead of TLS.
    :param piece: bytes per TLS record; 0 for as many as fit.
    :param first: sent through TLS instead of HTTP/2.
    :param later: after so many connections, another certificate; None in its place hangs up instead.
    """

    def __init__(
        self,
        pair: Pair,
        handler: Callable[[str, bytes], Reply],
        *,
        client_ca: Pair | None = None,
        window: int = 65535,
        alpn: tuple[str, ...] = ("h2",),
        greeting: bytes | None = None,
        first: bytes | None = None,
        max_tls: ssl.TLSVersion | None = None,
        later: tuple[int, Pair | None] | None = None,
        piece: int = 0,
    ) -> None:
        self.piece = piece
        self.handler = handler
        self.window = window
        self.greeting = greeting
        self.first = first
        self.requests: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.client_certificates: list[bytes | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols(list(alpn))
        if max_tls:
            self._context.maximum_version = max_tls
        self.later = later
        self._load(pair)
        if client_ca:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(cadata=client_ca.crt.decode())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _load(self, pair: Pair) -> None:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(pair.crt + pair.pem)
            file.flush()
            self._context.load_cert_chain(file.name)

    def close(self) -> None:
        self._listener.close()
        for connection in list(self._open):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                raw, _unused = self._listener.accept()
            except OSError:
                return
            if self.later and self.connections == self.later[0]:
                if self.later[1] is None:
                    raw.close()
                    continue
                self._load(self.later[1])
            self.connections += 1
            raw.settimeout(20)
            # As Go's servers do; else a last word could be held back and lost with the reset of a close.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        self._open.add(raw)
        try:
            if self.greeting is not None:
                raw.sendall(self.greeting)
                raw.close()
                return
            with self._context.wrap_socket(raw, server_side=True) as sock:
                self.client_certificates.append(sock.getpeercert(binary_form=True))
                if self.first is not None:
                    sock.sendall(self.first)
                    sock.recv(65536)
                    return
                _Connection(self, sock).run()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            self._open.discard(raw)
            raw.close()


class _Connection:
    def __init__(self, server: TalosServer, sock: ssl.SSLSocket) -> None:
        self.server = server
        self.sock = sock
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.bodies: dict[int, bytearray] = {}
        self.paths: dict[int, str] = {}
        self.done: set[int] = set()

    def run(self) -> None:
        self.http.initiate_connection()
        self.http.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self.server.window})
        self.flush()
        while True:
            data = self.sock.recv(65536)
            if not data or not self.handle(data):
                return

    def flush(self) -> None:
        data = self.http.data_to_send()
        step = self.server.piece or len(data) or 1
        for at in range(0, len(data), step):
            self.sock.sendall(data[at : at + step])

    def handle(self, data: bytes) -> bool:
        ended: list[int] = []
        for event in self.http.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                headers = dict(event.headers)
                self.server.headers.append(headers)
                self.bodies[event.stream_id] = bytearray()
                self.paths[event.stream_id] = headers[":path"]
                reply = self.server.handler(headers[":path"], b"\0early")
                if reply.early:
                    self.done.add(event.stream_id)
                    self.answer(event.stream_id, reply)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                if event.stream_id not in self.done:
                    self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                ended.append(event.stream_id)
        self.flush()
        for stream in ended:
            if stream in self.done:
                continue
            body = bytes(self.bodies[stream])
            assert struct.unpack(">BI", body[:5]) == (0, len(body) - 5), "one uncompressed message"
            self.server.requests.append((self.paths[stream], body[5:]))
            if not self.answer(stream, self.server.handler(self.paths[stream], body[5:])):
                return False
        return True

    def answer(self, stream: int, reply: Reply) -> bool:
        if reply.goaway_first or reply.stop == "goaway":
            last = stream if reply.goaway_first else stream - 2 if stream > 2 else 0
            self.flush()
            self.sock.sendall(b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", last, 0))
            if reply.stop == "goaway":
                return False
        status = [("grpc-status", str(reply.status))] if reply.status is not None else []
        if reply.message:
            status.append(("grpc-message", reply.message))
        head = [(":status", reply.http_status), ("content-type", reply.content_type)]
        if reply.trailers_only:
            self.http.send_headers(stream, head + status, end_stream=True)
            self.flush()
            return True
        self.http.send_headers(stream, head)
        body = reply.raw_body
        if body is None:
            body = b"".join(struct.pack(">BI", 0, len(item)) + item for item in reply.messages)
        for at in range(0, len(body), reply.chunk):
            self.send(stream, body[at : at + reply.chunk])
        self.flush()
        if reply.stop == "eof":
            return False
        if reply.stop == "reset":
            self.http.reset_stream(stream, 2)
        elif reply.stop == "silence":
            time.sleep(3)
            return False
        elif status:
            self.http.send_headers(stream, status, end_stream=True)
        else:
            self.http.end_stream(stream)
        self.flush()
        return True

    def send(self, stream: int, data: bytes) -> None:
        while data:
            room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size, len(data))
            if room <= 0:
                self.flush()
                received = self.sock.recv(65536)
                if not received:
                    raise OSError("gone")
                self.http.receive_data(received)
                continue
            self.http.send_data(stream, data[:room])
            data = data[room:]


@dataclass
class Cluster:
    """The certificates of one cluster and what its servers were made of."""

    ca: Pair
    server: Pair
    client: Pair


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    ca = certificate(None, organization="talos")
    return Cluster(
        ca=ca,
        server=certificate(ca, "mini01", names=("127.0.0.1", "172.29.51.11", "mini01")),
        client=certificate(ca, organization="os:admin", client=True),
    )


@pytest.fixture(scope="session")
def maintenance() -> Pair:
    return certificate(certificate(None, organization="talos"), "maintenance-service.talos.dev", names=("127.0.0.1",))


@pytest.fixture(scope="session")
def make_certificate() -> Callable[..., Pair]:
    return certificate


@pytest.fixture(scope="session")
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TalosServer]]:
    """Start servers; they end with the test. Key files are made in a folder which must be empty in the end."""
    started: list[TalosServer] = []
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def start(*args: object, **more: object) -> TalosServer:
        server = TalosServer(*args, **more)  # type: ignore[arg-type]
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()
    assert not list(folder.iterdir()), "a key file was left behind"
