# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine config's types: decoding with Talos' errors, unknown keys, encoding and structural comparison.

A decoded value keeps what was given (Go's nil is an absent key). :func:`canonical` is what two configs are compared
by: a zero scalar equals an absent one, an empty list or map or a pointer to something empty does not.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from pathlib import Path
from typing import Any

import yaml

from .durations import format_go, parse_go
from .goyaml import Plain

_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_BOOLS = {**dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True)}
_OLD_BOOLS |= dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False)
_NULLS = {"", "~", "null", "Null", "NULL"}
_INT = re.compile(r"^[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
SIZE_UNITS = {"", "K", "M", "G", "T", "P", "E", "KI", "MI", "GI", "TI", "PI", "EI"}
ENUMS = {
    "@filesystem": ("FilesystemType", ("none", "xfs", "vfat", "ext4", "iso9660", "swap")),
    "@encryption": ("EncryptionProviderType", ("none", "luks2")),
}
_LIMITS = {"uint8": 2**8, "uint16": 2**16, "uint32": 2**32, "uint64": 2**64, "uint": 2**64, "int": 2**63}


class TypeError_(Exception):
    """Values of the wrong type; ``lines`` as yaml.v3 lists them."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("yaml: unmarshal errors:\n" + "\n".join(f"  {line}" for line in lines))
        self.lines = lines


class Refused(Exception):
    """A scalar that its own reader refuses; ends the decoding at once."""


class Field:
    """One key of a type."""

    def __init__(self, text: str) -> None:
        name, _unused, self.type = text.partition("=")
        self.name, self.always = name.rstrip("!"), name.endswith("!")


def _load() -> dict[str, dict[str, Field]]:
    types: dict[str, dict[str, Field]] = {}
    text = Path(__file__).with_name("schema.txt").read_text(encoding="utf-8")
    joined = re.sub(r"\n +", " ", text)
    for line in joined.splitlines():
        if line and not line.startswith("#"):
            name, _unused, fields = line.partition(":")
            types[name] = {field.name: field for field in map(Field, fields.split())}
    return types


TYPES = _load()


# -- scalars -----------------------------------------------------------------------------------------------------------
def resolve(node: yaml.ScalarNode) -> Any:
    """An untyped scalar as yaml.v3 resolves it (YAML 1.2 booleans)."""
    text = node.value
    if node.style or node.tag == "tag:yaml.org,2002:binary":
        return text
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.match(text):
        return _integer(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _integer(text: str) -> int:
    plain = text.replace("_", "")
    body = plain.lstrip("+-")
    if body.startswith("0") and body.isdigit() and len(body) > 1:
        return int(plain.replace(body, "0o" + body), 0) if set(body) <= set("01234567") else int(body)
    return int(plain, 0)


def _tag(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "!!map"
    if isinstance(node, yaml.SequenceNode):
        return "!!seq"
    assert isinstance(node, yaml.ScalarNode)
    value = resolve(node)
    kinds = {bool: "!!bool", int: "!!int", float: "!!float", str: "!!str", type(None): "!!null"}
    return kinds[type(value)]


def _shown(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return ""
    text = node.value
    return f" `{text if len(text) <= 10 else text[:7] + '...'}`"


class Decoder:
    """Turns YAML nodes into plain data of a type, collecting wrong types and unknown keys."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def _fail(self, node: yaml.Node, go_type: str) -> None:
        self.wrong.append(
            f"line {node.start_mark.line + 1}: cannot unmarshal {_tag(node)}{_shown(node)} into {go_type}"
        )

    def value(self, node: yaml.Node, kind: str) -> Any:
        """A node as ``kind``; ``None`` stands for nil."""
        if isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS:
            return None
        kind = kind.removeprefix("*")
        if kind == "any":
            return self.free(node)
        if kind.startswith("["):
            if not isinstance(node, yaml.SequenceNode):
                return self._fail(node, _go_type(kind))
            return [self.value(item, kind[1:-1]) for item in node.value]
        if kind.startswith("{"):
            if not isinstance(node, yaml.MappingNode):
                return self._fail(node, _go_type(kind))
            return {key.value: _zero_if_nil(self.value(item, kind[1:-1]), kind[1:-1]) for key, item in node.value}
        if kind in TYPES:
            return self.struct(node, kind)
        if not isinstance(node, yaml.ScalarNode):
            return self._fail(node, _go_type(kind))
        return self._scalar(node, kind)

    def struct(self, node: yaml.Node, kind: str) -> dict[str, Any] | None:
        """A mapping as a struct."""
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, _go_type(kind))
            return None
        fields = TYPES[kind]
        found: dict[str, Any] = {}
        for key, item in node.value:
            field = fields.get(key.value)
            if field is None:
                continue
            value = self.value(item, field.type)
            if value is not None:
                found[field.name] = value
        return {name: found[name] for name in fields if name in found}

    def free(self, node: yaml.Node) -> Any:
        """A free-form value."""
        if isinstance(node, yaml.MappingNode):
            return {str(key.value): self.free(item) for key, item in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self.free(item) for item in node.value]
        assert isinstance(node, yaml.ScalarNode)
        return resolve(node)

    def _scalar(self, node: yaml.ScalarNode, kind: str) -> Any:
        value = resolve(node)
        if kind == "string":
            return node.value
        if kind == "bool":
            if isinstance(value, bool):
                return value
            if not node.style and node.value in _OLD_BOOLS:
                return _OLD_BOOLS[node.value]
            return self._fail(node, "bool")
        if kind in _LIMITS:
            low = -(2**63) if kind == "int" else 0
            if isinstance(value, int) and not isinstance(value, bool) and low <= value < _LIMITS[kind]:
                return value
            return self._fail(node, kind)
        if kind == "duration":
            try:
                return parse_go(node.value)
            except ValueError:
                return self._fail(node, "time.Duration")
        if kind == "bytes":
            try:
                return base64.b64encode(base64.b64decode(node.value, validate=True)).decode()
            except (binascii.Error, ValueError):
                good = re.match(r"(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{0,3}", node.value)
                raise Refused(f"illegal base64 data at input byte {good.end() if good else 0}") from None
        if kind == "@mode":
            return value if isinstance(value, int) else self._fail(node, "uint32")
        if kind in ("@size", "@bytesize"):
            self._size(node.value, kind)
        if kind in ENUMS and node.value not in ENUMS[kind][1]:
            raise Refused(f"{node.value} does not belong to {ENUMS[kind][0]} values")
        return node.value

    @staticmethod
    def _size(text: str, kind: str) -> None:
        plain = re.sub(r"^\s*(>=|<=|>|<|==)?\s*", "", text) if kind == "@size" else text
        match = re.fullmatch(r"([\d.,]+)\s*(\w*)", plain.strip())
        if match is None:
            number = re.match(r"[0-9.,]*", plain)
            prefix = f"failed to parse disk size {text[len(text) - len(plain) - 1 :]}: " if kind == "@size" else ""
            raise Refused(f'{prefix}strconv.ParseFloat: parsing "{number[0] if number else ""}": invalid syntax')
        if match[2].upper().removesuffix("B") not in SIZE_UNITS:
            raise Refused(f"unhandled size name: {match[2]}")


