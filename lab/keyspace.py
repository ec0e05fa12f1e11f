# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What etcd keeps of a cluster: one key and value per object, as an API server writes them and a snapshot holds them.

A value in the database is a protobuf message (etcd-io/etcd ``api/mvccpb/kv.proto``): key = 1, create_revision = 2,
mod_revision = 3, version = 4, value = 5. Its own key is the revision: eight bytes, ``_`` and eight bytes, big endian.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KeyValue:
    """One key with what it holds now, and the revisions of its creation and of its last change."""

    key: bytes
    value: bytes
    created: int
    modified: int
    version: int = 1

    @property
    def revision(self) -> bytes:
        """The key in the database's bucket ``key``."""
        return struct.pack(">Q", self.modified) + b"_" + struct.pack(">Q", 0)

    def encode(self) -> bytes:
        """The value in the database's bucket ``key``."""
        numbers = ((2, self.created), (3, self.modified), (4, self.version))
        parts = [_bytes(1, self.key), *(_varint(field << 3) + _varint(value) for field, value in numbers)]
        return b"".join([*parts, _bytes(5, self.value)])

    @classmethod
    def decode(cls, data: bytes) -> KeyValue:
        """Read what :meth:`encode` or an etcd wrote."""
        found: dict[int, Any] = dict(_fields(data))
        return cls(found.get(1, b""), found.get(5, b""), found.get(2, 0), found.get(3, 0), found.get(4, 0))

    def as_json(self) -> list[Any]:
        """For the way between two processes of the lab."""
        texts = [base64.b64encode(part).decode() for part in (self.key, self.value)]
        return [*texts, self.created, self.modified, self.version]

    @classmethod
    def of_json(cls, row: list[Any]) -> KeyValue:
        """The other end of that way."""
        return cls(base64.b64decode(row[0]), base64.b64decode(row[1]), *row[2:])


def _varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            yield tag >> 3, number()
            continue
        size = number()
        yield tag >> 3, data[at : at + size]
        at += size
