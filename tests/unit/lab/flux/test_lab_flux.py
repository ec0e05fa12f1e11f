# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building a tree, variables, readiness and dependencies as Flux's controllers have them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, strategies

from lab.charts import parts
from lab.controllers.flux import kustomize, manifest, plan, storage
from lab.controllers.flux.base import duration, seconds
from lab.controllers.flux.kstatus import CURRENT, FAILED, PROGRESS, TERMINATING, helm_ready, kstatus
from lab.controllers.flux.notification import refusal
from lab.controllers.flux.substitute import SubstituteError, check_names, replace, substitute


def files(**texts: str) -> dict[str, bytes]:
    return {f"{name.replace('__', '/')}.yaml": text.encode() for name, text in texts.items()}


def config(name: str, **meta: str) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}})


def test_resources_are_files_and_directories_in_their_order() -> None:
    tree = files(
        app__kustomization="resources: [b.yaml, sub]\nnamespace: web\nlabels: [{pairs: {team: ops}}]",
        app__b=config("b"),
        app__unlisted=config("unlisted"),
        app__sub__kustomization="resources: [a.yaml]\nnamespace: inner",
        app__sub__a=config("a") + "---\n" + config("c"),
    )
    found = kustomize.build_plain(tree, "./app")
    assert [body["metadata"]["name"] for body in found] == ["b", "a", "c"]
    assert {body["metadata"]["namespace"] for body in found} == {"web"}
    assert all(body["metadata"]["labels"] == {"team": "ops"} for body in found)


def test_a_directory_without_a_kustomization_is_all_of_its_manifests() -> None:
    found = kustomize.build_plain(files(app__a=config("a"), app__sub__b=config("b"), other__c=config("c")), "app")
    assert [body["metadata"]["name"] for body in found] == ["a", "b"]


def test_a_namespace_is_for_what_has_one() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}}
    tree = files(app__kustomization="resources: [r.yaml]\nnamespace: web", app__r=yaml.safe_dump(role))
    assert "namespace" not in kustomize.build_plain(tree, "app")[0]["metadata"]


def test_a_patch_changes_what_its_target_selects_and_neither_kind_nor_name() -> None:
    patch = "{apiVersion: v1, kind: any, metadata: {name: any, annotations: {new: x}}}"
    tree = files(
        app__kustomization=f"resources: [a.yaml]\npatches: [{{target: {{name: 'a.*'}}, patch: '{patch}'}}]",
        app__a=config("a1", annotations={"old": "y"}) + "---\n" + config("ba"),  # type: ignore[arg-type]
    )
    found = kustomize.build_plain(tree, "app")
    assert [(body["kind"], body["metadata"]) for body in found] == [
        ("ConfigMap", {"name": "a1", "annotations": {"old": "y", "new": "x"}}),
        ("ConfigMap", {"name": "ba"}),
    ]


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (files(app__kustomization="resources: [gone.yaml]"), "gone.yaml: no such file or directory"),
        (files(app__kustomization="resources: [sub]", app__sub__a=config("a")), "unable to find one of 'kustomization"),
        (files(app__kustomization="resources: ["), "invalid Kustomization: yaml"),
        (files(app__kustomization="images: []"), "does not build 'images'"),
        (files(app__kustomization="patches: [{path: p.yaml}]"), "inline patches with a target"),
        (files(app__kustomization="resources: [a.yaml]", app__a="kind: ConfigMap"), "missing metadata.name"),
        (
            files(app__kustomization="resources: [a.yaml]", app__a=config("x") + "---\n" + config("x")),
            "already registered id: ConfigMap.v1.[noGrp]/x.[noNs]",
        ),
        (files(app__kustomization="resources: [../app]"), "cycle detected"),
        (files(app__kustomization="resources: [../../etc]"), "no such file or directory"),
    ],
)
def test_what_kustomize_would_refuse(tree: dict[str, bytes], text: str) -> None:
    with pytest.raises(kustomize.BuildError) as caught:
        kustomize.build_plain(tree, "app")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${a}", "1"),
        ("${none}", ""),
        ("${none:=d}", "d"),
        ("${none:-http://x/y}", "http://x/y"),
        ("${a:=d}", "1"),
        ("$${a}", "${a}"),
        ("$a ${a-b", "$a ${a-b"),
    ],
)
def test_variables(text: str, result: str) -> None:
    assert replace(text, {"a": "1"}) == result


@given(strategies.text(alphabet="ab $}", max_size=30))
def test_text_without_variables_stays(text: str) -> None:
    assert replace(text, {"a": "1"}) == text


def test_an_object_can_opt_out_of_substitution() -> None:
    body = {"kind": "ConfigMap", "metadata": {"name": "${a}"}}
    assert substitute(body, {"a": "x"})["metadata"]["name"] == "x"
    body["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}  # type: ignore[index]
    assert substitute(body, {"a": "x"}) is body
    with pytest.raises(SubstituteError, match="'a-b' var name is invalid"):
        check_names({"a-b": "1"})


def obj(kind: str, api: str = "example.net/v1", generation: int = 2, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "x", "generation": generation}, **rest}


def conditions(**types: str) -> list[dict[str, str]]:
    return [{"type": name, "status": status} for name, status in types.items()]


