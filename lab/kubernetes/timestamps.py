# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A write that would move nothing but the times in managedFields is none.

Follows ``IgnoreManagedFieldsTimestampsTransformer`` of apiserver 1.33 (``handlers/fieldmanager/equality.go``): the
entries are compared pairwise without their times, then the rest of the objects. Kubernetes' own kinds are compared as
``equality.Semantic`` compares their structs, where an absent map or list equals an empty one; custom objects are
compared as they are.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def only_times_moved(old: Object, new: Object, *, custom: bool) -> bool:
    """Whether ``new`` says the same as ``old`` but for the times of its field managers' entries."""
    before, after = _entries(old), _entries(new)
    if not after or len(before) != len(after):
        return False
    if all(one.get("time") == two.get("time") for one, two in zip(before, after, strict=True)):
        return False
    if any(_timeless(one) != _timeless(two) for one, two in zip(before, after, strict=True)):
        return False
    left, right = _rest(old), _rest(new)
    return left == right if custom else _filled(left) == _filled(right)


def _entries(obj: Object) -> list[Object]:
    return obj.get("metadata", {}).get("managedFields") or []


def _timeless(entry: Object) -> Object:
    return {key: value for key, value in entry.items() if key != "time"}


def _rest(obj: Object) -> Object:
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _filled(value: Any) -> Any:
    """Return the value without the maps and lists that hold nothing, at any depth of maps."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item is not None and item not in ({}, [])}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value
