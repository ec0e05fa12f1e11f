# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategic merge patch (apimachinery ``pkg/util/strategicpatch``): lists merge by one key of their type."""

from __future__ import annotations

from typing import Any

from .errors import internal
from .schema import ANY, Node

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def strategic(target: dict[str, Any], patch: dict[str, Any], node: Node) -> dict[str, Any]:
    """``target`` with ``patch`` merged over it; nothing is changed in place.

    :raises ApiError: 500 for a list item without its merge key.
    """
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    if directive == "delete":
        return {}
    out = dict(target)
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        out = {name: value for name, value in out.items() if name in retained}
    for name, value in patch.items():
        if name.startswith(_DELETE):
            field = name[len(_DELETE) :]
            kept = [item for item in out.get(field) or [] if item not in value]
            out[field] = kept
    for name, value in patch.items():
        if name.startswith("$"):
            continue
        kind = node.fields.get(name) or node.elem or ANY
        if value is None:
            out.pop(name, None)
        elif isinstance(value, dict):
            before = out.get(name)
            merged = strategic(before if isinstance(before, dict) else {}, value, kind)
            if not merged and value.get("$patch") == "delete":
                out.pop(name, None)
            else:
                out[name] = merged
        elif isinstance(value, list) and kind.kind == "list" and kind.merge:
            order = patch.get(_ORDER + name)
            out[name] = _merge_list(out.get(name) or [], value, kind, order)
        elif isinstance(value, list):
            out[name] = [item for item in value if not (isinstance(item, dict) and "$patch" in item)]
        else:
            out[name] = value
    for name, order in patch.items():
        if name.startswith(_ORDER) and name[len(_ORDER) :] not in patch:
            field = name[len(_ORDER) :]
            ordered = node.fields.get(field)
            if ordered is not None and isinstance(out.get(field), list):
                out[field] = _ordered(out[field], order, ordered.merge_key, out[field])
    return out


def _merge_list(live: list[Any], patch: list[Any], node: Node, order: list[Any] | None) -> list[Any]:
    key = node.merge_key
    if not key:
        added = [item for item in patch if item not in live]
        merged = added + live if order is None else live + added
        return _ordered(merged, order, "", live) if order is not None else merged
    assert node.elem is not None
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if not (isinstance(item, dict) and "$patch" in item)]
    out = list(live)
    fresh: list[Any] = []
    touched: list[Any] = []
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise internal(f"map: {_go(item)} does not contain declared merge key: {key}")
        wanted = item[key]
        if item.get("$patch") == "delete":
            out = [other for other in out if other.get(key) != wanted]
            continue
        for index, other in enumerate(out):
            if isinstance(other, dict) and other.get(key) == wanted:
                out[index] = strategic(other, item, node.elem)
                touched.append(wanted)
                break
        else:
            fresh.append(dict(strategic({}, item, node.elem)))
            touched.append(wanted)
    merged = out + fresh
    if order is not None:
        return _ordered(merged, order, key, live)
    first = [item for wanted in touched for item in merged if item.get(key) == wanted]
    return first + [item for item in merged if item.get(key) not in touched]


def _ordered(items: list[Any], order: list[Any], key: str, live: list[Any]) -> list[Any]:
    """Items named by the order in that order; others keep their place relative to their live neighbours."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(entry) for entry in order]
    named = sorted((item for item in items if identity(item) in wanted), key=lambda i: wanted.index(identity(i)))
    others = [item for item in items if identity(item) not in wanted]
    place = {_hashable(identity(item)): index for index, item in enumerate(live)}
    out: list[Any] = []
    for item in named:
        mine = place.get(_hashable(identity(item)))
        while others and mine is not None and place.get(_hashable(identity(others[0])), 1 << 30) < mine:
            out.append(others.pop(0))
        out.append(item)
    return out + others


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _go(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{_go(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_go(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)
