# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which field is meant, what must be written, what can be made, and the file of items."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.onepassword import (
    errors,
    item_plan,
    items,
    report,
    source,
)
from ansible_collections.homeops.cluster.plugins.module_utils.onepassword.generate import generate
from ansible_collections.homeops.cluster.plugins.module_utils.onepassword.items import Field, File, Item

CREDENTIALS = json.dumps({"verifier": {}, "version": "2"})


def item(*fields: Field, **more: Any) -> Item:
    return Item("Router", id="i" * 26, fields=fields, **more)


def test_a_field_is_found_by_label_then_by_id() -> None:
    found = item(Field("password", "a", "p1"), Field("token", "b", "password"))
    assert items.field_of(found).value == "a"
    assert items.field_of(found, "token").value == "b"
    assert items.field_of(found, "p1").value == "a"


def test_both_fields_of_one_label_are_named() -> None:
    found = item(Field("password", "a", "p1"), Field("password", "b", "p2", "old"))
    with pytest.raises(errors.FieldAmbiguous, match=r"p1.*and.*section 'old' \(id p2\)"):
        items.field_of(found, "password")
    assert items.field_of(found, "password", "old").value == "b"


def test_a_label_written_otherwise_is_named() -> None:
    with pytest.raises(errors.FieldMissing, match="written 'API Key' there"):
        items.field_of(item(Field("API Key", "a")), "api_key")


def test_a_document_gives_its_first_file() -> None:
    found = item(category="DOCUMENT", files=(File("a.json", "1"), File("b.json", "2")))
    assert items.file_of(found).id == "1"
    assert items.file_of(found, "b.json").id == "2"
    with pytest.raises(errors.FieldMissing, match=r"'a.json', 'b.json'"):
        items.file_of(found, "c.json")


@pytest.mark.parametrize(
    "text",
    [
        CREDENTIALS,
        base64.b64encode(CREDENTIALS.encode()).decode(),
        quote(base64.b64encode(CREDENTIALS.encode()).decode(), safe=""),
    ],
    ids=["json", "base64", "url-encoded base64"],
)
def test_every_form_of_credentials_is_read(text: str) -> None:
    assert items.connect_credentials(f" {text}\n") == CREDENTIALS


@pytest.mark.parametrize("text", [CREDENTIALS[:-4], "", '{"version": "1"}', base64.b64encode(b"x" * 40).decode()])
def test_credentials_that_were_cut_off_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        items.connect_credentials(text)


def test_a_token_that_was_cut_off_is_refused() -> None:
    whole = f"{'a' * 40}.{'b' * 80}.{'c' * 40}"
    assert items.connect_token(f"{whole}\n") == whole
    with pytest.raises(InputError, match="30 characters"):
        items.connect_token(whole[:30])


@given(length=st.integers(8, 64), symbols=st.booleans())
def test_a_password_is_as_its_recipe_says(length: int, symbols: bool) -> None:
    made = generate({"length": length, "symbols": symbols})
    assert len(made) == length
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + "-_.~" * symbols)
    assert any(letter.isdigit() for letter in made) and made.lower() != made != made.upper()


def test_recipes() -> None:
    assert len(generate({})) == 32
    assert len(generate({"hex": 16})) == 32
    assert len(base64.b64decode(generate({"base64": 24}))) == 24
    assert generate({"value": "postgres"}) == "postgres"
    for wrong in ({"hex": 1, "length": 2}, {"length": 65}, {"value": "x", "symbols": True}, {"hex": 0}):
        with pytest.raises(InputError):
            generate(wrong)


