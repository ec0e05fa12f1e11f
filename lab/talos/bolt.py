# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database files that bbolt opens: what an etcd snapshot is made of (go.etcd.io/bbolt file format version 2).

Written are two meta pages, an empty freelist, and one leaf (with overflow pages) per bucket and for the root. Read are
branches, too, so that a real etcd's snapshot can be looked into.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

PAGE = 4096
_MAGIC, _VERSION = 0xED0CDAED, 2
_BRANCH, _LEAF, _META, _FREELIST = 0x01, 0x02, 0x04, 0x10
_HEADER, _ELEMENT = struct.Struct("<QHHI"), struct.Struct("<IIII")
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_META_BODY = struct.Struct("<IIIIQQQQQ")

Bucket = Mapping[bytes, bytes]


class Broken(ValueError):
    """The file is no database."""


def _fnv64a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _page(number: int, flags: int, body: bytes = b"", count: int = 0) -> bytes:
    size = -(-(_HEADER.size + len(body)) // PAGE)
    return (_HEADER.pack(number, flags, count, size - 1) + body).ljust(size * PAGE, b"\0")


def _leaf(number: int, rows: Bucket, flags: int = 0) -> bytes:
    elements, data = [], []
    at = len(rows) * _ELEMENT.size
    for index, key in enumerate(sorted(rows)):
        elements.append(_ELEMENT.pack(flags, at - index * _ELEMENT.size, len(key), len(rows[key])))
        data += [key, rows[key]]
        at += len(key) + len(rows[key])
    return _page(number, _LEAF, b"".join([*elements, *data]), len(rows))


def database(transaction: int, buckets: Mapping[bytes, Bucket] | None = None) -> bytes:
    """A database with these buckets, whose last transaction has this number."""
    pages, roots, number = [], {}, 3
    for name, rows in (buckets or {}).items():
        page = _leaf(number, rows)
        pages.append(page)
        roots[name] = struct.pack("<QQ", number, 0)
        number += len(page) // PAGE
    root = _leaf(number, roots, flags=1)
    end = number + len(root) // PAGE
    metas = []
    for which in (0, 1):
        meta = _META_BODY.pack(_MAGIC, _VERSION, PAGE, 0, number, 0, 2, end, transaction - which)
        metas.append(_page(which, _META, meta + struct.pack("<Q", _fnv64a(meta))))
    return b"".join([*metas, _page(2, _FREELIST), *pages, root])


def read(data: bytes) -> dict[bytes, dict[bytes, bytes]]:
    """The buckets of a database.

    :raises Broken: it is none, or its pages lead nowhere.
    """
    try:
        _txid, size, root = max(_metas(data))
        out = {}
        for name, value, flags in _rows(data, size, root):
            if flags & 1:
                page = struct.unpack_from("<Q", value)[0]
                rows = _rows(data, size, page) if page else _inline(value[16:])
                out[name] = {key: held for key, held, _flags in rows}
        return out
    except (ValueError, struct.error, RecursionError) as error:
        raise Broken("invalid database") from error


def _metas(data: bytes) -> Iterator[tuple[int, int, int]]:
    for size in (4096, 8192, 16384, 65536):
        for at in (0, size):
            body = data[at + _HEADER.size : at + _HEADER.size + _META_BODY.size]
            if len(body) < _META_BODY.size:
                continue
            magic, version, page, _flags, root, _sequence, _free, _end, txid = _META_BODY.unpack(body)
            checksum = struct.unpack_from("<Q", data, at + _HEADER.size + _META_BODY.size)[0]
            if (magic, version, page) == (_MAGIC, _VERSION, size) and checksum == _fnv64a(body):
                yield txid, page, root


def _rows(data: bytes, size: int, page: int) -> Iterator[tuple[bytes, bytes, int]]:
    at = page * size
    number, flags, count, _overflow = _HEADER.unpack_from(data, at)
    if number != page:
        raise ValueError(f"page {page} says that it is {number}")
    if flags & _BRANCH:
        for index in range(count):
            place = at + _HEADER.size + index * _BRANCH_ELEMENT.size
            yield from _rows(data, size, _BRANCH_ELEMENT.unpack_from(data, place)[2])
        return
    yield from _leaf_rows(data, at, count)


def _inline(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    return _leaf_rows(data, 0, _HEADER.unpack_from(data)[2])


def _leaf_rows(data: bytes, at: int, count: int) -> Iterator[tuple[bytes, bytes, int]]:
    for index in range(count):
        place = at + _HEADER.size + index * _ELEMENT.size
        flags, start, key, value = _ELEMENT.unpack_from(data, place)
        middle = place + start + key
        if middle + value > len(data):
            raise ValueError("a page ends within an element")
        yield data[place + start : middle], data[middle : middle + value], flags
