# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flux and kustomize in a repository: what is reached, in which order, once, and by which version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...model.leaves import exact_version
from ...model.schema import nearest
from ...repository import build, flux
from ...repository.objects import Object, is_object
from ...repository.spot import Spot, dig, listing, mapping, string
from ...repository.view import Repository
from ..registry import BOTH, ERROR, REPO, WARN, Breach, also, check
from . import needs

_GITOPS = ("gitops", "platform")
_RUN = "verified by running over the files of a real home-lab"
_FLUX_VERSION = re.compile(r"^#\s*Flux [Vv]ersion:\s*(v?\d+\.\d+\.\d+)", re.MULTILINE)
_STATED_FLUX = re.compile(r"^(?:FLUX_VERSION|flux_version|fluxVersion|flux2?)$")
_KUSTOMIZE = "kustomize.config.k8s.io"
#: Characters of commands in which the names of files are looked for.
_TOLD = 300_000
#: Directories whose manifests are not meant for Flux.
_ASIDE = re.compile(
    r"(?:^|/)(?:\.github|\.devcontainer|\.vscode|tests?|testdata|examples?|docs?|charts|templates|bootstrap|molecule|hack)/"
)
#: apiVersions that no supported Kubernetes or pinned component serves, with the right one.
_GONE: dict[tuple[str, str], str] = {
    ("extensions/v1beta1", "Ingress"): "networking.k8s.io/v1",
    ("extensions/v1beta1", "Deployment"): "apps/v1",
    ("networking.k8s.io/v1beta1", "Ingress"): "networking.k8s.io/v1",
    ("networking.k8s.io/v1beta1", "IngressClass"): "networking.k8s.io/v1",
    ("apps/v1beta1", "Deployment"): "apps/v1",
    ("apps/v1beta2", "Deployment"): "apps/v1",
    ("batch/v1beta1", "CronJob"): "batch/v1",
    ("batch/v2alpha1", "CronJob"): "batch/v1",
    ("policy/v1beta1", "PodDisruptionBudget"): "policy/v1",
    ("policy/v1beta1", "PodSecurityPolicy"): "no object: Pod Security Admission by labels of the namespace",
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): "autoscaling/v2",
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): "autoscaling/v2",
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): "apiextensions.k8s.io/v1",
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"): "rbac.authorization.k8s.io/v1",
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"): "rbac.authorization.k8s.io/v1",
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): "scheduling.k8s.io/v1",
    ("storage.k8s.io/v1beta1", "StorageClass"): "storage.k8s.io/v1",
    ("snapshot.storage.k8s.io/v1beta1", "VolumeSnapshotClass"): "snapshot.storage.k8s.io/v1",
    ("cert-manager.io/v1alpha2", "ClusterIssuer"): "cert-manager.io/v1",
    ("cert-manager.io/v1alpha2", "Certificate"): "cert-manager.io/v1",
    ("helm.toolkit.fluxcd.io/v1", "HelmRelease"): "helm.toolkit.fluxcd.io/v2",
    ("longhorn.io/v1beta1", "RecurringJob"): "longhorn.io/v1beta2",
}


@check(
    "GIT001",
    ERROR,
    "gitops",
    _GITOPS,
    rule="A Flux Kustomization has a name of its own, and the root reaches its file.",
    why="Of two with one name the last applied wins and prunes what the other made; one out of reach does nothing.",
    broken="Kustomization apps-media in two files; extra.yaml not listed in the root",
    right="unique names, every file listed",
    ground=_RUN,
    scope=REPO,
)
def unique(repository: Repository) -> Iterator[Breach]:
    """A path of a Kustomization that is not there is reported as well: it never becomes Ready."""
    first: dict[tuple[str, str], flux.Applied] = {}
    there = {item.key for item in repository.applied}
    for applied in repository.applied:
        known = first.setdefault(applied.key, applied)
        if known is not applied:
            text = f"The Kustomization {applied.name} is also in {known.object.file}."
            yield Breach(applied.object.at("metadata", "name"), text, "a name of its own")
        if applied.missing:
            text = f"The path {applied.object.text('spec', 'path')} of {applied.name} is not there."
            yield Breach(applied.object.at("spec", "path"), text, nearest(applied.path, repository.files.folders))
        for path, key in applied.depends_on:
            if key not in there and key[1] != "flux-system":
                text = f"{applied.name} waits for {key[1]}, which is not there."
                use = nearest(key[1], [item.name for item in repository.applied])
                yield Breach(applied.object.at(*path, "name"), text, use)
    for file, item in _unreached(repository):
        if flux.is_kustomization(item) and not file.rpartition("/")[2].startswith("gotk-"):
            text = f"No root reaches the Kustomization {item.name}."
            yield Breach(item.at("metadata", "name"), text, f"{file} in the resources of the root")


