# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's door: git's smart HTTP, Flux's install manifest, and the way in of webhooks.

``git http-backend`` (git 2 ``Documentation/git-http-backend``) does the work of a push or a fetch. Everybody may read;
a push needs the token, as the password of any user, which is how hosting services take one. A push to a repository
that does not exist makes it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from ..doors import address_error
from ..scenario import GitFaults
from ..state import LabState
from .repository import Repositories, Repository, environment

log = logging.getLogger("lab.git")
PORT = 3000
ADDRESS = "172.29.51.21"
HOME = "geoffdavis/talos-gitops"
"""The repository that is there, empty, from the start."""
MANIFEST = "/flux/install.yaml"

Hook = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, str]]]


class GitServer:
    """One server.

    :param host: where it listens; :param manifest: text of Flux's install manifest.
    """

    def __init__(self, state: LabState, host: str, faults: GitFaults, manifest: str) -> None:
        self.state, self.host, self.faults, self.manifest = state, host, faults, manifest
        self.repositories = Repositories(state.root / "git")
        self.token = secrets.token_urlsafe(24)
        self.requests: Counter[str] = Counter()
        self.pushes = 0
        self.pushed: Callable[[], None] = lambda: None
        """Called after every push."""
        self.hook: Hook | None = None
        """Takes the webhooks of hosting services: path, headers and body in, status and text out."""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://{self.host}:{PORT}"

    async def start(self) -> None:
        """Listen, and leave ``git.json`` for whoever may use it.

        :raises LabError: when the address is taken.
        """
        home = self.repositories.at(HOME)
        if home is not None and not home.exists:
            await home.create()
        app = web.Application(client_max_size=2**28, middlewares=[self._middleware])
        app.router.add_get(MANIFEST, self._manifest)
        app.router.add_post("/hook/{path}", self._hook)
        app.router.add_route("*", "/{owner}/{name}/{rest:.*}", self._git)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, PORT).start()
        except OSError as error:
            raise address_error(error, self.host, PORT) from error
        self.state.write(self.state.root / "git.json", json.dumps(self.record(), indent=2))

    def record(self) -> dict[str, str]:
        """Return what a client needs to know."""
        return {
            "url": f"{self.url}/{HOME}.git",
            "token": self.token,
            "flux_manifest": f"{self.url}{MANIFEST}",
            "flux_manifest_sha256": hashlib.sha256(self.manifest.encode()).hexdigest(),
        }

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def snapshot(self) -> dict[str, Any]:
        """Return the server for the status."""
        home = self.repositories.at(HOME)
        return {
            "listen": f"{self.host}:{PORT}",
            "open": self._runner is not None,
            "repository": HOME,
            "commit": home.tip("refs/heads/main") if home else "",
            "pushes": self.pushes,
            "requests": dict(sorted(self.requests.items())),
        }

    def refusal(self, token: str | None) -> str:
        """Return why a reader is turned away now, in the words of a Git client; empty when it is not."""
        if self.faults.unreachable:
            return "dial tcp: connect: connection refused"
        if self.faults.auth_failure or (token is not None and token != self.token):
            return "authentication required"
        return ""

    # -- answers ---------------------------------------------------------------------------------------------------
    @web.middleware
    async def _middleware(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self.requests[f"{request.method} {request.path}"] += 1
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)
        if self.faults.unreachable:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return await handler(request)

    async def _manifest(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.manifest, content_type="application/yaml")

    async def _hook(self, request: web.Request) -> web.Response:
        if self.hook is None:
            return web.Response(status=503)
        status, text = await self.hook(request.path, request.headers, await request.read())
        return web.Response(status=status, text=text)

    async def _git(self, request: web.Request) -> web.StreamResponse:
        owner, name, rest = (request.match_info[key] for key in ("owner", "name", "rest"))
        repository = self.repositories.at(f"{owner}/{name}")
        pushing = rest == "git-receive-pack" or request.query.get("service") == "git-receive-pack"
        if repository is None or (not repository.exists and not pushing):
            return web.Response(status=404, text="Repository not found.\n")
        given = _password(request.headers.get("Authorization", ""))
        if self.faults.auth_failure or ((pushing or given is not None) and given != self.token):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        if not repository.exists:
            await repository.create()
        body = await request.read()
        if rest == "git-receive-pack" and self.faults.concurrent_push:
            self.faults.concurrent_push -= self.faults.concurrent_push > 0
            await repository.commit("NOTES.md", f"Push {self.pushes} was late.\n", "Work of somebody else")
        answer = await self._backend(request, repository, rest, body)
        if rest == "git-receive-pack":
            self.pushes += 1
            self.pushed()
        return answer

    async def _backend(self, request: web.Request, repository: Repository, rest: str, body: bytes) -> web.Response:
        """Run ``git http-backend``, a CGI program."""
        process = await asyncio.create_subprocess_exec(
            *("git", "http-backend"),
            env=environment(
                GIT_PROJECT_ROOT=str(repository.path.parent),
                GIT_HTTP_EXPORT_ALL="1",
                REMOTE_USER="homeops",
                REQUEST_METHOD=request.method,
                PATH_INFO=f"/{repository.path.name}/{rest}",
                QUERY_STRING=request.query_string,
                CONTENT_TYPE=request.headers.get("Content-Type", ""),
                CONTENT_LENGTH=str(len(body)),
                GIT_PROTOCOL=request.headers.get("Git-Protocol", ""),
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate(body)
        if process.returncode:
            log.warning("git http-backend: %s", error.decode(errors="replace").strip())
        head, _blank, rest_of = out.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for key, _colon, value in lines if key == "Status"), 200)
        headers = {key: value for key, _colon, value in lines if key not in ("Status", "")}
        return web.Response(status=status, body=rest_of, headers=headers)


def _password(header: str) -> str | None:
    """Return the password of an Authorization header; None when there is none."""
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return encoded if encoded else None
    try:
        return base64.b64decode(encoded).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
