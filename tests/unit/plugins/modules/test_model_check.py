# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module itself: parameters, result, failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.model import shape
from ansible_collections.homeops.cluster.plugins.modules import model_check

ROOT = Path(__file__).resolve().parents[4]
HOME = ROOT / "inventories" / "home"
GROUPS = {"all": ["localhost"], "controller": ["localhost"], "control_plane": ["mini01", "mini02", "mini03"]}


@pytest.fixture(name="model")
def _model() -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for file in sorted((HOME / "group_vars" / "all").glob("*.yml")):
        variables |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return {subject: variables[f"homeops_{subject}"] for subject in shape.MODEL.need}


def check(model: Any, **params: Any) -> tuple[dict[str, Any], Context]:
    """Run the module's own function with parameters as Ansible would pass them."""
    given = {"model": model, "inventory_sources": [str(HOME)], "groups": GROUPS, **params}
    checked = ArgumentSpecValidator(model_check.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages
    ctx = Context()
    return model_check.run(checked.validated_parameters, ctx), ctx


def test_a_right_model_passes(model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result, ctx = check(model)
    assert result["counts"] == {"error": 0, "warn": 0, "ignore": 0}
    assert (result["changed"], result["findings"], result["not_judged"], ctx.warnings) == (False, [], [], [])


def test_all_errors_come_in_one_report(model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    model["nodes"][1]["address"] = "172.29.51.11"
    model["versions"]["talos"] = "v9.9.9"
    with pytest.raises(HomeopsError) as caught:
        check(model)
    text = str(caught.value)
    assert "MOD004 homeops_nodes[1].address" in text
    assert "MOD005 homeops_versions.talos" in text
    # Both values were changed in memory only: the files say something else, so no line is named.
    assert "not set in a file of the inventory" in text
    assert caught.value.facts["counts"] == {"error": 2, "warn": 0, "ignore": 0}


def test_a_finding_names_file_and_line(model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(HomeopsError) as caught:
        check(model, groups={**GROUPS, "control_plane": ["mini01", "mini02"]})
    finding = caught.value.facts["findings"][0]
    lines = (ROOT / finding["file"]).read_text(encoding="utf-8").splitlines()
    assert finding["file"] == "inventories/home/group_vars/all/nodes.yml"
    assert "mini03" in lines[finding["line"] - 1]


def test_warnings_do_not_fail(model: dict[str, Any]) -> None:
    model["bgp"]["maximum_paths"] = 2
    result, ctx = check(model)
    assert result["counts"]["warn"] == 1
    assert len(ctx.warnings) == 1
    assert ctx.warnings[0].startswith("BGP017 homeops_bgp.maximum_paths")


def test_only_the_checks_of_a_phase_are_run(model: dict[str, Any]) -> None:
    model["dns"]["external_dns"]["internal"]["owner_id"] = "home-ops"
    result, _ctx = check(model, phase=["bgp"])
    assert "DNS001" not in result["checks"]
    assert "BGP016" in result["checks"]
    with pytest.raises(HomeopsError, match="DNS001"):
        check(model, phase=["platform"])


def test_an_error_can_be_accepted_with_a_reason(model: dict[str, Any]) -> None:
    model["talos"]["install_wipe"] = True
    entry = {"id": "TAL002", "reason": "one confirmed run"}
    result, ctx = check(model, ignore=[entry])
    assert result["counts"] == {"error": 0, "warn": 0, "ignore": 1}
    assert result["findings"][0]["reason"] == "one confirmed run"
    assert ctx.warnings == []
    result, ctx = check(model, ignore=[{**entry, "severity": "warn"}])
    assert len(ctx.warnings) == 1
    with pytest.raises(HomeopsError, match="TAL002"):
        check(model, ignore=[{**entry, "key": "homeops_talos.other"}])


def test_a_warning_can_be_made_an_error(model: dict[str, Any]) -> None:
    model["bgp"]["maximum_paths"] = 2
    with pytest.raises(HomeopsError, match="BGP017"):
        check(model, ignore=[{"id": "BGP017", "reason": "we need ECMP", "severity": "error"}])


def test_ignoring_a_check_that_is_none_is_an_error(model: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Did you mean TAL002"):
        check(model, ignore=[{"id": "TAL0002", "reason": "x"}])


@pytest.mark.parametrize("model", [None, 5, "text", [], {}, {1: 2}])
def test_something_that_is_no_model_is_told_without_a_traceback(model: Any) -> None:
    with pytest.raises(HomeopsError, match="MOD00"):
        check(model)
