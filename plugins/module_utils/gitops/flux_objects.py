# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of Flux that the tree is made of.

Versions served by Flux 2.4: ``source.toolkit.fluxcd.io/v1``, ``kustomize.toolkit.fluxcd.io/v1``,
``helm.toolkit.fluxcd.io/v2`` (fluxcd/flux2 v2.4.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .component import Component
from .yaml_text import dump

#: Where Flux and all its objects live.
NAMESPACE = "flux-system"
#: The GitRepository of the tree and the Kustomization at its root, as ``flux bootstrap`` names them.
ROOT = "flux-system"
#: Flux' install manifest in the cluster's folder, where ``flux bootstrap`` puts it.
COMPONENTS = "flux-system/gotk-components.yaml"
#: The switch by which an object that leaves the tree stays in the cluster (with the value ``disabled``).
PRUNE = "kustomize.toolkit.fluxcd.io/prune"

Body = dict[str, Any]


def git_repository(gitops: Mapping[str, Any], secret: str = "") -> Body:
    """Return the source of the tree.

    :param secret: name of the Secret with the credentials; a public repository needs none.
    """
    spec: Body = {
        "interval": gitops["source_interval"],
        "timeout": "60s",
        "url": gitops["repository"],
        "ref": {"branch": gitops["branch"]},
    }
    if secret:
        spec["secretRef"] = {"name": secret}
    return _object("source.toolkit.fluxcd.io/v1", "GitRepository", ROOT, spec)


def root_kustomization(gitops: Mapping[str, Any]) -> Body:
    """Return the Kustomization of the cluster's own folder; all others come from there."""
    return kustomization(ROOT, gitops["path"], gitops["interval"], timeout="10m", retry="2m")


def kustomization(name: str, path: str, interval: str, *, timeout: str, retry: str, needs: Iterable[str] = ()) -> Body:
    """Return a Kustomization that waits for everything it applies; with ``wait`` Flux ignores ``healthChecks``."""
    spec: Body = {
        "interval": interval,
        "retryInterval": retry,
        "timeout": timeout,
        "path": f"./{path}",
        "prune": True,
        "wait": True,
        "sourceRef": {"kind": "GitRepository", "name": ROOT},
    }
    if needs:
        spec["dependsOn"] = [{"name": need} for need in needs]
    return _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name, spec)


def helm_repository(source: Mapping[str, str]) -> Body:
    """Return a chart repository."""
    return _object(
        "source.toolkit.fluxcd.io/v1", "HelmRepository", source["name"], {"interval": "12h", "url": source["url"]}
    )


def helm_release(component: Component) -> Body:
    """Return the release without its values."""
    release = component.release
    crds = release.get("crds", "CreateReplace")
    spec: Body = {
        "interval": release.get("interval", "30m"),
        "timeout": release.get("timeout", "10m"),
        "releaseName": release["name"],
        "chart": {
            "spec": {
                "chart": release["chart"],
                "version": release["version"],
                "interval": "12h",
                "sourceRef": {"kind": "HelmRepository", "name": component.source["name"], "namespace": NAMESPACE},
            }
        },
        # Three attempts, and an upgrade that fails for good goes back to what ran before.
        "install": {"crds": crds, "remediation": {"retries": 3}},
        "upgrade": {"crds": crds, "cleanupOnFail": True, "remediation": {"retries": 3, "remediateLastFailure": True}},
        "rollback": {"cleanupOnFail": True},
    }
    body = _object("helm.toolkit.fluxcd.io/v2", "HelmRelease", release["name"], spec)
    body["metadata"]["namespace"] = component.namespace
    return body


def namespace(name: str, pod_security: str, *, keep: bool = False) -> Body:
    """Return a namespace with its PodSecurity level; what it would take to be stricter is only warned about.

    :param keep: it holds data, so it stays in the cluster when it leaves the tree.
    """
    level = "pod-security.kubernetes.io"
    labels = {f"{level}/enforce": pod_security, f"{level}/audit": "restricted", f"{level}/warn": "restricted"}
    metadata: Body = {"name": name, "labels": labels}
    if keep:
        metadata["annotations"] = {PRUNE: "disabled"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def file_list(resources: Iterable[str], *, keep: bool = False) -> Body:
    """Return a ``kustomization.yaml``.

    :param keep: whatever it lists stays in the cluster when it leaves the tree. The files themselves are not touched,
        so that the install manifest stays the one that was pinned. The target decides; kind and name of the patch are
        only what kustomize needs to read it (fluxcd.io, "Flux bootstrap customization").
    """
    body: Body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
    }
    if keep:
        mark = {"apiVersion": "v1", "kind": "any", "metadata": {"name": "any", "annotations": {PRUNE: "disabled"}}}
        body["patches"] = [{"target": {"name": ".*"}, "patch": dump(mark)}]
    return body


def _object(api_version: str, kind: str, name: str, spec: Body) -> Body:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
