# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and judging what FRR 8.4.4 answers: the samples are its own words."""

from __future__ import annotations

import ipaddress
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.frr import live, state_command
from tests.unit.plugins.module_utils.frr import frr_samples as samples

NODE = "172.29.51.11"
SUMMARY = json.loads(
    """{"ipv4Unicast":{"routerId":"172.29.51.1","as":64513,"vrfId":0,"vrfName":"default","tableVersion":6,"ribCount":12,
    "peerCount":3,"peers":{"172.29.51.11":{"hostname":"mini01","remoteAs":64512,"localAs":64513,"version":4,"msgRcvd":9,
    "msgSent":11,"tableVersion":0,"outq":0,"inq":0,"peerUptime":"00:00:12","peerUptimeMsec":12000,
    "peerUptimeEstablishedEpoch":1795406385,"pfxRcd":3,"pfxSnt":1,"state":"Established","peerState":"OK",
    "connectionsEstablished":1,"connectionsDropped":0,"desc":"mini01","idType":"ipv4"}},"failedPeers":0,
    "displayedPeers":3,"totalPeers":3,"dynamicPeers":0,"bestPath":{"multiPathRelax":"true"}}}"""
)
TABLE = json.loads(
    """{"vrfId":0,"vrfName":"default","tableVersion":6,"routerId":"172.29.51.1","defaultLocPrf":100,"localAS":64513,
    "routes":{"172.29.52.100/32":[{"valid":true,"bestpath":true,"selectionReason":"Router ID","pathFrom":"external",
    "prefix":"172.29.52.100","prefixLen":32,"network":"172.29.52.100/32","version":2,"locPrf":200,"weight":0,
    "peerId":"172.29.51.11","path":"64512","origin":"incomplete","nexthops":[{"ip":"172.29.51.11","hostname":"mini01",
    "afi":"ipv4","used":true}]}],"172.29.0.0/18":[{"valid":true,"bestpath":true,"pathFrom":"external",
    "peerId":"(unspec)","path":"","weight":32768,"nexthops":[{"ip":"0.0.0.0","afi":"ipv4","used":true}]}]}}"""
)
SERVICE = ipaddress.ip_network("172.29.52.100/32")


class Answers:
    """Answers show commands out of a table."""

    def __init__(self, **changes: Any) -> None:
        peer = {**SUMMARY["ipv4Unicast"]["peers"][NODE], **changes}
        self.table = {
            "show bgp summary json": {"ipv4Unicast": {**SUMMARY["ipv4Unicast"], "peers": {NODE: peer}}},
            "show bgp ipv4 unicast json": TABLE,
            "show bgp neighbors json": {NODE: {"lastResetDueTo": "BGP Notification received"}},
        }

    def json(self, command: str) -> dict[str, Any]:
        return self.table.get(command, {})

    def json_all(self, commands: Sequence[str]) -> list[dict[str, Any]]:
        return [self.json(command) for command in commands]


def wanted(**more: Any) -> live.Wanted:
    return live.Wanted(((NODE, "ipv4 unicast"),), **more)


def test_an_accepted_route_is_seen() -> None:
    seen = live.read(Answers())
    assert live.missing(seen, wanted(minimum=3, prefixes=(live.Expected(SERVICE, (NODE,)),))) == []
    session = live.facts(seen)["neighbors"][0]
    assert (session["accepted_prefixes"], session["sent_prefixes"], session["up_seconds"]) == (3, 1, 12)
    assert seen.width("172.29.52.100/32") == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "Active"}, "is Active"),
        ({"state": "Idle (Admin)", "peerState": "Admin"}, r"Idle \(Admin\)"),
        ({"peerState": "Policy"}, "has no policy"),
        ({"peerState": "NSF passive"}, "NSF passive"),
        ({"pfxRcd": 2}, "2 accepted prefixes of at least 3"),
    ],
)
def test_what_is_missing_is_told(changes: dict[str, Any], words: str) -> None:
    found = live.missing(live.read(Answers(**changes)), wanted(minimum=3))
    assert len(found) == 1 and re.search(words, found[0])


def test_a_route_of_a_session_that_is_down_does_not_count() -> None:
    seen = live.read(Answers(state="Active"))
    assert live.missing(seen, live.Wanted(prefixes=(live.Expected(SERVICE),)))


