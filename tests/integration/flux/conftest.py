# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with Flux, a small tree in Git, and the modules against them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.modules import flux_info, flux_reconcile, kube_apply
from tests.harness.flux_cluster import FluxCluster

MODULES = {"flux_info": flux_info, "flux_reconcile": flux_reconcile, "kube_apply": kube_apply}
HOST = "127.96.51.21"
REPOSITORY = "https://github.com/geoffdavis/talos-gitops"
GIT = ["git", "-c", "user.name=Owner", "-c", "user.email=owner@example.net", "-c", "commit.gpgSign=false"]

Call = Callable[..., dict[str, Any]]


def kustomization(name: str, path: str, *needs: str, **spec: Any) -> dict[str, Any]:
    """A Kustomization of the tree, as the collection renders it."""
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": "10m",
            "retryInterval": "2m",
            "timeout": "5m",
            "path": f"./{path}",
            "prune": True,
            "wait": True,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            **({"dependsOn": [{"name": need} for need in needs]} if needs else {}),
            **spec,
        },
    }


def release(version: str = "3.13.0", **spec: Any) -> dict[str, Any]:
    """The HelmRelease of the tree."""
    reference = {"kind": "HelmRepository", "name": "metrics-server", "namespace": "flux-system"}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "metrics-server", "namespace": "metrics"},
        "spec": {
            "interval": "30m",
            "timeout": "1m",
            "chart": {"spec": {"chart": "metrics-server", "version": version, "sourceRef": reference}},
            "install": {"remediation": {"retries": 3}},
            "upgrade": {"remediation": {"retries": 3}},
            **spec,
        },
    }


def source(**spec: Any) -> dict[str, Any]:
    """The GitRepository of the tree, as the role writes it."""
    wanted = {"interval": "1m", "timeout": "60s", "url": REPOSITORY, "ref": {"branch": "main"}, **spec}
    meta = {"name": "flux-system", "namespace": "flux-system"}
    return {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": meta, "spec": wanted}


def web(replicas: int = 1) -> dict[str, Any]:
    """A Deployment of the tree."""
    labels = {"app": "web"}
    pod = {"containers": [{"name": "web", "image": "docker.io/library/nginx:1.29"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def listed(*names: str, **more: Any) -> dict[str, Any]:
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {**kind, **more, "resources": list(names)}


def tree() -> dict[str, list[dict[str, Any]]]:
    """The files of the tree."""
    root = kustomization("flux-system", "clusters/home-ops", timeout="10m")
    charts = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmRepository",
        "metadata": {"name": "metrics-server", "namespace": "flux-system"},
        "spec": {"url": "https://kubernetes-sigs.github.io/metrics-server", "interval": "12h"},
    }
    note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note"}, "data": {"text": "one"}}
    return {
        "clusters/home-ops/kustomization.yaml": [listed("flux-system", "infrastructure.yaml")],
        "clusters/home-ops/flux-system/kustomization.yaml": [listed("gotk-sync.yaml")],
        "clusters/home-ops/flux-system/gotk-sync.yaml": [source(), root],
        "clusters/home-ops/infrastructure.yaml": [
            kustomization("sources", "infrastructure/sources"),
            kustomization("metrics", "infrastructure/metrics", "sources"),
            kustomization("web", "apps/web", "metrics"),
        ],
        "infrastructure/sources/kustomization.yaml": [listed("metrics-server.yaml")],
        "infrastructure/sources/metrics-server.yaml": [charts],
        "infrastructure/metrics/kustomization.yaml": [listed("namespace.yaml", "release.yaml")],
        "infrastructure/metrics/namespace.yaml": [namespace("metrics")],
        "infrastructure/metrics/release.yaml": [release()],
        "apps/web/kustomization.yaml": [listed("namespace.yaml", "web.yaml", "note.yaml", namespace="web")],
        "apps/web/namespace.yaml": [namespace("web")],
        "apps/web/web.yaml": [web()],
        "apps/web/note.yaml": [note],
    }


class Tree:
    """The tree's working copy; every change is one commit that is pushed."""

    def __init__(self, directory: Path, url: str, token: str) -> None:
        self.directory, self.url = directory, url.replace("http://", f"http://owner:{token}@")
        self.files = tree()
        directory.mkdir()
        self._git("init", "--quiet", "--initial-branch=main", ".")
        self._files: set[str] = set()

    def _git(self, *words: str) -> str:
        done = subprocess.run([*GIT, *words], cwd=self.directory, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, **changes: list[dict[str, Any]] | None) -> str:
        """Change files (``__`` stands for a slash; None takes one away), push, and return the commit."""
        for key, value in changes.items():
            path = f"{key.replace('__', '/')}.yaml"
            if value is None:
                del self.files[path]
            else:
                self.files[path] = value
        for gone in self._files - set(self.files):
            (self.directory / gone).unlink()
        for name, bodies in self.files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump_all(bodies, explicit_start=True))
        self._files = set(self.files)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", "Change the tree")
        self._git("push", "--quiet", self.url, "HEAD:main")
        return self._git("rev-parse", "HEAD")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FluxCluster]:
    with FluxCluster(tmp_path_factory.mktemp("flux"), HOST) as running:
        running.server.kubeconfig()
        yield running


@pytest.fixture(scope="session")
def repository(cluster: FluxCluster, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("tree") / "work", cluster.git.record()["url"], cluster.git.token)


@pytest.fixture(scope="session")
def call(cluster: FluxCluster) -> Call:
    """Run a module as its action twin does; ``told`` gets its progress lines."""

    def run(name: str, check: bool = False, told: list[str] | None = None, **given: Any) -> dict[str, Any]:
        module = MODULES[name]
        given.setdefault("kubeconfig", str(cluster.server.directory / "kubeconfig"))
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
        assert not checked.error_messages, checked.error_messages
        ctx = Context(check_mode=check, progress=(told if told is not None else []).append)
        return module.run(checked.validated_parameters, ctx)

    return run


@pytest.fixture(scope="session")
def running(cluster: FluxCluster, repository: Tree, call: Call) -> str:
    """Flux is installed and the tree is applied; return the commit."""
    commit = repository.commit()
    call("kube_apply", definition=cluster.git.manifest, wait=True, wait_timeout=60)
    call("kube_apply", definition=[source(), kustomization("flux-system", "clusters/home-ops", timeout="10m")])
    call("flux_info", wait=True, wait_timeout=60, interval=0.2, commit=commit)
    return commit
