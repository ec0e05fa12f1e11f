# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of ``fields.verdict``: whatever it says without asking, the server's own answer confirms."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import config
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import Conflict, Invalid, NotFound
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.fields import Verdict, verdict
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.live import patiently
from tests.harness.kube_server import KubeServer

GADGET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "ratio": {"type": "number"},
                "color": {"type": "string", "default": "red"},
                "on": {"type": "boolean"},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "protocol"],
                    "items": {
                        "type": "object",
                        "required": ["port"],
                        "properties": {
                            "port": {"type": "integer"},
                            "protocol": {"type": "string", "default": "TCP"},
                            "name": {"type": "string"},
                        },
                    },
                },
                "rules": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"a": {"type": "integer", "default": 1}, "b": {"type": "string"}},
                    },
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "ref": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {"name": {"type": "string"}, "kind": {"type": "string"}},
                },
                "limits": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    },
}

short = st.sampled_from(["a", "b", "c"])
texts = st.dictionaries(short, st.sampled_from(["", "1", "two"]), max_size=3)


def some(optional: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


gadgets = some(
    {
        "size": st.integers(0, 2),
        "ratio": st.sampled_from([1, 1.5, 2]),
        "color": st.sampled_from(["red", "blue"]),
        "on": st.booleans(),
        "ports": st.lists(
            st.fixed_dictionaries(
                {"port": st.integers(1, 3)}, optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": short}
            ),
            max_size=3,
            unique_by=lambda item: (item["port"], item.get("protocol", "TCP")),
        ),
        "rules": st.lists(some({"a": st.integers(0, 1), "b": short}), max_size=2),
        "tags": st.lists(short, max_size=3, unique=True),
        "ref": some({"name": short, "kind": short}),
        "limits": texts,
        "free": some({"x": st.lists(st.integers(0, 1), max_size=2), "y": texts, "z": st.none() | short}),
    }
)
services = st.fixed_dictionaries(
    {
        "ports": st.lists(
            st.fixed_dictionaries(
                {"port": st.integers(80, 82), "name": st.sampled_from(["a", "b", "c"])},
                optional={
                    "protocol": st.sampled_from(["TCP", "UDP"]),
                    "targetPort": st.sampled_from([8080, "http"]),
                },
            ),
            min_size=1,
            max_size=3,
            unique_by=(lambda item: (item["port"], item.get("protocol", "TCP")), lambda item: item["name"]),
        )
    },
    optional={"selector": texts, "sessionAffinity": st.sampled_from(["None", "ClientIP"])},
)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["x", "y"]), "image": st.sampled_from(["i:1", "i:2"])},
        optional={
            "args": st.lists(short, max_size=2),
            "env": st.lists(
                st.fixed_dictionaries({"name": short}, optional={"value": short}),
                max_size=3,
                unique_by=lambda item: item["name"],
            ),
            "resources": st.sampled_from(
                [{}, {"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}, {"requests": {"memory": "1024Mi"}}]
            ),
            "ports": st.lists(
                st.fixed_dictionaries({"containerPort": st.integers(80, 81)}, optional={"protocol": st.just("TCP")}),
                max_size=2,
                unique_by=lambda item: item["containerPort"],
            ),
        },
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda item: item["name"],
)
deployments = st.builds(
    lambda found, optional: {
        "selector": {"matchLabels": {"app": "w"}},
        "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": found, **optional}},
    },
    containers,
    some({"nodeSelector": texts, "tolerations": st.lists(st.just({"operator": "Exists"}), max_size=1)}),
)


def body(api_version: str, kind: str, section: str, metadata: dict[str, Any], content: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, section: content}


