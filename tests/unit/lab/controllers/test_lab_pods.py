# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduling rules, selectors and the other pure parts of the controllers."""

from __future__ import annotations

import calendar
from collections import Counter
from typing import Any

import pytest

from lab.controllers import base, cronjob, pods
from lab.controllers.daemonset import at_least_one, eligible, pinned_node
from lab.controllers.scheduler import choose

NOT_READY = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


def node(name: str = "mini01", taints: list[Any] | None = None, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints or []}}


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "a", "operator": "Equal", "value": "1"}, True),
        ({"key": "a", "value": "2"}, False),
        ({"key": "b", "operator": "Exists"}, False),
        ({"value": "1"}, False),
    ],
)
def test_tolerations(toleration: dict[str, Any], tolerated: bool) -> None:
    taint = {"key": "a", "value": "1", "effect": "NoSchedule"}
    assert pods.tolerates({"tolerations": [toleration]}, taint) is tolerated


def test_a_pod_without_toleration_stays_pending_while_no_node_is_ready() -> None:
    pod = {"spec": {"containers": []}}
    nodes = [node(f"mini0{i}", NOT_READY) for i in (1, 2, 3)]
    chosen, why = choose(pod, nodes, Counter())
    assert chosen == ""
    assert why == "0/3 nodes are available: 3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
    assert choose({"spec": {"tolerations": [{"operator": "Exists"}]}}, nodes, Counter({"mini01": 1}))[0] == "mini02"
    assert choose(pod, [], Counter()) == ("", "no nodes available to schedule pods")


def test_a_cordoned_node_and_a_wrong_selector_are_named() -> None:
    cordoned = node()
    cordoned["spec"]["unschedulable"] = True
    assert choose({"spec": {}}, [cordoned], Counter())[1].endswith("1 node(s) were unschedulable.")
    assert (
        "didn't match Pod's node affinity/selector"
        in choose({"spec": {"nodeSelector": {"a": "b"}}}, [node()], Counter())[1]
    )


def test_a_daemon_pod_goes_where_its_template_tolerates_only() -> None:
    assert eligible({"tolerations": [{"operator": "Exists"}]}, node(taints=NOT_READY))
    assert not eligible({}, node(taints=NOT_READY))
    assert eligible({}, node(taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]))
    assert eligible({}, node(taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]))


def test_affinity_terms_are_alternatives_and_their_rules_all_hold() -> None:
    def spec(*terms: list[dict[str, Any]]) -> dict[str, Any]:
        required = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
        return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}

    exists = {"key": "a", "operator": "Exists"}
    assert pods.selects_node(spec([exists]), node(a=""))
    assert not pods.selects_node(spec([exists]), node())
    assert pods.selects_node(spec([exists], [{"key": "b", "operator": "In", "values": ["1"]}]), node(b="1"))
    assert not pods.selects_node(spec([exists, {"key": "b", "operator": "In", "values": ["1"]}]), node(b="1"))
    assert pods.selects_node(spec([{"key": "n", "operator": "Gt", "values": ["1"]}]), node(n="2"))
    assert pods.selects_node(spec([{"key": "a", "operator": "NotIn", "values": ["1"]}]), node())


def test_the_pinned_node_is_the_bound_one_or_the_one_in_the_affinity() -> None:
    terms = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["mini02"]}]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert pinned_node({"spec": {"affinity": affinity}}) == "mini02"
    assert pinned_node({"spec": {"nodeName": "mini03", "affinity": affinity}}) == "mini03"
    assert pinned_node({"spec": {}}) == ""


@pytest.mark.parametrize(
    ("selector", "labels", "wanted"),
    [
        (None, {}, False),
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, {"a": "2"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["never-used-value"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {"a": "1"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
    ],
)
def test_label_selectors(selector: Any, labels: dict[str, str], wanted: bool) -> None:
    assert base.selector_matches(selector, labels) is wanted


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": "T0"}, {"type": "Other", "status": "True"}]
    same = base.merge_conditions(old, [{"type": "Ready", "status": "True", "message": "new"}])
    assert same == [old[1], {"type": "Ready", "status": "True", "message": "new", "lastTransitionTime": "T0"}]
    changed = base.merge_conditions(old, [{"type": "Ready", "status": "False"}])
    assert changed[1]["lastTransitionTime"] != "T0"


def test_containers_get_another_id_with_each_boot_and_restart() -> None:
    pod = {"metadata": {"uid": "u"}, "status": {}}
    first = pods.container_id(pod, "c", "boot1", 0)
    assert len({first, pods.container_id(pod, "c", "boot2", 0), pods.container_id(pod, "c", "boot1", 1)}) == 3
    pod["status"] = {"containerStatuses": [{"name": "c", "restartCount": 0, "containerID": first}]}
    assert pods.started_on(pod, "boot1")
    assert not pods.started_on(pod, "boot2")


@pytest.mark.parametrize(("value", "total", "wanted"), [(1, 3, 1), ("34%", 3, 2), ("10%", 3, 1), (0, 3, 1), (2, 3, 2)])
def test_int_or_percent(value: Any, total: int, wanted: int) -> None:
    assert at_least_one(value, total) == wanted


@pytest.mark.parametrize(
    ("schedule", "moment", "wanted"),
    [
        ("*/15 * * * *", (2026, 11, 23, 6, 30), True),
        ("*/15 * * * *", (2026, 11, 23, 6, 31), False),
        ("0 3 * * *", (2026, 11, 23, 3, 0), True),
        ("@daily", (2026, 11, 23, 0, 0), True),
        ("0 0 * * 1", (2026, 11, 23, 0, 0), True),  # a Monday
        ("0 0 * * 0", (2026, 11, 23, 0, 0), False),
        ("0 0 * * 7", (2026, 11, 22, 0, 0), True),  # a Sunday
        ("0 0 1 * 1", (2026, 11, 23, 0, 0), True),  # day of month or day of week
        ("5,35 8-10/2 * * *", (2026, 11, 23, 10, 35), True),
        ("5,35 8-10/2 * * *", (2026, 11, 23, 9, 35), False),
        ("not a schedule", (2026, 11, 23, 9, 35), False),
    ],
)
def test_schedules(schedule: str, moment: tuple[int, ...], wanted: bool) -> None:
    assert cronjob.matches(schedule, calendar.timegm((*moment, 0))) is wanted
