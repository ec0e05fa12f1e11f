# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's modules and what the routing daemon really does: waits, proofs, and what is taken back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import (
    HomeopsError,
    WaitTimeout,
)
from ansible_collections.homeops.cluster.plugins.module_utils.frr import live
from ansible_collections.homeops.cluster.plugins.module_utils.frr.state_command import StateUnavailable
from ansible_collections.homeops.cluster.plugins.module_utils.unifi import bgp_plan
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.bgp_config import Stored
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.errors import UnifiError
from ansible_collections.homeops.cluster.plugins.modules import udm_bgp_info, udm_bgp_peer, udm_bgp_restore
from tests.unit.plugins.module_utils.frr import frr_samples as samples
from tests.unit.plugins.module_utils.unifi.unifi_console import BGP, Console
from tests.unit.plugins.modules.udm_bgp_stand_in import (
    EXPECTED,
    SECRET,
    Router,
    connected,
    declare,
    holding,
    run,
    without_password,
)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    with connected(monkeypatch) as made:
        yield made


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(tmp_path)


def test_established_and_accepted_is_what_counts(console: Console, router: Router) -> None:
    router.shows(*samples.NODES)
    result = run(
        udm_bgp_peer,
        **declare(state_command=router.command, wait=True, wait_timeout=5, expected_prefixes=EXPECTED),
    )
    assert result["checked"] == "sessions and routes"
    assert result["live"]["routes"][0]["paths"] == 3
    assert {item["state"] for item in result["live"]["neighbors"]} == {"Established"}


@pytest.mark.parametrize(
    ("stored", "why"), [("le-missing", "lacks 'le 32'"), ("", "172.29.52.200/32: it has no neighbour")]
)
def test_what_the_stored_text_never_accepts_is_not_waited_for(
    console: Console, router: Router, stored: str, why: str
) -> None:
    if stored:
        holding(console, samples.fixture(stored))
    router.shows()
    given = {"state_command": router.command, "wait": True, "wait_timeout": 3, "expected_prefixes": EXPECTED}
    with pytest.raises(HomeopsError, match="the stored text does not accept") as caught:
        run(udm_bgp_info, **given)
    assert why in str(caught.value)
    assert caught.value.facts["missing"]
    # A route that is there all the same is right, whatever the text seems to say.
    router.shows(*samples.NODES)
    assert run(udm_bgp_info, **given)["missing"] == []


def test_stale_routes_do_not_count(console: Console, router: Router) -> None:
    router.shows(*samples.NODES, stale=True)
    run(udm_bgp_peer, **declare())
    with pytest.raises(HomeopsError, match="only a stale route"):
        run(
            udm_bgp_peer,
            **declare(state_command=router.command, wait=True, wait_timeout=1, expected_prefixes=EXPECTED),
        )
    # Nothing was changed by that run, so nothing is taken back.
    assert console.uploads == 1


def test_what_does_not_work_in_time_is_taken_back(console: Console, router: Router, tmp_path: Path) -> None:
    earlier = samples.fixture("policy-missing")
    holding(console, earlier)
    router.shows("172.29.51.11", "172.29.51.12", uptime=9_000_000)

    def lose(method: str, path: str) -> None:
        if method == "POST":
            router.shows("172.29.51.11") if console.uploads == 0 else router.shows("172.29.51.11", "172.29.51.12")

    console.before = lose
    with pytest.raises(HomeopsError) as caught:
        run(
            udm_bgp_peer,
            **declare(
                neighbors=without_password(),
                state_command=router.command,
                wait=True,
                wait_for="kept",
                wait_timeout=2,
                backup_dir=str(tmp_path),
            ),
        )
    assert console.document is not None and console.document["frr_bgpd_config"] == earlier
    assert console.uploads == 2
    facts = caught.value.facts
    assert facts["rolled_back"] is True
    assert "172.29.51.12 ipv4 unicast is Active" in facts["reports"]["after_change"]
    assert "works again" in facts["reports"]["after_rollback"]
    assert "put back" in str(caught.value) and SECRET not in str(caught.value)


def test_what_was_the_first_configuration_is_removed_when_it_does_not_work(console: Console, router: Router) -> None:
    router.stops()
    with pytest.raises(HomeopsError, match="failed to connect"):
        run(udm_bgp_peer, **declare(state_command=router.command, wait=True, wait_timeout=1))
    assert console.document is None


