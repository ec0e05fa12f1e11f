# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field sets in the form of ``fieldsV1``, and how objects compare field by field.

A set is a trie of nested dicts, exactly as managedFields carries it: ``f:<field>``, ``k:{<keys>}``, ``v:<value>``. An
empty dict is a member without children; a ``.`` key marks a member with children. All functions are pure and share
sub-tries freely, so a set must never be changed in place. The rules follow sigs.k8s.io/structured-merge-diff v4
(``typed/compare.go``, ``typed/tofieldset.go``, ``typed/remove.go``, ``fieldpath/set.go``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .schema import ANY, Node, key_default

Trie = dict[str, Any]
MISSING: Any = object()
_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class KeyError_(Exception):
    """A list item without a key, or two items with the same key; the text is upstream's."""


def is_member(node: Trie) -> bool:
    """Whether a node below the root is itself in the set."""
    return not node or "." in node


def build(member: bool, children: Trie) -> Trie | None:
    """A node from its parts; None when it is empty and no member."""
    if not children:
        return {} if member else None
    if member:
        return {".": {}, **children}
    return children


def union(left: Trie, right: Trie) -> Trie:
    """Members of either set (roots, or sub-tries of the same path)."""
    if not right:
        return left
    if not left:
        return right
    out = dict(left)
    for key, value in right.items():
        if key in out and key != ".":
            out[key] = _union_node(out[key], value)
        else:
            out[key] = value
    return out


def _union_node(left: Trie, right: Trie) -> Trie:
    if not left and right:
        return right if "." in right else {".": {}, **right}
    if not right and left:
        return left if "." in left else {".": {}, **left}
    return union(left, right)


def difference(left: Trie, right: Trie) -> Trie:
    """Members of ``left`` which are not members of ``right``."""
    if not right:
        return left
    out: Trie = {}
    for key, mine in left.items():
        if key == ".":
            out[key] = mine
            continue
        other = right.get(key)
        if other is None:
            out[key] = mine
            continue
        member = is_member(mine) and not is_member(other)
        below_mine = {name: sub for name, sub in mine.items() if name != "."}
        node = build(member, difference(below_mine, other))
        if node is not None:
            out[key] = node
    return out


def intersection(left: Trie, right: Trie) -> Trie:
    """Members of both sets."""
    out: Trie = {}
    for key, mine in left.items():
        if key == ".":
            continue
        other = right.get(key)
        if other is None:
            continue
        node = build(is_member(mine) and is_member(other), intersection(mine, other))
        if node is not None:
            out[key] = node
    return out


def paths(trie: Trie, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All members as paths: the members of a level, then what lies below them."""
    keys = sorted((key for key in trie if key != "."), key=_order)
    for key in keys:
        if is_member(trie[key]):
            yield (*prefix, key)
    for key in keys:
        if trie[key]:
            yield from paths(trie[key], (*prefix, key))


def _order(key: str) -> tuple[int, str]:
    return ("fkvi".find(key[0]), key)


def shown(path: tuple[str, ...]) -> str:
    """A path as conflicts and schema errors print it: ``.spec.ports[port=80].name``."""
    out = []
    for key in path:
        if key.startswith("f:"):
            out.append("." + key[2:])
        elif key.startswith("k:"):
            pairs = json.loads(key[2:])
            out.append("[" + ",".join(f"{name}={_dumps(value)}" for name, value in pairs.items()) + "]")
        elif key.startswith("v:"):
            out.append(f"[={key[2:]}]")
        else:
            out.append(f"[{key[2:]}]")
    return "".join(out)


def element_key(item: Any, node: Node) -> str:
    """The path element of a list item.

    :raises KeyError_: when the item has none of its keys.
    """
    if node.list_type == "set":
        return "v:" + _dumps(item)
    if not isinstance(item, dict):
        raise KeyError_("associative list with keys may not have non-map elements")
    pairs = []
    for key in node.keys:
        value = item.get(key)
        if value is None:
            value = key_default(key)
        if value is None:
            if len(node.keys) == 1:
                raise KeyError_(
                    f'associative list with keys has an element that omits key field "{key}" '
                    "(and doesn't have default value)"
                )
            continue
        pairs.append(f'"{key}":{_dumps(value)}')
    return "k:{" + ",".join(pairs) + "}"


def indexed(items: list[Any], node: Node) -> dict[str, Any]:
    """Items of an associative list by path element; the first of equal elements wins."""
    out: dict[str, Any] = {}
    for position, item in enumerate(items):
        try:
            key = element_key(item, node)
        except KeyError_:
            key = f"i:{position}"
        out.setdefault(key, item)
    return out


def _leafy(node: Node, value: Any) -> bool:
    """Whether the value is owned as a whole."""
    if isinstance(value, dict):
        if node.kind == "object":
            return node.atomic
        return not node.deduced
    if isinstance(value, list):
        return node.kind != "list" or node.list_type == "atomic"
    return True


def to_set(value: Any, node: Node) -> Trie:
    """The fields which an applied document claims: leaves, empty maps and list items."""
    out: Trie = {}
    for name, child in value.items():
        kind = node.fields.get(name)
        named = kind is not None
        sub = _to_node(child, kind or node.elem or ANY, force=not named)
        if sub is not None:
            out["f:" + name] = sub
    return out


def _to_node(value: Any, node: Node, force: bool = False) -> Trie | None:
    if _leafy(node, value):
        return {}
    if isinstance(value, dict):
        if not value:
            return {}
        inner = to_set(value, node if node.kind == "object" else _like(node))
        return build(force and node.kind != "object", inner)
    children: Trie = {}
    assert node.elem is not None
    for item in value:
        key = element_key(item, node)
        children[key] = build(True, {} if _leafy(node.elem, item) else to_set(item, node.elem))
    return build(False, children)


def _like(node: Node) -> Node:
    """Untyped maps: every key again of the same sort."""
    out = Node("object")
    out.elem = node
    return out


def compare(old: Any, new: Any, node: Node) -> tuple[Trie, Trie, Trie]:
    """``(added, removed, modified)`` between two objects of the same type (roots)."""
    parts: tuple[Trie, Trie, Trie] = ({}, {}, {})
    _compare_map(old, new, node, parts)
    return parts


def _compare_map(old: dict[str, Any], new: dict[str, Any], node: Node, parts: tuple[Trie, Trie, Trie]) -> None:
    fields, elem = node.fields, node.elem
    for name, value in new.items():
        before = old.get(name, MISSING)
        if before is value or before == value:
            continue
        _place("f:" + name, before, value, fields.get(name) or elem or ANY, parts)
    for name, before in old.items():
        if name not in new:
            _place("f:" + name, before, MISSING, fields.get(name) or elem or ANY, parts)


def _place(key: str, old: Any, new: Any, node: Node, parts: tuple[Trie, Trie, Trie]) -> None:
    for out, found in zip(parts, _compare(old, new, node), strict=True):
        if found is not None:
            out[key] = found


def _compare(old: Any, new: Any, node: Node) -> tuple[Trie | None, Trie | None, Trie | None]:
    seen = old if new is MISSING or new is None else new
    descend = not _leafy(node, seen) and bool(seen or (old is not MISSING and old))
    if descend and old is not MISSING and old is not None and type(old) is not type(seen):
        descend = False
    if not descend:
        if old is MISSING:
            return {}, None, None
        if new is MISSING:
            return None, {}, None
        return (None, None, {}) if old != new else (None, None, None)
    below: tuple[Trie, Trie, Trie] = ({}, {}, {})
    before: Any = {} if old is MISSING or old is None else old
    after: Any = {} if new is MISSING or new is None else new
    if isinstance(seen, dict):
        _compare_map(before or {}, after or {}, node if node.kind == "object" else _like(node), below)
    else:
        assert node.elem is not None
        left, right = indexed(before or [], node), indexed(after or [], node)
        for key, value in right.items():
            was = left.get(key, MISSING)
            if was is MISSING or was != value:
                _place(key, was, value, node.elem, below)
        for key, was in left.items():
            if key not in right:
                _place(key, was, MISSING, node.elem, below)
    return build(old is MISSING, below[0]), build(new is MISSING, below[1]), build(False, below[2])


def ensure_named(trie: Trie, node: Node) -> Trie:
    """The set with every named struct field on the way made a member."""
    out: Trie = {}
    for key, sub in trie.items():
        if key == "." or not sub:
            out[key] = sub
            continue
        named = key.startswith("f:") and key[2:] in node.fields
        if key.startswith("f:"):
            child = node.fields.get(key[2:]) or node.elem or ANY
        else:
            child = node.elem or ANY
        inner = ensure_named(sub, child)
        out[key] = {".": {}, **inner} if named and "." not in inner else inner
    return out


def remove(value: Any, trie: Trie, node: Node) -> Any:
    """The value without the members of the set; list items go as a whole."""
    if not trie:
        return value
    if isinstance(value, dict):
        out = {}
        for name, child in value.items():
            sub = trie.get("f:" + name)
            if sub is None:
                out[name] = child
            elif not is_member(sub):
                out[name] = remove(child, sub, node.fields.get(name) or node.elem or ANY)
        return out
    if isinstance(value, list) and node.kind == "list" and node.list_type != "atomic":
        assert node.elem is not None
        items = []
        for position, item in enumerate(value):
            try:
                key = element_key(item, node)
            except KeyError_:
                key = f"i:{position}"
            sub = trie.get(key)
            if sub is None:
                items.append(item)
            elif not is_member(sub):
                items.append(remove(item, sub, node.elem))
        return items
    return value
