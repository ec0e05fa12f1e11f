# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's modules against a small console and a stand-in for the router's vtysh."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.frr.errors import FrrError
from ansible_collections.homeops.cluster.plugins.module_utils.frr.state_command import StateUnavailable
from ansible_collections.homeops.cluster.plugins.module_utils.unifi import bgp_wait, session
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.bgp_config import ConcurrentEdit
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.transport import Door
from ansible_collections.homeops.cluster.plugins.modules import udm_bgp_info, udm_bgp_peer, udm_bgp_restore
from tests.unit.plugins.module_utils.frr import frr_samples as samples
from tests.unit.plugins.module_utils.unifi.unifi_console import KEY, Console

SECRET = "canary-md5-3f"


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    made = Console()

    def connect(params: Any, ctx: Context) -> Client:
        return Client(Door("127.0.0.1", made.port, plain=True, timeout=5), api_key=params["api_key"])

    monkeypatch.setattr(session, "connect", connect)
    monkeypatch.setattr(bgp_wait, "SETTLE", 0.3)
    yield made
    made.close()


def run(module: Any, ctx: Context | None = None, **given: Any) -> dict[str, Any]:
    rules = ("mutually_exclusive", "required_one_of")
    validator = ArgumentSpecValidator(
        module.SPEC["argument_spec"], **{key: module.SPEC[key] for key in rules if key in module.SPEC}
    )
    checked = validator.validate({"host": "udm", "api_key": KEY, **given})
    assert not checked.error_messages, checked.error_messages
    return module.run(checked.validated_parameters, ctx or Context(diff_mode=True))


def declare(**more: Any) -> dict[str, Any]:
    return {
        "name": "home-ops",
        "asn": 64513,
        "router_id": "172.29.51.1",
        "neighbors": [
            {"address": node, "remote_as": "64512", "description": f"mini0{number}", "password": SECRET}
            for number, node in enumerate(samples.NODES, start=1)
        ],
        "policies": {"ipv4": {"accept": [{"prefix": "172.29.52.0/24", "le": 32}], "maximum_paths": 3}},
        **more,
    }


def holding(console: Console, raw: str, **more: Any) -> None:
    console.document = {
        "_id": "id-0",
        "site_id": "site-1",
        "enabled": True,
        "frr_bgpd_config": raw,
        "uploaded_file_name": "mine.conf",
        "description": "by hand",
        "device_mac": "aa:bb",
        **more,
    }


def test_a_second_run_uploads_nothing(console: Console) -> None:
    first = run(udm_bgp_peer, **declare())
    assert (first["changed"], first["uploaded"], console.uploads) == (True, True, 1)
    assert first["checked"] == "stored text"
    second = run(udm_bgp_peer, **declare())
    assert (second["changed"], second["uploaded"], console.uploads) == (False, False, 1)
    assert second["checksum"] == first["checksum"]
    assert console.document is not None and console.document["enabled"] is True


def test_check_mode_shows_the_lines_that_the_run_then_changes(console: Console) -> None:
    holding(console, samples.fixture("le-missing"))
    dry = run(udm_bgp_peer, Context(check_mode=True, diff_mode=True), **declare())
    assert console.uploads == 0 and dry["changed"] and not dry["uploaded"]
    wet = run(udm_bgp_peer, **declare())
    assert console.uploads == 1
    assert dry["diff"] == wet["diff"] and dry["checksum"] == wet["checksum"]
    for result in (dry, wet):
        assert SECRET not in json.dumps(result) and "bgp-auth-password" not in json.dumps(result)
    after = run(udm_bgp_peer, Context(check_mode=True, diff_mode=True), **declare())
    assert after["diff"]["before"] == after["diff"]["after"] == wet["diff"]["after"]


def test_a_changed_password_shows_as_a_change(console: Console) -> None:
    run(udm_bgp_peer, **declare())
    other = declare()
    for neighbour in other["neighbors"]:
        neighbour["password"] = "canary-other"
    result = run(udm_bgp_peer, **other)
    assert result["changed"]
    assert result["diff"]["before"] != result["diff"]["after"]
    assert "canary" not in json.dumps(result)


def test_what_the_console_keeps_beside_the_text_is_sent_back(console: Console) -> None:
    holding(console, "hostname a\n", enabled=False)
    result = run(udm_bgp_peer, **declare())
    assert result["changed"]
    sent = next(body for method, _p, _h, body in console.seen if method == "POST")
    assert {key: sent[key] for key in ("_id", "description", "device_mac", "uploaded_file_name", "enabled")} == {
        "_id": "id-0",
        "description": "by hand",
        "device_mac": "aa:bb",
        "uploaded_file_name": "mine.conf",
        "enabled": True,
    }


def test_a_switched_off_configuration_is_switched_on(console: Console) -> None:
    run(udm_bgp_peer, **declare())
    assert console.document is not None
    console.document["enabled"] = False
    result = run(udm_bgp_peer, **declare())
    assert result["changed"] and console.document["enabled"] is True
    assert result["diff"]["before"] != result["diff"]["after"]