def manifests(api_version: str, kind: str, section: str, content: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    metadata = some({"labels": texts, "annotations": texts})
    return st.builds(lambda extra, inner: body(api_version, kind, section, extra, inner), metadata, content)


KINDS = {
    "configmaps": ("/api/v1", manifests("v1", "ConfigMap", "data", texts), True),
    "services": ("/api/v1", manifests("v1", "Service", "spec", services), True),
    "deployments": ("/apis/apps/v1", manifests("apps/v1", "Deployment", "spec", deployments), True),
    "gadgets": ("/apis/verdict.example.com/v1", manifests("verdict.example.com/v1", "Gadget", "spec", gadgets), False),
}


@pytest.fixture(scope="module")
def place(server: KubeServer) -> Iterator[tuple[Client, str]]:
    """A namespace, with the custom kind defined."""
    name = f"verdict-{uuid.uuid4().hex[:8]}"
    with Client(config.load(str(server.directory / "kubeconfig"))) as api:
        api.request(
            "POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "gadgets.verdict.example.com"},
            "spec": {
                "group": "verdict.example.com",
                "names": {"kind": "Gadget", "plural": "gadgets"},
                "scope": "Namespaced",
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": GADGET_SCHEMA}}
                ],
            },
        }
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.verdict.example.com"
        api.apply(path, definition, manager="test")
        patiently(lambda: api.get(f"/apis/verdict.example.com/v1/namespaces/{name}/gadgets"))
        yield api, name


def said(answer: dict[str, Any]) -> Any:
    """What an object says: its content and who owns which field.

    An apply of an empty map that the server does not store counts as a change to it, so it renews the time of our
    entry, which may then stand behind another manager's. Nothing that an object says has changed by that.
    """
    metadata = {
        key: value for key, value in answer["metadata"].items() if key not in ("resourceVersion", "managedFields")
    }
    entries = [{**entry, "time": None} for entry in answer["metadata"].get("managedFields") or []]
    return {**answer, "metadata": metadata}, sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))


@pytest.mark.parametrize("plural", KINDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_the_server_agrees(place: tuple[Client, str], plural: str, data: st.DataObject) -> None:
    """Some applies by us and by others, then one more: SAME must leave what the object says, DIFFERENT must not."""
    api, namespace = place
    root, strategy, builtin = KINDS[plural]
    name = f"o-{uuid.uuid4().hex[:12]}"
    path = f"{root}/namespaces/{namespace}/{plural}/{name}"

    def named(wanted: dict[str, Any]) -> dict[str, Any]:
        return {**wanted, "metadata": {**wanted["metadata"], "name": name, "namespace": namespace}}

    history = data.draw(st.lists(st.tuples(st.sampled_from(["us", "them"]), strategy), max_size=3), label="history")
    desired = named(data.draw(strategy | st.sampled_from([item for _who, item in history] or [None]).filter(bool)))
    for who, wanted in history:
        with contextlib.suppress(Invalid):  # what others left there may not go with it
            api.apply(path, named(wanted), manager=who, force=True)
    try:
        live = api.get(path)
    except NotFound:
        try:
            live = api.apply(path, desired, manager="us", force=True)
        except Invalid:
            reject()
        again = verdict(desired, live, "us", builtin=builtin)
        assert again is not Verdict.DIFFERENT
    found = verdict(desired, live, "us", builtin=builtin)
    try:
        answer = api.apply(path, desired, manager="us")
    except (Conflict, Invalid):
        assert found is not Verdict.SAME
        api.delete(path)
        return
    if found is Verdict.SAME:
        assert said(answer) == said(live)
    if found is Verdict.DIFFERENT:
        assert answer["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"], (live, answer)
    api.delete(path)


@pytest.mark.parametrize("plural", ["configmaps", "services"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_what_was_just_applied_is_recognised(place: tuple[Client, str], plural: str, data: st.DataObject) -> None:
    """Kinds whose values the server stores as they come never need a dry run."""
    api, namespace = place
    root, strategy, builtin = KINDS[plural]
    name = f"o-{uuid.uuid4().hex[:12]}"
    path = f"{root}/namespaces/{namespace}/{plural}/{name}"
    wanted = data.draw(strategy)
    desired = {**wanted, "metadata": {**wanted["metadata"], "name": name, "namespace": namespace}}
    live = api.apply(path, desired, manager="us")
    assert verdict(desired, live, "us", builtin=builtin) is Verdict.SAME, (desired, live)
    api.delete(path)
