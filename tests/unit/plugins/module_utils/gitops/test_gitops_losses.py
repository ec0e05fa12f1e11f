# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a push must not take from Flux unasked: Flux itself, and the owners of data."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.git import losses, tree_plan
from ansible_collections.homeops.cluster.plugins.module_utils.git.errors import GitRefused
from ansible_collections.homeops.cluster.plugins.module_utils.gitops import tree
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.library import Folder
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.seal import opened, seal
from lab.controllers.flux import kustomize, manifest
from tests.harness.gitops_tree import Object, home_model

PRUNE = "kustomize.toolkit.fluxcd.io/prune"
FOLDER = "clusters/home-ops/flux-system"
MANIFEST = f"{FOLDER}/gotk-components.yaml"
LIST = f"{FOLDER}/kustomization.yaml"
INSTALL = manifest.text()
Tree = dict[str, str]


@pytest.fixture(scope="session")
def pinned(home: Tree) -> Tree:
    """The home's tree with the install manifest."""
    listed = seal(opened(home[LIST]).replace("- gotk-sync", "- gotk-components.yaml\n  - gotk-sync"))
    return {**home, MANIFEST: seal(INSTALL), LIST: listed}


def without(files: Tree, *folders: str) -> Tree:
    """The tree without folders and their Flux Kustomizations."""
    found = {}
    for path, text in files.items():
        if not path.startswith(tuple(f"{folder}/" for folder in folders)):
            parts = opened(text).split("---\n")
            kept = [part for part in parts if not any(f"path: ./{folder}\n" in part for folder in folders)]
            found[path] = seal("---\n".join(kept)) if len(kept) < len(parts) else text
    return found


