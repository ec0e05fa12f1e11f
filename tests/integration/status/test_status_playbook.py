# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a whole lab: all of it stands, then a node hangs, a volume is degraded, and an API server is slow."""

from __future__ import annotations

import json
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.harness.lab import CHECKOUT, Lab, Run

PLAYBOOK = "playbooks/status.yml"
SCHEMA = json.loads((CHECKOUT / "docs" / "status.schema.json").read_text(encoding="utf-8"))
AREAS = SCHEMA["properties"]["findings"]["items"]["properties"]["area"]["enum"]
NAMES = ["mini01", "mini02", "mini03"]


@pytest.fixture(scope="module")
def lab(standing: Lab) -> Lab:
    return standing


@pytest.fixture
def healed(lab: Lab) -> Iterator[Lab]:
    """The lab, and no fault afterwards."""
    yield lab
    lab.heal()


def status(lab: Lab, *words: str, **variables: Any) -> tuple[Run, dict[str, Any]]:
    """Run the playbook; return the run and the report that it wrote."""
    dest = lab.home / "status.json"
    dest.unlink(missing_ok=True)
    given = {f"cluster_report_{name}": value for name, value in {"dest": str(dest), **variables}.items()}
    run = lab.play(*words, "-e", json.dumps(given), playbook=PLAYBOOK)
    report = json.loads(dest.read_text(encoding="utf-8")) if dest.exists() else {}
    if report:
        jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)
    return run, report


def area(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in report["areas"] if one["name"] == name)


def history(lab: Lab) -> Path:
    return lab.controller / "status-history.jsonl"


def test_a_whole_cluster_stands_in_every_area(lab: Lab) -> None:
    history(lab).unlink(missing_ok=True)
    before = lab.writes()
    page = lab.home / "status.html"
    run, report = status(lab, page_dest=str(page))
    assert run.rc == 0, run.output
    assert {one["name"]: one["state"] for one in report["areas"]} == dict.fromkeys(AREAS, "ok"), report["findings"]
    assert (report["worst"], report["findings"]) == ("ok", [])
    assert {one["state"] for one in report["sources"]} == {"answered"}
    assert "everything stands" in run.output
    # Every node is as the model declares it, and what each system holds is in its rows.
    assert [(row["name"], row["model"], row["drift"]) for row in area(report, "nodes")["rows"]] == [
        (name, "as declared", []) for name in NAMES
    ]
    assert sorted(row["role"] for row in area(report, "etcd")["rows"]) == ["leader", "voter", "voter"]
    doors = [row["name"] for row in area(report, "kubernetes")["rows"] if row["kind"] == "API"]
    assert doors == ["vip", *NAMES]
    kinds = {row["kind"] for row in area(report, "storage")["rows"]}
    assert kinds == {"disk", "volume", "backup target"}
    assert {row["kind"] for row in area(report, "certificates")["rows"]} == {
        "Certificate",
        "client",
        "Talos API",
        "Kubernetes API",
    }
    assert [row["state"] for row in area(report, "services")["rows"]] == ["ok"] * 6
    # Nothing was written anywhere but on the controller.
    assert lab.writes() == before
    assert run.changed == set()
    text = page.read_text(encoding="utf-8")
    assert all(f"<b>{name}</b>" in text for name in AREAS)
    assert "<script" not in text
    assert stat.S_IMODE(history(lab).stat().st_mode) == 0o600
    (line,) = history(lab).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["areas"] == dict.fromkeys(AREAS, "ok")


def test_a_node_that_hangs_is_named_with_its_timeout_and_every_other_row_is_whole(healed: Lab) -> None:
    lab = healed
    lab.fault("mini02", "delay", '{"*": 600}')
    run, report = status(lab, timeouts={"talos": 10}, history_length=2)
    assert run.rc != 0
    (failure,) = run.failures
    assert "nodes: mini02: no answer within 10 s" in failure.msg
    assert "Traceback" not in run.output
    late = [one for one in report["sources"] if one["state"] != "answered"]
    assert [(one["name"], one["state"], one["timeout"]) for one in late] == [("talos:mini02", "timeout", 10.0)]
    assert {(one["severity"], one["area"], one["subject"]) for one in report["findings"]} == {
        ("critical", "nodes", "mini02"),
        ("critical", "etcd", "mini02"),
    }
    rows = {row["name"]: row for row in area(report, "nodes")["rows"]}
    assert rows["mini02"]["mode"] == "unreachable"
    assert all(rows[name]["ready"] and rows[name]["drift"] == [] for name in ("mini01", "mini03"))
    members = {row["name"]: row["role"] for row in area(report, "etcd")["rows"]}
    assert members.pop("mini02") == "-"
    assert sorted(members.values())[-1] == "voter"
    assert {one["state"] for one in report["areas"] if one["name"] not in ("nodes", "etcd")} == {"ok"}
    # What stood before still stands since then; what broke has done so now.
    first, last = (json.loads(line) for line in history(lab).read_text(encoding="utf-8").splitlines())
    assert (first["worst"], last["worst"]) == ("ok", "critical")
    assert area(report, "flux")["since"] == first["at"]
    assert area(report, "nodes")["since"] == last["at"] == report["made"]
    size = next(one for one in report["trends"] if one["name"] == "etcd_db_size")
    assert (size["since"], size["before"]) == (first["at"], first["values"]["etcd_db_size:etcd"])


