# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a node's etcd, and an etcd that begins with one.

A snapshot is the database and the SHA-256 of it. Recovery follows siderolabs/talos v1.10
``internal/app/machined/pkg/system/services/etcd.go`` (``recoverFromSnapshot``): the file is judged when the service
starts, after Bootstrap was answered; the new cluster has one member, and what the snapshot says of members is gone.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING

from ..keyspace import KeyValue
from . import bolt

if TYPE_CHECKING:
    from .etcd import Etcd

DIGEST, BLOCK = 32, 512
BESIDE = b"/lab/"
"""Where in the database lies what somebody has put into etcd beside Kubernetes."""


class RecoveryError(Exception):
    """Why etcd does not start from this file, in Talos' and etcd's words."""


def snapshot(etcd: Etcd, rows: list[KeyValue]) -> bytes:
    """What a client gets that asks for a snapshot."""
    index = etcd.raft_index
    newest = max((row.modified for row in rows), default=0)
    beside = [
        KeyValue(BESIDE + key.encode(), value.encode(), newest + number, newest + number)
        for number, (key, value) in enumerate(sorted(etcd.keys.items()), 1)
    ]
    body = bolt.database(
        index,
        {
            b"cluster": {b"clusterVersion": b"3.5.0"},
            b"key": {row.revision: row.encode() for row in [*rows, *beside]},
            b"members": {
                member.hex_id.encode(): json.dumps(
                    {
                        "id": member.id,
                        "peerURLs": member.peer_urls,
                        **({"name": member.name, "clientURLs": member.client_urls} if member.name else {}),
                        **({"isLearner": True} if member.learner else {}),
                    }
                ).encode()
                for member in etcd.members
            },
            b"meta": {b"consistent_index": struct.pack(">Q", index), b"term": struct.pack(">Q", etcd.term)},
        },
    )
    return body + hashlib.sha256(body).digest()


def rows(data: bytes, *, check: bool = True) -> list[KeyValue]:
    """The keys that an etcd started from this file has.

    :param check: the SHA-256 at the end must be right.
    :raises RecoveryError: the file is no database, or no whole one.
    """
    if not data:
        raise RecoveryError("error verifying snapshot: stat /var/lib/etcd.snapshot: no such file or directory")
    try:
        buckets = bolt.read(data)
    except bolt.Broken as error:
        raise RecoveryError(f"error verifying snapshot: {error}") from None
    if check:
        prefix = "error recovering from the snapshot: "
        if len(data) % BLOCK != DIGEST:
            raise RecoveryError(f"{prefix}snapshot missing hash but --skip-hash-check=false")
        wanted, found = data[-DIGEST:], hashlib.sha256(data[:-DIGEST]).digest()
        if wanted != found:
            raise RecoveryError(f"{prefix}expected sha256 {_go(wanted)}, got {_go(found)}")
    newest: dict[bytes, KeyValue] = {}
    for revision in sorted(buckets.get(b"key", {})):
        row = KeyValue.decode(buckets[b"key"][revision])
        if revision.endswith(b"t"):  # a deletion
            newest.pop(row.key, None)
        else:
            newest[row.key] = row
    return list(newest.values())


def divided(rows: list[KeyValue]) -> tuple[list[KeyValue], dict[str, str]]:
    """What of it is Kubernetes', and what somebody else has put there."""
    beside = {row.key.removeprefix(BESIDE).decode(): row.value.decode() for row in rows if row.key.startswith(BESIDE)}
    return [row for row in rows if not row.key.startswith(BESIDE)], beside


def _go(data: bytes) -> str:
    return f"[{' '.join(map(str, data))}]"
