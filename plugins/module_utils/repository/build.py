# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``kustomize build`` makes of a directory, as far as home-ops repositories use it.

Understood: ``resources`` (files, directories; URLs are only noted), ``components``, ``namespace``, ``namePrefix``,
``nameSuffix``, ``commonLabels``, ``labels``, ``commonAnnotations``, ``images``, ``replicas``, ``patches`` and
``patchesJson6902``/``patchesStrategicMerge`` (JSON 6902 and a merge of maps), ``configMapGenerator`` and
``secretGenerator`` (names and keys, without the suffix of their hash). The values are never changed in place: one
document may be part of several builds.
"""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.schema import Path
from . import limits
from .documents import Budget, Document, read
from .files import YAML, File, Files
from .objects import Object, of_document
from .spot import Fault, Spot, dig, listing, mapping, string

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_URL = re.compile(r"^(?:https?|ssh|git)://|^git@|^github\.com/|\?ref=")


@dataclass
class Built:
    """The outcome of one build.

    :param faults: a resource that is not there, a directory that holds itself, a patch that cannot be applied.
    :param remote: place and text of each resource that is an address.
    :param empty: kustomizations that name nothing.
    """

    objects: list[Object] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    remote: list[tuple[Spot, str]] = field(default_factory=list)
    empty: list[Spot] = field(default_factory=list)


class Builder:
    """Builds directories of one repository; the limits count over all of its builds."""

    def __init__(self, files: Files, documents: Mapping[str, list[Document]]) -> None:
        self._files = files
        self._documents = documents
        self._objects = 0
        self._builds = 0

    def directory(self, path: str, owner: str = "") -> Built:
        """Build a directory as Flux does: without a kustomization, all manifests below it are its resources."""
        built = Built()
        folder = normal(path)
        if self.kustomization(folder) is None:
            built.objects = self._all_below(folder, built, owner)
        else:
            built.objects = self._build(folder, built, owner, ())
        return built

    def kustomization(self, folder: str) -> Document | None:
        """Return the kustomization of a directory."""
        for name in NAMES:
            for document in self._documents.get(f"{folder}/{name}" if folder else name, []):
                return document if isinstance(document.value, dict) else None
        return None

    def _all_below(self, folder: str, built: Built, owner: str) -> list[Object]:
        found: list[Object] = []
        prefix = f"{folder}/" if folder else ""
        own: list[str] = []
        for file in self._files.of(YAML):
            if not file.path.startswith(prefix) or any(file.path.startswith(f"{inner}/") for inner in own):
                continue
            inner = self._nearest_kustomization(file.folder, folder)
            if inner is not None:
                own.append(inner)
                found += self._build(inner, built, owner, ())
            elif file.name not in NAMES:
                found += self._file(file.path, built, owner)
        return found

    def _nearest_kustomization(self, folder: str, root: str) -> str | None:
        """Return the outermost directory between ``root`` and ``folder`` that has a kustomization."""
        outermost = None
        while folder not in (root, ""):
            outermost = folder if self.kustomization(folder) is not None else outermost
            folder = folder.rpartition("/")[0]
        return outermost

    def _file(self, path: str, built: Built, owner: str) -> list[Object]:
        built.files.add(path)
        found = [item for document in self._documents.get(path, []) for item in of_document(document, owner)]
        self._objects += len(found)
        return found if self._objects <= limits.OBJECTS else []

    def _build(self, folder: str, built: Built, owner: str, above: tuple[str, ...]) -> list[Object]:
        document = self.kustomization(folder)
        if document is None:
            return []
        built.files.add(document.file)
        self._builds += 1
        if folder in above:
            built.faults.append(Fault(document.spot(), f"the kustomization of {folder or '.'} holds itself"))
            return []
        if len(above) >= limits.KUSTOMIZATIONS_DEEP or self._builds > limits.BUILDS or self._objects > limits.OBJECTS:
            built.faults.append(Fault(document.spot(), "there are too many kustomizations within each other", False))
            return []
        spec = document.value
        found: list[Object] = []
        named = 0
        for key in ("resources", "bases", "components"):
            for index, entry in enumerate(listing(spec.get(key))):
                named += 1
                found += self._resource(document, (key, index), string(entry), folder, built, owner, above)
        for key in ("configMapGenerator", "secretGenerator"):
            for index, entry in enumerate(listing(spec.get(key))):
                named += 1
                found.append(self._generated(document, (key, index), mapping(entry), folder, built, owner))
        if not named and not any(key in spec for key in ("patches", "helmCharts", "generators")):
            built.empty.append(document.spot(("resources",) if "resources" in spec else ()))
        return [self._transformed(item, document) for item in self._patched(document, found, folder, built)]

    def _resource(
        self,
        document: Document,
        path: Path,
        entry: str,
        folder: str,
        built: Built,
        owner: str,
        above: tuple[str, ...],
    ) -> list[Object]:
        spot = document.spot(path)
        if _URL.search(entry):
            built.remote.append((spot, entry))
            return []
        target = normal(posixpath.join(folder, entry))
        if target in self._files.files:
            return self._file(target, built, owner)
        if target == ".." or target.startswith("../"):
            built.faults.append(Fault(spot, f"{entry} leads out of the repository"))
        elif target not in self._files.folders:
            built.faults.append(Fault(spot, f"{entry} is not there"))
        elif self.kustomization(target) is None:
            built.faults.append(Fault(spot, f"the directory {entry} has no kustomization.yaml"))
        else:
            return self._build(target, built, owner, (*above, folder))
        return []

    def _generated(
        self, document: Document, path: Path, entry: dict[str, Any], folder: str, built: Built, owner: str
    ) -> Object:
        data: dict[str, Any] = {}
        for key in ("literals", "files", "envs"):
            for item in listing(entry.get(key)):
                name, _sign, rest = string(item).partition("=")
                data[name.rpartition("/")[2] if not rest else name] = ""
                file = normal(posixpath.join(folder, rest or name))
                if key != "literals" and file in self._files.files:
                    built.files.add(file)
        value = {
            "apiVersion": "v1",
            "kind": "ConfigMap" if path[0] == "configMapGenerator" else "Secret",
            "metadata": {"name": string(entry.get("name")), "namespace": string(entry.get("namespace"))},
            "data": data,
        }
        return Object(value, document, owner, path)

    def _patched(self, document: Document, objects: list[Object], folder: str, built: Built) -> list[Object]:
        for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
            for index, entry in enumerate(listing(document.value.get(key))[: limits.PATCHES]):
                for patch, spot in self._patches(document, (key, index), entry, folder, built):
                    objects = [_apply(item, patch, mapping(dig(entry, "target")), spot) for item in objects]
        return objects

    def _patches(self, document: Document, path: Path, entry: Any, folder: str, built: Built) -> list[tuple[Any, Spot]]:
        """Return the patches of one entry: a file, or a text in the kustomization itself."""
        name = entry if isinstance(entry, str) and "\n" not in entry else string(dig(entry, "path"))
        if name:
            file = normal(posixpath.join(folder, name))
            if file not in self._files.files:
                built.faults.append(Fault(document.spot(path), f"the patch {name} is not there"))
                return []
            built.files.add(file)
            return [(item.value, item.spot()) for item in self._documents.get(file, [])]
        text = entry if isinstance(entry, str) else string(dig(entry, "patch"))
        if not text:
            return []
        where = path if isinstance(entry, str) else (*path, "patch")
        return [(value, document.spot(where)) for value in self.parsed(text)]

    @staticmethod
    def parsed(text: str) -> list[Any]:
        """Return the documents of a text inside a manifest; none when it is no YAML."""
        file = File("inline", YAML, len(text), text)
        return [item.value for item in read(file, Budget(limits.VALUES), [])]

    def _transformed(self, item: Object, document: Document) -> Object:
        spec = document.value
        value, moved = item.value, dict(item.moved)
        namespace = string(spec.get("namespace"))
        meta = dict(mapping(value.get("metadata")))
        if namespace and not item.cluster_scoped:
            meta["namespace"] = namespace
            moved["metadata", "namespace"] = document.spot(("namespace",))
        around = [string(spec.get(key))[:253] for key in ("namePrefix", "nameSuffix")]
        if item.kind not in ("Namespace", "CustomResourceDefinition") and any(around):
            # No name is longer than 253 characters; kustomizations within each other must not make it grow.
            meta["name"] = f"{around[0]}{item.name[:253]}{around[1]}"
        labels, in_templates = _labels(spec)
        if labels:
            meta["labels"] = {**mapping(meta.get("labels")), **labels}
        if mapping(spec.get("commonAnnotations")):
            meta["annotations"] = {**mapping(meta.get("annotations")), **mapping(spec.get("commonAnnotations"))}
        changed = {**value, "metadata": meta}
        if in_templates and item.pod is not None and item.pod[0]:
            changed = _with(changed, (*item.pod[0], "metadata", "labels"), in_templates)
        if in_templates and item.kind in ("Deployment", "DaemonSet", "StatefulSet"):
            changed = _with(changed, ("spec", "selector", "matchLabels"), in_templates)
        if in_templates and item.kind == "Service" and isinstance(dig(changed, "spec", "selector"), dict):
            changed = _with(changed, ("spec", "selector"), in_templates)
        for index, entry in enumerate(listing(spec.get("replicas"))):
            if string(dig(entry, "name")) == item.name and dig(changed, "spec", "replicas") is not None:
                changed = _with(changed, ("spec",), {"replicas": dig(entry, "count")})
                moved["spec", "replicas"] = document.spot(("replicas", index))
        return replace(item, value=changed, moved=moved)


def normal(path: str) -> str:
    """Return a path from the root in one form: without ``./`` and trailing ``/``; empty for the root itself."""
    clean = posixpath.normpath(path.strip() or ".").lstrip("/")
    return "" if clean == "." else clean


def _labels(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (labels of every object, labels of pod templates and selectors too)."""
    common = dict(mapping(spec.get("commonLabels")))
    plain, deep = dict(common), dict(common)
    for entry in listing(spec.get("labels")):
        pairs = mapping(dig(entry, "pairs"))
        plain.update(pairs)
        if dig(entry, "includeSelectors") is True:
            deep.update(pairs)
    return plain, deep


