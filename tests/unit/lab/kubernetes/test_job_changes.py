# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a Job the API server lets nobody change."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lab.kubernetes import job_changes

JOB: dict[str, Any] = {
    "spec": {
        "completions": 1,
        "completionMode": "NonIndexed",
        "parallelism": 1,
        "suspend": False,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {
            "metadata": {"labels": {"app": "x"}, "creationTimestamp": None},
            "spec": {"containers": [{"name": "c", "image": "busybox:1"}], "nodeSelector": {"disk": "ssd"}},
        },
    }
}


def changed(path: str, value: Any, base: dict[str, Any] | None = None) -> dict[str, Any]:
    new = copy.deepcopy(JOB if base is None else base)
    *parents, last = path.split(".")
    place: Any = new
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return new


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.template.spec.containers.0.image", "busybox:2", "spec.template"),
        ("spec.template.spec.nodeSelector", {}, "spec.template"),
        ("spec.template.metadata.labels", {"app": "y"}, "spec.template"),
        ("spec.completions", 2, "spec.completions"),
        ("spec.completionMode", "Indexed", "spec.completionMode"),
        ("spec.selector", {"matchLabels": {"a": "b"}}, "spec.selector"),
    ],
)
def test_what_is_fixed_is_refused_in_the_servers_words(path: str, value: Any, field: str) -> None:
    (cause,) = job_changes.violations(JOB, changed(path, value))
    assert cause.field == field
    assert cause.message.startswith("Invalid value: ") and cause.message.endswith(": field is immutable")
    if field == "spec.template":
        assert cause.message.startswith('Invalid value: core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Name:"", ')


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.parallelism", 3),
        ("spec.suspend", True),
        ("spec.backoffLimit", 9),
        ("spec.template.metadata", {"labels": {"app": "x"}}),
    ],
)
def test_what_is_free_may_change(path: str, value: Any) -> None:
    assert job_changes.violations(JOB, changed(path, value)) == []


def test_where_its_pods_go_is_free_until_a_suspended_job_has_started() -> None:
    asleep = changed("spec.suspend", True)
    moved = changed("spec.template.spec.nodeSelector", {"disk": "nvme"}, asleep)
    assert job_changes.violations(asleep, moved) == []
    assert job_changes.violations({**asleep, "status": {"startTime": "2026-01-01T00:00:00Z"}}, moved)
    assert job_changes.violations(asleep, changed("spec.template.spec.containers.0.image", "b:2", asleep))
