# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's modules against a console that restarts a real bgpd, with real speakers on the nodes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.unifi import errors
from ansible_collections.homeops.cluster.plugins.modules import udm_bgp_info, udm_bgp_peer, udm_bgp_restore
from tests.harness.bgp import Router, until
from tests.harness.bgp_lab import router_options as options, state_command as vtysh, stored
from tests.harness.lab import CHECKOUT, Lab

FIXTURES = CHECKOUT / "tests" / "unit" / "fixtures" / "frr"
NODES = ("172.29.51.11", "172.29.51.12", "172.29.51.13")
PODS = "10.244.0.0/24"
Call = Callable[..., dict[str, Any]]


def uploads(lab: Lab) -> int:
    """How often a text reached the console."""
    console = lab.status()["console"]
    return int(console["uploads"])


@pytest.fixture(scope="module")
def announced(lab: Lab) -> list[str]:
    """The prefixes that the nodes announce and the router has accepted after the phase."""
    router = Router(lab.directory)

    def foreign() -> list[str]:
        return sorted(prefix for prefix, paths in router.routes().items() if any(path.get("path") for path in paths))

    until("routes from every node", lambda: all(router.accepted().get(node, 0) >= 1 for node in NODES))
    return foreign()


def test_the_phase_leaves_every_node_accepted(lab: Lab, call: Call, announced: list[str]) -> None:
    assert announced
    result = call(udm_bgp_info, state_command=vtysh(lab))
    assert {item["neighbor"] for item in result["live"]["neighbors"] if item["established"]} == set(NODES)
    assert [fault for fault in result["faults"] if fault["severity"] == "error"] == []


def test_a_second_run_neither_uploads_nor_bounces(lab: Lab, router: Router) -> None:
    before = {node: peer["connectionsEstablished"] for node, peer in router.peers().items()}
    count = uploads(lab)
    run = lab.play(playbook="playbooks/bgp.yml")
    assert run.rc == 0, run.output[-3000:]
    assert not {task for _host, task in run.changed if "router" in task.lower()}
    assert uploads(lab) == count
    assert {node: peer["connectionsEstablished"] for node, peer in router.peers().items()} == before


@pytest.mark.parametrize("name", ["policy-missing", "le-missing"])
def test_a_text_that_accepts_nothing_is_diagnosed_and_repaired(
    lab: Lab, router: Router, call: Call, announced: list[str], name: str, tmp_path: Path
) -> None:
    broken = (FIXTURES / f"{name}.conf").read_text()
    # The nodes have no password here: with one on this side only no session would come up, which is not the point.
    broken = "\n".join(line for line in broken.split("\n") if " password " not in line)
    assert router.upload(broken).status in (200, 201)
    until("three sessions", lambda: len(router.accepted()) == 3)
    time.sleep(6)  # a late policy takes effect after five seconds
    assert set(router.accepted().values()) == {0}
    told = call(udm_bgp_info, expected_prefixes=[{"prefix": "172.29.52.200/32"}], state_command=vtysh(lab))
    words = json.dumps(told["faults"])
    assert ("no in and no out policy" if name == "policy-missing" else "without 'le 32'") in words
    assert words.count('"rejected"') == (0 if name == "policy-missing" else 6)
    wanted = [{"prefix": prefix} for prefix in announced]
    dry = call(udm_bgp_peer, Context(check_mode=True, diff_mode=True), **options())
    result = call(
        udm_bgp_peer,
        **options(),
        wait=True,
        wait_timeout=60,
        state_command=vtysh(lab),
        expected_prefixes=wanted,
        backup_dir=str(tmp_path),
    )
    assert dry["diff"] == result["diff"]
    assert result["checked"] == "sessions and routes"
    assert all(count >= 1 for count in router.accepted().values())
    assert stored(router) == result["diff"]["after"]
    kept = [line for line in broken.splitlines() if not any(node in line for node in NODES) and "router-id" not in line]
    rest = iter(stored(router).splitlines())
    assert all(line in rest for line in kept)
    assert not call(udm_bgp_peer, **options())["changed"]
    back = call(udm_bgp_restore, src=result["backup"])
    assert back["changed"] and stored(router) == broken


def test_what_breaks_a_session_is_taken_back(lab: Lab, router: Router, call: Call, tmp_path: Path) -> None:
    call(udm_bgp_peer, **options(), state="exact", wait=True, wait_timeout=60, state_command=vtysh(lab))
    good = stored(router)
    lab.console_fault(session_down_after_change=["mini02"])
    changed = options()
    changed["policies"]["ipv4"]["local_preference"] = 300
    with pytest.raises(HomeopsError) as caught:
        call(
            udm_bgp_peer,
            **changed,
            wait=True,
            wait_for="kept",
            wait_timeout=12,
            state_command=vtysh(lab),
            backup_dir=str(tmp_path),
        )
    assert stored(router) == good
    assert caught.value.facts["rolled_back"] is True
    assert "172.29.51.12" in caught.value.facts["reports"]["after_change"]
    assert "works again" in caught.value.facts["reports"]["after_rollback"]


def preferring(value: int) -> dict[str, Any]:
    """The home model's declaration with another local preference, and a wait for what worked before."""
    changed = options()
    changed["policies"]["ipv4"]["local_preference"] = value
    return {**changed, "wait": True, "wait_for": "kept"}


