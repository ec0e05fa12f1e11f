# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as data, as a table and as a page; and the files that a run writes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.overview import document, history, page, run
from ansible_collections.homeops.cluster.plugins.module_utils.overview.areas import AREAS, Area, size
from ansible_collections.homeops.cluster.plugins.module_utils.overview.gather import TIMEOUT, Answer
from ansible_collections.homeops.cluster.plugins.module_utils.overview.sources import KINDS, NEEDS
from ansible_collections.homeops.cluster.plugins.modules import cluster_report

from .overview_samples import NAMES, NOW, facts, kubernetes, talos
from .test_overview_systems import CONSOLE, STORE, authentik, certificate, cilium, kustomization, longhorn, router

ROOT = Path(__file__).resolve().parents[5]
SCHEMA = json.loads((ROOT / "docs" / "status.schema.json").read_text(encoding="utf-8"))


def answers(**more: Any) -> dict[str, Any]:
    """Every system's healthy answer."""
    return {
        **talos(),
        **kubernetes(),
        "cilium": cilium(),
        "router": router(),
        "console": {**CONSOLE, "text": ""},
        "flux": [kustomization("apps")],
        "secrets": {"stores": [STORE], "secrets": [], "events": []},
        "longhorn": longhorn(),
        "certificates": {"certificates": [certificate("web", 60)], "issuers": []},
        "clients": {},
        "identity": authentik(),
        **more,
    }


def report(**more: Any) -> dict[str, Any]:
    known = facts(answers(**more))
    judged = [judge(known) for judge in run.JUDGES.values()]
    trends = history.trends(judged, [], NOW)
    since = {area.name: NOW.isoformat() for area in judged}
    return document.build(known, judged, trends, since, cluster="home", seconds=1.25)


HANGS = {"talos:mini02": Answer("talos:mini02", TIMEOUT, None, 5.0, "no answer within 5 s", 5.0)}


@pytest.mark.parametrize("spoiled", [{}, HANGS, {"cilium": HANGS["talos:mini02"], "kubernetes": []}])
def test_every_report_has_the_documented_shape(spoiled: dict[str, Any]) -> None:
    found = json.loads(document.text(report(**spoiled)))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.update(schema=2),
        lambda found: found.pop("worst"),
        lambda found: found["areas"][0]["rows"][0].pop("drift"),
        lambda found: found["areas"][1]["rows"][0].update(db_size="20 MiB"),
        lambda found: found["findings"].append({"severity": "error", "area": "nodes", "subject": "", "text": ""}),
    ],
)
def test_the_documented_shape_refuses_another(spoil: Any) -> None:
    found = report()
    spoil(found)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_every_area_has_a_judge_columns_and_systems_to_ask() -> None:
    assert tuple(run.JUDGES) == tuple(NEEDS) == tuple(document.COLUMNS) == AREAS


def test_the_worst_comes_first_and_the_verdict_names_who_did_not_answer() -> None:
    found = report(**HANGS)
    assert found["worst"] == "critical"
    severities = [one["severity"] for one in found["findings"]]
    assert severities == sorted(severities)
    assert document.verdict(found) == "2 critical; no answer in time from talos:mini02"
    # The sample's pool and session agree, so everything else stands.
    assert {one["area"] for one in found["findings"]} == {"nodes", "etcd"}
    assert document.verdict({**found, "findings": [], "sources": []}) == "everything stands"


def test_the_table_has_a_line_per_area_and_rows_of_what_was_asked_for() -> None:
    text = document.render(report(**HANGS), ["etcd"])
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[1:13]] == list(AREAS)
    assert "CRITICAL" in lines[1]
    assert any(line.split()[:2] == ["mini01", "leader"] for line in lines)
    assert "running, ready" not in text
    assert lines[-1] == "2 critical; no answer in time from talos:mini02 (1.2 s)"


def test_the_page_needs_nothing_but_itself_and_escapes_what_systems_say() -> None:
    said = "<script>alert(1)</script>"
    spoiled = {"talos:mini02": Answer("talos:mini02", TIMEOUT, None, 5.0, said, 5.0)}
    known = facts(answers(**spoiled))
    drawn = {name: run.JUDGES[name](known).report for name in ("bgp", "services")}
    text = page.page(report(**spoiled), drawn)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert "<svg" in text
    for name in NAMES:
        assert name in text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (-(2**30), "-1.0 GiB"), (2**51, "2048.0 TiB")]
)
def test_sizes_are_written_as_people_write_them(count: int, text: str) -> None:
    assert size(count) == text


