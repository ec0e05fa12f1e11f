# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions asked at the same time, none of which can hold up the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..common.wait import Deadline


class Late:
    """In place of an answer that did not come in time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @property
    def text(self) -> str:
        """What happened."""
        return f"no answer within {self.seconds:g} s"


def ask_all(
    questions: Mapping[Any, Callable[[], Any]], seconds: float, longer: Mapping[Any, float] | None = None
) -> dict[Any, Any]:
    """Return the answer to each question, :class:`Late` for one that takes longer than ``seconds``.

    A thread that is late is left behind: it is a daemon, because a name server that says nothing cannot be interrupted.

    :param longer: seconds for questions that may take another time, by name; they hold up nobody who has answered, and
        what comes late while they are awaited counts.
    :raises Exception: what a question raised; questions turn the failures of their system into answers themselves.
    """
    answers: dict[Any, Any] = {}
    raised: list[BaseException] = []

    def answer(name: Any, question: Callable[[], Any]) -> None:
        try:
            answers[name] = question()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread of the caller
            raised.append(error)

    threads = {
        name: threading.Thread(target=answer, args=(name, question), name=f"probe-{name}", daemon=True)
        for name, question in questions.items()
    }
    for thread in threads.values():
        thread.start()
    limits = {name: (longer or {}).get(name, seconds) for name in questions}
    deadlines = {name: Deadline(limits[name]) for name in questions}
    for name in sorted(questions, key=limits.__getitem__):
        threads[name].join(deadlines[name].left)
        if raised:
            raise raised[0]
    found = dict(answers)
    return {name: found.get(name, Late(limits[name])) for name in questions}