@pytest.mark.parametrize("name", ["policy-missing", "le-missing"])
def test_faults_of_others_are_warnings_with_their_lines(console: Console, name: str) -> None:
    holding(console, samples.fixture(name))
    ctx = Context()
    result = run(udm_bgp_peer, ctx, **declare())
    assert result["changed"]
    words = " ".join(ctx.warnings)
    assert "not managed here" in words
    shown = "fd47:25e1:2f96:51::11 has no in and no out policy" if name == "policy-missing" else "community-list"
    assert shown in words
    assert "bgp-auth-password" not in words


@pytest.mark.skipif(not samples.BGPD, reason="FRR is not installed")
@pytest.mark.parametrize("program", [samples.BGPD, samples.VTYSH])
def test_a_dry_run_tells_of_other_peoples_lines_only(console: Console, program: str) -> None:
    holding(console, samples.fixture("le-missing"))
    ctx = Context()
    run(udm_bgp_peer, ctx, validate_command=[program], **declare())
    rejected = next(text for text in ctx.warnings if text.startswith("FRR rejects"))
    assert rejected.count("line ") == 6
    assert console.uploads == 1


def test_a_declaration_that_refuses_what_it_expects_is_no_declaration(console: Console) -> None:
    with pytest.raises(FrrError, match=r"172\.29\.53\.1/32 from 172\.29\.51\.11 is refused") as caught:
        run(udm_bgp_peer, expected_prefixes=[{"prefix": "172.29.53.1/32"}], **declare())
    assert console.uploads == 0
    assert "Nothing was written" in str(caught.value)


def test_somebody_elses_change_is_planned_on_anew(console: Console) -> None:
    holding(console, "hostname a\n")
    reads = []

    def meddle(method: str, path: str) -> None:
        reads.append(method)
        if reads == ["GET", "GET"]:
            holding(console, "hostname b\n")

    console.before = meddle
    run(udm_bgp_peer, **declare())
    assert console.document is not None
    assert "hostname b" in console.document["frr_bgpd_config"]
    assert console.uploads == 1


def test_somebody_who_never_stops_stops_us(console: Console) -> None:
    count = iter(range(100))
    console.before = lambda method, path: holding(console, f"hostname h{next(count)}\n")
    with pytest.raises(ConcurrentEdit):
        run(udm_bgp_peer, **declare())
    assert console.uploads == 0


def test_every_replaced_configuration_is_kept_and_can_be_put_back(console: Console, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    earlier = samples.fixture("le-missing")
    holding(console, earlier)
    result = run(udm_bgp_peer, backup_dir=str(folder), **declare())
    path = Path(result["backup"])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert json.loads(path.read_text())["sha256"] == result["previous_checksum"]
    dry = run(udm_bgp_restore, Context(check_mode=True, diff_mode=True), src=str(path))
    assert dry["changed"] and console.uploads == 1 and "bgp-auth-password" not in json.dumps(dry)
    back = run(udm_bgp_restore, src=str(path), backup_dir=str(folder))
    assert back["changed"] and console.uploads == 2
    assert console.document is not None and console.document["frr_bgpd_config"] == earlier
    assert len(list(folder.iterdir())) == 2
    again = run(udm_bgp_restore, src=str(path), backup_dir=str(folder))
    assert not again["changed"] and console.uploads == 2
    newest = run(udm_bgp_restore, Context(check_mode=True), src=str(folder))
    assert newest["src"] == back["backup"]


def test_a_backup_that_was_changed_is_not_put_back(console: Console, tmp_path: Path) -> None:
    holding(console, "hostname a\n")
    path = Path(run(udm_bgp_restore, backup_dir=str(tmp_path))["backup"])
    assert run(udm_bgp_restore, backup_dir=str(tmp_path))["backup"] == str(path)
    document = json.loads(path.read_text())
    document["object"]["frr_bgpd_config"] = "hostname b\n"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="changed since it was written"):
        run(udm_bgp_restore, src=str(path))
    document["object"]["frr_bgpd_config"], document["host"] = "hostname a\n", "another"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="another host"):
        run(udm_bgp_restore, src=str(path))
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="no backup"):
        run(udm_bgp_restore, src=str(tmp_path / "other.json"))


def test_absent_takes_ours_and_leaves_the_rest(console: Console) -> None:
    holding(console, "hostname a\nrouter bgp 64513\n neighbor 10.0.0.1 remote-as 1\n")
    run(udm_bgp_peer, **declare())
    result = run(udm_bgp_peer, name="home-ops", asn=64513, state="absent")
    assert result["changed"] and console.document is not None
    left = console.document["frr_bgpd_config"]
    assert "172.29.51.11" not in left and "neighbor 10.0.0.1 remote-as 1" in left
    assert not run(udm_bgp_peer, name="home-ops", asn=64513, state="absent")["changed"]