@pytest.mark.parametrize(
    "change",
    [{"password": "canary-other"}, {"remote_as": "64600"}, {"shutdown": True}, {"password": None}],
    ids=["password", "as", "shutdown", "none"],
)
def test_what_needs_the_far_end_is_not_waited_for(console: Console, router: Router, change: dict[str, Any]) -> None:
    run(udm_bgp_peer, **declare())
    before = console.document
    router.shows(*samples.NODES, uptime=9_000_000)
    mine = declare()["neighbors"]
    mine[0].update(change)

    def lose(method: str, path: str) -> None:
        # Who got another password is lost until the cluster has it too; the others are back after the restart.
        if method == "POST":
            router.shows(*samples.NODES[1:])

    console.before = lose
    result = run(
        udm_bgp_peer,
        **declare(neighbors=mine, state_command=router.command, wait=True, wait_for="kept", wait_timeout=2),
    )
    assert result["not_awaited"] == ["172.29.51.11"]
    assert result["checked"] == "sessions and routes"
    assert console.document != before and console.uploads == 2
    assert "canary" not in json.dumps(result)


def test_what_a_group_or_a_range_needs_of_the_far_end_is_not_waited_for_either() -> None:
    def text(secret: str) -> str:
        return (
            f"router bgp 64513\n neighbor G peer-group\n neighbor G remote-as 64512\n neighbor G password {secret}\n"
            " neighbor 10.0.0.1 peer-group G\n neighbor 10.0.0.2 remote-as 9\n"
            " bgp listen range 10.9.0.0/16 peer-group G\n"
        )

    names = {"10.0.0.1": False, "10.0.0.2": False, "10.9.0.5": True}
    seen = live.Live(
        {
            (name, "ipv4 unicast"): live.Session(name, "ipv4 unicast", "Established", "OK", 1, 1, 9.0, dynamic)
            for name, dynamic in names.items()
        }
    )
    made = bgp_plan.Plan(Stored({"frr_bgpd_config": text("a")}), text("b"), True, (), frozenset(), frozenset())
    assert bgp_plan.far_end_first(made, seen) == {"10.0.0.1", "10.9.0.5"}
    assert {key[0] for key in bgp_plan.still_wanted(made, seen).sessions} == {"10.0.0.2"}