def _with(value: Any, path: Path, added: Mapping[str, Any]) -> Any:
    """Return a copy of a map in which ``added`` is merged into the map at a path."""
    if not path:
        return {**mapping(value), **added}
    key = path[0]
    return {**mapping(value), key: _with(mapping(value).get(str(key)), path[1:], added)}


def _apply(item: Object, patch: Any, target: dict[str, Any], spot: Spot) -> Object:
    if isinstance(patch, list):
        return _json6902(item, patch, spot) if target and _targets(target, item) else item
    if not isinstance(patch, dict):
        return item
    meant = target or {"kind": patch.get("kind"), "name": dig(patch, "metadata", "name")}
    if not _targets(meant, item):
        return item
    moved = {**item.moved, **dict.fromkeys(_leaves(patch), spot)}
    return replace(item, value=_merge(item.value, _nameless(patch)), moved=moved)


def _nameless(patch: dict[str, Any]) -> dict[str, Any]:
    """Return a patch without what it is called: an object keeps its own (``api/resource`` ``ApplySmPatch``)."""
    meta = {key: value for key, value in mapping(patch.get("metadata")).items() if key not in ("name", "namespace")}
    rest = {key: value for key, value in patch.items() if key not in ("apiVersion", "kind", "metadata")}
    return {**rest, "metadata": meta} if meta else rest


