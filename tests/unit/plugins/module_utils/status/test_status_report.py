# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: what each answer of a system does to it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.status import report as status, table

NAMES = ("mini01", "mini02")
WANTED = status.Wanted(
    nodes=NAMES,
    talos="v1.10.5",
    kubernetes="v1.31.1",
    workloads=({"kind": "DaemonSet", "namespace": "kube-system", "name": "cilium", "version": "1.17.6"},),
)


def talos() -> list[dict[str, Any]]:
    """Two nodes that stand."""
    members = [{"id": "a", "hostname": "mini01"}, {"id": "b", "hostname": "mini02"}]
    return [
        {
            "name": name,
            "mode": "configured",
            "stage": "running",
            "ready": True,
            "unmet": [],
            "version": "v1.10.5",
            "config": "in_sync",
            "time_synced": True,
            "etcd": {"running": True, "voter": True, "leader": name == "mini01", "members": members, "alarms": []},
        }
        for name in NAMES
    ]


def kubernetes() -> list[dict[str, Any]]:
    """Two Ready nodes and Cilium."""
    nodes: list[dict[str, Any]] = [
        {
            "kind": "Node",
            "metadata": {"name": name},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"kubeletVersion": "v1.31.1"},
            },
        }
        for name in NAMES
    ]
    image = "quay.io/cilium/cilium:v1.17.6@sha256:00"
    return [
        *nodes,
        {
            "kind": "DaemonSet",
            "metadata": {"name": "cilium", "namespace": "kube-system"},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
            "status": {"numberReady": 2, "desiredNumberScheduled": 2},
        },
    ]


def findings(
    nodes: list[dict[str, Any]], objects: list[dict[str, Any]] | None, reason: str = ""
) -> list[tuple[str, str]]:
    """``(severity, subject)`` of what is found."""
    return [(f.severity, f.subject) for f in status.build(WANTED, nodes, objects, reason).findings]


def test_a_standing_cluster_has_no_finding() -> None:
    report = status.build(WANTED, talos(), kubernetes())
    assert report.findings == []
    assert report.worst == "ok"
    assert [row.etcd for row in report.nodes] == ["leader", "voter"]
    assert report.workloads == [status.WorkloadRow("kube-system/cilium", "2/2", "v1.17.6")]
    assert table.render(report).endswith("everything stands")


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        ({"mode": "unreachable", "reason": "connection refused"}, "error"),
        ({"mode": "maintenance"}, "error"),
        ({"stage": "booting", "ready": False, "unmet": [{"name": "services", "reason": "etcd not running"}]}, "error"),
        ({"ready": False, "unmet": [{"name": "nodeReady", "reason": "x"}]}, "error"),
        ({"version": "v1.10.4"}, "warning"),
        ({"config": "staged"}, "warning"),
        ({"config": "try"}, "warning"),
        ({"time_synced": False}, "warning"),
    ],
)
def test_each_fault_of_a_node_is_one_finding_about_it(change: dict[str, Any], severity: str) -> None:
    nodes = talos()
    nodes[1] |= change
    assert findings(nodes, kubernetes()) == [(severity, "mini02")]


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"running": False, "reason": "x", "members": []}, "mini02"),
        ({"voter": False}, "mini02"),
        ({"alarms": [{"alarm": "NOSPACE", "member_id": "b"}]}, "mini02"),
        ({"members": [{"id": "c", "hostname": "mini02"}]}, "etcd"),
    ],
)
def test_each_fault_of_etcd_is_an_error(change: dict[str, Any], subject: str) -> None:
    nodes = talos()
    nodes[1]["etcd"] |= change
    assert findings(nodes, kubernetes()) == [("error", subject)]


def test_a_lost_member_is_seen_although_all_agree() -> None:
    nodes = talos()
    for node in nodes:
        node["etcd"]["members"] = [{"id": "a", "hostname": "mini01"}]
    assert findings(nodes, kubernetes()) == [("error", "etcd")]


def test_what_kubernetes_says_counts_too() -> None:
    objects = kubernetes()
    objects[0]["status"]["conditions"][0] |= {"status": "False", "message": "cni plugin not initialized"}
    objects[1]["status"]["nodeInfo"]["kubeletVersion"] = "v1.31.0"
    objects[2]["status"]["numberReady"] = 1
    assert findings(talos(), objects) == [
        ("error", "mini01"),
        ("warning", "mini02"),
        ("error", "kube-system/cilium"),
    ]


def test_a_node_or_workload_that_is_not_there_is_named() -> None:
    assert findings(talos(), kubernetes()[1:2]) == [("error", "mini01"), ("error", "kube-system/cilium")]


def test_an_api_that_does_not_answer_is_one_finding_and_the_nodes_are_still_shown() -> None:
    report = status.build(WANTED, talos(), None, "connection refused")
    assert [(f.subject, f.text) for f in report.findings] == [("Kubernetes API", "connection refused")]
    assert [row.kubernetes for row in report.nodes] == ["-", "-"]


def test_a_node_that_was_never_asked_is_no_gap() -> None:
    assert findings(talos()[:1], kubernetes()) == [("error", "mini02")]


def test_the_report_as_data_holds_what_the_table_shows() -> None:
    nodes = deepcopy(talos())
    nodes[0]["mode"] = "maintenance"
    report = status.build(WANTED, nodes, kubernetes())
    data = report.as_dict()
    assert data["worst"] == "error"
    text = table.render(report)
    for row in data["nodes"]:
        assert row["name"] in text
    assert "ERROR    mini01: is in maintenance" in text
    assert text.endswith("1 error")


def test_columns_line_up() -> None:
    lines = table.columns(("A", "B"), [("long cell", "x"), ("y", "z")]).splitlines()
    assert {line.index(cell) for line, cell in zip(lines, "Bxz", strict=True)} == {len("long cell") + 2}