ROLLED = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (obj("Thing"), CURRENT),
        (obj("Thing", status={"observedGeneration": 1, "conditions": conditions(Ready="True")}), PROGRESS),
        (obj("Thing", status={"observedGeneration": 2, "conditions": conditions(Ready="True")}), CURRENT),
        (obj("Thing", status={"conditions": conditions(Ready="False")}), PROGRESS),
        (obj("Thing", status={"conditions": conditions(Ready="False", Stalled="True")}), FAILED),
        (obj("Thing", status={"conditions": conditions(Ready="True", Reconciling="True")}), PROGRESS),
        (obj("Deployment", "apps/v1"), PROGRESS),
        (obj("Deployment", "apps/v1", status={**ROLLED, "conditions": conditions(Available="True")}), CURRENT),
        (obj("Deployment", "apps/v1", status={**ROLLED, "availableReplicas": 0}), PROGRESS),
        (obj("Job", "batch/v1", status={"startTime": "now"}), PROGRESS),
        (obj("Job", "batch/v1", status={"conditions": conditions(Complete="True")}), CURRENT),
        (obj("Job", "batch/v1", status={"conditions": conditions(Failed="True")}), FAILED),
        (obj("PersistentVolumeClaim", "v1", status={"phase": "Bound"}), CURRENT),
        (obj("PersistentVolumeClaim", "v1", status={"phase": "Pending"}), PROGRESS),
    ],
)
def test_readiness(body: dict[str, Any], state: str) -> None:
    assert kstatus(body) == state


def test_what_is_being_deleted_is_terminating() -> None:
    body = obj("Thing")
    body["metadata"]["deletionTimestamp"] = "now"
    assert kstatus(body) == TERMINATING


def test_helm_waits_for_the_address_of_a_load_balancer() -> None:
    service = obj("Service", "v1", spec={"type": "LoadBalancer"})
    assert not helm_ready(service)
    assert helm_ready({**service, "status": {"loadBalancer": {"ingress": [{"ip": "172.29.52.200"}]}}})


def kustomization(name: str, *needs: str, revision: str = "main@sha1:1", ready: str = "True", source: str = "a") -> Any:
    return {
        "metadata": {"namespace": "flux-system", "name": name, "generation": 1},
        "spec": {"dependsOn": [{"name": n} for n in needs], "sourceRef": {"kind": "GitRepository", "name": source}},
        "status": {"observedGeneration": 1, "lastAppliedRevision": revision, "conditions": conditions(Ready=ready)},
    }


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (None, "dependency 'flux-system/a' not found"),
        (kustomization("a"), ""),
        (kustomization("a", ready="False"), "dependency 'flux-system/a' is not ready"),
        (kustomization("a", revision="main@sha1:0"), "dependency 'flux-system/a' revision is not up to date"),
        (kustomization("a", revision="main@sha1:0", source="b"), ""),
    ],
)
def test_the_dependency_rule(other: Any, text: str) -> None:
    found = plan.dependency_missing(kustomization("b", "a"), lambda _namespace, _name: other, "main@sha1:1")
    assert found.startswith(text) and bool(found) == bool(text)


def test_an_old_generation_is_not_ready() -> None:
    other = kustomization("a")
    other["metadata"]["generation"] = 2
    assert plan.dependency_missing(kustomization("b", "a"), lambda *_key: other, "main@sha1:1").endswith("is not ready")


def test_the_inventory_reads_back_and_tells_what_is_gone() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:x"}}
    note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "web", "name": "note"}}
    entries = plan.inventory([role, note])
    assert [entry["id"] for entry in entries] == [
        "_system__x_rbac.authorization.k8s.io_ClusterRole",
        "web_note__ConfigMap",
    ]
    assert [plan.of_entry(entry) for entry in entries] == [role, note]
    assert plan.stale(entries, plan.inventory([role])) == [note]


def test_definitions_and_namespaces_are_a_stage_of_their_own() -> None:
    kinds = ["Deployment", "StorageClass", "Namespace", "CustomResourceDefinition"]
    found = plan.stages([{"kind": kind, "metadata": {"name": "x"}} for kind in kinds])
    assert [[body["kind"] for body in stage] for stage in found] == [
        ["Namespace", "CustomResourceDefinition"],
        ["StorageClass"],
        ["Deployment"],
    ]


def test_values_are_merged_and_their_digest_knows_no_order() -> None:
    assert parts.merged({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}}
    assert storage.digest({"a": 1, "b": 2}) == storage.digest({"b": 2, "a": 1})


def test_durations() -> None:
    assert [seconds(text) for text in ("10m", "1h30m", "500ms", "")] == [600, 5400, 0.5, 0]
    assert [duration(value) for value in (300, 1.234, 5400)] == ["5m0s", "1.234s", "1h30m0s"]


def test_a_webhook_needs_a_signature_and_a_listed_event() -> None:
    spec = {"type": "gitlab", "events": ["Push Hook"]}
    assert "does not match the receiver token" in refusal(spec, "t", {"X-Gitlab-Event": "Push Hook"}, b"")
    assert refusal(spec, "t", {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "t"}, b"") == ""
    headers = {"X-Gitlab-Event": "Issue", "X-Gitlab-Token": "t"}
    assert refusal(spec, "t", headers, b"") == "the GitLab event 'Issue' is not authorised"


def test_the_install_manifest_names_each_object_once() -> None:
    found = list(yaml.safe_load_all(manifest.text()))
    names = [(body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]) for body in found]
    assert len(names) == len(set(names))
    assert manifest.text() == manifest.text()
    assert {name for kind, _namespace, name in names if kind == "Deployment"} == set(manifest.CONTROLLERS)