def test_which_severity_fails_is_the_users_choice_and_a_tag_asks_one_area(healed: Lab) -> None:
    lab = healed
    lab.fault("platform", '{"volume_degraded": ["monitoring/kube-prometheus-stack-grafana"]}')
    run, report = {}, {}  # type: ignore[var-annotated]
    for _look in range(30):
        run, report = status(lab, "-t", "storage")
        if report["worst"] != "ok":
            break
    assert run.rc == 0, run.output
    assert (report["worst"], [one["name"] for one in report["areas"]]) == ("warning", ["storage"])
    assert [(one["severity"], one["subject"]) for one in report["findings"]] == [
        ("warning", "volume monitoring/kube-prometheus-stack-grafana")
    ]
    assert [one["name"] for one in report["sources"]] == ["longhorn"]
    run, report = status(lab, "-t", "storage", fail_on="warning")
    assert run.rc != 0
    assert "is degraded" in run.failures[0].msg


def test_a_limit_asks_one_node_and_shows_what_nodes_are_in(lab: Lab) -> None:
    run, report = status(lab, "--limit", "mini02")
    assert run.rc == 0, run.output
    assert report["nodes"] == ["mini02"]
    assert [one["name"] for one in report["areas"]] == ["nodes", "etcd", "kubernetes", "cilium", "bgp", "storage"]
    assert [one["name"] for one in report["sources"] if one["name"].startswith(("talos:", "api:"))] == [
        "api:vip",
        "api:mini02",
        "talos:mini02",
    ]
    for name in ("nodes", "etcd"):
        assert [row["name"] for row in area(report, name)["rows"]] == ["mini02"]
    assert {row["node"] for row in area(report, "bgp")["rows"]} == {"mini02"}
    assert {row["name"].partition("/")[0] for row in area(report, "storage")["rows"] if row["kind"] == "disk"} == {
        "mini02"
    }


def test_a_system_that_does_not_answer_is_critical_and_no_secret_is_told(healed: Lab) -> None:
    lab = healed
    console = json.loads((lab.directory / "console.json").read_text(encoding="utf-8"))
    token = json.loads((lab.directory / "authentik.json").read_text(encoding="utf-8"))["token"]
    lab.fault("authentik", '{"starting": 600}')
    run, report = status(lab, "-t", "identity,pools", "-vvv", timeouts={"identity": 10})
    assert run.rc != 0
    assert {one["name"]: one["state"] for one in report["areas"]} == {"pools": "ok", "identity": "unknown"}
    assert [(one["severity"], one["area"]) for one in report["findings"]] == [("critical", "identity")]
    for secret in (token, console["api_key"], console["password"]):
        assert secret not in run.output


def test_a_tag_that_is_no_area_is_refused(lab: Lab) -> None:
    run, report = status(lab, "-t", "ectd")
    assert run.rc != 0
    assert report == {}
    assert "Got no match for: ectd" in run.failures[0].msg


def test_verify_looks_again_while_a_login_is_on_its_way(healed: Lab) -> None:
    """The outpost comes back while a run waits for it; without a wait the first look is the last word."""
    healed.fault("authentik", '{"outpost_down": true}')
    once = healed.play(playbook="playbooks/verify.yml")
    assert once.rc != 0
    assert "outpost authentik Embedded Outpost is not connected" in once.failures[0].msg
    assert "waiting for what comes by itself" not in once.output

    def looks() -> int:
        requests = healed.status()["web"]["authentik"]["requests"]
        return sum(count for name, count in requests.items() if name.endswith("/health/") and "/outposts/" in name)

    before = looks()

    def heal() -> None:
        deadline = time.monotonic() + 240
        while looks() < before + 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        healed.heal()

    healer = threading.Thread(target=heal)
    healer.start()
    run = healed.play("-e", "service_status_wait_timeout=240", playbook="playbooks/verify.yml")
    healer.join()
    assert run.rc == 0, run.output
    waits = "waiting for what comes by itself: longhorn, grafana, prometheus, alertmanager, dashboard, hubble: outpost"
    assert waits in run.output
    assert "every service's way holds" in run.output
