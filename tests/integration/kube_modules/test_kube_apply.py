# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube_apply against a server: what it writes, what it leaves alone, what it predicts, how it fails."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import NotFound, PartialFailure
from tests.harness.kube_server import KubeServer

Call = Callable[..., dict[str, Any]]
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def deployment(namespace: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    container = {
        "name": "web",
        "image": "nginx:1.27",
        "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "args": ["--one", "--two"],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    pod = {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}], "nodeSelector": {"os": "linux"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            **spec,
        },
    }


def crd(plural: str = "gadgets", kind: str = "Gadget", scope: str = "Namespaced") -> dict[str, Any]:
    properties = {
        "size": {"type": "integer", "maximum": 10},
        "color": {"type": "string", "default": "red"},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port"],
            "items": {
                "type": "object",
                "required": ["port"],
                "properties": {"port": {"type": "integer"}, "name": {"type": "string", "default": "x"}},
            },
        },
        "rules": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer", "default": 1}}}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": kind, "plural": plural},
            "scope": scope,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def actions(result: dict[str, Any]) -> list[str]:
    return [item["action"] for item in result["objects"]]


def writes(result: dict[str, Any]) -> int:
    return sum(result["requests"].get(method, 0) for method in WRITES)


EVERY_KIND = [
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa"}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}, "type": "Opaque"},
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "svc", "annotations": {"a/b": "c"}},
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"port": 80, "name": "a"}, {"port": 53, "name": "b", "protocol": "UDP"}],
        },
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "rb"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "default"}],
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "np"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "i"},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [
                {
                    "host": "a.example",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "svc", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ],
        },
    },
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "pdb"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    },
    {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "cj"},
        "spec": {
            "schedule": "0 3 * * *",
            "jobTemplate": {
                "spec": {
                    "template": {
                        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1"}]},
                    }
                }
            },
        },
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "pvc"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
]


def test_a_second_run_of_every_kind_asks_nothing_and_writes_nothing(call: Call, namespace: str) -> None:
    objects = [*EVERY_KIND, deployment(namespace), config_map("c", namespace, a="1")]
    first = call("kube_apply", definition=objects, namespace=namespace)
    assert set(actions(first)) == {"created"}
    again = call("kube_apply", definition=objects, namespace=namespace)
    assert not again["changed"]
    assert writes(again) == 0
    # Each of these was proved to be the same; not even a dry run was needed.
    assert again["requests"].get("DRYRUN", 0) == 0


def test_the_counters_of_the_server_agree_that_nothing_was_written(call: Call, namespace: str, api: Client) -> None:
    objects = [config_map(f"c{number}", namespace, a="1") for number in range(20)]
    call("kube_apply", definition=objects)
    before = api.get(f"/api/v1/namespaces/{namespace}/configmaps")["metadata"]["resourceVersion"]
    again = call("kube_apply", definition=objects)
    after = api.get(f"/api/v1/namespaces/{namespace}/configmaps")["metadata"]["resourceVersion"]
    assert (before, again["requests"]) == (after, {"GET": 3})


def test_namespace_and_kind_of_the_same_call_come_first(call: Call, api: Client, namespace: str) -> None:
    inner = f"{namespace}-inner"
    kind = f"K{namespace[2:]}"
    plural = f"{kind.lower()}s"
    objects = [
        {
            "apiVersion": "example.com/v1",
            "kind": kind,
            "metadata": {"name": "g", "namespace": inner},
            "spec": {"size": 1},
        },
        config_map("c", inner, a="1"),
        crd(plural, kind),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}},
    ]
    predicted = call("kube_apply", definition=objects, check=True, diff=True)
    assert actions(predicted) == ["created"] * 4
    assert writes(predicted) == 0
    done = call("kube_apply", definition=objects, wait=True, wait_timeout=20)
    assert actions(done) == actions(predicted)
    assert api.get(f"/apis/example.com/v1/namespaces/{inner}/{plural}/g")["spec"] == {"size": 1, "color": "red"}
    again = call("kube_apply", definition=objects)
    assert not again["changed"]
    assert writes(again) == 0


