# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outpost inside the server: which hosts it takes, and what it answers there (``internal/outpost/proxyv2``).

It works from the settings that it loaded, not from the database: every write makes the worker tell it to load them a
while later (``delays.outpost``), and without a worker it loads them with its refresh interval. The time counts from the
write, whoever asks for what in the meantime. Nobody logs in here, so every session is a new one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from .calls import Call
from .durations import parse
from .messages import Reply, Request, json_reply, redirect, text_reply
from .outposts import EMBEDDED, served
from .proxy import settings
from .store import Row, Store

PREFIX = "/outpost.goauthentik.io"
INTERNAL = "http://localhost:8000/"
"""Where the outpost itself reaches the core; what browsers get when ``authentik_host`` is blank."""
_CALLBACK, _LOGOUT = "x-authentik-auth-callback", "x-authentik-logout"
_SECRET = secrets.token_bytes(32)


class Embedded:
    """One embedded outpost, or an external one.

    :param delay: seconds from a change to its being served; :param worker: whether the worker is up.
    """

    def __init__(
        self,
        store: Store,
        delay: Callable[[], float],
        worker: Callable[[], bool],
    ) -> None:
        self.store, self.delay, self.worker = store, delay, worker
        self._key, self._browser = "", ""
        self.applications: dict[str, Row] = {}
        self.config: Row = {}
        self.problem = ""
        self._seen = 0
        self._loaded = float("-inf")

    @property
    def row(self) -> Row | None:
        """The outpost's own row."""
        if self._key:
            return self.store.outposts.get(self._key)
        return self.store.find("outposts", managed=EMBEDDED)

    def is_external(self, key: str, browser: str) -> None:
        """Be an external outpost; ``browser`` is where its environment sends browsers to log in."""
        if (self._key, self._browser) != (key, browser):
            self._key, self._browser = key, browser
            self.load()

    def refresh(self) -> None:
        """Load the settings when they are due; asked before each request, so that a load finds what was there then."""
        if len(self.store.written) == self._seen:
            return
        due = self.store.written[self._seen] + self.delay() if self.worker() else self._loaded + self._interval()
        if due <= time.monotonic():
            self.load()

    def _interval(self) -> float:
        try:
            return max(30.0, parse(str(self.config.get("refresh_interval") or "minutes=5")).total_seconds())
        except ValueError:
            return 300.0

    def load(self) -> None:
        """Take the settings as they are now; of two providers with one host the last by name wins."""
        self._loaded, self._seen = time.monotonic(), len(self.store.written)
        row = self.row
        self.config = dict(row["config"]) if row else {}
        self.applications, self.problem = {}, ""
        rows = served(row, Call(self.store)) if row else []
        if rows and not isinstance(self.config.get("authentik_host"), str):
            self.problem = "the proxy crashed: its settings have no authentik_host"
            return
        for provider in rows:
            found = dict(settings(provider, Call(self.store), INTERNAL))
            self.applications[urlsplit(found["external_host"]).netloc.lower()] = found

    # -- requests ------------------------------------------------------------------------------------------------------
    def lookup(self, host: str) -> Row | None:
        """Return the application of a host: its own, else that of the longest domain which holds it."""
        host = host.lower()
        if host in self.applications:
            return self.applications[host]
        name = host.partition(":")[0]
        found = [
            app
            for app in self.applications.values()
            if app["mode"] == "forward_domain"
            and app["cookie_domain"]
            and f".{name}".endswith(f".{app['cookie_domain'].lstrip('.').lower()}")
        ]
        return max(found, key=lambda app: len(app["cookie_domain"]), default=None)

    def takes(self, request: Request) -> bool:
        """Whether the outpost answers, and not the core."""
        self.refresh()
        if below(request.path):
            return True
        app = self.lookup(request.host)
        if app is None:
            return False
        query = {name.lower(): value.lower() for name, value in request.query.items()}
        return app["mode"] == "proxy" or query.get(_CALLBACK) == "true" or query.get(_LOGOUT) == "true"

    def handle(self, request: Request) -> Reply:
        """Answer a request that the outpost takes."""
        path = request.path
        if path.rstrip("/") == f"{PREFIX}/ping":
            return Reply(204)
        if path.startswith(f"{PREFIX}/static/"):
            return text_reply(200, "", "text/css")
        app = self.lookup(request.host)
        if app is None and len(self.applications) == 1:
            app = next(iter(self.applications.values()))
        if app is None:
            host = request.host
            detail = f"Check the outpost settings and make sure '{host}' is included."
            return json_reply(400, {"Message": "no app for hostname", "Host": host, "Detail": detail})
        return self._serve(app, request)

    def _serve(self, app: Row, request: Request) -> Reply:
        path = request.path
        query = {name.lower(): value for name, value in request.query.items()}
        if query.get(_CALLBACK, "").lower() == "true" or path == f"{PREFIX}/callback":
            return Reply(400)  # nobody holds a state of ours
        if query.get(_LOGOUT, "").lower() == "true" or path == f"{PREFIX}/sign_out":
            return start(app)
        if path == f"{PREFIX}/start":
            return self._authorize(app, request)
        if app["mode"] == "proxy":
            return self._proxy(app, request)
        if path == f"{PREFIX}/auth/nginx":
            return self._nginx(app, request)
        if path in (f"{PREFIX}/auth/traefik", f"{PREFIX}/auth/caddy"):
            return self._forwarded(app, request, request.headers.get("x-forwarded-uri", ""))
        if path.startswith(f"{PREFIX}/auth/envoy"):
            return self._forwarded(app, request, path.removeprefix(f"{PREFIX}/auth/envoy"))
        return text_reply(404, "404 page not found\n")

    def _proxy(self, app: Row, request: Request) -> Reply:
        if open_to_all(app, request.root.rstrip("/") + request.target):
            target = app["internal_host"].rstrip("/") + request.target
            return Reply(upstream=target, verify=bool(app["internal_host_ssl_validation"]))
        if app["intercept_header_auth"] and request.headers.get("authorization"):
            return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="authentik"'})
        return start(app, f"{app['external_host'].rstrip('/')}{request.target}")

    def _nginx(self, app: Row, request: Request) -> Reply:
        forwarded = request.headers.get("x-original-url") or request.headers.get("x-original-uri")
        if not forwarded:
            return text_reply(500, "configuration error\n")
        if below(urlsplit(forwarded).path) or open_to_all(app, forwarded):
            return Reply(200)
        return text_reply(401, "unauthorized request\n")

    def _forwarded(self, app: Row, request: Request, target: str) -> Reply:
        url = f"{request.scheme}://{request.host}{target or '/'}"
        if below(urlsplit(url).path) or open_to_all(app, url):
            return Reply(200)
        return self._authorize(app, request, url)

    def _authorize(self, app: Row, request: Request, forwarded: str = "") -> Reply:
        """Send the browser to the login, with a state that only we can read."""
        wanted = forwarded or request.query.get("rd", "")
        issued = {"redirect": allowed(app, wanted), "iss": f"goauthentik.io/outpost/{app['client_id']}"}
        session = f"authentik_proxy_{hashlib.sha256(app['client_id'].encode()).hexdigest()[:8]}"
        query = {
            "client_id": app["client_id"],
            "redirect_uri": f"{app['external_host'].rstrip('/')}{PREFIX}/callback?X-authentik-auth-callback=true",
            "response_type": "code",
            "scope": " ".join(sorted(app["scopes_to_request"])),
            "state": signed({**issued, "sid": secrets.token_urlsafe(16), "state": secrets.token_urlsafe(32)}),
        }
        reply = redirect(f"{self.browser_url()}application/o/authorize/?{urlencode(query)}")
        reply.headers["Set-Cookie"] = cookie(session, secrets.token_urlsafe(32), app)
        return reply

    def browser_url(self) -> str:
        """Return where browsers log in, with a slash at its end."""
        host = self._browser or str(self.config.get("authentik_host") or "")
        return f"{host.rstrip('/')}/" if host else INTERNAL