def test_no_router_at_all_has_nothing() -> None:
    class Nothing(Answers):
        def json(self, command: str) -> dict[str, Any]:
            return {"warning": "Default BGP instance not found"} if "unicast" in command else {}

    seen = live.read(Nothing())
    assert live.facts(seen) == {"neighbors": [], "routes": []}
    assert "no neighbour" in live.missing(seen, wanted())[0]


def test_what_worked_must_work_again() -> None:
    before = live.read(Answers())
    again = live.kept(before, [NODE], ["172.29.52.100/32"])
    assert live.missing(before, again) == []
    assert len(live.missing(live.read(Answers(state="Active")), again)) == 2
    assert live.kept(before, [], []).sessions == ()


@pytest.mark.parametrize(
    ("uptime", "seconds", "shown"),
    [
        (5, 5.4, False),  # up for almost six seconds: it came up just before the write
        (5, 6.0, True),
        (60, 5.0, False),
        (2, 0.5, True),  # it was up for three before
    ],
)
def test_a_session_shows_a_restart_only_when_it_came_up_behind_the_write(
    uptime: int, seconds: float, shown: bool
) -> None:
    before = live.read(Answers(peerUptimeMsec=3000))
    assert live.restarted(live.read(Answers(peerUptimeMsec=1000 * uptime)), before, seconds) is shown


def test_behind_ssh_the_show_command_stays_one_word(tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps({{'words': sys.argv[1:]}}))\n")
    program.chmod(0o700)
    answer = state_command.Shell((str(program), "udm", "vtysh")).json("show bgp summary json")
    assert answer["words"] == ["udm", "vtysh", "-c", "'show bgp summary json'"]


def test_several_answers_come_from_one_run(tmp_path: Path) -> None:
    script, runs = tmp_path / "vtysh.py", tmp_path / "runs"
    script.write_text(
        f"import sys\nopen({str(runs)!r}, 'a').write('x')\n"
        "for word in sys.argv[2::2]:\n    print('' if word == 'silent' else '{\\n\"word\": \"%s\"}' % word)\n"
    )
    shell = state_command.Shell((sys.executable, str(script)))
    assert shell.json_all(["a", "b", "c"]) == [{"word": "a"}, {"word": "b"}, {"word": "c"}]
    assert runs.read_text() == "x"
    assert shell.json_all(["a", "silent", "c"]) == [{"word": "a"}, {}, {"word": "c"}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('no json')", "no JSON"),
        ("import sys; sys.exit('sh: 1: vtysh: not found')", "vtysh: not found"),
        ("import time; time.sleep(5)", "no answer within 0.5 s"),
    ],
)
def test_a_state_command_that_gives_no_state_is_told(tmp_path: Path, body: str, words: str) -> None:
    script = tmp_path / "vtysh.py"
    script.write_text(body)
    with pytest.raises(state_command.StateUnavailable, match=words):
        state_command.Shell((sys.executable, str(script)), timeout=0.5).json("show bgp summary json")


@pytest.mark.skipif(not samples.BGPD, reason="FRR is not installed")
def test_a_rejection_carries_the_programs_reason() -> None:
    held = "router bgp 1\n neighbor 10.0.0.1 peer-group NONE\n neighbor 10.0.0.2 timers 3 9\n"
    assert [(item.line, item.reason) for item in state_command.dry_run([str(samples.BGPD)], held)] == [
        (2, "Configure the peer-group first"),
        (3, "Specify remote-as or peer-group commands first"),
    ]
    among = state_command.dry_run([str(samples.BGPD)], held + " nonsense\n")
    assert {item.reason for item in among} == {
        "bgpd says: Configure the peer-group first, Specify remote-as or peer-group commands first"
    }
    assert samples.VTYSH
    assert state_command.dry_run([samples.VTYSH], held + " password s3cret x\n") == [
        state_command.Rejection(4, "vtysh", "Unknown command")
    ]


def test_a_dry_run_names_its_programs() -> None:
    with pytest.raises(state_command.FrrError, match="only vtysh and bgpd"):
        state_command.dry_run(["/usr/bin/vim"], "")