def test_check_mode_predicts_each_action_and_touches_nothing(call: Call, namespace: str, api: Client) -> None:
    call("kube_apply", definition=[config_map("same", namespace, a="1"), config_map("other", namespace, a="1")])
    wanted = [
        config_map("same", namespace, a="1"),
        config_map("other", namespace, a="2"),
        config_map("new", namespace, a="1"),
        deployment(namespace),
    ]
    before = api.get(f"/api/v1/namespaces/{namespace}/configmaps")["metadata"]["resourceVersion"]
    predicted = call("kube_apply", definition=wanted, check=True, diff=True)
    assert actions(predicted) == ["unchanged", "configured", "created", "created"]
    assert api.get(f"/api/v1/namespaces/{namespace}/configmaps")["metadata"]["resourceVersion"] == before
    assert actions(call("kube_apply", definition=wanted)) == actions(predicted)
    shown = next(entry for entry in predicted["diff"] if "/other" in entry["before_header"])
    assert "a: '1'" in shown["before"] and "a: '2'" in shown["after"]
    assert "managedFields" not in json.dumps(predicted["diff"])


def test_a_field_that_is_left_out_now_is_removed(call: Call, namespace: str, api: Client) -> None:
    call("kube_apply", definition=config_map("c", namespace, a="1", b="2"))
    result = call("kube_apply", definition=config_map("c", namespace, a="1"))
    assert actions(result) == ["configured"]
    assert api.get(f"/api/v1/namespaces/{namespace}/configmaps/c")["data"] == {"a": "1"}


def test_secrets_are_masked_in_diffs_and_their_removed_keys_go(call: Call, namespace: str, api: Client) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}
    first = call("kube_apply", definition={**secret, "stringData": {"a": "canary-1", "b": "canary-2"}}, diff=True)
    second = call("kube_apply", definition={**secret, "stringData": {"a": "canary-3"}}, diff=True)
    told = json.dumps([first, second])
    for value in ("canary-1", "canary-2", "canary-3"):
        assert value not in told and base64.b64encode(value.encode()).decode() not in told
    assert second["diff"][0]["before"] != second["diff"][0]["after"]
    assert list(api.get(f"/api/v1/namespaces/{namespace}/secrets/s")["data"]) == ["a"]


def test_a_conflict_names_field_and_manager_and_the_way_out(call: Call, namespace: str) -> None:
    call("kube_apply", definition=deployment(namespace, replicas=2), field_manager="somebody")
    with pytest.raises(PartialFailure) as caught:
        call("kube_apply", definition=deployment(namespace, replicas=3))
    text = str(caught.value)
    assert ".spec.replicas" in text and '"somebody"' in text and "force: true" in text
    assert actions(call("kube_apply", definition=deployment(namespace, replicas=3), force=True)) == ["configured"]
    with pytest.raises(PartialFailure, match="force: true"):
        call("kube_apply", definition=deployment(namespace, replicas=2), field_manager="somebody", check=True)


def test_an_error_lets_its_group_finish_and_stops_the_later_ones(call: Call, namespace: str, api: Client) -> None:
    broken = config_map("broken", namespace)
    broken["bogus"] = 1
    wrong = {**config_map("wrong", namespace), "data": {"a": 1}}
    objects = [deployment(namespace), broken, config_map("fine", namespace, a="1"), wrong]
    with pytest.raises(PartialFailure) as caught:
        call("kube_apply", definition=objects)
    text, facts = str(caught.value), caught.value.facts
    assert [item["action"] for item in facts["objects"]] == ["skipped", "failed", "created", "failed"]
    assert "bogus" in text and "broken" in text and "wrong" in text
    assert "1 objects of later groups were not sent" in text
    assert facts["changed"]
    with pytest.raises(NotFound):
        api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web")


