# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flux's objects judged, their dependencies followed, and what a request comes to."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.flux import manifest, reconcile, report
from ansible_collections.homeops.cluster.plugins.module_utils.flux.errors import FluxError, ManifestError
from ansible_collections.homeops.cluster.plugins.module_utils.flux.graph import Graph
from ansible_collections.homeops.cluster.plugins.module_utils.flux.state import Ref, applied, judge

OLD, NEW = "main@sha1:" + "0" * 40, "main@sha1:" + "1" * 40
GIT = Ref("GitRepository", "flux-system", "flux-system")


def body(kind: str, name: str, ready: str = "True", *, reason: str = "", text: str = "", **more: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"suspend": more.get("suspend", False)}
    status: dict[str, Any] = {"observedGeneration": more.get("seen", 1)}
    conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": text, "observedGeneration": 1}]
    if kind == "Kustomization":
        spec["sourceRef"] = {"kind": "GitRepository", "name": "flux-system"}
        status["lastAppliedRevision"] = more.get("revision", NEW)
        status["lastAttemptedRevision"] = more.get("attempted", NEW)
    if kind == "HelmRelease":
        spec["chart"] = {"spec": {"chart": "x", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    if kind == "GitRepository":
        status["artifact"] = {"revision": more.get("revision", NEW)}
    if more.get("stalled"):
        conditions.append({"type": "Stalled", "status": "True", "reason": "RetriesExceeded", "message": ""})
    if more.get("working"):
        conditions.append(
            {"type": "Reconciling", "status": "True", "reason": "Progressing", "message": more["working"]}
        )
    if more.get("needs"):
        spec["dependsOn"] = [{"name": need} for need in more["needs"]]
    labels = {}
    if more.get("owner"):
        group = "kustomize.toolkit.fluxcd.io"
        labels = {f"{group}/name": more["owner"], f"{group}/namespace": "flux-system"}
    meta = {"name": name, "namespace": "flux-system", "generation": 1, "labels": labels}
    return {"kind": kind, "metadata": meta, "spec": spec, "status": {**status, "conditions": conditions}}


def git(**more: Any) -> dict[str, Any]:
    return body("GitRepository", "flux-system", **more)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (body("Kustomization", "x"), "ready"),
        (body("Kustomization", "x", seen=0), "progressing"),
        (body("Kustomization", "x", "Unknown"), "progressing"),
        (body("Kustomization", "x", "False", reason="HealthCheckFailed"), "failed"),
        (body("Kustomization", "x", "False", reason="DependencyNotReady"), "waiting"),
        (body("HelmRelease", "x", "False", stalled=True), "stalled"),
        (body("Kustomization", "x", suspend=True), "suspended"),
        ({**body("Kustomization", "x"), "status": {"observedGeneration": -1}}, "unseen"),
        ({**body("HelmRepository", "x"), "spec": {"type": "oci"}, "status": {}}, "ready"),
    ],
)
def test_states(found: dict[str, Any], state: str) -> None:
    assert judge(found).state == state


def test_an_object_at_work_says_what_it_does() -> None:
    row = judge(body("Kustomization", "x", "Unknown", reason="Progressing", text="in progress", working="Building"))
    assert row.why == "Progressing: Building"


def test_the_inventory_is_read_back() -> None:
    entries = [{"id": "_system__x_rbac.authorization.k8s.io_ClusterRole", "v": "v1"}, {"id": "a_b__Secret", "v": "v1"}]
    assert applied({"status": {"inventory": {"entries": entries}}}) == [
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:x"),
        ("v1", "Secret", "a", "b"),
    ]


def chain_of(bodies: list[dict[str, Any]], name: str) -> str:
    graph = Graph(judge(found) for found in bodies)
    return str(graph.chain(graph.rows[Ref("Kustomization", "flux-system", name)]))


