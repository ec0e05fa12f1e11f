# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole model's schema, held against the inventory that users start from."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.model import shape
from ansible_collections.homeops.cluster.plugins.module_utils.model.schema import Free, Keys, Leaf, ListOf, examine


def test_the_home_model_is_right_and_kept_whole(model: dict[str, Any]) -> None:
    model = {subject: model[subject] for subject in shape.MODEL.need}
    assert examine(model, shape.MODEL) == (model, [])


def test_the_schema_knows_the_subjects_of_the_model_and_no_other(model: dict[str, Any]) -> None:
    assert set(shape.MODEL.need) <= set(model)
    assert not shape.MODEL.may


def leaf_paths(schema: Any, value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values of the model that are leaves of the schema."""
    if isinstance(schema, Leaf):
        return [path]
    if isinstance(schema, ListOf):
        return [found for index, item in enumerate(value) for found in leaf_paths(schema.item, item, (*path, index))]
    if isinstance(schema, Free):
        return []
    assert isinstance(schema, Keys)
    known = {**schema.need, **schema.may}
    return [
        found for key, item in value.items() for found in leaf_paths(known.get(key, schema.rest), item, (*path, key))
    ]


@pytest.mark.parametrize("wrong", [None, [], {}, "", float("nan"), -1])
def test_each_value_is_judged(model: dict[str, Any], wrong: Any) -> None:
    model = {subject: model[subject] for subject in shape.MODEL.need}
    paths = leaf_paths(shape.MODEL, model)
    assert len(paths) > 150
    for path in paths:
        inner: Any = model
        for part in path[:-1]:
            inner = inner[part]
        right, inner[path[-1]] = inner[path[-1]], wrong
        found = examine(model, shape.MODEL)[1]
        inner[path[-1]] = right
        assert [problem.path for problem in found] == [path]


def test_each_needed_key_is_missed(model: dict[str, Any]) -> None:
    model = {subject: model[subject] for subject in shape.MODEL.need}
    for subject, schema in shape.MODEL.need.items():
        if not isinstance(schema, Keys):
            continue
        for key in schema.need:
            shorter = {**model, subject: {name: item for name, item in model[subject].items() if name != key}}
            assert [problem.path for problem in examine(shorter, shape.MODEL)[1]] == [(subject, key)]
