# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talos' part of a repository: talhelper's ``talconfig.yaml``, patches, and documents of the machine config."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.schema import Path
from . import limits
from .build import Builder
from .documents import Document
from .files import YAML, Files
from .spot import Spot, dig, key_text, listing, mapping, string, texts

#: Kinds of the machine config's other documents (Talos 1.10).
KINDS = frozenset(
    (
        "EthernetConfig",
        "ExtensionServiceConfig",
        "KmsgLogConfig",
        "KubeSpanEndpointsConfig",
        "NetworkDefaultActionConfig",
        "NetworkRuleConfig",
        "PCIDriverRebindConfig",
        "SideroLinkConfig",
        "TrustedRootsConfig",
        "UserVolumeConfig",
        "RawVolumeConfig",
        "ExistingVolumeConfig",
        "SwapVolumeConfig",
        "VolumeConfig",
        "WatchdogTimerConfig",
        "ZswapConfig",
    )
)
_PATCH_FOLDER = re.compile(r"(?:^|/)(?:talos/)?patches/")


@dataclass(frozen=True, eq=False)
class Fragment:
    """A part of a machine config: a patch, a file of its own, or a patch that stands as text in talconfig.yaml.

    :param base: path in the document below which it stands.
    :param inline: whether it is a text inside of the document, whose own values have no line.
    """

    value: dict[str, Any] = field(repr=False)
    document: Document = field(repr=False)
    base: Path = ()
    inline: bool = False

    def get(self, *path: str | int) -> Any:
        """Return the value at a path."""
        return dig(self.value, *path)

    def at(self, *path: str | int) -> Spot:
        """Return the place of the element at a path."""
        if self.inline:
            return Spot(self.document.file, self.document.line(self.base), key_text((*self.base, *path)))
        return self.document.spot((*self.base, *path))


@dataclass
class Talos:
    """Everything about Talos.

    :param talconfigs: talhelper's files.
    :param fragments: what ends in a machine config, or is meant to.
    :param patches: files below a directory of patches.
    :param named: patch files that a talconfig names.
    """

    talconfigs: list[Document] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    patches: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def nodes(self) -> Iterator[tuple[Document, Path, dict[str, Any]]]:
        """Yield the nodes of every talconfig."""
        for document in self.talconfigs:
            for index, node in enumerate(listing(document.value.get("nodes"))):
                if isinstance(node, dict):
                    yield document, ("nodes", index), node


def is_talconfig(document: Document) -> bool:
    """Whether a document is talhelper's."""
    value = mapping(document.value)
    return "clusterName" in value and "nodes" in value and ("talosVersion" in value or "endpoint" in value)


def collect(files: Files, documents: Mapping[str, list[Document]]) -> Talos:
    """Return Talos' part of a repository."""
    found = Talos()
    for file in files.of(YAML):
        for document in documents.get(file.path, []):
            value = document.value
            if not isinstance(value, dict):
                if _PATCH_FOLDER.search(file.path):
                    found.patches.append(file.path)
                continue
            if is_talconfig(document):
                found.talconfigs.append(document)
                _of_talconfig(document, found)
            elif _is_config(value):
                found.fragments.append(Fragment(value, document))
                if _PATCH_FOLDER.search(file.path):
                    found.patches.append(file.path)
    found.patches = list(dict.fromkeys(found.patches))
    return found


def _is_config(value: dict[str, Any]) -> bool:
    """Whether a document is one of the machine config or a patch of it."""
    if string(value.get("kind")) in KINDS and value.get("apiVersion") == "v1alpha1":
        return True
    own = value.keys() - {"version", "debug", "persist"}
    return bool(own) and own <= {"machine", "cluster"} and all(isinstance(value[key], dict) for key in own)


def _of_talconfig(document: Document, found: Talos) -> None:
    """Take over patches (texts and ``@file``), and the keys of a node that end in its machine config."""
    for path, text in texts(document.value):
        if "patches" not in path and not text.startswith("@"):
            continue
        if text.startswith("@"):
            found.named.add(posixpath.normpath(posixpath.join(posixpath.dirname(document.file), text[1:].strip())))
        elif len(text) < limits.TEXT_BYTES:
            for value in Builder.parsed(text):
                if isinstance(value, dict):
                    found.fragments.append(Fragment(value, document, path, inline=True))
