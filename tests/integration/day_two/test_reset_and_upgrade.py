# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of day two on a whole lab: a node is reset and comes back, all are upgraded, and slips are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from tests.harness import longhorn
from tests.harness.bgp import until
from tests.harness.lab import Lab
from tests.harness.operator import Operator
from tests.harness.watch import Watch
from tests.integration.day_two.conftest import PHASES, delays, running_versions, snapshots

UPGRADE = "playbooks/upgrade_talos.yml"


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


def kept(lab: Lab) -> set[Path]:
    """Everything that runs have kept so far."""
    return set(Path(lab.controller, "backup").glob("*"))


def test_a_reset_without_a_name_or_with_the_wrong_one_touches_nothing(lab: Lab) -> None:
    before, had = lab.nodes(), kept(lab)
    for words in ((), ("-e", "safe_reset_target=mini02")):
        refused = lab.play(*words, playbook="playbooks/safe_reset.yml")
        assert refused.rc != 0
        assert "Nothing was" in refused.failures[0].msg
        assert "Traceback" not in refused.output
    assert {name: node["boot_id"] for name, node in lab.nodes().items()} == {
        name: node["boot_id"] for name, node in before.items()
    }
    assert kept(lab) == had


def test_a_node_is_reset_and_site_brings_it_back(lab: Lab) -> None:
    words = named(lab, "mini02", hardware_of(lab, "mini02"))
    looked = lab.play(*words, "--check", "--diff", playbook="playbooks/safe_reset.yml")
    assert looked.rc == 0, looked.output
    assert "STATE on /dev/" in looked.output
    assert lab.nodes()["mini02"]["stage"] == "running"
    before = snapshots(lab)
    with Watch(lab) as watch:
        done = lab.play(*words, playbook="playbooks/safe_reset.yml")
        assert done.rc == 0, done.output
        assert lab.nodes()["mini02"]["stage"] == "maintenance"
        back = lab.play("-e", f"@{running_versions(lab)}", "-t", PHASES)
        assert back.rc == 0, back.output
    print(f"{watch.looks} looks from outside, at least {watch.etcd} etcd members served at each")
    assert watch.etcd >= 2
    assert all(node["kubernetes_ready"] for node in lab.nodes().values())
    (snapshot,) = snapshots(lab) - before
    assert snapshot.stat().st_mode & 0o777 == 0o600


def test_a_step_over_two_minor_releases_stops_before_the_first_node(lab: Lab) -> None:
    refused = lab.play("-e", "talos_upgrade_version=v1.12.1", playbook=UPGRADE)
    assert refused.rc != 0
    assert {failure.host for failure in refused.failures} == {"mini01"}
    assert "more than one minor release" in refused.failures[0].msg


# -- a run that stops, goes on or is limited ---------------------------------------------------------------------------
def versions(lab: Lab) -> list[str]:
    return [node["version"] for _name, node in sorted(lab.nodes().items())]


def following(lab: Lab) -> str:
    """The patch release after all that the nodes run."""
    return f"v1.10.{max(int(version.removeprefix('v1.10.')) for version in versions(lab)) + 1}"


