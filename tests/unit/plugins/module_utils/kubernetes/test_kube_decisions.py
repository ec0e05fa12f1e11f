# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readiness, order and prune: the pure decisions about live objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import order, prune
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.readiness import (
    Readiness,
    condition,
    readiness,
)
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.wait import Target, assess, parse


def thing(api_version: str, kind: str, spec: Any = None, status: Any = None, **metadata: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", **metadata}}
    if spec is not None:
        body["spec"] = spec
    if status is not None:
        body["status"] = status
    return body


def deployment(generation: int = 1, **status: Any) -> dict[str, Any]:
    return thing("apps/v1", "Deployment", {"replicas": 2}, status, generation=generation)


def ready(status: str = "True", kind: str = "Ready", **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, **more}]}


OK = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
DAEMONS = {"observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
JOB_FAILED = {"conditions": [{"type": "Failed", "status": "True", "message": "Job has reached the backoff limit"}]}
FLUX = "kustomize.toolkit.fluxcd.io/v1"


@pytest.mark.parametrize(
    ("body", "done", "said"),
    [
        (deployment(**OK), True, "2 of 2"),
        (deployment(), False, "not seen by its controller"),
        (deployment(2, **OK), False, "not seen by its controller"),
        (deployment(**{**OK, "updatedReplicas": 1}), False, "1 of 2 replicas updated"),
        (deployment(**{**OK, "replicas": 3}), False, "1 old replicas still run"),
        (deployment(**{**OK, "availableReplicas": None}), False, "0 of 2 replicas available"),
        (
            deployment(
                **{**OK, "availableReplicas": 0},
                conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
            ),
            False,
            "ProgressDeadlineExceeded",
        ),
        (thing("apps/v1", "DaemonSet", {}, DAEMONS, generation=1), True, "3 of 3"),
        (thing("apps/v1", "DaemonSet", {}, {**DAEMONS, "numberAvailable": 2}, generation=1), False, "2 of 3 pods"),
        (thing("apps/v1", "DaemonSet", {}, {"observedGeneration": 1}, generation=1), False, "not scheduled"),
        (
            thing(
                "apps/v1", "StatefulSet", {"replicas": 1}, {"observedGeneration": 1, "readyReplicas": 1}, generation=1
            ),
            False,
            "0 of 1 replicas updated",
        ),
        (
            thing(
                "apps/v1",
                "StatefulSet",
                {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
                {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 1},
                generation=1,
            ),
            True,
            "2 of 2",
        ),
        (thing("batch/v1", "Job", {"completions": 1}, {"active": 1}), False, "0 of 1 completions, 1 pods active"),
        (thing("batch/v1", "Job", {}, ready(kind="Complete")), True, "complete"),
        (thing("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"}), False, "phase Pending"),
        (thing("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}), True, "Bound"),
        (thing("v1", "Service", {"type": "LoadBalancer"}, {"loadBalancer": {}}), False, "no load-balancer address"),
        (
            thing("v1", "Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "172.29.52.200"}]}}),
            True,
            "172.29.52.200",
        ),
        (thing("v1", "Service", {"type": "ClusterIP"}), True, "ready"),
        (thing("v1", "ConfigMap"), True, "ready"),
        (thing("v1", "Namespace", {}, {"phase": "Terminating"}), False, "Terminating"),
        (thing("v1", "ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z"), False, "being deleted"),
        (thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {"conditions": None}), False, "no condition"),
        (thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, ready(kind="Established")), True, "True"),
        (
            thing("v1", "Node", {}, ready("False", reason="KubeletNotReady", message="cni")),
            False,
            "KubeletNotReady: cni",
        ),
        (thing("v1", "Pod", {}, {"phase": "Succeeded"}), True, "succeeded"),
        (thing("v1", "Pod", {}, {"phase": "Pending"}), False, "Pending"),
        (thing(FLUX, "Kustomization", {}), False, "no condition Ready yet"),
        (thing(FLUX, "Kustomization", {"suspend": True}), True, "suspended"),
        (thing(FLUX, "Kustomization", {}, ready()), True, "Ready is True"),
        (thing("external-secrets.io/v1", "ExternalSecret", {}), False, "no condition Ready yet"),
        (thing("example.com/v1", "Anything", {}), True, "ready"),
        (thing("example.com/v1", "Anything", {}, ready("Unknown")), False, "Unknown"),
        (thing("example.com/v1", "Anything", {}, {"observedGeneration": 1}, generation=2), False, "not seen"),
        (
            thing("example.com/v1", "Anything", {}, ready(observedGeneration=1), generation=2),
            False,
            "about an earlier generation",
        ),
    ],
)
def test_each_kind_says_whether_it_is_ready_and_what_is_missing(body: dict[str, Any], done: bool, said: str) -> None:
    found = readiness(body)
    assert found.ready is done and said in found.state and not found.failed


@pytest.mark.parametrize(
    "body",
    [
        thing("batch/v1", "Job", {}, JOB_FAILED),
        thing("v1", "Pod", {}, {"phase": "Failed"}),
        thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, ready("False", kind="NamesAccepted")),
    ],
)
def test_what_failed_for_good_is_not_waited_for(body: dict[str, Any]) -> None:
    assert readiness(body).failed


status_values = st.none() | st.integers(0, 3)


@given(
    st.sampled_from(["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"]),
    st.dictionaries(
        st.sampled_from(
            [
                *("observedGeneration", "replicas", "updatedReplicas", "availableReplicas", "readyReplicas"),
                *("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"),
            ]
        ),
        status_values,
    ),
    st.integers(1, 3),
)
def test_no_workload_is_ready_before_its_controller_saw_it(kind: str, status: dict[str, Any], generation: int) -> None:
    found = readiness(thing("apps/v1", kind, {"replicas": 2}, status, generation=generation))
    if (status.get("observedGeneration") or 0) < generation:
        assert not found.ready
    assert found.state


def test_a_condition_may_be_wanted_false() -> None:
    body = thing("v1", "Node", {}, ready("False", "MemoryPressure"))
    assert condition(body, "MemoryPressure", "False") == Readiness(True, "MemoryPressure is False")


# order

KEYS = [("", "Namespace"), ("apps", "Deployment"), ("", "Secret"), ("example.com", "Widget"), ("", "Service")]
KEYS += [
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
]
KEYS += [("rbac.authorization.k8s.io", "ClusterRole"), ("gateway.networking.k8s.io", "HTTPRoute"), ("batch", "Job")]
MUST_PRECEDE = [
    (("", "Namespace"), ("", "Secret")),
    (("apiextensions.k8s.io", "CustomResourceDefinition"), ("example.com", "Widget")),
    (("apiextensions.k8s.io", "CustomResourceDefinition"), ("gateway.networking.k8s.io", "HTTPRoute")),
    (("", "Secret"), ("apps", "Deployment")),
    (("rbac.authorization.k8s.io", "ClusterRole"), ("batch", "Job")),
    (("apps", "Deployment"), ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")),
    (("example.com", "Widget"), ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")),
]


@given(st.lists(st.sampled_from(KEYS), max_size=20))
def test_groups_hold_everything_once_and_in_order(keys: list[tuple[str, str]]) -> None:
    items = list(enumerate(keys))
    groups = order.in_groups(items, lambda item: item[1])
    flat = [item for group in groups for item in group]
    assert sorted(flat) == items
    assert all(group == sorted(group) for group in groups)
    where = {item: number for number, group in enumerate(groups) for item in group}
    for first, second in MUST_PRECEDE:
        for one in items:
            for two in items:
                if one[1] == first and two[1] == second:
                    assert where[one] < where[two]
    assert order.in_groups(items, lambda item: item[1], reverse=True) == groups[::-1]


# prune

OWNER = prune.Owner("me", ("ConfigMap",))
live_objects = st.builds(
    lambda name, namespace, owner, deleting, owned: thing(
        "v1",
        "ConfigMap",
        None,
        None,
        name=name,
        namespace=namespace,
        **({"labels": {prune.LABEL: owner}} if owner else {}),
        **({"deletionTimestamp": "x"} if deleting else {}),
        **({"ownerReferences": [{"uid": "u"}]} if owned else {}),
    ),
    st.sampled_from("abc"),
    st.sampled_from("nm"),
    st.sampled_from(["", "me", "other"]),
    st.booleans(),
    st.booleans(),
)
identities = st.tuples(st.just(""), st.just("ConfigMap"), st.sampled_from("nm"), st.sampled_from("abc"))


@given(st.lists(live_objects), st.sets(identities))
def test_prune_takes_only_what_is_ours_and_unwanted(found: list[dict[str, Any]], wanted: set[Any]) -> None:
    gone = prune.leftovers(found, wanted, OWNER)
    for body in found:
        metadata = body["metadata"]
        ours = metadata.get("labels") == {prune.LABEL: "me"}
        free = not metadata.get("deletionTimestamp") and not metadata.get("ownerReferences")
        assert (body in gone) == (ours and free and prune.identity(body) not in wanted)
    assert prune.leftovers([body for body in found if body not in gone], wanted, OWNER) == []


@pytest.mark.parametrize("owner", ["", "a b", "-a", "a" * 64, "a/b"])
def test_an_owner_must_be_a_label_value(owner: str) -> None:
    with pytest.raises(InputError, match="label value"):
        prune.parse({"owner": owner, "kinds": ["ConfigMap"]})


def test_prune_needs_an_allowlist() -> None:
    with pytest.raises(InputError, match=r"prune\.kinds"):
        prune.parse({"owner": "a", "kinds": []})
    assert prune.parse(None) is None
    assert [prune.split_kind(kind) for kind in ("ConfigMap", "v1/ConfigMap", "apps/v1/Deployment")] == [
        ("", "ConfigMap"),
        ("v1", "ConfigMap"),
        ("apps/v1", "Deployment"),
    ]


# targets


def node(name: str, status: str = "True") -> dict[str, Any]:
    return thing("v1", "Node", {}, ready(status), name=name)


@pytest.mark.parametrize(
    ("target", "found", "done", "said"),
    [
        (Target("Node", "a"), [], False, "does not exist yet"),
        (Target("Node", "a"), [node("a")], True, "Ready is True"),
        (Target("Node", count=3), [node("a"), node("b")], False, "2 of 3 ready"),
        (Target("Node", count=1), [node("a"), node("b", "False")], False, "1 of 2 ready; b: Ready is False"),
        (Target("Node", count=2), [node("a"), node("b")], True, "2 ready"),
        (Target("Node", count=0), [], True, "0 ready"),
        (Target("Node", absent=True), [], True, "gone"),
        (Target("Node", "a", absent=True), [node("a")], False, "still there"),
        (
            Target("Node", "a", absent=True),
            [thing("v1", "Node", {}, {}, finalizers=["x/y"])],
            False,
            "held by finalizer x/y",
        ),
        (Target("Node", "a", jmespath="metadata.name == 'a'"), [node("a", "False")], True, "holds"),
        (Target("Node", "a", jmespath="metadata.name"), [node("")], False, "does not hold yet"),
        (Target("Node", "a", jmespath="length(metadata.none)"), [node("a")], False, "cannot be evaluated"),
        (Target("Node", "a", condition="Ready", status="Unknown"), [node("a")], False, "Ready is True"),
    ],
)
def test_a_target_says_what_is_missing(target: Target, found: list[Any], done: bool, said: str) -> None:
    look = assess(target, found)
    assert look.ready is done and said in look.state


def test_wrong_targets_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(InputError, match="not a JMESPath expression") as caught:
        parse({"kind": "Node", "jmespath": "a["}, "targets")
    assert caught.value.param == "targets"
    with pytest.raises(InputError, match="a condition and a jmespath"):
        parse({"kind": "Node", "jmespath": "a", "condition": "Ready"}, "targets")
