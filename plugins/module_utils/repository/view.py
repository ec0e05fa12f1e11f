# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a repository: :func:`read` returns everything that the checks ask of it, indexed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

try:
    import yaml
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    yaml = None  # type: ignore[assignment]

from ..common.errors import InputError
from ..frr import text as frr_text, view as frr_view
from ..model.schema import Path
from . import commands, documents, files, flux, talos_files
from .charts import Release
from .commands import Command, Task
from .documents import Document
from .files import Files
from .objects import Object, matches, of_document
from .spot import Fault, Spot

#: Whether the library that this needs is there.
AVAILABLE = yaml is not None
_TEMPLATE = re.compile(r"(?:^|/)templates/")


@dataclass(frozen=True, eq=False)
class Router:
    """An FRR configuration: a file of its own."""

    file: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> list[frr_text.Line]:
        """Its lines with their contexts."""
        return frr_text.parse(self.text)

    @cached_property
    def view(self) -> frr_view.View:
        """What it means."""
        return frr_view.view(self.lines)

    def at(self, line: int) -> Spot:
        """Return the place of a line."""
        return Spot(self.file, line)


@dataclass(frozen=True, eq=False)
class ChartUse:
    """A chart that is installed: by a HelmRelease, or by a command of a task or script.

    :param version: as written, empty for none.
    :param values: from the release or from ``--set``.
    :param spots: places of the version (``()``) and of values that a command sets.
    """

    chart: str
    version: str
    values: dict[str, Any] = field(repr=False)
    where: Spot
    release: Release | None = None
    spots: Mapping[Path, Spot] = field(default_factory=dict, repr=False)

    def at(self, *path: str) -> Spot:
        """Return the place of a value."""
        if self.release is not None:
            return self.release.object.at("spec", "values", *path)
        return self.spots.get(path, self.where)

    @property
    def version_at(self) -> Spot:
        """The place of the version."""
        if self.release is not None:
            return self.release.object.at("spec", "chart", "spec", "version")
        return self.where