def _unreached(repository: Repository) -> Iterator[tuple[str, Object]]:
    """Yield file and object of everything that no root reaches."""
    reached = repository.graph.files
    for path in sorted(repository.documents) if repository.rooted else ():
        if path in reached or _ASIDE.search(f"/{path}"):
            continue
        for document in repository.documents[path]:
            if is_object(document.value):
                yield path, Object(document.value, document)


@check(
    "GIT002",
    ERROR,
    "gitops",
    _GITOPS,
    rule="A Flux Kustomization depends on those that make what it uses.",
    why="On a new cluster it is applied first and fails: unknown kind, no store, no class; it is retried for minutes.",
    broken="cnpg-operator uses a ClusterIssuer, and does not depend on cert-manager-issuers",
    right="dependsOn: [{name: infrastructure-cert-manager-issuers}]",
    ground=f"{_RUN} (transitive closure)",
    scope=REPO,
)
def depends(repository: Repository) -> Iterator[Breach]:
    """CRDs, sources of charts, stores, issuers, StorageClasses, ingress classes, pools and Secrets; those of charts
    too. A need that would close a circle is GIT003."""
    circle = needs.in_circle(repository)
    for need in needs.lacking(repository):
        if need.user in circle and set(need.providers) <= circle:
            continue
        use = " or ".join(needs.title(key) for key in need.providers)
        text = f"{needs.title(need.user)} uses {need.what} of {use}, and does not depend on it."
        yield Breach(need.spot, text, f"dependsOn: [{{name: {needs.title(need.providers[0])}}}]")


@check(
    "GIT003",
    ERROR,
    "gitops",
    _GITOPS,
    rule="No Flux Kustomizations wait for each other, once what they use is counted.",
    why="On a new cluster none of them ever becomes Ready: each needs what the other has not made yet.",
    broken="longhorn has a PrometheusRule (CRD of monitoring), monitoring a claim of class longhorn",
    right="the operator's CRDs, and the rules, in Kustomizations of their own",
    ground=_RUN,
    scope=REPO,
)
def no_circle(repository: Repository) -> Iterator[Breach]:
    """Dependencies that are written down and those that are not are followed together."""
    by_key = {item.key: item for item in repository.applied}
    for circle, hidden in needs.cycles(repository):
        way = " -> ".join(needs.title(key) for key in [*circle, circle[0]])
        if hidden:
            text = f"{way} is a circle: {needs.title(hidden[0].user)} uses {hidden[0].what}."
            yield Breach(hidden[0].spot, text, "a Kustomization of its own for what both need")
        else:
            item = by_key[circle[0]].object
            yield Breach(item.at("spec", "dependsOn"), f"{way} is a circle.")


