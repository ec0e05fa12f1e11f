# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``site.yml`` from nothing to three Ready nodes, and what each way of running it promises.

The tests of this module are one walk over one lab, in order: each begins where the one before ended.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.harness.bgp import Kubernetes
from tests.harness.lab import CHECKOUT, LOUD, Lab, Run

NODES = ["mini01", "mini02", "mini03"]


@pytest.fixture(scope="module")
def lab(walked: Lab) -> Lab:
    """The lab of the walk."""
    return walked


def test_a_check_run_on_bare_nodes_changes_nothing(
    predicted: Run, after_prediction: tuple[dict[str, str], list[Path]]
) -> None:
    assert predicted.rc == 0, predicted.output
    assert after_prediction == (dict.fromkeys(NODES, "maintenance"), [])


def test_the_cold_run_ends_with_three_ready_nodes(lab: Lab, cold: Run) -> None:
    assert cold.rc == 0, cold.output
    assert {name: (node["stage"], node["kubernetes_ready"]) for name, node in lab.nodes().items()} == dict.fromkeys(
        NODES, ("running", True)
    )
    for name in NODES:
        assert any(name in line and "Ready" in line for line in cold.output.splitlines()), "no row in the status table"


def test_the_check_run_predicted_exactly_what_the_cold_run_did(predicted: Run, cold: Run) -> None:
    assert predicted.changed == cold.changed


def test_credentials_are_private(lab: Lab, cold: Run) -> None:
    # Git keeps modes of its own below a directory that nobody else can enter.
    (clone,) = lab.controller.glob("*.git")
    assert oct(clone.stat().st_mode & 0o777) == "0o700"
    files = [path for path in lab.controller.rglob("*") if path.is_file() and clone not in path.parents]
    assert {"secrets.yaml", "talosconfig", "kubeconfig"} <= {path.name for path in files}
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {path.name: "0o600" for path in files}


def test_the_demo_again_changes_and_writes_nothing_and_says_how_to_look_around(lab: Lab, cold: Run) -> None:
    before = lab.writes()
    boots = {name: node["boot_id"] for name, node in lab.nodes().items()}
    again = lab.demo(*LOUD)
    assert again.rc == 0, again.output
    assert again.changed == set()
    assert lab.writes() == before
    assert {name: node["boot_id"] for name, node in lab.nodes().items()} == boots
    assert re.findall(r"^(\w+) +: ok=.* changed=(\d+)", again.output, re.M) == [
        (host, "0") for host in ("localhost", *NODES, "udm")
    ]
    assert all(re.search(rf"^{name} .*Ready", again.output, re.M) for name in NODES), "no row in the status table"
    assert (CHECKOUT / "tools" / "demo.txt").read_text(encoding="utf-8") in again.output


def test_a_check_run_on_a_standing_cluster_predicts_nothing(lab: Lab, cold: Run) -> None:
    check = lab.play("--check", "--diff")
    assert check.rc == 0, check.output
    assert check.changed == set()


@pytest.mark.parametrize(
    "tag", ["talos", "kubernetes", "cni", "gitops", "secrets", "bgp", "platform", "identity", "verify"]
)
def test_one_tag_runs_its_phase_and_the_preflight_only(lab: Lab, cold: Run, tag: str) -> None:
    run = lab.play("-t", tag)
    assert run.rc == 0, run.output
    assert run.changed == set()
    seen = {other for result in run.results if result.status == "ok" for other in result.tags}
    assert seen <= {tag, "preflight", "always"}
    assert tag in seen
    # A role's argument spec is validated by a task that has the tag always: another phase's role is not even loaded.
    checked = [result for result in run.results if "Validating arguments" in result.task]
    assert checked and all(tag in result.tags for result in checked)