def test_prune_removes_what_its_owner_no_longer_wants_and_nothing_else(call: Call, namespace: str, api: Client) -> None:
    def names() -> list[str]:
        items, _version = api.list(f"/api/v1/namespaces/{namespace}/configmaps")
        return sorted(item["metadata"]["name"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt")

    mine = {"owner": f"mine-{namespace}", "kinds": ["v1/ConfigMap"]}
    other = {"owner": f"other-{namespace}", "kinds": ["ConfigMap"]}
    call("kube_apply", definition=[config_map(name, namespace, x="1") for name in "abc"], prune=mine)
    call("kube_apply", definition=config_map("theirs", namespace, x="1"), prune=other)
    call("kube_apply", definition=config_map("nobodys", namespace, x="1"))
    predicted = call("kube_apply", definition=config_map("a", namespace, x="1"), prune=mine, check=True)
    assert actions(predicted) == ["unchanged", "pruned", "pruned"]
    assert names() == ["a", "b", "c", "nobodys", "theirs"]
    assert actions(call("kube_apply", definition=config_map("a", namespace, x="1"), prune=mine)) == actions(predicted)
    assert names() == ["a", "nobodys", "theirs"]
    assert not call("kube_apply", definition=config_map("a", namespace, x="1"), prune=mine)["changed"]


def test_absent_deletes_once_and_waits_until_it_is_gone(call: Call, namespace: str) -> None:
    objects = [config_map("a", namespace, x="1"), deployment(namespace)]
    call("kube_apply", definition=objects)
    assert actions(call("kube_apply", definition=objects, state="absent", check=True)) == ["deleted", "deleted"]
    result = call("kube_apply", definition=objects, state="absent", wait=True, wait_timeout=20)
    assert actions(result) == ["deleted", "deleted"]
    again = call("kube_apply", definition=objects, state="absent")
    assert not again["changed"] and writes(again) == 0
    unknown = {"apiVersion": "nosuch.example/v1", "kind": "Thing", "metadata": {"name": "x"}}
    assert not call("kube_apply", definition=unknown, state="absent")["changed"]


def test_a_wait_that_times_out_says_what_is_missing_and_keeps_the_result(call: Call, namespace: str) -> None:
    said: list[str] = []
    ctx = Context(progress=said.append)
    claim = {**EVERY_KIND[-1], "metadata": {"name": "pvc", "namespace": namespace}}
    with pytest.raises(WaitTimeout) as caught:
        call("kube_apply", definition=[claim, config_map("c", namespace)], wait=True, wait_timeout=1, ctx=ctx)
    assert "PersistentVolumeClaim" in str(caught.value) and "phase Pending" in str(caught.value)
    assert caught.value.facts["summary"] == {"created": 2}
    assert any("phase Pending" in line for line in said)


def test_wait_conditions_replace_the_rule_of_a_kind(call: Call, namespace: str) -> None:
    claim = {**EVERY_KIND[-1], "metadata": {"name": "pvc", "namespace": namespace}}
    pending = {
        "kind": "PersistentVolumeClaim",
        "name": "pvc",
        "namespace": namespace,
        "jmespath": "status.phase == 'Pending'",
    }
    result = call("kube_apply", definition=claim, wait_conditions=[pending], wait_timeout=10)
    assert [entry["ready"] for entry in result["ready"]] == [True]


def test_an_unknown_kind_stops_before_anything_is_sent(call: Call, namespace: str, api: Client) -> None:
    objects = [
        config_map("c", namespace),
        {"apiVersion": "nosuch.example/v1", "kind": "Thing", "metadata": {"name": "x"}},
    ]
    with pytest.raises(HomeopsError, match=r"Thing \(nosuch.example/v1\)"):
        call("kube_apply", definition=objects)
    assert not [
        item for item in api.list(f"/api/v1/namespaces/{namespace}/configmaps")[0] if item["metadata"]["name"] == "c"
    ]
    ctx = Context(check_mode=True)
    assert actions(call("kube_apply", definition=objects, ctx=ctx)) == ["created", "created"]
    assert any("does not serve Thing" in text for text in ctx.warnings)


def test_a_namespace_of_a_cluster_scoped_object_is_dropped(call: Call, namespace: str) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": namespace, "namespace": "somewhere"},
        "rules": [],
    }
    assert actions(call("kube_apply", definition=role)) == ["created"]
    assert actions(call("kube_apply", definition=role)) == ["unchanged"]


def test_one_object_twice_is_refused(call: Call, namespace: str) -> None:
    with pytest.raises(InputError, match="defined twice"):
        call("kube_apply", definition=[config_map("c", namespace), config_map("c", "")], namespace=namespace)


def test_assume_absent_predicts_without_a_cluster(call: Call) -> None:
    objects = [config_map("c", "x"), {"apiVersion": "cilium.io/v2", "kind": "CiliumNode", "metadata": {"name": "x"}}]
    result = call("kube_apply", definition=objects, kubeconfig="/nonexistent", assume_absent=True, check=True)
    assert (actions(result), result["requests"]) == (["created", "created"], {})
    assert call("kube_info", kind="Node", kubeconfig="/nonexistent", assume_absent=True, check=True)["resources"] == []
    targets = [{"kind": "Node"}]
    assert (
        call("kube_wait", targets=targets, kubeconfig="/nonexistent", assume_absent=True, check=True)["targets"] == []
    )


def test_server_warnings_reach_the_user(call: Call, api: Client, server: KubeServer, namespace: str) -> None:
    if server.name == "envtest" and int(api.get("/version")["minor"]) < 33:
        pytest.skip("this kube-apiserver is older than the deprecation of Endpoints in 1.33")
    ctx = Context()
    endpoints = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "e", "namespace": namespace},
        "subsets": [],
    }
    call("kube_apply", definition=endpoints, ctx=ctx)
    assert any("deprecated" in text for text in ctx.warnings)
