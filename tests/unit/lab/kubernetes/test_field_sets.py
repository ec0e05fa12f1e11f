# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field sets are sets: the algebra holds for any of them, and comparing, merging and removing agree with it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from lab.kubernetes import fields
from lab.kubernetes.merge import merge
from lab.kubernetes.ownership import Writer, after_update, apply
from lab.kubernetes.schema import Node, custom, load

DEFINITIONS = load("v1.31.1")
ITEMS = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "integer"},
        "b": {"type": "string"},
        "deep": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "whole": {"type": "array", "items": {"type": "integer"}},
        "marks": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "items": {
            "type": "array",
            "items": ITEMS,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    },
}
NODE: Node = custom(SCHEMA, DEFINITIONS)
NAMES = st.sampled_from(["p", "q", "r"])
NUMBERS = st.integers(0, 3)
ITEM = st.fixed_dictionaries({"name": NAMES}, optional={"size": NUMBERS})
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "a": NUMBERS,
        "b": NAMES,
        "deep": st.fixed_dictionaries({}, optional={"x": NUMBERS, "y": NUMBERS}),
        "labels": st.dictionaries(NAMES, NAMES, min_size=1),
        "whole": st.lists(NUMBERS),
        "marks": st.lists(NAMES, unique=True, min_size=1),
        "items": st.lists(ITEM, unique_by=lambda item: item["name"], min_size=1),
    },
)
SETS = OBJECTS.map(lambda value: fields.to_set(value, NODE))


def members(trie: fields.Trie) -> set[tuple[str, ...]]:
    return set(fields.paths(trie))


@given(SETS, SETS)
def test_the_operations_are_those_of_sets(left: fields.Trie, right: fields.Trie) -> None:
    assert members(fields.union(left, right)) == members(left) | members(right)
    assert members(fields.intersection(left, right)) == members(left) & members(right)
    assert members(fields.difference(left, right)) == members(left) - members(right)


@given(OBJECTS)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert fields.compare(value, value, NODE) == ({}, {}, {})


@given(OBJECTS, OBJECTS)
def test_comparing_backwards_swaps_added_and_removed(old: dict[str, Any], new: dict[str, Any]) -> None:
    added, removed, modified = fields.compare(old, new, NODE)
    assert fields.compare(new, old, NODE) == (removed, added, modified)


@given(OBJECTS, OBJECTS)
def test_a_merge_takes_every_value_of_the_configuration(live: dict[str, Any], config: dict[str, Any]) -> None:
    merged = merge(live, config, NODE)
    _added, removed, modified = fields.compare(merged, config, NODE)
    assert not modified
    assert not members(removed) & members(fields.to_set(config, NODE))
    assert merge(merged, config, NODE) == merged


@given(OBJECTS, OBJECTS)
def test_an_apply_is_done_once(live: dict[str, Any], config: dict[str, Any]) -> None:
    """What was applied is owned, applying it again changes nothing, and applying nothing gives it back."""
    writer = Writer("me", "example.com/v1", "", "2026-01-01T00:00:00Z")
    base = {**live, "metadata": {"name": "o", "uid": "1"}}
    base["metadata"]["managedFields"] = after_update(
        {"metadata": {}}, base, NODE, Writer("other", "example.com/v1", "", "t")
    )
    wanted = {**config, "metadata": {"name": "o"}}
    merged, entries = apply(base, wanted, NODE, writer, True)
    again, unchanged = apply(
        {**merged, "metadata": {**merged["metadata"], "managedFields": entries}}, wanted, NODE, writer, False
    )
    assert (again, unchanged) == (merged, entries)
    mine = [entry["fieldsV1"] for entry in entries if entry["manager"] == "me"]
    claimed = fields.to_set(config, NODE)
    assert mine == ([claimed] if claimed else [])


def test_two_keys_and_a_default_make_one_item() -> None:
    """Ports of a Service are keyed by port and protocol, and a missing protocol is TCP."""
    ports = DEFINITIONS.kind("", "v1", "Service").fields["spec"].fields["ports"]  # type: ignore[union-attr]
    assert ports.keys == ("port", "protocol")
    assert fields.element_key({"port": 80}, ports) == 'k:{"port":80,"protocol":"TCP"}'
    merged = merge([{"port": 80, "protocol": "TCP", "name": "a"}], [{"port": 80, "name": "b"}], ports)
    assert merged == [{"port": 80, "protocol": "TCP", "name": "b"}]


def test_paths_are_shown_as_conflicts_show_them() -> None:
    trie = fields.to_set({"items": [{"name": "p", "size": 1}], "marks": ["q"]}, NODE)
    assert [fields.shown(path) for path in fields.paths(trie)] == [
        '.items[name="p"]',
        '.items[name="p"].name',
        '.items[name="p"].size',
        '.marks[="q"]',
    ]