def lock(lab: Lab) -> dict[str, Any]:
    """The lock of the cluster's operations."""
    with Operator(lab).kube() as kube:
        return dict(kube.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/homeops-day-two"))


def lock_holder(lab: Lab) -> str:
    """Who holds it; empty when nobody does."""
    return str(lock(lab)["spec"].get("holderIdentity") or "")


class LockWatch:
    """Reads the lock while a run holds it: for how many seconds each node has it, by what it is held for."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.seconds = lab, dict[str, int]()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(0.3):
            try:
                found = lock(self.lab)
            except HomeopsError:  # the API moves when its node goes
                continue
            if found["spec"].get("holderIdentity"):
                purpose = found["metadata"]["annotations"]["homeops.cluster/purpose"]
                self.seconds[purpose] = found["spec"]["leaseDurationSeconds"]

    def __enter__(self) -> LockWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def test_a_node_that_is_refused_leaves_no_lock_behind(lab: Lab) -> None:
    """mini01 has taken the lock and goes; mini02 is refused before it would ask for it."""
    version, others = following(lab), versions(lab)[1:]
    wrong = "talos_upgrade_hardware_id={{ 'C07XXXXXXXXX' if inventory_hostname == 'mini02' else '' }}"
    before = snapshots(lab)
    refused = lab.play("-e", f"talos_upgrade_version={version}", "-e", wrong, playbook=UPGRADE)
    assert refused.rc != 0
    assert [failure.host for failure in refused.failures] == ["mini02"]
    assert versions(lab) == [version, *others]
    assert (len(snapshots(lab) - before), lock_holder(lab)) == (1, "")
    # The way on, which the next test takes as it is: the same command.


def test_a_resumed_run_takes_its_snapshot_and_gives_the_lock_back(lab: Lab) -> None:
    """The first and the last node run the version already, so neither takes the snapshot or gives back the lock."""
    version, old, _last = versions(lab)
    assert old != version
    words = ("-e", f"talos_upgrade_version={version}")
    limited = lab.play(*words, "--limit", "mini03", playbook=UPGRADE)
    assert limited.rc == 0, limited.output
    assert lock_holder(lab) == ""
    assert versions(lab) == [version, old, version]
    before = snapshots(lab)
    looked = lab.play(*words, "--check", "--diff", playbook=UPGRADE)
    assert {host for host, task in looked.changed if task.endswith("Keep what is in etcd")} == {"mini02"}
    assert (lock_holder(lab), snapshots(lab)) == ("", before)
    done = lab.play(*words, playbook=UPGRADE)
    assert done.rc == 0, done.output
    assert {host for host, task in done.changed if task.endswith("Keep what is in etcd")} == {"mini02"}
    assert {host for host, _task in done.changed} == {"mini02"}
    assert (set(versions(lab)), len(snapshots(lab) - before), lock_holder(lab)) == ({version}, 1, "")


# -- a whole run -------------------------------------------------------------------------------------------------------
@pytest.fixture
def volume(storage: Operator) -> Iterator[None]:
    """A volume of Longhorn with a replica on every node, used by a pod."""
    with longhorn.volume(storage, 3):
        yield
        until("the volume is whole", lambda: longhorn.robustness(storage) == ["healthy"])


@pytest.mark.usefixtures("volume")
def test_all_three_are_upgraded_and_the_next_node_waits_until_longhorn_has_healed(lab: Lab) -> None:
    """Each node's replica is rebuilt for some seconds after it is back: nobody has to start the run again."""
    old, version = versions(lab), following(lab)
    words = ("-e", f"talos_upgrade_version={version}")
    looked = lab.play(*words, "--check", "--diff", playbook=UPGRADE)
    assert looked.rc == 0, looked.output
    assert versions(lab) == old
    before = snapshots(lab)
    # Long enough for the cluster to see that a node was away, and for its return before the rebuild ends.
    with delays(lab, talos__reboot=2, platform__rebuild=6), Watch(lab) as watch, LockWatch(lab) as locks:
        done = lab.play(*words, playbook=UPGRADE)
    assert done.rc == 0, done.output
    assert {host for host, _task in done.changed} >= {"mini01", "mini02", "mini03"}
    assert set(versions(lab)) == {version}
    print(f"{watch.looks} looks from outside, at least {watch.etcd} etcd members served at each")
    assert watch.etcd >= 2
    waits = [line for line in done.output.splitlines() if "waiting for Longhorn to heal: volume pvc-" in line]
    assert {line.split()[1] for line in waits} == {"mini02", "mini03"}
    assert f"({longhorn.CLAIM}) is degraded: 2 of 3 replicas are good" in waits[0]
    # The lock outlasts everything that a node may wait for: Longhorn, the others' health, its own return.
    wanted = {f"the upgrade of mini0{number} to Talos {version}" for number in (1, 2, 3)}
    assert {purpose for purpose, seconds in locks.seconds.items() if seconds > 1800 + 300 + 1800} == wanted
    assert (len(snapshots(lab) - before), lock_holder(lab)) == (1, "")
    again = lab.play(*words, playbook=UPGRADE)
    assert (again.rc, again.changed) == (0, set())
