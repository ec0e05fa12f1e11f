# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gRPC over HTTP/2, synchronous, one call at a time: as much as a Talos node needs.

The stock gRPC library refuses Ed25519 certificates, which is all that Talos uses; ``h2`` with the ``ssl`` module does
not. Rules: gRPC over HTTP2 specification (grpc/grpc ``doc/PROTOCOL-HTTP2.md``), RFC 9113.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

try:
    import h2.config
    import h2.connection
    import h2.events
    import h2.exceptions
    import h2.settings
except ImportError as error:
    _MISSING: ImportError | None = error
else:
    _MISSING = None

from ..common.errors import InputError
from ..common.wait import Deadline
from .errors import (
    CODE_NAMES,
    DEADLINE_EXCEEDED,
    INVALID_ARGUMENT,
    NO_ANSWER,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    ConnectionLost,
    DeadlineExceeded,
    ProtocolError,
    TalosError,
)
from .identity import Identity, require as require_identity
from .tls import Address, PeerCertificate, alert_text, connect_tls, is_alert, refused
from .tls_socket import TlsSocket

__all__ = ["Address", "Channel", "PeerCertificate"]

#: apid's limit for one message in either direction, bytes.
MAX_MESSAGE = 32 * 1024 * 1024
#: How much a node may send ahead of our acknowledgement, bytes.
WINDOW = 1024 * 1024
#: The largest frame we allow (SETTINGS_MAX_FRAME_SIZE's initial value), bytes.
MAX_FRAME = 16384
#: Seconds we wait longer than we tell the node, so that its own answer "deadline exceeded" can still arrive.
GRACE = 0.5

_GOAWAY = 7
_HEADER = 9


@dataclass
class _Call:
    """One call on its way."""

    stream: int
    attempted: str
    deadline: Deadline
    take: Callable[[bytes], None] | None = None
    body: bytearray = field(default_factory=bytearray)
    messages: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] | None = None
    ended: bool = False


