# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking many systems at once: a few threads, and a deadline for each system, so that one that hangs costs it once.

A thread that waits for a system which does not answer is left behind: its answer, should it ever come, is dropped.
When all slots are taken by systems that hang, they are given up long before the deadline, so that those behind them are
asked. As long as answers come, slow systems keep their slots: more at once would only make each of them slower.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..common.errors import HomeopsError

#: Systems that are asked at the same time. More would only wait for this machine's own cores.
SLOTS = 16
#: Seconds without any answer after which those that are under way no longer count against the slots.
PATIENCE = 1.0

ANSWERED, FAILED, TIMEOUT, UNASKED = "answered", "failed", "timeout", "unasked"


@dataclass(frozen=True)
class Job:
    """One system to ask.

    :param name: ``kind`` or ``kind:which``, unique: ``talos:mini01``.
    :param timeout: seconds from the moment it is asked.
    """

    name: str
    ask: Callable[[], Any]
    timeout: float


@dataclass(frozen=True)
class Answer:
    """What came of a job.

    :param state: ``answered``, ``failed``, ``timeout`` or ``unasked``.
    :param reason: why there is no value, as a sentence without its full stop.
    :param timeout: seconds that it was given.
    """

    name: str
    state: str
    value: Any = None
    seconds: float = 0.0
    reason: str = ""
    timeout: float = 0.0

    @property
    def facts(self) -> dict[str, Any]:
        """Everything but the value, as plain data."""
        return {
            "name": self.name,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "timeout": self.timeout,
            "reason": self.reason,
        }


def unasked(name: str, reason: str) -> Answer:
    """Return the answer of a system that cannot be asked at all."""
    return Answer(name, UNASKED, reason=reason)


def gather(
    jobs: Iterable[Job],
    *,
    slots: int = SLOTS,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Answer]:
    """Run every job and return one answer each, in the order of the jobs."""
    waiting = list(jobs)
    order = [job.name for job in waiting]
    waiting.reverse()
    done: queue.SimpleQueue[tuple[str, Answer]] = queue.SimpleQueue()
    running: dict[str, tuple[Job, float]] = {}
    holding: set[str] = set()
    found: dict[str, Answer] = {}
    moved = clock()
    while waiting or running:
        while waiting and len(holding) < slots:
            job = waiting.pop()
            running[job.name] = (job, clock())
            holding.add(job.name)
            # A daemon: one that hangs must not keep the process from ending.
            threading.Thread(target=_run, args=(job, done), name=job.name, daemon=True).start()
        pause = min(began + job.timeout for job, began in running.values()) - clock()
        if waiting:
            pause = min(pause, moved + patience - clock())
        try:
            name, answer = done.get(timeout=max(0.0, pause))
        except queue.Empty:
            pass
        else:
            moved = clock()
            if name in running:
                found[name] = answer
                del running[name]
            holding.discard(name)
            continue
        now = clock()
        if waiting and now - moved >= patience:
            moved = now
            holding.clear()
        for name, (job, began) in list(running.items()):
            if now - began >= job.timeout:
                reason = f"no answer within {job.timeout:g} s"
                found[name] = Answer(name, TIMEOUT, None, now - began, reason, job.timeout)
                del running[name]
                holding.discard(name)
    return {name: found[name] for name in order}


def _run(job: Job, done: queue.SimpleQueue[tuple[str, Answer]]) -> None:
    began = time.monotonic()
    try:
        value = job.ask()
        answer = Answer(job.name, ANSWERED, value, time.monotonic() - began, timeout=job.timeout)
    except HomeopsError as error:
        answer = Answer(job.name, FAILED, None, time.monotonic() - began, str(error).rstrip("."), job.timeout)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others' answers must not be lost
        reason = f"its answer was not understood ({type(error).__name__}: {error})"
        answer = Answer(job.name, FAILED, None, time.monotonic() - began, reason, job.timeout)
    done.put((job.name, answer))
