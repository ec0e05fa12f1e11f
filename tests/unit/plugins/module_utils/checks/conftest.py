# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The home inventory as the checks see it, and small changes to it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.model import shape, world

HOME = Path(__file__).resolve().parents[5] / "inventories" / "home"
GROUPS = {
    "all": ["mini01", "mini02", "mini03", "udm", "localhost"],
    "control_plane": ["mini01", "mini02", "mini03"],
    "router": ["udm"],
    "controller": ["localhost"],
    "ungrouped": [],
}
#: In an overlay: take the key away.
GONE = object()


def load_home() -> dict[str, Any]:
    """The model of the home inventory: its subjects are plain data, only ``homeops_model`` itself is a template."""
    variables: dict[str, Any] = {}
    for file in sorted((HOME / "group_vars" / "all").glob("*.yml")):
        variables |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return {subject: variables[f"homeops_{subject}"] for subject in shape.MODEL.need}


def overlay(model: dict[str, Any], changes: Mapping[tuple[Any, ...], Any]) -> dict[str, Any]:
    """A copy of a model with values put at paths."""
    changed = copy.deepcopy(model)
    for path, value in changes.items():
        inner: Any = changed
        for part in path[:-1]:
            inner = inner[part]
        if value is GONE:
            del inner[path[-1]]
        elif isinstance(inner, list) and path[-1] == len(inner):
            inner.append(value)
        else:
            inner[path[-1]] = value
    return changed


def judge(model: Any, groups: Mapping[str, list[str]] | None = None, **options: Any) -> engine.Report:
    """Run the checks without files."""
    return engine.run_checks(world.World(model, GROUPS if groups is None else groups), **options)


@pytest.fixture(name="home", scope="session")
def _home() -> dict[str, Any]:
    return load_home()


@pytest.fixture(name="gone", scope="session")
def _gone() -> object:
    return GONE


@pytest.fixture(name="changed")
def _changed(home: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    return lambda changes: overlay(home, changes)


@pytest.fixture(name="judged", scope="session")
def _judged() -> Callable[..., engine.Report]:
    return judge


@pytest.fixture(name="groups", scope="session")
def _groups() -> dict[str, list[str]]:
    return copy.deepcopy(GROUPS)
