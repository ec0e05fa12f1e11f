# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules over a repository: parameters, result, reports on disk, failure, and what is never overwritten."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.modules import repository_adopt, repository_check
from tests.harness import gitops_base
from tests.harness.gitops_edits import changed, write
from tests.harness.gitops_faults import BROKEN

FORMS = ("text", "json", "sarif", "html")


@pytest.fixture(name="right")
def _right(tmp_path: Path) -> Path:
    folder = tmp_path / "right"
    write(gitops_base.files(), folder)
    return folder


@pytest.fixture(name="wrong")
def _wrong(tmp_path: Path) -> Path:
    """A repository with one error (STO006) and one warning (BGP017)."""
    tree = gitops_base.files()
    for name in ("STO006", "BGP017"):
        tree = changed(next(fault for fault in BROKEN if fault.id == name).changes, tree)
    folder = tmp_path / "wrong"
    write(tree, folder)
    return folder


def call(face: Any, check_mode: bool = False, **params: Any) -> tuple[dict[str, Any], list[str]]:
    """Run a module's own function with parameters as Ansible would pass them; returns its result and what it showed."""
    checked = ArgumentSpecValidator(face.SPEC["argument_spec"]).validate(params)
    assert not checked.error_messages
    shown: list[str] = []
    return face.run(checked.validated_parameters, Context(check_mode=check_mode, show=shown.append)), shown


def test_a_right_repository_passes(right: Path) -> None:
    result, shown = call(repository_check, path=str(right))
    assert (result["counts"], result["findings"]) == ({"error": 0, "warn": 0, "ignore": 0}, [])
    assert (result["changed"], result["files"]) == (False, len(gitops_base.files()))
    assert shown[0].startswith(f"Findings in {right}\n")


@pytest.mark.parametrize(
    ("fail_on", "fails"), [("error", "STO006"), ("warn", "STO006, BGP017"), ("never", "")], ids=str
)
def test_it_fails_by_severity(wrong: Path, fail_on: str, fails: str) -> None:
    if not fails:
        assert call(repository_check, path=str(wrong), fail_on=fail_on)[0]["counts"] == {
            "error": 1,
            "warn": 1,
            "ignore": 0,
        }
        return
    with pytest.raises(repository_check.RepositoryError) as caught:
        call(repository_check, path=str(wrong), fail_on=fail_on)
    assert str(caught.value).endswith(f": {fails}.")
    assert [entry["id"] for entry in caught.value.facts["findings"]] == ["STO006", "BGP017"]


def test_warnings_alone_pass_until_they_are_asked_to_fail(wrong: Path) -> None:
    aside = [{"id": "STO006", "reason": "soon"}]
    assert call(repository_check, path=str(wrong), ignore=aside)[0]["counts"] == {"error": 0, "warn": 1, "ignore": 1}
    with pytest.raises(repository_check.RepositoryError, match="BGP017"):
        call(repository_check, path=str(wrong), ignore=aside, fail_on="warn")


def test_reports_are_written_once_and_before_the_failure(wrong: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reports = {form: str(out / f"report.{form}") for form in FORMS}
    with pytest.raises(repository_check.RepositoryError) as caught:
        call(repository_check, path=str(wrong), reports=reports)
    assert {form: entry["changed"] for form, entry in caught.value.facts["reports"].items()} == dict.fromkeys(
        FORMS, True
    )
    kept = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    assert set(kept) == {f"report.{form}" for form in FORMS}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o644 for file in out.iterdir())
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert found["findings"] == caught.value.facts["findings"]
    result, _shown = call(repository_check, path=str(wrong), reports=reports, fail_on="never")
    assert result["changed"] is False
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == kept


def test_check_mode_predicts_and_writes_nothing(right: Path, tmp_path: Path) -> None:
    report = tmp_path / "out" / "report.json"
    result, _shown = call(repository_check, check_mode=True, path=str(right), reports={"json": str(report)})
    assert result["changed"] is True
    assert not report.parent.exists()


def test_a_report_that_cannot_be_written_is_a_sentence(right: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(HomeopsError, match="Writing the report") as caught:
        call(repository_check, path=str(right), reports={"json": str(tmp_path / "file" / "report.json")})
    assert caught.value.param == "reports"
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HomeopsError, match="is no text"):
        call(repository_check, path=str(right), reports={"html": str(tmp_path / "binary")})
    assert (tmp_path / "binary").read_bytes() == b"\xff\xfe\x00"


def test_wrong_input_is_told_before_anything_is_read(right: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no directory"):
        call(repository_check, path=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="Did you mean NET001"):
        call(repository_check, path=str(right), ignore=[{"id": "net001", "reason": "x"}])


def test_adoption_writes_a_whole_inventory(right: Path, tmp_path: Path) -> None:
    dest = tmp_path / "inventories" / "house"
    result, shown = call(repository_adopt, path=str(right), name="house", dest=str(dest))
    assert (result["changed"], result["dest"], result["findings"]) == (True, str(dest), [])
    written = sorted(str(file.relative_to(dest)) for file in dest.rglob("*") if file.is_file())
    assert written == result["files"]
    assert {entry["key"] for entry in result["open"]} >= {"homeops_networks.management.vlan"}
    for entry in result["open"]:
        assert f"{entry['key']}: {entry['question']}" in shown[0]
    assert [item.name for item in dest.parent.iterdir()] == ["house"]


def test_adoption_never_overwrites(right: Path, tmp_path: Path) -> None:
    dest = tmp_path / "house"
    dest.mkdir()
    with pytest.raises(InputError, match="nothing of it is overwritten"):
        call(repository_adopt, path=str(right), name="house", dest=str(dest))
    assert list(dest.iterdir()) == []
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="nothing of it is overwritten"):
        call(repository_adopt, path=str(right), name="house", dest=str(link))


def test_adoption_in_check_mode_writes_nothing(right: Path, tmp_path: Path) -> None:
    dest = tmp_path / "inventories" / "house"
    result, _shown = call(repository_adopt, check_mode=True, path=str(right), name="house", dest=str(dest))
    assert result["changed"] is True and "hosts.yml" in result["files"]
    assert not dest.parent.exists()


@pytest.mark.parametrize("name", ["", "../house", "House", "a b", "a/b", "-a"])
def test_a_name_that_is_no_name_is_refused(right: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of an inventory"):
        call(repository_adopt, path=str(right), name=name, dest=str(tmp_path / "x"))


def test_an_inventory_that_cannot_be_written_leaves_nothing(right: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(HomeopsError, match="Writing the inventory"):
        call(repository_adopt, path=str(right), name="house", dest=str(tmp_path / "file" / "house"))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "right"]
