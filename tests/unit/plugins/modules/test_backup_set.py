# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_set: sealed with the cluster's id, refused for another cluster's bundle, opened with the right passphrase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import secrets
from ansible_collections.homeops.cluster.plugins.modules import backup_set
from ansible_collections.homeops.cluster.plugins.plugin_utils import twin

BUNDLE = Path(__file__).resolve().parents[2] / "fixtures" / "talos" / "secrets.yaml"
CONTROLLER = Context(encrypt=twin._encrypt, decrypt=twin._decrypt)


def run(path: Path, state: str, ctx: Context = CONTROLLER, **more: Any) -> dict[str, Any]:
    given = {"path": str(path), "state": state, "cluster": "home-ops", "secrets_file": str(BUNDLE), **more}
    checked = ArgumentSpecValidator(backup_set.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return backup_set.run(checked.validated_parameters, ctx)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set that only lacks its manifest."""
    made = tmp_path / "home-ops-20260101T000000Z"
    made.mkdir()
    (made / "secrets-bundle.yaml").write_text(twin._encrypt(BUNDLE.read_text(), "right"))
    return made


def test_a_sealed_set_is_verified_and_opened(folder: Path, tmp_path: Path) -> None:
    assert run(folder, "sealed", Context(check_mode=True))["changed"]
    assert not (folder / "manifest.json").exists()
    sealed = run(folder, "sealed")
    assert sealed["cluster_id"] == secrets.parse(BUNDLE.read_text()).cluster_id
    assert run(folder, "verified") == {**sealed, "changed": False}
    dest = tmp_path / "state" / "secrets.yaml"
    nowhere = {"secrets_file": str(dest), "dest": str(dest)}
    assert not run(folder, "verified", secrets_file=str(dest))["compared"]
    with pytest.raises(InputError, match="another passphrase"):
        run(folder, "opened", passphrase="wrong", **nowhere)
    assert not dest.exists()
    assert run(folder, "opened", passphrase="right", **nowhere)["changed"]
    assert (dest.read_text(), dest.stat().st_mode & 0o777) == (BUNDLE.read_text(), 0o600)
    assert not run(folder, "opened", passphrase="right", **nowhere)["changed"]
    dest.write_text("something else")
    with pytest.raises(InputError):
        run(folder, "opened", passphrase="right", secrets_file=None, dest=str(dest))
    assert dest.read_text() == "something else"


def test_a_set_of_another_cluster_is_refused(folder: Path, tmp_path: Path) -> None:
    run(folder, "sealed")
    other = tmp_path / "other.yaml"
    text = BUNDLE.read_text()
    mine = secrets.parse(text).cluster_id
    other.write_text(text.replace(mine, secrets.parse(text).cluster_secret))
    with pytest.raises(InputError, match="of another cluster"):
        run(folder, "verified", secrets_file=str(other))
    with pytest.raises(InputError, match="of another cluster"):
        run(folder, "verified", cluster="home")


def test_the_oldest_sealed_sets_go_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    for day in range(2, 5):
        later = tmp_path / f"home-ops-2026010{day}T000000Z"
        later.mkdir()
        (later / "file").write_text("")
        run(later, "sealed")
    (tmp_path / "notes").mkdir()
    # The one that was just sealed is kept even when the clock went back and it looks like the oldest.
    removed = run(folder, "sealed", keep=2)["removed"]
    assert [Path(path).name for path in removed] == ["home-ops-20260102T000000Z"]
    assert (folder / "manifest.json").exists()
    assert (tmp_path / "notes").exists()


def test_a_module_process_has_no_vault(folder: Path, tmp_path: Path) -> None:
    run(folder, "sealed")
    with pytest.raises(InputError, match="Ansible-vault is not at hand"):
        run(folder, "opened", Context(), passphrase="right", dest=str(tmp_path / "out"))
