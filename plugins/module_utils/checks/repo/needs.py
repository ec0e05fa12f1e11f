# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Flux Kustomization needs of others without saying so: CRDs, stores, issuers, classes, pools, Secrets.

A need counts when something in the repository provides it; what was installed by hand is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...cilium import kinds
from ...model.schema import Path
from ...repository.charts import Release
from ...repository.flux import closure
from ...repository.objects import Object, matches
from ...repository.spot import Spot, dig, string, walk, yes
from ...repository.view import Repository
from . import usage

Key = tuple[str, str]

#: Groups whose CRDs a chart brings.
_CHART_GROUPS: dict[str, tuple[str, ...]] = {
    "external-secrets": ("external-secrets.io", "generators.external-secrets.io"),
    "cert-manager": ("cert-manager.io", "acme.cert-manager.io"),
    "kube-prometheus-stack": ("monitoring.coreos.com",),
    "prometheus-operator-crds": ("monitoring.coreos.com",),
    "longhorn": ("longhorn.io",),
    "cloudnative-pg": ("postgresql.cnpg.io",),
    "plugin-barman-cloud": ("barmancloud.cnpg.io",),
    "snapshot-controller": ("snapshot.storage.k8s.io",),
    "cilium": ("cilium.io",),
    "external-dns": ("externaldns.k8s.io",),
    "traefik": ("traefik.io",),
    "kyverno": ("kyverno.io",),
}
#: Groups that are always served, or that Flux itself brings.
_BUILT_IN = (".k8s.io", "apps", "batch", "policy", "autoscaling", ".toolkit.fluxcd.io")
#: Parts of an address of a manifest, with the group whose CRDs it holds.
_REMOTE = {
    "plugin-barman-cloud": "barmancloud.cnpg.io",
    "external-snapshotter": "snapshot.storage.k8s.io",
    "prometheus-operator": "monitoring.coreos.com",
    "gateway-api": "gateway.networking.k8s.io",
}
_ISSUER = "cert-manager.io/cluster-issuer"
_MONITORS = ("servicemonitor", "podmonitor", "podmonitorenabled")


@dataclass(frozen=True)
class Need:
    """Something that a Kustomization uses and others provide.

    :param providers: the Kustomizations that make it; each of them will do.
    """

    user: Key
    what: str
    spot: Spot
    providers: tuple[Key, ...]


def lacking(repository: Repository) -> list[Need]:
    """Return the needs that no dependency covers, the first one of each pair of user and providers."""
    before = closure(repository.applied)
    found: dict[tuple[Key, tuple[Key, ...]], Need] = {}
    for need in _needs(repository):
        if need.user in need.providers or before.get(need.user, set()) & set(need.providers):
            continue
        found.setdefault((need.user, need.providers), need)
    return list(found.values())


class _Providers:
    """Who makes what."""

    def __init__(self, repository: Repository) -> None:
        self._made: dict[tuple[str, str], list[Key]] = {}
        for applied in repository.applied:
            for item in applied.objects:
                self._object(item, applied.key)
            for _spot, address in applied.built.remote:
                for part, group in _REMOTE.items():
                    if part in address:
                        self._add("CRD", group, applied.key)
        owners = {applied.name: applied.key for applied in repository.applied}
        for item in repository.made:
            if item.owner in owners and item.kind in ("IngressClass", "StorageClass"):
                self._add(item.kind, item.name, owners[item.owner])

    def _object(self, item: Object, key: Key) -> None:
        if item.kind == "CustomResourceDefinition":
            self._add("CRD", item.text("spec", "group"), key)
        elif item.kind in ("ClusterIssuer", "ClusterSecretStore", "StorageClass", "IngressClass"):
            self._add(item.kind, item.name, key)
        elif item.kind in ("Secret", "ExternalSecret", "HelmRepository", "OCIRepository"):
            name = item.text("spec", "target", "name") or item.name
            self._add("Secret" if item.kind == "ExternalSecret" else item.kind, f"{item.namespace}/{name}", key)
        elif item.kind == kinds.POOL:
            self._add("pool", item.name, key)
        elif item.kind == "HelmRelease":
            for group in _CHART_GROUPS.get(Release(item).chart, ()):
                self._add("CRD", group, key)

    def _add(self, kind: str, name: str, key: Key) -> None:
        known = self._made.setdefault((kind, name), [])
        if key not in known:
            known.append(key)

    def of(self, kind: str, name: str) -> tuple[Key, ...]:
        return tuple(self._made.get((kind, name), ()))


def _needs(repository: Repository) -> Iterator[Need]:
    providers = _Providers(repository)
    pools = [item for item in repository.of(kinds.POOL) if item.owner]
    made: dict[str, list[Object]] = {}
    for item in repository.made:
        made.setdefault(item.owner, []).append(item)
    for applied in repository.applied:
        for item in [*applied.objects, *made.get(applied.name, [])]:
            for kind, name, what, spot in _uses(item):
                found = providers.of(kind, name)
                if found:
                    yield Need(applied.key, what, spot, found)
            if item.kind == "Service" and item.text("spec", "type") == "LoadBalancer":
                chosen = [pool for pool in pools if matches(pool.get("spec", "serviceSelector"), item.labels)]
                if chosen and item.labels:
                    names = tuple(dict.fromkeys(key for pool in chosen for key in providers.of("pool", pool.name)))
                    yield Need(applied.key, f"the pool {chosen[0].name}", item.at("metadata", "labels"), names)


