# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The UniFi client against everything a console is known to answer."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.unifi import errors, session
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.bgp_config import BgpConfig, ConcurrentEdit, Stored
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.transport import Door, normal_fingerprint
from tests.unit.plugins.module_utils.unifi.unifi_console import BGP, KEY, PASSWORD, USER, Console

LOGIN = "POST /api/auth/login"


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    yield made
    made.close()


class Paused(list):
    """Seconds that were waited, without waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def with_key(console: Console, key: str = KEY) -> Client:
    return Client(Door("127.0.0.1", console.port, plain=True, timeout=5), api_key=key)


def with_account(console: Console, pause: Any = None, password: str = PASSWORD) -> Client:
    door = Door("127.0.0.1", console.port, plain=True, timeout=5)
    return Client(door, username=USER, password=password, pause=Paused() if pause is None else pause)


def stored(text: str = "router bgp 1\n", **more: Any) -> dict[str, Any]:
    return {
        "_id": "id-0",
        "site_id": "site-1",
        "enabled": True,
        "frr_bgpd_config": text,
        "uploaded_file_name": "mine.conf",
        "description": "by hand",
        **more,
    }


def test_a_key_needs_no_login_and_no_csrf(console: Console) -> None:
    with with_key(console) as client:
        assert BgpConfig(client, "default").read().document is None
    assert [(method, path) for method, path, _h, _b in console.seen] == [("GET", BGP)]
    assert "cookie" not in console.seen[0][2]


def test_a_rejected_key_is_final(console: Console) -> None:
    with with_key(console, "wrong") as client, pytest.raises(errors.LoginFailed, match="API key is valid") as caught:
        BgpConfig(client, "default").read()
    assert len(console.seen) == 1
    assert "wrong" not in str(caught.value)


def test_a_login_carries_cookie_and_the_newest_csrf_token(console: Console) -> None:
    with with_account(console) as client:
        store = BgpConfig(client, "default")
        held = store.write(store.read(), "router bgp 1\n", file_name="x.conf")
        store.write(held, "router bgp 2\n")
    assert console.uploads == 2
    assert [path for _m, path, _h, _b in console.seen][:2] == ["/", "/api/auth/login"]
    assert not any("x-api-key" in headers for _m, _p, headers, _b in console.seen)


def test_the_classic_controller_has_no_prefix_and_no_csrf() -> None:
    console = Console(classic=True)
    try:
        with with_account(console) as client:
            BgpConfig(client, "default").read()
        assert [path for _m, path, _h, _b in console.seen] == [
            "/",
            "/api/login",
            "/v2/api/site/default/bgp/config",
        ]
    finally:
        console.close()


def test_an_expired_session_is_renewed_once(console: Console) -> None:
    with with_account(console) as client:
        store = BgpConfig(client, "default")
        store.read()
        console.expire()
        store.read()
        logins = [headers for _m, path, headers, _b in console.seen if path == "/api/auth/login"]
        assert len(logins) == 2
        assert "cookie" not in logins[1]
        refused = (401, {"meta": {"rc": "error", "msg": "api.err.LoginRequired"}, "data": []}, {})
        console.script[f"GET {BGP}"] = [refused, refused]
        with pytest.raises(errors.LoginFailed):
            store.read()


def test_a_wrong_password_is_told_at_once(console: Console) -> None:
    paused = Paused()
    with (
        with_account(console, paused, "wrong-word") as client,
        pytest.raises(errors.LoginFailed, match="password") as caught,
    ):
        BgpConfig(client, "default").read()
    assert paused == []
    assert "wrong-word" not in str(caught.value)
    assert caught.value.param == "password" and "right to administer" not in str(caught.value)


LIMIT = {"code": "AUTHENTICATION_FAILED_LIMIT_REACHED", "message": "limit"}


def test_a_throttled_login_waits_longer_each_time(console: Console) -> None:
    paused = Paused()
    console.script[LOGIN] = [(429, LIMIT, {})] * 3
    with with_account(console, paused) as client:
        BgpConfig(client, "default").read()
    assert paused == [1, 2, 4]


def test_retry_after_is_kept_to_as_number_and_as_date(console: Console) -> None:
    paused = Paused()
    date = email.utils.formatdate(time.time() + 20, usegmt=True)
    headers: list[dict[str, str]] = [{"Retry-After": "7"}, {"Retry-After": "9999"}, {"Retry-After": date}]
    console.script[LOGIN] = [(429, LIMIT, header) for header in headers]
    with with_account(console, paused) as client:
        BgpConfig(client, "default").read()
    assert paused[:2] == [7, 120]
    assert 15 < paused[2] <= 21


def test_throttling_ends_with_words(console: Console) -> None:
    paused = Paused()
    console.script[LOGIN] = [(429, LIMIT, {})] * 20
    with with_account(console, paused) as client, pytest.raises(errors.Throttled, match="LIMIT_REACHED"):
        BgpConfig(client, "default").read()
    assert sum(paused) == 91
    assert len(paused) == 7


def test_a_login_without_a_session_is_a_throttled_one(console: Console) -> None:
    paused = Paused()
    console.script[LOGIN] = [(200, {}, {}), (200, {}, {"X-CSRF-Token": "t"}), (200, {}, {"Set-Cookie": "TOKEN=a"})]
    with with_account(console, paused) as client:
        BgpConfig(client, "default").read()
    assert paused == [1, 2, 4]


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        ((499, {"code": "MFA_AUTH_REQUIRED", "data": {"mfaCookie": "x"}}, {}), errors.MfaRequired, "second factor"),
        ((403, {"meta": {"rc": "error", "msg": "api.err.NoPermission"}, "data": []}, {}), errors.NoPermission, "right"),
        (
            (404, {"code": "api.err.BgpUnsupportedDevice", "message": "Device doesn't support BGP"}, {}),
            errors.UnsupportedDevice,
            "adopted gateway",
        ),
        ((404, {"code": "api.err.NotFound"}, {}), errors.NotFound, "internal name"),
        ((405, b"", {}), errors.UnifiError, "HTTP 405 with an empty body"),
        ((502, b"<html><body>Bad Gateway</body></html>", {}), errors.UnifiError, "HTTP 502 with an HTML page"),
        (
            (
                400,
                {
                    "meta": {"rc": "error", "msg": "api.err.Invalid"},
                    "data": [{"rc": "error", "msg": "api.err.InvalidValue", "validationError": {"field": "enabled"}}],
                },
                {},
            ),
            errors.UnifiError,
            "api.err.InvalidValue in field enabled",
        ),
        (
            (400, {"code": "api.err.InvalidPayload", "message": "uploadedFileName required"}, {}),
            errors.UnifiError,
            "uploadedFileName required",
        ),
        ((200, b"<html>a page</html>", {}), errors.UnifiError, "no JSON"),
    ],
)
def test_refusals_are_told_apart(console: Console, reply: Any, kind: type, words: str) -> None:
    console.script[f"GET {BGP}"] = [reply]
    with with_key(console) as client, pytest.raises(kind, match=words) as caught:
        BgpConfig(client, "default").read()
    assert caught.value.__class__ is kind
    assert "<html" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "kind", "of_key", "of_account"),
    [
        (401, "api.err.Unauthorized", errors.LoginFailed, "api_key", "password"),
        (403, "AUTHENTICATION_FAILED_INVALID_CREDENTIALS", errors.LoginFailed, "api_key", "password"),
        (403, "api.err.NoPermission", errors.NoPermission, "api_key", "username"),
        (404, "api.err.NotFound", errors.NotFound, "site", "site"),
        (401, "api.err.NoSiteContext", errors.NotFound, "site", "site"),
        (429, "AUTHENTICATION_FAILED_LIMIT_REACHED", errors.Throttled, "api_key", "username"),
        (499, "MFA_AUTH_REQUIRED", errors.MfaRequired, "api_key", "username"),
    ],
)
def test_a_refusal_names_what_to_look_at(status: int, code: str, kind: type, of_key: str, of_account: str) -> None:
    for with_key, param in ((True, of_key), (False, of_account)):
        error = errors.refusal("asking", "udm:443", status, json.dumps({"code": code}).encode(), with_key=with_key)
        assert (error.__class__, error.param) == (kind, param)
        assert not (with_key and status == 429 and "API key" in error.remedy)


def test_a_write_sends_everything_back_and_enabled_always(console: Console) -> None:
    console.document = stored(device_mac="aa:bb", attr_no_edit=False, of_tomorrow={"x": [1]})
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        held = store.write(store.read(), "router bgp 2\n")
    sent = next(body for method, _p, _h, body in console.seen if method == "POST")
    assert sent == {**stored("router bgp 2\n"), "device_mac": "aa:bb", "attr_no_edit": False, "of_tomorrow": {"x": [1]}}
    assert held.text == "router bgp 2\n"
    assert [m for m, _p, _h, _b in console.seen] == ["GET", "GET", "POST", "GET"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_good_status_is_good(console: Console, status: int) -> None:
    def answer(method: str, path: str) -> None:
        if method == "POST":
            console._store(console.seen[-1][3])
            console.script[f"POST {BGP}"] = []

    console.before = answer
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        first = store.read()
        ordinary = console._bgp
        console._bgp = lambda method, body: (  # type: ignore[method-assign]
            (status, None if status == 204 else {}, {}) if method == "POST" else ordinary(method, body)
        )
        assert store.write(first, "x\n", file_name="a").text == "x\n"


def test_somebody_elses_change_stops_the_write(console: Console) -> None:
    console.document = stored()
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        held = store.read()
        for theirs in (stored("router bgp 9\n"), stored(description="theirs"), stored(of_tomorrow=1)):
            console.document = theirs
            with pytest.raises(ConcurrentEdit, match=r"127\.0\.0\.1") as caught:
                store.write(held, "router bgp 2\n")
            assert not caught.value.written
    assert console.uploads == 0


def test_a_write_that_is_lost_or_overwritten_is_seen(console: Console) -> None:
    console.document = stored()
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        console.script[f"POST {BGP}"] = [(200, {}, {})]
        with pytest.raises(ConcurrentEdit) as caught:
            store.write(store.read(), "router bgp 2\n")
    assert caught.value.written


def test_a_connection_cut_in_a_write_is_looked_into_not_repeated(console: Console) -> None:
    console.document = stored()
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        console.script[f"POST {BGP}"] = ["stored, then cut"]
        assert store.write(store.read(), "router bgp 2\n").text == "router bgp 2\n"
        assert console.uploads == 1
        console.script[f"POST {BGP}"] = ["cut"]
        with pytest.raises(errors.Unreachable):
            store.write(store.read(), "router bgp 3\n")
    assert console.uploads == 1


def test_a_read_survives_a_closed_connection(console: Console) -> None:
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        store.read()
        console.script[f"GET {BGP}"] = ["cut"]
        assert store.read() == Stored(None)


def test_what_was_absent_is_put_back_by_removing(console: Console) -> None:
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        nothing = store.read()
        held = store.write(nothing, "router bgp 1\n", file_name="a")
        assert store.put_back(held, nothing).document is None
    assert console.document is None


def test_what_was_removed_meanwhile_is_put_back_as_a_new_object(console: Console) -> None:
    with with_key(console) as client:
        store = BgpConfig(client, "default")
        assert store.put_back(store.read(), Stored(stored())).text == stored()["frr_bgpd_config"]
    sent = next(body for method, _p, _h, body in console.seen if method == "POST")
    assert "_id" not in sent


def params(console: Console, **more: Any) -> dict[str, Any]:
    given = {"host": "127.0.0.1", "port": console.port, "api_key": KEY, "validate_certs": True, "timeout": 5}
    return {**given, "site": "default", "ca_path": None, "fingerprint": None, **more}


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


def test_a_pinned_certificate_is_enough(tls: Console) -> None:
    pairs = ":".join(tls.fingerprint.upper()[i : i + 2] for i in range(0, 64, 2))
    with session.connect(params(tls, fingerprint=pairs), Context()) as client:
        assert BgpConfig(client, "default").read().document is None


def test_another_certificate_gets_nothing(tls: Console) -> None:
    with (
        session.connect(params(tls, fingerprint="ab" * 32), Context()) as client,
        pytest.raises(errors.CertificateRefused, match="not the pinned"),
    ):
        BgpConfig(client, "default").read()
    assert tls.seen == []


def test_an_unknown_certificate_gets_nothing_by_default(tls: Console) -> None:
    with (
        session.connect(params(tls), Context()) as client,
        pytest.raises(errors.CertificateRefused, match="fingerprint"),
    ):
        BgpConfig(client, "default").read()
    assert tls.seen == []
    with session.connect(params(tls, validate_certs=False), Context()) as client:
        BgpConfig(client, "default").read()
    assert tls.seen


def test_a_ca_is_trusted_for_its_names_only(tls: Console) -> None:
    with (
        session.connect(params(tls, ca_path=str(tls.certificate)), Context()) as client,
        pytest.raises(errors.CertificateRefused),
    ):
        BgpConfig(client, "default").read()


def test_no_credentials_and_no_fingerprint_are_told_before_anything_is_sent(tls: Console) -> None:
    with pytest.raises(errors.LoginFailed, match="neither an API key"):
        session.connect(params(tls, api_key=None), Context())
    with pytest.raises(InputError, match="64 hex digits"):
        session.connect(params(tls, fingerprint="12:34"), Context())
    for head in ("SHA256=", "sha256 Fingerprint=", "sha256:", ""):
        assert normal_fingerprint(head + "AB:" * 31 + "ab") == "ab" * 32


def test_nobody_there_is_told_in_words() -> None:
    console = Console()
    console.close()
    with with_key(console) as client, pytest.raises(errors.Unreachable, match="Connection refused"):
        BgpConfig(client, "default").read()
