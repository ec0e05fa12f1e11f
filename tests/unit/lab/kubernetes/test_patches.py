# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patch formats: RFC 6902, RFC 7386 and strategic merge."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lab.kubernetes.errors import ApiError
from lab.kubernetes.patch import json_patch, merge_patch
from lab.kubernetes.schema import load
from lab.kubernetes.strategic import strategic

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "z/~"]), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["x", "y", "z/~"]), VALUES, max_size=3)


def pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


@given(OBJECTS, OBJECTS)
def test_a_json_patch_leads_from_one_object_to_another(old: dict[str, Any], new: dict[str, Any]) -> None:
    operations: list[dict[str, Any]] = [{"op": "remove", "path": pointer(name)} for name in old if name not in new]
    operations += [{"op": "add", "path": pointer(name), "value": value} for name, value in new.items()]
    operations += [{"op": "test", "path": pointer(name), "value": value} for name, value in new.items()]
    kept = copy.deepcopy(old)
    assert json_patch(old, operations) == new
    assert old == kept, "a patch changes nothing in place"


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    # RFC 7386, appendix A.
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/none/deep", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "jump", "path": "/a"},
    ],
)
def test_a_failing_operation_is_refused_without_a_hint(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": 1, "list": []}, [operation])
    assert (refused.value.code, refused.value.reason) == (422, "Invalid")


def test_replace_adds_a_missing_member_of_a_parent() -> None:
    assert json_patch({"a": 1}, [{"op": "replace", "path": "/b", "value": 2}]) == {"a": 1, "b": 2}


POD = load("v1.31.1").definition("io.k8s.api.core.v1.PodSpec")
LIVE = {
    "containers": [{"name": "c", "image": "x", "env": [{"name": "A", "value": "1"}]}, {"name": "d", "image": "y"}],
    "tolerations": [{"key": "a"}],
    "nodeSelector": {"a": "b"},
}


@pytest.mark.parametrize(
    ("patch", "field", "result"),
    [
        ({"containers": [{"name": "d", "$patch": "delete"}]}, "containers", LIVE["containers"][:1]),
        (
            {"containers": [{"$patch": "replace"}, {"name": "n", "image": "z"}]},
            "containers",
            [{"name": "n", "image": "z"}],
        ),
        ({"tolerations": [{"key": "b"}]}, "tolerations", [{"key": "b"}]),
        ({"nodeSelector": {"c": "d"}}, "nodeSelector", {"a": "b", "c": "d"}),
        ({"nodeSelector": {"$patch": "replace", "c": "d"}}, "nodeSelector", {"c": "d"}),
        (
            {
                "$setElementOrder/containers": [{"name": "d"}, {"name": "c"}],
                "containers": [{"name": "d", "image": "q"}],
            },
            "containers",
            [{"name": "d", "image": "q"}, LIVE["containers"][0]],
        ),
    ],
)
def test_strategic_merge(patch: dict[str, Any], field: str, result: Any) -> None:
    kept = copy.deepcopy(LIVE)
    assert strategic(LIVE, patch, POD)[field] == result
    assert kept == LIVE
