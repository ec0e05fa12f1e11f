# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gRPC client against a real HTTP/2 server on loopback: framing, windows, statuses and broken connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import errors, wire
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import Identity
from ansible_collections.homeops.cluster.plugins.module_utils.talos.wire import Address, Channel

PATH = "/machine.MachineService/Version"


@pytest.fixture
def identity(cluster: Any) -> Identity:
    return Identity(cluster.ca.crt, cluster.client.crt, cluster.client.talos_pem)


@pytest.fixture
def dial(cluster: Any, serve: Any, identity: Identity) -> Callable[..., tuple[Channel, Any]]:
    """Start a server with this handler and connect to it."""

    def make(handler: Any, **options: Any) -> tuple[Channel, Any]:
        server = serve(cluster.server, handler, client_ca=cluster.ca, **options)
        address = Address("127.0.0.1", server.port, "172.29.51.11", "mini01")
        return Channel.open(address, identity, spki_pin=None, timeout=5), server

    return make


def call(channel: Channel, request: bytes = b"", timeout: float = 5) -> list[bytes]:
    return channel.call(PATH, request, "reading the version", timeout)


def test_call_and_headers(dial: Any, reply: Any) -> None:
    channel, server = dial(lambda path, body: reply([b"pong"]))
    assert call(channel) == [b"pong"]
    headers = server.headers[0]
    assert headers[":path"] == PATH
    assert headers[":method"] == "POST"
    assert headers["te"] == "trailers"
    assert headers["content-type"] == "application/grpc"
    assert headers["grpc-timeout"] == "5000m"
    assert headers[":authority"] == f"127.0.0.1:{server.port}"


def test_calls_share_the_connection(dial: Any, reply: Any) -> None:
    channel, server = dial(lambda path, body: reply([body]))
    assert [call(channel, bytes([n]) * n) for n in range(1, 20)] == [[bytes([n]) * n] for n in range(1, 20)]
    assert server.connections == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(st.binary(max_size=400), max_size=6),
    chunk=st.integers(min_value=1, max_value=50),
)
def test_messages_span_and_share_frames(messages: list[bytes], chunk: int, dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(messages, chunk=chunk))
    assert call(channel) == messages
    channel.close()


