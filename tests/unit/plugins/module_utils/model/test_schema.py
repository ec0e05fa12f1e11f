# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema language: every problem at once, each with a way out, and a clean copy that can be trusted."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.model import leaves
from ansible_collections.homeops.cluster.plugins.module_utils.model.schema import (
    Free,
    Keys,
    Leaf,
    ListOf,
    Reject,
    examine,
    nearest,
    show,
)

PORT = leaves.number(1, 65535, "a port")
DOOR = Keys(need={"name": leaves.name(), "port": PORT}, may={"host": leaves.host()})


def problems(value: Any, schema: Any) -> list[tuple[str, tuple[Any, ...], str | None]]:
    return [(problem.kind, problem.path, problem.use) for problem in examine(value, schema)[1]]


def test_a_right_value_is_returned_whole() -> None:
    value = {"name": "a", "port": 1, "host": "a.b"}
    assert examine(value, DOOR) == (value, [])


def test_all_problems_are_told_at_once_and_the_rest_is_kept() -> None:
    clean, found = examine([{"name": "A", "port": "80", "hots": "x.y"}, 5, {"port": 70000}], ListOf(DOOR))
    assert [(problem.kind, problem.path, problem.use) for problem in found] == [
        ("wrong", (0, "name"), None),
        ("wrong", (0, "port"), "80"),
        ("unknown", (0, "hots"), "host"),
        ("wrong", (1,), None),
        ("wrong", (2, "port"), None),
        ("missing", (2, "name"), None),
    ]
    assert clean == [{}, None, {}]


def test_a_misspelt_key_that_is_missing_is_one_problem() -> None:
    assert problems({"name": "a", "Port": 1}, DOOR) == [("unknown", ("Port",), "port")]


def test_a_key_that_is_no_text_is_unknown() -> None:
    assert problems({"name": "a", "port": 1, 7: 1}, DOOR) == [("unknown", ("7",), None)]


def test_free_maps_take_any_key_of_the_right_value() -> None:
    assert problems({"a": 1, "b": "x"}, Keys(rest=PORT)) == [("wrong", ("b",), None)]
    assert examine({"a": [None]}, Free()) == ({"a": [None]}, [])


def test_a_list_can_be_too_short() -> None:
    assert problems([], ListOf(PORT, least=1)) == [("wrong", (), None)]


def test_a_claimed_key_carries_its_check() -> None:
    problem = examine({"password": "x"}, Keys(claims={"password": "BGP007"}))[1][0]
    assert (problem.claim, problem.use) == ("BGP007", None)


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        (leaves.boolean(), True),
        (leaves.number(0, 5), 0),
        (leaves.cidr(4), "10.0.0.1/8"),
        (leaves.cidr(6), "::/0"),
        (leaves.address(), "fe80::1"),
        (leaves.address(4), "10.0.0.1"),
        (leaves.san(), "api.example.net"),
        (leaves.san(), "fd00::1"),
        (leaves.name(), "a-1"),
        (leaves.host(), "a.b"),
        (leaves.duration(), "1h30m"),
        (leaves.moment(), "2026-11-28T03:00:00Z"),
        (leaves.moment(), "2028-02-29T23:59:59.123456789-07:00"),
        (leaves.size(), "20Gi"),
        (leaves.size(), "1TB"),
        (leaves.community(), "64512:100"),
        (leaves.version(), "16.4"),
    ],
)
def test_right_values(leaf: Leaf, value: Any) -> None:
    leaf.accept(value)


@pytest.mark.parametrize(
    ("leaf", "value", "words", "use"),
    [
        (leaves.boolean(), "yes", "a text, not true or false", None),
        (leaves.boolean(), 1, "a number", None),
        (leaves.number(0, 5), True, "a boolean", None),
        (leaves.number(0, 5), 6, "from 0 to 5", None),
        (leaves.number(0, 5), " 4 ", "a text", "4"),
        (leaves.number(0, 5), 4.0, "with a fraction", None),
        (leaves.cidr(4), "10.0.0.0", "not an IPv4 network such as", None),
        (leaves.cidr(4), "10.0.0/8", "not an IPv4 network such as", None),
        (leaves.cidr(4), "10.0.0.0/255.0.0.0", "not an IPv4 network such as", None),
        (leaves.cidr(4), "fd00::/8", "an IPv6 network, not an IPv4 network", None),
        (leaves.cidr(4), "10.0.0.0/33", "not an IPv4 network", None),
        (leaves.cidr(4), None, "null", None),
        (leaves.address(), "10.0.0.1/32", "a network, not", "10.0.0.1"),
        (leaves.address(), "1.2.3", "not an IP address", None),
        (leaves.address(4), "::1", "an IPv6 address", None),
        (leaves.address(), "fe80::1%eth0", "not an IP address", None),
        (leaves.san(), "-a", "neither", None),
        (leaves.name(), "A", "lower-case", None),
        (leaves.host(), "localhost", "at least one dot", None),
        (leaves.host(), "10.0.0.1", "at least one dot", None),
        (leaves.version(), 1.20, "must be quoted", '"1.2"'),
        (leaves.version(), 16, "a number", None),
        (leaves.community(), 64512 * 60 + 100, "sexagesimal", None),
        (leaves.community(), "70000:1", "not a standard community", None),
        (leaves.duration(), "10", "not a duration", None),
        (leaves.moment(), "2026-11-28T03:00:00", "a moment with its time zone", None),
        (leaves.moment(), "2026-11-28 03:00:00Z", "a moment with its time zone", None),
        (leaves.moment(), "2027-02-29T03:00:00Z", "a moment with its time zone", None),
        (leaves.moment(), "2026-11-28T03:00:00+25:00", "a moment with its time zone", None),
        (leaves.moment(), datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC), "in quotes", None),
        (leaves.one_of("sync", "upsert-only"), "upsert_only", "one of", "upsert-only"),
        (leaves.text(), "  ", "empty", None),
    ],
)
def test_wrong_values_say_what_is_needed(leaf: Leaf, value: Any, words: str, use: str | None) -> None:
    with pytest.raises(Reject) as caught:
        leaf.accept(value)
    assert words in caught.value.text
    assert caught.value.use == use


def test_values_are_shown_short_on_one_line_and_never_when_secret() -> None:
    assert show("a\nb") == repr("a\nb")
    assert len(show("x" * 500)) == 80
    assert show("hunter2", ("bgp", "password")) == "a text (not shown)"
    assert "hunter2" not in show("https://me:hunter2@example.org/r")
    assert show({"a": 1}) == "a map"
    assert show("\x1b[31m").isprintable()


def test_did_you_mean_ignores_case_and_dashes() -> None:
    assert nearest("Cluster-ASN", ["cluster_asn", "router"]) == "cluster_asn"
    assert nearest("clusterasn", ["cluster_asn", "router"]) == "cluster_asn"
    assert nearest("zebra", ["cluster_asn", "router"]) is None
