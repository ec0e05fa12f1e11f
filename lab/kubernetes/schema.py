# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of the API: what the merge, ownership and validation code asks about a field.

Built-in types come from the package ``kubernetes-validate``, which carries the OpenAPI definitions of every Kubernetes
minor version; custom types come from the CustomResourceDefinition. Both become :class:`Node` graphs once, so that no
request reads a schema document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_UNTYPED = (
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
)
_KEY_DEFAULTS = {"protocol": "TCP"}
"""Values of list keys which the server fills in before it compares keys."""


class Node:
    """The type of one field.

    ``kind`` is ``object``, ``list``, ``scalar`` or ``any``. For objects ``fields`` are the named fields and ``elem``
    the type of other keys; for lists ``elem`` is the type of the items and ``list_type`` is ``atomic``, ``set`` or
    ``map`` (with ``keys``). ``merge_key`` and ``merge`` belong to strategic merge patch. ``deduced`` marks untyped
    content whose maps are merged by key (preserved unknown fields).
    """

    __slots__ = (
        "atomic", "deduced", "elem", "embedded", "fields", "format", "keys", "kind", "list_type", "merge",
        "merge_key", "name", "preserve", "raw", "required", "retain_keys", "scalar",
    )  # fmt: skip

    def __init__(self, kind: str = "any") -> None:
        self.kind = kind
        self.name = ""
        self.fields: dict[str, Node] = {}
        self.elem: Node | None = None
        self.list_type = "atomic"
        self.keys: tuple[str, ...] = ()
        self.atomic = False
        self.merge = False
        self.merge_key = ""
        self.retain_keys: frozenset[str] = frozenset()
        self.preserve = False
        self.deduced = False
        self.embedded = False
        self.required: frozenset[str] = frozenset()
        self.scalar = ""
        self.format = ""
        self.raw: dict[str, Any] = {}

    def field(self, name: str) -> Node | None:
        """The type of a key of an object, named or not."""
        return self.fields.get(name) or self.elem


ANY = Node("any")
DEDUCED = Node("any")
DEDUCED.deduced = True


def _types(raw: dict[str, Any]) -> list[str]:
    kind = raw.get("type")
    if isinstance(kind, list):
        return [item for item in kind if item != "null"]
    return [kind] if kind else []


class Definitions:
    """The built-in definitions of one Kubernetes minor version."""

    def __init__(self, defs: dict[str, dict[str, Any]], minor: int = 33) -> None:
        self.defs = defs
        self.minor = minor
        self.by_kind: dict[tuple[str, str, str], str] = {}
        for name, raw in defs.items():
            kinds = raw.get("x-kubernetes-group-version-kind", [])
            if len(kinds) == 1:
                kind = kinds[0]
                self.by_kind[(kind["group"], kind["version"], kind["kind"])] = name
        self._nodes: dict[str, Node] = {}

    def kind(self, group: str, version: str, kind: str) -> Node | None:
        """The type of a built-in kind."""
        name = self.by_kind.get((group, version, kind))
        return self.definition(name) if name else None

    def definition(self, name: str) -> Node:
        """The type of a definition by its full name."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = Node()
            self._fill(node, self.defs[name], name)
        return node

    @property
    def object_meta(self) -> Node:
        """``ObjectMeta``."""
        return self.definition(_META + "ObjectMeta")

    def _node(self, raw: dict[str, Any]) -> Node:
        ref = raw.get("$ref")
        if ref:
            return self.definition(ref.rsplit("/", 1)[1])
        node = Node()
        self._fill(node, raw, "")
        return node

    def _fill(self, node: Node, raw: dict[str, Any], name: str) -> None:
        node.raw = raw
        node.name = name.rsplit(".", 1)[-1]
        types = _types(raw)
        if name in _UNTYPED:
            node.kind = "any"
        elif "properties" in raw:
            node.kind = "object"
            node.required = frozenset(raw.get("required", ()))
            retain = []
            for key, value in raw["properties"].items():
                node.fields[key] = self._node(value)
                if "retainKeys" in value.get("x-kubernetes-patch-strategy", "") and "$ref" in value:
                    retain.append(key)
            node.retain_keys = frozenset(retain)
            node.atomic = raw.get("x-kubernetes-map-type") == "atomic"
        elif "additionalProperties" in raw:
            node.kind = "object"
            extra = raw["additionalProperties"]
            node.elem = self._node(extra) if isinstance(extra, dict) else ANY
            node.atomic = raw.get("x-kubernetes-map-type") == "atomic"
        elif types == ["array"]:
            node.kind = "list"
            node.elem = self._node(raw["items"])
            _list_rules(node, raw)
        elif types == ["object"]:
            node.kind = "object" if name else "any"
        elif "oneOf" in raw or len(types) > 1:
            node.kind = "scalar"
        elif types:
            node.kind = "scalar"
            node.scalar = types[0]
            node.format = raw.get("format", "")


def _list_rules(node: Node, raw: dict[str, Any]) -> None:
    """Merge rules of a list; a patch strategy stands in for a missing list type, as upstream's schemaconv does."""
    strategy = raw.get("x-kubernetes-patch-strategy", "")
    node.merge = "merge" in strategy.split(",")
    node.merge_key = raw.get("x-kubernetes-patch-merge-key", "")
    if "retainKeys" in strategy:
        node.retain_keys = frozenset(("*",))
    kind = raw.get("x-kubernetes-list-type")
    if kind == "map":
        node.list_type, node.keys = "map", tuple(sorted(raw.get("x-kubernetes-list-map-keys", ())))
    elif kind == "set":
        node.list_type = "set"
    elif kind is None and node.merge:
        node.list_type, node.keys = ("map", (node.merge_key,)) if node.merge_key else ("set", ())