class Channel:
    """One HTTP/2 connection. Use :meth:`open`."""

    def __init__(
        self, address: Address, sock: TlsSocket, peer: PeerCertificate, identity: Identity | None, timeout: float
    ) -> None:
        self.address = address
        self.peer = peer
        self.usable = True
        self._identity = identity
        self._sock = sock
        self._heard = False
        self._deaf = False
        self._buffer = bytearray()
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._http.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
            },
        )
        self._http.initiate_connection()
        self._http.increment_flow_control_window(WINDOW)
        self._timeout = timeout

    @classmethod
    def open(cls, address: Address, identity: Identity | None, *, spki_pin: str | None, timeout: float) -> Channel:
        """Connect; see :func:`.tls.connect_tls` for what is verified and for the errors."""
        require()
        sock, peer = connect_tls(address, identity, spki_pin=spki_pin, timeout=timeout)
        return cls(address, sock, peer, identity, timeout)

    def close(self) -> None:
        """Close the connection, at once and without complaint."""
        self.usable = False
        with contextlib.suppress(OSError):
            self._sock.close()

    def call(
        self,
        path: str,
        request: bytes | Iterable[bytes],
        attempted: str,
        timeout: float,
        take: Callable[[bytes], None] | None = None,
    ) -> list[bytes]:
        """Make one call and return all messages of the answer.

        :param path: ``/package.Service/Method``.
        :param request: the message, or the messages of a stream, each read when the one before it has left.
        :param attempted: for messages, a gerund phrase.
        :param take: gets each message as it comes, for streams that are too long to be kept; none is returned then.
        :raises TalosError: with the gRPC code of the answer, or one of the transport's errors.
        """
        target = str(self.address)
        if isinstance(request, bytes) and len(request) > MAX_MESSAGE:
            raise TalosError(
                attempted,
                code=RESOURCE_EXHAUSTED,
                target=target,
                answer=f"the message has {len(request)} bytes, more than the {MAX_MESSAGE} that a node takes",
            )
        call = _Call(self._http.get_next_available_stream_id(), attempted, Deadline(timeout + GRACE), take)
        try:
            self._http.send_headers(call.stream, self._request_headers(path, timeout))
            if isinstance(request, bytes):
                self._send_body(call, _framed(request))
            else:
                self._send_stream(call, request)
            while not call.ended:
                self._receive(call)
        except h2.exceptions.ProtocolError as error:
            self.close()
            raise ProtocolError(
                attempted, target=target, answer=f"the answer breaks HTTP/2's rules ({type(error).__name__}: {error})"
            ) from error
        except BaseException:
            self.close()
            raise
        return self._result(call)

    def _request_headers(self, path: str, timeout: float) -> list[tuple[str, str]]:
        milliseconds = min(max(1, round(timeout * 1000)), 99_999_999)
        return [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", path),
            (":authority", self.address.authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "homeops.cluster"),
            ("grpc-timeout", f"{milliseconds}m"),
        ]

    def _send_stream(self, call: _Call, messages: Iterable[bytes]) -> None:
        for message in messages:
            self._send_body(call, _framed(message), last=False)
            if call.ended:
                return
        self._http.end_stream(call.stream)
        self._flush(call)

    def _send_body(self, call: _Call, body: bytes, last: bool = True) -> None:
        """Send a message as fast as the node's windows allow; stop when it has answered already."""
        rest = memoryview(body)
        while rest:
            room = min(self._http.local_flow_control_window(call.stream), self._http.max_outbound_frame_size, len(rest))
            if room <= 0:
                self._flush(call)
                self._receive(call)
                if call.ended:
                    # Answered before it had read all: the stream's other half stays open, so leave the connection.
                    self.usable = False
                    return
                continue
            self._http.send_data(call.stream, bytes(rest[:room]), end_stream=last and room == len(rest))
            rest = rest[room:]
        self._flush(call)

    def _flush(self, call: _Call) -> None:
        data = self._http.data_to_send()
        if not data or self._deaf:
            return
        try:
            self._sock.settimeout(max(call.deadline.left, 0.001))
            self._sock.sendall(data)
        except TimeoutError:
            raise self._too_late(call) from None
        except OSError:
            # The node has hung up. What it said before lies unread: an alert, a GOAWAY, or even the answer.
            self._deaf = True
            self.usable = False

    def _read(self, call: _Call) -> bytes:
        """Read once from the socket; never returns nothing."""
        if call.deadline.passed:
            raise self._too_late(call)
        try:
            self._sock.settimeout(max(call.deadline.left, 0.001))
            data = self._sock.recv(65536)
        except TimeoutError:
            raise self._too_late(call) from None
        except OSError as error:
            raise self._lost(call, error) from None
        if not data:
            raise self._lost(call, None)
        return data

    def _receive(self, call: _Call) -> None:
        """Read once and act on all complete frames."""
        self._buffer += self._read(call)
        while (frame := self._next_frame(call)) is not None:
            if frame[3] == _GOAWAY:
                self._going_away(frame, call)
                continue
            for event in self._http.receive_data(frame):
                self._on(event, call)
        self._flush(call)

    def _next_frame(self, call: _Call) -> bytes | None:
        if len(self._buffer) < _HEADER:
            return None
        size = int.from_bytes(self._buffer[:3], "big")
        if size > MAX_FRAME or (not self._heard and self._buffer[3] != 4):  # the first frame must be SETTINGS (type 4)
            raise ProtocolError(
                call.attempted,
                target=str(self.address),
                answer="what answers does not speak HTTP/2",
                remedy="Check address and port: the Talos API is on port 50000",
                param="port",
            )
        if len(self._buffer) < _HEADER + size:
            return None
        frame = bytes(self._buffer[: _HEADER + size])
        del self._buffer[: _HEADER + size]
        self._heard = True
        return frame

    def _going_away(self, frame: bytes, call: _Call) -> None:
        """Note that the node closes this connection; our call may still be answered.

        h2 would refuse all frames after a GOAWAY, also those of streams which the node still serves, so it never sees
        it.
        """
        self.usable = False
        last, code = struct.unpack(">II", frame[_HEADER : _HEADER + 8].ljust(8, b"\0"))
        if (last & 0x7FFFFFFF) < call.stream:
            text = f"{code} {frame[_HEADER + 8 :].decode('ascii', 'replace')}".strip()
            raise ConnectionLost(
                call.attempted,
                target=str(self.address),
                code=UNAVAILABLE,
                answer=f"the node is closing its connections and did not take the request (GOAWAY {text})",
                remedy="Try again when the node is up again",
            )

    def _on(self, event: h2.events.Event, call: _Call) -> None:
        if getattr(event, "stream_id", call.stream) not in (call.stream, 0):
            return
        if isinstance(event, h2.events.ResponseReceived):
            call.headers = _texts(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            call.body += event.data
            if event.flow_controlled_length:
                self._http.acknowledge_received_data(event.flow_controlled_length, call.stream)
            self._split(call)
        elif isinstance(event, h2.events.TrailersReceived):
            call.trailers = _texts(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            call.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if call.trailers is None and "grpc-status" not in call.headers:
                raise ConnectionLost(
                    call.attempted,
                    target=str(self.address),
                    code=UNAVAILABLE,
                    answer=f"the node broke off the call (RST_STREAM {int(event.error_code)})",
                    remedy="Look at the node's state before trying again: the request may have taken effect",
                )
            call.ended = True

    def _split(self, call: _Call) -> None:
        """Take complete messages off the body; messages may span or share DATA frames."""
        while len(call.body) >= 5:
            compressed, size = struct.unpack_from(">BI", call.body)
            if compressed or size > MAX_MESSAGE:
                what = "compressed, which was not asked for" if compressed else f"{size} bytes long, over the limit"
                raise ProtocolError(call.attempted, target=str(self.address), answer=f"the answer is {what}")
            if len(call.body) < 5 + size:
                return
            message = bytes(call.body[5 : 5 + size])
            del call.body[: 5 + size]
            if call.take is None:
                call.messages.append(message)
            else:
                call.take(message)

    def _result(self, call: _Call) -> list[bytes]:
        target = str(self.address)
        status = (call.trailers or {}).get("grpc-status") or call.headers.get("grpc-status")
        kind = call.headers.get("content-type", "")
        http = call.headers.get(":status", "none")
        if status is None or not status.isdigit():
            answer = "the answer has no gRPC status"
            if http != "200":
                answer = f"HTTP status {http} instead of a gRPC answer"
            elif not kind.startswith("application/grpc"):
                answer = f"an answer of content type {kind or '(none)'} instead of gRPC"
            raise ProtocolError(
                call.attempted, target=target, answer=answer, remedy="Check that address and port are a Talos node's"
            )
        code = int(status)
        text = (call.trailers or {}).get("grpc-message") or call.headers.get("grpc-message", "")
        if code:
            raise status_error(call.attempted, target, code, unquote(text, errors="replace"))
        if call.body:
            raise ProtocolError(call.attempted, target=target, answer="the answer ends within a message")
        return call.messages

    def _too_late(self, call: _Call) -> DeadlineExceeded:
        return DeadlineExceeded(
            call.attempted,
            target=str(self.address),
            code=DEADLINE_EXCEEDED,
            answer=f"no answer within {call.deadline.seconds - GRACE:g} s",
            remedy="Raise timeout, or look why the node is slow",
            param="timeout",
        )

    def _lost(self, call: _Call, error: OSError | None) -> TalosError:
        """Name the end of the connection: at the first read it is how a node refuses a client certificate."""
        if error is not None and is_alert(error) and not self._heard:
            return refused(self.address, self._identity, alert_text(error))
        if not self._heard:
            return refused(self.address, self._identity)
        reason = (error.strerror or type(error).__name__) if error else "closed by the node"
        return ConnectionLost(
            call.attempted,
            target=str(self.address),
            code=NO_ANSWER,
            answer=f"the connection was lost before the answer was complete ({reason})",
            remedy="Look at the node's state before trying again: the request may have taken effect",
        )


def _framed(message: bytes) -> bytes:
    """Return a message as gRPC sends it: not compressed, its length before it."""
    return struct.pack(">BI", 0, len(message)) + message


def _texts(headers: Iterable[tuple[bytes | str, bytes | str]]) -> dict[str, str]:
    """Return headers as text, whatever bytes the other side has put there."""

    def text(value: bytes | str) -> str:
        return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")

    return {text(name): text(value) for name, value in headers}


def status_error(attempted: str, target: str, code: int, details: str) -> TalosError:
    """Return the error for a gRPC status other than OK, in the node's words and with what can be done."""
    name = CODE_NAMES.get(code, f"code {code}")
    kind: type[TalosError] = DeadlineExceeded if code == DEADLINE_EXCEEDED else TalosError
    remedy = ""
    if code == PERMISSION_DENIED and "not authorized" in details:
        remedy = "The client certificate's role does not allow it: use a talosconfig with role os:admin"
    elif code == UNAVAILABLE:
        remedy = "The node's API is not complete yet; try again when it has booted"
    elif code == RESOURCE_EXHAUSTED:
        remedy = "A node in maintenance takes messages of 4 MiB, a configured one of 32 MiB"
    answer = f"{details} ({name})" if details else name
    if code == INVALID_ARGUMENT:
        answer = details or name
    return kind(attempted, code=code, details=details, target=target, answer=answer, remedy=remedy)


def require() -> None:
    """Raise an error that names the missing Python package, if one is missing."""
    require_identity()
    if _MISSING is not None:
        raise InputError(
            f"the Python package {_MISSING.name} is missing on the controller",
            remedy="Install the collection's requirements.txt into the Python that runs Ansible",
        )
