# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request bodies into objects: JSON, YAML or protobuf, then the field check of built-in kinds."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from . import protobuf
from .errors import ApiError, bad_request, unsupported_media_type
from .schema import Node

_POINTER_STRINGS = frozenset(
    {
        "storageClassName", "ingressClassName", "runtimeClassName", "loadBalancerClass", "ipFamilyPolicy",
        "volumeAttributesClassName", "fsGroupPolicy", "hostname", "apiGroup", "namespace", "reason", "ip",
    }
)  # fmt: skip
_PLAIN_BOOLS = frozenset(
    {
        "hostNetwork", "hostPID", "hostIPC", "readOnly", "stdin", "stdinOnce", "tty", "unschedulable", "paused",
        "publishNotReadyAddresses", "globalDefault", "preserveUnknownFields", "isDefaultClass",
    }
)  # fmt: skip
_PLAIN_INTS = frozenset(
    {
        "minReadySeconds", "hostPort", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
        "failureThreshold", "nodePort", "observedGeneration", "readyReplicas", "availableReplicas",
        "updatedReplicas", "unavailableReplicas", "fullyLabeledReplicas", "numberAvailable", "numberUnavailable",
        "updatedNumberScheduled", "active", "succeeded", "failed", "generation",
    }
)  # fmt: skip
_GO_SCALARS = {"string": "string", "boolean": "bool", "number": "float64"}


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as the server reads it: dates stay text, repeated keys are told."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        seen: set[Any] = set()
        for key_node, _value in node.value:
            key = key_node.value
            if key in seen:
                self.repeated.append(f'line {key_node.start_mark.line + 1}: key "{key}" already set in map')
            seen.add(key)
        out = super().construct_mapping(node, deep=deep)
        return {_text(key): value for key, value in out.items()}


def _text(key: Any) -> str:
    if isinstance(key, str):
        return key
    return {True: "true", False: "false", None: "null"}.get(key, str(key))


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in _Loader.yaml_implicit_resolvers.items()
}


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^[yYnN]$"), list("yYnN"))
_Loader.bool_values = {**_Loader.bool_values, "y": True, "n": False}


