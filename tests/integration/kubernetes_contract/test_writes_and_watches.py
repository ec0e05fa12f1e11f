# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ownership, no-op writes, generations, watches, pages and deletion, on either server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

JSON, MERGE, APPLY = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"
STRATEGIC, JSON_PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
W = "/apis/example.com/v1/namespaces/default/widgets"
CORE = "/api/v1/namespaces/default"
D = "/apis/apps/v1/namespaces/default/deployments"


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


def config(name: str, data: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}}
    return body if data is None else {**body, "data": data}


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "nginx", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    whole = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": whole}


def owners(answer: Any) -> dict[tuple[str, str, str], Any]:
    entries = answer.json["metadata"].get("managedFields", [])
    return {(e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"] for e in entries}


def version(answer: Any) -> str:
    return str(answer.json["metadata"]["resourceVersion"])


def test_list_items_are_owned_by_key_and_go_as_a_whole(http: Any, widgets: str) -> None:
    path = f"{W}/lists"
    http.apply(path, widget("lists", size=2, ports=[{"port": 80, "name": "h"}], tags=["x"]), "m1")
    http.apply(path, widget("lists", size=2, ports=[{"port": 443}], tags=["y"]), "m2")
    shared = http.ask("GET", path)
    assert shared.json["spec"]["ports"] == [{"port": 80, "name": "h"}, {"port": 443}]
    assert shared.json["spec"]["tags"] == ["x", "y"]
    left = http.apply(path, widget("lists", size=2), "m1")
    assert left.json["spec"] == {"size": 2, "color": "red", "ports": [{"port": 443}], "tags": ["y"]}
    assert owners(left)[("m1", "Apply", "")] == {"f:spec": {"f:size": {}}}
    assert owners(left)[("m2", "Apply", "")] == {
        "f:spec": {"f:ports": {'k:{"port":443}': {".": {}, "f:port": {}}}, "f:size": {}, "f:tags": {'v:"y"': {}}}
    }


def test_force_takes_the_field_away(http: Any, widgets: str) -> None:
    path = f"{W}/forced"
    http.apply(path, widget("forced", size=2), "m1")
    refused = http.apply(path, widget("forced", size=3), "m2")
    assert refused.status == 409
    assert refused.json["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "m1"', "field": ".spec.size"}
    ]
    taken = http.apply(path, widget("forced", size=3), "m2", force="true")
    assert list(owners(taken)) == [("m2", "Apply", "")]
    assert taken.json["metadata"]["generation"] == 2


@pytest.mark.parametrize("kind", [APPLY, MERGE, STRATEGIC, "PUT"])
def test_a_write_of_nothing_new_is_no_write(http: Any, kind: str) -> None:
    name = "noop-" + kind.rpartition("/")[2].partition("-")[0].lower()
    path, body = f"{CORE}/configmaps/{name}", config(name, {"k": "v"}, labels={"a": "b"})
    method, query = ("PUT", "") if kind == "PUT" else ("PATCH", "?fieldManager=me")
    content = JSON if kind == "PUT" else kind
    http.ask(
        "PATCH" if kind == APPLY else "POST",
        path + query if kind == APPLY else f"{CORE}/configmaps",
        body,
        content if kind == APPLY else JSON,
    )
    first = http.ask(method, path + query, body, content)
    second = http.ask(method, path + query, body, content)
    assert (first.status, second.status) == (200, 200), second.data
    assert version(first) == version(second)
    assert "generation" not in second.json["metadata"]


def test_generation_follows_the_specification_only(http: Any) -> None:
    created = http.ask("POST", D, deployment("gen"))
    path = f"{D}/gen"
    steps = [
        http.ask("PATCH", path, {"metadata": {"labels": {"x": "y"}}}, MERGE),
        http.ask("PATCH", f"{path}/status", {"status": {"replicas": 1}}, MERGE),
        http.ask("PATCH", path, {"status": {"replicas": 7}}, MERGE),
        http.ask("PATCH", path, {"spec": {"paused": True}}, MERGE),
        http.ask("PATCH", f"{path}/scale", {"spec": {"replicas": 4}}, MERGE),
    ]
    assert [created.json["metadata"]["generation"]] == [1]
    assert [step.json["metadata"].get("generation") for step in steps] == [1, 1, 1, 2, None]
    now = http.ask("GET", path).json
    assert (now["metadata"]["generation"], now["spec"]["replicas"], now["status"]) == (3, 4, {"replicas": 1})
    assert steps[4].json["spec"] == {"replicas": 4} and steps[4].json["status"] == {"replicas": 1, "selector": "a=b"}


def test_a_strategic_patch_merges_by_key(http: Any) -> None:
    http.ask("POST", D, deployment("strategic"))
    more = [{"name": "c", "env": [{"name": "B", "value": "2"}]}, {"name": "side", "image": "x:1"}]
    patched = http.ask("PATCH", f"{D}/strategic", {"spec": {"template": {"spec": {"containers": more}}}}, STRATEGIC)
    first, second = patched.json["spec"]["template"]["spec"]["containers"]
    assert (first["image"], [item["name"] for item in first["env"]]) == ("nginx", ["B", "A"])
    assert (second["name"], second["imagePullPolicy"]) == ("side", "IfNotPresent")


def test_managed_fields_can_be_rewritten_and_reset(http: Any) -> None:
    path = f"{CORE}/configmaps/managed"
    http.ask("POST", f"{CORE}/configmaps", config("managed", {"k": "v"}))
    renamed = http.ask(
        "PATCH", path, [{"op": "replace", "path": "/metadata/managedFields/0/manager", "value": "other"}], JSON_PATCH
    )
    assert list(owners(renamed)) == [("other", "Update", "")]
    reset = http.ask("PATCH", path, {"metadata": {"managedFields": [{}]}}, MERGE)
    assert owners(reset) == {}
    adopted = http.apply(path, config("managed", {"z": "v"}), "me")
    assert set(owners(adopted)) == {("me", "Apply", ""), ("before-first-apply", "Update", "")}


def test_a_dry_run_stores_nothing(http: Any) -> None:
    answer = http.ask("POST", f"{CORE}/configmaps?dryRun=All", config("dry", {"k": "v"}))
    assert answer.status == 201 and answer.json["metadata"]["uid"] and "resourceVersion" not in answer.json["metadata"]
    assert http.ask("GET", f"{CORE}/configmaps/dry").status == 404


def test_pages_walk_the_whole_list(http: Any) -> None:
    http.namespace("pages")
    root = "/api/v1/namespaces/pages/configmaps"
    names = [f"p{number}" for number in range(7)]
    for name in names:
        http.ask("POST", root, config(name))
    found, token, left = [], "", []
    while True:
        page = http.ask("GET", f"{root}?limit=3&continue={token}").json
        found += [item["metadata"]["name"] for item in page["items"]]
        left.append(page["metadata"].get("remainingItemCount"))
        assert "kind" not in page["items"][0] and page["kind"] == "ConfigMapList"
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert (found, left) == (names, [4, 1, None])


def test_a_watch_follows_a_selector(http: Any) -> None:
    root = f"{CORE}/configmaps"
    since = http.ask("GET", root).json["metadata"]["resourceVersion"]
    http.ask("POST", root, config("seen", labels={"watched": "yes"}))
    http.ask("PATCH", f"{root}/seen", {"metadata": {"labels": {"watched": "no"}}}, MERGE)
    http.ask("PATCH", f"{root}/seen", {"metadata": {"labels": {"watched": "yes"}}}, MERGE)
    http.ask("PATCH", f"{root}/seen", {"data": {"a": "b"}}, MERGE)
    http.ask("DELETE", f"{root}/seen")
    events = http.ask(
        "GET", f"{root}?watch=1&resourceVersion={since}&labelSelector=watched%3Dyes&timeoutSeconds=1"
    ).body
    assert [event["type"] for event in events] == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(versions)


def test_a_watched_table_names_its_columns_once(http: Any, widgets: str) -> None:
    http.ask("POST", W, widget("t1", size=1))
    http.ask("POST", W, widget("t2", size=2))
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    answer = http.ask("GET", f"{W}?watch=1&timeoutSeconds=1", headers=accept)
    tables = [json.loads(line)["object"] for line in answer.data.decode().splitlines()]
    assert [column["name"] for column in tables[0]["columnDefinitions"]] == ["Name", "Size"]
    assert [table["columnDefinitions"] for table in tables[1:]] == [None] * (len(tables) - 1)
    assert ["t2", 2] in [row["cells"] for table in tables for row in table["rows"]]


def test_a_finalizer_holds_and_lets_go(http: Any) -> None:
    path = f"{CORE}/configmaps/held"
    http.ask("POST", f"{CORE}/configmaps", config("held", finalizers=["x.y/z"]))
    first, again = http.ask("DELETE", path), http.ask("DELETE", path)
    assert first.json["metadata"]["deletionGracePeriodSeconds"] == 0
    assert first.json["metadata"]["deletionTimestamp"] == again.json["metadata"]["deletionTimestamp"]
    assert http.ask("PATCH", path, {"data": {"a": "b"}}, MERGE).status == 200
    assert http.ask("PATCH", path, {"metadata": {"finalizers": None}}, MERGE).status == 200
    assert http.ask("GET", path).status == 404


def test_text_secrets_are_stored_encoded(http: Any) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}}
    stored = http.ask("POST", f"{CORE}/secrets", body).json
    assert (stored["data"], stored["type"], "stringData" in stored) == ({"a": "Yg==", "c": "ZA=="}, "Opaque", False)


