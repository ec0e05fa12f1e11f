# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of the status: one line of JSON per run, bounded, and what it says of today's numbers.

A line has ``schema``, ``at`` (RFC 3339), ``cluster``, ``worst``, ``areas`` (state by name), ``values`` (number by key).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from .areas import Area, Number, instant, size

SCHEMA = 1
_DAY = 86400.0
#: Days of history without which nothing is said about the future.
_ENOUGH = 1.0

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Trend:
    """How a number has moved.

    :param since: time of the oldest run that knows it, None when this is the first.
    :param before: its value then.
    :param per_day: change per day; None without a day of history.
    :param days_left: days until ``most`` is reached at that pace; None when it never is.
    """

    area: str
    name: str
    subject: str
    unit: str
    value: float
    before: float | None
    since: str | None
    change: float
    per_day: float | None
    days_left: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "text": self.text}

    @property
    def text(self) -> str:
        """Tell it to people."""
        now = _written(self.unit, self.value)
        if self.since is None or self.before is None:
            return f"{now}, first seen now"
        moved = f"{'+' if self.change >= 0 else ''}{_written(self.unit, self.change)}"
        tail = f", full in {self.days_left:.0f} days at this pace" if self.days_left is not None else ""
        return f"{now}, {moved if self.change else 'unchanged'} since {self.since[:16].replace('T', ' ')}{tail}"


def _written(unit: str, value: float) -> str:
    if unit == "bytes":
        return size(value)
    return f"{value / _DAY:.1f} days" if unit == "seconds" else f"{value:g} {unit}"


def parse(text: str, cluster: str) -> tuple[list[str], list[Line], int]:
    """Return the lines that are kept, those of this cluster decoded, and how many were none of ours.

    A line that was cut short, or that a later version wrote in another shape, is no reason to lose the others.
    """
    kept: list[str] = []
    found: list[Line] = []
    strange = 0
    for raw in text.splitlines():
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
        except ValueError:
            strange += 1
            continue
        if not isinstance(line, dict) or line.get("schema") != SCHEMA or instant(line.get("at")) is None:
            strange += 1
            continue
        kept.append(raw)
        if line.get("cluster") == cluster:
            found.append(line)
    return kept, found, strange


def line(made: datetime, cluster: str, worst: str, areas: Sequence[Area], *, whole: bool) -> dict[str, Any]:
    """Return what is remembered of a run.

    :param whole: whether it was about all nodes; the state of an area of which only a part was seen says nothing.
    """
    return {
        "schema": SCHEMA,
        "at": made.isoformat(timespec="seconds"),
        "cluster": cluster,
        "worst": worst if whole else None,
        "areas": {area.name: area.state for area in areas} if whole else {},
        "values": {number.key: number.value for area in areas for number in area.numbers},
    }


def extended(kept: Sequence[str], new: Mapping[str, Any], length: int) -> str:
    """Return the file's new text, with the newest lines only."""
    return "".join(f"{one}\n" for one in [*kept, json.dumps(new, sort_keys=True)][-length:])


def trends(areas: Iterable[Area], lines: Sequence[Line], now: datetime) -> list[Trend]:
    """Return how every number of the areas has moved since the oldest run that knows it."""
    return [_trend(area.name, number, lines, now) for area in areas for number in area.numbers]


def _trend(area: str, number: Number, lines: Sequence[Line], now: datetime) -> Trend:
    oldest = next((one for one in lines if isinstance((one.get("values") or {}).get(number.key), int | float)), None)
    at = instant(oldest["at"]) if oldest else None
    if oldest is None or at is None:
        return Trend(area, number.name, number.subject, number.unit, number.value, None, None, 0, None, None)
    before = float(oldest["values"][number.key])
    change, days = number.value - before, (now - at).total_seconds() / _DAY
    pace = change / days if days >= _ENOUGH else None
    left = None
    if pace is not None and pace > 0 and number.most is not None:
        left = round(max(0.0, number.most - number.value) / pace, 1)
    return Trend(
        area,
        number.name,
        number.subject,
        number.unit,
        number.value,
        before,
        str(oldest["at"]),
        change,
        None if pace is None else round(pace, 3),
        left,
    )


def state_since(area: Area, lines: Sequence[Line], now: datetime) -> str:
    """Return since when an area has been in its state, as far back as the runs agree."""
    since = now.isoformat(timespec="seconds")
    for one in reversed(lines):
        state = (one.get("areas") or {}).get(area.name)
        if state is None:
            continue
        if state != area.state:
            break
        since = str(one["at"])
    return since
