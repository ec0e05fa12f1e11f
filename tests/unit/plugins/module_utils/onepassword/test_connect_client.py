# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect's client against a scripted server: every refusal is another one, and each is repeated as is right."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.onepassword import errors
from ansible_collections.homeops.cluster.plugins.module_utils.onepassword.client import Client, Connection, equals


class Script(http.server.BaseHTTPRequestHandler):
    """Answers with the next entry of the list, the last one for ever."""

    protocol_version = "HTTP/1.1"
    answers: list[tuple[int, Any, dict[str, str]]]
    seen: list[str]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append(f"{self.command} {self.path}")
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        content = json.dumps(body).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 (names of the library)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def server() -> Iterator[tuple[type[Script], str]]:
    handler = type("Handler", (Script,), {"answers": [], "seen": []})
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


def client(url: str, clock: Clock, patience: float = 20) -> Client:
    return Client(Connection(url, "secret-token", patience=patience), sleep=clock.sleep, clock=clock)


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (401, errors.TokenRefused, 2),
        (403, errors.WrongVault, 2),
        (404, errors.NotFound, 1),
        (413, errors.TooLarge, 1),
    ],
)
def test_each_refusal_is_told_apart(
    server: tuple[type[Script], str], status: int, kind: type[Exception], requests: int
) -> None:
    handler, url = server
    handler.answers = [(status, {"status": status, "message": "its words"}, {})]
    with client(url, Clock()) as found, pytest.raises(kind, match="its words") as caught:
        found.items("v" * 26, "x")
    assert len(handler.seen) == requests
    assert "secret-token" not in str(caught.value)


def test_403_now_and_then_is_got_over(server: tuple[type[Script], str]) -> None:
    handler, url = server
    handler.answers = [(403, {"message": "now and then"}, {}), (200, [{"id": "1", "title": "x"}], {})]
    with client(url, Clock()) as found:
        assert found.items("v", "x") == [{"id": "1", "title": "x"}]


def test_a_limit_is_waited_for_and_then_told(server: tuple[type[Script], str]) -> None:
    handler, url = server
    handler.answers = [(429, {"message": "slow down"}, {"Retry-After": "7"}), (200, [], {})]
    clock = Clock()
    with client(url, clock) as found:
        assert found.vaults() == []
    assert clock.slept == [7.0]
    handler.answers = [(429, {"message": "slow down"}, {})]
    clock = Clock()
    with client(url, clock) as found, pytest.raises(errors.RateLimited, match="429"):
        found.vaults()
    assert 10 < clock.now <= 20


def test_a_write_is_not_repeated_after_a_failure(server: tuple[type[Script], str]) -> None:
    handler, url = server
    handler.answers = [(500, {"message": "broken"}, {})]
    with client(url, Clock()) as found, pytest.raises(errors.OnePasswordError, match="broken"):
        found.create("v", {"title": "x"})
    assert len(handler.seen) == 1


def test_reads_are_repeated_while_there_is_patience(server: tuple[type[Script], str]) -> None:
    handler, url = server
    handler.answers = [(503, {"message": "later"}, {}), (503, {"message": "later"}, {}), (200, [], {})]
    with client(url, Clock()) as found:
        assert found.vaults() == []
    assert len(handler.seen) == 3


def test_nobody_listens() -> None:
    with client("http://127.0.0.1:9", Clock(), patience=3) as found, pytest.raises(errors.Unreachable) as caught:
        found.vaults()
    assert "Does Connect run" in str(caught.value)


def test_a_vault_outside_the_scope_names_what_the_token_sees(server: tuple[type[Script], str]) -> None:
    handler, url = server
    handler.answers = [(200, [], {}), (200, [{"id": "b", "name": "Services"}], {})]
    with client(url, Clock()) as found, pytest.raises(errors.WrongVault, match="sees Services"):
        found.vault("Automation")


def test_what_was_written_is_read_until_it_is_visible(server: tuple[type[Script], str]) -> None:
    handler, url = server
    handler.answers = [
        (404, {"message": "item x not found"}, {}),
        (200, {"id": "x", "version": 1}, {}),
        (200, {"id": "x", "version": 2}, {}),
        (200, [{"id": "x", "title": "t"}], {}),
    ]
    with client(url, Clock()) as found:
        assert found.settle("v", "x", 2, "t")["version"] == 2
    handler.answers = [(404, {"message": "item x not found"}, {})]
    with client(url, Clock(), 2) as found, pytest.raises(errors.NotSynced, match="not visible"):
        found.settle("v", "x", 2, "t")


def test_quotes_in_titles_are_escaped() -> None:
    assert equals("title", 'a "b" \\c') == 'title eq "a \\"b\\" \\\\c"'


def test_an_address_that_is_none() -> None:
    with pytest.raises(InputError, match="URL of Connect"):
        Client(Connection("connect:8080", "t"))
