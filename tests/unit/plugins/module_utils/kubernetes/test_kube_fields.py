# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which applies are proved to be no-ops without asking; the server's side is in tests/integration/kube_modules."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.fields import Verdict, equal, verdict

#: As kube-apiserver 1.33.4 returned them for the manifests next to them (times left out).
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s", "namespace": "d"},
    "spec": {
        "ports": [{"port": 53, "name": "a"}, {"port": 53, "name": "b", "protocol": "UDP"}],
        "selector": {"a": "b"},
    },
}
LIVE_SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "s",
        "namespace": "d",
        "uid": "u",
        "resourceVersion": "7",
        "managedFields": [
            {
                "manager": "homeops",
                "operation": "Apply",
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {
                    "f:spec": {
                        "f:ports": {
                            'k:{"port":53,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}},
                            'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}},
                        },
                        "f:selector": {},
                    }
                },
            }
        ],
    },
    "spec": {
        "clusterIP": "10.96.0.9",
        "ports": [
            {"name": "a", "port": 53, "protocol": "TCP", "targetPort": 53},
            {"name": "b", "port": 53, "protocol": "UDP", "targetPort": 53},
        ],
        "selector": {"a": "b"},
        "type": "ClusterIP",
    },
}


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value set, or removed when it is ``...``."""
    result = copy.deepcopy(body)
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    at: Any = result
    for step in parents:
        at = at[step] if isinstance(at, list) else at.setdefault(step, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return result


def look(desired: dict[str, Any], live: dict[str, Any], *, builtin: bool = True) -> Verdict:
    return verdict(desired, live, "homeops", builtin=builtin)


def test_defaults_of_others_and_of_the_server_do_not_matter() -> None:
    assert look(SERVICE, LIVE_SERVICE) is Verdict.SAME


def test_a_default_list_key_proves_nothing_for_a_custom_kind() -> None:
    assert look(SERVICE, LIVE_SERVICE, builtin=False) is Verdict.UNSURE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.ports.0.name", "z"),
        ("spec.ports.0.port", 54),
        ("spec.ports.0.protocol", "TCP"),  # equal, but not ours yet: the apply would record it
        ("spec.ports.1.protocol", ...),
        ("spec.ports.1", ...),
        ("spec.selector", {"a": "c"}),
        ("spec.selector", {}),
        ("spec.selector", ...),
        ("spec.type", "ClusterIP"),
        ("spec.ports", [SERVICE["spec"]["ports"][1], SERVICE["spec"]["ports"][0]]),  # type: ignore[index]
        ("metadata.resourceVersion", "6"),
        ("apiVersion", "v2"),
        ("spec.ports.0.port", 53.0),
        ("spec.ports.0.port", None),
    ],
)
def test_every_other_manifest_is_not_called_the_same(path: str, value: Any) -> None:
    assert look(changed(SERVICE, path, value), LIVE_SERVICE) is not Verdict.SAME


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.ports.0.name", "z"),
        ("spec.selector", {"a": "b", "c": "d"}),
        ("spec.ports", ...),
        ("metadata.managedFields.0.manager", "other"),
        ("metadata.managedFields.0.operation", "Update"),
        ("metadata.managedFields.0.subresource", "status"),
        ("metadata.managedFields.0.fieldsType", "FieldsV2"),
        ("metadata.managedFields", ...),
    ],
)
def test_no_live_object_that_differs_is_called_the_same(path: str, value: Any) -> None:
    assert look(SERVICE, changed(LIVE_SERVICE, path, value)) is not Verdict.SAME


def test_an_object_that_we_never_applied_differs() -> None:
    assert look(SERVICE, changed(LIVE_SERVICE, "metadata.managedFields", [])) is Verdict.DIFFERENT


def test_a_bare_namespace_is_the_same_although_nobody_owns_it() -> None:
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    assert (
        look(bare, {**bare, "metadata": {"name": "n", "labels": {"kubernetes.io/metadata.name": "n"}}}) is Verdict.SAME
    )


def test_texts_are_known_to_differ_where_the_server_keeps_them_as_they_come() -> None:
    def live(data: dict[str, str]) -> dict[str, Any]:
        owned = {"f:data": {f"f:{key}": {} for key in data}}
        entry = {
            "manager": "homeops",
            "operation": "Apply",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": owned,
        }
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c", "managedFields": [entry]},
            "data": data,
        }

    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    assert look(wanted, live({"a": "1"})) is Verdict.SAME
    assert look(wanted, live({"a": "2"})) is Verdict.DIFFERENT
    # A quantity may be written in another way by the server, so elsewhere a difference is only a suspicion.
    pod = {**wanted, "kind": "Thing"}
    assert look(pod, {**live({"a": "2"}), "kind": "Thing"}) is Verdict.UNSURE


def test_an_empty_list_of_ours_that_others_filled_is_not_taken_for_an_atomic_one() -> None:
    def entry(manager: str, owned: dict[str, Any]) -> dict[str, Any]:
        return {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": owned,
        }

    items = [{"name": "x"}]
    live = {
        "metadata": {
            "name": "c",
            "managedFields": [
                entry("homeops", {"f:spec": {"f:items": {}}}),
                entry("other", {"f:spec": {"f:items": {'k:{"name":"x"}': {".": {}, "f:name": {}}}}}),
            ],
        },
        "spec": {"items": items},
    }
    base = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "c"}}
    assert look({**base, "spec": {"items": items}}, live) is Verdict.UNSURE
    assert look({**base, "spec": {"items": []}}, live) is Verdict.SAME


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5]) | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


@given(json_values, json_values)
def test_equal_is_what_json_calls_equal(left: Any, right: Any) -> None:
    import json

    texts = [json.dumps(value, sort_keys=True) for value in (left, right)]
    assert equal(left, right) == (texts[0] == texts[1])
