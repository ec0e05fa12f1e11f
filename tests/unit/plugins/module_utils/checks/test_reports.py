# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports: what each form says, what its readers may rely on, and that nothing of a repository can break out of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks import (
    engine,
    finale,
    report_html,
    report_json,
    report_sarif,
    report_text,
)
from ansible_collections.homeops.cluster.plugins.module_utils.checks.registry import REGISTER
from ansible_collections.homeops.cluster.plugins.module_utils.repository import view
from tests.harness.gitops_edits import changed, write
from tests.harness.gitops_faults import BROKEN

#: One fault for each kind of report line; BGP005 is set aside by its object.
FAULTS = ("STO006", "BGP017", "BGP005", "SEC007")
RENDERERS = {
    "text": report_text.render,
    "json": report_json.render,
    "sarif": report_sarif.render,
    "html": report_html.render,
}
HOSTILE = "</style><script>alert(1)</script>\"'&\u2028 {{ 7 * 7 }}"


@pytest.fixture(name="report", scope="module")
def _report(tmp_path_factory: pytest.TempPathFactory) -> engine.Report:
    tree: dict[str, str] | None = None
    for name in FAULTS:
        tree = changed(next(fault for fault in BROKEN if fault.id == name).changes, tree)
    assert tree is not None
    folder = tmp_path_factory.mktemp("repository")
    write(tree, folder)
    case = engine.Case(repository=view.read(str(folder)))
    target = next(item for item in engine.run_checks(case).findings if item.id == "BGP005")
    aside = engine.Override("BGP005", engine.IGNORE, "announced by the old router until May", target.object)
    report = engine.run_checks(case, overrides=[aside])
    assert {finding.id for finding in report.findings} == set(FAULTS)
    assert {finding.severity for finding in report.findings} == {"error", "warn", "ignore"}
    return report


def hostile(report: engine.Report) -> engine.Report:
    """Return the report with text in every place that a repository can choose."""
    found = [
        replace(item, file=f"a b/{HOSTILE}.yaml", key=HOSTILE, object=HOSTILE, summary=HOSTILE, use=HOSTILE)
        for item in report.findings
    ]
    return engine.Report(found, report.ran, report.passed_over)


@pytest.mark.parametrize("form", RENDERERS)
def test_every_form_names_every_finding_with_its_place(form: str, report: engine.Report) -> None:
    text = RENDERERS[form](report, "the repository")
    for finding in report.findings:
        assert finding.id in text
        assert finding.file is not None and finding.file in text
    assert "announced by the old router until May" in text


@pytest.mark.parametrize("form", RENDERERS)
def test_the_same_findings_make_the_same_report(form: str, report: engine.Report) -> None:
    assert RENDERERS[form](report, "x") == RENDERERS[form](report, "x")
    assert RENDERERS[form](report, "x").endswith("\n")


@pytest.mark.parametrize("form", RENDERERS)
def test_a_report_without_findings_says_so(form: str) -> None:
    text = RENDERERS[form](engine.Report(ran=["NET001"]), "x")
    expected = {"text": "no errors, no warnings in 1 check", "json": '"findings": []', "sarif": '"results": []'}
    assert expected.get(form, "nothing to mend") in text


def test_the_text_has_what_is_wrong_why_and_what_to_use(report: engine.Report) -> None:
    text = report_text.render(report, "house")
    assert text.startswith("Findings in house\n\nErrors (")
    assert text.index("Errors (") < text.index("Warnings (") < text.index("Set aside (1)")
    first = report.findings[0]
    assert f"{first.id} {first.where}\n    {first.summary}\n    Why: {first.why}\n    Use: {first.use}\n" in text
    assert "    Set aside: announced by the old router until May\n" in text
    assert text.rstrip().splitlines()[-1] == f"1 error, 2 warnings, 1 ignored in {len(report.ran)} checks"


def test_the_text_tells_what_was_not_judged() -> None:
    text = report_text.render(engine.Report(ran=["NET001", "NET002"], passed_over=["NET002"]), "x")
    assert "1 check could not be judged, because what it needs is missing or wrong: NET002" in text


def test_the_json_has_the_form_that_is_documented(report: engine.Report) -> None:
    found = json.loads(report_json.render(report, "house"))
    assert set(found) == {"schema", "tool", "source", "worst", "counts", "checks", "not_judged", "findings"}
    assert (found["schema"], found["tool"], found["source"], found["worst"]) == (1, "homeops.cluster", "house", "error")
    assert found["counts"] == {"error": 1, "warn": 2, "ignore": 1}
    kinds = {
        "id": str, "severity": str, "area": str, "rule": str, "summary": str, "why": str, "use": (str, type(None)),
        "file": (str, type(None)), "line": (int, type(None)), "key": str, "object": str, "scope": str, "where": str,
        "reason": str,
    }  # fmt: skip
    for finding in found["findings"]:
        assert set(finding) == set(kinds)
        assert all(isinstance(finding[key], kind) for key, kind in kinds.items())
        assert finding["rule"] == REGISTER[finding["id"]].rule


