# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine configs as the node reads them: several YAML documents, one of them the v1alpha1 config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml


class ConfigError(Exception):
    """A machine config that cannot be decoded, in Talos' words."""


@dataclass
class Config:
    """A decoded machine config; ``raw`` are the bytes as submitted."""

    raw: bytes
    v1alpha1: dict[str, Any] | None = None
    documents: list[dict[str, Any]] = field(default_factory=list)
    """The other documents, in order."""

    @property
    def machine_type(self) -> str:
        """``controlplane`` or ``worker``, empty without a v1alpha1 document."""
        if self.v1alpha1 is None:
            return ""
        kind = dig(self.v1alpha1, "machine.type")
        return "controlplane" if kind in ("controlplane", "init") else "worker"

    def named(self, kind: str) -> list[dict[str, Any]]:
        """The documents of this kind."""
        return [document for document in self.documents if document.get("kind") == kind]


def dig(tree: Any, path: str) -> Any:
    """The value at a dotted path, ``None`` when any part is missing."""
    for part in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(part)
    return tree


def parse(data: bytes) -> Config:
    """Decode the documents.

    :raises ConfigError: with the text that the node answers.
    """
    try:
        documents = [item for item in yaml.safe_load_all(data.decode()) if item is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"decode error: {error}") from error
    if not documents:
        raise ConfigError("config not found")
    config = Config(data)
    for document in documents:
        if "kind" not in document:
            config.v1alpha1 = document
        else:
            config.documents.append(document)
    return config
