# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots: whole or not there."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import snapshot


def made(pages: int = 3) -> bytes:
    body = b"database" * (pages * 64)
    return body + hashlib.sha256(body).digest()


@given(st.lists(st.integers(1, 700), max_size=30))
def test_the_parts_do_not_matter(cuts: list[int]) -> None:
    """However a snapshot is cut into parts, the same is found."""
    check, whole, at = snapshot.Check(), made(), 0
    for size in [*cuts, len(whole)]:
        check.take(whole[at : at + size])
        at += size
    assert (check.fault(), check.size) == ("", len(whole))
    assert check.sha256 == hashlib.sha256(whole[:-32]).hexdigest()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "it has 0 bytes"),
        (made()[:-1], "the end is missing"),
        (made()[:-512], "its end is not the SHA-256"),
        (b"D" + made()[1:], "it is damaged"),
    ],
)
def test_what_is_no_whole_snapshot(tmp_path: Path, data: bytes, fault: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(HomeopsError, match=fault):
        snapshot.verify(str(path))


def test_a_whole_file_is_verified(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(made())
    assert snapshot.verify(str(path)).size == len(made())
    with pytest.raises(HomeopsError, match="No such file"):
        snapshot.verify(str(tmp_path / "none"))


def test_a_file_is_there_only_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x"

    def broken() -> None:
        with snapshot.private_file(str(path)) as file:
            file.write(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken()
    assert os.listdir(path.parent) == []
    with snapshot.private_file(str(path)) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_our_own_oldest_are_surplus() -> None:
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    names = [snapshot.name("home-ops", when) for when in times]
    others = [snapshot.name("other", times[1]), "etcd.snapshot", "notes.txt", snapshot.name("home", times[1])]
    assert snapshot.surplus([*names, *others], "home-ops", 1) == [names[1], names[2]]
    assert snapshot.surplus([*names, *others], "home-ops", 0) == []
    assert snapshot.surplus(names, "home-ops", 5) == []
