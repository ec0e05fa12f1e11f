# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the list fires on a repository with its fault, alone; on the right one nothing fires.

Fixtures are changes to the tree of ``tests/harness/gitops_base.py``; the list of the ids is kept in ``check_ids.txt``
and compared with the list of the checks where that is at hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.checks.registry import REGISTER, REPO
from ansible_collections.homeops.cluster.plugins.module_utils.repository import view
from tests.harness import gitops_base, gitops_large
from tests.harness.gitops_edits import Fault, changed, write
from tests.harness.gitops_faults import BROKEN, RIGHT

ROOT = Path(__file__).resolve().parents[5]
SHARED = Path(os.environ.get("HOMEOPS_SHARED", ROOT.parent / "shared"))
IDS = (Path(__file__).parent / "check_ids.txt").read_text(encoding="utf-8").split()


def judge(tree: dict[str, str], folder: Path) -> engine.Report:
    """Run the checks over a tree."""
    write(tree, folder)
    return engine.run_checks(engine.Case(repository=view.read(str(folder))))


def test_nothing_fires_on_the_right_tree(tmp_path: Path) -> None:
    report = judge(gitops_base.files(), tmp_path)
    assert report.findings == []
    assert report.passed_over == []
    assert set(IDS) <= set(report.ran)


@pytest.mark.parametrize("fault", BROKEN, ids=str)
def test_a_fault_fires_its_check_alone(fault: Fault, tmp_path: Path) -> None:
    report = judge(changed(fault.changes), tmp_path)
    assert report.findings, "nothing fires"
    assert {finding.id for finding in report.findings} == {fault.id}, [
        (finding.id, finding.where, finding.summary) for finding in report.findings
    ]
    finding = report.findings[0]
    assert finding.file in (fault.file or next(iter(fault.changes)), *fault.changes)
    assert finding.line is None or finding.line >= 1
    assert finding.scope == REPO
    assert finding.summary.endswith(".") and finding.why.endswith(".")
    assert finding.severity == (fault.severity or REGISTER[fault.id].severity)
    if fault.use:
        assert finding.use is not None and fault.use in finding.use


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_an_unusual_but_right_value_fires_nothing(name: str, tmp_path: Path) -> None:
    found = judge(changed(RIGHT[name]), tmp_path).findings
    assert found == [], [(finding.id, finding.where, finding.summary) for finding in found]


def test_every_check_of_the_list_has_a_fault_here() -> None:
    assert {fault.id for fault in BROKEN} >= set(IDS)


def test_the_register_holds_the_list_and_the_projects_own() -> None:
    assert {name for name in REGISTER if name[:3] not in ("MOD", "REP", "LIV")} == set(IDS)


@pytest.mark.skipif(not (SHARED / "reference" / "checks.json").is_file(), reason="the list of checks is not at hand")
def test_the_kept_ids_are_those_of_the_list() -> None:
    listed = json.loads((SHARED / "reference" / "checks.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in listed] == IDS
    for entry in listed:
        check = REGISTER[entry["id"]]
        assert (check.severity, check.area) == (entry["severity"], entry["area"]), entry["id"]
        assert REPO in check.scopes, entry["id"]


def test_an_object_is_ignored_with_its_reason(tmp_path: Path) -> None:
    fault = next(item for item in BROKEN if item.id == "BGP005")
    write(changed(fault.changes), tmp_path)
    case = engine.Case(repository=view.read(str(tmp_path)))
    (finding,) = engine.run_checks(case).findings
    override = engine.Override(finding.id, engine.IGNORE, "the address comes from elsewhere", finding.object)
    (ignored,) = engine.run_checks(case, overrides=[override]).findings
    assert (ignored.severity, ignored.reason) == (engine.IGNORE, "the address comes from elsewhere")
    other = engine.Override(finding.id, engine.IGNORE, "another one", "Service/default/other")
    assert engine.run_checks(case, overrides=[other]).findings == [finding]


def test_thirty_faults_in_a_large_repository_are_found_and_nothing_else(tmp_path: Path) -> None:
    found = judge(gitops_large.seeded(150), tmp_path).findings
    assert len(gitops_large.SEEDED) == 30
    assert sorted({(finding.id, finding.file) for finding in found}) == gitops_large.expected()


def test_a_large_repository_without_faults_has_no_findings(tmp_path: Path) -> None:
    tree = gitops_large.tree(150)
    assert len(tree) == 150
    assert judge(tree, tmp_path).findings == []
