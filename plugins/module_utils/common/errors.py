# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception family of the collection.

Every failure that a user can meet is a :class:`HomeopsError`: it says what was attempted, on what, what came back and
what to do. Each system's package derives its own (``TalosError``, ``KubernetesError``, ...), so that callers can tell
the systems apart without reading texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HomeopsError(Exception):
    """A failure told in one sentence.

    :param attempted: what was attempted, as a gerund phrase: ``"reading the etcd members"``.
    :param target: on what: ``"mini01 (172.29.51.11:50000)"``.
    :param answer: what came back, in the system's own words, without secrets.
    :param remedy: what to do, as a sentence.
    :param param: the module parameter whose value is to be looked at; the action twin turns it into the inventory
        expression that the task was given.
    :param facts: further keys for the module's result (never secrets).
    """

    def __init__(
        self,
        attempted: str,
        *,
        target: str = "",
        answer: str = "",
        remedy: str = "",
        param: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.attempted = attempted
        self.target = target
        self.answer = answer
        self.remedy = remedy
        self.param = param
        self.facts: dict[str, Any] = dict(facts or {})
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """Return the whole message, as one or two sentences on one line where the answer allows it."""
        remedy = f" {self.remedy.strip().rstrip('.')}." if self.remedy else ""
        return f"{self.finding()}.{remedy}"

    def finding(self) -> str:
        """Return what was attempted and what came back, without what to do and without its full stop."""
        head = self.attempted[:1].upper() + self.attempted[1:]
        if self.target:
            head += f" on {self.target}"
        head += " failed"
        if self.answer:
            head += f": {self.answer.strip().rstrip('.')}"
        return head


class InputError(HomeopsError):
    """The input is wrong: found before any system was contacted, so nothing has changed."""

    def finding(self) -> str:
        """Return the finding itself; nothing was attempted yet, so nothing 'failed'."""
        text = self.attempted[:1].upper() + self.attempted[1:]
        if self.target:
            text += f" ({self.target})"
        if self.answer:
            text += f": {self.answer.strip().rstrip('.')}"
        return text


class WaitTimeout(HomeopsError):
    """A deadline passed; ``answer`` says the last state that was seen."""
