# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's modules against a small console and a stand-in for the router's vtysh."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import (
    InputError,
)
from ansible_collections.homeops.cluster.plugins.module_utils.frr import state_command
from ansible_collections.homeops.cluster.plugins.module_utils.frr.errors import FrrError
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.bgp_config import ConcurrentEdit
from ansible_collections.homeops.cluster.plugins.modules import udm_bgp_info, udm_bgp_peer, udm_bgp_restore
from tests.unit.plugins.module_utils.frr import frr_samples as samples
from tests.unit.plugins.module_utils.unifi.unifi_console import Console
from tests.unit.plugins.modules.udm_bgp_stand_in import (
    SECRET,
    connected,
    declare,
    holding,
    run,
)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    with connected(monkeypatch) as made:
        yield made


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


@pytest.mark.skipif(not (samples.BGPD and samples.VTYSH), reason="FRR is not installed")
def test_what_is_at_hand_of_frr_is_asked_before_an_upload_only(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ordinary = state_command.dry_run

    def dry_run(argv: Any, text: str) -> Any:
        asked.append(Path(argv[-1]).name)
        return ordinary(argv, text)

    monkeypatch.setattr(state_command, "dry_run", dry_run)
    # A line of another daemon is none of bgpd's, and no fault of the router's text.
    holding(console, "ip forwarding\nhostnam\n")
    ctx = Context()
    run(udm_bgp_peer, ctx, validate_command=["auto"], **declare())
    assert asked == ["vtysh", "bgpd"]
    told = next(text for text in ctx.warnings if text.startswith("FRR rejects"))
    assert "'hostnam' (" in told and "ip forwarding" not in told
    run(udm_bgp_peer, validate_command=["auto"], **declare())
    assert len(asked) == 2


def test_a_controller_without_frr_goes_on_without(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_command, "_PLACES", {"vtysh": ("/nowhere/vtysh",)})
    monkeypatch.setattr(state_command.shutil, "which", lambda name: None)
    assert run(udm_bgp_peer, validate_command=["auto"], **declare())["changed"]


def test_a_rejected_line_of_ours_is_told_with_frrs_reason(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def dry_run(argv: Any, text: str) -> Any:
        (number,) = (
            n for n, line in enumerate(text.splitlines(), 1) if line.endswith("address prefix-list HOME-OPS-V4-IN")
        )
        return [state_command.Rejection(number, "bgpd", "Configure the peer-group first")]

    monkeypatch.setattr(state_command, "dry_run", dry_run)
    with pytest.raises(FrrError, match=r"is rejected \(Configure the peer-group first\)") as caught:
        run(udm_bgp_peer, validate_command=["/usr/bin/vtysh"], **declare())
    assert caught.value.param == "validate_command" and "block home-ops of router bgp 64513" in str(caught.value)
    assert console.uploads == 0


def test_another_description_is_a_change_of_its_own(console: Console) -> None:
    run(udm_bgp_peer, **declare())
    assert not run(udm_bgp_peer, **declare())["changed"]
    long = "the nodes " * 20
    result = run(udm_bgp_peer, description=long, **declare())
    assert result["changed"] and result["diff"]["before"] != result["diff"]["after"]
    assert console.document is not None and console.document["description"] == long[:128]
    assert not run(udm_bgp_peer, description=long, **declare())["changed"]
    assert not run(udm_bgp_peer, **declare())["changed"] and console.uploads == 2


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
    assert newest["src"] == str(path) and not newest["changed"]


def test_a_restore_of_the_newest_does_not_undo_itself(console: Console, tmp_path: Path) -> None:
    given = {"src": str(tmp_path), "backup_dir": str(tmp_path)}
    with pytest.raises(InputError, match="holds no backup"):
        run(udm_bgp_restore, **given)
    holding(console, "hostname good\n")
    kept = run(udm_bgp_restore, backup_dir=str(tmp_path))["backup"]
    holding(console, "hostname broken\n")
    first = run(udm_bgp_restore, **given)
    assert first["changed"] and first["src"] == kept and first["backup"] not in ("", kept)
    second = run(udm_bgp_restore, **given)
    assert not second["changed"] and second["src"] == kept
    assert console.document is not None and console.document["frr_bgpd_config"] == "hostname good\n"
    # By its name what was replaced can be had back; and what is kept on purpose counts again.
    assert run(udm_bgp_restore, src=first["backup"], backup_dir=str(tmp_path))["changed"]
    again = run(udm_bgp_restore, backup_dir=str(tmp_path))["backup"]
    assert run(udm_bgp_restore, Context(check_mode=True), src=str(tmp_path))["src"] == again
    os.unlink(again)
    os.unlink(kept)
    with pytest.raises(InputError, match="apart from what a restore has replaced"):
        run(udm_bgp_restore, **given)


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