@lru_cache(maxsize=4)
def load(version: str) -> Definitions:
    """The definitions for ``v1.31.1`` and the like: the newest carried schema that is not above it."""
    import kubernetes_validate  # the only use: a folder of JSON documents

    root = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    wanted = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    found = {}
    for folder in root.glob("v*-local"):
        numbers = tuple(int(part) for part in re.findall(r"\d+", folder.name)[:2])
        found[numbers] = folder
    usable = [numbers for numbers in found if numbers <= wanted] or [min(found)]
    document = json.loads((found[max(usable)] / "_definitions.json").read_text(encoding="utf-8"))
    return Definitions(document["$defs"], wanted[1])


def custom(raw: dict[str, Any], definitions: Definitions) -> Node:
    """The type of a custom kind from its ``openAPIV3Schema``."""
    node = _custom(raw)
    if node.kind != "object":
        node.kind = "object"
    node.fields = dict(node.fields)
    node.fields["metadata"] = definitions.object_meta
    node.fields.setdefault("apiVersion", _STRING)
    node.fields.setdefault("kind", _STRING)
    return node


_STRING = Node("scalar")
_STRING.scalar = "string"


def _custom(raw: dict[str, Any]) -> Node:
    node = Node()
    node.raw = raw
    node.preserve = bool(raw.get("x-kubernetes-preserve-unknown-fields"))
    node.embedded = bool(raw.get("x-kubernetes-embedded-resource"))
    kind = raw.get("type")
    if raw.get("x-kubernetes-int-or-string"):
        node.kind = "scalar"
    elif kind == "object":
        node.kind = "object"
        node.fields = {key: _custom(value) for key, value in (raw.get("properties") or {}).items()}
        node.required = frozenset(raw.get("required") or ())
        extra = raw.get("additionalProperties")
        if isinstance(extra, dict):
            node.elem = _custom(extra)
        elif extra is True or node.preserve:
            node.elem = DEDUCED
        node.atomic = raw.get("x-kubernetes-map-type") == "atomic"
        if node.embedded:
            node.fields.setdefault("apiVersion", _STRING)
            node.fields.setdefault("kind", _STRING)
            node.fields.setdefault("metadata", DEDUCED)
    elif kind == "array":
        node.kind = "list"
        node.elem = _custom(raw.get("items") or {})
        _list_rules(node, raw)
    elif kind:
        node.kind = "scalar"
        node.scalar = kind
        node.format = raw.get("format", "")
    else:
        node.deduced = node.preserve
    return node


def key_default(name: str) -> Any:
    """The value which a missing list key stands for, or None."""
    return _KEY_DEFAULTS.get(name)


def references(raw: Any) -> Iterator[str]:
    """Names of the definitions which a raw schema refers to."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from references(value)
