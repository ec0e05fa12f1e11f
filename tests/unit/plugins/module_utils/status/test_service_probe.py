# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes against real TLS servers on loopback."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.modules import service_probe
from tests.harness.certificates import authority, issue

HOST = "longhorn.example.org"


class Page(BaseHTTPRequestHandler):
    """Leads strangers to the login; /open answers, and /start does not know the host for some requests."""

    unknown = 0

    def do_GET(self) -> None:
        asked = self.headers["Host"]
        if self.path == "/start" and Page.unknown:
            Page.unknown -= 1
            body = b""
            self.send_response(400)
        elif self.path == "/open":
            body = f"<html><title> {asked}\n page </title></html>".encode()
            self.send_response(200)
        else:
            body = b""
            self.send_response(302)
            self.send_header("Location", "https://login.example.org/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """``(door, CA file)`` of a server for :data:`HOST`."""
    folder: Path = tmp_path_factory.mktemp("site")
    made = authority("a CA")
    certificate, key = issue(made, HOST)
    (folder / "ca.pem").write_bytes(made.pem)
    (folder / "both.pem").write_bytes(certificate + key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", str(folder / "ca.pem")
    server.shutdown()
    thread.join()
    server.server_close()


def ask(door: str, ca_file: str | None, *paths: str, host: str = HOST) -> list[dict[str, object]]:
    params = {"services": [{"host": host, "paths": list(paths)}], "door": door, "ca_file": ca_file, "timeout": 10}
    return list(service_probe.run(params, Context())["probes"])


def test_what_a_stranger_gets(site: tuple[str, str]) -> None:
    first, second = ask(*site, "/", "/open")
    assert (first["status"], first["location"]) == (302, "https://login.example.org/")
    assert (second["status"], second["title"]) == (200, f"{HOST} page")
    assert first["tls"] == second["tls"]
    assert first["tls"] | {"not_after": ""} == {"problem": "", "issuer": "a CA", "not_after": ""}
    assert str(first["tls"]["not_after"]).endswith("Z")  # type: ignore[index]


def test_an_untrusted_certificate_is_told_and_the_page_asked_for(site: tuple[str, str]) -> None:
    (answer,) = ask(site[0], None, "/open")
    assert answer["status"] == 200
    assert answer["tls"]["problem"]  # type: ignore[index]
    (other,) = ask(*site, "/open", host="other.example.org")
    assert "other.example.org" in other["tls"]["problem"]  # type: ignore[index]


def test_nobody_there_is_an_answer(site: tuple[str, str]) -> None:
    (answer,) = ask("127.0.0.1:1", site[1], "/")
    assert answer["error"] == "connection refused"
    assert answer["status"] is None


@pytest.mark.parametrize(("door", "path", "param"), [("127.0.0.1:x", "/", "door"), ("", "no path", "services")])
def test_wrong_input_is_refused(site: tuple[str, str], door: str, path: str, param: str) -> None:
    with pytest.raises(InputError) as caught:
        ask(door, site[1], path)
    assert caught.value.param == param


def awaited(door: str, ca_file: str, path: str = "/start", **more: Any) -> tuple[dict[str, Any], list[str]]:
    told: list[str] = []
    params = {
        "services": [{"host": HOST, "paths": [path]}, {"host": f"b.{HOST}", "paths": [path]}],
        "door": door,
        "ca_file": ca_file,
        "timeout": 10,
        "redirect_to": "login.example.org",
        "wait_timeout": 30,
        **more,
    }
    check_mode = bool(params.pop("check", False))
    return dict(service_probe.run(params, Context(check_mode=check_mode, progress=told.append))), told


def test_hosts_that_are_not_served_yet_are_waited_for(site: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_probe, "INTERVAL", 0.01)
    monkeypatch.setattr(Page, "unknown", 3)
    found, told = awaited(*site)
    # Neither the certificate nor the first good answer decides: three looks in a row have to be good.
    assert [probe["status"] for probe in found["probes"]] == [302, 302]
    assert HOST in told[0] and "answers 400 (the outpost does not serve this host)" in told[0]
    assert "are asked once more" in told[-1]


def test_one_pod_that_lags_behind_is_found(site: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter([302, 302, 400, 302, 302, 302])
    looks: list[int] = []

    def one_pod_or_the_other(targets: Any, **more: Any) -> list[dict[str, Any]]:
        looks.append(next(asked))
        answer = {"host": HOST, "path": "/start", "title": "", "tls": {}, "error": ""}
        return [{**answer, "status": looks[-1], "location": "https://login.example.org/" if looks[-1] == 302 else ""}]

    monkeypatch.setattr(service_probe, "INTERVAL", 0.01)
    monkeypatch.setattr(service_probe.probe, "probe", one_pod_or_the_other)
    awaited(*site)
    assert len(looks) == 6


@pytest.mark.parametrize(
    ("path", "wanted", "told"),
    [
        ("/start", "other.example.org", f"{HOST} leads to login.example.org; b.{HOST} leads to"),
        ("/open", "login.example.org", f"{HOST} answers 200 ({HOST} page)"),
    ],
)
def test_a_host_that_does_not_come_is_named(site: tuple[str, str], path: str, wanted: str, told: str) -> None:
    with pytest.raises(WaitTimeout) as late:
        awaited(*site, path, redirect_to=wanted, wait_timeout=0)
    assert told in late.value.answer
    assert "look whether Authentik's worker runs" in late.value.remedy
    found, said = awaited(*site, path, redirect_to=wanted, check=True)
    assert len(found["probes"]) == 2 and said == []
