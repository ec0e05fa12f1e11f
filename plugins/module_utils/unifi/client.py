# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with a UniFi console: an API key, or a login with its cookie and its rotating CSRF token.

Facts of the session (header and cookie names, the throttled login that answers 200, the codes) are those of
jamesbraid/go-unifi ``unifi/unifi.go`` and Kane610/aiounifi ``interfaces/connectivity.py``.
"""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from .errors import LoginFailed, Throttled, UnifiError, refusal
from .transport import Answer, Connection, Door

#: Seconds between logins that are throttled, when the console does not say; a UDM Pro throttles for about 45 s.
_BACK_OFF = (1, 2, 4, 8, 16, 30, 30)
#: The longest Retry-After that is waited for.
_LONGEST_PAUSE = 120.0
_GOOD = (200, 201, 202, 204)


class Client:
    """Speaks JSON to a console.

    :param api_key: preferred: it is not rate limited and needs no login.
    :param pause: waits the given seconds; for tests.
    """

    def __init__(
        self,
        door: Door,
        *,
        api_key: str = "",
        username: str = "",
        password: str = "",
        tell: Callable[[str], None] = lambda text: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.door = door
        self.sent: dict[str, int] = {}
        self._link = Connection(door)
        self._api_key = api_key
        self._account = (username, password)
        self._tell = tell
        self._pause = pause
        self._cookies: dict[str, str] = {}
        self._csrf = ""
        self._prefix: str | None = "/proxy/network" if api_key else None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()

    def v1(self, method: str, path: str, body: Any = None, *, doing: str) -> list[dict[str, Any]]:
        """Call ``/api<path>`` and return its ``data``."""
        document = self.call(method, f"/api{path}", body, doing=doing)
        meta = document.get("meta") if isinstance(document, Mapping) else None
        if isinstance(meta, Mapping) and meta.get("rc") == "error":
            raise refusal(doing, self.door.name, 200, json.dumps(document).encode(), with_key=bool(self._api_key))
        return list((document or {}).get("data") or []) if isinstance(document, Mapping) else []

    def v2(self, method: str, path: str, body: Any = None, *, doing: str) -> Any:
        """Call ``/v2/api<path>`` and return the document, None for an empty answer."""
        return self.call(method, f"/v2/api{path}", body, doing=doing)

    def call(self, method: str, path: str, body: Any, *, doing: str) -> Any:
        """Call a path of the network application.

        :raises UnifiError: one of its kinds; a session that has expired is renewed once.
        """
        self._ready()
        answer = self._ask(method, f"{self._prefix}{path}", body)
        if answer.status == 401 and not self._api_key:
            self._login()
            answer = self._ask(method, f"{self._prefix}{path}", body)
        if answer.status not in _GOOD:
            raise refusal(doing, self.door.name, answer.status, answer.body, with_key=bool(self._api_key))
        if not answer.body.strip():
            return None
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise UnifiError(
                doing,
                target=self.door.name,
                answer=f"HTTP {answer.status} with a body that is no JSON",
                remedy="Check that host and port are those of a UniFi OS console",
                param="host",
            ) from error

    def _ready(self) -> None:
        """Find out the flavour and log in, once."""
        if self._prefix is not None:
            return
        answer = self._link.ask("GET", "/", {"Accept": "*/*"}, None)
        if answer.status not in (200, 302):
            raise UnifiError(
                "recognising the UniFi console",
                target=self.door.name,
                answer=f"GET / answers HTTP {answer.status}; UniFi OS answers 200, the classic controller 302",
                remedy="Check that host and port are the console's",
                param="host",
            )
        self._prefix = "/proxy/network" if answer.status == 200 else ""
        self._login()

    def _login(self) -> None:
        """Log in, patiently: consoles throttle logins, some by answering 200 without a session."""
        path, token = ("/api/auth/login", "TOKEN") if self._prefix else ("/api/login", "unifises")
        username, password = self._account
        waits = iter(_BACK_OFF)
        while True:
            # An old cookie makes the login fail.
            self._cookies.clear()
            self._csrf = ""
            answer = self._ask("POST", path, {"username": username, "password": password, "rememberMe": True})
            silent = answer.status in _GOOD and (
                not self._cookies.get(token) or (bool(self._prefix) and not self._csrf)
            )
            if answer.status in _GOOD and not silent:
                return
            if answer.status != 429 and not silent:
                raise refusal("logging in", self.door.name, answer.status, answer.body, with_key=False)
            wait = next(waits, None)
            if wait is None:
                if silent:
                    raise Throttled(
                        "logging in",
                        target=self.door.name,
                        answer="the console answers the login, but gives no session, as it does when it throttles",
                        remedy="Wait a minute, or use an API key: it is not limited",
                        param="username",
                    )
                raise refusal("logging in", self.door.name, answer.status, answer.body, with_key=False)
            seconds = _retry_after(answer.headers.get("retry-after", "")) or float(wait)
            self._tell(f"the console throttles logins, next try in {seconds:.0f} s")
            self._pause(seconds)

    def _ask(self, method: str, path: str, body: Any) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": "homeops"}
        if self._api_key:
            headers["X-API-KEY"] = self._api_key
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if self._csrf:
            headers["X-CSRF-Token"] = self._csrf
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            content = json.dumps(body).encode()
        self.sent[method] = self.sent.get(method, 0) + 1
        answer = self._link.ask(method, path, headers, content)
        for name, value in answer.cookies.items():
            if value:
                self._cookies[name] = value
            else:
                self._cookies.pop(name, None)
        self._csrf = answer.headers.get("x-updated-csrf-token") or answer.headers.get("x-csrf-token") or self._csrf
        return answer


def check_account(api_key: str, username: str, password: str) -> None:
    """Refuse a connection without credentials before anything is sent.

    :raises LoginFailed: neither a key nor a complete account is given.
    """
    if not api_key and not (username and password):
        raise LoginFailed(
            "logging in to the UniFi console",
            answer="there is neither an API key nor a user name with its password",
            remedy="Create a key in the console (Settings, Control Plane, Integrations) and give it as api_key",
            param="api_key",
        )


def _retry_after(text: str) -> float:
    """Return the seconds of a Retry-After header, given as a number or as a date; 0 for none."""
    if not text:
        return 0.0
    if text.strip().isdigit():
        return min(float(text), _LONGEST_PAUSE)
    try:
        seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_PAUSE)
