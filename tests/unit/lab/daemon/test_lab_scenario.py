# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios: what is read, what is refused and with which words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lab.scenario import Delays, HttpFault, Scenario, ScenarioError, build, set_path

SCENARIOS = sorted((Path(__file__).parents[4] / "lab" / "scenarios").glob("*.yml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_every_scenario_of_the_lab_loads(path: Path) -> None:
    assert Scenario.load(path).name == path.stem


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.text(min_size=1))
def test_a_scenario_survives_the_way_through_plain_data(install: float, agent: float, name: str) -> None:
    scenario = Scenario(name=name)
    scenario.delays.talos.install, scenario.delays.cilium.agent = install, agent
    assert Scenario.from_dict(scenario.to_dict()) == scenario


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("delays: {talos: {instal: 1}}", "unknown key 'instal' in delays.talos; did you mean 'install'?"),
        ("nmae: x", "unknown key 'nmae' at the top level; did you mean 'name'?"),
        ("delays: {talos: {install: fast}}", "delays.talos.install must be a number of seconds, not text 'fast'"),
        ("delays: {talos: {install: true}}", "delays.talos.install must be a number of seconds, not a boolean"),
        ("delays: {talos: {install: -1}}", "delays.talos.install must not be negative"),
        ("delays: [1]", "delays must be a mapping, not a list"),
        ("faults: {kube: [{times: many}]}", "faults.kube[0].times must be a whole number, not text 'many'"),
        ("faults: {kube: [{reset: 1}]}", "faults.kube[0].reset must be true or false, not a number 1"),
        ("- 1", "the top level must be a mapping, not a list"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "s.yml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as error:
        Scenario.load(path)
    assert wanted in str(error.value)
    assert str(path) in str(error.value)


def test_what_is_no_yaml_and_what_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yml"
    path.write_text("a: [")
    with pytest.raises(ScenarioError, match="is not YAML"):
        Scenario.load(path)
    with pytest.raises(ScenarioError, match="No such file"):
        Scenario.load(tmp_path / "none.yml")


def test_a_delay_changes_in_place() -> None:
    scenario = Scenario()
    talos = scenario.delays.talos
    set_path(scenario, "delays.talos.install", 7)
    assert talos.install == 7.0
    with pytest.raises(ScenarioError, match=r"unknown key 'x' in delays\.talos"):
        set_path(scenario, "delays.talos.x", 1)
    with pytest.raises(ScenarioError, match="must be a number"):
        set_path(scenario, "delays.talos.install", "7")


def test_the_cold_run_is_the_sum_of_its_parts_and_counts_both_joins() -> None:
    delays = Delays()
    before = delays.cold_run()
    assert before["total"] == pytest.approx(sum(v for k, v in before.items() if k != "total"))
    delays.talos.etcd_join += 1
    delays.talos.install += 10
    assert delays.cold_run()["total"] == pytest.approx(before["total"] + 12)


def test_every_delay_is_a_non_negative_number_of_seconds() -> None:
    for group in dataclasses.fields(Delays):
        for value in dataclasses.asdict(getattr(Delays(), group.name)).values():
            assert isinstance(value, float)
            assert value >= 0


def test_a_fault_of_the_command_line_is_checked_alike() -> None:
    assert build(HttpFault, {"path": "/x", "status": 503}, "kube").times == 1
    with pytest.raises(ScenarioError, match="did you mean 'status'"):
        build(HttpFault, {"statsu": 503}, "kube")
