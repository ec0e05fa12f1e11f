# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube_info and kube_wait against a server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import (
    NotTrusted,
    PartialFailure,
)
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.wait import Failed

Call = Callable[..., dict[str, Any]]
#: Seconds that a wait may take which is to end at once: so many that a slow machine never needs half of them.
PATIENCE = 600


def config_map(name: str, namespace: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"n": name}}


def job(namespace: str) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": namespace},
        "spec": {"suspend": False, "template": {"spec": pod}},
    }


def set_status(api: Client, path: str, status: dict[str, Any]) -> None:
    live = api.get(path)
    api.request("PUT", f"{path}/status", body={**live, "status": {**(live.get("status") or {}), **status}})


def test_many_queries_cost_two_requests_and_one_each(call: Call, namespace: str) -> None:
    objects = [config_map("a", namespace, x="1"), config_map("b", namespace, x="2")]
    call("kube_apply", definition=objects)
    found = call(
        "kube_info",
        queries=[
            {"kind": "cm", "namespace": namespace, "labels": "x=1"},
            {"kind": "configmaps", "namespace": namespace, "fields": "metadata.name=b", "jmespath": "[0].data.n"},
            {"kind": "ConfigMap", "namespace": namespace, "name": "gone"},
            {"kind": "Namespace", "name": namespace},
            {"kind": "nosuchkind"},
        ],
    )["results"]
    names = [[body["metadata"]["name"] for body in result["resources"]] for result in found]
    assert names == [["a"], ["b"], [], [namespace], []]
    assert [result["served"] for result in found] == [True, True, True, True, False]
    assert found[1]["value"] == "b"
    body = found[0]["resources"][0]
    assert (body["kind"], body["apiVersion"]) == ("ConfigMap", "v1") and "managedFields" not in body["metadata"]


def test_secrets_are_masked_unless_revealed(call: Call, namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}
    last = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"Y2FuYXJ5"}}'}
    secret["metadata"]["annotations"] = last  # type: ignore[index]
    call("kube_apply", definition={**secret, "stringData": {"a": "canary"}})
    query = {"kind": "Secret", "name": "s", "namespace": namespace}
    assert "Y2FuYXJ5" not in json.dumps(call("kube_info", **query))
    hidden = call("kube_info", jmespath="[0].data.a", **query)["value"]
    assert hidden.startswith("<masked")
    assert call("kube_info", reveal=True, jmespath="[0].data.a", **query)["value"] == "Y2FuYXJ5"


def test_a_wrong_expression_is_refused_before_anything_is_sent(call: Call) -> None:
    with pytest.raises(InputError, match="not a JMESPath expression"):
        call("kube_info", kind="Node", jmespath="a[", kubeconfig="/nonexistent")


