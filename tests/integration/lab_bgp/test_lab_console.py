# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The console stand-in over HTTPS: both ways to log in, both generations of answers, and its faults."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import stat
import time
from collections.abc import Iterator

import pytest

from tests.harness.bgp import BGP, DEVICE, DNS, Answer, Router, until
from tests.harness.lab import Lab

LOGIN = "/api/auth/login"
TEXT = "router bgp 64513\n neighbor 172.29.51.11 remote-as 64512\n"


@pytest.fixture
def router(bare: Lab) -> Iterator[Router]:
    """The console with nothing stored, and all faults taken back afterwards."""
    router = Router(bare.directory)
    assert router.ask("DELETE", BGP, {}).status == 200
    yield router
    bare.heal()


def at_rest(lab: Lab) -> None:
    """Wait until everything that was written has reached the daemon."""
    until("at rest", lambda: lab.status()["console"]["pending"] == 0)


def log_in(router: Router, **headers: str) -> Answer:
    """Log in with the right name and password."""
    words = {"username": router.record["username"], "password": router.record["password"]}
    return router.raw("POST", LOGIN, words, **headers)


def cookie(answer: Answer) -> str:
    """The session cookie as it is sent back."""
    return next(c.split(";")[0] for c in answer.cookies if c.startswith("TOKEN="))


def test_the_record_is_private_and_pins_the_certificate(bare: Lab, router: Router) -> None:
    for name in ("console.json", "console.key"):
        assert stat.S_IMODE((bare.directory / name).stat().st_mode) == 0o600
    der = ssl.PEM_cert_to_DER_cert((bare.directory / "console.crt").read_text())
    assert router.record["fingerprint"] == hashlib.sha256(der).hexdigest()
    assert router.record["host"] == "127.66.51.1" and router.record["port"] == 8443


def test_it_is_unifi_os(router: Router) -> None:
    assert router.raw("GET", "/").status == 200
    status = router.raw("GET", "/proxy/network/status").body
    assert status["meta"]["rc"] == "ok" and status["meta"]["server_version"].startswith("10.")
    device = router.ask("GET", DEVICE).body["data"][0]
    assert device["adopted"] and device["udapi_version"] and device["udapi_caps"] & 4194304
    info = router.ask("GET", "/proxy/network/api/s/default/stat/sysinfo").body
    assert info["data"][0]["version"] == status["meta"]["server_version"]


def test_a_post_replaces_the_whole_object(router: Router) -> None:
    assert router.ask("GET", BGP).body == []
    first = router.upload(TEXT, description="by hand", later_field={"x": 1})
    assert first.status == 201 and len(first.body["_id"]) == 24
    second = router.ask("POST", BGP, {"uploaded_file_name": "b.conf", "frr_bgpd_config": TEXT + "! \u00e9\r\n"})
    assert second.status == 200
    stored = router.ask("GET", BGP).body
    assert stored == [second.body] == router.ask("GET", f"{BGP}/all").body
    assert stored[0]["_id"] == first.body["_id"]
    assert (stored[0]["enabled"], stored[0]["description"]) == (False, "")
    assert stored[0]["frr_bgpd_config"] == TEXT + "! \u00e9\r\n" and "later_field" not in stored[0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"frr_bgpd_config": TEXT}, "uploadedFileName required"),
        ({"uploaded_file_name": "a"}, "frrBgpdConfig required"),
        ({"uploaded_file_name": "a" * 257, "frr_bgpd_config": TEXT}, ".{0,256}"),
        ({"uploaded_file_name": "a", "frr_bgpd_config": TEXT, "description": "d" * 129}, ".{0,128}"),
        ({"uploaded_file_name": "a", "frr_bgpd_config": TEXT, "enabled": "yes"}, "enabled"),
        ([], "Invalid payload"),
    ],
)
def test_an_unfit_body_is_refused_and_stores_nothing(router: Router, body: object, message: str) -> None:
    answer = router.ask("POST", BGP, body)
    assert answer.status == 400 and message in answer.body["message"]
    assert answer.body["code"].startswith("api.err.") and answer.body["errorCode"] == 400
    assert router.ask("GET", BGP).body == []


def test_errors_have_the_form_of_their_generation(router: Router) -> None:
    v2 = router.raw("GET", BGP)
    assert v2.status == 401 and set(v2.body) == {"code", "message", "errorCode", "details"}
    v1 = router.raw("GET", DEVICE)
    assert v1.status == 401 and v1.body == {"meta": {"rc": "error", "msg": "api.err.LoginRequired"}, "data": []}
    wrong = router.ask("PUT", BGP, {})
    assert (wrong.status, wrong.body) == (405, "")
    assert router.raw("GET", BGP, X_API_KEY="wrong").status == 401