def start(app: Row, back: str = "") -> Reply:
    """Return the redirect to the start of the login."""
    host = app["external_host"].rstrip("/")
    return redirect(f"{host}{PREFIX}/start?{urlencode({'rd': back or host})}")


def below(path: str) -> bool:
    """Whether a path is the outpost's own."""
    return path.startswith(PREFIX)


def allowed(app: Row, url: str) -> str:
    """Return where a login may end: the URL if it is the application's, else the application itself."""
    if app["mode"] == "forward_domain":
        name = urlsplit(url).hostname or ""
        domain = str(app["cookie_domain"]).lstrip(".")
        return url if domain and f".{name}".endswith(f".{domain}") else str(app["external_host"])
    return url if url.startswith(app["external_host"]) else str(app["external_host"])


def open_to_all(app: Mapping[str, Any], url: str) -> bool:
    """Whether ``skip_path_regex`` lets a URL through without login; a pattern that does not compile is skipped."""
    subject = url if app["mode"] == "forward_domain" else urlsplit(url).path
    for line in filter(None, str(app["skip_path_regex"]).splitlines()):
        try:
            if re.search(line, subject):
                return True
        except re.error:
            continue
    return False


def signed(claims: Mapping[str, Any]) -> str:
    """Return a JWT."""
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = ".".join(parts)
    return f"{text}.{_encoded(hmac.new(_SECRET, text.encode(), hashlib.sha256).digest())}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cookie(name: str, value: str, app: Mapping[str, Any]) -> str:
    """Return the header of an outpost's session."""
    age = int(parse(app["access_token_validity"]).total_seconds()) + 1
    parts = [f"{name}={value}", "Path=/"]
    if app["cookie_domain"]:
        parts.append(f"Domain={app['cookie_domain']}")
    parts += [f"Max-Age={age}", "HttpOnly"]
    if app["external_host"].startswith("https:"):
        parts.append("Secure")
    return "; ".join([*parts, "SameSite=Lax"])