def test_dependencies_are_followed_to_the_root_cause() -> None:
    waits = {"reason": "DependencyNotReady"}
    bodies = [
        git(),
        body("Kustomization", "c", "False", needs=["b"], **waits),
        body("Kustomization", "b", "False", needs=["a"], **waits),
        body("Kustomization", "a", "False", reason="HealthCheckFailed", text="timeout\nwaiting"),
        body("HelmRelease", "r", "False", reason="InstallFailed", text="no room", owner="a"),
        body("HelmChart", "flux-system-r"),
    ]
    assert chain_of(bodies, "c") == (
        "HelmRelease flux-system/r: InstallFailed: no room (what waits: Kustomization flux-system/c > Kustomization "
        "flux-system/b > Kustomization flux-system/a > HelmRelease flux-system/r)"
    )
    found = report.build(bodies)
    assert [chain.root.ref.name for chain in found.causes] == ["r"]
    assert found.counts == "0 of 3 Kustomizations, 0 of 1 HelmReleases ready"
    assert found.table().startswith("cause: HelmRelease flux-system/r: InstallFailed: no room")


def test_a_source_is_a_cause_too() -> None:
    bodies = [
        git(ready="False", reason="GitOperationFailed", text="unable to clone"),
        body("Kustomization", "a", "False", reason="ArtifactFailed"),
    ]
    assert chain_of(bodies, "a").startswith(
        "GitRepository flux-system/flux-system: GitOperationFailed: unable to clone"
    )


def test_what_does_not_exist_is_named() -> None:
    bodies = [git(), body("Kustomization", "a", "False", reason="DependencyNotReady", needs=["b"])]
    assert chain_of(bodies, "a") == (
        "Kustomization flux-system/b does not exist, and Kustomization flux-system/a needs it"
    )


def test_a_suspended_dependency_at_an_old_commit_is_the_cause() -> None:
    bodies = [
        git(),
        body("Kustomization", "a", suspend=True, revision=OLD),
        body("Kustomization", "b", "False", reason="DependencyNotReady", needs=["a"], revision=OLD),
    ]
    assert chain_of(bodies, "b").startswith("Kustomization flux-system/a: it is suspended")


def test_a_ring_of_dependencies_ends() -> None:
    waits = {"ready": "False", "reason": "DependencyNotReady"}
    bodies = [git(), body("Kustomization", "a", needs=["b"], **waits), body("Kustomization", "b", needs=["a"], **waits)]
    assert "flux-system/b" in chain_of(bodies, "a")
    graph = Graph(judge(found) for found in bodies)
    with pytest.raises(InputError, match="ring"):
        graph.waves([Ref("Kustomization", "flux-system", "a")], source=False, dependencies=True)


def test_waiting_ends_only_when_the_newest_commit_was_tried() -> None:
    def one(attempted: str) -> report.Report:
        owner = body("Kustomization", "a", "False", reason="HealthCheckFailed", attempted=attempted)
        return report.build([git(), owner, body("HelmRelease", "r", "False", stalled=True, owner="a")])

    assert [chain.root.ref.name for chain in one(NEW).hopeless()] == ["r"]
    assert one(OLD).hopeless() == []


def test_what_is_said_of_another_commit_than_the_awaited_one_is_no_last_word() -> None:
    """The source may hold the earlier commit still, and then what was tried is the newest that it has."""
    bodies = [git(), body("Kustomization", "a", "False", reason="BuildFailed", attempted=NEW)]
    assert report.build(bodies, commit=NEW.rpartition(":")[2]).hopeless()
    assert report.build(bodies, commit="0" * 40).hopeless() == []


def test_a_commit_must_be_everywhere() -> None:
    bodies = [git(), body("Kustomization", "a", revision=OLD)]
    assert report.build(bodies).done
    found = report.build(bodies, commit="1" * 40)
    assert not found.done and "flux-system/a (at another commit)" in found.state
    assert report.build([]).state == "there is no Kustomization yet"


def graph_of(*bodies: dict[str, Any]) -> Graph:
    return Graph(judge(found) for found in bodies)


A, B = Ref("Kustomization", "flux-system", "a"), Ref("Kustomization", "flux-system", "b")


