# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node loses its power in the middle of an upgrade, a reset or a restore: the next run finishes, and nothing is lost.

``HOMEOPS_TEST_KILLS`` says how many cuts are made (5 by default, one of each kind),
``HOMEOPS_TEST_SEED`` where they fall.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.modules import talos_kubernetes_upgrade, talos_reset, talos_upgrade
from lab.talos.spec import NodeSpec
from tests.harness.lab import Lab
from tests.harness.operator import NODES
from tests.harness.power_cuts import Operation, PowerCuts, choose
from tests.harness.restores import Restores
from tests.integration.day_two.conftest import PHASES, running_versions, with_kubernetes

KILLS = int(os.environ.get("HOMEOPS_TEST_KILLS", "5"))
SEED = int(os.environ.get("HOMEOPS_TEST_SEED", "20260707"))


class Work:
    """The operations that are disturbed, each with a new target: an upgrade goes to a version that was not there."""

    def __init__(self, cuts: PowerCuts) -> None:
        self.cuts, self.lab = cuts, cuts.lab
        # The versions of before are those that other tests have left; patch releases can be had for the asking.
        self._patches = itertools.count(20)
        self._wanted = {"talos": "", "kubernetes": ""}

    def operations(self) -> list[Operation]:
        """Each with the number of moments that a node sees in an undisturbed run."""
        talos, kubernetes, reset = (dict.fromkeys(NODES, moments) for moments in (15, 28, 10))
        return [
            Operation("Talos upgrade", self._talos, talos, self._runs_talos, self._next("talos")),
            Operation(
                "Kubernetes upgrade", self._kubernetes, kubernetes, self._runs_kubernetes, self._next("kubernetes")
            ),
            Operation(
                "reset", self._reset, reset, lambda nodes, name: nodes[name]["stage"] == "maintenance", self._back
            ),
        ]

    def _next(self, kind: str) -> Callable[[str], None]:
        def forget(_name: str) -> None:
            self._wanted[kind] = ""

        return forget

    def _version(self, kind: str, minor: str) -> str:
        """The version of this cut, the same for all its runs."""
        self._wanted[kind] = self._wanted[kind] or f"{minor}.{next(self._patches)}"
        return self._wanted[kind]

    def _talos(self, name: str, seconds: int) -> None:
        schematic = self.cuts.nodes()[name]["schematic"]
        self.cuts.call(
            talos_upgrade,
            **self.cuts.door(name),
            **self.cuts.talos,
            image=f"factory.talos.dev/installer/{schematic}:{self._version('talos', 'v1.10')}",
            control_planes=self.cuts.doors,
            wait_timeout=seconds,
        )

    def _runs_talos(self, nodes: Mapping[str, Any], name: str) -> bool:
        return bool(nodes[name]["version"] == self._wanted["talos"])

    def _kubernetes(self, _name: str, seconds: int) -> None:
        version = self._version("kubernetes", "v1.31")
        self.cuts.call(
            talos_kubernetes_upgrade,
            **self.cuts.talos,
            nodes=self.cuts.doors,
            kubeconfig=self.cuts.kubeconfig,
            version=version,
            confirm=version,
            health_timeout=seconds,
            step_timeout=seconds,
        )

    def _runs_kubernetes(self, nodes: Mapping[str, Any], _name: str) -> bool:
        return {tag for node in nodes.values() for tag in node["kubernetes"].values()} == {self._wanted["kubernetes"]}

    def _reset(self, name: str, seconds: int) -> None:
        machine = NodeSpec(name, "", "").uuid
        self.cuts.call(
            talos_reset,
            **self.cuts.door(name),
            **self.cuts.talos,
            confirm=name,
            hardware_id=machine,
            control_planes=self.cuts.doors,
            wait_timeout=seconds,
        )

    def _back(self, name: str) -> None:
        """What site.yml does for a node in maintenance, with the version that the others run."""
        other = next(node for node in self.cuts.nodes().values() if node["name"] != name)
        path = with_kubernetes(self.lab, other["kubernetes"]["kubelet"])
        done = self.lab.play("-e", f"@{path}", "-l", name, playbook="playbooks/talos.yml")
        assert done.rc == 0, done.output


def go_on(lab: Lab) -> None:
    """site.yml with the version that the nodes run."""
    done = lab.play("-e", f"@{running_versions(lab)}", "-t", PHASES)
    assert done.rc == 0, done.output


# A run that loses its node waits for it, and a reset node is brought back by a play.
@pytest.mark.timeout(300 + 90 * KILLS)
def test_every_cut_is_finished_by_the_next_run(lab: Lab, tmp_path: Path) -> None:
    cuts = PowerCuts(lab)
    cuts.healthy()
    cuts.plant()
    print(f"{KILLS} power cuts, HOMEOPS_TEST_SEED={SEED}")
    finished = 0
    operations = [*Work(cuts).operations(), *Restores(cuts, tmp_path, lambda: go_on(lab)).operations()]
    for cut in choose(SEED, KILLS, operations):
        print(cuts.make(cut).text, flush=True)
        finished += 1
    print(f"{finished} of {KILLS} converged, the seed in etcd and in Kubernetes is there")
    assert finished == KILLS
