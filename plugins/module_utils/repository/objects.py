# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects of a repository, each knowing where its values stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..cilium import selectors
from ..model.schema import Path
from .documents import Document
from .spot import Spot, dig, key_text, listing, mapping, string

#: Kinds without a namespace, among those that a home-ops repository holds.
CLUSTER_SCOPED = frozenset(
    (
        "APIService",
        "CiliumBGPAdvertisement",
        "CiliumBGPClusterConfig",
        "CiliumBGPNodeConfig",
        "CiliumBGPNodeConfigOverride",
        "CiliumBGPPeerConfig",
        "CiliumBGPPeeringPolicy",
        "CiliumClusterwideNetworkPolicy",
        "CiliumLoadBalancerIPPool",
        "ClusterExternalSecret",
        "ClusterIssuer",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterSecretStore",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingWebhookConfiguration",
        "VolumeSnapshotClass",
        "VolumeSnapshotContent",
    )
)
#: Kinds whose pods are described by a template, and the path to it.
TEMPLATES: dict[str, Path] = {
    "Deployment": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


@dataclass(frozen=True, eq=False)
class Object:
    """One object, as Flux would apply it.

    :param document: where it is written; for what a chart makes, the document of its HelmRelease.
    :param owner: name of the Flux Kustomization that applies it; empty when none does.
    :param base: path in the document below which the object stands; () for the document itself.
    :param moved: places of values that come from elsewhere (a patch, a chart's values), by path.
    :param chart: the HelmRelease that makes it, empty for an object of a file.
    """

    value: dict[str, Any] = field(repr=False)
    document: Document = field(repr=False)
    owner: str = ""
    base: Path = ()
    moved: Mapping[Path, Spot] = field(default_factory=dict, repr=False)
    chart: str = ""

    @cached_property
    def api_version(self) -> str:
        """Group and version."""
        return string(self.value.get("apiVersion"))

    @cached_property
    def group(self) -> str:
        """The API group, empty for the core."""
        return self.api_version.rpartition("/")[0]

    @cached_property
    def kind(self) -> str:
        """Its kind."""
        return string(self.value.get("kind"))

    @cached_property
    def name(self) -> str:
        """Its name."""
        return string(dig(self.value, "metadata", "name"))

    @cached_property
    def given_namespace(self) -> str:
        """The namespace as written."""
        return string(dig(self.value, "metadata", "namespace"))

    @cached_property
    def namespace(self) -> str:
        """The namespace it lives in; empty for a kind that has none."""
        return "" if self.cluster_scoped else self.given_namespace or "default"

    @property
    def cluster_scoped(self) -> bool:
        """Whether its kind has no namespaces; Longhorn has a Node of its own, which has."""
        return self.kind in CLUSTER_SCOPED and self.group != "longhorn.io"

    @cached_property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return {key: string(value) for key, value in mapping(dig(self.value, "metadata", "labels")).items()}

    @cached_property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return {key: string(value) for key, value in mapping(dig(self.value, "metadata", "annotations")).items()}

    @cached_property
    def title(self) -> str:
        """``kind/namespace/name``, ``kind/name`` for a kind without namespace."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def file(self) -> str:
        """The file it is written in."""
        return self.document.file

    @property
    def pod(self) -> tuple[Path, dict[str, Any]] | None:
        """Path and value of its pod template; None for a kind without pods."""
        path = TEMPLATES.get(self.kind)
        return None if path is None else (path, mapping(dig(self.value, *path)))

    def get(self, *path: str | int) -> Any:
        """Return the value at a path, None when there is none."""
        return dig(self.value, *path)

    def text(self, *path: str | int) -> str:
        """Return the text at a path, empty when there is none."""
        return string(dig(self.value, *path))

    def map(self, *path: str | int) -> dict[str, Any]:
        """Return the map at a path, an empty one when there is none."""
        return mapping(dig(self.value, *path))

    def maps(self, *path: str | int) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield path and value of each map in the list at a path."""
        for index, item in enumerate(listing(dig(self.value, *path))):
            if isinstance(item, dict):
                yield (*path, index), item

    def at(self, *path: str | int) -> Spot:
        """Return the place of the element at a path."""
        for length in range(len(path), 0, -1):
            spot = self.moved.get(path[:length])
            if spot is not None:
                return replace(spot, object=self.title)
        if () in self.moved:
            return replace(self.moved[()], object=self.title)
        return Spot(self.file, self.document.line((*self.base, *path)), key_text((*self.base, *path)), self.title)


def is_object(value: Any) -> bool:
    """Whether a document is a Kubernetes object."""
    return isinstance(value, dict) and isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str)


def of_document(document: Document, owner: str = "") -> list[Object]:
    """Return the object of a document, the items of a ``List``; none when it is something else."""
    if not is_object(document.value):
        return []
    if document.value["kind"] == "List":
        items = listing(document.value.get("items"))
        return [Object(item, document, owner, ("items", index)) for index, item in enumerate(items) if is_object(item)]
    return [Object(document.value, document, owner)]


def matches(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels, whatever its form; an empty one selects all."""
    chosen = mapping(selector)
    expressions = [
        {**entry, "key": string(entry.get("key")), "values": [string(item) for item in listing(entry.get("values"))]}
        for entry in listing(chosen.get("matchExpressions"))
        if isinstance(entry, dict)
    ]
    labelled = {key: string(value) for key, value in mapping(chosen.get("matchLabels")).items()}
    return selectors.matches({"matchLabels": labelled, "matchExpressions": expressions}, labels, absent=True)
