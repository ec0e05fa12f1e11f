# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protobuf wire format, for schemas written as tables (``messages.py``).

A decoded message is a dict with every field of its schema: absent scalars are zero, absent messages None, repeated
fields lists. Unknown fields are skipped. Enumerations stay numbers (:class:`Enumeration` names them).
Source: protobuf encoding specification; proto3 presence rules.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARINT, I64, LEN, I32 = 0, 1, 2, 5

_WIRE_TYPES = {
    "bool": VARINT,
    "enum": VARINT,
    "int32": VARINT,
    "int64": VARINT,
    "uint32": VARINT,
    "uint64": VARINT,
    "double": I64,
    "float": I32,
    "string": LEN,
    "bytes": LEN,
}
_ZEROS: Mapping[str, Any] = {"bool": False, "double": 0.0, "float": 0.0, "string": "", "bytes": b""}
_MASK64 = (1 << 64) - 1


class DecodeError(ValueError):
    """The bytes are not a message of that schema."""


@dataclass(frozen=True)
class Field:
    """One field.

    :param kind: a scalar kind's name, or the schema of an embedded message.
    """

    number: int
    kind: str | Schema
    repeated: bool = False

    def zero(self) -> Any:
        """Return the value of the absent field."""
        if self.repeated:
            return []
        return None if isinstance(self.kind, Schema) else _ZEROS.get(self.kind, 0)


class Schema:
    """A message type: ``Schema("Name", id=F(1, "string"), ...)``."""

    def __init__(self, title: str, /, **fields: Field) -> None:
        self.name = title
        self.fields = fields
        self.by_number = {field.number: (key, field) for key, field in fields.items()}
        if len(self.by_number) != len(fields):
            raise ValueError(f"{title}: a field number is used twice")

    def __repr__(self) -> str:
        return f"Schema({self.name})"


class Enumeration:
    """Names of an enumeration's numbers, both ways; proto3 enumerations are open, so unknown numbers are shown as
    text."""

    def __init__(self, **numbers: int) -> None:
        self.numbers = numbers
        self._names = {number: name for name, number in numbers.items()}

    def number(self, name: str) -> int:
        """Return the number of a name; KeyError for an unknown one."""
        return self.numbers[name]

    def name_of(self, number: int) -> str:
        """Return the name of a number."""
        return self._names.get(number, str(number))


def encode(schema: Schema, values: Mapping[str, Any]) -> bytes:
    """Return the wire form; zero values and None are left out, as proto3 does.

    :raises KeyError: a name which the schema does not have.
    """
    out = bytearray()
    for key in values:
        if key not in schema.fields:
            raise KeyError(f"{schema.name} has no field {key}")
    for key, field in schema.fields.items():
        value = values.get(key)
        if value is None:
            continue
        if field.repeated:
            if not isinstance(field.kind, Schema) and _WIRE_TYPES[field.kind] != LEN:
                if value:
                    _length_delimited(out, field.number, b"".join(_scalar(field.kind, item) for item in value))
                continue
            for item in value:
                _one(out, field, item)
        elif isinstance(field.kind, Schema) or value != field.zero():
            _one(out, field, value)
    return bytes(out)


def _one(out: bytearray, field: Field, value: Any) -> None:
    if isinstance(field.kind, Schema):
        _length_delimited(out, field.number, encode(field.kind, value))
    elif _WIRE_TYPES[field.kind] == LEN:
        _length_delimited(out, field.number, value.encode() if field.kind == "string" else bytes(value))
    else:
        out += varint(field.number << 3 | _WIRE_TYPES[field.kind])
        out += _scalar(field.kind, value)


def _length_delimited(out: bytearray, number: int, content: bytes) -> None:
    out += varint(number << 3 | LEN)
    out += varint(len(content))
    out += content


def _scalar(kind: str, value: Any) -> bytes:
    if kind == "double":
        return struct.pack("<d", value)
    if kind == "float":
        return struct.pack("<f", value)
    return varint(int(value) & _MASK64)


def varint(value: int) -> bytes:
    """Return a base-128 number; ``value`` is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a base-128 number and the position after it."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise DecodeError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK64, at
        shift += 7
        if shift > 63:
            raise DecodeError("a number is longer than 64 bits")


def decode(schema: Schema, data: bytes) -> dict[str, Any]:
    """Return the message in ``data``; see the head of this file for the shape.

    :raises DecodeError: truncated or malformed.
    """
    values: dict[str, Any] = {key: field.zero() for key, field in schema.fields.items()}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        content, at = _raw(data, at, wire_type)
        if number == 0:
            raise DecodeError("field number 0")
        if number not in schema.by_number:
            continue
        key, field = schema.by_number[number]
        _put(values, key, field, wire_type, content, schema)
    return values


def _raw(data: bytes, at: int, wire_type: int) -> tuple[Any, int]:
    """Return one field's content, a number or bytes, and the position after it."""
    if wire_type == VARINT:
        return read_varint(data, at)
    if wire_type == LEN:
        size, at = read_varint(data, at)
    elif wire_type in (I64, I32):
        size = 8 if wire_type == I64 else 4
    else:
        raise DecodeError(f"wire type {wire_type}")
    if at + size > len(data):
        raise DecodeError("a field is cut off")
    return data[at : at + size], at + size


def _put(values: dict[str, Any], key: str, field: Field, wire_type: int, content: Any, schema: Schema) -> None:
    if isinstance(field.kind, Schema):
        if wire_type != LEN:
            raise DecodeError(f"{schema.name}.{key} has wire type {wire_type}")
        item = decode(field.kind, content)
        if field.repeated:
            values[key].append(item)
        else:
            values[key] = item if values[key] is None else _merged(field.kind, values[key], item)
        return
    expected = _WIRE_TYPES[field.kind]
    if wire_type == expected:
        value = _value(field.kind, content, f"{schema.name}.{key}")
        if field.repeated:
            values[key].append(value)
        else:
            values[key] = value
    elif field.repeated and wire_type == LEN:
        at = 0
        while at < len(content):
            item, at = _raw(content, at, expected)
            values[key].append(_value(field.kind, item, key))
    else:
        raise DecodeError(f"{schema.name}.{key} has wire type {wire_type}")


def _value(kind: str, content: Any, where: str) -> Any:
    if kind == "string":
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise DecodeError(f"{where} is not UTF-8") from None
    if kind == "bytes":
        return bytes(content)
    if kind in ("double", "float"):
        return struct.unpack("<d" if kind == "double" else "<f", content)[0]
    if kind == "bool":
        return content != 0
    if kind in ("uint32", "uint64"):
        return content & 0xFFFFFFFF if kind == "uint32" else content
    bits = 64 if kind == "int64" else 32
    content &= (1 << bits) - 1
    return content - (1 << bits) if content >> (bits - 1) else content


def _merged(schema: Schema, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge a second copy of an embedded message into the first one, as the format demands."""
    merged = dict(old)
    for key, field in schema.fields.items():
        if field.repeated:
            merged[key] = old[key] + new[key]
        elif isinstance(field.kind, Schema):
            if new[key] is not None:
                merged[key] = new[key] if old[key] is None else _merged(field.kind, old[key], new[key])
        elif new[key] != field.zero():
            merged[key] = new[key]
    return merged