def _go_type(kind: str) -> str:
    kind = kind.removeprefix("*")
    if kind.startswith("["):
        return "extensions.ConfigFileList" if kind == "[ConfigFile]" else "[]" + _go_type(kind[1:-1])
    if kind.startswith("{"):
        return "map[string]" + _go_type(kind[1:-1])
    if kind in ("ConfigFile", "ExtensionServiceConfig"):
        return f"extensions.{kind}"
    return f"v1alpha1.{kind}" if kind in TYPES else {"bytes": "[]uint8"}.get(kind, kind)


def _zero_if_nil(value: Any, kind: str) -> Any:
    return "" if value is None and kind == "string" else value


def decode(node: yaml.Node, kind: str) -> dict[str, Any]:
    """A document's node as ``kind``.

    :raises TypeError_: for values of the wrong type.
    """
    decoder = Decoder()
    found = decoder.struct(node, kind)
    if decoder.wrong:
        raise TypeError_(decoder.wrong)
    return found or {}


def unknown(node: yaml.Node, kind: str) -> Any:
    """The part of a node that ``kind`` has no keys for, ``None`` when there is none."""
    kind = kind.removeprefix("*")
    if kind == "any":
        return None
    out: Any = None
    if isinstance(node, yaml.MappingNode):
        if kind not in TYPES and not kind.startswith("{"):
            return None
        for key, item in node.value:
            if kind.startswith("{"):
                below = unknown(item, kind[1:-1])
            elif key.value in TYPES[kind]:
                below = unknown(item, TYPES[kind][key.value].type)
            else:
                below = Decoder().free(item)
                out = {**(out or {}), key.value: below}
                continue
            if below is not None:
                out = {**(out or {}), key.value: below}
    elif isinstance(node, yaml.SequenceNode) and kind.startswith("["):
        items = [below for item in node.value if (below := unknown(item, kind[1:-1])) is not None]
        out = items or None
    return out


