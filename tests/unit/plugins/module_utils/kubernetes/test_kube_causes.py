# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a workload is not ready, as its pods tell it."""

from __future__ import annotations

from typing import Any

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import causes


def pod(name: str, *states: dict[str, Any], born: str = "2026-01-01T00:00:00Z", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": born},
        "status": {"containerStatuses": [{"name": "c", "ready": False, **state} for state in states], **status},
    }


def waiting(reason: str, message: str = "", before: dict[str, Any] | None = None) -> dict[str, Any]:
    body = {"reason": reason, **({"message": message} if message else {})}
    return {"state": {"waiting": body}, "lastState": {"terminated": before} if before else {}}


def told(*pods: dict[str, Any]) -> list[str]:
    return [f"{name}: {trouble.text}" for name, trouble in causes.troubles(pods)]


def test_an_image_that_cannot_be_pulled_is_told_once_for_all_pods() -> None:
    state = waiting("ImagePullBackOff", 'Back-off pulling image "x:v0"')
    assert told(pod("a", state), pod("b", state)) == ['a: ImagePullBackOff: Back-off pulling image "x:v0"']


def test_a_crash_is_told_with_how_the_container_ended() -> None:
    state = waiting("CrashLoopBackOff", "back-off 10s", {"exitCode": 1, "reason": "Error", "message": "no\n such file"})
    assert told(pod("a", state)) == ["a: CrashLoopBackOff: back-off 10s", "a: Error (exit code 1): no such file"]


def test_the_oldest_pod_that_failed_speaks_first_and_three_are_enough() -> None:
    ended = [
        pod(f"p{n}", {"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": f"m{n}"}}}, born=f"{n}")
        for n in (4, 2, 3, 1)
    ]
    assert told(*ended) == [f"p{n}: Error (exit code 1): m{n}" for n in (1, 2, 3)]


def test_of_a_long_message_the_end_is_kept() -> None:
    (text,) = told(pod("a", waiting("Error", "x" * 5000 + " the cause")))
    assert text.endswith("the cause") and len(text) < 350


def test_a_pod_without_a_node_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    assert told(pod("a", conditions=[condition])) == ["a: Unschedulable: 0/3 nodes"]


def test_what_is_ready_on_its_way_or_done_is_silent() -> None:
    done = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    assert told(pod("a", {"ready": True}), pod("b", waiting("ContainerCreating")), pod("c", done)) == []


def test_an_evicted_pod_has_no_containers_and_tells_it_itself() -> None:
    assert told(pod("a", phase="Failed", reason="Evicted", message="low on disk")) == ["a: Evicted: low on disk"]


def test_selectors_are_written_as_the_api_takes_them() -> None:
    rules = [
        {"key": "a", "operator": "In", "values": ["1", "2"]},
        {"key": "b", "operator": "NotIn", "values": ["3"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    body = {"spec": {"selector": {"matchLabels": {"app": "x"}, "matchExpressions": rules}}}
    assert causes.selector(body) == "app=x,a in (1,2),b notin (3),c,!d"
    assert causes.selector({"spec": {}}) == ""
