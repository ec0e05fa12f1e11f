# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults and counters: what a test may do to the server, and what it may ask about the traffic."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass
class Fault:
    """One fault: matched against ``path?query``; applied ``times`` times (for ever when negative)."""

    path: re.Pattern[str]
    times: int = 1
    delay: float = 0.0
    status: int = 0
    reset: bool = False
    method: str = ""

    @classmethod
    def parse(cls, entry: dict[str, Any]) -> Fault:
        """A fault from ``{"path": regex, "times": n, "delay": s?, "status": code?, "reset": true?, "method": M?}``.

        :raises ValueError: for an entry that is not of this shape.
        """
        unknown = set(entry) - {"path", "times", "delay", "status", "reset", "method"}
        if unknown or "path" not in entry:
            raise ValueError(f"a fault has path, times, delay, status, reset and method; got {sorted(entry)}")
        try:
            pattern = re.compile(entry["path"])
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from error
        return cls(
            pattern,
            int(entry.get("times", 1)),
            float(entry.get("delay", 0)),
            int(entry.get("status", 0)),
            bool(entry.get("reset", False)),
            str(entry.get("method", "")).upper(),
        )

    def shown(self) -> dict[str, Any]:
        """The entry again, with the times left."""
        out: dict[str, Any] = {"path": self.path.pattern, "times": self.times}
        for name in ("delay", "status", "reset", "method"):
            value = getattr(self, name)
            if value:
                out[name] = value
        return out


class Faults:
    """The current list of faults."""

    def __init__(self) -> None:
        self.entries: list[Fault] = []

    def replace(self, entries: list[dict[str, Any]]) -> None:
        """Put another list in place.

        :raises ValueError: for a bad entry; the old list stays then.
        """
        self.entries = [Fault.parse(entry) for entry in entries]

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that matches and has times left; one of its times is used up."""
        for fault in self.entries:
            if fault.times and (not fault.method or fault.method == method) and fault.path.search(path):
                if fault.times > 0:
                    fault.times -= 1
                return fault
        return None


class Counters:
    """Requests per method and path (without the query)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.statuses: Counter[int] = Counter()

    def shown(self) -> dict[str, Any]:
        """``{"total": n, "writes": n, "requests": {"GET /path": n}, "statuses": {"200": n}}``."""
        writes = sum(
            count
            for (method, _path), count in self.counts.items()
            if method.isalpha() and method not in ("GET", "HEAD")
        )
        return {
            "total": sum(self.counts.values()),
            "writes": writes,
            "requests": {f"{method} {path}": count for (method, path), count in sorted(self.counts.items())},
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
        }

    def clear(self) -> None:
        """Start counting again."""
        self.counts.clear()
        self.statuses.clear()