def runs(router: Router, value: int) -> bool:
    """Whether the daemon runs that preference."""
    return f"set local-preference {value}" in router.vtysh("show running-config").stdout


def test_an_upload_that_comes_late_is_waited_for(lab: Lab, router: Router, call: Call) -> None:
    call(udm_bgp_peer, **options(), state="exact", wait=True, wait_timeout=60, state_command=vtysh(lab))
    lab.console_fault(slow_apply=5)
    ctx = Context()
    result = call(udm_bgp_peer, ctx, **preferring(310), wait_timeout=60, state_command=vtysh(lab))
    assert result["checked"] == "sessions and routes"
    assert not any("did not show" in text for text in ctx.warnings)
    assert runs(router, 310)


def test_an_upload_that_is_lost_is_not_called_proven(lab: Lab, router: Router, call: Call) -> None:
    call(udm_bgp_peer, **options(), state="exact", wait=True, wait_timeout=60, state_command=vtysh(lab))
    lab.console_fault(apply_lost=True)
    ctx = Context()
    result = call(udm_bgp_peer, ctx, **preferring(320), wait_timeout=3, state_command=vtysh(lab))
    assert result["checked"] == "stored text" and not runs(router, 320)
    assert "did not show that it runs it" in ctx.warnings[-1]
    assert "local-preference 320\n" in stored(router)
    lab.heal()
    assert router.upload(stored(router)).status == 200
    until("the stored text in force", lambda: runs(router, 320))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"unsupported_device": True}, errors.UnsupportedDevice),
        ({"key_revoked": True}, errors.LoginFailed),
        ({"no_permission": True}, errors.NoPermission),
        ({"reject_text": True}, errors.UnifiError),
        ({"html_error": 1}, errors.UnifiError),
        ({"drop_connection": "lost"}, errors.Unreachable),
    ],
)
def test_a_refusal_changes_nothing(lab: Lab, router: Router, call: Call, fault: Any, kind: type) -> None:
    before, changed = stored(router), options()
    changed["policies"]["ipv4"]["local_preference"] = 111
    lab.console_fault(**fault)
    with pytest.raises(kind) as caught:
        call(udm_bgp_peer, **changed)
    assert caught.value.__class__ is kind
    lab.heal()
    assert stored(router) == before


@pytest.mark.parametrize(
    ("preference", "fault"),
    [
        (151, {"drop_connection": "stored"}),
        (152, {"status": 204}),
        (153, {"status": 202}),
        (154, {"concurrent_edit": 1}),
    ],
)
def test_a_detour_ends_where_it_should(lab: Lab, router: Router, call: Call, preference: int, fault: Any) -> None:
    changed = options()
    changed["policies"]["ipv4"]["local_preference"] = preference
    lab.console_fault(**fault)
    assert call(udm_bgp_peer, **changed)["changed"]
    lab.heal()
    assert f"local-preference {preference}\n" in stored(router)
    assert ("edited by somebody else" in stored(router)) == ("concurrent_edit" in fault)
    assert not call(udm_bgp_peer, **changed)["changed"]


@pytest.mark.parametrize(
    "fault", [{"session_expired": 2}, {"login_throttled": 1, "retry_after": "1"}, {"login_silent": 1}]
)
def test_an_account_survives_what_consoles_do_to_it(lab: Lab, router: Router, call: Call, fault: Any) -> None:
    account = {"username": router.record["username"], "password": router.record["password"], "api_key": None}
    changed = options()
    changed["policies"]["ipv4"]["local_preference"] = 400 + len(str(fault))
    lab.console_fault(**fault)
    assert call(udm_bgp_peer, **changed, **account)["changed"]
    assert not call(udm_bgp_peer, **changed, **account)["changed"]


def test_an_account_with_a_second_factor_is_told(lab: Lab, router: Router, call: Call) -> None:
    lab.console_fault(mfa_required=True)
    account = {"username": router.record["username"], "password": router.record["password"], "api_key": None}
    with pytest.raises(errors.MfaRequired, match="API key"):
        call(udm_bgp_info, **account)


def test_a_wrong_password_is_no_missing_right(router: Router, call: Call) -> None:
    with pytest.raises(errors.LoginFailed, match="Check the user name and the password") as caught:
        call(udm_bgp_info, username=router.record["username"], password="wrong", api_key=None)
    assert caught.value.param == "password"


def test_the_playbooks_keep_and_restore(lab: Lab, router: Router, call: Call) -> None:
    kept = lab.play(playbook="playbooks/bgp_backup.yml")
    assert kept.rc == 0 and not kept.changed, kept.output[-2000:]
    before, changed = stored(router), options()
    changed["policies"]["ipv4"]["local_preference"] = 777
    call(udm_bgp_peer, **changed)
    assert stored(router) != before
    assert lab.play("--check", "--diff", playbook="playbooks/bgp_restore.yml").rc == 0
    assert stored(router) != before
    for changes in (1, 0):
        # A second time changes nothing: what the first one replaced is kept, but not put back.
        run = lab.play(playbook="playbooks/bgp_restore.yml")
        assert (run.rc, len(run.changed)) == (0, changes), run.output[-2000:]
        assert stored(router) == before