def test_services_get_addresses_and_keep_them(http: Any) -> None:
    root = f"{CORE}/services"
    body = {
        "metadata": {"name": "lb"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"a": "b"}},
    }
    made = http.ask("POST", root, body).json["spec"]
    assert made["clusterIPs"] == [made["clusterIP"]] and 30000 <= made["ports"][0]["nodePort"] <= 32767
    kept = http.ask("PUT", f"{root}/lb", body).json["spec"]
    assert kept == made
    plain = http.ask("PATCH", f"{root}/lb", {"spec": {"type": "ClusterIP"}}, MERGE).json["spec"]
    assert plain["clusterIP"] == made["clusterIP"]
    assert "externalTrafficPolicy" not in plain and "allocateLoadBalancerNodePorts" not in plain


def test_a_definition_is_established_and_its_kind_goes_with_it(emulated: Any) -> None:
    http = emulated
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    served = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "toys", "kind": "Toy"}
    document = {
        "metadata": {"name": "toys.play.io"},
        "spec": {"group": "play.io", "scope": "Cluster", "names": names, "versions": [served]},
    }
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    created = http.ask("POST", root, document)
    assert created.json["status"] == {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": ["v1"],
    }
    http.until("/apis/play.io/v1/toys", lambda answer: answer.status == 200)
    toy = {"apiVersion": "play.io/v1", "kind": "Toy", "metadata": {"name": "t"}, "spec": {"any": 1}}
    assert http.ask("POST", "/apis/play.io/v1/toys", toy).status == 201
    http.ask("DELETE", f"{root}/toys.play.io")
    http.until(f"{root}/toys.play.io", lambda answer: answer.status == 404)
    assert http.ask("GET", "/apis/play.io/v1/toys").type.startswith("text/plain")


