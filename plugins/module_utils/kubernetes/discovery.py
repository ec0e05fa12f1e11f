# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds the API serves, and under which paths.

Aggregated discovery (GA since 1.30, ``apidiscovery.k8s.io/v2``) tells everything in two requests; servers without it
are asked group by group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import InputError
from .client import Client, segment
from .errors import NotFound

_AGGREGATED = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)
ACCEPT = f"{_AGGREGATED},application/json"


@dataclass(frozen=True)
class Resource:
    """One kind at one version.

    :param group: ``""`` for the core group.
    :param plural: the name in paths.
    :param names: further names a person may use: singular, short names.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    subresources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """``apps/v1``, ``v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``deployments.apps``, as error messages of the API name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of the collection or, with a name, of one object; no namespace = all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        middle = f"/namespaces/{segment(namespace)}" if self.namespaced and namespace else ""
        return f"{root}{middle}/{self.plural}" + (f"/{segment(name)}" if name else "")


def parse_aggregated(document: Mapping[str, Any]) -> list[Resource]:
    """Read an ``APIGroupDiscoveryList``; versions come in the server's order of preference."""
    found = []
    for item in document.get("items") or []:
        group = str((item.get("metadata") or {}).get("name") or "")
        for version in item.get("versions") or []:
            for entry in version.get("resources") or []:
                kind = (entry.get("responseKind") or {}).get("kind")
                if not kind:
                    continue
                found.append(
                    Resource(
                        group=group,
                        version=str(version.get("version")),
                        kind=str(kind),
                        plural=str(entry.get("resource")),
                        namespaced=entry.get("scope") == "Namespaced",
                        subresources=frozenset(str(sub.get("subresource")) for sub in entry.get("subresources") or []),
                        names=frozenset([str(entry.get("singularResource") or ""), *(entry.get("shortNames") or [])])
                        - {""},
                        verbs=frozenset(entry.get("verbs") or []),
                    )
                )
    return found


def parse_resource_list(document: Mapping[str, Any]) -> list[Resource]:
    """Read an ``APIResourceList`` of one group version."""
    group, slash, version = str(document.get("groupVersion")).rpartition("/")
    entries = [entry for entry in document.get("resources") or [] if entry.get("name")]
    subresources: dict[str, set[str]] = {}
    for entry in entries:
        parent, slash, sub = str(entry["name"]).partition("/")
        if slash:
            subresources.setdefault(parent, set()).add(sub)
    return [
        Resource(
            group=group,
            version=version,
            kind=str(entry.get("kind")),
            plural=str(entry["name"]),
            namespaced=bool(entry.get("namespaced")),
            subresources=frozenset(subresources.get(str(entry["name"]), ())),
            names=frozenset([str(entry.get("singularName") or ""), *(entry.get("shortNames") or [])]) - {""},
            verbs=frozenset(entry.get("verbs") or []),
        )
        for entry in entries
        if "/" not in str(entry["name"])
    ]


def from_crd(crd: Mapping[str, Any]) -> list[Resource]:
    """Return the kinds that a CustomResourceDefinition (``apiextensions.k8s.io/v1``) makes the API serve."""
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    if not names.get("kind") or not names.get("plural") or not spec.get("group"):
        return []
    return [
        Resource(
            group=str(spec["group"]),
            version=str(version.get("name")),
            kind=str(names["kind"]),
            plural=str(names["plural"]),
            namespaced=spec.get("scope") == "Namespaced",
            subresources=frozenset(version.get("subresources") or ()),
            names=frozenset([str(names.get("singular") or names["kind"]).lower(), *(names.get("shortNames") or [])]),
            verbs=frozenset(("get", "list", "watch", "patch", "create", "update", "delete")),
        )
        for version in spec.get("versions") or []
        if version.get("served", True)
    ]


class Discovery:
    """The kinds of one API server; asked on first use, and once more when a kind is missing."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._resources: list[Resource] | None = None
        self._by_kind: dict[tuple[str, str], Resource] = {}
        self._refreshed = False

    @property
    def resources(self) -> list[Resource]:
        """All kinds, core group first, preferred versions first."""
        if self._resources is None:
            self._load()
        return self._resources or []

    def find(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource of an exact apiVersion and kind, None when it is not served."""
        if self._resources is None:
            self._load()
        found = self._by_kind.get((api_version, kind))
        if found is None and not self._refreshed:
            self._refreshed = True
            self._load()
            found = self._by_kind.get((api_version, kind))
        return found

    def search(self, name: str, api_version: str = "") -> Resource | None:
        """Return the resource a person means: kind, plural, singular or short name, also ``plural.group``.

        :raises InputError: the name fits kinds of several groups.
        """
        for _attempt in (1, 2):
            hits = _matches(self.resources, name, api_version)
            if hits:
                first = hits[0]
                groups = list(dict.fromkeys(hit.group for hit in hits))
                if first.group and len(groups) > 1:
                    options = ", ".join(f"{hit.plural}.{hit.group}" for hit in hits)
                    raise InputError(f"the kind {name!r} is served by several groups", answer=options, param="kind")
                return first
            if self._refreshed:
                return None
            self._refreshed = True
            self._load()
        return None

    def add(self, resources: Iterable[Resource]) -> None:
        """Take in kinds that were just defined, without asking again."""
        known = self.resources
        for resource in resources:
            if (resource.api_version, resource.kind) not in self._by_kind:
                known.append(resource)
                self._by_kind[resource.api_version, resource.kind] = resource

    def _load(self) -> None:
        documents = list(
            self._client.map(
                lambda path: self._client.get(path, accept=ACCEPT, attempted="asking which kinds the API serves"),
                ("/api", "/apis"),
            )
        )
        found: list[Resource] = []
        for document in documents:
            if document.get("kind") == "APIGroupDiscoveryList":
                found += parse_aggregated(document)
            else:
                found += self._one_by_one(document)
        self._resources = found
        self._by_kind = {}
        for resource in found:
            self._by_kind.setdefault((resource.api_version, resource.kind), resource)

    def _one_by_one(self, document: Mapping[str, Any]) -> list[Resource]:
        """Ask for each group version that an unaggregated answer names."""
        if document.get("kind") == "APIVersions":
            paths = [f"/api/{version}" for version in document.get("versions") or []]
        else:
            paths = [
                f"/apis/{version['groupVersion']}"
                for group in document.get("groups") or []
                for version in sorted(
                    group.get("versions") or [],
                    key=lambda item, group=group: item != group.get("preferredVersion"),
                )
            ]

        def ask(path: str) -> list[Resource]:
            try:
                return parse_resource_list(self._client.get(path, attempted="asking which kinds the API serves"))
            except NotFound:
                return []

        return [resource for part in self._client.map(ask, paths) for resource in part]


def _matches(resources: Iterable[Resource], name: str, api_version: str) -> list[Resource]:
    """Return the kinds that ``name`` may mean; an exact kind goes before plural, singular and short names."""
    wanted, dot, group = name.lower().partition(".")
    candidates = [
        resource
        for resource in resources
        if (not api_version or resource.api_version == api_version)
        and (not dot or resource.group == group or resource.group.startswith(f"{group}."))
    ]
    for fits in (
        lambda resource: resource.kind == name,
        lambda resource: resource.kind.lower() == wanted,
        lambda resource: resource.plural == wanted,
        lambda resource: wanted in resource.names,
    ):
        hits = [resource for resource in candidates if fits(resource)]
        if hits:
            return hits
    return []
