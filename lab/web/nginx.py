# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ingress controller at work: TLS redirect, login by subrequest, and the backend (ingress-nginx 1.14)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from ..authentik.messages import Reply, Request
from ..scenario import WebFaults
from . import pages
from .cluster import Backend, Cluster, Controller
from .routes import Route, find, tls_secrets

Answer = Callable[[Backend, Request, bool], Awaitable[Reply]]
_SNIPPET = re.compile(r"proxy_set_header\s+X-Forwarded-Host\s+\$(?:http_host|host|best_http_host)\s*;")
_FORWARDED = ("x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-original-url", "x-original-uri")


class Nginx:
    """One controller.

    :param answer: asks a backend: its port, the request, and whether over TLS.
    """

    def __init__(self, controller: Controller, cluster: Cluster, faults: WebFaults, answer: Answer) -> None:
        self.controller, self.cluster, self.faults, self.answer = controller, cluster, faults, answer

    async def handle(self, request: Request) -> Reply:
        """Answer a browser's request."""
        http_host = request.headers.get("host", "")
        host = hostname(http_host)
        ingresses = self.cluster.ingresses(self.controller.classes)
        route = find(ingresses, host, request.path)
        if route is None:
            return pages.nginx(404)
        if not request.secure and host in tls_secrets(ingresses) and route.annotation("ssl-redirect") != "false":
            reply = pages.nginx(308)
            reply.headers["Location"] = f"https://{host}{request.target}"
            return reply
        if route.annotation("auth-url"):
            refused = await self._ask_login(route, request, http_host)
            if refused is not None:
                return refused
        backend = self.cluster.backend(route.namespace, route.service, route.port)
        return await self.forward(backend, self._passed(request, http_host), route.annotation("backend-protocol"))

    async def forward(self, backend: Backend | None, request: Request, protocol: str = "") -> Reply:
        """Ask a backend, as nginx does: without a ready pod it answers itself."""
        if backend is None or not backend.pods:
            return pages.nginx(503)
        name = f"{backend.namespace}/{backend.name}"
        if name in self.faults.timeout:
            return pages.nginx(504)
        tls = protocol.upper() in ("HTTPS", "GRPCS")
        if name in self.faults.refused or not backend.open or (tls and not backend.tls):
            return pages.nginx(502)
        if backend.tls and not tls:
            return pages.plain_http_to_https()
        return await self.answer(backend, request, tls)

    def _passed(self, request: Request, http_host: str) -> Request:
        """Return the request with the headers that nginx sets; those of the browser are not believed."""
        kept = {name: value for name, value in request.headers.items() if name not in _FORWARDED}
        scheme = "https" if request.secure else "http"
        sent = {"host": http_host, "x-forwarded-host": http_host, "x-forwarded-proto": scheme, "x-real-ip": "127.0.0.1"}
        return replace(request, headers={**kept, **sent}, secure=False)

    async def _ask_login(self, route: Route, request: Request, http_host: str) -> Reply | None:
        """Make the subrequest; None lets the request through."""
        scheme = "https" if request.secure else "http"
        url = urlsplit(expanded(route.annotation("auth-url"), request, http_host, scheme))
        backend = self.cluster.by_dns(url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
        headers = {name: value for name, value in request.headers.items() if name not in _FORWARDED}
        headers.update(
            {
                "host": url.netloc,
                "x-original-url": f"{scheme}://{http_host}{request.target}",
                "x-original-method": request.method,
                "x-forwarded-proto": scheme,
                "x-sent-from": "nginx-ingress-controller",
            }
        )
        if self._names_host(route):
            headers["x-forwarded-host"] = http_host
        target = url.path + (f"?{url.query}" if url.query else "")
        asked = Request("GET", target or "/", headers)
        reply = await self.forward(backend, asked, "HTTPS" if url.scheme == "https" else "")
        if 200 <= reply.status < 300:
            return None
        if reply.status not in (401, 403):
            return pages.nginx(500)
        signin = route.annotation("auth-signin")
        if reply.status == 401 and signin:
            if "rd=" not in signin:
                signin += ("&" if "?" in signin else "?") + "rd=$scheme://$http_host$escaped_request_uri"
            moved = pages.nginx(401)
            body = moved.body.replace(b"401 Authorization Required", b"302 Found")
            return Reply(302, body, {**moved.headers, "Location": expanded(signin, request, http_host, scheme)})
        return pages.nginx(reply.status)

    def _names_host(self, route: Route) -> bool:
        """Whether the subrequest tells for which host it is: by a snippet that is admitted, or by a ConfigMap."""
        if self.controller.snippets and _SNIPPET.search(route.annotation("auth-snippet")):
            return True
        namespace, _slash, name = route.annotation("auth-proxy-set-headers").rpartition("/")
        config: Any = self.cluster.get("configmaps", namespace or route.namespace, name) if name else None
        return "X-Forwarded-Host" in ((config or {}).get("data") or {})


def hostname(http_host: str) -> str:
    """Return a Host header without its port."""
    return http_host.rpartition(":")[0].lower() if re.search(r":\d+$", http_host) else http_host.lower()


def expanded(text: str, request: Request, http_host: str, scheme: str) -> str:
    """Return a text with nginx' variables filled in."""
    values = {
        "escaped_request_uri": quote(request.target, safe=""),
        "request_uri": request.target,
        "pass_access_scheme": scheme,
        "best_http_host": http_host,
        "http_host": http_host,
        "scheme": scheme,
        "host": hostname(http_host),
    }
    for name, value in values.items():
        text = text.replace(f"${name}", value)
    return text
