# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lab.authentik.messages import Reply, Request
from lab.authentik.server import Server
from lab.authentik.versions import CURRENT
from lab.scenario import AuthentikSettings

TOKEN = "the-administrators-token"
EMBEDDED = "/outposts/instances/?managed__iexact=goauthentik.io/outposts/embedded"


class Asked:
    """One server, asked directly."""

    def __init__(self, version: str = CURRENT) -> None:
        self.server = Server(TOKEN, settings=AuthentikSettings(version=version))
        self.server.start()
        self.faults, self.store = self.server.faults, self.server.store

    def send(self, method: str, target: str, body: Any = None, token: str = TOKEN, **headers: str) -> Reply:
        """Send a request and return the answer as it is."""
        sent = {"host": "auth.example.org", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if token:
            sent["authorization"] = f"Bearer {token}"
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return asyncio.run(self.server.respond(Request(method, target, sent, data)))

    def api(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        """Ask the API; return status and body."""
        reply = self.send(method, f"/api/v3{path}", body, token)
        return reply.status, json.loads(reply.body) if reply.body else None

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API; an error fails the test."""
        status, answer = self.api(method, path, body)
        assert status < 300, answer
        return answer

    def flow(self, slug: str) -> str:
        """Return the key of a flow."""
        return str(self.ok("GET", f"/flows/instances/{slug}/")["pk"])

    def proxy(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return the body of a proxy provider."""
        body: dict[str, Any] = {
            "name": name,
            "authorization_flow": self.flow("default-provider-authorization-implicit-consent"),
            "external_host": f"https://{name}.example.org",
            "mode": "forward_single",
        }
        if self.server.store.release.since(2024, 10):
            body["invalidation_flow"] = self.flow("default-provider-invalidation-flow")
        return {**body, **fields}

    def oauth2(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return the body of an OAuth2 provider."""
        body = self.proxy(name)
        del body["external_host"], body["mode"]
        return {**body, "redirect_uris": [], **fields}

    def embedded(self) -> dict[str, Any]:
        """Return the embedded outpost."""
        found: dict[str, Any] = self.ok("GET", EMBEDDED)["results"][0]
        return found


@pytest.fixture
def asked() -> Asked:
    """A fresh server."""
    return Asked()
