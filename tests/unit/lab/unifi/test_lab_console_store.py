# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the console keeps, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lab.unifi.answers import Refusal
from lab.unifi.store import BgpStore, DnsStore, check_record

TEXTS = st.text(max_size=40)
BODIES = st.fixed_dictionaries(
    {"frr_bgpd_config": TEXTS, "uploaded_file_name": st.just("a.conf")},
    optional={"enabled": st.booleans(), "description": st.sampled_from(["", "x"]), "later": st.integers()},
)


@given(st.lists(BODIES, min_size=1, max_size=5))
def test_only_the_last_write_counts(bodies: list[dict[str, Any]]) -> None:
    store = BgpStore()
    results = [store.replace(body) for body in bodies]
    (held,) = store.list()
    assert [created for _unused, created in results] == [True, *[False] * (len(bodies) - 1)]
    made = {key: held.pop(key) for key in ("_id", "site_id")}
    assert held == {"enabled": False, "description": ""} | bodies[-1]
    assert made["_id"] == results[0][0]["_id"] and store.uploads == len(bodies)
    assert store.text == bodies[-1]["frr_bgpd_config"]


@given(BODIES)
def test_a_read_modify_write_of_the_stored_object_changes_nothing(body: dict[str, Any]) -> None:
    store = BgpStore()
    store.replace(body)
    (held,) = store.list()
    store.replace(held)
    assert store.list() == [held]


def test_a_delete_leaves_nothing_to_run() -> None:
    store = BgpStore()
    store.replace({"frr_bgpd_config": "x", "uploaded_file_name": "a", "enabled": True})
    assert store.enabled
    store.clear()
    assert (store.list(), store.text, store.enabled) == ([], "", False)


@pytest.mark.parametrize(
    "change", [{"key": ""}, {"key": "k" * 129}, {"value": "v" * 257}, {"value": 4}, {"record_type": "ALIAS"}]
)
def test_unfit_records_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        check_record({"key": "a.example", "value": "172.29.52.201", "record_type": "A"} | change)
    assert refused.value.status == 400


def test_an_unknown_record_is_not_found() -> None:
    with pytest.raises(Refusal) as refused:
        DnsStore().remove("0" * 24)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/proxy/network/v2/api/site/default/bgp/config", {"code", "message", "errorCode", "details"}),
        ("/proxy/network/api/s/default/stat/device", {"meta", "data"}),
        ("/api/auth/login", {"code", "message", "level", "data"}),
    ],
)
def test_refusals_speak_the_language_of_their_path(path: str, keys: set[str]) -> None:
    answer = Refusal(499, "api.err.X", "text", data={"mfaCookie": "c"}).answer(path)
    assert answer.status == 499 and set(json.loads(answer.text or "")) == keys


VTYSH = Path(__file__).resolve().parents[4] / "lab" / "unifi" / "vtysh.py"


@pytest.mark.parametrize(("fault", "code"), [("ssh_unreachable", 255), ("vtysh_missing", 127)])
def test_the_vtysh_stand_in_fails_as_ssh_and_the_shell_do(tmp_path: Path, fault: str, code: int) -> None:
    route = {"vtysh": "/bin/echo", "vty_socket": "/v", "config_dir": "/c", "fault": fault}
    (tmp_path / "router.json").write_text(json.dumps(route))
    words = [sys.executable, str(VTYSH), "--dir", str(tmp_path), "-c", "show version"]
    assert subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == code


def test_the_vtysh_stand_in_becomes_vtysh(tmp_path: Path) -> None:
    route = {"vtysh": "/bin/echo", "vty_socket": "/v", "config_dir": "/c", "fault": ""}
    (tmp_path / "router.json").write_text(json.dumps(route))
    words = [sys.executable, str(VTYSH), "--dir", str(tmp_path), "-c", "show bgp summary json"]
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == "--vty_socket /v --config_dir /c -d bgpd -c show bgp summary json\n"


def test_no_lab_is_a_router_that_does_not_answer(tmp_path: Path) -> None:
    words = [sys.executable, str(VTYSH), "--dir", str(tmp_path), "-c", "show version"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 255 and "Connection timed out" in done.stderr