class Repository:
    """A repository as the checks see it.

    :param found: its files.
    :param docs: the documents of each YAML file.
    :param faults: what could not be read.
    """

    def __init__(self, found: Files, docs: dict[str, list[Document]], faults: list[Fault]) -> None:
        self.files = found
        self.documents = docs
        self.faults = faults
        self.graph = flux.explore(found, docs)

    @property
    def rooted(self) -> bool:
        """Whether there is a cluster's root; without one every manifest counts as applied."""
        return bool(self.graph.roots)

    @cached_property
    def objects(self) -> list[Object]:
        """The objects that Flux applies, as written in files."""
        if self.rooted:
            return self.graph.objects
        return [
            item
            for path in sorted(self.documents)
            for document in self.documents[path]
            for item in of_document(document)
            if not item.api_version.startswith("kustomize.config.k8s.io/") and item.api_version != "v1alpha1"
        ]

    @cached_property
    def releases(self) -> list[Release]:
        """The HelmReleases."""
        return [Release(item) for item in self.of("HelmRelease", "helm.toolkit.fluxcd.io", made=False)]

    @cached_property
    def made(self) -> list[Object]:
        """The objects that charts make, as far as they are known."""
        return [item for release in self.releases for item in release.makes()]

    @cached_property
    def _by_kind(self) -> dict[str, list[Object]]:
        index: dict[str, list[Object]] = {}
        for item in self.objects:
            index.setdefault(item.kind, []).append(item)
        return index

    @cached_property
    def _made_by_kind(self) -> dict[str, list[Object]]:
        index: dict[str, list[Object]] = {}
        for item in self.made:
            index.setdefault(item.kind, []).append(item)
        return index

    def of(self, kind: str, group: str = "", *, made: bool = True) -> list[Object]:
        """Return the objects of a kind, with ``made`` those of the charts too."""
        found = [*self._by_kind.get(kind, []), *(self._made_by_kind.get(kind, []) if made else [])]
        return [item for item in found if item.group == group] if group else found

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return one object, None when there is none."""
        return self._by_name.get((kind, namespace, name))

    @cached_property
    def _by_name(self) -> dict[tuple[str, str, str], Object]:
        index: dict[tuple[str, str, str], Object] = {}
        for item in [*self.objects, *self.made]:
            index.setdefault((item.kind, item.namespace, item.name), item)
        return index

    def selected(self, kind: str, namespace: str, selector: Any) -> list[Object]:
        """Return the objects of a kind in a namespace (in any when empty) whose labels a selector selects."""
        return [item for item in self.of(kind) if namespace in ("", item.namespace) and matches(selector, item.labels)]

    @property
    def applied(self) -> list[flux.Applied]:
        """The Flux Kustomizations."""
        return self.graph.applied

    @cached_property
    def opaque(self) -> list[Release]:
        """The releases of charts of which it is not known what they make."""
        return [release for release in self.releases if not release.known]

    @cached_property
    def routers(self) -> list[Router]:
        """The FRR configurations."""
        return [Router(file.path, file.text or "") for file in self.files.of(files.ROUTER)]

    @cached_property
    def talos(self) -> talos_files.Talos:
        """Talos' part."""
        return talos_files.collect(self.files, self.documents)

    @cached_property
    def commands(self) -> list[Command]:
        """The commands of tasks, scripts and documentation."""
        return commands.commands(self.files, self.documents)

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks of the Taskfile."""
        return commands.tasks(self.documents)

    @cached_property
    def charts(self) -> list[ChartUse]:
        """Every chart that is installed, by Flux or by a command."""
        return [
            *(
                ChartUse(item.chart, item.version, item.values, item.object.at(), item)
                for item in self.releases
                if item.chart
            ),
            *_by_command(self.commands),
        ]

    def chart(self, name: str) -> list[ChartUse]:
        """Return the uses of one chart."""
        return [use for use in self.charts if use.chart == name]


def read(path: str) -> Repository:
    """Read the repository below a path.

    :raises InputError: there is no such directory, or PyYAML is missing.
    """
    if yaml is None:
        raise InputError("the Python package PyYAML is missing", remedy="Install the collection's requirements.txt")
    if not os.path.isdir(path):
        raise InputError(
            f"there is no directory {path}", remedy="Give the path of a checkout of the repository", param="path"
        )
    found = files.collect(path)
    faults, docs, budget = list(found.faults), {}, documents.Budget()
    charts = {file.folder for file in found.files.values() if file.name == "Chart.yaml"}
    for file in found.of(files.YAML):
        # A chart's templates are Go templates, which are no YAML before they are rendered.
        if _TEMPLATE.search(file.path) and any(file.path.startswith(f"{folder}/templates/") for folder in charts):
            continue
        docs[file.path] = documents.read(file, budget, faults)
    return Repository(found, docs, faults)


def _by_command(lines: Iterable[Command]) -> Iterator[ChartUse]:
    """Yield the charts that ``helm install`` or ``upgrade`` and ``cilium install`` put in."""
    for command in lines:
        if command.documented or not re.search(r"\b(?:helm|cilium)\s+(?:install|upgrade)\b", command.text):
            continue
        words = command.words
        verb = next((index for index, word in enumerate(words) if word in ("install", "upgrade") and index), 0)
        if not verb or words[verb - 1] not in ("helm", "cilium"):
            continue
        rest = words[verb + 1 :]
        plain = _positional(rest)
        chart = "cilium" if words[verb - 1] == "cilium" else (plain[1].rpartition("/")[2] if len(plain) > 1 else "")
        if not chart:
            continue
        values: dict[str, Any] = {}
        spots: dict[Path, Spot] = {}
        version = ""
        for name, value in _options(rest):
            if name == "--version":
                version = value
            elif name in ("--set", "--set-string"):
                for pair in value.split(","):
                    key, sign, text = pair.partition("=")
                    if sign:
                        path = tuple(part.replace("\0", ".") for part in key.replace("\\.", "\0").split("."))
                        _put(values, path, _typed(text))
                        spots[path] = replace(command.spot, key=key)
        yield ChartUse(chart, version, values, command.spot, None, spots)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(words):
        if word.startswith("--"):
            name, sign, value = word.partition("=")
            if sign:
                yield name, value
            elif index + 1 < len(words) and not words[index + 1].startswith("-"):
                yield name, words[index + 1]


#: Options of helm without a value.
_FLAGS = frozenset(
    ("--install", "--wait", "--create-namespace", "--atomic", "--dry-run", "--reuse-values", "-i", "--debug")
)


def _positional(words: list[str]) -> list[str]:
    found, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = "=" not in word and word not in _FLAGS
        else:
            found.append(word)
    return found


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {}) if isinstance(values.get(part, {}), dict) else {}
    values[path[-1]] = value


def _typed(text: str) -> Any:
    """Return a value of ``--set`` as Helm types it."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,17}", text) else text
