# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that has modules compiled once: with Ansible's own loader class, and with one that has another way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from ansible.utils.collection_loader import _collection_finder

from ansible_collections.homeops.cluster.plugins.callback import plugins_once

Loader = Any


@pytest.fixture
def keeping() -> type[Loader]:
    """A loader class as Ansible's, that keeps what it compiles; Ansible's own stays as it is."""

    class Keeping(_collection_finder._AnsibleCollectionPkgLoaderBase):
        pass

    plugins_once.keep_compiled(Keeping)
    return Keeping


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Where a collection's modules may lie."""
    package = tmp_path / "ansible_collections" / "some" / "thing"
    package.mkdir(parents=True)
    return package


@pytest.fixture
def code_of(package: Path) -> Callable[..., CodeType]:
    """The code of the module ``said.py``, by a new loader of a class."""

    def code_of(kind: type[Loader]) -> CodeType:
        loader = kind("ansible_collections.some.thing.said", path_list=[str(package)])
        loader._source_code_path = str(package / "said.py")
        code = loader.get_code("ansible_collections.some.thing.said")
        assert isinstance(code, CodeType)
        return code

    return code_of


def said(code: CodeType) -> Any:
    """What the module says when it runs."""
    scope: dict[str, Any] = {}
    exec(code, scope)
    return scope["SAID"]


def write(path: Path, text: str, moment: int) -> None:
    """Write a module of that text, changed at that moment."""
    path.write_text(text)
    os.utime(path, (moment, moment))


def test_it_is_compiled_once_until_it_changes(
    package: Path, keeping: type[Loader], code_of: Callable[..., CodeType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    write(package / "said.py", "SAID = 1\n", 1_000_000_000)
    first = code_of(keeping)
    assert said(first) == 1 and first.co_filename == str(package / "said.py")
    (kept,) = (package / "__pycache__").iterdir()
    before = kept.stat().st_ino
    assert said(code_of(keeping)) == 1 and kept.stat().st_ino == before
    write(package / "said.py", "SAID = 2\n", 1_000_000_001)
    assert said(code_of(keeping)) == 2 and kept.stat().st_ino != before


def test_ansibles_own_class_keeps_nothing(package: Path, code_of: Callable[..., CodeType]) -> None:
    write(package / "said.py", "SAID = 1\n", 1_000_000_000)
    assert said(code_of(_collection_finder._AnsibleCollectionPkgLoaderBase)) == 1
    assert not (package / "__pycache__").exists()


def test_where_nothing_can_be_kept_it_is_compiled(
    package: Path, keeping: type[Loader], code_of: Callable[..., CodeType]
) -> None:
    write(package / "said.py", "SAID = 1\n", 1_000_000_000)
    (package / "__pycache__").write_text("in the way")
    assert said(code_of(keeping)) == 1


def test_a_module_that_is_no_python_says_where(
    package: Path, keeping: type[Loader], code_of: Callable[..., CodeType]
) -> None:
    write(package / "said.py", "SAID = (\n", 1_000_000_000)
    with pytest.raises(SyntaxError) as caught:
        code_of(keeping)
    assert caught.value.filename == str(package / "said.py")


def test_a_package_without_a_file_is_left_to_ansible(package: Path, keeping: type[Loader]) -> None:
    (package / "inner").mkdir()
    loader = keeping("ansible_collections.some.thing.inner", path_list=[str(package)])
    assert loader.get_code("ansible_collections.some.thing.inner") is None


def test_a_class_with_another_way_stays_as_it_is() -> None:
    class Other:
        def get_code(self, fullname: str) -> str:
            return f"the code of {fullname}"

    plugins_once.keep_compiled(Other)
    assert Other().get_code("x") == "the code of x"
    plugins_once.keep_compiled(None)
    plugins_once.keep_compiled(object)


def test_a_second_time_adds_nothing(keeping: type[Loader]) -> None:
    once = keeping.get_code
    plugins_once.keep_compiled(keeping)
    assert keeping.get_code is once