def test_sources_and_dependencies_come_first() -> None:
    graph = graph_of(git(), body("Kustomization", "a"), body("Kustomization", "b", needs=["a"]))
    found = reconcile.plan(graph, [B], "now")
    assert [[request.ref for request in wave] for wave in found.waves] == [[GIT], [A], [B]]
    assert found.waves[0][0].annotations == {"reconcile.fluxcd.io/requestedAt": "now"}
    alone = reconcile.plan(graph, [B], "now", source=False, dependencies=False)
    assert [[request.ref for request in wave] for wave in alone.waves] == [[B]]


def test_a_commit_that_is_there_is_left_alone() -> None:
    graph = graph_of(git(), body("Kustomization", "a", revision=OLD), body("Kustomization", "b", needs=["a"]))
    found = reconcile.plan(graph, [B], "now", commit="1" * 40)
    assert [[request.ref for request in wave] for wave in found.waves] == [[A]]
    assert found.current == [GIT, B]
    assert not reconcile.plan(graph, [B], "now", commit="1" * 40, dependencies=False).changed


def test_suspended_is_refused_or_left_out() -> None:
    graph = graph_of(git(), body("Kustomization", "a", suspend=True))
    with pytest.raises(FluxError, match="Kustomization flux-system/a: resource is suspended"):
        reconcile.plan(graph, [A], "now")
    found = reconcile.plan(graph, [A], "now", skip_suspended=True)
    assert found.suspended == [A] and [request.ref for request in found.waves[0]] == [GIT]


def test_only_a_release_is_forced_or_reset() -> None:
    graph = graph_of(git(), body("Kustomization", "a"), body("HelmRelease", "r"))
    found = reconcile.plan(
        graph, [A, Ref("HelmRelease", "flux-system", "r")], "t", source=False, force=True, reset=True
    )
    wanted = {request.ref.kind: sorted(request.annotations) for wave in found.waves for request in wave}
    prefix = "reconcile.fluxcd.io/"
    assert wanted["HelmRelease"] == [f"{prefix}forceAt", f"{prefix}requestedAt", f"{prefix}resetAt"]
    assert wanted["Kustomization"] == [f"{prefix}requestedAt"]


def test_a_target_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="Kustomization flux-system/a does not exist"):
        reconcile.plan(graph_of(git()), [A], "now")


TEXT = b"# Flux Version: v2.4.0\nkind: Namespace\n"
DIGEST = hashlib.sha256(TEXT).hexdigest()


def test_the_pinned_manifest_is_taken() -> None:
    assert manifest.checked("x", DIGEST, lambda _source: TEXT, version="v2.4.0") == TEXT.decode()
    assert manifest.checked("x", f"sha256:{DIGEST.upper()}", lambda _source: TEXT) == TEXT.decode()


@pytest.mark.parametrize(
    ("digest", "version", "text"),
    [
        ("", "", "no SHA-256 is pinned for it"),
        ("abc", "", "is no SHA-256"),
        ("0" * 64, "", f"its SHA-256 is {DIGEST} and {'0' * 64} is pinned"),
        (DIGEST, "v2.5.0", "it installs v2.4.0 and v2.5.0 is wanted"),
    ],
)
def test_another_manifest_is_refused(digest: str, version: str, text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.checked("x", digest, lambda _source: TEXT, version=version)
    assert text in str(caught.value)


def test_without_a_digest_nothing_is_fetched() -> None:
    def never(_source: str) -> bytes:
        raise AssertionError("fetched")

    with pytest.raises(ManifestError, match="homeops_flux_manifest_sha256"):
        manifest.checked("https://example.net/install.yaml", "", never)


def test_a_manifest_that_is_not_there_is_told(tmp_path: Any) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        manifest.fetch(str(tmp_path / "none.yaml"))
    (tmp_path / "one.yaml").write_bytes(TEXT)
    assert manifest.fetch(f"file://{tmp_path}/one.yaml") == TEXT