def test_owned_objects_go_after_their_owner(emulated: Any) -> None:
    http, root = emulated, f"{CORE}/configmaps"
    owner = http.ask("POST", root, config("owner")).json["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    http.ask("POST", root, config("owned", ownerReferences=[reference]))
    http.ask("POST", root, config("orphan", ownerReferences=[{**reference, "name": "nobody", "uid": "0-0"}]))
    http.ask("DELETE", f"{root}/owner")
    for name in ("owned", "orphan"):
        http.until(f"{root}/{name}", lambda answer: answer.status == 404)


def test_a_terminating_namespace_takes_nothing_new(emulated: Any) -> None:
    http = emulated
    http.namespace("ending")
    root = "/api/v1/namespaces/ending/configmaps"
    http.ask("POST", root, config("held", finalizers=["x.y/z"]))
    ended = http.ask("DELETE", "/api/v1/namespaces/ending")
    assert ended.json["status"]["phase"] == "Terminating"
    refused = http.ask("POST", root, config("late"))
    why = "unable to create new content in namespace ending because it is being terminated"
    assert (refused.status, refused.json["message"]) == (403, f'configmaps "late" is forbidden: {why}')
    http.until(f"{root}/held", lambda answer: "deletionTimestamp" in answer.json["metadata"])
    http.ask("PATCH", f"{root}/held", {"metadata": {"finalizers": None}}, MERGE)
    http.until("/api/v1/namespaces/ending", lambda answer: answer.status == 404)


def test_the_ring_forgets(emulated: Any) -> None:
    """A watch from before the ring is told to list again, by an event and not by a status."""
    answer = emulated.ask("GET", f"{CORE}/configmaps?watch=1&resourceVersion=1&timeoutSeconds=1")
    assert answer.status == 200
    assert answer.body[0]["type"] == "ERROR" and answer.body[0]["object"]["code"] == 410


def test_a_watch_of_the_future_waits(http: Any) -> None:
    start = time.monotonic()
    answer = http.ask("GET", f"{CORE}/configmaps?watch=1&resourceVersion=99999999&timeoutSeconds=1")
    assert (answer.status, answer.data) == (200, b"") and time.monotonic() - start > 0.9