@check(
    "GIT004",
    ERROR,
    "gitops",
    _GITOPS,
    rule="A health check names an object that the Kustomization makes.",
    why="It waits for an object that never comes until its timeout, and so does everything that depends on it.",
    broken="Deployment web checked in namespace prod, made in namespace web",
    right="kind, namespace and name of an object that the path makes",
    ground=f"{_RUN}; fluxcd/kustomize-controller v1.4.0: with wait: true the list is ignored",
    scope=REPO,
)
def health_checks(repository: Repository) -> Iterator[Breach]:
    """With wait: true the controller ignores the list, so a wrong one is a warning: it is dead, and misleads. Objects
    of charts that are not known cannot be told from wrong ones, so those namespaces are passed over."""
    for applied in repository.applied:
        made = [*applied.objects, *(item for item in repository.made if item.owner == applied.name)]
        known = {(item.kind, item.namespace, item.name) for item in made}
        unknown = {release.namespace for release in repository.opaque if release.object.owner == applied.name}
        remote = bool(applied.built.remote)
        for path, entry in applied.object.maps("spec", "healthChecks"):
            kind, name = string(entry.get("kind")), string(entry.get("name"))
            namespace = string(entry.get("namespace"))
            if (kind, namespace, name) in known or (kind, "", name) in known or namespace in unknown or remote:
                continue
            places = [item.namespace for item in made if (item.kind, item.name) == (kind, name)]
            text = f"{applied.name} makes no {kind} {namespace}/{name}."
            use = (
                f"namespace {places[0]}" if places else nearest(name, [item.name for item in made if item.kind == kind])
            )
            ignored = applied.object.get("spec", "wait") is True
            why = "With wait: true the list is ignored, so nobody is told that it is wrong." if ignored else ""
            yield Breach(applied.object.at(*path, "name"), text, use, why, WARN if ignored else "")


@check(
    "GIT005",
    ERROR,
    "gitops",
    _GITOPS,
    rule="Every apiVersion is one that is served for its kind.",
    why="The API server knows no such kind: the whole Kustomization fails at its dry run.",
    broken="kustomize.config.k8s.io/v1; external-secrets.io/v1beta1",
    right="kustomize.config.k8s.io/v1beta1; external-secrets.io/v1",
    ground=f"{_RUN}; external-secrets v0.20.4 config/crds (v1beta1 is not served)",
    scope=REPO,
)
def served(repository: Repository) -> Iterator[Breach]:
    """CRDs of the repository say themselves what they serve; beside them what Kubernetes 1.22 to 1.34 and the pinned
    components have dropped is known."""
    crds = _served_by_crds(repository)
    dropped = not any(
        (match := re.match(r"v?0\.(\d+)\.", use.version)) and int(match.group(1)) < 17
        for use in repository.chart("external-secrets")
    )
    for item in repository.objects:
        right = _GONE.get((item.api_version, item.kind))
        versions = crds.get((item.group, item.kind))
        if versions and item.api_version.rpartition("/")[2] not in versions:
            right = f"{item.group}/{versions[0]}"
        if dropped and item.api_version == "external-secrets.io/v1beta1":
            right = "external-secrets.io/v1"
        if right:
            yield Breach(item.at("apiVersion"), f"{item.api_version} is not served for {item.kind}.", right)
    for path in sorted(repository.documents):
        if path.rpartition("/")[2] not in build.NAMES:
            continue
        for document in repository.documents[path][:1]:
            version, kind = string(dig(document.value, "apiVersion")), string(dig(document.value, "kind"))
            right = f"{_KUSTOMIZE}/v1alpha1" if kind == "Component" else f"{_KUSTOMIZE}/v1beta1"
            if version.startswith(f"{_KUSTOMIZE}/") and version != right:
                text = f"kustomize knows no {version} of the kind {kind or 'Kustomization'}."
                yield Breach(document.spot(("apiVersion",)), text, right)


def _served_by_crds(repository: Repository) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for item in repository.of("CustomResourceDefinition"):
        key = (item.text("spec", "group"), item.text("spec", "names", "kind"))
        versions = [
            string(version.get("name"))
            for path, version in item.maps("spec", "versions")
            if version.get("served") is not False
        ]
        storage = [
            string(version.get("name"))
            for path, version in item.maps("spec", "versions")
            if version.get("storage") is True
        ]
        found[key] = [*storage, *(version for version in versions if version not in storage)]
    return found


