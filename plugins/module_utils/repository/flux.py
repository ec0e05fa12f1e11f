# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Flux reaches from the root: Flux Kustomizations, the objects that each applies, and who depends on whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.schema import Path
from . import limits
from .build import Builder, Built, normal
from .documents import Document
from .files import Files
from .objects import Object
from .spot import Fault, Spot, dig, mapping, string

GROUP = "kustomize.toolkit.fluxcd.io"
#: ``${name}``, ``${name:=default}``, ``${name:-default}``; ``$${name}`` stays (fluxcd/pkg envsubst).
VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[=-]([^{}]*))?\}")
_SWITCH = f"{GROUP}/substitute"


@dataclass
class Applied:
    """A Flux Kustomization with what it applies.

    :param path: its directory from the repository's root.
    :param missing: whether that directory is not there.
    :param variables: ``postBuild.substitute``.
    :param used: names of the variables that its objects use, with a place of each.
    :param room: characters that may still be put in.
    :param defaults: those of them that have a default of their own.
    """

    object: Object
    path: str
    built: Built
    missing: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    used: dict[str, Spot] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)
    room: int = limits.SUBSTITUTED

    def defaulted(self, name: str) -> bool:
        """Whether a variable has a default wherever it is first used."""
        return name in self.defaults

    @property
    def name(self) -> str:
        """Its name."""
        return self.object.name

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.object.namespace, self.object.name

    @property
    def objects(self) -> list[Object]:
        """What it applies."""
        return self.built.objects

    @property
    def depends_on(self) -> list[tuple[Path, tuple[str, str]]]:
        """Path and (namespace, name) of each Kustomization it waits for."""
        return [
            (path, (string(item.get("namespace")) or self.object.namespace, string(item.get("name"))))
            for path, item in self.object.maps("spec", "dependsOn")
        ]


@dataclass
class Graph:
    """Everything that is reached.

    :param roots: directories of the clusters, with what their own build makes.
    :param applied: the Flux Kustomizations, in the order in which they are found.
    """

    roots: dict[str, Built] = field(default_factory=dict)
    applied: list[Applied] = field(default_factory=list)

    @property
    def builds(self) -> Iterator[Built]:
        """Every build that was made."""
        yield from self.roots.values()
        yield from (item.built for item in self.applied)

    @property
    def objects(self) -> list[Object]:
        """Every object, those of the roots first."""
        return [item for built in self.builds for item in built.objects]

    @property
    def files(self) -> set[str]:
        """Every file that is reached."""
        return {file for built in self.builds for file in built.files}


def is_kustomization(item: Object) -> bool:
    """Whether an object is a Flux Kustomization (kustomize's own file has the same kind and another group)."""
    return item.kind == "Kustomization" and item.group == GROUP


def explore(files: Files, documents: Mapping[str, list[Document]]) -> Graph:
    """Return what is reached from the roots of a repository."""
    graph, builder = Graph(), Builder(files, documents)
    waiting: list[Object] = []
    for root in roots(files, documents, builder):
        graph.roots[root] = builder.directory(root)
        waiting += [item for item in graph.roots[root].objects if is_kustomization(item)]
    own = {normal(root) for root in graph.roots}
    # A name that stands twice is one object to the API server; GIT001 tells, and each path is looked at.
    seen: set[tuple[str, str, str]] = set()
    while waiting:
        item = waiting.pop(0)
        path = normal(item.text("spec", "path"))
        if (item.namespace, item.name, path) in seen or path in own or not item.name:
            continue
        if len(graph.applied) >= limits.APPLIED:
            text = f"only the first {limits.APPLIED} Flux Kustomizations are looked at"
            graph.applied[-1].built.faults.append(Fault(item.at(), text, False))
            break
        seen.add((item.namespace, item.name, path))
        applied = _applied(item, path, files, builder)
        graph.applied.append(applied)
        waiting += [inner for inner in applied.objects if is_kustomization(inner)]
    return graph


def roots(files: Files, documents: Mapping[str, list[Document]], builder: Builder) -> list[str]:
    """Return the directories of the clusters: what Flux's own sync names, else ``clusters/*`` with a kustomization."""
    synced: list[str] = []
    for path in sorted(documents):
        if not path.endswith("gotk-sync.yaml"):
            continue
        for document in documents[path]:
            item = mapping(document.value)
            if item.get("kind") == "Kustomization" and string(item.get("apiVersion")).startswith(f"{GROUP}/"):
                synced.append(normal(string(dig(item, "spec", "path"))))
    found = [path for path in dict.fromkeys(synced) if path in files.folders]
    if not found:
        candidates = [folder for folder in sorted(files.folders) if re.fullmatch(r"(?:.+/)?clusters/[^/]+", folder)]
        found = [folder for folder in candidates if builder.kustomization(folder) is not None]
    if not found and builder.kustomization("") is not None:
        found = [""]
    return found


def _applied(item: Object, path: str, files: Files, builder: Builder) -> Applied:
    if path not in files.folders:
        return Applied(item, path, Built(), missing=True)
    built = builder.directory(path, item.name)
    variables = {key: string(value) for key, value in item.map("spec", "postBuild", "substitute").items()}
    applied = Applied(item, path, built, variables=variables)
    namespace = item.text("spec", "targetNamespace")
    if namespace:
        built.objects = [_in_namespace(inner, namespace, item.at("spec", "targetNamespace")) for inner in built.objects]
    if item.get("spec", "postBuild") is not None:
        built.objects = [_substituted(inner, applied) for inner in built.objects]
    return applied


def _in_namespace(item: Object, namespace: str, spot: Spot) -> Object:
    if not item.namespace:
        return item
    meta = {**mapping(item.value.get("metadata")), "namespace": namespace}
    moved = {**item.moved, ("metadata", "namespace"): spot}
    return replace(item, value={**item.value, "metadata": meta}, moved=moved)


def _substituted(item: Object, applied: Applied) -> Object:
    if "disabled" in (item.labels.get(_SWITCH), item.annotations.get(_SWITCH)):
        return item
    return replace(item, value=_fill(item.value, (), item, applied))


def _fill(value: Any, path: Path, item: Object, applied: Applied) -> Any:
    if isinstance(value, dict):
        return {key: _fill(inner, (*path, key), item, applied) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, (*path, index), item, applied) for index, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def put(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group()[1:]
        applied.used.setdefault(match.group(2), item.at(*path))
        if match.group(3) is not None:
            applied.defaults.add(match.group(2))
        value = applied.variables.get(match.group(2)) or match.group(3) or ""
        applied.room -= len(value)
        return value if applied.room >= 0 else ""

    text = VARIABLE.sub(put, value)
    # Flux substitutes in the text and reads the outcome: ``replicas: ${count}`` becomes a number again.
    return int(text) if text != value and re.fullmatch(r"[1-9][0-9]{0,8}|0", text) else text


def closure(applied: Iterable[Applied]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Return for each Kustomization all that come before it, by way of others too."""
    direct: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for item in applied:
        direct.setdefault(item.key, set()).update(key for path, key in item.depends_on)
    reached: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for start, first in direct.items():
        seen: set[tuple[str, str]] = set()
        waiting = list(first)
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                waiting += direct.get(key, ())
        reached[start] = seen
    return reached
