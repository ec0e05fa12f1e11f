# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The home model and a rendered tree, read as Flux and an owner would read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.model import shape

HOME = Path(__file__).resolve().parents[2] / "inventories" / "home" / "group_vars" / "all"


def home_model() -> dict[str, Any]:
    """The home model by subject, as ``homeops_model`` gives it."""
    found: dict[str, Any] = {}
    for path in sorted(HOME.glob("*.yml")):
        found |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {subject: found[f"homeops_{subject}"] for subject in shape.MODEL.need}


@dataclass(frozen=True)
class Object:
    """One object of the tree and the file that it stands in."""

    path: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def group(self) -> str:
        return str(self.body["apiVersion"]).rpartition("/")[0]

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def component(self) -> str:
        """The folder of a component: ``infrastructure/longhorn``."""
        return "/".join(self.path.split("/")[:2])


def objects(files: Mapping[str, str]) -> Iterator[Object]:
    """Every object of a tree; kustomize's own files left out."""
    for path, text in files.items():
        for body in yaml.safe_load_all(text):
            if body and body["apiVersion"] != "kustomize.config.k8s.io/v1beta1":
                yield Object(path, body)
