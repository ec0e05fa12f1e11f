# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to the console: an API key, or a login with a cookie and a CSRF token that changes with every write."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..scenario import ConsoleFaults
from .answers import Refusal

COOKIE = "TOKEN"
CSRF = "X-CSRF-Token"
UPDATED_CSRF = "X-Updated-CSRF-Token"
EXPIRE = "X-Token-Expire-Time"
LIFETIME = 2 * 3600
_READS = ("GET", "HEAD", "OPTIONS")


@dataclass
class Session:
    """One login."""

    token: str
    csrf: str
    expires: float


class Sessions:
    """Keys and logins of one console."""

    def __init__(self, faults: ConsoleFaults, *, api_key: str, username: str, password: str) -> None:
        self.faults = faults
        self.api_key, self.username, self.password = api_key, username, password
        self.logins = 0
        self._sessions: dict[str, Session] = {}

    def login(self, request: web.Request, body: Any) -> Session | None:
        """Log in; None is the silent throttle, which answers 200 and gives nothing.

        :raises Refusal: with what the console says.
        """
        faults = self.faults
        if faults.login_throttled:
            faults.login_throttled -= faults.login_throttled > 0
            headers = {"Retry-After": faults.retry_after} if faults.retry_after else {}
            raise Refusal(429, "AUTHENTICATION_FAILED_LIMIT_REACHED", "You've reached the login attempt limit", headers)
        if request.cookies.get(COOKIE) and request.cookies[COOKIE] not in self._sessions:
            raise Refusal(401, "AUTHENTICATION_FAILED_INVALID_TOKEN", "Invalid token")
        if not isinstance(body, dict) or not {"username", "password"} <= set(body):
            raise Refusal(400, "AUTHENTICATION_FAILED_INVALID_PARAMETERS", "Username and password are required")
        good = _equal(body["username"], self.username) and _equal(body["password"], self.password)
        if not good:
            raise Refusal(403, "AUTHENTICATION_FAILED_INVALID_CREDENTIALS", "Invalid username or password")
        if faults.mfa_required:
            cookie = f"UBIC_2FA={secrets.token_hex(8)}"
            raise Refusal(499, "MFA_AUTH_REQUIRED", "MFA authentication required", data={"mfaCookie": cookie})
        if faults.login_silent:
            faults.login_silent -= 1
            return None
        self.logins += 1
        session = Session(secrets.token_urlsafe(32), secrets.token_hex(16), time.time() + LIFETIME)
        self._sessions[session.token] = session
        return session

    def logout(self, request: web.Request) -> None:
        """Forget a session."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)

    def admit(self, request: web.Request) -> Session | None:
        """Let a request to the Network application in; None when it came with the API key.

        :raises Refusal: 401 without a valid key or session, 403 without permission or CSRF token.
        """
        faults = self.faults
        session = None
        key = request.headers.get("X-API-KEY")
        if key is not None:
            if faults.key_revoked or not _equal(key, self.api_key):
                raise Refusal(401, "api.err.Unauthorized", "Unauthorized")
        else:
            session = self._sessions.get(request.cookies.get(COOKIE, ""))
            if session is not None and faults.session_expired >= 0:
                faults.session_expired -= 1
                if faults.session_expired < 0:
                    self._sessions.clear()
                    session = None
            if session is None or session.expires < time.time():
                raise Refusal(401, "api.err.LoginRequired", "Unauthorized")
            if request.method not in _READS and not _equal(request.headers.get(CSRF, ""), session.csrf):
                raise Refusal(403, "api.err.InvalidCsrfToken", "Invalid CSRF Token")
        if faults.no_permission:
            raise Refusal(403, "api.err.NoPermission", "The account has no permission for this")
        return session

    def headers(self, request: web.Request, session: Session) -> dict[str, str]:
        """Return the headers of an answer within a session; each write is given another token."""
        found = {EXPIRE: str(int(session.expires * 1000))}
        if request.method not in _READS:
            session.csrf = secrets.token_hex(16)
            found[UPDATED_CSRF] = session.csrf
        else:
            found[CSRF] = session.csrf
        return found


def _equal(given: Any, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())
