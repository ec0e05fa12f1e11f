# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values are found in the files of the inventory, and nothing is told when they came from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.model import locate

GROUPS = {"all": ["localhost", "n1"], "controller": ["localhost"], "nodes": ["n1"]}


@pytest.fixture(name="site")
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "site"
    write(
        site / "hosts.yml", "all:\n  vars:\n    inline: 1\n  children:\n    controller:\n      vars:\n        deep: x\n"
    )
    write(
        site / "group_vars" / "all" / "a.yml",
        "---\n# why\nnodes:\n  - name: n1\n    port: 1\n  - name: n2\n    port: 2\n",
    )
    write(
        site / "group_vars" / "all" / "b.yml",
        'whole:\n  nodes: "{{ nodes }}"\n  other: "{{ some | default(none) }}"\n  text: 1\n',
    )
    return site


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def nodes() -> list[dict[str, Any]]:
    return [{"name": "n1", "port": 1}, {"name": "n2", "port": 2}]


def find(site: Path, variable: str, path: tuple[Any, ...], value: Any, host: str = "localhost") -> str:
    return str(locate.Locator([str(site)], host, GROUPS).find(variable, path, value))


@pytest.mark.parametrize(
    ("path", "line"),
    [((), 3), ((0,), 4), ((0, "port"), 5), ((1, "name"), 6), ((1, "port"), 7), ((1, "gone"), 6), ((9,), 3)],
)
def test_each_element_has_its_line(site: Path, path: tuple[Any, ...], line: int) -> None:
    assert find(site, "nodes", path, nodes()) == f"site/group_vars/all/a.yml:{line}"


def test_a_value_from_elsewhere_has_no_place(site: Path) -> None:
    assert find(site, "nodes", (0,), [{"name": "other", "port": 1}]) == "None"
    assert find(site, "nodes", (0,), "text") == "None"
    assert find(site, "stranger", (), 1) == "None"


def test_a_template_agrees_with_what_it_became(site: Path) -> None:
    write(site / "group_vars" / "all" / "c.yml", 'doors:\n  a: "{{ 1 + 1 }}"\n  b: 3\n')
    assert find(site, "doors", ("a",), {"a": 2, "b": 3}) == "site/group_vars/all/c.yml:2"
    assert find(site, "doors", ("a",), {"a": 2, "b": 4}) == "None"


def test_the_variable_behind_a_subject_is_followed(site: Path) -> None:
    locator = locate.Locator([str(site)], "localhost", GROUPS)
    assert locator.variable_of("whole", "nodes") == "nodes"
    assert locator.variable_of("whole", "other") == "some"
    assert locator.variable_of("whole", "text") is None
    assert locator.variable_of("whole", "none") is None


def test_the_definition_that_wins_in_ansible_is_named(site: Path) -> None:
    write(site / "group_vars" / "all" / "z.yml", "nodes: [1]\n")
    assert find(site, "nodes", (0,), [1]) == "site/group_vars/all/z.yml:1"
    write(site / "group_vars" / "controller.yml", "nodes: [2]\n")
    assert find(site, "nodes", (0,), [2]) == "site/group_vars/controller.yml:1"
    assert find(site, "nodes", (0,), [1], host="n1") == "site/group_vars/all/z.yml:1"
    write(site / "host_vars" / "localhost" / "x.yaml", "nodes: [3]\n")
    assert find(site, "nodes", (0,), [3]) == "site/host_vars/localhost/x.yaml:1"


def test_variables_inside_an_inventory_file_are_found(site: Path) -> None:
    assert find(site, "inline", (), 1) == "site/hosts.yml:3"
    assert find(site, "deep", (), "x") == "site/hosts.yml:7"
    assert find(site, "deep", (), "x", host="n1") == "None"
    assert find(site / "hosts.yml", "nodes", (0,), nodes()) == "site/group_vars/all/a.yml:4"


def test_the_last_of_two_equal_keys_is_the_one(site: Path) -> None:
    write(site / "group_vars" / "all" / "d.yml", "twice:\n  a: 1\n  a: 2\n")
    assert find(site, "twice", ("a",), {"a": 2}) == "site/group_vars/all/d.yml:3"


def test_a_linked_file_is_named_where_it_is(site: Path) -> None:
    lab = site.parent / "lab" / "group_vars" / "all"
    lab.mkdir(parents=True)
    (lab / "10-model").symlink_to(os.path.relpath(site / "group_vars" / "all", lab))
    (lab / "10-model" / "loop").symlink_to("..")
    assert find(site.parent / "lab", "nodes", (0,), nodes()) == "site/group_vars/all/a.yml:4"


def test_files_that_are_no_yaml_are_passed_over(site: Path) -> None:
    write(site / "group_vars" / "all" / "e.yml", "a: [1\n")
    write(site / "group_vars" / "all" / "f.yml", "$ANSIBLE_VAULT;1.1;AES256\n3132\n")
    write(site / "group_vars" / "all" / "g.yml", "")
    (site / "group_vars" / "all" / "h.yml").write_bytes(b"\xff\xfe\x00binary")
    write(site / "group_vars" / "all" / ".hidden.yml", "nodes: [1]\n")
    write(site / "group_vars" / "all" / "i.yml~", "nodes: [1]\n")
    write(site / "group_vars" / "all" / "j.yml", "secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  31\n")
    assert find(site, "nodes", (0,), nodes()) == "site/group_vars/all/a.yml:4"
    assert find(site, "secret", (), "text") == "site/group_vars/all/j.yml:1"


def test_aliases_cost_no_more_than_the_patience(site: Path) -> None:
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, after in zip("abcdef", "bcdefg", strict=True)
    )
    write(site / "group_vars" / "all" / "k.yml", laughs)
    value = yaml.safe_load(laughs)["g"]
    assert find(site, "g", (0,), value).startswith("site/group_vars/all/k.yml:")


def test_before_templating_a_template_agrees_with_itself_alone(site: Path) -> None:
    write(site / "group_vars" / "all" / "z.yml", 'door: "{{ other }}/x"\nplain: 3\n')
    locator = locate.Locator([str(site)], "localhost", GROUPS, templated=False)
    assert str(locator.find("door", (), "{{ other }}/x")) == "site/group_vars/all/z.yml:1"
    assert str(locator.find("plain", (), 3)) == "site/group_vars/all/z.yml:2"
    locator = locate.Locator([str(site)], "localhost", GROUPS, templated=False)
    assert locator.find("door", (), "/given/on/the/command/line") is None
    assert find(site, "door", (), "/templated/x") == "site/group_vars/all/z.yml:1"


def test_sources_without_files_are_passed_over() -> None:
    locator = locate.Locator(["localhost,", "/does/not/exist"], "localhost", GROUPS)
    assert locator.find("nodes", (), []) is None
