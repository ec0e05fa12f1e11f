# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check fires on its violating fixture, and on nothing else; on its correct one nothing fires at all.

Fixtures are the changes to the home inventory in ``tests/harness/model_faults.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.checks.registry import (
    MODEL,
    PHASES,
    REGISTER,
    SETTLED,
)
from tests.harness.model_faults import BROKEN, RIGHT, Broken, Changes

ROOT = Path(__file__).resolve().parents[5]
SHARED = Path(os.environ.get("HOMEOPS_SHARED", ROOT.parent / "shared"))
#: The checks that judge the model; those of a repository have fixtures of their own.
OF_MODEL = {name for name, item in REGISTER.items() if MODEL in item.scopes}


def _prepared(changes: Changes, gone: object) -> Changes:
    return {path: gone if value is ... else value for path, value in changes.items()}


def test_nothing_fires_on_the_home_inventory(home: dict[str, Any], judged: Callable[..., engine.Report]) -> None:
    report = judged(home)
    assert report.findings == []
    # Each check was really judged: none of them was passed over for a key that is not there.
    assert report.passed_over == []
    assert set(report.ran) == OF_MODEL


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_violation_fires_its_check_alone(
    case: Broken,
    changed: Callable[[Changes], dict[str, Any]],
    judged: Callable[..., engine.Report],
    groups: dict[str, list[str]],
    gone: object,
) -> None:
    report = judged(changed(_prepared(case.changes, gone)), groups={**groups, **case.groups})
    found = [(finding.id, finding.key) for finding in report.findings]
    assert found == [(case.id, case.key)], report.findings
    finding = report.findings[0]
    assert finding.severity == (case.severity or REGISTER[case.id].severity)
    if case.use is not ...:
        assert finding.use == case.use
    assert finding.summary.endswith(".")
    assert finding.why


@pytest.mark.parametrize("name", sorted(OF_MODEL))
def test_a_right_value_fires_nothing(
    name: str, changed: Callable[[Changes], dict[str, Any]], judged: Callable[..., engine.Report], gone: object
) -> None:
    assert judged(changed(_prepared(RIGHT[name], gone))).findings == []


def test_every_check_has_both_fixtures() -> None:
    assert {case.id for case in BROKEN} == OF_MODEL
    assert set(RIGHT) == OF_MODEL


def test_every_check_of_the_list_has_one_answer_for_the_model() -> None:
    ids = (Path(__file__).parent / "check_ids.txt").read_text(encoding="utf-8").split()
    assert {name: bool(REGISTER[name].settled) for name in ids} == {name: name not in OF_MODEL for name in ids}
    assert set(SETTLED) <= set(ids)
    assert all(reason.endswith(".") and reason[:1].isupper() for reason in SETTLED.values())


def test_no_secret_is_repeated(
    changed: Callable[[Changes], dict[str, Any]], judged: Callable[..., engine.Report]
) -> None:
    canary = "canary-5d1f"
    report = judged(
        changed(
            {
                ("bgp", "router", "password"): canary,
                ("secrets", "items", "bgp", "title"): [canary],
                ("secrets", "connect_token_name"): {"value": canary},
                ("gitops", "repository"): f"https://me:{canary}@example.org/r",
                ("secrets", "items", "github"): canary,
            }
        )
    )
    assert len(report.findings) == 5
    assert canary not in repr(report.findings)


def test_every_check_names_its_phases_and_runs_in_preflight() -> None:
    for item in REGISTER.values():
        assert item.phases[0] == "preflight"
        assert set(item.phases) <= set(PHASES)
        assert item.detail, item.id
        assert all(item.notes.values()), item.id


@pytest.mark.skipif(not (SHARED / "reference" / "checks.json").is_file(), reason="the list of checks is not at hand")
def test_ids_severities_and_areas_are_those_of_the_list() -> None:
    listed = {
        entry["id"]: entry for entry in json.loads((SHARED / "reference" / "checks.json").read_text(encoding="utf-8"))
    }
    ours = {name: item for name, item in REGISTER.items() if name[:3] not in ("MOD", "REP", "LIV")}
    assert ours.keys() <= listed.keys()
    for name, item in ours.items():
        assert (item.severity, item.area) == (listed[name]["severity"], listed[name]["area"]), name
        # Resources and names of objects, which the list knows in a repository only, stand in our model too.
        assert name not in OF_MODEL - {"GIT006", "GIT013"} or "model" in listed[name]["scope"], name
