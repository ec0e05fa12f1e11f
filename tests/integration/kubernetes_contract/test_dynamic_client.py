# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official Python client walks one story: typed calls, the dynamic client, and a watch beside them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, UnprocessibleEntityError


@pytest.fixture
def api(http: Any, tmp_path: Path) -> Any:
    return kubernetes.config.new_client_from_config(http.server.kubeconfig())


def body(size: int, name: str = "a1", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": size, **more},
    }


def test_a_story(http: Any, widgets: str, api: Any, tmp_path: Path) -> None:
    client = DynamicClient(api, cache_file=str(tmp_path / "cache.json"))
    assert client.version["kubernetes"]["gitVersion"].startswith("v1.")
    kind = client.resources.get(api_version="example.com/v1", kind="Widget")
    seen: list[tuple[str, int]] = []

    def follow() -> None:
        for event in kind.watch(namespace="default", timeout=4):
            seen.append((event["type"], event["object"].spec.size))

    watcher = threading.Thread(target=follow)
    watcher.start()
    time.sleep(0.3)
    made = kind.create(body=body(2, ports=[{"port": 80, "name": "h"}]), namespace="default")
    assert made.spec.color == "red"
    applied = kind.server_side_apply(
        body=body(4, ports=[{"port": 443, "name": "s"}]),
        name="a1",
        namespace="default",
        field_manager="m1",
        force_conflicts=True,
    )
    assert [port.port for port in applied.spec.ports] == [80, 443]
    assert sorted((m.manager, m.operation) for m in applied.metadata.managedFields) == [
        ("OpenAPI-Generator", "Update"),
        ("m1", "Apply"),
    ]
    with pytest.raises(ConflictError) as refused:
        kind.server_side_apply(body=body(5), name="a1", namespace="default", field_manager="m2")
    assert refused.value.summary().endswith('Apply failed with 1 conflict: conflict with "m1": .spec.size')
    dropped = kind.server_side_apply(body=body(4), name="a1", namespace="default", field_manager="m1")
    assert [port.port for port in dropped.spec.ports] == [80]
    stale = body(4)
    stale["metadata"]["resourceVersion"] = "1"
    with pytest.raises(ConflictError):
        kind.replace(body=stale, namespace="default")
    with pytest.raises(UnprocessibleEntityError) as invalid:
        kind.create(body=body(99, "bad", color="blue"), namespace="default")
    assert "less than or equal to 10" in str(invalid.value.body) and "supported values" in str(invalid.value.body)
    merge = {"content_type": "application/merge-patch+json"}
    ignored = kind.patch(body={"status": {"conditions": [{"type": "Ready"}]}}, name="a1", namespace="default", **merge)
    assert ignored.status is None
    stored = kind.status.patch(
        body={"status": {"conditions": [{"type": "Ready"}]}}, name="a1", namespace="default", **merge
    )
    assert stored.status.conditions[0].type == "Ready"
    kind.delete(name="a1", namespace="default")
    with pytest.raises(NotFoundError):
        kind.get(name="a1", namespace="default")
    watcher.join()
    assert seen == [("ADDED", 2), ("MODIFIED", 4), ("MODIFIED", 4), ("MODIFIED", 4), ("DELETED", 4)]


def test_typed_calls(http: Any, api: Any) -> None:
    names = {item.metadata.name for item in kubernetes.client.CoreV1Api(api).list_namespace().items}
    assert {"default", "kube-system"} <= names
    apps = kubernetes.client.AppsV1Api(api)
    container = {"name": "c", "image": "nginx", "env": [{"name": "A", "value": "1"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    whole = {"metadata": {"name": "typed"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    apps.create_namespaced_deployment("default", whole)
    more = [{"name": "c", "env": [{"name": "B", "value": "2"}]}, {"name": "side", "image": "x:1"}]
    changed = apps.patch_namespaced_deployment(
        "typed", "default", {"spec": {"template": {"spec": {"containers": more}}}}
    )
    first, second = changed.spec.template.spec.containers
    assert (first.image, [item.name for item in first.env], second.name) == ("nginx", ["B", "A"], "side")
