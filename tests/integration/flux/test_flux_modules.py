# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules against the lab's Flux: a tree comes up, changes, breaks in every way that is declared, and goes on."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.flux.errors import FluxError
from lab.controllers.api import CONFIG_MAPS, SECRETS
from lab.controllers.cilium.release import unpack
from lab.controllers.flux.base import HELM_RELEASES, KUSTOMIZATIONS, condition
from lab.scenario import WorkloadFault
from tests.harness.flux_cluster import FluxCluster

from .conftest import Call, Tree, kustomization, listed, release, web

METRICS = "infrastructure__metrics__release"
WEB = "apps__web__web"
INFRASTRUCTURE = "clusters__home-ops__infrastructure"


@pytest.fixture
def settled(running: str, cluster: FluxCluster, repository: Tree, call: Call) -> Iterator[None]:
    """Before and after, the tree is as at the start and nothing is wrong: so every test shows that it goes on."""
    before = {name: list(bodies) for name, bodies in repository.files.items()}
    yield
    faults = cluster.scenario.faults
    faults.git.unreachable = faults.git.auth_failure = False
    faults.flux.charts_unreachable.clear()
    faults.workloads.clear()
    repository.files = before
    call("flux_info", wait=True, wait_timeout=40, interval=0.2, commit=repository.commit())


def states(found: dict[str, Any]) -> dict[str, str]:
    return {f"{row['kind']} {row['name']}": row["state"] for row in found["objects"]}


def broken(call: Call, timeout: int = 4, **more: Any) -> FluxError:
    with pytest.raises(FluxError) as caught:
        call("flux_info", wait=True, wait_timeout=timeout, interval=0.2, **more)
    return caught.value


def live(cluster: FluxCluster, path: str) -> dict[str, Any] | None:
    return cluster.run(cluster.api.get(path))


def suspend(cluster: FluxCluster, kind: Any, namespace: str, name: str, value: bool) -> None:
    cluster.run(cluster.api.merge(kind.path(namespace, name), {"spec": {"suspend": value}}))


def test_the_whole_tree_is_ready(running: str, call: Call) -> None:
    found = call("flux_info", commit=running)
    assert found["ready"] and found["causes"] == []
    assert found["summary"] == "4 of 4 Kustomizations, 1 of 1 HelmReleases ready"
    assert set(states(found).values()) == {"ready"}
    assert f"main@{running[:10]}" in found["table"]


