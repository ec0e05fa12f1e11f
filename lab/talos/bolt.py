# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest database file that bbolt opens: what an etcd snapshot of the lab is made of.

Two meta pages, an empty freelist and an empty root leaf (go.etcd.io/bbolt file format version 2).
"""

from __future__ import annotations

import struct

PAGE = 4096
_MAGIC, _VERSION = 0xED0CDAED, 2
_LEAF, _META, _FREELIST = 0x02, 0x04, 0x10


def _fnv64a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _page(number: int, flags: int, body: bytes = b"") -> bytes:
    return (struct.pack("<QHHI", number, flags, 0, 0) + body).ljust(PAGE, b"\0")


def database(transaction: int) -> bytes:
    """An empty database whose last transaction has this number."""
    pages = []
    for number in (0, 1):
        meta = struct.pack("<IIIIQQQQQ", _MAGIC, _VERSION, PAGE, 0, 3, 0, 2, 4, transaction - number)
        pages.append(_page(number, _META, meta + struct.pack("<Q", _fnv64a(meta))))
    return b"".join([*pages, _page(2, _FREELIST), _page(3, _LEAF)])