@pytest.mark.parametrize("piece", [1, 2, 8, 9, 10, 13])
def test_frames_that_arrive_in_pieces(piece: int, dial: Any, reply: Any) -> None:
    """A frame's header alone has nine bytes."""
    channel, _unused = dial(lambda path, body: reply([body, b"", body], chunk=7), piece=piece)
    assert call(channel, b"machine config") == [b"machine config", b"", b"machine config"]
    assert call(channel, b"again") == [b"again", b"", b"again"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_MISSING", ImportError("No module named 'h2'", name="h2"))
    with pytest.raises(InputError, match=r"(?i)the Python package h2 is missing on the controller\. Install"):
        Channel.open(Address("127.0.0.1", 9, "x"), None, spki_pin=None, timeout=1)


@pytest.mark.parametrize("window", [1, 7, 1000])
def test_tiny_windows_of_the_node(window: int, dial: Any, reply: Any) -> None:
    channel, server = dial(lambda path, body: reply([body]), window=window)
    request = bytes(range(256)) * (1 if window < 10 else 80)
    # Until the node's SETTINGS are known the protocol's own first window holds.
    assert call(channel) == [b""]
    assert call(channel, request) == [request]
    assert server.requests == [(PATH, b""), (PATH, request)]


def test_large_messages_both_ways(dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply([body, body]))
    request = b"machine config " * 200_000
    assert call(channel, request, timeout=30) == [request, request]
    assert call(channel) == [b"", b""]


def test_limits(dial: Any, reply: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_MESSAGE", 1000)
    channel, server = dial(lambda path, body: reply([b"x" * 1001]))
    with pytest.raises(errors.TalosError, match="1001 bytes, more than the 1000") as raised:
        call(channel, b"x" * 1001)
    assert raised.value.code == errors.RESOURCE_EXHAUSTED
    assert not server.requests
    with pytest.raises(errors.ProtocolError, match="over the limit"):
        call(channel)


@pytest.mark.parametrize("trailers_only", [True, False])
def test_status_is_told_in_the_nodes_words(trailers_only: bool, dial: Any, reply: Any) -> None:
    channel, _unused = dial(
        lambda path, body: reply(status=9, message="etcd%20is 100%25 late %E2%80%93 wait", trailers_only=trailers_only)
    )
    with pytest.raises(errors.TalosError) as raised:
        call(channel)
    assert raised.value.code == errors.FAILED_PRECONDITION
    assert raised.value.details == "etcd is 100% late – wait"
    assert "mini01 (127.0.0.1:" in str(raised.value)
    assert "FAILED_PRECONDITION" in str(raised.value)


def test_a_message_that_is_not_utf8(dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(status=2, message="%ff%fe broken", trailers_only=True))
    with pytest.raises(errors.TalosError, match="\N{REPLACEMENT CHARACTER} broken"):
        call(channel)


def test_the_connection_survives_a_refusal(dial: Any, reply: Any) -> None:
    answers = iter([reply(status=5, message="no"), reply([b"yes"])])
    current: list[Any] = []

    def handler(path: str, body: bytes) -> Any:
        if body == b"\0early":
            current[:] = [next(answers)]
        return current[0]

    channel, server = dial(handler)
    with pytest.raises(errors.TalosError):
        call(channel)
    assert call(channel) == [b"yes"]
    assert server.connections == 1


def test_an_answer_before_the_request_is_complete(dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(status=8, message="too large", trailers_only=True, early=True))
    with pytest.raises(errors.TalosError, match="too large") as raised:
        call(channel, b"x" * 500_000)
    assert raised.value.code == errors.RESOURCE_EXHAUSTED
    assert not channel.usable


def test_permission_denied_names_the_role(dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(status=7, message="not authorized", trailers_only=True))
    with pytest.raises(errors.TalosError, match="os:admin"):
        call(channel)


def test_goaway_with_our_stream_is_no_error(dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply([b"x" * 40_000], goaway_first=True))
    assert call(channel) == [b"x" * 40_000]
    assert not channel.usable


def test_goaway_without_our_stream(dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(stop="goaway"))
    with pytest.raises(errors.ConnectionLost, match="did not take the request") as raised:
        call(channel)
    assert raised.value.transient


@pytest.mark.parametrize(
    ("stop", "words"), [("eof", "connection was lost before the answer was complete"), ("reset", "RST_STREAM 2")]
)
def test_broken_answers(stop: str, words: str, dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply([b"half"], stop=stop))
    with pytest.raises(errors.ConnectionLost, match=words) as raised:
        call(channel)
    assert "may have taken effect" in str(raised.value)
    assert not channel.usable


def test_deadline(dial: Any, reply: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "GRACE", 0.0)
    channel, _unused = dial(lambda path, body: reply([b"half"], stop="silence"))
    with pytest.raises(errors.DeadlineExceeded, match=r"no answer within 0\.2 s") as raised:
        call(channel, timeout=0.2)
    assert raised.value.code == errors.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"raw_body": b"\0\0\0\0\x09abc"}, "ends within a message"),
        ({"raw_body": b"\1\0\0\0\x01a"}, "compressed"),
        ({"status": None}, "no gRPC status"),
        ({"http_status": "503", "status": None}, "HTTP status 503"),
        ({"content_type": "text/html", "status": None}, "content type text/html"),
    ],
)
def test_answers_that_are_not_grpc(kwargs: dict[str, Any], words: str, dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(**kwargs))
    with pytest.raises(errors.ProtocolError, match=words):
        call(channel)


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"\0\0\x04\x08\0\0\0\0\0\0\0\0\1",  # WINDOW_UPDATE before SETTINGS
        b"\xff\xff\xff\x04\0\0\0\0\0",
    ],
)
def test_what_is_not_http2(first: bytes, dial: Any, reply: Any) -> None:
    channel, _unused = dial(lambda path, body: reply(), first=first)
    with pytest.raises(errors.ProtocolError, match="does not speak HTTP/2"):
        call(channel)


def test_frames_that_break_the_rules(dial: Any, reply: Any) -> None:
    # SETTINGS, then DATA on a stream that was never opened.
    channel, _unused = dial(lambda path, body: reply(), first=b"\0\0\0\x04\0\0\0\0\0" + b"\0\0\x01\0\0\0\0\0\x09x")
    with pytest.raises(errors.ProtocolError, match="breaks HTTP/2's rules"):
        call(channel)