def test_what_is_applied_carries_its_owner_and_manager(running: str, cluster: FluxCluster) -> None:
    note = live(cluster, CONFIG_MAPS.path("web", "note"))
    assert note is not None
    assert note["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "web"
    assert {entry["manager"] for entry in note["metadata"]["managedFields"]} == {"kustomize-controller"}
    applied = live(cluster, KUSTOMIZATIONS.path("flux-system", "web"))
    assert applied is not None
    ids = [entry["id"] for entry in applied["status"]["inventory"]["entries"]]
    assert ids == ["_web__Namespace", "web_note__ConfigMap", "web_web_apps_Deployment"]


def test_a_reconciliation_goes_through_source_and_dependencies(running: str, call: Call) -> None:
    found = call("flux_reconcile", targets=[{"kind": "Kustomization", "name": "web"}], wait_timeout=60)
    assert found["changed"]
    order = [f"{row['kind']} {row['name']}" for row in found["reconciled"]]
    assert order == [
        "GitRepository flux-system",
        "Kustomization sources",
        "Kustomization metrics",
        "Kustomization web",
    ]
    assert all(row["ready"] for row in found["reconciled"])


def test_a_commit_that_is_applied_already_asks_for_nothing(running: str, call: Call) -> None:
    targets = [
        {"kind": "Kustomization", "name": "web"},
        {"kind": "HelmRelease", "name": "metrics-server", "namespace": "metrics"},
    ]
    found = call("flux_reconcile", targets=targets, commit=running)
    assert not found["changed"] and "Kustomization flux-system/web" in found["current"]


def test_check_mode_only_predicts(running: str, call: Call, cluster: FluxCluster) -> None:
    before = live(cluster, KUSTOMIZATIONS.path("flux-system", "web"))
    found = call("flux_reconcile", check=True, targets=[{"kind": "Kustomization", "name": "web"}])
    assert found["changed"]
    assert live(cluster, KUSTOMIZATIONS.path("flux-system", "web")) == before


def test_another_version_upgrades_the_release(
    settled: None, repository: Tree, call: Call, cluster: FluxCluster
) -> None:
    commit = repository.commit(**{METRICS: [release("3.13.1")]})
    told: list[str] = []
    call("flux_info", wait=True, wait_timeout=60, interval=0.2, commit=commit, told=told)
    assert told and "awaited: " in told[0]
    found = live(cluster, HELM_RELEASES.path("metrics", "metrics-server"))
    assert found is not None
    assert condition(found, "Ready")["message"].startswith(
        "Helm upgrade succeeded for release metrics/metrics-server.v"
    )
    assert condition(found, "Ready")["message"].endswith("with chart metrics-server@3.13.1")
    snapshot = found["status"]["history"][0]
    stored = live(cluster, SECRETS.path("metrics", f"sh.helm.release.v1.metrics-server.v{snapshot['version']}"))
    assert stored is not None
    assert unpack(stored)["chart"]["metadata"]["version"] == "3.13.1"
    assert unpack(stored)["info"]["status"] == "deployed"


def test_what_leaves_the_tree_is_pruned_unless_it_says_otherwise(
    settled: None, repository: Tree, call: Call, cluster: FluxCluster
) -> None:
    marks = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "annotations": marks}}
    files = ("namespace.yaml", "web.yaml", "note.yaml", "kept.yaml")
    commit = repository.commit(apps__web__kept=[kept], apps__web__kustomization=[listed(*files, namespace="web")])
    call("flux_info", wait=True, wait_timeout=60, interval=0.2, commit=commit)
    commit = repository.commit(
        apps__web__kept=None,
        apps__web__note=None,
        apps__web__kustomization=[listed("namespace.yaml", "web.yaml", namespace="web")],
    )
    call("flux_info", wait=True, wait_timeout=60, interval=0.2, commit=commit)
    assert live(cluster, CONFIG_MAPS.path("web", "note")) is None
    assert live(cluster, CONFIG_MAPS.path("web", "kept")) is not None


def test_an_unreachable_source_is_named(settled: None, cluster: FluxCluster, call: Call) -> None:
    cluster.scenario.faults.git.unreachable = True
    with pytest.raises(FluxError) as caught:
        call("flux_reconcile", targets=[{"kind": "Kustomization", "name": "flux-system"}], wait_timeout=3)
    text = str(caught.value)
    assert "GitRepository flux-system/flux-system: GitOperationFailed: failed to checkout" in text
    assert "connection refused" in text
    cluster.scenario.faults.git.unreachable = False
    assert call("flux_reconcile", targets=[{"kind": "Kustomization", "name": "flux-system"}], wait_timeout=60)[
        "changed"
    ]


def test_refused_credentials_are_named(settled: None, cluster: FluxCluster, call: Call) -> None:
    cluster.scenario.faults.git.auth_failure = True
    with pytest.raises(FluxError, match="authentication required"):
        call("flux_reconcile", targets=[{"kind": "GitRepository", "name": "flux-system"}], wait_timeout=3)


def test_a_release_fails_and_then_recovers(settled: None, cluster: FluxCluster, repository: Tree, call: Call) -> None:
    fault = WorkloadFault(kind="HelmRelease", name="metrics-server", message="hooks failed: the lab says so", times=2)
    cluster.scenario.faults.workloads.append(fault)
    commit = repository.commit(**{METRICS: [release(values={"replicas": 2})]})
    call("flux_info", wait=True, wait_timeout=60, interval=0.1, commit=commit)
    assert fault.times == 0


def test_a_release_without_retries_left_ends_the_wait_at_once(
    settled: None, cluster: FluxCluster, repository: Tree, call: Call
) -> None:
    fault = WorkloadFault(kind="HelmRelease", name="metrics-server", message="the lab says so")
    cluster.scenario.faults.workloads.append(fault)
    commit = repository.commit(**{METRICS: [release(values={"replicas": 3})]})
    error = broken(call, timeout=120, commit=commit)
    assert "HelmRelease metrics/metrics-server: RetriesExceeded: Helm upgrade failed for release" in str(error)
    assert "the lab says so" in str(error) and "reset" in str(error)
    assert error.facts["causes"][0]["state"] == "stalled"
    cluster.scenario.faults.workloads.clear()
    target = {"kind": "HelmRelease", "name": "metrics-server", "namespace": "metrics"}
    call("flux_reconcile", targets=[target], reset=True, with_source=False, wait_timeout=60)


