# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to the console: keys, sessions, tokens that change, and every way to be refused."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from lab.scenario import ConsoleFaults
from lab.unifi.answers import Refusal
from lab.unifi.sessions import Session, Sessions

WORDS = {"username": "u", "password": "p"}


@pytest.fixture
def faults() -> ConsoleFaults:
    """No faults."""
    return ConsoleFaults()


@pytest.fixture
def sessions(faults: ConsoleFaults) -> Sessions:
    """Sessions of a console."""
    return Sessions(faults, api_key="k", username="u", password="p")


def ask(method: str = "GET", **headers: str) -> Any:
    """A request with headers."""
    return make_mocked_request(method, "/x", headers={k.replace("_", "-"): v for k, v in headers.items()})


def refusal(sessions: Sessions, request: Any) -> int:
    """The status with which a request is refused, 0 when it is let in."""
    try:
        sessions.admit(request)
    except Refusal as refused:
        return refused.status
    return 0


def opened(sessions: Sessions) -> Session:
    """A session."""
    session = sessions.login(ask("POST"), WORDS)
    assert session is not None
    return session


def test_keys(sessions: Sessions, faults: ConsoleFaults) -> None:
    assert refusal(sessions, ask("POST", X_API_KEY="k")) == 0
    assert refusal(sessions, ask(X_API_KEY="K")) == 401
    faults.key_revoked = True
    assert refusal(sessions, ask(X_API_KEY="k")) == 401


def test_reads_need_the_cookie_and_writes_the_token_too(sessions: Sessions) -> None:
    session = opened(sessions)
    cookie = f"TOKEN={session.token}"
    assert refusal(sessions, ask()) == 401
    assert refusal(sessions, ask(Cookie=cookie)) == 0
    assert refusal(sessions, ask("DELETE", Cookie=cookie)) == 403
    assert refusal(sessions, ask("DELETE", Cookie=cookie, X_CSRF_Token=session.csrf)) == 0


def test_a_write_is_given_another_token(sessions: Sessions) -> None:
    session = opened(sessions)
    first = session.csrf
    assert sessions.headers(ask(), session)["X-CSRF-Token"] == first
    updated = sessions.headers(ask("POST"), session)["X-Updated-CSRF-Token"]
    assert updated == session.csrf != first


def test_a_session_ends(sessions: Sessions, faults: ConsoleFaults) -> None:
    session = opened(sessions)
    cookie = f"TOKEN={session.token}"
    session.expires = 0
    assert refusal(sessions, ask(Cookie=cookie)) == 401
    session = opened(sessions)
    faults.session_expired = 0
    assert refusal(sessions, ask(Cookie=f"TOKEN={session.token}")) == 401
    assert faults.session_expired == -1  # once
    session = opened(sessions)
    sessions.logout(ask(Cookie=f"TOKEN={session.token}"))
    assert refusal(sessions, ask(Cookie=f"TOKEN={session.token}")) == 401


@pytest.mark.parametrize("words", [None, [], {"username": "u"}, WORDS | {"password": "x"}, WORDS | {"username": 1}])
def test_wrong_words_open_no_session(sessions: Sessions, words: Any) -> None:
    with pytest.raises(Refusal) as refused:
        sessions.login(ask("POST"), words)
    assert refused.value.status in (400, 403) and sessions.logins == 0


def test_no_permission_holds_for_both(sessions: Sessions, faults: ConsoleFaults) -> None:
    session = opened(sessions)
    faults.no_permission = True
    assert refusal(sessions, ask(X_API_KEY="k")) == refusal(sessions, ask(Cookie=f"TOKEN={session.token}")) == 403