# -- a run ----------------------------------------------------------------------------------------------------------


def parameters(**more: Any) -> dict[str, Any]:
    """The module's parameters: nothing can be reached, and nobody has to wait for it."""
    given = {"cluster": "home", "nodes": [{"name": "mini01", "node": "127.0.0.1", "port": 1}], **more}
    checked = ArgumentSpecValidator(cluster_report.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return checked.validated_parameters


def test_a_run_writes_what_it_is_asked_to_before_it_fails(tmp_path: Path) -> None:
    files = {key: str(tmp_path / key) for key in ("history", "dest", "page_dest")}
    shown: list[str] = []
    with pytest.raises(HomeopsError, match="etcd: mini01") as failure:
        cluster_report.run(parameters(areas=["etcd"], **files), Context(show=shown.append))
    assert failure.value.facts == {"changed": False, "worst": "critical"}
    assert len(shown) == 1
    jsonschema.validate(json.loads((tmp_path / "dest").read_text()), SCHEMA, cls=jsonschema.Draft202012Validator)
    assert (tmp_path / "page_dest").read_text().startswith("<!doctype html>")
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "history").read_text())["areas"] == {"etcd": "critical"}


def test_a_check_run_writes_nothing(tmp_path: Path) -> None:
    files = {key: str(tmp_path / key) for key in ("history", "dest", "page_dest")}
    found = cluster_report.run(parameters(areas=["etcd"], fail_on="never", **files), Context(check_mode=True))
    assert (found["changed"], found["report"]["worst"]) == (False, "critical")
    assert list(tmp_path.iterdir()) == []


def test_the_history_is_bounded_and_a_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history"
    given = parameters(areas=["etcd"], fail_on="never", history=str(path), history_length=3)
    for _run in range(5):
        cluster_report.run(given, Context())
    assert len(path.read_text().splitlines()) == 3
    path.write_text("my diary\n")
    ctx = Context()
    cluster_report.run(given, ctx)
    assert path.read_text() == "my diary\n"
    assert any("is no history of the status" in text for text in ctx.warnings)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"only_nodes": ["mini09"]}, r"Mini09 is none of the nodes: they are mini01\."),
        ({"timeouts": {"talso": 3}}, r"Talso is no kind of system: they are api, "),
        ({"timeouts": {"talos": "soon"}}, r"The timeout of talos is no number of seconds \(soon\)\."),
        ({"timeouts": {"talos": 0}}, "The timeout of talos is no number of seconds"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_asked(given: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        cluster_report.run(parameters(**given), Context())


def test_what_cannot_be_used_of_the_controllers_files_is_told_and_the_report_goes_on(tmp_path: Path) -> None:
    (tmp_path / "talosconfig").write_text("context: nowhere\n")
    given = parameters(
        talosconfig=str(tmp_path / "talosconfig"),
        kubeconfig=str(tmp_path / "none"),
        machine_config={"secrets_file": str(tmp_path / "none")},
        fail_on="never",
    )
    found = cluster_report.run(given, Context())["report"]
    told = {one["subject"]: one["text"] for one in found["findings"] if one["area"] == "nodes"}
    assert "talosconfig" in told["talosconfig"]
    assert "The secrets bundle cannot be read" in told["machine configs"]
    assert [area["name"] for area in found["areas"]] == list(AREAS)
    assert {one["name"] for one in found["sources"] if one["state"] == "unasked"} >= {
        "kubernetes",
        "console",
        "identity",
    }


def test_the_documented_kinds_of_systems_are_those_that_are_asked() -> None:
    for kind in KINDS:
        assert f"C({kind})" in cluster_report.DOCUMENTATION


def test_an_answer_that_nobody_understands_makes_its_area_unknown_and_no_other() -> None:
    known = facts(answers(longhorn={"nodes": 5}))
    judged: list[Area] = [run._judged(name, known) for name in AREAS]
    states = {area.name: area.state for area in judged}
    assert states.pop("storage") == "unknown"
    assert set(states.values()) <= {"ok", "warning"}
