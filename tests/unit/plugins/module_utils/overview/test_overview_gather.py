# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many systems are asked at once; one that hangs costs its own deadline and nobody else's answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.overview.gather import (
    ANSWERED,
    FAILED,
    TIMEOUT,
    Job,
    gather,
)

#: Far beyond what any test may take: who waited for it would show.
LONG = 600.0


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Systems that hang wait for this; it comes when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_answers_come_in_the_order_of_the_jobs() -> None:
    jobs = [Job(f"kind:{number}", lambda number=number: number * 2, LONG) for number in range(50)]
    found = gather(jobs, slots=4)
    assert list(found) == [job.name for job in jobs]
    assert [answer.value for answer in found.values()] == [number * 2 for number in range(50)]
    assert {answer.state for answer in found.values()} == {ANSWERED}


def test_nothing_to_ask_is_no_answer() -> None:
    assert gather([]) == {}


def test_a_failure_is_told_in_its_own_words_and_takes_nobody_along() -> None:
    def fails() -> None:
        raise HomeopsError("reading", target="mini02", answer="connection refused")

    def odd() -> None:
        raise KeyError("spec")

    found = gather([Job("a", lambda: 1, LONG), Job("b", fails, LONG), Job("c", odd, LONG)])
    assert found["a"].value == 1
    assert (found["b"].state, found["b"].reason) == (FAILED, "Reading on mini02 failed: connection refused")
    assert (found["c"].state, found["c"].reason) == (FAILED, "its answer was not understood (KeyError: 'spec')")


def test_one_that_hangs_is_named_with_its_timeout_and_all_others_answer(never: threading.Event) -> None:
    jobs = [Job(f"node:{number}", lambda number=number: number, LONG) for number in range(20)]
    jobs.insert(3, Job("node:hangs", never.wait, 0.2))
    found = gather(jobs, slots=4, patience=0.05)
    hanging = found.pop("node:hangs")
    assert (hanging.state, hanging.timeout, hanging.reason) == (TIMEOUT, 0.2, "no answer within 0.2 s")
    assert hanging.value is None
    assert [answer.value for answer in found.values()] == list(range(20))


def test_more_that_hang_than_there_are_slots_do_not_queue_for_one_anothers_deadline(never: threading.Event) -> None:
    """They give up their slots: all of them are waiting at the same moment, and those behind them are asked."""
    together = threading.Barrier(9, timeout=LONG / 2)
    met = threading.Event()

    def hangs() -> None:
        together.wait()
        never.wait()

    def behind() -> str:
        together.wait()
        met.set()
        return "answered"

    jobs = [Job(f"hangs:{number}", hangs, 1.0) for number in range(8)]
    found = gather([*jobs, Job("behind", behind, LONG)], slots=2, patience=0.05)
    # The barrier opens only when all nine are under way at once, with two slots.
    assert met.is_set()
    assert found["behind"].value == "answered"
    assert [found[job.name].state for job in jobs] == [TIMEOUT] * 8


def test_no_more_than_the_slots_are_under_way_while_all_answer() -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def ask() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.005)
        with lock:
            under_way -= 1

    gather([Job(f"job:{number}", ask, LONG) for number in range(30)], slots=3, patience=LONG)
    assert 1 <= most <= 3


def test_a_late_answer_is_dropped(never: threading.Event) -> None:
    late = threading.Event()
    ended = threading.Event()

    def ask() -> str:
        late.wait()
        ended.set()
        return "late"

    found = gather([Job("late", ask, 0.1)])
    assert found["late"].state == TIMEOUT
    late.set()
    assert ended.wait(LONG)
    assert found["late"].value is None