@check(
    "GIT006",
    ERROR,
    "gitops",
    _GITOPS,
    rule="Each object is declared once.",
    why="Two owners write it by turns, and when one of them drops it, it is pruned although the other still wants it.",
    broken="Namespace cnpg-system in two Kustomizations, both with prune: true",
    right="one owner",
    ground=_RUN,
    scope=REPO,
)
def declared_once(repository: Repository) -> Iterator[Breach]:
    """Compared are group, kind, namespace and name; two Flux Kustomizations of one name are GIT001."""
    first: dict[tuple[str, str, str, str], Object] = {}
    for item in repository.objects if repository.rooted else ():
        if flux.is_kustomization(item) or not item.name:
            continue
        known = first.setdefault((item.group, item.kind, item.namespace, item.name), item)
        if known is not item and (known.owner, known.document) != (item.owner, item.document):
            whose = f"{known.owner or 'the root'} ({known.file})"
            spot = item.at("metadata", "name")
            yield Breach(spot, f"{item.title} of {item.owner or 'the root'} is also declared by {whose}.", "one owner")


@check(
    "GIT007",
    WARN,
    "gitops",
    _GITOPS,
    rule="Every manifest is reached from the root.",
    why="A manifest out of reach changes nothing, and whoever reads it believes that it does.",
    broken="apps/foo/old-deployment.yaml, listed in no kustomization",
    right="listed, or deleted",
    ground=_RUN,
    scope=REPO,
)
def no_orphans(repository: Repository) -> Iterator[Breach]:
    """Left out are files that a task or script names, and what lies below the path of a Flux Kustomization that is
    itself out of reach (GIT001)."""
    unreached = list(_unreached(repository))
    lost = [build.normal(item.text("spec", "path")) for path, item in unreached if flux.is_kustomization(item)]
    told = "\n".join(command.text for command in repository.commands)[:_TOLD] if unreached else ""
    talos = {fragment.document.file for fragment in repository.talos.fragments}
    seen: set[str] = set()
    for path, item in unreached:
        below = any(folder and (path == folder or path.startswith(f"{folder}/")) for folder in lost)
        # BGP014 and NET005 say more of these.
        policy = item.group == "cilium.io" and item.kind in ("CiliumBGPPeeringPolicy", "CiliumBGPClusterConfig")
        known = repository.find(item.kind, "", item.name) if item.kind == "CiliumLoadBalancerIPPool" else None
        policy = policy or (known is not None and known.get("spec", "blocks") != item.get("spec", "blocks"))
        if (
            path in seen
            or path in talos
            or below
            or path in told
            or flux.is_kustomization(item)
            or item.api_version.startswith(_KUSTOMIZE)
            or policy
        ):
            continue
        seen.add(path)
        yield Breach(Spot(path, 1, "", item.title), f"No root reaches {path}.", "listed in a kustomization, or deleted")


@check(
    "GIT008",
    WARN,
    "gitops",
    _GITOPS,
    rule="Every HelmRepository is used, and every one that is used exists.",
    why="A release whose repository is not there is never installed; an unused one is fetched every hour for nothing.",
    broken="HelmRepository grafana, which no HelmRelease names",
    right="each one used; each sourceRef exists",
    ground=_RUN,
    scope=REPO,
)
def repositories(repository: Repository) -> Iterator[Breach]:
    """Judged by kind, namespace and name."""
    there = {
        (kind, item.namespace, item.name): item
        for kind in ("HelmRepository", "OCIRepository", "GitRepository")
        for item in repository.of(kind)
    }
    used: set[tuple[str, str, str]] = set()
    for kind in ("HelmRelease", "HelmChart", "Kustomization"):
        for item in repository.of(kind):
            for path in (("spec", "chart", "spec", "sourceRef"), ("spec", "sourceRef"), ("spec", "chartRef")):
                ref = item.map(*path)
                if not ref:
                    continue
                key = (string(ref.get("kind")), string(ref.get("namespace")) or item.namespace, string(ref.get("name")))
                used.add(key)
                if kind != "Kustomization" and key[0] != "GitRepository" and key not in there and repository.rooted:
                    names = [name for other, _namespace, name in there if other == key[0]]
                    text = f"There is no {key[0]} {key[1]}/{key[2]}."
                    yield Breach(item.at(*path, "name"), text, nearest(key[2], names))
    for key, item in there.items():
        if key[0] == "HelmRepository" and key not in used:
            yield Breach(
                item.at("metadata", "name"), f"No HelmRelease uses the HelmRepository {item.name}.", "delete it"
            )


