# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes and Cilium, from what the API lists."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.overview.cluster import cilium, kubernetes
from ansible_collections.homeops.cluster.plugins.module_utils.overview.gather import FAILED, Answer

from .overview_samples import CILIUM, NAMES, ago, conditions, daemon_set, facts, kube_node, kubernetes as cluster, pod


def told(area: Any) -> list[tuple[str, str, str]]:
    return [(one.severity, one.subject, one.text) for one in area.findings]


def test_a_healthy_cluster_has_nothing_to_tell() -> None:
    area = kubernetes(facts(cluster()))
    assert (area.state, area.findings) == ("ok", [])
    assert area.summary == "the API answers at 4 of 4 doors, 3 of 3 nodes Ready, 0 of 3 pods failing"
    assert [(row["kind"], row["name"]) for row in area.rows] == [
        *(("API", name) for name in ("vip", *NAMES)),
        *(("Node", name) for name in NAMES),
    ]


def test_an_api_server_that_does_not_answer_is_told_by_its_door() -> None:
    found = cluster()
    found["api:mini02"] = Answer("api:mini02", FAILED, reason="connection refused")
    found["api:vip"] = Answer("api:vip", FAILED, reason="no answer within 10 s")
    assert told(kubernetes(facts(found))) == [
        ("critical", "Kubernetes API at the VIP", "no answer within 10 s"),
        ("critical", "Kubernetes API at mini02", "connection refused"),
    ]


def test_an_api_server_of_another_version_is_told() -> None:
    found = cluster()
    found["api:mini03"] = {"ready": "ok", "version": "v1.30.9", "expires": ""}
    assert told(kubernetes(facts(found))) == [
        ("warning", "Kubernetes API at mini03", "runs v1.30.9, wanted is v1.31.1")
    ]


def test_without_lists_the_doors_are_still_told() -> None:
    found = cluster()
    found["kubernetes"] = Answer("kubernetes", FAILED, reason="forbidden")
    area = kubernetes(facts(found))
    assert told(area) == [("critical", "Kubernetes API", "forbidden")]
    assert len(area.rows) == 4
    assert area.summary == "the API answers at 4 of 4 doors"


def test_nodes_and_workloads_that_are_not_ready_are_told() -> None:
    found = cluster()
    found["kubernetes"] = [kube_node("mini01", "False"), kube_node("mini02"), daemon_set(2)]
    assert told(kubernetes(facts(found))) == [
        ("critical", "mini01", "is NotReady in Kubernetes: Ready is False"),
        ("critical", "mini03", "is not listed by the Kubernetes API"),
        ("warning", "DaemonSet kube-system/cilium", "2 of 3 pods are ready"),
    ]


def waiting(reason: str, restarts: int = 0) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "back-off\n 5m0s"}}
    return {"containerStatuses": [{"name": "app", "restartCount": restarts, "state": state}]}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (waiting("CrashLoopBackOff", 7), "app: CrashLoopBackOff (back-off 5m0s), restarted 7 times (on mini02)"),
        (waiting("ImagePullBackOff"), "app: ImagePullBackOff (back-off 5m0s) (on mini02)"),
        ({"phase": "Failed", "reason": "Evicted"}, "failed: Evicted (on mini02)"),
        (
            {"phase": "Pending", "conditions": conditions(PodScheduled="False")},
            "is pending: PodScheduled is False (on mini02)",
        ),
        (
            {"conditions": conditions(Ready="False")},
            f"has not been ready since {ago(hours=1)}: Ready is False (on mini02)",
        ),
    ],
)
def test_what_is_wrong_with_a_pod_is_told(status: dict[str, Any], text: str) -> None:
    bad = pod("app", "mini02", **status)
    area = kubernetes(facts(cluster(bad)))
    assert told(area) == [("warning", "Pod kube-system/app", text)]
    assert area.summary.endswith("1 of 4 pods failing")


def test_what_is_done_or_has_not_had_its_time_is_no_fault() -> None:
    young = pod("young", phase="Pending")
    young["metadata"]["creationTimestamp"] = ago(seconds=60)
    ending = pod("ending", conditions=conditions(Ready="False"))
    ending["metadata"]["deletionTimestamp"] = ago(seconds=30)
    starting = pod("starting", **waiting("ContainerCreating"))
    fresh = conditions(Ready="False")
    fresh[0]["lastTransitionTime"] = ago(seconds=60)
    objects = [pod("job", phase="Succeeded"), young, ending, starting, pod("fresh", conditions=fresh)]
    assert kubernetes(facts(cluster(*objects))).state == "ok"


def test_a_pod_that_does_not_end_is_told() -> None:
    stuck = pod("stuck")
    stuck["metadata"]["deletionTimestamp"] = ago(hours=2)
    assert told(kubernetes(facts(cluster(stuck)))) == [("warning", "Pod kube-system/stuck", "does not end (on mini01)")]


def test_of_one_node_only_its_own_door_and_pods_are_told() -> None:
    bad = [pod(f"bad-{name}", name, **waiting("ErrImagePull")) for name in NAMES]
    found = {key: value for key, value in cluster(*bad).items() if key in ("api:mini02", "api:vip", "kubernetes")}
    area = kubernetes(facts(found, shown=("mini02",)))
    assert [subject for _severity, subject, _text in told(area)] == ["Pod kube-system/bad-mini02"]
    assert [row["name"] for row in area.rows] == ["vip", "mini02", "mini02", "kube-system/bad-mini02"]


def test_cilium_has_its_workloads_and_an_agent_on_every_node() -> None:
    area = cilium(facts(cluster(), workloads=(CILIUM,)))
    assert (area.state, area.summary) == ("ok", "1 of 1 workload as wanted")
    assert [row["name"] for row in area.rows] == ["kube-system/cilium", *(f"cilium on {name}" for name in NAMES)]


def test_an_agent_that_is_missing_or_not_ready_is_told_by_its_node() -> None:
    objects = [*(kube_node(name) for name in NAMES), daemon_set(1), pod("a", "mini01")]
    objects.append(pod("b", "mini02", conditions=conditions(Ready="False")))
    area = cilium(facts({"kubernetes": objects}, workloads=(CILIUM,)))
    assert told(area) == [
        ("critical", "kube-system/cilium", "1 of 3 pods are ready"),
        ("critical", "mini02", "its pod of cilium is not ready"),
        ("critical", "mini03", "has no pod of cilium"),
    ]


def test_an_api_that_cannot_be_asked_makes_cilium_unknown() -> None:
    area = cilium(facts({"kubernetes": Answer("kubernetes", FAILED, reason="no route")}, workloads=(CILIUM,)))
    assert (area.state, area.unknown) == ("unknown", "no route")
    assert told(area) == [("critical", "Cilium", "no route")]
