# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering: the same model gives the same bytes, and a change touches what it must and nothing else."""

from __future__ import annotations

import copy
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.checks.registry import SETTLED
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.gitops import library, tree
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.library import Folder
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.seal import Owner, opened, owner
from ansible_collections.homeops.cluster.plugins.module_utils.model.world import World
from ansible_collections.homeops.cluster.plugins.module_utils.repository import view
from tests.harness.gitops_tree import bgp_text, home_model, objects, router_text

FOLDERS = library.read([library.own()])
HOME = tree.render(home_model(), FOLDERS)
#: Versions of the bootstrap and of lab tools, of which the tree says nothing.
ELSEWHERE = {"talos", "kubernetes", "cilium_cli", "flux"}


def shuffled(value: Any, draw: random.Random) -> Any:
    """The same value with the keys of every map in another order."""
    if isinstance(value, dict):
        keys = list(value)
        draw.shuffle(keys)
        return {key: shuffled(value[key], draw) for key in keys}
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


def touched(model: dict[str, Any]) -> set[str]:
    found = tree.render(model, FOLDERS)
    return {path for path in {*found, *HOME} if found.get(path) != HOME.get(path)}


# A seed cannot be made simpler, so nothing is gained by looking for a smaller one.
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_the_order_of_keys_means_nothing(seed: int) -> None:
    model = shuffled(home_model(), random.Random(seed))
    random.Random(seed).shuffle(model["services"])
    assert touched(model) == set()


@pytest.mark.parametrize("name", sorted(set(home_model()["versions"]) - ELSEWHERE))
def test_a_version_touches_only_the_files_that_mention_it(name: str) -> None:
    model = home_model()
    old = model["versions"][name]
    new = f"{old.rpartition('.')[0]}.987"
    model["versions"][name] = new
    found = tree.render(model, FOLDERS)
    changed = {path for path in found if found[path] != HOME.get(path)}
    assert changed
    assert changed == {path for path in found if new in opened(found[path])}
    for path in changed:
        assert opened(found[path]).replace(new, old) == opened(HOME[path])
    assert set(found) == set(HOME)


def test_versions_that_are_elsewhere_touch_nothing() -> None:
    model = home_model()
    model["versions"] |= dict.fromkeys(ELSEWHERE, "v9.8.7")
    assert touched(model) == set()


def test_every_file_is_sealed() -> None:
    assert {owner(text) for text in HOME.values()} == {Owner.OURS}


def test_a_service_is_one_file_and_its_place_in_the_list() -> None:
    model = home_model()
    model["services"].append(
        {"name": "wiki", "title": "Wiki", "namespace": "monitoring", "service": "wiki", "port": 80, "auth": "proxy"}
    )
    assert touched(model) == {"apps/services/wiki.yaml", "apps/services/kustomization.yaml"}


def test_a_component_that_is_left_out_takes_all_of_it_away() -> None:
    model = home_model()
    model["gitops"]["components"] = {"headlamp": False}
    found = tree.render(model, FOLDERS)
    gone = {path for path in HOME if path not in found}
    assert {path.split("/")[1] for path in gone if path.startswith("apps/")} == {"headlamp"}
    assert gone - {path for path in gone if path.startswith("apps/headlamp/")} == {
        "infrastructure/sources/headlamp.yaml"
    }
    assert not [path for path, text in found.items() if "apps-headlamp" in text]


def test_what_others_need_cannot_be_left_out() -> None:
    model = home_model()
    model["gitops"]["components"] = {"longhorn": False}
    with pytest.raises(InputError, match="longhorn-config needs longhorn, which is left out"):
        tree.render(model, FOLDERS)
    model["gitops"]["components"] = {"longhron": False}
    with pytest.raises(InputError, match="names longhron, and there is no such component"):
        tree.render(model, FOLDERS)


def test_without_a_tunnel_nothing_of_it_is_rendered() -> None:
    model = home_model()
    del model["dns"]["tunnel"]
    found = tree.render(model, FOLDERS)
    assert not [path for path in found if "cloudflare-tunnel" in path or "flux-webhook" in path]


