# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge of an applied configuration into a live object (structured-merge-diff ``typed/merge.go``)."""

from __future__ import annotations

import json
from typing import Any

from .fields import MISSING, KeyError_, element_key, indexed, shown
from .schema import ANY, Node


def merge(live: Any, config: Any, node: Node) -> Any:
    """``live`` with every value of ``config`` put over it."""
    if config is MISSING:
        return live
    if live is MISSING or live is None:
        return config
    if isinstance(config, dict) and isinstance(live, dict):
        if node.kind == "object" and not node.atomic:
            return _merge_map(live, config, node)
        if node.kind != "object" and node.deduced:
            return _merge_map(live, config, None)
        return config
    if isinstance(config, list) and isinstance(live, list) and node.kind == "list" and node.list_type != "atomic":
        return _merge_list(live, config, node)
    return config


def _merge_map(live: dict[str, Any], config: dict[str, Any], node: Node | None) -> dict[str, Any]:
    out = dict(live)
    for name, value in config.items():
        child = ANY_DEDUCED if node is None else node.fields.get(name) or node.elem or ANY
        out[name] = merge(live.get(name, MISSING), value, child)
    return out


ANY_DEDUCED = Node("any")
ANY_DEDUCED.deduced = True


def _merge_list(live: list[Any], config: list[Any], node: Node) -> list[Any]:
    """Items keep the live order; new items come where the configuration puts them between shared ones."""
    assert node.elem is not None
    left, right = indexed(live, node), indexed(config, node)
    left_keys, right_keys = list(left), list(right)
    shared = [key for key in right_keys if key in left]
    next_shared = shared.pop(0) if shared else None
    out: list[Any] = []
    merged: set[str] = set()
    at_left = at_right = 0
    while at_left < len(left_keys) or at_right < len(right_keys):
        if at_left < len(left_keys) and at_right < len(right_keys):
            key = left_keys[at_left]
            if key == right_keys[at_right]:
                merged.add(key)
                out.append(merge(left[key], right[key], node.elem))
                at_left += 1
                at_right += 1
                next_shared = shared.pop(0) if shared else None
                continue
            if key in right and next_shared is not None and next_shared != key:
                at_left += 1
                continue
        if at_left < len(left_keys):
            key = left_keys[at_left]
            if key not in right:
                out.append(left[key])
                at_left += 1
                continue
            if key in merged:
                at_left += 1
                continue
        if at_right < len(right_keys):
            key = right_keys[at_right]
            merged.add(key)
            out.append(merge(left.get(key, MISSING), right[key], node.elem))
            at_right += 1
            if next_shared == key:
                next_shared = shared.pop(0) if shared else None
    return out


def check(value: dict[str, Any], node: Node) -> list[str]:
    """Why a document cannot be an applied configuration of the type, in upstream's words; empty when it can."""
    errors: list[str] = []
    _check(value, node, (), errors)
    return errors


def _check(value: Any, node: Node, path: tuple[str, ...], errors: list[str]) -> None:
    if value is None or node.kind == "any":
        return
    if node.kind == "object":
        if not isinstance(value, dict):
            errors.append(f"{shown(path)}: expected map, got {_go(value)}")
            return
        for name, child in value.items():
            kind = node.field(name)
            if kind is None:
                if not node.preserve:
                    errors.append(f"{shown((*path, 'f:' + name))}: field not declared in schema")
                    return
                continue
            _check(child, kind, (*path, "f:" + name), errors)
    elif node.kind == "list":
        if not isinstance(value, list):
            errors.append(f"{shown(path)}: expected list, got {_go(value)}")
            return
        assert node.elem is not None
        seen: set[str] = set()
        for position, item in enumerate(value):
            key = f"i:{position}"
            if node.list_type != "atomic":
                try:
                    key = element_key(item, node)
                except KeyError_ as error:
                    errors.append(f"{shown(path)}: element {position}: {error}")
                    continue
                if key in seen:
                    errors.append(f"{shown(path)}: duplicate entries for key {shown((key,))}")
                    continue
                seen.add(key)
            _check(item, node.elem, (*path, key), errors)
    elif node.scalar:
        expected: Any = {"string": str, "boolean": bool, "integer": (int, float), "number": (int, float)}[node.scalar]
        wrong = not isinstance(value, expected) or (node.scalar in ("integer", "number") and isinstance(value, bool))
        if wrong:
            label = _EXPECTED[node.scalar]
            errors.append(f"{shown(path)}: expected {label}, got {_got(value, node.scalar)}")


_EXPECTED = {
    "string": "string",
    "boolean": "boolean",
    "integer": "numeric (int or float)",
    "number": "numeric (int or float)",
}


def _got(value: Any, wanted: str) -> str:
    """A value of the wrong type, each type printed by its own verb (``typed/validate.go``)."""
    if wanted == "boolean":
        return _go(value)
    if wanted == "string":
        plain = json.dumps(value) if isinstance(value, (str, bool)) else _plain(value)
        return "&value.valueUnstructured{Value:" + plain + "}"
    kinds = {str: "string", bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}
    return kinds.get(type(value), "string")


def _go(value: Any) -> str:
    """A value as Go's ``%v`` prints structured-merge-diff's unstructured value."""
    return "&{" + _plain(value) + "}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_plain(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)
