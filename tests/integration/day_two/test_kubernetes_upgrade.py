# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/upgrade_kubernetes.yml on a whole lab: refused, predicted, done under watch, and stable afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.lab import Lab
from tests.harness.watch import Watch
from tests.integration.day_two.conftest import PHASES, delays, snapshots, with_kubernetes

BOOK = "playbooks/upgrade_kubernetes.yml"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")


@pytest.fixture(scope="module")
def model(lab: Lab) -> Path:
    """The model with the next version of Kubernetes."""
    return with_kubernetes(lab, "v1.31.6")


def running(lab: Lab) -> dict[str, dict[str, str]]:
    """What every node runs, by component."""
    return {name: node["kubernetes"] for name, node in lab.nodes().items()}


def all_of(version: str) -> dict[str, dict[str, str]]:
    return {f"mini0{number}": dict.fromkeys(COMPONENTS, version) for number in (1, 2, 3)}


def test_the_version_must_be_named_and_the_refusal_changes_nothing(lab: Lab, model: Path) -> None:
    before = snapshots(lab)
    for words, text in (
        ((), "confirm is empty. Name the version that is wanted: v1.31.6"),
        (("-e", "kubernetes_upgrade_confirm=v1.31.5"), "confirm says 'v1.31.5'"),
    ):
        refused = lab.play("-e", f"@{model}", *words, playbook=BOOK)
        assert refused.rc != 0
        assert text in refused.failures[-1].msg
        assert "Nothing was sent" in refused.failures[-1].msg
        assert "Traceback" not in refused.output
    assert running(lab) == all_of("v1.31.1")
    assert snapshots(lab) == before


def test_site_leaves_another_version_to_the_upgrade(lab: Lab, model: Path) -> None:
    refused = lab.play("-e", f"@{model}", "-t", "talos")
    assert refused.rc != 0
    assert "upgrade_kubernetes.yml" in refused.failures[0].msg
    assert running(lab) == all_of("v1.31.1")


def test_a_step_over_a_minor_release_is_refused(lab: Lab) -> None:
    refused = lab.play("-e", "kubernetes_upgrade_version=v1.33.1", "--check", playbook=BOOK)
    assert refused.rc != 0
    assert "more than one minor release" in refused.failures[0].msg
    older = lab.play("-e", "kubernetes_upgrade_version=v1.30.9", "--check", playbook=BOOK)
    assert older.rc != 0
    assert "does not go back" in older.failures[0].msg


def test_the_cluster_is_upgraded_and_two_of_three_stay_up(lab: Lab, model: Path) -> None:
    looked = lab.play("-e", f"@{model}", "--check", "--diff", playbook=BOOK)
    assert looked.rc == 0, looked.output
    assert "+mini03 kubelet: ghcr.io/siderolabs/kubelet:v1.31.6" in looked.output
    assert running(lab) == all_of("v1.31.1")
    before = snapshots(lab)
    # The v may be left out, and the snapshot is taken all the same.
    words = ("-e", f"@{model}", "-e", "kubernetes_upgrade_confirm=1.31.6")
    # Long enough for an API server's restart to be seen.
    with delays(lab, talos__static_pods=0.4), Watch(lab) as watch:
        done = lab.play(*words, playbook=BOOK)
    assert done.rc == 0, done.output
    print(
        f"{watch.looks} looks from outside, at each at least {watch.etcd} of 3 etcd members and {watch.api} of 3 API "
        f"servers were up; {done.seconds:.1f} s"
    )
    assert running(lab) == all_of("v1.31.6")
    assert len(snapshots(lab) - before) == 1
    assert watch.looks >= 10
    assert watch.etcd == 3
    assert watch.api >= 2
    again = lab.play("-e", f"@{model}", playbook=BOOK)
    assert (again.rc, again.changed) == (0, set()), again.output
    site = lab.play("-e", f"@{model}", "-t", PHASES)
    assert (site.rc, site.changed) == (0, set()), site.output
