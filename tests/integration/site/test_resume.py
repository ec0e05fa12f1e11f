# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that dies in the middle of the bootstrap: the run says so, and the same command goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness.lab import Lab

#: The phases up to three Ready nodes: each run below is the same command.
PHASES = ("-t", "talos,kubernetes,cni")


def test_a_node_that_dies_while_it_installs_stops_the_run_and_the_next_run_resumes(
    make_lab: Callable[[str], Lab],
) -> None:
    lab = make_lab("127.72")
    lab.command("fault", "mini02", "die_at", "install")
    broken = lab.play(*PHASES, "-e", "talos_wait_timeout=12")
    assert broken.rc != 0
    assert {failure.host for failure in broken.failures} == {"mini02"}
    (failure,) = broken.failures
    assert "mini02" in failure.msg or "127.72.51.12" in failure.msg
    assert "Traceback" not in broken.output
    # Nothing of a later phase was begun on two nodes out of three.
    assert not any("kubernetes" in result.tags for result in broken.results)

    lab.command("fault", "--clear")
    lab.command("power", "on", "mini02")
    resumed = lab.play(*PHASES)
    assert resumed.rc == 0, resumed.output
    applied = {host for host, task in resumed.changed if task.endswith("Apply the machine config")}
    assert applied <= {"mini02"}
    assert all(node["kubernetes_ready"] for node in lab.nodes().values())
    assert lab.play(*PHASES).changed == set()