def test_absent_of_nothing_writes_nothing(console: Console) -> None:
    assert not run(udm_bgp_peer, name="home-ops", asn=64513, state="absent")["changed"]
    assert console.document is None and console.uploads == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a b"}, "letters, digits"),
        ({"asn": 0}, "has to be 1 to 4294967295"),
        ({"router_id": "x"}, "no address"),
        ({"neighbors": [{"address": "10.0.0.1"}]}, "needs a remote_as"),
        ({"neighbors": [{"address": "mini01", "remote_as": "1"}]}, "no address"),
        ({"neighbors": [{"address": "10.0.0.1", "peer_group": "G"}]}, "not among peer_groups"),
        ({"neighbors": [{"address": "10.0.0.1", "remote_as": "1", "peer_group": "G"}]}, "silently"),
        (
            {"neighbors": [{"address": "fd00::1", "remote_as": "1"}, {"address": "FD00:0::1", "remote_as": "1"}]},
            "twice",
        ),
        ({"neighbors": [{"address": "10.0.0.1", "remote_as": "1", "hold": 9}]}, "together"),
        ({"neighbors": [{"address": "10.0.0.1", "remote_as": "1", "password": f"{SECRET} x"}]}, "one word"),
        ({"neighbors": [{"address": "10.0.0.1", "remote_as": "1", "families": ["ipv6"]}]}, "policies do not say"),
        ({"policies": {"ipv4": {"accept": [{"prefix": "10.0.0.1/24"}]}}}, "no network"),
        ({"policies": {"ipv4": {"accept": [{"prefix": "10.0.0.0/24", "le": 8}]}}}, "ge <= le"),
        ({"policies": {"ipv4": {"accept": [{"prefix": "fd00::/8"}]}}}, "not of IPv4"),
        ({"wait": True}, "state_command"),
    ],
)
def test_contradictions_are_told_before_anything_is_asked(console: Console, change: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run(udm_bgp_peer, **declare(**change))
    assert console.seen == []
    assert SECRET not in str(caught.value)


def test_info_judges_the_stored_text(console: Console) -> None:
    holding(console, samples.fixture("le-missing"))
    result = run(udm_bgp_info, expected_prefixes=[{"prefix": "172.29.52.200/32"}])
    assert result["checked"] == "stored text" and result["live"] == {}
    assert [(item["neighbor"], item["accepted"], item["line"]) for item in result["admission"]] == [
        (node, False, 108) for node in samples.NODES
    ]
    assert "lacks 'le 32'" in result["missing"][0]
    assert [fault["line"] for fault in result["faults"] if fault["id"] == "rejected"] == [124, 125, 141, 142, 145, 146]
    assert result["routers"][0]["asn"] == "64513"
    assert "bgp-auth-password" not in json.dumps(result)
    assert len(result["config"]["text"].splitlines()) == len(samples.fixture("le-missing").splitlines())


def test_info_of_nothing(console: Console) -> None:
    result = run(udm_bgp_info)
    assert not result["config"]["present"] and result["routers"] == []


class Router:
    """Answers for the router's vtysh out of a file, as a program that is really started."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.json"
        script = folder / "vtysh.py"
        script.write_text(
            "import json, sys\n"
            f"state = json.load(open({str(self.file)!r}))\n"
            "assert sys.argv[1] == '-c'\n"
            "if state is None:\n"
            "    sys.exit('Exiting: failed to connect to any daemons.')\n"
            "for command in sys.argv[2::2]:\n"
            "    if command.split()[1] in ('ip', 'ipv6') and command not in state:\n"
            "        sys.exit('zebra is not running')\n"
            "    print(json.dumps(state.get(command, {})))\n"
        )
        self.command = [sys.executable, str(script)]

    def shows(self, *nodes: str, uptime: int = 0, prefix: str = "172.29.52.200/32", **path: Any) -> None:
        peers = {
            node: {
                "state": "Established" if node in nodes else "Active",
                "peerState": "OK",
                "pfxRcd": 1 if node in nodes else 0,
                "peerUptimeMsec": uptime,
            }
            for node in samples.NODES
        }
        paths = [
            {"valid": True, "peerId": node, "multipath": True, "nexthops": [{"ip": node, "used": True}], **path}
            for node in nodes
        ]
        self._write(
            {
                "show bgp summary json": {"ipv4Unicast": {"peers": peers}},
                "show bgp ipv4 unicast json": {"routes": {prefix: paths}},
                "show bgp neighbors json": {
                    node: {"lastResetDueTo": "No AFI/SAFI activated for peer"} for node in samples.NODES
                },
            }
        )

    def adds(self, more: dict[str, Any]) -> None:
        self._write({**json.loads(self.file.read_text()), **more})

    def stops(self) -> None:
        self._write(None)

    def _write(self, state: Any) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self.file)


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(tmp_path)


EXPECTED = [{"prefix": "172.29.52.200/32", "neighbors": list(samples.NODES), "paths": 3}]


def test_established_and_accepted_is_what_counts(console: Console, router: Router) -> None:
    router.shows(*samples.NODES)
    result = run(
        udm_bgp_peer,
        **declare(state_command=router.command, wait=True, wait_timeout=5, expected_prefixes=EXPECTED),
    )
    assert result["checked"] == "sessions and routes"
    assert result["live"]["routes"][0]["paths"] == 3
    assert {item["state"] for item in result["live"]["neighbors"]} == {"Established"}


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
                state_command=router.command, wait=True, wait_for="kept", wait_timeout=2, backup_dir=str(tmp_path)
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