def kept_run(console: Console, router: Router, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
    """Change what passes, with a wait for what worked before."""
    policies = {"ipv4": {"accept": [{"prefix": "172.29.52.0/24", "le": 32}], "local_preference": 300}}
    given = {"state_command": router.command, "wait": True, "wait_for": "kept", "wait_timeout": 3, **more}
    return run(udm_bgp_peer, ctx, **declare(policies=policies, **given))


def test_an_upload_that_the_router_never_takes_is_not_called_proven(console: Console, router: Router) -> None:
    run(udm_bgp_peer, **declare())
    router.shows(*samples.NODES, uptime=9_000_000)
    ctx = Context()
    result = kept_run(console, router, ctx, wait_timeout=1)
    assert result["changed"] and result["checked"] == "stored text"
    assert any("did not show that it runs it" in text for text in ctx.warnings)
    # Nothing to take back: nothing is missing, and a second run has nothing to write.
    assert console.uploads == 2
    assert kept_run(console, router)["checked"] == "sessions and routes"


@pytest.mark.parametrize("shows", ["sessions", "text"])
def test_a_slow_upload_is_waited_for(console: Console, router: Router, shows: str) -> None:
    run(udm_bgp_peer, **declare())
    router.shows(*samples.NODES, uptime=9_000_000)

    def later() -> None:
        router.shows(*samples.NODES) if shows == "sessions" else router.runs("router bgp 64513")

    timer = threading.Timer(1.5, later)

    def post(method: str, path: str) -> None:
        if method == "POST":
            timer.start()

    console.before = post
    ctx = Context()
    assert kept_run(console, router, ctx, wait_timeout=20)["checked"] == "sessions and routes"
    assert timer.finished.is_set() and ctx.warnings == []


def test_a_vtysh_that_goes_away_after_the_upload_is_waited_for_and_told(console: Console, router: Router) -> None:
    run(udm_bgp_peer, **declare())
    router.shows(*samples.NODES, uptime=9_000_000)
    earlier = console.document

    def post(method: str, path: str) -> None:
        if method == "POST":
            router.ends_with(127)

    console.before = post
    with pytest.raises(HomeopsError, match="it ended with 127") as caught:
        kept_run(console, router, wait_timeout=1)
    assert caught.value.facts["rolled_back"] is True and console.document == earlier
    router.shows(*samples.NODES, uptime=9_000_000)
    with pytest.raises(WaitTimeout) as without:
        kept_run(console, router, wait_timeout=1, rollback=False)
    assert without.value.param == "state_command" and "Run it by hand" in without.value.remedy
    assert without.value.facts["changed"] is True


def test_an_error_after_the_write_says_what_was_done(console: Console, tmp_path: Path) -> None:
    holding(console, "hostname a\n")
    console.before = lambda method, path: (
        console.script.update({f"GET {BGP}": [(502, b"", {})]}) if method == "POST" else None
    )
    with pytest.raises(UnifiError) as caught:
        run(udm_bgp_peer, backup_dir=str(tmp_path), **declare())
    assert caught.value.facts["changed"] is True and caught.value.facts["uploaded"] is True
    assert Path(caught.value.facts["backup"]).exists()
    with pytest.raises(UnifiError) as restored:
        run(udm_bgp_restore, src=caught.value.facts["backup"], backup_dir=str(tmp_path))
    assert restored.value.facts["changed"] is True and Path(restored.value.facts["backup"]).exists()
    console.before = lambda method, path: None
    holding(console, "hostname a\n")
    console.script[f"POST {BGP}"] = [(403, {"code": "api.err.NoPermission"}, {})]
    with pytest.raises(UnifiError) as refused:
        run(udm_bgp_peer, **declare())
    assert refused.value.facts["changed"] is False


def test_no_rollback_when_it_is_not_wanted(console: Console, router: Router) -> None:
    router.shows()
    with pytest.raises(HomeopsError, match="Active"):
        run(udm_bgp_peer, **declare(state_command=router.command, wait=True, wait_timeout=1, rollback=False))
    assert console.document is not None


def test_a_dead_state_command_stops_a_change_before_it_is_made(console: Console, router: Router) -> None:
    holding(console, "hostname a\n")
    router.stops()
    with pytest.raises(StateUnavailable, match="failed to connect to any daemons"):
        run(udm_bgp_peer, **declare(state_command=router.command, wait=True))
    with pytest.raises(StateUnavailable, match="No such file"):
        run(udm_bgp_peer, **declare(state_command=["/nowhere/vtysh"], wait=True))
    assert console.uploads == 0


def test_info_tells_what_the_daemon_does(console: Console, router: Router) -> None:
    router.shows("172.29.51.11")
    result = run(udm_bgp_info, state_command=router.command, expected_prefixes=EXPECTED)
    assert result["checked"] == "sessions and routes"
    assert result["missing"] == ["172.29.52.200/32 is not accepted from 172.29.51.12, 172.29.51.13"]
    router.stops()
    ctx = Context()
    assert run(udm_bgp_info, ctx, state_command=router.command, tolerate_no_state=True)["checked"] == "stored text"
    assert "Only the stored text" in ctx.warnings[0]
    with pytest.raises(StateUnavailable):
        run(udm_bgp_info, state_command=router.command)


def test_info_tells_what_the_kernel_has(console: Console, router: Router) -> None:
    router.shows(*samples.NODES)
    unasked = run(udm_bgp_info, state_command=router.command, expected_prefixes=EXPECTED)
    assert unasked["missing"] == []
    assert unasked["live"]["kernel"]["asked"] is False and "zebra is not running" in unasked["live"]["kernel"]["reason"]
    hops = [{"ip": node, "afi": "ipv4", "active": True, "fib": node != "172.29.51.12"} for node in samples.NODES]
    table = {"172.29.52.200/32": [{"selected": True, "installed": True, "nexthops": hops}]}
    router.adds({"show ip route bgp json": table, "show ipv6 route bgp json": {}})
    asked = run(udm_bgp_info, state_command=router.command, expected_prefixes=EXPECTED)
    assert asked["missing"] == ["172.29.52.200/32 is accepted and its next hops 172.29.51.12 are not installed"]
    (route,) = asked["live"]["routes"]
    assert route["not_installed"] == ["172.29.51.12"] and asked["live"]["kernel"] == {"asked": True, "reason": ""}


def test_an_ipv4_mapped_next_hop_is_no_route(console: Console, router: Router) -> None:
    router.shows("172.29.51.11", nexthops=[{"ip": "::ffff:172.29.51.11", "used": True}])
    result = run(udm_bgp_info, state_command=router.command, expected_prefixes=[{"prefix": "172.29.52.200/32"}])
    assert "no kernel installs" in result["missing"][0]
