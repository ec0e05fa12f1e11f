# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history is bounded, forgives lines that it does not understand, and tells how numbers have moved."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.overview import history
from ansible_collections.homeops.cluster.plugins.module_utils.overview.areas import Area, Number
from ansible_collections.homeops.cluster.plugins.module_utils.status.report import Finding

from .overview_samples import NOW

GI = 2**30


def area(state: str = "ok", value: float = 0, most: float | None = None, unit: str = "bytes") -> Area:
    found = Area("storage", numbers=[Number("storage_used", "mini01/ssd", unit, value, most)])
    if state != "ok":
        found.findings.append(Finding(state, "disk", "is full"))
    return found


def line(days: float, state: str = "ok", value: float = 0, **more: Any) -> dict[str, Any]:
    made = history.line(NOW - timedelta(days=days), "home", state, [area(state, value)], whole=True)
    return {**made, **more}


def test_a_line_says_when_what_and_how_much() -> None:
    assert history.line(NOW, "home", "warning", [area("warning", 5)], whole=True) == {
        "schema": 1,
        "at": "2026-03-01T12:00:00+00:00",
        "cluster": "home",
        "worst": "warning",
        "areas": {"storage": "warning"},
        "values": {"storage_used:mini01/ssd": 5},
    }


def test_a_run_over_some_nodes_says_nothing_of_the_state_of_areas() -> None:
    made = history.line(NOW, "home", "critical", [area("critical", 5)], whole=False)
    assert (made["worst"], made["areas"], made["values"]) == (None, {}, {"storage_used:mini01/ssd": 5})


def test_strange_lines_are_counted_and_other_clusters_kept_and_left_out() -> None:
    lines = [
        json.dumps(line(2)),
        '{"schema": 1, "at": "2026-02',
        "",
        "null",
        json.dumps({**line(1), "schema": 2}),
        json.dumps({**line(1), "at": "yesterday"}),
        json.dumps({**line(1), "cluster": "other"}),
    ]
    kept, mine, strange = history.parse("\n".join(lines), "home")
    assert (kept, strange) == ([lines[0], lines[-1]], 4)
    assert [one["at"] for one in mine] == [line(2)["at"]]


@given(st.lists(st.integers(0, 10**6), max_size=30), st.integers(1, 12))
def test_what_was_written_is_read_again_and_never_longer_than_its_length(values: list[int], length: int) -> None:
    text = ""
    for number, value in enumerate(values):
        kept, _mine, strange = history.parse(text, "home")
        assert strange == 0
        text = history.extended(kept, line(len(values) - number, value=value), length)
    _kept, mine, _strange = history.parse(text, "home")
    assert [one["values"]["storage_used:mini01/ssd"] for one in mine] == values[-length:]


def test_the_first_run_has_nothing_to_compare_with() -> None:
    (trend,) = history.trends([area(value=GI)], [], NOW)
    assert (trend.since, trend.before, trend.change, trend.per_day, trend.days_left) == (None, None, 0, None, None)
    assert trend.text == "1.0 GiB, first seen now"


def test_growth_is_told_since_the_oldest_run_with_the_day_at_which_it_is_full() -> None:
    lines = [line(10, value=10 * GI), line(5, value=11 * GI), {**line(1), "values": {}}]
    (trend,) = history.trends([area(value=20 * GI, most=30 * GI)], lines, NOW)
    assert (trend.before, trend.change, trend.per_day, trend.days_left) == (10 * GI, 10 * GI, GI, 10.0)
    assert trend.text == "20.0 GiB, +10.0 GiB since 2026-02-19 12:00, full in 10 days at this pace"


@pytest.mark.parametrize(
    ("value", "most", "days", "text"),
    [
        (5 * GI, None, 10, "5.0 GiB, -5.0 GiB since 2026-02-19 12:00"),
        (10 * GI, 30 * GI, 10, "10.0 GiB, unchanged since 2026-02-19 12:00"),
        (20 * GI, 30 * GI, 0.5, "20.0 GiB, +10.0 GiB since 2026-03-01 00:00"),
    ],
)
def test_no_end_is_foretold_without_growth_or_without_a_day_of_history(
    value: float, most: float | None, days: float, text: str
) -> None:
    (trend,) = history.trends([area(value=value, most=most)], [line(days, value=10 * GI)], NOW)
    assert (trend.days_left, trend.text) == (None, text)


def test_the_life_of_a_token_is_told_in_days() -> None:
    (trend,) = history.trends([area(value=5 * 86400, unit="seconds")], [line(2, value=7 * 86400)], NOW)
    assert trend.text == "5.0 days, -2.0 days since 2026-02-27 12:00"


def test_a_state_lasts_as_long_as_the_runs_agree() -> None:
    lines = [line(9, "critical"), line(8), line(3, "critical"), {**line(2), "areas": {}}, line(1, "critical")]
    assert history.state_since(area("critical"), lines, NOW) == line(3)["at"]
    assert history.state_since(area(), lines, NOW) == NOW.isoformat()
    assert history.state_since(area(), [], NOW) == NOW.isoformat()
