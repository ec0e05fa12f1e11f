# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no system exports, as metrics: values from reports, and a text that Prometheus reads."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.status import exposition, metrics
from ansible_collections.homeops.cluster.plugins.modules import service_status, status_metrics
from tests.harness.promtool import promtool
from tests.unit.plugins.module_utils.status import chain_world, test_status_bgp as ends

NOW = "2026-03-01T00:00:00Z"
SECONDS = 1772323200
OUTPOST = {"name": "authentik Embedded Outpost", "type": "proxy", "providers": ["wiki-proxy"]}
ALIVE = {"version": "2025.12.4", "version_should": "2025.12.4", "version_outdated": False}
OLD = {"version": "2025.10.0", "version_should": "2025.12.4", "version_outdated": True}

_LINE = re.compile(r'(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (?P<value>-?[0-9.e+]+)')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
Sample = tuple[str, frozenset[tuple[str, str]]]


def read(text: str) -> dict[Sample, float]:
    """Read the format as its specification has it; a reader of our own, for what we write."""
    found: dict[Sample, float] = {}
    told: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            told.append(line.split(" ")[2])
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        assert told[-2:] == [match["name"]] * 2, "HELP and TYPE come first"
        labels = frozenset(
            (name, re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), value))
            for name, value in _LABEL.findall(match["labels"] or "")
        )
        key = (match["name"], labels)
        assert key not in found, f"twice: {line}"
        found[key] = float(match["value"])
    return found


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Samples of one metric, by the values of its labels in their order."""
    gauge = next(gauge for gauge in metrics.GAUGES if gauge.name == name)
    return {
        tuple(dict(labels)[label] for label in gauge.labels): value
        for (found, labels), value in read(text).items()
        if found == name
    }


def run(check: bool = False, **options: Any) -> dict[str, Any]:
    given = {"answered": {}, "now": NOW, "mode": "shared", **options}
    return status_metrics.run(given, Context(check_mode=check))


def bgp_report(cluster: Any = None, live: Any = None) -> dict[str, Any]:
    return ends.report(cluster or ends.cluster(), live or ends.live()).as_dict()


def services_report(change: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    world = chain_world.facts()
    if change:
        change(world)
    options = {"services": chain_world.wanted(), "reasons": {}, "now": NOW, "show": False, "fail_on": "never"}
    found: dict[str, Any] = service_status.run({**options, **world}, Context())["report"]
    return found


def test_routes_and_sessions() -> None:
    text = run(bgp=bgp_report())["text"]
    up = values(text, "homeops_bgp_session_up")
    assert set(up.values()) == {1} and {key[3] for key in up} == {"cluster", "router"} and len(up) == 6
    assert values(text, "homeops_bgp_accepted_prefixes")["mini01", "ipv4 unicast"] == 2
    route = ("service", "apps/web", "172.29.52.100/32", "bgp-default")
    for name in ("homeops_route_announcing_nodes", "homeops_route_accepted_nodes", "homeops_route_paths"):
        assert values(text, name)[route] == 3


def test_a_route_that_the_router_does_not_accept() -> None:
    live = ends.live()
    live["routes"] = live["routes"][1:]
    text = run(bgp=bgp_report(live=live))["text"]
    route = ("service", "apps/web", "172.29.52.100/32", "bgp-default")
    assert values(text, "homeops_route_announcing_nodes")[route] == 3
    assert values(text, "homeops_route_accepted_nodes")[route] == 0


def test_a_session_that_is_down_at_one_end() -> None:
    live = ends.live()
    live["neighbors"][0] |= {"state": "Active", "established": False, "accepted_prefixes": 0}
    up = values(run(bgp=bgp_report(live=live))["text"], "homeops_bgp_session_up")
    assert up["mini01", ends.ROUTER, "ipv4 unicast", "router"] == 0
    assert up["mini01", ends.ROUTER, "ipv4 unicast", "cluster"] == 1


def test_who_was_not_asked_has_no_value() -> None:
    silent = ends.report(ends.cluster(), None).as_dict()
    text = run(bgp=silent, answered={"router": False, "cluster": True})["text"]
    assert {key[3] for key in values(text, "homeops_bgp_session_up")} == {"cluster"}
    assert values(text, "homeops_route_accepted_nodes") == {}
    assert values(text, "homeops_route_announcing_nodes")
    assert values(text, "homeops_system_answered") == {("router",): 0, ("cluster",): 1}
    assert "homeops_identity" not in text and "homeops_token" not in text
    legacy = run(bgp=bgp_report({**ends.cluster(), "sessions": []}))["text"]
    assert {key[3] for key in values(legacy, "homeops_bgp_session_up")} == {"router"}


def test_nothing_at_all_still_says_when() -> None:
    found = run()
    assert read(found["text"]) == {("homeops_gathered_timestamp_seconds", frozenset()): SECONDS}
    assert set(found["samples"]) == {gauge.name for gauge in metrics.GAUGES}


def test_every_link_is_in_one_state() -> None:
    states = values(run(services=services_report())["text"], "homeops_service_link_state")
    by_link: dict[tuple[str, str], list[float]] = {}
    for (service, _host, link, _state), value in states.items():
        by_link.setdefault((service, link), []).append(value)
    assert all(sorted(found) == [0, 0, 0, 1] for found in by_link.values())
    assert ("prometheus", "api") in by_link and ("grafana", "outpost") not in by_link


def test_an_open_path_is_a_broken_link() -> None:
    def opened(world: dict[str, Any]) -> None:
        for probe in world["probes"]:
            if probe["path"] != "/" and probe["host"].startswith("prometheus."):
                probe |= {"status": 200, "location": ""}

    states = values(run(services=services_report(opened))["text"], "homeops_service_link_state")
    host = f"prometheus.{chain_world.ZONE}"
    assert states["prometheus", host, "api", "broken"] == 1 and states["prometheus", host, "api", "ok"] == 0


@pytest.mark.parametrize(
    ("entries", "healthy", "connected"), [([ALIVE, ALIVE], 1, 2), ([], 0, 0), ([ALIVE, OLD], 0, 2)]
)
def test_outposts(entries: list[dict[str, Any]], healthy: int, connected: int) -> None:
    unused = {"name": "ldap", "type": "ldap", "providers": [], "health": []}
    text = run(identity={"outposts": [{**OUTPOST, "health": entries}, unused]})["text"]
    assert values(text, "homeops_outpost_healthy") == {(OUTPOST["name"], "proxy"): healthy}
    assert values(text, "homeops_outpost_connected_instances")[str(OUTPOST["name"]), "proxy"] == connected


def test_tokens_that_expire_and_findings() -> None:
    tokens = [
        {"identifier": "automation", "intent": "api", "seconds_left": 1800},
        {"identifier": "over", "intent": "api", "seconds_left": -60},
        {"identifier": "for-ever", "intent": "api", "seconds_left": None},
        {"identifier": "recovery", "intent": "recovery", "seconds_left": 5},
    ]
    findings = [
        {"code": "open_path", "level": "error", "subject": "provider a", "text": "a"},
        {"code": "open_path", "level": "error", "subject": "provider b", "text": "b"},
        {"code": "two_outposts", "level": "warning", "subject": "provider c", "text": "c"},
    ]
    text = run(identity={"outposts": [], "tokens": tokens, "findings": findings})["text"]
    assert values(text, "homeops_token_expiration_timestamp_seconds") == {
        ("automation", "api"): SECONDS + 1800,
        ("over", "api"): SECONDS - 60,
    }
    counted = values(text, "homeops_identity_findings")
    assert counted["open_path", "error"] == 2 and counted["two_outposts", "warning"] == 1
    assert counted["expired_token", "error"] == 0, "an alert reads it, so that none is a value"


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False, allow_infinity=False)), unique_by=lambda one: one[0]))
def test_any_text_is_a_label(pairs: list[tuple[str, float]]) -> None:
    family = exposition.Family(exposition.Gauge("homeops_any", "Any\ntext \\ of people.", ("text",)))
    for text, value in pairs:
        family.add((text,), value)
    lines = exposition.render([family])
    # Only a line feed ends a line there.
    assert len(lines.split("\n")) - 1 == (len(pairs) + 2 if pairs else 0)
    for text, value in pairs:
        label = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        number = lines.split(f'homeops_any{{text="{label}"}} ')[1].split("\n")[0]
        assert float(number) == value


def test_a_sample_has_the_labels_of_its_metric() -> None:
    family = exposition.Family(metrics.ANSWERED)
    with pytest.raises(ValueError, match="has the labels system"):
        family.add(("a", "b"), 1)
    family.add(("a",), 0)
    family.add(("a",), 1)
    assert family.samples == {("a",): 1}


@pytest.mark.parametrize(("mode", "wanted"), [("shared", 0o644), ("private", 0o600)])
def test_the_file_is_whole_and_has_its_mode(tmp_path: Path, mode: str, wanted: int) -> None:
    path = tmp_path / "textfile" / "homeops.prom"
    assert run(check=True, dest=str(path), mode=mode)["changed"] and not path.parent.exists()
    found = run(dest=str(path), mode=mode, bgp=bgp_report())
    assert found["changed"] and found["dest"] == str(path)
    assert path.read_text() == found["text"] and stat.S_IMODE(path.stat().st_mode) == wanted
    assert os.listdir(path.parent) == ["homeops.prom"], "the collector reads every *.prom of the folder"


def test_a_wrong_time_and_a_file_in_a_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'tomorrow' is no time"):
        run(now="tomorrow")
    (tmp_path / "file").touch()
    with pytest.raises(HomeopsError, match="Choose a file in a folder"):
        run(dest=str(tmp_path / "file" / "homeops.prom"))


def test_prometheus_own_tool_reads_it() -> None:
    tool = promtool()
    identity = {
        "outposts": [{**OUTPOST, "health": [ALIVE]}],
        "tokens": [{"identifier": 'odd "\\\n name', "intent": "api", "seconds_left": 5}],
        "findings": [],
    }
    text = run(bgp=bgp_report(), services=services_report(), identity=identity, answered={"router": True})["text"]
    assert {gauge.name for gauge in metrics.GAUGES} == {name for name, _labels in read(text)}
    answer = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and not answer.stderr, answer.stderr