def test_without_backups_nothing_is_backed_up() -> None:
    model = home_model()
    del model["storage"]["backup"]
    texts = "".join(opened(text) for text in tree.render(model, FOLDERS).values())
    assert "s3://" not in texts and "task: backup" not in texts and "ObjectStore" not in texts


def test_without_a_prober_services_have_no_probe() -> None:
    model = home_model()
    model["gitops"]["components"] = {"blackbox-exporter": False}
    assert not [each for each in objects(tree.render(model, FOLDERS)) if each.kind == "Probe"]


def test_the_install_manifest_of_flux_is_kept_in_the_tree() -> None:
    manifest = "# Flux Version: v2.4.0\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n"
    found = tree.render(home_model(), FOLDERS, manifest)
    path = "clusters/home-ops/flux-system/gotk-components.yaml"
    assert opened(found[path]) == manifest
    assert "gotk-components.yaml" in found["clusters/home-ops/flux-system/kustomization.yaml"]
    own = tree.render(home_model(), FOLDERS, kept=True)
    assert path not in own
    assert "gotk-components.yaml" in own["clusters/home-ops/flux-system/kustomization.yaml"]


def test_components_come_after_what_they_need() -> None:
    done: set[str] = {"infrastructure-sources"}
    facts = tree.facts(home_model(), FOLDERS)
    for fact in facts:
        if fact["name"] != "sources":
            assert set(fact["depends_on"]) <= done, fact
            done.add(fact["kustomization"])
    assert {fact["kustomization"] for fact in facts} == done
    one = next(fact for fact in facts if fact["name"] == "onepassword-connect")
    assert one["kustomization"] == "infrastructure-onepassword" and one["path"] == "infrastructure/onepassword-connect"
    assert one["ready"] == [
        {"kind": "Deployment", "name": "onepassword-connect", "namespace": "onepassword-connect"},
        {"kind": "ClusterSecretStore", "name": "onepassword-connect"},
    ]


class TestOwnComponents:
    """Folders of the owner's."""

    DECLARED = """
title: Gitea
namespace: {name: gitea, pod_security: restricted}
source: {name: gitea, url: "https://dl.gitea.com/charts"}
release: {chart: gitea, version: 12.4.0}
depends_on: [longhorn-config]
network:
  ingress:
    - {from: ingress-internal, ports: [3000]}
ready:
  - {kind: Deployment, name: gitea}
"""

    def add(self, tmp_path: Path, **files: str) -> dict[str, Folder]:
        folder = tmp_path / "components" / "gitea"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / f"{name.replace('__', '.')}.j2").write_text(text)
        return library.read([library.own(), str(tmp_path / "components")])

    def test_a_folder_is_all_that_it_takes(self, tmp_path: Path) -> None:
        folders = self.add(tmp_path, component__yml=self.DECLARED, values__yaml="replicas: {{ nodes | length }}\n")
        found = tree.render(home_model(), folders)
        changed = {path for path in found if found[path] != HOME.get(path)}
        assert changed == {
            "clusters/home-ops/infrastructure.yaml",
            "infrastructure/gitea/kustomization.yaml",
            "infrastructure/gitea/namespace.yaml",
            "infrastructure/gitea/network.yaml",
            "infrastructure/gitea/release.yaml",
            "infrastructure/sources/gitea.yaml",
            "infrastructure/sources/kustomization.yaml",
        }
        assert "replicas: 3" in found["infrastructure/gitea/release.yaml"]

    @pytest.mark.parametrize(
        ("declared", "told"),
        [
            ("title: Gitea\nrelaese: {}\n", "relaese: nothing reads the key"),
            ("titel: Gitea\n", "titel: nothing reads the key"),
            ("title: Gitea\nstateful: true\n", "only a component that owns a namespace can say that it holds data"),
            ("title: Gitea\nrelease: {chart: gitea, version: 1.0.0}\n", "a release needs a source"),
            ("title: {{ versions.gitea }}\n", "no attribute 'gitea'"),
            ("title: {{ versions.\n", "the template is not valid"),
            ("title: [Gitea\n", "does not render to YAML"),
            ("title: Gitea\ndepends_on: [gitae]\n", "needs gitae, which is left out or unknown"),
            ("title: Gitea\ndepends_on: [gitea]\n", "depend on each other in a circle"),
            ("title: Gitea\n", "component gitea renders to nothing"),
            (
                "title: Gitea\nnamespace: {name: longhorn-system, pod_security: baseline}\n",
                "longhorn-system is owned by gitea and by longhorn",
            ),
            (
                "title: Gitea\nnamespace: {name: gitea, pod_security: baseline}\nsecrets: [unheard-of]\n",
                "nothing tells what the ExternalSecret unheard-of consists of",
            ),
            (
                "title: Gitea\nnamespace: {name: gitea, pod_security: baseline}\nnetwork: {egress: [{ports: [1]}]}\n",
                "says no to",
            ),
        ],
    )
    def test_a_wrong_declaration_is_told(self, tmp_path: Path, declared: str, told: str) -> None:
        with pytest.raises(InputError, match=f"(?i){told}"):
            tree.render(home_model(), self.add(tmp_path, component__yml=declared))

    def test_a_folder_without_a_declaration_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"needs a component\.yml\.j2"):
            self.add(tmp_path, values__yaml="a: 1\n")

    def test_derived_files_are_not_written_by_hand(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"(?i)network\.yaml is derived"):
            tree.render(home_model(), self.add(tmp_path, component__yml=self.DECLARED, network__yaml="a: 1\n"))

    def test_a_second_url_of_a_chart_repository_is_told(self, tmp_path: Path) -> None:
        declared = self.DECLARED.replace("name: gitea, url", "name: longhorn, url")
        with pytest.raises(InputError, match="The chart repository longhorn has two URLs"):
            tree.render(home_model(), self.add(tmp_path, component__yml=declared))


