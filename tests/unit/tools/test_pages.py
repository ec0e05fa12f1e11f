# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generated pages and the stand-in for ansible-test's bootstrap script."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools import constraints, docs, markdown, module_pages, role_readme, sanity

ROLE = role_readme.Role(
    "web",
    {
        "main": {
            "short_description": "Serves pages.",
            "description": ["Uses C(httpd)."],
            "options": {
                "web_port": {"type": "int", "description": "Where O(web_host) listens."},
                "web_host": {"required": True, "type": "str", "description": "A name | an address."},
                "web_sites": {
                    "type": "list",
                    "elements": "dict",
                    "description": "Sites.",
                    "options": {"name": {"type": "str", "choices": ["a", "b"], "description": "Name."}},
                },
            },
        }
    },
    {"web_port": 80, "web_sites": []},
)


def test_a_role_page_tells_types_defaults_and_nested_options() -> None:
    lines = role_readme.page(ROLE).splitlines()
    assert lines[0] == "# web"
    assert "| `web_host` | str | required | A name \\| an address. |" in lines
    assert next(line for line in lines if "`web_port`" in line).startswith("| `web_port` | int | `80` |")
    assert next(line for line in lines if "`web_sites`" in line).startswith("| `web_sites` | list of dict | `[]` |")
    assert any(line.startswith("| `web_sites[].name` |") and "`a`, `b`" in line for line in lines)


def test_a_role_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "argument_specs.yml").write_text("argument_specs:\n  main:\n    short_description: X\n")
    role = role_readme.load(tmp_path)
    assert (role.summary, dict(role.defaults)) == ("X", {})


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a", "`a`"), ("", '`""'), (True, "`true`"), (None, "`null`"), ([], "`[]`"), ({"a": 1}, '`{"a": 1}`')],
)
def test_values_are_shown_as_they_would_be_written(value: Any, shown: str) -> None:
    assert markdown.code(value).startswith(shown)


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        ("Set O(name=x) or V(a\\)b).", "Set `name=x` or `a)b`."),
        ("See M(a.b.c), O(a.b.c#module:node) and RV(ignore:x).", "See `a.b.c`, `node` and `ignore:x`."),
        ("L(the guide, https://example.org/x) B(must) I(may) U(https://example.org)",
         "[the guide](https://example.org/x) **must** *may* <https://example.org>"),
        ("A plain text (with brackets), DNS(no macro).", "A plain text (with brackets), DNS(no macro)."),
    ],
)  # fmt: skip
def test_documentation_markup_becomes_markdown(markup: str, shown: str) -> None:
    assert markdown.text(markup) == shown


MODULE: dict[str, Any] = {
    "doc": {
        "short_description": "Do it",
        "description": ["Does O(name)."],
        "options": {
            "zone": {"type": "str", "description": "Zone.", "default": "a"},
            "name": {"type": "list", "elements": "dict", "required": True, "description": "Name.",
                     "suboptions": {"part": {"type": "str", "description": "Part."}}},
        },
        "attributes": {"check_mode": {"support": "full", "description": "Can."}},
    },
    "examples": "- homeops.cluster.do_it:\n    name: []\n",
    "return": {"done": {"type": "dict", "returned": "always", "description": "Done.",
                        "contains": {"at": {"type": "str", "description": "When."}}}},
}  # fmt: skip


def test_a_module_page_has_everything_ansible_doc_says() -> None:
    lines = module_pages.page("do_it", "module", MODULE).splitlines()
    assert lines[0] == "# homeops.cluster.do_it"
    options = [line.split("|")[1].strip() for line in lines if line.startswith("| `")]
    assert options == ["`name`", "`name[].part`", "`zone`", "`done`", "`done.at`"]
    assert any(line.startswith("| check_mode | full |") for line in lines)
    assert "- homeops.cluster.do_it:" in lines


def test_pages_that_differ_or_lost_their_plugin_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    (tmp_path / "modules").mkdir()
    same, other, missing, orphan = (
        tmp_path / "modules" / f"{name}.md" for name in ("same", "other", "missing", "orphan")
    )
    same.write_text("x")
    other.write_text("x")
    orphan.write_text("x")
    pages = {same: "x", other: "y", missing: "z"}
    assert docs.stale(pages) == [other, missing]
    assert docs.orphans(pages) == [orphan]


def test_a_plugin_that_ansible_doc_refuses_is_named() -> None:
    with pytest.raises(RuntimeError, match="no_such_module"):
        module_pages.ask("module", ["no_such_module"])


def test_the_bootstrap_stand_in_installs_the_wheel_beside_it(tmp_path: Path) -> None:
    # Not pip, but what of pip the stand-in calls.
    wheel = tmp_path / "pip-24.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("pip/__init__.py", "pip/_internal/__init__.py", "pip/_internal/cli/__init__.py"):
            archive.writestr(name, "")
        archive.writestr("pip/_internal/cli/main.py", "def main(arguments):\n    print(*arguments)\n")
    slot = tmp_path / "get_pip_24_2.py"
    slot.write_text(sanity.GET_PIP)
    arguments = ["--disable-pip-version-check", "pip==24.2", "--no-setuptools", "--no-wheel"]
    answer = subprocess.run(
        [sys.executable, "-I", str(slot), *arguments],
        env={**os.environ, "GET_PIP": str(slot)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.split() == ["install", "--upgrade", "--disable-pip-version-check", str(wheel)]


def test_what_sanity_checks_is_the_release(tmp_path: Path) -> None:
    tree = sanity.release(tmp_path, dict(os.environ))
    assert tree == tmp_path / "ansible_collections" / "homeops" / "cluster"
    listed = subprocess.run(["git", "ls-files"], cwd=tree, capture_output=True, text=True, check=True).stdout.split()
    assert {"MANIFEST.json", "plugins/modules/talos_apply.py", "roles/talos/tasks/main.yml"} <= set(listed)
    # Of the checkout only what build_ignore leaves: no lab, no tests, no inventory, no link to itself.
    known = {"changelogs", "docs", "meta", "playbooks", "plugins", "roles"}
    assert {name.partition("/")[0] for name in listed if "/" in name} == known


def test_pip_report_becomes_pins() -> None:
    report = {"install": [{"metadata": {"name": name, "version": "1"}} for name in ("b", "PyYAML", "Jinja2")]}
    assert constraints.pinned(report) == ["b==1", "Jinja2==1", "PyYAML==1"]
