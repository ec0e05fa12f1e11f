# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Query parameters of lists. One that is not a declared filter is ignored, as the stock filter back end does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .calls import Call
from .errors import bad
from .store import Row, is_uuid

Value = Callable[[Row, Call], Any]
Filter = Callable[[Row, str, Call], bool]


def _value(where: str | Value) -> Value:
    if callable(where):
        return where
    return lambda row, call: row.get(where)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def exact(where: str | Value) -> Filter:
    """Equal as text, case and all; booleans as ``true`` and ``false``."""
    value = _value(where)

    def holds(row: Row, text: str, call: Call) -> bool:
        found = value(row, call)
        if isinstance(found, bool):
            return truth(text) is None or truth(text) == found
        if isinstance(found, list):
            return text in map(str, found)
        return _text(found) == text

    return holds


def iexact(where: str | Value) -> Filter:
    """Equal as text, without regard to case."""
    value = _value(where)
    return lambda row, text, call: _text(value(row, call)).lower() == text.lower()


def icontains(where: str | Value) -> Filter:
    """Part of it, without regard to case."""
    value = _value(where)
    return lambda row, text, call: text.lower() in _text(value(row, call)).lower()


def among(where: str | Value) -> Filter:
    """Equal to one of several, separated by commas; a list matches when it shares one."""
    value = _value(where)

    def holds(row: Row, text: str, call: Call) -> bool:
        found = value(row, call)
        wanted = text.split(",")
        return any(str(item) in wanted for item in (found if isinstance(found, list) else [found]))

    return holds


def isnull(where: str | Value) -> Filter:
    """Absent, or not."""
    value = _value(where)
    return lambda row, text, call: truth(text) is None or (value(row, call) in (None, [], "")) == truth(text)


def key(where: str | Value) -> Filter:
    """A uuid; anything else is refused."""
    value = _value(where)

    def holds(row: Row, text: str, call: Call) -> bool:
        return _text(value(row, call)) == text

    holds.uuid = True  # type: ignore[attr-defined]
    return holds


def truth(text: str) -> bool | None:
    """Return the boolean of a query, None when it is none."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())


def apply(
    rows: Iterable[Row], call: Call, filters: Mapping[str, Filter], search: Iterable[str], ordering: str
) -> list[Row]:
    """Return the rows that the query asks for, in its order.

    :raises Refusal: 400 for a key that is no uuid.
    """
    found = list(rows)
    for name, text in call.query.items():
        chosen = filters.get(name)
        if chosen is None or text == "":
            continue
        if getattr(chosen, "uuid", False) and not is_uuid(text):
            raise bad({name: ["Enter a valid UUID."]})
        found = [row for row in found if chosen(row, text, call)]
    for word in call.query.get("search", "").split():
        found = [row for row in found if any(word.lower() in _text(row.get(field)).lower() for field in search)]
    order = [part for part in (call.query.get("ordering") or ordering).split(",") if part]
    for part in reversed(order):
        field = part.removeprefix("-")
        if found and all(field in row for row in found):
            found.sort(key=lambda row: _sortable(row[field]), reverse=part.startswith("-"))
    return found


def _sortable(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return (0, value, "")
    return (1, 0, _text(value))