def kustomization(path: str, name: str = "") -> str:
    body = {"kind": "Kustomization", "metadata": {"name": name or path, "namespace": "flux-system"}}
    return yaml.safe_dump({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", **body, "spec": {"path": f"./{path}"}})


def listing(*names: str) -> str:
    body = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(names)}
    return yaml.safe_dump(body)


class TestFlux:
    """The install manifest of the branch."""

    def test_a_render_without_the_digest_is_refused(self, home: Tree, pinned: Tree) -> None:
        for take_over in (False, True):
            with pytest.raises(GitRefused, match=rf"(?s){MANIFEST} would be .*no more.*homeops_flux_manifest_sha256"):
                tree_plan.plan(home, pinned, (), take_over, ["flux-system"])

    def test_taking_over_what_bootstrap_wrote_needs_it_too(self, home: Tree) -> None:
        present = {MANIFEST: INSTALL, LIST: listing("gotk-components.yaml", "gotk-sync.yaml")}
        with pytest.raises(GitRefused, match="gitops_flux_components_kept: true"):
            tree_plan.plan(home, present, (), take_over=True)

    def test_kept_or_pinned_it_goes_on(self, home: Tree, pinned: Tree) -> None:
        present = {MANIFEST: INSTALL, LIST: listing("gotk-components.yaml", "gotk-sync.yaml")}
        kept = {path: text for path, text in pinned.items() if path != MANIFEST}
        assert tree_plan.plan(kept, present, (), take_over=True)
        assert tree_plan.plan(pinned, present, (), take_over=True)
        assert tree_plan.plan(home, home, ()) == ([], [])

    def test_kept_is_no_word_for_a_manifest_of_ours(self, pinned: Tree) -> None:
        kept = {path: text for path, text in pinned.items() if path != MANIFEST}
        with pytest.raises(GitRefused, match="would prune itself"):
            tree_plan.plan(kept, pinned, ())

    def test_an_edited_one_that_is_listed_no_more_is_gone_as_well(self, home: Tree, pinned: Tree) -> None:
        edited = {**pinned, MANIFEST: pinned[MANIFEST] + "# mine\n"}
        with pytest.raises(GitRefused, match="would prune itself"):
            tree_plan.plan(home, edited, ())

    def test_another_folder_for_the_cluster_takes_it_along(self, pinned: Tree) -> None:
        moved = {path.replace("clusters/home-ops", "clusters/new"): text for path, text in pinned.items()}
        assert tree_plan.plan(moved, pinned, ())

    def test_the_manifest_of_another_cluster_is_nobodys_business(self, home: Tree) -> None:
        other = {"clusters/other/flux-system/gotk-components.yaml": INSTALL}
        assert tree_plan.plan(home, {**home, **other}, ()) == ([], [])

    def test_whatever_flux_consists_of_is_never_pruned(self, pinned: Tree) -> None:
        files = {path: text.encode() for path, text in pinned.items()}
        bodies = kustomize.build_plain(files, FOLDER)
        assert {"Namespace", "CustomResourceDefinition", "Deployment", "GitRepository"} <= {b["kind"] for b in bodies}
        assert {body["metadata"]["annotations"][PRUNE] for body in bodies} == {"disabled"}
        # The bytes that were pinned are those in the tree.
        assert opened(pinned[MANIFEST]) == INSTALL


class TestData:
    """What data goes with."""

    def test_its_owners_are_never_pruned(self, there: list[Object], folders: dict[str, Folder]) -> None:
        holding = {each.name for each in tree.components_of(home_model(), folders) if each.stateful}
        assert holding == {"longhorn", "postgresql-cluster", "authentik", "monitoring"}
        owners = {
            (each.kind, each.name): each.body["metadata"].get("annotations", {}).get(PRUNE)
            for each in there
            if each.kind == "PersistentVolumeClaim"
            or (each.kind == "Cluster" and each.group == "postgresql.cnpg.io")
            or (each.kind == "Namespace" and each.component.partition("/")[2] in holding)
        }
        assert set(owners.values()) == {"disabled"}
        assert len(owners) == len(holding) + 2
        grafana = next(each for each in there if each.path.endswith("/monitoring/release.yaml"))
        claim = grafana.body["spec"]["values"]["grafana"]["persistence"]
        assert claim["annotations"] == {"helm.sh/resource-policy": "keep"}

    @pytest.mark.parametrize(
        ("folder", "told"),
        [
            ("infrastructure/longhorn", "Namespace longhorn-system of longhorn"),
            ("infrastructure/monitoring", "Namespace monitoring of monitoring"),
            (
                "infrastructure/postgresql-cluster",
                "Cluster postgresql-system/postgresql-cluster of postgresql-cluster; Namespace postgresql-system of",
            ),
        ],
    )
    def test_leaving_a_component_out_is_refused_unless_it_is_named(self, home: Tree, folder: str, told: str) -> None:
        fewer = without(home, folder)
        name = folder.partition("/")[2]
        with pytest.raises(
            GitRefused, match=rf"{told}.*homeops_gitops\.components.*-e gitops_remove=.*{name}"
        ) as caught:
            tree_plan.plan(fewer, home, (), remove=["headlamp"])
        assert "would delete" not in str(caught.value)
        changes, left = tree_plan.plan(fewer, home, (), remove=[name])
        assert {change.path for change in changes if change.after is None} == set(home) - set(fewer)
        assert left == []

    def test_another_namespace_is_another_owner(
        self, model: dict[str, Any], home: Tree, folders: dict[str, Folder]
    ) -> None:
        model["identity"]["namespace"] = "login"
        found = tree.render(model, folders)
        told = "Namespace authentik of authentik; PersistentVolumeClaim authentik/authentik-media of authentik"
        with pytest.raises(GitRefused, match=told):
            tree_plan.plan(found, home, ())
        assert tree_plan.plan(found, home, (), remove=["authentik"])

    def test_what_holds_no_data_may_go(self, model: dict[str, Any], home: Tree, folders: dict[str, Folder]) -> None:
        model["gitops"]["components"] = {"headlamp": False}
        assert tree_plan.plan(tree.render(model, folders), home, ())

    def test_a_file_that_was_edited_is_out_with_its_list(self, home: Tree) -> None:
        path = "infrastructure/longhorn/namespace.yaml"
        edited = {**home, path: home[path] + "# mine\n"}
        with pytest.raises(GitRefused, match="Namespace longhorn-system"):
            losses.judge(without(home, "infrastructure/longhorn"), edited)

    def test_a_file_in_another_place_loses_nothing(self, home: Tree) -> None:
        path = "infrastructure/longhorn/namespace.yaml"
        moved = {at: text for at, text in home.items() if at != path}
        losses.judge({**moved, "infrastructure/longhorn/space.yaml": home[path]}, home)


class TestSomebodyElsesTree:
    """Lists that are taken over: what they named and ours do not is pruned, although its files stay."""

    FILES = {
        "clusters/home-ops/kustomization.yaml": listing("flux-system", "infrastructure.yaml", "apps"),
        "clusters/home-ops/apps/media.yaml": kustomization("apps/media"),
        "apps/media/claim.yaml": "kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: films, namespace: tv}",
        "apps/media/space.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: tv}\n",
        "apps/media/broken.yaml": "kind: Namespace\n{{ no yaml\n",
    }

    def test_the_way_from_the_list_to_the_claim_is_followed(self, home: Tree) -> None:
        with pytest.raises(GitRefused, match=r"Namespace tv of media \(which Flux would delete\); Persist.* tv/films"):
            tree_plan.plan(home, dict(self.FILES), (), take_over=True)
        assert tree_plan.plan(home, dict(self.FILES), (), take_over=True, remove=["media"])

    def test_a_first_list_leaves_out_what_flux_found_by_itself(
        self, model: dict[str, Any], home: Tree, folders: dict[str, Folder]
    ) -> None:
        files = {path: text for path, text in self.FILES.items() if path != "clusters/home-ops/kustomization.yaml"}
        with pytest.raises(GitRefused, match=r"tv/films.*homeops_gitops\.extra_resources"):
            tree_plan.plan(home, files, ())
        model["gitops"]["extra_resources"] = ["apps"]
        assert tree_plan.plan(tree.render(model, folders), files, ())

    def test_named_in_the_inventory_it_stays(self, model: dict[str, Any], folders: dict[str, Folder]) -> None:
        model["gitops"]["extra_resources"] = ["apps"]
        assert tree_plan.plan(tree.render(model, folders), dict(self.FILES), (), take_over=True)

    def test_a_kustomization_that_is_overwritten_takes_its_folder_with_it(self, home: Tree) -> None:
        files = copy.copy(self.FILES)
        files["clusters/home-ops/kustomization.yaml"] = listing("flux-system", "infrastructure.yaml")
        files["clusters/home-ops/infrastructure.yaml"] = kustomization("apps/media")
        with pytest.raises(GitRefused, match="tv/films"):
            tree_plan.plan(home, files, (), take_over=True)

    def test_the_same_object_without_its_namespace_is_the_same(self, home: Tree) -> None:
        at = "infrastructure/authentik/media.yaml"
        claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: authentik-media}\n"
        changes, _left = tree_plan.plan(home, {at: claim}, (), take_over=True)
        assert [change.kind for change in changes if change.path == at] == ["changed"]