def test_a_login_needs_the_token_that_changes_with_every_write(router: Router) -> None:
    answer = log_in(router)
    assert answer.status == 200 and int(answer.headers["x-token-expire-time"]) > 10**12
    first = answer.headers["x-csrf-token"]
    body = {"enabled": True, "uploaded_file_name": "a", "frr_bgpd_config": TEXT}
    assert router.raw("POST", BGP, body, Cookie=cookie(answer)).status == 403
    written = router.raw("POST", BGP, body, Cookie=cookie(answer), X_CSRF_Token=first)
    assert written.status == 201
    second = written.headers["x-updated-csrf-token"]
    assert second != first
    assert router.raw("POST", BGP, body, Cookie=cookie(answer), X_CSRF_Token=first).status == 403
    assert router.raw("POST", BGP, body, Cookie=cookie(answer), X_CSRF_Token=second).status == 200
    assert router.raw("GET", BGP, Cookie=cookie(answer)).status == 200


def test_wrong_passwords_and_stale_cookies_fail(router: Router) -> None:
    wrong = router.raw("POST", LOGIN, {"username": router.record["username"], "password": "no"})
    assert wrong.status == 403 and wrong.body["code"] == "AUTHENTICATION_FAILED_INVALID_CREDENTIALS"
    assert log_in(router, Cookie="TOKEN=of-yesterday").status == 401


def test_logins_are_throttled(bare: Lab, router: Router) -> None:
    bare.console_fault(login_throttled=2, retry_after="1", login_silent=1)
    first, second, silent, good = (log_in(router) for _unused in range(4))
    assert [first.status, second.status, silent.status, good.status] == [429, 429, 200, 200]
    assert first.body["code"] == "AUTHENTICATION_FAILED_LIMIT_REACHED" and first.headers["retry-after"] == "1"
    assert not silent.cookies and "x-csrf-token" not in silent.headers
    assert good.cookies and "x-csrf-token" in good.headers


def test_second_factor_revoked_key_and_missing_permission(bare: Lab, router: Router) -> None:
    bare.console_fault(mfa_required=True, key_revoked=True)
    answer = log_in(router)
    assert answer.status == 499 and answer.body["data"]["mfaCookie"]
    assert router.ask("GET", BGP).status == 401
    bare.console_fault(mfa_required=False, key_revoked=False, no_permission=True)
    refused = router.ask("GET", BGP)
    assert (refused.status, refused.body["code"]) == (403, "api.err.NoPermission")


def test_a_session_expires(bare: Lab, router: Router) -> None:
    session = cookie(log_in(router))
    bare.console_fault(session_expired=1)
    assert router.raw("GET", BGP, Cookie=session).status == 200
    assert router.raw("GET", BGP, Cookie=session).status == 401
    again = cookie(log_in(router))
    assert [router.raw("GET", BGP, Cookie=again).status for _unused in range(3)] == [200, 200, 200]


def test_an_unsupported_device_stores_nothing(bare: Lab, router: Router) -> None:
    bare.console_fault(unsupported_device=True)
    answer = router.upload(TEXT)
    assert answer.status == 404
    assert answer.body["code"] == "api.err.BgpUnsupportedDevice"
    assert answer.body["message"] == "Device doesn't support BGP"
    assert router.ask("GET", BGP).body == []
    assert router.ask("GET", DEVICE).body["data"][0]["udapi_caps"] & 4194304 == 0


def test_somebody_edits_between_two_reads(bare: Lab, router: Router) -> None:
    router.upload(TEXT)
    bare.console_fault(concurrent_edit=1)
    before, after = (router.ask("GET", BGP).body[0]["frr_bgpd_config"] for _unused in range(2))
    assert before == TEXT and after.startswith(TEXT) and after != TEXT
    assert router.ask("GET", BGP).body[0]["frr_bgpd_config"] == after


@pytest.mark.parametrize("how", ["stored", "lost"])
def test_the_connection_breaks_in_the_middle_of_a_write(bare: Lab, router: Router, how: str) -> None:
    bare.console_fault(drop_connection=how)
    with pytest.raises((http.client.HTTPException, ConnectionError, ssl.SSLError)):
        router.upload(TEXT)
    assert len(router.ask("GET", BGP).body) == (how == "stored")
    assert router.upload(TEXT).status in (200, 201)