def test_waiting_ends_when_the_last_target_is_reached(call: Call, namespace: str, api: Client) -> None:
    said: list[str] = []
    call("kube_apply", definition=[job(namespace), config_map("held", namespace)])
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/j"

    def act() -> None:
        time.sleep(0.6)
        condition = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        criteria = {**condition, "type": "SuccessCriteriaMet"}
        times = {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z"}
        set_status(api, path, {"conditions": [criteria, condition], "succeeded": 1, **times})
        api.delete(f"/api/v1/namespaces/{namespace}/configmaps/held")

    worker = threading.Thread(target=act)
    worker.start()
    reached = call(
        "kube_wait",
        targets=[
            {"kind": "Job", "name": "j", "namespace": namespace},
            {"kind": "ConfigMap", "name": "held", "namespace": namespace, "state": "absent"},
            {"kind": "Namespace", "name": namespace, "jmespath": "status.phase == 'Active'"},
        ],
        wait_timeout=20,
        interval=0.1,
        ctx=Context(progress=said.append),
    )["targets"]
    worker.join()
    assert [target["state"] for target in reached] == ["complete", "gone", "status.phase == 'Active' holds"]
    assert any(f"Job {namespace}/j: 0 of 1 completions" in line and "held: still there" in line for line in said)


def test_a_failed_job_ends_the_wait_at_once(call: Call, namespace: str, api: Client) -> None:
    call("kube_apply", definition=job(namespace))
    base = {"status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "BackoffLimitExceeded"}
    failed = [{"type": kind, "message": "no luck", **base} for kind in ("FailureTarget", "Failed")]
    status = {"conditions": failed, "startTime": "2026-01-01T00:00:00Z"}
    set_status(api, f"/apis/batch/v1/namespaces/{namespace}/jobs/j", status)
    began = time.monotonic()
    with pytest.raises(Failed, match="no luck") as caught:
        call("kube_wait", targets=[{"kind": "Job", "name": "j", "namespace": namespace}], wait_timeout=PATIENCE)
    assert caught.value.param == "targets" and f"kubectl -n {namespace} describe job j" in caught.value.remedy
    assert time.monotonic() - began < PATIENCE / 2


def test_a_wait_in_vain_says_what_the_pods_say_and_what_to_do(call: Call, namespace: str, api: Client) -> None:
    call("kube_apply", definition=job(namespace))
    made = api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/j")
    labels = made["spec"]["selector"]["matchLabels"]
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for name, its in (("mine", labels), ("other", {"a": "b"})):
        meta = {"name": name, "namespace": namespace, "labels": its}
        spec = made["spec"]["template"]["spec"]
        api.request("POST", pods, body={"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        waiting = {"reason": "ErrImagePull", "message": f"no image for {name}"}
        state = {"name": "c", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        set_status(api, f"{pods}/{name}", {"containerStatuses": [{**state, "state": {"waiting": waiting}}]})
    with pytest.raises(WaitTimeout) as caught:
        call("kube_wait", targets=[{"kind": "Job", "name": "j", "namespace": namespace}], wait_timeout=1)
    text = str(caught.value)
    assert "pod mine: ErrImagePull: no image for mine" in text and "other" not in text
    assert caught.value.param == "wait_timeout" and "Check the name and the tag of the image" in caught.value.remedy


def test_what_does_not_go_says_where_to_look(call: Call, namespace: str) -> None:
    call("kube_apply", definition=config_map("stays", namespace))
    target = {"kind": "ConfigMap", "name": "stays", "namespace": namespace, "state": "absent"}
    with pytest.raises(WaitTimeout, match="still there") as caught:
        call("kube_wait", targets=[target], wait_timeout=0)
    assert caught.value.remedy.startswith("See what holds it: a finalizer")


def test_every_door_is_asked_and_the_silent_one_is_named(call: Call, namespace: str) -> None:
    own, closed = {"name": "n1", "node": "127.0.0.1"}, {"name": "n2", "node": "127.9.9.9", "server_name": "127.0.0.1"}
    targets = [{"kind": "Namespace", "name": namespace}]
    found = call("kube_wait", targets=targets, doors=[own], wait_timeout=10)
    assert found["doors"] == [{"name": "n1", "ready": True, "state": "ready"}] and found["targets"][0]["ready"]
    with pytest.raises(WaitTimeout) as caught:
        call("kube_wait", targets=targets, doors=[own, closed], wait_timeout=1)
    text = str(caught.value)
    assert "n2 (127.9.9.9:" in text and "connection refused" in text and "n1 (" not in text
    assert "kube-apiserver runs on that node" in caught.value.remedy
    began = time.monotonic()
    states = call("kube_wait", targets=targets, doors=[own, closed], wait_timeout=PATIENCE, check=True)["doors"]
    assert [state["ready"] for state in states] == [True, False] and time.monotonic() - began < PATIENCE / 2


def test_a_door_with_another_certificate_is_not_waited_for(call: Call, namespace: str) -> None:
    door = {"name": "n1", "node": "127.0.0.1", "server_name": "127.7.7.7"}
    with pytest.raises(NotTrusted, match=r"API server of n1 .* is not for 127\.7\.7\.7"):
        call("kube_wait", targets=[{"kind": "Namespace", "name": namespace}], doors=[door], wait_timeout=60)


def test_what_cannot_be_changed_is_named_without_its_value(call: Call, namespace: str) -> None:
    call("kube_apply", definition=job(namespace))
    other = job(namespace)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:2"
    with pytest.raises(PartialFailure) as caught:
        call("kube_apply", definition=other)
    text = str(caught.value)
    assert 'Job.batch "j": field is immutable: spec.template. Keep the value' in text and "PodTemplateSpec" not in text


def test_a_timeout_names_every_missing_target(call: Call, namespace: str) -> None:
    targets = [
        {"kind": "Gizmo", "api_version": "nosuch.example/v1", "name": "x"},
        {"kind": "ConfigMap", "namespace": namespace, "labels": "x=none"},
        {"kind": "Namespace", "name": "default"},
    ]
    with pytest.raises(WaitTimeout) as caught:
        call("kube_wait", targets=targets, wait_timeout=1)
    text = str(caught.value)
    assert "Gizmo x: its kind is not served yet" in text and "0 of 1 ready" in text and "Namespace" not in text


def test_check_mode_looks_once_and_tells(call: Call, namespace: str) -> None:
    targets = [{"kind": "ConfigMap", "name": "gone", "namespace": namespace}, {"kind": "Namespace", "name": namespace}]
    began = time.monotonic()
    states = call("kube_wait", targets=targets, wait_timeout=PATIENCE, check=True)["targets"]
    assert [state["ready"] for state in states] == [False, True] and time.monotonic() - began < PATIENCE / 2


def test_an_api_that_comes_later_is_waited_for(call: Call, server: Any) -> None:
    path = server.kubeconfig("closed", cluster={"server": "https://127.0.0.1:9"})
    with pytest.raises(WaitTimeout, match=r"the API is not reachable: connection refused") as caught:
        call("kube_wait", targets=[{"kind": "Node"}], wait_timeout=1, kubeconfig=path)
    assert "API server runs" in caught.value.remedy
