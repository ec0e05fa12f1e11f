# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of etcd as files: whole or not there, verified, readable by their owner only.

A snapshot is the database followed by the SHA-256 of it (etcd ``server/etcdserver/api/v3rpc/maintenance.go``), so its
size is a multiple of 512 plus 32 and its end proves the rest.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from ..common.errors import HomeopsError

PAGE, DIGEST = 512, 32
_NAME = re.compile(r"^etcd-(?P<cluster>.+)-(?P<time>\d{8}T\d{6}Z)\.snapshot$")


@dataclass
class Check:
    """Reads a snapshot part by part and judges its end; keeps 32 bytes of it."""

    size: int = 0
    _tail: bytes = b""
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take(self, part: bytes) -> None:
        """Read the next part."""
        self.size += len(part)
        whole = self._tail + part
        cut = max(0, len(whole) - DIGEST)
        self._digest.update(whole[:cut])
        self._tail = whole[cut:]

    @property
    def sha256(self) -> str:
        """The digest that the snapshot's database has, in hex."""
        return self._digest.hexdigest()

    def fault(self) -> str:
        """Return what is wrong with what was read; empty when it is whole."""
        if self.size < PAGE + DIGEST:
            return f"it has {self.size} bytes and no snapshot is that short"
        if self.size % PAGE != DIGEST:
            return f"its size of {self.size} bytes is not a database's plus the digest's: the end is missing"
        if self._tail != self._digest.digest():
            return "its end is not the SHA-256 of the rest: it is damaged"
        return ""


def verify(path: str) -> Check:
    """Read a file and return its check.

    :raises HomeopsError: it cannot be read or is no whole snapshot.
    """
    check = Check()
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                check.take(part)
    except OSError as error:
        raise HomeopsError("reading the snapshot", target=path, answer=error.strerror or str(error)) from error
    if fault := check.fault():
        raise HomeopsError("verifying the snapshot", target=path, answer=fault, remedy="Take another one")
    return check


def name(cluster: str, when: datetime) -> str:
    """Return the name of a snapshot's file; names of one cluster sort by time."""
    return f"etcd-{cluster}-{when.astimezone(UTC):%Y%m%dT%H%M%SZ}.snapshot"


def surplus(names: Sequence[str], cluster: str, keep: int) -> list[str]:
    """Return which files of a cluster are more than ``keep``, oldest first; 0 keeps all. Others' files never count."""
    mine = sorted(one for one in names if (found := _NAME.match(one)) and found["cluster"] == cluster)
    return mine[: max(0, len(mine) - keep)] if keep else []


@contextmanager
def private_file(path: str) -> Iterator[BinaryIO]:
    """Give a file to write to; it is there under its name only when the block ends well (0600)."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".snapshot-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