def body(data: bytes, content_type: str) -> tuple[Any, list[str]]:
    """The document of a request and its complaints (repeated keys).

    :raises ApiError: 400 for a body that cannot be read, 415 for an unknown type.
    """
    media = content_type.split(";", 1)[0].strip().lower() or "application/json"
    if media == "application/json":
        return json.loads(data), []
    if media in ("application/yaml", "application/apply-patch+yaml"):
        if data[:1] == b"{":
            try:
                return json.loads(data), []
            except ValueError:
                pass
        return load_yaml(data)
    if media == "application/vnd.kubernetes.protobuf":
        return protobuf.decode(data), []
    raise unsupported_media_type(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"])


def load_yaml(data: bytes) -> tuple[Any, list[str]]:
    """A YAML document and its repeated keys.

    :raises yaml.YAMLError: when it is none.
    """
    loader = _Loader(data.decode("utf-8", "replace"))
    try:
        return loader.get_single_data(), loader.repeated
    finally:
        loader.dispose()


def yaml_error(error: yaml.YAMLError) -> str:
    """A YAML error in one line."""
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark else ""
    return f"yaml: {line}{getattr(error, 'problem', None) or 'cannot be read'}"


def json_error(error: ValueError, data: bytes) -> str:
    """Go's words for the commonest JSON errors."""
    position = getattr(error, "pos", 0)
    text = data.decode("utf-8", "replace")
    if position >= len(text.rstrip()):
        return "unexpected end of JSON input"
    return f"invalid character {text[position]!r} looking for beginning of value"


class WrongType(Exception):
    """A value which the built-in Go type cannot hold; the text is Go's, ``wanted`` the Go type."""

    def __init__(self, text: str, wanted: str = "") -> None:
        super().__init__(text)
        self.wanted = wanted or text.rsplit(" ", 1)[-1]


def builtin(obj: dict[str, Any], node: Node, unknown: list[str]) -> dict[str, Any]:
    """A built-in object as the server would print it after reading it: unknown fields and empty values gone.

    :param unknown: receives the paths of unknown fields, as ``spec.bogus``.
    :raises WrongType: for a value of the wrong type.
    """
    return _object(obj, node, "", unknown)


def _object(value: dict[str, Any], node: Node, path: str, unknown: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    fields, elem, required = node.fields, node.elem, node.required
    for name, child in value.items():
        kind = fields.get(name) or elem
        if kind is None:
            unknown.append(f"{path}.{name}" if path else name)
            continue
        if child is None:
            if kind is elem and kind.scalar == "string":
                out[name] = ""
            continue
        what = kind.kind
        if what == "scalar":
            _scalar(child, kind, node, name, path)
            if fields:
                if child == "" and name not in required and name not in _POINTER_STRINGS and type(child) is str:
                    continue
                if child is False and name in _PLAIN_BOOLS:
                    continue
                if child == 0 and name in _PLAIN_INTS and name not in required and type(child) is int:
                    continue
            out[name] = child
        elif what == "object":
            if type(child) is not dict:
                raise WrongType(_mismatch(child, node, name, path, kind))
            if not child and kind.elem is not None and not kind.fields and name not in required:
                continue
            place = f"{path}.{name}" if path else name
            if kind.elem is not None and not kind.fields and kind.elem.kind == "scalar":
                try:
                    out[name] = _object(child, kind, place, unknown)
                except WrongType as error:
                    # Go names the field which holds the map, not the key.
                    found = error.args[0].split(" into ", 1)[0]
                    text = f"{found} into Go struct field {node.name}.{place} of type {error.wanted}"
                    raise WrongType(text) from error
            else:
                out[name] = _object(child, kind, place, unknown)
        elif what == "list":
            if type(child) is not list:
                raise WrongType(_mismatch(child, node, name, path, kind))
            if not child and name not in required:
                continue
            out[name] = _list(child, kind, f"{path}.{name}" if path else name, unknown)
        else:
            out[name] = child
    return out


def _list(value: list[Any], node: Node, path: str, unknown: list[str]) -> list[Any]:
    elem = node.elem
    assert elem is not None
    if elem.kind == "object":
        out = []
        for index, item in enumerate(value):
            if item is None:
                item = {}
            if type(item) is not dict:
                raise WrongType(f"json: cannot unmarshal {_go_kind(item)} into Go struct field .{path} of type object")
            out.append(_object(item, elem, f"{path}[{index}]", unknown))
        return out
    if elem.kind == "scalar" and elem.scalar == "string":
        for item in value:
            if type(item) is not str:
                leaf = path.rsplit(".", 1)[-1]
                raise WrongType(f"json: cannot unmarshal {_go_kind(item)} into Go struct field .{leaf} of type string")
    return value


def _scalar(value: Any, kind: Node, owner: Node, name: str, path: str) -> None:
    wanted = kind.scalar
    if not wanted:
        if type(value) in (dict, list):
            raise WrongType(_mismatch(value, owner, name, path, kind))
        return
    found = type(value)
    if wanted == "string":
        wrong = found is not str
    elif wanted == "boolean":
        wrong = found is not bool
    elif wanted == "integer":
        wrong = found is not int and not (found is float and value.is_integer())
    else:
        wrong = found not in (int, float)
    if wrong:
        raise WrongType(_mismatch(value, owner, name, path, kind))


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    return "array" if isinstance(value, list) else "object"


def _mismatch(value: Any, owner: Node, name: str, path: str, kind: Node) -> str:
    if kind.kind == "list":
        wanted = "[]" + ((kind.elem.name or kind.elem.scalar) if kind.elem else "interface {}")
    elif kind.kind == "object":
        wanted = "v1." + kind.name if kind.name else "map[string]string"
    elif kind.scalar == "integer":
        wanted = kind.format or "int64"
    else:
        wanted = _GO_SCALARS.get(kind.scalar, kind.scalar or "object")
    shown = _go_kind(value)
    if shown == "number" and isinstance(value, float):
        shown = f"number {value}"
    place = f"{path}.{name}" if path else name
    if not owner.name:
        return f"json: cannot unmarshal {shown} into Go struct field .{place} of type {wanted}"
    return f"json: cannot unmarshal {shown} into Go struct field {owner.name}.{place} of type {wanted}"


def not_handled(kind: str, version: str, why: str) -> ApiError:
    """400 for a body which its kind cannot hold."""
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')
