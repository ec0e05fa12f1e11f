# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small console for tests: what a client may meet, one answer at a time, over TLS or plain HTTP."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEY, USER, PASSWORD = "key-5d1f", "homeops", "word-77aa"
BGP = "/proxy/network/v2/api/site/default/bgp/config"
#: status, body, headers
Reply = tuple[int, Any, dict[str, str]]


class Console:
    """One console with a stored BGP object.

    :ivar script: replies that are given instead of the ordinary ones, per ``METHOD path``, each once.
    :ivar before: called before an ordinary reply, with method and path.
    :ivar seen: every request: method, path, headers, decoded body.
    """

    def __init__(self, folder: Path | None = None, *, classic: bool = False) -> None:
        self.document: dict[str, Any] | None = None
        self.classic = classic
        self.script: dict[str, list[Reply | str]] = {}
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.uploads = 0
        self._session = ""
        self._csrf = ""
        console = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def _do(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(size)
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = console.answer(self.command, self.path, headers, json.loads(raw) if raw else None)
                if reply is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, body, extra = reply
                content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _do  # noqa: N815

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.fingerprint = ""
        if folder is not None:
            certificate, key = _certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.certificate = certificate
            self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def expire(self) -> None:
        """Forget the session."""
        self._session = self._csrf = ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Reply | None:
        """Return the reply to a request; None cuts the connection."""
        self.seen.append((method, path, headers, body))
        waiting = self.script.get(f"{method} {path}")
        if waiting:
            reply = waiting.pop(0)
            if isinstance(reply, tuple):
                return reply
            if reply == "stored, then cut":
                self._store(body)
            return None
        self.before(method, path)
        if path == "/":
            return (302, None, {"Location": "/manage"}) if self.classic else (200, b"<html>", {})
        if path in ("/api/auth/login", "/api/login"):
            return self._login(path, headers, body)
        refused = self._refused(method, headers)
        if refused:
            return refused
        if path.removeprefix("/proxy/network") == BGP.removeprefix("/proxy/network"):
            return self._bgp(method, body)
        return 404, {"meta": {"rc": "error", "msg": "api.err.NotFound"}, "data": []}, {}

    def _login(self, path: str, headers: dict[str, str], body: Any) -> Reply:
        if "cookie" in headers:
            return 401, {"code": "AUTHENTICATION_FAILED_INVALID_TOKEN", "message": "old cookie"}, {}
        if (body or {}).get("password") != PASSWORD or body.get("username") != USER:
            return 403, {"code": "AUTHENTICATION_FAILED_INVALID_CREDENTIALS", "message": "Invalid"}, {}
        self._session, self._csrf = f"session-{len(self.seen)}", "" if self.classic else f"csrf-{len(self.seen)}"
        name = "unifises" if self.classic else "TOKEN"
        extra = {} if self.classic else {"X-CSRF-Token": self._csrf}
        return 200, {}, {"Set-Cookie": f"{name}={self._session}; path=/; secure; httponly", **extra}

    def _refused(self, method: str, headers: dict[str, str]) -> Reply | None:
        if "x-api-key" in headers:
            return None if headers["x-api-key"] == KEY else (401, {"code": "api.err.Unauthorized"}, {})
        if not self._session or self._session not in headers.get("cookie", ""):
            return 401, {"meta": {"rc": "error", "msg": "api.err.LoginRequired"}, "data": []}, {}
        if method != "GET" and self._csrf and headers.get("x-csrf-token") != self._csrf:
            return 403, {"code": "api.err.NoPermission", "message": "csrf"}, {}
        return None

    def _bgp(self, method: str, body: Any) -> Reply:
        rotated = {}
        if self._session and not self.classic:
            self._csrf = f"csrf-{len(self.seen)}"
            rotated = {"X-CSRF-Token": "an older one", "X-Updated-CSRF-Token": self._csrf}
        if method == "GET":
            return 200, [self.document] if self.document else [], rotated
        if method == "DELETE":
            self.document = None
            return 200, None, rotated
        if "uploaded_file_name" not in body:
            return 400, {"code": "api.err.InvalidPayload", "message": "uploadedFileName required"}, rotated
        created = self.document is None
        self._store(body)
        return 201 if created else 200, self.document, rotated

    def _store(self, body: Any) -> None:
        self.uploads += 1
        known = self.document or {"_id": f"id-{self.uploads}", "site_id": "site-1"}
        self.document = {"enabled": False, "description": "", **body, "_id": known["_id"], "site_id": known["site_id"]}


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unifi.local")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "console.crt", folder / "console.key"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return certificate, private
