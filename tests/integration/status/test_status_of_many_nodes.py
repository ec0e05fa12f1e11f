# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many simulated nodes asked at once: the ones that hang are named, and how a node differs from the model is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.modules import cluster_report
from tests.harness.talos_nodes import BUNDLE, TalosNodes

NET = "127.50"
COUNT = 12


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TalosNodes]:
    with TalosNodes(tmp_path_factory.mktemp("many"), net=NET, count=COUNT) as running:
        for number in range(1, 4):
            running.apply(number)
        yield running


def report(nodes: TalosNodes, count: int, **more: Any) -> dict[str, Any]:
    """Report on nodes and etcd of the first nodes."""
    wanted = nodes.arguments(1)
    given = {
        "cluster": "home-ops",
        "areas": ["nodes", "etcd"],
        "nodes": [nodes.door(number) for number in range(1, count + 1)],
        "talosconfig": str(nodes.talosconfig),
        "machine_config": {
            key: wanted[key] for key in ("cluster_name", "endpoint", "talos_version", "kubernetes_version")
        }
        | {"secrets_file": str(BUNDLE)},
        "declared": {
            "nodes": [
                {"name": f"mini{number:02d}", "patches": nodes.arguments(number)["patches"]}
                for number in range(1, count + 1)
            ]
        },
        "fail_on": "never",
        **more,
    }
    checked = ArgumentSpecValidator(cluster_report.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return dict(cluster_report.run(checked.validated_parameters, Context())["report"])


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in found["areas"][0]["rows"]}


def test_nodes_in_maintenance_and_nodes_that_hang_are_told_apart_and_all_are_there(nodes: TalosNodes) -> None:
    for node in nodes.nodes[4:9]:
        nodes.do(lambda node=node: setattr(node.faults, "delay", {"*": 600}))
    try:
        found = report(nodes, COUNT, timeouts={"talos": 10})
    finally:
        for node in nodes.nodes[4:9]:
            nodes.do(lambda node=node: setattr(node.faults, "delay", {}))
    seen = rows(found)
    assert list(seen) == [f"mini{number:02d}" for number in range(1, COUNT + 1)]
    hanging = {f"mini{number:02d}" for number in range(5, 10)}
    assert {name for name, row in seen.items() if row["mode"] == "unreachable"} == hanging
    assert {one["name"]: (one["state"], one["timeout"]) for one in found["sources"] if one["state"] == "timeout"} == {
        f"talos:{name}": ("timeout", 10.0) for name in hanging
    }
    assert {name for name, row in seen.items() if row["mode"] == "maintenance"} == {
        "mini04",
        "mini10",
        "mini11",
        "mini12",
    }
    assert [seen[name]["model"] for name in ("mini01", "mini02", "mini03")] == ["as declared"] * 3


def test_a_node_that_differs_from_the_model_says_in_what(nodes: TalosNodes) -> None:
    nodes.apply(2, [{"machine": {"sysctls": {"vm.max_map_count": "262144"}}}])
    try:
        found = report(nodes, 3)
    finally:
        nodes.apply(2)
    seen = rows(found)
    assert seen["mini02"]["drift"] == ["v1alpha1.machine.sysctls"]
    assert (seen["mini01"]["drift"], seen["mini03"]["drift"]) == ([], [])
    assert ("warning", "mini02", "differs from the model in v1alpha1.machine.sysctls") in {
        (one["severity"], one["subject"], one["text"]) for one in found["findings"]
    }


def test_a_config_that_waits_for_a_reboot_is_told(nodes: TalosNodes) -> None:
    nodes.apply(3, [{"machine": {"sysctls": {"vm.swappiness": "1"}}}], mode="staged")
    try:
        found = report(nodes, 3)
    finally:
        nodes.apply(3)
    assert (rows(found)["mini03"]["config"], rows(found)["mini03"]["pending_reboot"]) == ("staged", True)
    assert rows(found)["mini01"]["pending_reboot"] is False


def test_no_secret_of_the_bundle_is_in_the_report(nodes: TalosNodes) -> None:
    text = str(report(nodes, 3))
    for secret in (nodes.bundle.as_dict()["secrets"]["bootstraptoken"], nodes.bundle.as_dict()["trustdinfo"]["token"]):
        assert secret not in text