def test_rendering_changes_nothing_of_the_model() -> None:
    model = home_model()
    before = copy.deepcopy(model)
    tree.render(model, FOLDERS)
    assert model == before


def test_the_example_of_the_guide_works(tmp_path: Path) -> None:
    guide = (Path(__file__).resolve().parents[5] / "docs" / "components.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"`gitea/([\w.]+\.j2)`:\n\n```yaml\n(.*?)```", guide, re.DOTALL))
    assert set(files) == {"component.yml.j2", "values.yaml.j2"}
    folder = tmp_path / "gitea"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    model = home_model()
    (entry,) = re.findall(r"login:\n\n```yaml\n(.*?)```", guide, re.DOTALL)
    model["services"] += yaml.safe_load(entry)
    found = tree.render(model, library.read([library.own(), str(tmp_path)]))
    assert {path for path in found if found[path] != HOME.get(path)} == {
        "apps/gitea/kustomization.yaml",
        "apps/gitea/namespace.yaml",
        "apps/gitea/network.yaml",
        "apps/gitea/release.yaml",
        "apps/services/gitea.yaml",
        "apps/services/kustomization.yaml",
        "clusters/home-ops/apps.yaml",
        "infrastructure/sources/gitea.yaml",
        "infrastructure/sources/kustomization.yaml",
    }
    assert "infrastructure-longhorn-config" in found["clusters/home-ops/apps.yaml"]


def test_preflights_checks_find_nothing_in_the_tree(tmp_path: Path) -> None:
    """Every check of a repository, and those that hold the repository to the model: the tree, and beside it the text
    that the router gets and the objects of Cilium's BGP. The reasons why no model can break a check (``settled``) stand
    and fall with this."""
    manifest = "# Flux Version: v2.4.0\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n"
    model = home_model()
    model["gitops"]["extra_resources"] = ["bgp.yaml"]
    files = {
        **tree.render(model, FOLDERS, manifest),
        "clusters/home-ops/bgp.yaml": bgp_text(model),
        "router/frr.conf": router_text(model),
    }
    for path, text in files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    repository = view.read(str(tmp_path))
    assert [router.file for router in repository.routers] == ["router/frr.conf"]
    assert repository.of("CiliumBGPAdvertisement")
    report = engine.run_checks(engine.Case(model=World(model), repository=repository))
    assert set(SETTLED) <= set(report.ran)
    assert [(finding.id, finding.where, finding.summary) for finding in report.findings] == []
    assert report.passed_over == []