def test_pages_instead_of_answers_and_other_statuses(bare: Lab, router: Router) -> None:
    bare.console_fault(html_error=1)
    page = router.ask("GET", BGP)
    assert page.status == 502 and "<html>" in page.body
    bare.console_fault(reject_text=True)
    assert router.upload(TEXT).status == 400
    for status in (200, 201, 202, 204):
        bare.console_fault(reject_text=False, status=status)
        assert router.upload(TEXT).status == status


def test_writes_reach_the_daemon_and_are_counted(bare: Lab, router: Router) -> None:
    bare.console_fault(apply_lost=False)
    at_rest(bare)  # what earlier tests wrote
    before = bare.status()
    assert before["bgp"]["bgpd"]["restarts"] == before["console"]["applied"]
    router.upload(TEXT)
    router.upload(TEXT)
    until("both applied", lambda: bare.status()["console"]["applied"] == before["console"]["applied"] + 2)
    after = bare.status()
    assert after["console"]["uploads"] == before["console"]["uploads"] + 2
    assert after["bgp"]["bgpd"]["restarts"] == before["bgp"]["bgpd"]["restarts"] + 2
    assert set(router.peers()) == {"172.29.51.11"}
    bare.console_fault(apply_lost=True)
    router.upload(TEXT.replace(".11", ".12"))
    at_rest(bare)  # it is not on its way either
    assert set(router.peers()) == {"172.29.51.11"}


def test_a_slow_apply(bare: Lab, router: Router) -> None:
    at_rest(bare)
    until("no router", lambda: router.show("show bgp summary json") == {})
    bare.console_fault(slow_apply=4)
    began = time.monotonic()
    router.upload(TEXT)
    assert router.peers() == {}
    until("applied at last", lambda: set(router.peers()) == {"172.29.51.11"})
    assert time.monotonic() - began >= 4


def test_static_dns(router: Router) -> None:
    for slash in ("", "/"):
        made = router.ask("POST", DNS + slash, {"key": "a.example", "record_type": "A", "value": "172.29.52.201"})
        assert made.status == 200 and made.body["enabled"] is True
        assert made.body in router.ask("GET", DNS + slash).body
        change = {**made.body, "value": "172.29.52.202", "ttl": 60}
        assert router.ask("PUT", f"{DNS}/{made.body['_id']}", change).body == change
        assert router.ask("DELETE", f"{DNS}/{made.body['_id']}{slash}").status == 200
        assert router.ask("GET", DNS).body == []
    record = {"key": "_x._tcp.example", "record_type": "SRV", "value": "a.example", "port": 443}
    service = router.ask("POST", DNS, record).body
    assert (service["port"], service["priority"], service["weight"]) == (443, 0, 0)
    router.ask("DELETE", f"{DNS}/{service['_id']}", {})
    bad = router.ask("POST", DNS, {"key": "a", "record_type": "ALIAS", "value": "b"})
    assert bad.status == 400 and set(bad.body) == {"code", "details", "errorCode", "message"}
    assert router.ask("DELETE", f"{DNS}/{'0' * 24}").status == 404


def test_vtysh_is_the_real_one(bare: Lab, router: Router) -> None:
    router.upload(TEXT)
    at_rest(bare)
    until("the neighbour is there", lambda: set(router.peers()) == {"172.29.51.11"})
    unknown = router.vtysh("show bgp nonsense")
    assert unknown.returncode == 1 and "Unknown command" in unknown.stdout + unknown.stderr
    assert json.loads(router.vtysh("show bgp neighbors 172.29.51.99 json").stdout) == {"bgpNoSuchNeighbor": True}
    running = router.vtysh("show running-config").stdout
    assert "neighbor 172.29.51.11 update-source 172.29.51.1" in running
    assert "neighbor 172.29.51.11 timers connect 1" in running
    assert router.ask("GET", BGP).body[0]["frr_bgpd_config"] == TEXT


def test_ssh_that_does_not_answer_and_a_router_without_vtysh(bare: Lab, router: Router) -> None:
    bare.console_fault(ssh_unreachable=True)
    lost = router.vtysh("show bgp summary json")
    assert lost.returncode == 255 and "Connection timed out" in lost.stderr
    bare.console_fault(ssh_unreachable=False, vtysh_missing=True)
    assert router.vtysh("show bgp summary json").returncode == 127


def test_an_unknown_fault_is_named(bare: Lab) -> None:
    done = bare.command("fault", "console", '{"login_throtled": 1}', check=False)
    assert done.returncode == 1 and "did you mean 'login_throttled'" in done.stderr
    done = bare.command("fault", "console", '{"session_down": ["mini09"]}', check=False)
    assert done.returncode == 1 and "There is no node 'mini09'" in done.stderr
