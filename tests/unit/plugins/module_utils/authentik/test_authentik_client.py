# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Authentik client against everything that a server, an ingress and a network answer."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.homeops.cluster.plugins.module_utils.authentik import errors, health
from ansible_collections.homeops.cluster.plugins.module_utils.authentik.client import Client, Connection
from ansible_collections.homeops.cluster.plugins.module_utils.checks.doors import Login
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.probes import services
from ansible_collections.homeops.cluster.plugins.modules import authentik_info

CLOSE = "close"
KEY = "q7-key-of-a-test"


class Server:
    """Answers from a script, in order: ``(status, body, headers)``, or ``CLOSE``; the last one again and again."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.script: list[Any] = []
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                outer.seen.append((self.command, self.path, dict(self.headers), body))
                step = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                if step == CLOSE:
                    self.close_connection = True
                    return
                status, content, headers = (*step, {})[:3]
                data = (
                    content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if context:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def client(server: Server, pauses: list[float] | None = None, **more: Any) -> Client:
    waited = [] if pauses is None else pauses
    given = {"url": "http://auth.test", "token": KEY, "door": f"127.0.0.1:{server.port}", "timeout": 5, **more}
    return Client(Connection(**given), sleep=waited.append)


def self_signed(name: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def page(results: list[Any], following: int) -> dict[str, Any]:
    return {"pagination": {"next": following, "previous": 0, "count": 3}, "results": results, "autocomplete": {}}


def test_the_door_is_dialled_and_the_url_is_asked_for(server: Server) -> None:
    server.script = [(200, {"ok": True})]
    with client(server, url="http://Auth.test/api/v3/") as api:
        assert api.get("/core/groups/", name="a b", include_users=False) == {"ok": True}
    method, path, headers, _body = server.seen[0]
    assert (method, path) == ("GET", "/api/v3/core/groups/?name=a+b&include_users=false")
    assert headers["Host"] == "auth.test" and headers["Authorization"] == f"Bearer {KEY}"
    assert api.requests == 1


def test_every_page_is_read(server: Server) -> None:
    server.script = [(200, page([1], 2)), (200, page([2], 3)), (200, page([3], 0))]
    assert client(server).all("/providers/proxy/") == [1, 2, 3]
    assert [path.partition("?")[2] for _method, path, *_rest in server.seen] == [
        "page_size=100",
        "page_size=100&page=2",
        "page_size=100&page=3",
    ]


def test_a_list_that_shrinks_while_it_is_read_is_read_again(server: Server) -> None:
    gone = (404, {"detail": "Invalid page."})
    server.script = [(200, page([1], 2)), gone, (200, page([1, 2], 0))]
    assert client(server).all("/providers/proxy/") == [1, 2]
    server.script = [(200, [{"uid": "x"}])]
    assert client(server).all("/outposts/instances/1/health/") == [{"uid": "x"}]


def test_a_starting_server_is_waited_for_as_long_as_it_asks(server: Server) -> None:
    starting = (503, {"error": "authentik starting"}, {"Retry-After": "5"})
    down = (502, {"error": "failed to connect to authentik backend: refused"})
    server.script = [starting, down, (200, {"ok": True})]
    pauses: list[float] = []
    assert client(server, pauses).get("/core/users/me/") == {"ok": True}
    assert pauses[0] == 5 and 0 < pauses[1] < 5
    server.script = [starting]
    with pytest.raises(errors.Starting, match="HTTP 503, error: authentik starting"):
        client(server).get("/core/users/me/")


def test_an_ingress_without_endpoints_is_told_as_such(server: Server) -> None:
    server.script = [(503, b"<html>503 Service Temporarily Unavailable</html>")]
    with pytest.raises(errors.Starting, match="HTTP 503 with an HTML page"):
        client(server).get("/core/users/me/")
    assert client(server).ready() == (False, "/-/health/ready/ answers HTTP 503")


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (403, {"detail": "Token invalid/expired"}, errors.TokenRefused, "Token invalid/expired"),
        (403, {"detail": "Authentication credentials were not provided."}, errors.TokenRefused, "not provided"),
        (403, {"detail": "You do not have permission to perform this action."}, errors.NoPermission, "permission"),
        (404, {"detail": "No Flow matches the given query."}, errors.NotFound, "No Flow matches"),
        (404, b"<html>nginx</html>", errors.AuthentikError, "an Authentik server"),
        (400, {"app": {"slug": ["Exists."]}, "name": ["A.", "B."]}, errors.Refused, "app.slug: Exists.; name: A. B"),
        (301, b"", errors.AuthentikError, "nothing is followed with a token"),
        (500, b"", errors.AuthentikError, "the log of the server"),
        (200, b"<html>", errors.AuthentikError, "no JSON"),
    ],
)
def test_every_other_refusal_is_final_and_told(server: Server, status: int, body: Any, kind: type, told: str) -> None:
    server.script = [(status, body)]
    with pytest.raises(kind, match=told) as caught:
        client(server).patch("/core/applications/x/", {"name": "x"}, doing="writing application x")
    assert len(server.seen) == 1
    assert "Writing application x on http://auth.test" in str(caught.value) and KEY not in str(caught.value)


def test_a_broken_connection_is_tried_again_where_that_does_no_harm(server: Server) -> None:
    server.script = [CLOSE, (200, {"ok": 1})]
    assert client(server).patch("/a/", {}) == {"ok": 1}
    server.script = [CLOSE, (201, {"ok": 1})]
    with pytest.raises(errors.Unreachable) as caught:
        client(server).post("/a/", {})
    assert caught.value.sent


def test_a_deletion_that_was_carried_out_unseen_is_done(server: Server) -> None:
    server.script = [CLOSE, (404, {"detail": "No Group matches the given query."})]
    assert client(server).delete("/core/groups/1/")
    server.script = [(404, {"detail": "No Group matches the given query."})]
    assert not client(server).delete("/core/groups/1/")
    server.script = [(204, None)]
    assert client(server).delete("/core/groups/1/")


def test_what_a_lost_answer_has_made_is_told(server: Server) -> None:
    server.script = [(502, {}), (400, {"slug": ["Application with this slug already exists."]})]
    with pytest.raises(errors.Refused, match="An earlier try of this request may have been carried out"):
        client(server).post("/core/applications/", {})


def test_nobody_there(server: Server) -> None:
    server.close()
    with pytest.raises(errors.Unreachable, match=r"http://auth.test \(at 127.0.0.1:\d+\) failed: connection refused"):
        client(server).get("/core/users/me/", doing="asking")
    assert client(server).ready()[0] is False


def test_certificates_are_checked_against_the_url_and_not_the_door(tmp_path: Path) -> None:
    pair = self_signed("auth.test")
    (tmp_path / "ca.pem").write_bytes(pair[0])
    (tmp_path / "pair.pem").write_bytes(b"".join(pair))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    server = Server(context)
    try:
        server.script = [(200, {"ok": 1})]
        trusted = {"ca_file": str(tmp_path / "ca.pem")}
        assert client(server, url="https://auth.test", **trusted).get("/a/") == {"ok": 1}
        with pytest.raises(errors.NotTrusted, match=r"not for other\.test"):
            client(server, url="https://other.test", **trusted).get("/a/")
        with pytest.raises(errors.NotTrusted, match="not trusted"):
            client(server, url="https://auth.test").get("/a/")
        assert client(server, url="https://other.test", validate_certs=False).get("/a/") == {"ok": 1}
    finally:
        server.close()


def test_an_ingress_that_waits_for_its_certificate_is_not_ready_yet(tmp_path: Path) -> None:
    """ingress-nginx shows "Kubernetes Ingress Controller Fake Certificate" until the issuer has signed the real one."""
    pairs = {name: self_signed(name) for name in ("ingress.local", "auth.test")}
    for name, pair in pairs.items():
        (tmp_path / f"{name}.pem").write_bytes(b"".join(pair))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ingress.local.pem")
    (tmp_path / "ca.pem").write_bytes(pairs["auth.test"][0])
    server = Server(context)
    server.script = [(200, {"user": {"username": "akadmin"}})]
    trusted = {"url": "https://auth.test", "ca_file": str(tmp_path / "ca.pem")}
    cause = "its certificate is not trusted (self-signed certificate)"
    told: list[str] = []

    def issued(text: str) -> None:
        told.append(text)
        context.load_cert_chain(tmp_path / "auth.test.pem")

    try:
        assert client(server, **trusted).ready() == (False, cause)
        with pytest.raises(WaitTimeout) as late:
            health.wait_ready(client(server, **trusted), (), 0, Context())
        assert late.value.answer.endswith(cause) and late.value.param == "ca_file"
        assert "Look at the Certificate and the Challenges" in late.value.remedy
        door = f"127.0.0.1:{server.port}"
        seen = services.login({**trusted, "token": KEY, "door": door})
        assert isinstance(seen, Login) and seen.there and seen.trouble and seen.trouble.kind == "NotTrusted"
        given = {**trusted, "token": KEY, "door": door, "tolerate_absent": True}
        checked = ArgumentSpecValidator(authentik_info.SPEC["argument_spec"]).validate(given)
        predicted = authentik_info.run(checked.validated_parameters, Context(check_mode=True))
        assert predicted["available"] is False
        assert server.seen == []
        found = health.wait_ready(client(server, **trusted), (), 30, Context(progress=issued))
        assert found == {"username": "akadmin"} and cause in told[0]
    finally:
        server.close()


def test_a_token_is_refused_for_a_while_from_its_first_refusal_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that takes longer than the patience with a token leaves the token all of its time."""
    monkeypatch.setattr(health, "_GRACE", 1.0)
    starting, refused = (503, {"error": "authentik starting"}), (403, {"detail": "Token invalid/expired"})
    server.script = [starting, (200, None), refused, (200, {"user": {"username": "akadmin"}})]
    assert health.wait_ready(client(server), (), 30, Context()) == {"username": "akadmin"}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"url": "auth.test"}, "url"),
        ({"url": "https://user@auth.test"}, "url"),
        ({"url": "https://auth.test:port"}, "url"),
        ({"token": f"Bearer {KEY}"}, "token"),
        ({"token": f"{KEY}\nX: y"}, "token"),
        ({"door": "http://127.0.0.1/"}, "door"),
        ({"url": "https://auth.test", "ca_file": "/nowhere.pem"}, "ca_file"),
    ],
)
def test_what_cannot_be_a_connection_is_refused(given: dict[str, Any], param: str) -> None:
    with pytest.raises(InputError) as caught:
        Client(Connection(**{"url": "http://auth.test", "token": KEY, **given}))
    assert caught.value.param == param and KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("door", "dialled"),
    [
        ("", ("auth.test", 443)),
        ("192.0.2.1", ("192.0.2.1", 443)),
        ("192.0.2.1:8443", ("192.0.2.1", 8443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
        ("2001:db8::1", ("2001:db8::1", 443)),
    ],
)
def test_doors(door: str, dialled: tuple[str, int]) -> None:
    assert Connection("https://auth.test", door=door).dialled == dialled
