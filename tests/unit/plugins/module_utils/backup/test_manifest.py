# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of backup sets: what they say, what they find out, and which sets are too many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.backup import manifest as backup
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "router").mkdir()
    (tmp_path / "router" / "default.json").write_text("{}")
    (tmp_path / "etcd-home-ops-20260101T000000Z.snapshot").write_bytes(b"x" * 544)
    return tmp_path


def test_what_is_sealed_is_found_again_and_private(folder: Path) -> None:
    sealed = backup.seal(str(folder), "home-ops", "an id")
    assert backup.opened(str(folder)) == sealed
    assert [part.path for part in sealed.parts] == ["etcd-home-ops-20260101T000000Z.snapshot", "router/default.json"]
    assert sealed.snapshots == ["etcd-home-ops-20260101T000000Z.snapshot"]
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"x" * 500, "500 bytes instead of 544"), (b"y" * 544, "another SHA-256"), (None, "is missing")],
)
def test_a_changed_file_is_named(folder: Path, content: bytes | None, text: str) -> None:
    backup.seal(str(folder), "home-ops", "an id")
    (path,) = folder.glob("*.snapshot")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=text) as refusal:
        backup.opened(str(folder))
    assert path.name in str(refusal.value)


def test_a_run_that_did_not_end_is_no_set(folder: Path) -> None:
    with pytest.raises(InputError, match="no complete backup"):
        backup.opened(str(folder))
    with pytest.raises(InputError, match="nothing to seal"):
        backup.seal(str(folder / "nothing"), "home-ops", "an id")


@pytest.mark.parametrize(
    "change",
    [{"format": "other/1"}, {"files": [{"path": "../out", "size": 1, "sha256": ""}]}, {"files": [{}]}, {"files": 3}],
)
def test_what_is_no_manifest_is_refused(folder: Path, change: dict[str, object]) -> None:
    text = backup.seal(str(folder), "home-ops", "an id").as_json()
    with pytest.raises(InputError, match="not usable"):
        backup.parse(json.dumps({**json.loads(text), **change}), "here")
    with pytest.raises(InputError, match="not usable"):
        backup.parse("[]", "here")


def test_another_cluster_with_the_same_name_is_refused(folder: Path) -> None:
    sealed = backup.seal(str(folder), "home-ops", "an id")
    backup.same_cluster(sealed, "an id", "this one")
    with pytest.raises(InputError, match=r"of another cluster.*this one has the id other"):
        backup.same_cluster(sealed, "other", "this one")


def test_the_oldest_of_this_cluster_go() -> None:
    names = [f"home-ops-2026010{day}T000000Z" for day in (3, 1, 2)]
    others = ["home-ops-20250101", "home-20200101T000000Z", "notes", "etcd-home-ops-20200101T000000Z.snapshot"]
    assert backup.surplus([*names, *others], "home-ops", 2) == ["home-ops-20260101T000000Z"]
    assert backup.surplus(names, "home-ops", 0) == []