@check(
    "GIT009",
    WARN,
    "gitops",
    _GITOPS,
    rule="A kustomization has at least one resource.",
    why="It is reconciled every few minutes and makes nothing; what it was meant to make is missing.",
    broken="resources: []",
    right="at least one resource, or no Kustomization",
    ground=_RUN,
    scope=REPO,
)
def not_empty(repository: Repository) -> Iterator[Breach]:
    """Judged for every kustomization that is reached."""
    for built in repository.graph.builds:
        for spot in built.empty:
            yield Breach(spot, "The kustomization names no resource.", "a resource, or no kustomization")


@check(
    "GIT010",
    ERROR,
    "gitops",
    _GITOPS,
    rule="The components of Flux have the declared version, and the root includes flux-system.",
    why="Flux would reconcile itself to another version, or not at all: its own update then never arrives.",
    broken="flux v2.4.0 declared, gotk-components.yaml of v2.3.0",
    right="equal versions, and flux-system in the resources of the root",
    ground=_RUN,
    scope=REPO,
)
def components(repository: Repository) -> Iterator[Breach]:
    """The version stands in the head of gotk-components.yaml; declared it is by a variable of a Taskfile or by
    .tool-versions or mise.toml."""
    for path, file in sorted(repository.files.files.items()):
        match = _FLUX_VERSION.search((file.text or "")[:2000]) if path.endswith("gotk-components.yaml") else None
        if match:
            for spot, version in _declared_flux(repository):
                if version.removeprefix("v") != match.group(1).removeprefix("v"):
                    text = f"Flux {version} is declared, and {path} is of {match.group(1)}."
                    yield Breach(spot, text, match.group(1))
    for root, built in repository.graph.roots.items():
        folder = f"{root}/flux-system" if root else "flux-system"
        sync = [path for path in repository.documents if path.startswith(f"{folder}/gotk-")]
        if sync and not any(path in built.files for path in sync):
            name = next((f"{root}/{name}" for name in build.NAMES if f"{root}/{name}" in repository.documents), folder)
            yield Breach(Spot(name, 1, "resources"), f"The root does not include {folder}.", "flux-system in resources")


def _declared_flux(repository: Repository) -> Iterator[tuple[Spot, str]]:
    for _path, documents in sorted(repository.documents.items()):
        for document in documents:
            for keys in (("vars",), ("env",)):
                for name, value in mapping(dig(document.value, *keys)).items():
                    if _STATED_FLUX.match(name) and exact_version(string(value)):
                        yield document.spot((*keys, name)), string(value)
    for path, file in sorted(repository.files.files.items()):
        if file.name in (".tool-versions", ".mise.toml", "mise.toml"):
            for number, line in enumerate(file.lines, start=1):
                match = re.match(r"""\s*["']?(?:aqua:fluxcd/)?flux2?["']?\s*[=\s]\s*["']?v?(\d+\.\d+\.\d+)""", line)
                if match:
                    yield Spot(path, number), match.group(1)


@also("GIT011", REPO)
def pinned(repository: Repository) -> Iterator[Breach]:
    """Versions of HelmReleases, and of charts that tasks and scripts install; Cilium's are CIL001."""
    first: dict[str, str] = {}
    for use in repository.charts:
        if use.release is not None and exact_version(use.version):
            first.setdefault(use.chart, use.version)
    for use in repository.charts:
        local = use.release is not None and use.release.object.text("spec", "chart", "spec", "sourceRef", "kind") in (
            "GitRepository",
            "Bucket",
        )
        if local or use.chart.startswith((".", "$", "{")) or (use.release is None and "$" in use.version + use.chart):
            continue
        if not exact_version(use.version):
            text = f"The chart {use.chart} has no version."
            if use.version:
                text = f"The version {use.version!r} of the chart {use.chart} is not one release."
            yield Breach(use.version_at, text, first.get(use.chart))
        elif use.chart != "cilium" and use.chart in first and _plain(first[use.chart]) != _plain(use.version):
            if use.release is None:
                text = f"The chart {use.chart} is {use.version} here, and {first[use.chart]} in Flux."
                yield Breach(use.version_at, text, first[use.chart])


