# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a node may go: what heals is waited for by name, what never will ends the wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import (
    Forbidden,
    KubernetesError,
    Unreachable,
)
from ansible_collections.homeops.cluster.plugins.module_utils.longhorn import healing, replicas
from ansible_collections.homeops.cluster.plugins.module_utils.longhorn.replicas import VolumeRow

Rows = list[VolumeRow] | None


def row(
    name: str, robustness: str = "healthy", good: tuple[str, ...] = ("mini01", "mini02"), wanted: int = 2
) -> VolumeRow:
    return VolumeRow(name, f"db/{name}", 1 << 30, "attached", robustness, wanted, good)


HEALED = [row("a")]
#: As after mini01 was away: the only good replica is on the node that is to go next, until the rebuild is done.
HEALING = [row("a", "degraded", ("mini02",))]


class Time:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def reader(*answers: Rows | Exception) -> Callable[[], Rows]:
    """Looks that give these answers, the last one for ever."""

    def looks() -> Iterator[Rows | Exception]:
        yield from answers
        while True:
            yield answers[-1]

    found = looks()

    def read() -> Rows:
        answer = next(found)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


def settled(timeout: float, *answers: Rows | Exception, node: str = "mini02") -> tuple[Rows, float, list[str]]:
    """What comes back, the seconds that it took and what was told meanwhile."""
    time, told = Time(), list[str]()
    found = healing.settled(
        reader(*answers), [node], timeout, Context(progress=told.append), sleep=time.sleep, clock=lambda: time.now
    )
    return found, time.now, told


def test_what_heals_is_waited_for_and_named() -> None:
    found, seconds, told = settled(1800, HEALING, HEALING, HEALED)
    assert (found, seconds) == (HEALED, 2 * healing.INTERVAL)
    assert told
    assert "volume a (db/a) has its only good replica on mini02" in told[0]


def test_a_line_names_some_volumes_and_counts_the_rest() -> None:
    many = [row(name, "degraded", ("mini01", "mini03")) for name in "abcde"]
    _found, _seconds, told = settled(1800, many, HEALED)
    assert "volume c (db/c) is degraded: 2 of 2 replicas are good; and 2 more" in told[0]
    assert "volume d" not in told[0]


@pytest.mark.parametrize(
    "lost",
    [
        row("b", "faulted", ()),
        # A single replica is never rebuilt elsewhere.
        row("b", "healthy", ("mini02",), wanted=1),
    ],
)
def test_what_never_heals_ends_the_wait_at_once(lost: VolumeRow) -> None:
    found, seconds, told = settled(1800, [*HEALING, lost])
    assert (found, seconds, told) == ([*HEALING, lost], 0.0, [])
    assert [text.split()[1] for text in replicas.hopeless([*HEALING, lost], "mini02")] == ["b"]
    # Found while others heal.
    assert settled(1800, HEALING, [*HEALING, lost])[1] == healing.INTERVAL


def test_a_single_replica_elsewhere_keeps_nobody_waiting() -> None:
    alone = [row("b", "healthy", ("mini01",), wanted=1)]
    assert replicas.hopeless(alone, "mini02") == ()
    assert settled(1800, alone) == (alone, 0.0, [])


def test_the_time_passes_and_the_last_look_comes_back() -> None:
    found, seconds, _told = settled(60, HEALING)
    assert (found, seconds) == (HEALING, 60.0)


def test_without_patience_there_is_one_look() -> None:
    assert settled(0, HEALING, HEALED) == (HEALING, 0.0, [])
    assert settled(0, None) == (None, 0.0, [])


def test_an_api_that_is_just_away_is_asked_again() -> None:
    busy = KubernetesError("reading", answer="the API is not ready (503)")
    busy.code = 503
    found, seconds, told = settled(1800, Unreachable("reading", answer="connection refused"), busy, HEALED)
    assert (found, seconds) == (HEALED, 2 * healing.INTERVAL)
    assert "the Kubernetes API: connection refused" in told[0]


def test_an_api_that_stays_away_or_refuses_is_told_as_it_is() -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        settled(10, HEALING, Unreachable("reading", answer="connection refused"))
    with pytest.raises(Unreachable, match="connection refused"):
        settled(0, Unreachable("reading", answer="connection refused"))
    with pytest.raises(Forbidden):
        settled(1800, Forbidden("reading", answer="no"))