def test_the_documented_form_is_the_one_that_is_written(report: engine.Report) -> None:
    page = (Path(__file__).resolve().parents[5] / "docs" / "validate.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    found = report_json.document(report, "x")
    assert documented == {*found, *found["findings"][0]}
    assert f"`schema` {report_json.SCHEMA}" in page


def assert_sarif(found: Any) -> None:
    """Hold a document against what the schema of SARIF 2.1.0 requires of the objects that are used here."""
    assert set(found) == {"$schema", "version", "runs"} and found["version"] == "2.1.0"
    for run in found["runs"]:
        assert set(run) <= {"tool", "columnKind", "originalUriBaseIds", "results"}
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        driver = run["tool"]["driver"]
        assert isinstance(driver["name"], str) and re.match(r"https://", driver["informationUri"])
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(ids) == len(set(ids))
        for rule in driver["rules"]:
            for key in ("shortDescription", "fullDescription", "help"):
                assert isinstance(rule[key]["text"], str) and rule[key]["text"]
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
            assert re.match(r"https://\S+\.md$", rule["helpUri"])
        for result in run["results"]:
            assert set(result) <= {
                "ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "suppressions",
            }  # fmt: skip
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert isinstance(result["message"]["text"], str)
            assert len(result["locations"]) == 1
            for location in result["locations"]:
                artifact = location["physicalLocation"]["artifactLocation"]
                # A URI reference (RFC 3986), relative to a base that the run declares.
                assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", artifact["uri"])
                assert not artifact["uri"].startswith("/") and artifact["uriBaseId"] in run["originalUriBaseIds"]
                region = location["physicalLocation"].get("region", {"startLine": 1})
                assert isinstance(region["startLine"], int) and region["startLine"] >= 1
            assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in result["partialFingerprints"].values())
            for item in result.get("suppressions", []):
                assert item["kind"] in ("inSource", "external") and item["justification"]
                assert item["status"] in ("accepted", "underReview", "rejected")


def test_the_sarif_is_one(report: engine.Report) -> None:
    found = json.loads(report_sarif.render(report))
    assert_sarif(found)
    (run,) = found["runs"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(report.ran)
    assert [result["ruleId"] for result in run["results"]] == [finding.id for finding in report.findings]
    aside = [result for result in run["results"] if "suppressions" in result]
    assert [result["ruleId"] for result in aside] == ["BGP005"]
    assert aside[0]["level"] == "error"


def test_a_fingerprint_stays_when_a_line_moves(report: engine.Report) -> None:
    def prints(found: engine.Report) -> list[Any]:
        results = report_sarif.document(found)["runs"][0]["results"]
        return [result["partialFingerprints"] for result in results]

    moved = [replace(item, line=(item.line or 0) + 7) for item in report.findings]
    assert prints(engine.Report(moved, report.ran)) == prints(report)
    other = [replace(item, summary=f"{item.summary} More.") for item in report.findings]
    assert not any(one in prints(report) for one in prints(engine.Report(other, report.ran)))


def test_a_finding_without_a_file_has_the_root_as_its_place(report: engine.Report) -> None:
    found = report_sarif.document(engine.Report([replace(report.findings[0], file=None, line=None)], report.ran))
    assert_sarif(found)
    assert found["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "./"


class Page(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _value in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("made", [lambda report: report, hostile], ids=["plain", "hostile"])
def test_the_page_needs_nothing_and_runs_nothing(made: Any, report: engine.Report) -> None:
    page = Page()
    page.feed(report_html.render(made(report), "<b>house</b>"))
    assert page.open == []
    assert not set(page.tags) & {"script", "link", "img", "iframe", "object", "form"}
    assert not page.names & {"src", "href", "onload", "onclick", "style"}
    assert "<b>house</b> " in page.text
    assert page.tags.count("style") == 1


def test_what_a_repository_chooses_breaks_out_of_no_form(report: engine.Report) -> None:
    found = hostile(report)
    document = json.loads(report_sarif.render(found))
    assert_sarif(document)
    assert json.loads(report_json.render(found, "x"))["findings"][0]["summary"] == HOSTILE
    assert HOSTILE in report_text.render(found, "x")


def test_no_report_repeats_a_password(tmp_path: Path) -> None:
    fault = next(item for item in BROKEN if item.id == "BGP007")
    canary = "canary-55ae91"
    tree = changed(fault.changes)
    tree["router/frr.conf"] = re.sub(r"(neighbor \S+ password) \S+", rf"\1 {canary}", tree["router/frr.conf"])
    assert canary in tree["router/frr.conf"]
    write(tree, tmp_path)
    found = engine.run_checks(engine.Case(repository=view.read(str(tmp_path))))
    assert "BGP007" in {finding.id for finding in found.findings}
    for render in RENDERERS.values():
        assert canary not in render(found, "x")


def test_the_end_of_a_run_lists_each_warning_once() -> None:
    warning = {
        "id": "BGP017",
        "severity": "warn",
        "where": "a (b:1)",
        "summary": "Wrong.",
        "why": "Because.",
        "use": "3",
    }
    error = {**warning, "id": "NET001", "severity": "error"}
    aside = {**warning, "id": "NET002", "severity": "ignore"}
    assert finale.lines([error, aside]) == []
    assert finale.lines([warning, error, dict(warning)]) == [
        "BGP017 a (b:1): Wrong.", "    Why: Because.", "    Use: 3",
    ]  # fmt: skip
    assert finale.lines([{**warning, "use": None}])[-1] == "    Why: Because."