def _targets(target: dict[str, Any], item: Object) -> bool:
    wanted = {"kind": item.kind, "name": item.name, "namespace": item.given_namespace, "group": item.group}
    for key, have in wanted.items():
        text = string(target.get(key))
        if not text:
            continue
        if text != have and not (key == "name" and _like(text, have)):
            return False
    return True


def _like(pattern: str, text: str) -> bool:
    """Whether kustomize's anchored expression matches; only ``*`` after ``.`` is used in practice."""
    parts = [re.escape(part) for part in pattern.split(".*")]
    return len(parts) > 1 and re.fullmatch("[^/]*".join(parts), text) is not None


def _leaves(patch: dict[str, Any]) -> list[Path]:
    found: list[Path] = []
    waiting: list[tuple[Path, Any]] = [((), patch)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif path[:1] not in (("apiVersion",), ("kind",), ("metadata",)) or path[1:2] in (
            ("labels",),
            ("annotations",),
        ):
            found.append(path)
    return found


def _merge(left: Any, right: Any) -> Any:
    """Merge maps; null takes a key away, ``$patch: delete`` a whole map; a list of named maps is merged by name."""
    if isinstance(left, dict) and isinstance(right, dict):
        merged = dict(left)
        for key, value in right.items():
            if value is None or dig(value, "$patch") == "delete":
                merged.pop(key, None)
            else:
                merged[key] = _merge(left.get(key), value)
        return merged
    named = [item for item in listing(right) if string(dig(item, "name"))]
    if isinstance(left, list) and named and len(named) == len(listing(right)):
        by_name = {string(dig(item, "name")): item for item in named}
        kept = [_merge(item, by_name.pop(string(dig(item, "name")), item)) for item in left]
        return kept + list(by_name.values())
    return right


def _json6902(item: Object, operations: list[Any], spot: Spot) -> Object:
    value, moved = copy.deepcopy(item.value), dict(item.moved)
    for entry in operations:
        path = [part.replace("~1", "/").replace("~0", "~") for part in string(dig(entry, "path")).split("/")[1:]]
        if not path:
            continue
        parent: Any = value
        where: list[str | int] = []
        for part in path[:-1]:
            key = int(part) if isinstance(parent, list) and part.isdigit() else part
            where.append(key)
            parent = dig(parent, key)
        last = path[-1]
        if isinstance(parent, dict):
            where.append(last)
            _in_map(parent, last, entry)
        elif isinstance(parent, list):
            where.append(_in_list(parent, last, entry))
        moved[tuple(where)] = spot
    return replace(item, value=value, moved=moved)


def _in_map(parent: dict[str, Any], key: str, entry: Any) -> None:
    if dig(entry, "op") == "remove":
        parent.pop(key, None)
    elif dig(entry, "op") in ("add", "replace"):
        parent[key] = dig(entry, "value")


def _in_list(parent: list[Any], key: str, entry: Any) -> int:
    index = len(parent) if key == "-" else int(key) if key.isdecimal() and len(key) < 9 else len(parent)
    operation = dig(entry, "op")
    if operation == "add":
        parent.insert(index, dig(entry, "value"))
    elif operation == "replace" and index < len(parent):
        parent[index] = dig(entry, "value")
    elif operation == "remove" and index < len(parent):
        del parent[index]
    return index