# -- encode and compare ------------------------------------------------------------------------------------------------
def _zero(kind: str) -> Any:
    """What an absent field without omitempty is encoded as."""
    if kind.startswith("*"):
        return None
    if kind.startswith("["):
        return []
    if kind.startswith("{") or kind == "any":
        return {}
    if kind in TYPES:
        return encode({}, kind)
    if kind == "bool":
        return False
    return 0 if kind in _LIMITS else ""


def _is_zero(value: Any, kind: str) -> bool:
    """Whether omitempty drops it."""
    if kind.startswith("*"):
        return value is None
    if kind in TYPES:
        return all(_is_zero(item, TYPES[kind][name].type) for name, item in value.items())
    return value in ("", 0, False, None) or value == [] or value == {}


def encode(value: Any, kind: str) -> Any:
    """The plain data that Talos writes for a value: struct order, sorted maps, zero values as omitempty says."""
    if value is None:
        return None
    bare = kind.removeprefix("*")
    if bare in TYPES:
        out: dict[str, Any] = {}
        for name, field in TYPES[bare].items():
            if name in value and not (not field.always and _is_zero(value[name], field.type)):
                out[name] = encode(value[name], field.type)
            elif field.always:
                out[name] = _zero(field.type)
        return out
    if bare.startswith("["):
        return [encode(item, bare[1:-1]) for item in value]
    if bare.startswith("{"):
        return {key: encode(value[key], bare[1:-1]) for key in sorted(value, key=KEY_ORDER)}
    if bare == "any":
        return _sorted(value)
    if bare == "duration":
        return format_go(value)
    if bare == "@mode":
        return Plain(f"0o{value:o}")
    return value


def canonical(value: Any, kind: str) -> Any:
    """The form in which two values are compared as ``reflect.DeepEqual`` does."""
    bare = kind.removeprefix("*")
    if bare in TYPES and isinstance(value, dict):
        out = {}
        for name, field in TYPES[bare].items():
            pointer = field.type.startswith("*")
            if name in value:
                item = canonical(value[name], field.type)
                collection = field.type.startswith(("[", "{")) or field.type in ("any", "bytes")
                if not pointer and not collection and item in ("", 0, False, None, {}):
                    continue
                out[name] = item
        return out
    if bare.startswith("[") and isinstance(value, list):
        return [canonical(item, bare[1:-1]) for item in value]
    if bare.startswith("{") and isinstance(value, dict):
        return {key: canonical(item, bare[1:-1]) for key, item in value.items()}
    return value


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=KEY_ORDER)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _compare(left: str, right: str) -> int:
    digits = False
    for index in range(min(len(left), len(right))):
        a, b = left[index], right[index]
        if a == b:
            digits = a.isdigit()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            first = a.isalpha() if digits else b.isalpha()
            return -1 if first else 1
        numbers = [re.match(r"\d+", text[index:]) for text in (left, right)]
        if numbers[0] and numbers[1] and numbers[0][0] != numbers[1][0]:
            return -1 if int(numbers[0][0]) < int(numbers[1][0]) else 1
        return -1 if a < b else 1
    return len(left) - len(right)


KEY_ORDER = functools.cmp_to_key(_compare)
"""The order in which yaml.v3 writes the keys of a map."""