def test_a_dependency_that_is_suspended_is_named(
    settled: None, cluster: FluxCluster, repository: Tree, call: Call
) -> None:
    # Its own parent would resume it, so the parent is suspended too once it has the commit.
    suspend(cluster, KUSTOMIZATIONS, "flux-system", "metrics", True)
    try:
        with pytest.raises(FluxError, match="Kustomization flux-system/metrics: resource is suspended"):
            call("flux_reconcile", targets=[{"kind": "Kustomization", "name": "web"}])
        commit = repository.commit()
        error = broken(call, timeout=20, commit=commit)
        assert "Kustomization flux-system/metrics: it is suspended" in str(error)
        assert "set spec.suspend of Kustomization flux-system/metrics to false" in str(error)
    finally:
        suspend(cluster, KUSTOMIZATIONS, "flux-system", "metrics", False)


def test_a_dependency_that_does_not_exist_is_named(settled: None, repository: Tree, call: Call) -> None:
    bodies = repository.files["clusters/home-ops/infrastructure.yaml"]
    lonely = kustomization("lonely", "apps/web", "nowhere")
    commit = repository.commit(**{INFRASTRUCTURE: [*bodies, lonely]})
    error = broken(call, commit=commit)
    assert "Kustomization flux-system/nowhere does not exist, and Kustomization flux-system/lonely needs it" in str(
        error
    )


def test_a_health_check_that_fails_names_the_workload(
    settled: None, cluster: FluxCluster, repository: Tree, call: Call
) -> None:
    cluster.scenario.faults.workloads.append(WorkloadFault(kind="Pod", name="web", message="no such image"))
    bodies = [dict(body) for body in repository.files["clusters/home-ops/infrastructure.yaml"]]
    bodies[2] = kustomization("web", "apps/web", "metrics", timeout="2s")
    broken_web = web()
    broken_web["spec"]["template"]["spec"]["volumes"] = [{"name": "x", "secret": {"secretName": "nobody-has-it"}}]
    commit = repository.commit(**{INFRASTRUCTURE: bodies, WEB: [broken_web]})
    error = broken(call, timeout=8, commit=commit)
    text = str(error)
    assert "Kustomization flux-system/web" in text
    assert "Deployment web/web" in text


def test_charts_that_cannot_be_had_are_named(settled: None, cluster: FluxCluster, repository: Tree, call: Call) -> None:
    cluster.scenario.faults.flux.charts_unreachable.append("metrics-server")
    with pytest.raises(FluxError, match="IndexationFailed: failed to fetch Helm repository index"):
        call("flux_reconcile", targets=[{"kind": "HelmRepository", "name": "metrics-server"}], wait_timeout=3)


def test_a_tree_that_cannot_be_built_ends_the_wait_at_once(settled: None, repository: Tree, call: Call) -> None:
    commit = repository.commit(apps__web__kustomization=[listed("namespace.yaml", "missing.yaml")])
    error = broken(call, timeout=120, commit=commit)
    assert "BuildFailed: kustomize build failed: accumulating resources" in str(error)


def test_a_webhook_sets_the_source_going(running: str, cluster: FluxCluster, call: Call) -> None:
    token = "a token of this test"
    secret = {"metadata": {"name": "hook", "namespace": "flux-system"}, "stringData": {"token": token}}
    resource = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "name": "flux-system"}
    receiver = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": {"name": "github", "namespace": "flux-system"},
        "spec": {"type": "github", "events": ["push"], "secretRef": {"name": "hook"}, "resources": [resource]},
    }
    call("kube_apply", definition=[{"apiVersion": "v1", "kind": "Secret", **secret}, receiver], wait=True)
    path = "/hook/" + hashlib.sha256(f"{token}githubflux-system".encode()).hexdigest()
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    signature = "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()

    def post(path: str, **headers: str) -> int:
        request = urllib.request.Request(
            cluster.git.url + path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert post("/hook/unknown") == 404
    assert post(path, X_GitHub_Event="push", X_Hub_Signature_256="sha256=0") == 400
    assert post(path, X_GitHub_Event="issues", X_Hub_Signature_256=signature) == 400
    assert post(path, X_GitHub_Event="push", X_Hub_Signature_256=signature) == 200
    call("flux_info", wait=True, wait_timeout=30, interval=0.1)