def test_what_no_system_exports_reaches_a_file_and_the_exporter(lab: Lab, cold: Run, tmp_path: Path) -> None:
    path = tmp_path / "homeops.prom"
    run = lab.play("-e", f"metrics_dest={path}", playbook="playbooks/metrics.yml")
    assert run.rc == 0, run.output
    assert oct(path.stat().st_mode & 0o777) == "0o644"
    values = dict(line.rsplit(" ", 1) for line in path.read_text().splitlines() if not line.startswith("#"))

    def of(name: str) -> dict[str, str]:
        return {key: value for key, value in values.items() if key.partition("{")[0] == name}

    assert set(of("homeops_system_answered").values()) == {"1"} and len(of("homeops_system_answered")) == 4
    sessions = of("homeops_bgp_session_up")
    assert set(sessions.values()) == {"1"}
    assert all(f'node="{name}"' in str(sessions) for name in NODES) and 'end="router"' in str(sessions)
    announced, accepted = of("homeops_route_announcing_nodes"), of("homeops_route_accepted_nodes")
    assert list(announced.values()) == list(accepted.values()) and "172.29.52.200/32" in str(accepted)
    assert set(of("homeops_outpost_healthy").values()) == {"1"}
    broken = {key: value for key, value in of("homeops_service_link_state").items() if 'state="broken"' in key}
    assert broken and set(broken.values()) == {"0"}

    # The exporter runs before there is anything to export, and gets the same text.
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    held = kubernetes.ask("GET", "/api/v1/namespaces/monitoring/configmaps/homeops-metrics")
    assert held["data"] == {"homeops.prom": path.read_text()}
    exporter = kubernetes.ask("GET", "/apis/apps/v1/namespaces/monitoring/deployments/homeops-metrics")
    assert exporter["status"]["readyReplicas"] == 1

    lab.command("fault", "authentik", '{"outpost_down": true}')
    sick = lab.play("-e", f"metrics_dest={path}", playbook="playbooks/metrics.yml")
    lab.command("fault", "authentik", '{"outpost_down": false}')
    assert sick.rc == 0, sick.output
    assert 'homeops_outpost_healthy{outpost="authentik Embedded Outpost",type="proxy"} 0' in path.read_text()


def test_a_changed_value_of_the_model_is_predicted_applied_live_and_then_quiet(lab: Lab, cold: Run) -> None:
    values = json.dumps(
        {
            "talos_patches": "{{ homeops_model | homeops.cluster.talos_patches(inventory_hostname) "
            "+ [{'machine': {'sysctls': {'vm.swappiness': '1'}}}] }}"
        }
    )
    boots = {name: node["boot_id"] for name, node in lab.nodes().items()}
    check = lab.play("-t", "talos", "--check", "--diff", "-e", values)
    assert check.rc == 0, check.output
    assert check.changed == {(name, "homeops.cluster.talos : Apply the machine config") for name in NODES}
    assert "vm.swappiness" in check.output
    assert "is being tried" not in check.output
    real = lab.play("-t", "talos", "-e", values, *LOUD)
    assert real.rc == 0, real.output
    assert real.changed == check.changed
    assert lab.play("-t", "talos", "-e", values).changed == set()
    assert {name: node["boot_id"] for name, node in lab.nodes().items()} == boots


def test_limit_addresses_one_node(lab: Lab, cold: Run) -> None:
    run = lab.play("-t", "talos", "--limit", "mini02")
    assert run.rc == 0, run.output
    assert {result.host for result in run.results} == {"mini02"}
    assert "homeops.cluster.preflight : Check the model across its layers" in run.ran
    # The other two take back what the test before has changed, and the walk goes on with the model as it is.
    assert {host for host, _task in lab.play("-t", "talos").changed} == {"mini01", "mini03"}


def test_an_installer_that_an_interrupted_run_left_is_taken_away(lab: Lab, cold: Run) -> None:
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    place = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    kubernetes.ask("POST", place, {"metadata": {"name": "cilium-install"}, "roleRef": role, "subjects": []})
    run = lab.play("-t", "cni")
    assert run.rc == 0, run.output
    left = [item["metadata"]["name"] for item in kubernetes.ask("GET", place)["items"]]
    assert "cilium-install" not in left


def test_another_version_of_cilium_is_refused_at_once(lab: Lab, cold: Run) -> None:
    before = lab.writes()
    run = lab.play("-t", "cni", "-e", "cilium_version=1.17.5")
    assert run.rc != 0
    assert "1.17.6 runs and 1.17.5 is wanted" in " ".join(run.output.split())
    assert lab.writes() == before
