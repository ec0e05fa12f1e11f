# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of day two on a whole lab: a node is reset and comes back, all are upgraded, and slips are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.lab import CHECKOUT, Lab
from tests.harness.watch import Watch

#: The phases that make a cluster to take nodes from.
PHASES = "talos,kubernetes,cni"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    running = Lab("127.76", tmp_path_factory.mktemp("day-two"))
    running.up("--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    try:
        first = running.play("-t", PHASES)
        assert first.rc == 0, first.output
        yield running
    finally:
        running.down()


def named(lab: Lab, name: str, hardware: str = "") -> list[str]:
    """The words of a reset of one node."""
    words = ["-e", f"safe_reset_target={name}", "-e", f"safe_reset_confirm={name}"]
    return [*words, "-e", f"safe_reset_hardware_id={hardware}"] if hardware else words


def hardware_of(lab: Lab, name: str) -> str:
    """What the refusal tells of the machine: its UUID."""
    refused = lab.play(*named(lab, name), playbook="playbooks/safe_reset.yml")
    assert refused.rc != 0
    (failure,) = refused.failures
    assert "hardware_id is empty; the machine that answers says" in failure.msg
    return failure.msg.partition("UUID ")[2].partition(".")[0].strip()


def test_a_reset_without_a_name_or_with_the_wrong_one_touches_nothing(lab: Lab) -> None:
    before = lab.nodes()
    for words in ((), ("-e", "safe_reset_target=mini02")):
        refused = lab.play(*words, playbook="playbooks/safe_reset.yml")
        assert refused.rc != 0
        assert "Nothing was" in refused.failures[0].msg
        assert "Traceback" not in refused.output
    assert {name: node["boot_id"] for name, node in lab.nodes().items()} == {
        name: node["boot_id"] for name, node in before.items()
    }
    assert not list(Path(lab.controller, "backup").glob("*"))


def test_a_node_is_reset_and_site_brings_it_back(lab: Lab) -> None:
    words = named(lab, "mini02", hardware_of(lab, "mini02"))
    looked = lab.play(*words, "--check", "--diff", playbook="playbooks/safe_reset.yml")
    assert looked.rc == 0, looked.output
    assert "STATE on /dev/" in looked.output
    assert lab.nodes()["mini02"]["stage"] == "running"
    with Watch(lab) as watch:
        done = lab.play(*words, playbook="playbooks/safe_reset.yml")
        assert done.rc == 0, done.output
        assert lab.nodes()["mini02"]["stage"] == "maintenance"
        back = lab.play("-t", PHASES)
        assert back.rc == 0, back.output
    print(f"{watch.looks} looks from outside, at least {watch.etcd} etcd members served at each")
    assert watch.etcd >= 2
    assert all(node["kubernetes_ready"] for node in lab.nodes().values())
    (kept,) = Path(lab.controller, "backup").glob("etcd-home-ops-*.snapshot")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_all_three_are_upgraded_one_after_the_other(lab: Lab) -> None:
    words = ("-e", "talos_upgrade_version=v1.10.9")
    looked = lab.play(*words, "--check", "--diff", playbook="playbooks/upgrade_talos.yml")
    assert looked.rc == 0, looked.output
    assert {node["version"] for node in lab.nodes().values()} == {"v1.10.5"}
    with Watch(lab) as watch:
        done = lab.play(*words, playbook="playbooks/upgrade_talos.yml")
    assert done.rc == 0, done.output
    assert {host for host, _task in done.changed} >= {"mini01", "mini02", "mini03"}
    assert {node["version"] for node in lab.nodes().values()} == {"v1.10.9"}
    print(f"{watch.looks} looks from outside, at least {watch.etcd} etcd members served at each")
    assert watch.etcd >= 2
    again = lab.play(*words, playbook="playbooks/upgrade_talos.yml")
    assert (again.rc, again.changed) == (0, set())


def test_a_step_over_two_minor_releases_stops_before_the_first_node(lab: Lab) -> None:
    refused = lab.play("-e", "talos_upgrade_version=v1.12.1", playbook="playbooks/upgrade_talos.yml")
    assert refused.rc != 0
    assert {failure.host for failure in refused.failures} == {"mini01"}
    assert "more than one minor release" in refused.failures[0].msg
