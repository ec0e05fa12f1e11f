# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the checks say what the checks say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_docs


def test_every_check_has_its_page_and_its_line_in_the_index() -> None:
    pages = check_docs.render()
    index = pages[check_docs.FOLDER / "README.md"]
    for name, item in check_docs.register().items():
        text = pages[check_docs.FOLDER / f"{name}.md"]
        assert item.why in text
        assert item.rule in text
        assert f"]({name}.md)" in index
    assert len(pages) == len(check_docs.register()) + 1


def test_the_committed_pages_are_current() -> None:
    assert check_docs.main(["--check"]) == 0


def test_a_page_that_is_out_of_date_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    monkeypatch.setattr(check_docs, "FOLDER", tmp_path / "docs" / "checks")
    monkeypatch.setattr(check_docs, "register", check_docs.register().copy)
    assert check_docs.main(["--check"]) == 1
    assert "docs/checks/NET001.md is out of date" in capsys.readouterr().err
    assert check_docs.main([]) == 0
    (tmp_path / "docs" / "checks" / "OLD001.md").write_text("x", encoding="utf-8")
    assert check_docs.main(["--check"]) == 1
    assert check_docs.main([]) == 0
    assert check_docs.main(["--check"]) == 0
    assert not (tmp_path / "docs" / "checks" / "OLD001.md").exists()
