# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Git server on loopback: git's own ``http-backend`` behind HTTP with basic authentication."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit


class GitServer:
    """Serves the bare repositories below a directory.

    :param token: the password that every request must carry; empty for none.
    :param slow: seconds before each answer.
    """

    def __init__(self, directory: Path, token: str = "", slow: float = 0) -> None:
        self.directory, self.token, self.slow = directory, token, slow
        self.seen: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer(body)

            def _answer(self, body: bytes) -> None:
                server.seen.append(f"{self.command} {self.path}")
                time.sleep(server.slow)
                given = self.headers.get("Authorization", "")
                if server.token and server.token not in base64.b64decode(given.removeprefix("Basic ") or b"").decode():
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                url = urlsplit(self.path)
                done = subprocess.run(
                    ["git", "http-backend"],
                    input=body,
                    capture_output=True,
                    check=False,
                    env={
                        **os.environ,
                        "GIT_PROJECT_ROOT": str(server.directory),
                        "GIT_HTTP_EXPORT_ALL": "1",
                        "REMOTE_USER": "test",
                        "REQUEST_METHOD": self.command,
                        "PATH_INFO": url.path,
                        "QUERY_STRING": url.query,
                        "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                        "CONTENT_LENGTH": str(len(body)),
                        "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                        "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    },
                )
                head, _blank, rest = done.stdout.partition(b"\r\n\r\n")
                headers = [line.partition(": ")[::2] for line in head.decode().splitlines()]
                status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
                self.send_response(status)
                for name, value in headers:
                    if name != "Status":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest)

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing of clients that went away: giving up is what some of them are tested for."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self) -> GitServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def url(self, name: str) -> str:
        """The URL of one repository."""
        return f"http://127.0.0.1:{self._http.server_port}/{name}"
