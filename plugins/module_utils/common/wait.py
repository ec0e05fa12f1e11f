# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: every wait of the collection has a deadline and says what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .context import Context
from .errors import WaitTimeout

T = TypeVar("T")

#: Seconds between two progress lines while the awaited state stays the same.
REPEAT = 15.0


@dataclass(frozen=True)
class Observation(Generic[T]):
    """One look at a system: ``done`` ends the wait with ``value``; ``state`` tells a person what is still missing."""

    done: bool
    state: str
    value: T | None = None


class Deadline:
    """A point in time, measured with a monotonic clock.

    :param seconds: how long from now.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.seconds = seconds
        self.started = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.started

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.seconds - self.elapsed)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.elapsed >= self.seconds


def wait_until(
    look: Callable[[], Observation[T]],
    *,
    what: str,
    target: str,
    timeout: float,
    ctx: Context,
    interval: float = 0.5,
    remedy: str = "",
    param: str = "",
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T | None:
    """Look again and again until the awaited state is there.

    :param look: one look; an exception it lets through ends the wait.
    :param what: what is awaited, as a noun phrase: ``"stage running and ready"``.
    :param timeout: seconds; at least one look is always made.
    :param interval: seconds between the end of a look and the next one.
    :raises WaitTimeout: with the last state seen and the time spent.
    """
    deadline = Deadline(timeout, clock)
    told = ""
    told_at = -REPEAT
    while True:
        seen = look()
        if seen.done:
            return seen.value
        if deadline.passed:
            raise WaitTimeout(
                f"waiting for {what}",
                target=target,
                answer=f"after {deadline.elapsed:.0f} s the state is still: {seen.state}",
                remedy=remedy,
                param=param,
            )
        if seen.state != told or deadline.elapsed - told_at >= REPEAT:
            ctx.progress(f"waiting for {what}: {seen.state} · {deadline.elapsed:.0f} s of {timeout:.0f} s")
            told, told_at = seen.state, deadline.elapsed
        sleep(min(interval, max(deadline.left, 0.01)))