def test_a_plan_writes_what_differs_and_nothing_twice() -> None:
    there = item(Field("username", "op", "username"), Field("password", "old", "p/1"), tags=("a",))
    wanted = {
        "title": "Router",
        "tags": ["a", "b"],
        "fields": [
            {"label": "username", "value": "op"},
            {"label": "password", "value": "new"},
            {"label": "token", "generate": {}},
        ],
    }
    change = item_plan.plan(wanted, there, lambda recipe: "made")
    assert change.operations == [
        {"op": "replace", "path": "/fields/p~11/value", "value": "new"},
        {"op": "add", "path": "/fields", "value": {"label": "token", "type": "CONCEALED", "value": "made"}},
        {"op": "replace", "path": "/tags", "value": ["a", "b"]},
    ]
    assert (change.labels, change.generated) == (["password", "token"], ["token"])
    shown = json.dumps([change.before, change.after])
    assert "new" not in shown and "made" not in shown and "old" not in shown
    after = item(
        Field("username", "op", "username"), Field("password", "new", "p/1"), Field("token", "x"), tags=("a", "b")
    )
    assert not item_plan.plan(wanted, after).changed


def test_what_is_there_is_never_generated_anew() -> None:
    wanted = {"title": "Router", "fields": [{"label": "password", "generate": {}}]}
    assert not item_plan.plan(wanted, item(Field("password", "kept"))).changed
    assert item_plan.plan(wanted, item(Field("password", "", "p"))).generated == ["password"]
    made = item_plan.plan(wanted, None, lambda recipe: "made").create
    assert made is not None and made["fields"][0]["purpose"] == "PASSWORD"


@pytest.mark.parametrize(
    "fields", [[{"label": "x"}], [{"label": "x", "value": "1"}, {"label": "x", "value": "2"}]], ids=["none", "twice"]
)
def test_a_wrong_item_is_refused(fields: list[dict[str, str]]) -> None:
    with pytest.raises(InputError):
        item_plan.plan({"title": "Router", "fields": fields}, None)


def test_the_report_names_everything() -> None:
    declared = [
        {"title": "good", "fields": ["a"]},
        {"title": "gone", "fields": ["a", "b"], "generate": {"a": {}}},
        {"title": "twice", "fields": ["a"]},
        {"title": "part", "fields": ["a", "b", "c"], "generate": {"b": {}}},
        {"title": "same", "fields": ["a"]},
        {"title": "file", "document": True},
    ]
    there = {
        "good": Item("good", fields=(Field("a", "1"),)),
        "part": Item("part", fields=(Field("a", "1"), Field("c", ""))),
        "same": Item("same", fields=(Field("a", "1", "x"), Field("a", "2", "y"))),
        "file": Item("file", category="DOCUMENT"),
    }

    def find(title: str) -> Item:
        if title == "twice":
            raise source.ambiguous(title, "here", ["1", "2"])
        if title not in there:
            raise source.missing(title, "here")
        return there[title]

    rows = {row.title: row.facts() for row in report.report(declared, find)}
    assert {title: row["state"] for title, row in rows.items()} == {
        "good": "ok",
        "gone": "missing",
        "twice": "ambiguous",
        "part": "field missing",
        "same": "ambiguous",
        "file": "field missing",
    }
    assert (rows["gone"]["would_generate"], rows["gone"]["left"]) == (["a"], ["b"])
    assert (rows["part"]["missing"], rows["part"]["would_generate"]) == (["b", "c"], ["b"])


def test_a_file_of_items() -> None:
    text = "items:\n  A: {token: t, port: 587}\n  D: {files: {x.json: '{}'}}\n"
    found = source.FileSource("items.yaml", lambda path: text)
    assert source.value(found, "A", "token") == "t"
    assert source.value(found, "A", "port") == "587"
    assert source.value(found, "D") == "{}"
    with pytest.raises(errors.ItemMissing):
        found.find("B")


@pytest.mark.parametrize("text", ["items: [a", "a: b", "items: {A: hidden-text}", "hidden-text: 'x"])
def test_a_wrong_file_is_told_without_its_text(text: str) -> None:
    with pytest.raises(InputError) as caught:
        source.FileSource("items.yaml", lambda path: text)
    assert "hidden-text" not in str(caught.value)


def test_no_file() -> None:
    def read(path: str) -> str:
        raise FileNotFoundError(path)

    with pytest.raises(errors.SourceAbsent):
        source.FileSource("items.yaml", read)
