# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role gitops as an owner runs it: the home's inventory, and a repository of the test's own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.git_remote import Remote, git

ROOT = Path(__file__).resolve().parents[3]
#: Where the environment could bring secrets into a run.
CANARIES = {
    "HOMEOPS_GIT_TOKEN": "canary-git-5c81",
    "HOMEOPS_UNIFI_API_KEY": "canary-unifi-93d2",
    "HOMEOPS_TALOS_SECRETS": "canary-talos-07be",
}
#: The phase without the cluster that it goes on with.
PLAYBOOK = """
- hosts: controller
  gather_facts: false
  roles:
    - homeops.cluster.gitops
"""


@dataclass
class Site:
    """An owner's inventory, repository and state directory."""

    inventory: Path
    playbook: Path
    remote: Remote
    state: Path

    def play(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                "--inventory",
                str(self.inventory),
                str(self.playbook),
                "--extra-vars",
                f"homeops_git_url={self.remote.url}",
                "-vvv",
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, **CANARIES, "HOMEOPS_STATE_DIR": str(self.state), "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout[-3000:]
        return done.stdout

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.inventory / "group_vars" / "all" / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


def changed(output: str) -> int:
    match = re.search(r"localhost +: ok=\d+ +changed=(\d+)", output)
    assert match, output[-2000:]
    return int(match.group(1))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "inventories" / "home", folder / "inventory")
    path = folder / "server" / "tree.git"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    playbook = folder / "repository.yml"
    playbook.write_text(PLAYBOOK)
    return Site(folder / "inventory", playbook, Remote(path, folder / "somebody"), folder / "state")


def test_the_phase_walks(site: Site) -> None:
    """Predict, write, write nothing, change one version; then look for every secret of the environment."""
    told = site.play("--check", "--diff")
    assert changed(told) == 1
    assert "+++ b/infrastructure/longhorn/release.yaml" in told
    assert not git(site.remote.path, "branch")
    assert not site.state.exists()

    told += site.play()
    files = site.remote.files()
    assert "clusters/home-ops/infrastructure.yaml" in files
    assert len(site.remote.history()) == 1

    second = site.play("--diff")
    assert changed(second) == 0
    assert len(site.remote.history()) == 1

    manifest = site.state / "install.yaml"
    manifest.write_text("# Flux Version: v2.4.0\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n")
    pinned = hashlib.sha256(manifest.read_bytes()).hexdigest()
    digest = f"homeops_flux_manifest={manifest} homeops_flux_manifest_sha256={pinned}"
    told += site.play("--extra-vars", digest)
    path = "clusters/home-ops/flux-system/gotk-components.yaml"
    assert site.remote.touched() == [path, "clusters/home-ops/flux-system/kustomization.yaml"]
    for arguments in (("--check",), ()):
        refused = site.play(*arguments, fails=True)
        assert f"{path} would be applied no more, and Flux would prune itself" in refused
        assert "homeops_flux_manifest_sha256" in refused and "Traceback" not in refused
        told += refused
    assert len(site.remote.history()) == 2
    site.edit("flux.yml", 'homeops_flux_manifest_sha256: ""', f'homeops_flux_manifest_sha256: "{pinned}"')
    told += site.play("--extra-vars", f"homeops_flux_manifest={manifest}")
    assert len(site.remote.history()) == 2

    site.edit("versions.yml", "cert_manager: v1.19.1", "cert_manager: v1.19.2")
    told += second + site.play("--extra-vars", f"homeops_flux_manifest={manifest}")
    assert site.remote.history()[0] == "Update infrastructure/cert-manager from v1.19.1 to v1.19.2"
    assert len(site.remote.history()) == 3
    mention = [path for path, text in site.remote.files().items() if "v1.19.2" in text]
    assert site.remote.touched() == mention == ["infrastructure/cert-manager/release.yaml"]

    # Another namespace for the identity provider leaves the old one, with its claim, to nobody.
    site.edit("identity.yml", "namespace: authentik", "namespace: login")
    for arguments in (("--check",), ()):
        refused = site.play("--extra-vars", f"homeops_flux_manifest={manifest}", *arguments, fails=True)
        assert "Namespace authentik of authentik; PersistentVolumeClaim authentik/authentik-media of auth" in refused
        assert "-e gitops_remove=authentik" in refused
        told += refused
    assert len(site.remote.history()) == 3
    told += site.play("--extra-vars", f"homeops_flux_manifest={manifest} gitops_remove=authentik")
    assert len(site.remote.history()) == 4
    assert "namespace: login" in site.remote.files()["infrastructure/authentik/media.yaml"]

    everything = git(site.remote.path, "log", "--patch", "--all") + told
    for path in site.state.rglob("*"):
        everything += path.read_bytes().decode("latin-1") if path.is_file() else ""
    assert [name for name, canary in CANARIES.items() if canary in everything] == []


def test_an_owner_who_writes_the_tree_is_left_alone(site: Site) -> None:
    if not git(site.remote.path, "branch"):
        site.play()
    before = git(site.remote.path, "rev-parse", "main")
    output = site.play("--extra-vars", "gitops_mode=existing")
    assert changed(output) == 0
    assert git(site.remote.path, "rev-parse", "main") == before
    told = site.play("--extra-vars", "gitops_mode=existing gitops_path=clusters/elsewhere", fails=True)
    assert "Looking for clusters/elsewhere/kustomization.yaml on branch main failed: there is no such file" in told
    assert "Traceback" not in told
