# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster without a network: a silent API server is named, and installs of Cilium that end in the middle go on.

One walk over one lab that has a cluster and no network yet, in order: each test begins where the one before ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.bgp import Kubernetes
from tests.harness.lab import Lab

SYSTEM = "/api/v1/namespaces/kube-system"
JOBS = "/apis/batch/v1/namespaces/kube-system/jobs"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
WRONG = "quay.io/cilium/cilium-cli:v0.0.0-typo"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with a cluster that has no network."""
    made = Lab("127.73", Path(tmp_path_factory.mktemp("install")))
    made.up()
    first = made.play("-t", "talos,kubernetes")
    assert first.rc == 0, first.output
    yield made
    made.down()


@pytest.fixture
def names(lab: Lab) -> Callable[[str], list[str]]:
    """Return the names of a collection's objects."""
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    return lambda path: [item["metadata"]["name"] for item in kubernetes.ask("GET", path)["items"]]


@pytest.fixture
def states(lab: Lab) -> Callable[[], list[str]]:
    """Return the states of Helm's records of Cilium."""
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    path = f"{SYSTEM}/secrets?labelSelector=owner%3Dhelm,name%3Dcilium"
    return lambda: [item["metadata"]["labels"]["status"] for item in kubernetes.ask("GET", path)["items"]]


def failed(lab: Lab, *extra: str, timeout: int = 8) -> str:
    """Run the phase, see it fail, and return its one message."""
    run = lab.play("-t", "cni", "-e", f"cilium_wait_timeout={timeout}", *extra)
    assert run.rc != 0, run.output
    assert "Traceback" not in run.output
    (failure,) = run.failures
    return failure.msg


def test_a_node_whose_api_is_silent_behind_the_vip_is_named(lab: Lab) -> None:
    lab.command("fault", "door", "mini02", '{"reset": 100000}')
    run = lab.play("-t", "kubernetes", "-e", "kubernetes_wait_timeout=4")
    lab.command("fault", "door", "mini02", '{"reset": 0}')
    (failure,) = run.failures
    assert failure.task.endswith("Wait for the API on every node and on the VIP, and for every node to be listed")
    assert f"mini02 ({lab.net}.51.12:6443): " in failure.msg
    assert "mini01 (" not in failure.msg and "mini03 (" not in failure.msg
    assert lab.play("-t", "kubernetes").changed == set()


def test_an_image_that_does_not_exist_is_told_and_no_rights_stay(lab: Lab, names: Callable[[str], list[str]]) -> None:
    text = f'Back-off pulling image "{WRONG}"'
    fault = {"kind": "Job", "name": "cilium-install", "image": WRONG, "reason": "ImagePullBackOff", "message": text}
    lab.command("fault", "workload", json.dumps(fault))
    message = failed(lab, "-e", f"cilium_cli_image={WRONG}")
    assert f"ImagePullBackOff: {text}" in message
    assert "Check the name and the tag of the image" in message
    # The Job is there to be looked at; what may do anything in the cluster is not.
    assert "cilium-install" in names(JOBS)
    assert "cilium-install" not in names(BINDINGS)


def test_a_prediction_sees_past_the_job_that_cannot_be_changed(lab: Lab) -> None:
    before = lab.writes()
    check = lab.play("-t", "cni", "--check", "--diff")
    assert check.rc == 0, check.output
    assert ("localhost", "homeops.cluster.cilium : Run the installer Job") in check.changed
    assert lab.writes() == before


@pytest.mark.parametrize(("reason", "state"), [("Killed", "pending-install"), ("Refused", "failed")])
def test_an_install_that_breaks_says_how_it_began(
    lab: Lab, names: Callable[[str], list[str]], states: Callable[[], list[str]], reason: str, state: str
) -> None:
    fault = {"kind": "Release", "name": "cilium", "reason": reason, "message": "it broke in the middle", "times": 1}
    lab.command("fault", "workload", json.dumps(fault))
    message = failed(lab, timeout=30)
    # The Job of the wrong image, then the record of the broken install, were in its way.
    assert "field is immutable" not in message
    # The first attempt names the cause; all later ones only meet what it has left.
    assert "it broke in the middle" in message
    assert "cannot re-use a name that is still in use" in message
    assert states() == [state]
    assert "cilium-install" not in names(BINDINGS)


def test_a_run_that_stops_waiting_takes_the_rights_from_an_installer_that_still_works(
    lab: Lab, names: Callable[[str], list[str]], states: Callable[[], list[str]]
) -> None:
    lab.command("fault", "delays.cilium.install", "600")
    message = failed(lab)
    assert "0 of 1 completions, 1 pods active" in message
    assert states() == []
    assert "cilium-install" in names(JOBS)
    assert "cilium-install" not in names(BINDINGS)
    lab.command("fault", "delays.cilium.install", "0.1")


def test_the_same_command_installs_over_what_never_finished(
    lab: Lab, names: Callable[[str], list[str]], states: Callable[[], list[str]]
) -> None:
    run = lab.play("-t", "cni")
    assert run.rc == 0, run.output
    assert states() == ["deployed"]
    assert "cilium-install" not in names(JOBS) + names(BINDINGS) + names(f"{SYSTEM}/serviceaccounts")
    assert not [name for name in names(f"{SYSTEM}/pods") if name.startswith("cilium-install")]
    assert all(node["kubernetes_ready"] for node in lab.nodes().values())
    again = lab.play("-t", "cni")
    assert (again.rc, again.changed) == (0, set()), again.output


def test_a_release_that_lost_its_objects_is_left_alone(lab: Lab, states: Callable[[], list[str]]) -> None:
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    path = "/apis/apps/v1/namespaces/kube-system/deployments/cilium-operator"
    kubernetes.ask("DELETE", path)
    before = lab.writes()
    message = failed(lab)
    assert "is deployed, but the DaemonSet cilium or the Deployment cilium-operator is gone" in message
    assert (states(), lab.writes()) == (["deployed"], before)