def _uses(item: Object) -> Iterator[tuple[str, str, str, Spot]]:
    """Yield (kind, name, words, place) of everything that an object uses."""
    group = item.group
    if group and "." in group and not group.endswith(_BUILT_IN) and item.kind != "CustomResourceDefinition":
        yield "CRD", group, f"the CRDs of {group}", item.at("kind")
    if group == "snapshot.storage.k8s.io":
        yield "CRD", group, f"the CRDs of {group}", item.at("kind")
    if item.kind == "HelmRelease":
        yield from _of_release(item)
    if item.kind in ("ExternalSecret", "PushSecret"):
        refs: tuple[Path, ...] = (("spec", "secretStoreRef"), ("spec", "secretStoreRefs", 0))
        for ref in refs:
            if item.text(*ref, "kind") == "ClusterSecretStore":
                name = item.text(*ref, "name")
                yield "ClusterSecretStore", name, f"the store {name}", item.at(*ref, "name")
    issuer = item.annotations.get(_ISSUER, "")
    if issuer:
        yield "ClusterIssuer", issuer, f"the issuer {issuer}", item.at("metadata", "annotations", _ISSUER)
    if item.kind == "Certificate" and item.text("spec", "issuerRef", "kind") == "ClusterIssuer":
        name = item.text("spec", "issuerRef", "name")
        yield "ClusterIssuer", name, f"the issuer {name}", item.at("spec", "issuerRef", "name")
    if item.kind == "Ingress" and item.text("spec", "ingressClassName"):
        name = item.text("spec", "ingressClassName")
        yield "IngressClass", name, f"the class {name}", item.at("spec", "ingressClassName")
    for path, name in usage.storage_classes(item):
        yield "StorageClass", name, f"the StorageClass {name}", item.at(*path)
    if item.kind == "Cluster" and group == "postgresql.cnpg.io":
        for path, plugin in item.maps("spec", "plugins"):
            if string(plugin.get("name")).startswith("barman-cloud"):
                yield "CRD", "barmancloud.cnpg.io", "the barman plugin", item.at(*path, "name")
    for secret in usage.secrets(item):
        name = f"{item.namespace}/{secret.name}"
        yield "Secret", name, f"the Secret {name}", item.at(*secret.path)


def _of_release(item: Object) -> Iterator[tuple[str, str, str, Spot]]:
    release = Release(item)
    source = item.map("spec", "chart", "spec", "sourceRef")
    kind, name = string(source.get("kind")), string(source.get("name"))
    if kind in ("HelmRepository", "OCIRepository"):
        namespace = string(source.get("namespace")) or item.namespace
        yield kind, f"{namespace}/{name}", f"the {kind} {name}", item.at("spec", "chart", "spec", "sourceRef", "name")
    for path, value in walk(release.values):
        word = path[-1].lower() if path and isinstance(path[-1], str) else ""
        if word in _MONITORS and (yes(dig(value, "enabled")) or (word.endswith("enabled") and yes(value))):
            spot = item.at("spec", "values", *path)
            yield "CRD", "monitoring.coreos.com", "the CRDs of monitoring.coreos.com", spot


def cycles(repository: Repository) -> Iterator[tuple[list[Key], list[Need]]]:
    """Yield each circle of dependencies, with the needs in it that nobody has declared; explicit circles have none."""
    graph: dict[Key, set[Key]] = {item.key: {key for path, key in item.depends_on} for item in repository.applied}
    known = set(graph)
    hidden: dict[tuple[Key, Key], Need] = {}
    for need in lacking(repository):
        # One provider of several will do, so only a sole one binds.
        if len(need.providers) == 1:
            hidden[need.user, need.providers[0]] = need
            graph.setdefault(need.user, set()).add(need.providers[0])
    for component in _components({key: value & known for key, value in graph.items()}):
        circle = _circle(component, graph)
        pairs = zip(circle, [*circle[1:], circle[0]], strict=True)
        yield circle, [hidden[pair] for pair in pairs if pair in hidden]


def _components(graph: dict[Key, set[Key]]) -> list[set[Key]]:
    """Return the sets of Kustomizations that reach each other (Tarjan, without recursion)."""
    index: dict[Key, int] = {}
    low: dict[Key, int] = {}
    stack: list[Key] = []
    on_stack: set[Key] = set()
    found: list[set[Key]] = []
    for start in sorted(graph):
        if start in index:
            continue
        work: list[tuple[Key, Iterator[Key]]] = []
        _open(start, index, low, stack, on_stack)
        work.append((start, iter(sorted(graph.get(start, ())))))
        while work:
            key, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[key])
                if low[key] == index[key]:
                    component: set[Key] = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.add(member)
                        if member == key:
                            break
                    if len(component) > 1 or key in graph.get(key, ()):
                        found.append(component)
            elif following not in index:
                _open(following, index, low, stack, on_stack)
                work.append((following, iter(sorted(graph.get(following, ())))))
            elif following in on_stack:
                low[key] = min(low[key], index[following])
    return found


def _open(key: Key, index: dict[Key, int], low: dict[Key, int], stack: list[Key], on_stack: set[Key]) -> None:
    index[key] = low[key] = len(index)
    stack.append(key)
    on_stack.add(key)


def _circle(component: set[Key], graph: dict[Key, set[Key]]) -> list[Key]:
    """Return a shortest way from the first member of a component back to itself."""
    start = min(component)
    ways: dict[Key, list[Key]] = {start: [start]}
    waiting = [start]
    while waiting:
        key = waiting.pop(0)
        for following in sorted(graph.get(key, set()) & component):
            if following == start:
                return ways[key]
            if following not in ways:
                ways[following] = [*ways[key], following]
                waiting.append(following)
    return [start]


def in_circle(repository: Repository) -> set[Key]:
    """Return the Kustomizations that are part of a circle."""
    return {key for circle, _needs_of in cycles(repository) for key in circle}


def title(key: Key) -> str:
    """Return a Kustomization's name; the namespace is nearly always the same."""
    return key[1]