@also("GIT011", BOTH)
def same_versions(case: Any) -> Iterator[Breach]:
    """Versions of the inventory are compared with those of the charts of the same name; Cilium's are CIL001."""
    versions = case.model.maybe("versions", default={})
    for use in case.repository.charts:
        wanted = versions.get(use.chart.replace("-", "_")) if use.chart != "cilium" else None
        if wanted is not None and exact_version(use.version) and _plain(use.version) != _plain(wanted):
            text = f"The chart {use.chart} is {use.version} here, and {wanted} in the inventory."
            yield Breach(use.version_at, text, wanted)


def _plain(version: str) -> str:
    return version.removeprefix("v")


@check(
    "GIT012",
    WARN,
    "gitops",
    _GITOPS,
    rule="Every variable of postBuild is used, defined, and agrees with the facts.",
    why="An undefined variable becomes an empty text; an unused one, or one with another value, misleads.",
    broken="cluster_name: homelab while the cluster is home-ops; ${domain} without a value",
    right="cluster_name: home-ops; no unused variable",
    ground=_RUN,
    scope=REPO,
)
def variables(repository: Repository) -> Iterator[Breach]:
    """With substituteFrom the values of others are not known, so nothing counts as undefined."""
    names = {string(dig(document.value, "clusterName")) for document in repository.talos.talconfigs} - {""}
    for applied in repository.applied:
        given = applied.object.map("spec", "postBuild", "substitute")
        for name, value in given.items():
            spot = applied.object.at("spec", "postBuild", "substitute", name)
            if name in ("cluster_name", "CLUSTER_NAME") and names and string(value) not in names:
                yield Breach(spot, f"{name} is {value}, and the cluster is {min(names)}.", min(names))
            elif name not in applied.used:
                yield Breach(spot, f"No object of {applied.name} uses the variable {name}.", "no such variable")
        if listing(applied.object.get("spec", "postBuild", "substituteFrom")):
            continue
        for name, place in applied.used.items():
            if name not in given and not applied.defaulted(name):
                yield Breach(place, f"{applied.name} gives the variable {name} no value, so it becomes empty.")


@also("GIT012", BOTH)
def agrees(case: Any) -> Iterator[Breach]:
    """With an inventory at hand the cluster's name in it counts."""
    wanted = case.model.maybe("cluster", "name")
    for applied in case.repository.applied if wanted else ():
        for name in ("cluster_name", "CLUSTER_NAME"):
            value = applied.object.text("spec", "postBuild", "substitute", name)
            if value and value != wanted:
                spot = applied.object.at("spec", "postBuild", "substitute", name)
                yield Breach(spot, f"{name} is {value}, and the cluster of the inventory is {wanted}.", wanted)


@check(
    "GIT013",
    WARN,
    "gitops",
    _GITOPS,
    rule="Resources of a kustomization are files of the repository.",
    why="What stands at the address can change or be gone; without it nothing of the whole directory is built.",
    broken="resources: [https://example.org/x/manifest.yaml]",
    right="the manifest in the repository, with its digest recorded",
    ground="read in a real home-lab",
    scope=REPO,
)
def no_addresses(repository: Repository) -> Iterator[Breach]:
    """Addresses are never fetched."""
    seen: set[Spot] = set()
    for built in repository.graph.builds:
        for spot, address in built.remote:
            if spot not in seen:
                seen.add(spot)
                yield Breach(spot, f"{address} is fetched at every build.", "a file of the repository")
