# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests from every source, and YAML as Kubernetes reads it."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import manifests
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.yaml_documents import documents

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"


def values(text: str) -> list[Any]:
    return [value for _line, value in documents(text, "f.yaml")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # as kubectl 1.33.4 `create --dry-run=client -o json` reads them
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("yes", True),
        ("off", False),
        ("0644", 0o644),
        ("0o644", 0o644),
        ("0x10", 16),
        ("-3", -3),
        ("1_000", 1000),
        ("0b11", 3),
        ("1.50", 1.5),
        ("1.5e+3", 1500.0),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("v1", "v1"),
        ("~", None),
        ("'1'", "1"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_kubectl(text: str, value: Any) -> None:
    (found,) = values(f"a: {text}")
    assert (found["a"], type(found["a"])) == (value, type(value))


@pytest.mark.parametrize("text", ["1e3", "7e10", "0e0", "1.5e3", "n"])
def test_what_pyyaml_writes_unquoted_as_text_stays_text(text: str) -> None:
    assert yaml.safe_dump({"a": text}) == f"a: {text}\n" or text == "n"
    assert values(f"a: {text}") == [{"a": text}]


def test_keys_are_texts_and_documents_know_their_line() -> None:
    text = "# first\n\na: 1\n---\n---\n8080: x\ntrue: y\n"
    assert list(documents(text, "f")) == [(3, {"a": 1}), (6, {"8080": "x", "true": "y"})]


def test_anchors_and_merge_keys_work_and_a_second_key_is_refused() -> None:
    assert values("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3\n")[0]["d"] == {"b": 3, "c": 2}
    with pytest.raises(InputError, match=r"f.yaml:3\).*'a' stands twice"):
        values("a: 1\nb: 2\na: 3\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\n", 2), ("a: 1\n  b: 2\n", 2), ("a: 1\n---\nb: *gone\n", 3), ("a: !!binary aGk=\n", 1), ("a: \x01", 1)],
)
def test_bad_yaml_is_told_with_file_and_line(text: str, line: int) -> None:
    with pytest.raises(InputError, match=r"not valid YAML \(f.yaml") as caught:
        values(text)
    assert f"f.yaml:{line})" in str(caught.value) or "\x01" in text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_json_is_read_as_json(value: dict[str, Any]) -> None:
    (found,) = values(json.dumps(value)) if value else ({},)
    assert found == value


@given(
    st.dictionaries(
        st.text("abc:-# '\n", max_size=5), st.text("abc01:-# '\n.yesno", max_size=12), min_size=1, max_size=4
    )
)
def test_text_that_yaml_wrote_comes_back_as_text(value: dict[str, str]) -> None:
    assert values(yaml.safe_dump(value)) == [value]


def body(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, **more}


def test_every_way_to_write_a_definition() -> None:
    for definition in (
        body(),
        [body()],
        CONFIG_MAP,
        [CONFIG_MAP],
        [[body()]],
        f"---\n{CONFIG_MAP}---\n",
        "- " + json.dumps(body()),
    ):
        assert [item.body for item in manifests.from_definition(definition)] == [body()]
    assert manifests.from_definition(None) == []


def test_lists_are_taken_apart() -> None:
    both = manifests.from_definition({"apiVersion": "v1", "kind": "List", "items": [body(), body()]})
    assert [item.source for item in both] == ["definition, item 1", "definition, item 2"]
    typed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "c"}}]}
    assert [item.body for item in manifests.from_definition(typed)] == [body()]


def test_a_directory_is_read_in_order_and_hidden_files_are_not(tmp_path: Path) -> None:
    for name in ("b/z.yml", "a.yaml", "b/a.json", ".git/x.yaml", "b/.y.yaml", "readme.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        text = (
            json.dumps(body(metadata={"name": path.stem}))
            if name.endswith("json")
            else CONFIG_MAP.replace("c}", f"{path.stem}}}")
        )
        path.write_text(text if not name.endswith("txt") else "nonsense: [")
    found = manifests.from_path(str(tmp_path))
    assert [Path(item.source.rpartition(":")[0]).name for item in found] == ["a.yaml", "a.json", "z.yml"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: A\nmetadata: {name: x}", "no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: x}", "no kind"),
        ("apiVersion: v1\nkind: A", "A has no metadata.name"),
        ("apiVersion: v1\nkind: A\nmetadata: {generateName: x-}", "generateName cannot be applied"),
        ("just text", "not an object"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: 5}", "no metadata.name"),
    ],
)
def test_what_is_no_manifest_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{CONFIG_MAP}---\n{text}\n")
    with pytest.raises(InputError) as caught:
        manifests.from_path(str(path))
    assert told in str(caught.value) and f"{path}:5" in str(caught.value)


def test_missing_files_and_empty_directories_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        manifests.from_path(str(tmp_path / "gone"))
    with pytest.raises(InputError, match="holds no manifests"):
        manifests.from_path(str(tmp_path))


def test_values_that_json_does_not_have_are_told_with_their_path() -> None:
    with pytest.raises(InputError, match=r"at data\.day"):
        manifests.from_definition(body(data={"day": datetime.date(2024, 1, 1)}))
    with pytest.raises(InputError, match=r"at data\.x"):
        manifests.from_definition(body(data={"x": float("nan")}))


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=5)),
    st.dictionaries(st.sampled_from("bcd"), st.just("AA==")),
)
def test_string_data_moves_into_data_and_wins(strings: dict[str, str], data: dict[str, str]) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": strings, "data": data}
    (found,) = manifests.from_definition(secret)
    assert "stringData" not in found.body
    assert set(found.body["data"]) == {*strings, *data}
    assert {key: base64.b64decode(found.body["data"][key]).decode() for key in strings} == strings


def test_what_only_the_server_writes_is_dropped_from_an_export() -> None:
    metadata = {"name": "c", "creationTimestamp": None, "managedFields": [], "generation": 3, "labels": {"a": "b"}}
    (found,) = manifests.from_definition(body(metadata=metadata))
    assert found.body["metadata"] == {"name": "c", "labels": {"a": "b"}}


def test_two_of_one_object_are_refused_with_both_places() -> None:
    first, second = manifests.Manifest(body(), "a.yaml:1"), manifests.Manifest(body(), "b.yaml:9")
    with pytest.raises(InputError, match=r"n/c is defined twice: in a.yaml:1 and in b.yaml:9"):
        manifests.refuse_duplicates([(("", "ConfigMap", "n", "c"), first), (("", "ConfigMap", "n", "c"), second)])
