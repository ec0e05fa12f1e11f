# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared items compared with what is there: what is missing, and what of it could be made; pure but for the looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import items
from .errors import FieldAmbiguous, FieldMissing, ItemAmbiguous, ItemMissing
from .items import Item

OK, MISSING, FIELD_MISSING, AMBIGUOUS = "ok", "missing", "field missing", "ambiguous"


@dataclass
class Row:
    """One declared item.

    :param missing: fields that are not there, or empty.
    :param generated: those of them for which there is a recipe.
    :param causes: sentences, without values.
    """

    name: str
    title: str
    state: str = OK
    missing: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return it for a result."""
        return {
            "name": self.name,
            "title": self.title,
            "state": self.state,
            "missing": self.missing,
            "would_generate": self.generated,
            "left": [label for label in self.missing if label not in self.generated],
            "cause": " ".join(self.causes),
        }


def report(declared: Iterable[Mapping[str, Any]], find: Callable[[str], Item]) -> list[Row]:
    """Return a row per declared item.

    :param declared: ``{name, title, fields, document, generate}``.
    :param find: returns an item; raises :class:`ItemMissing` or :class:`ItemAmbiguous`; anything else ends the report.
    """
    return [_row(one, find) for one in declared]


def _row(declared: Mapping[str, Any], find: Callable[[str], Item]) -> Row:
    title = str(declared["title"])
    row = Row(str(declared.get("name") or title), title)
    labels = [str(one) for one in declared.get("fields") or []]
    recipes = {str(key) for key in declared.get("generate") or {}}
    try:
        item = find(title)
    except ItemMissing as error:
        row.state, row.causes = MISSING, [str(error)]
        row.missing = labels or ["the file"]
        row.generated = [label for label in labels if label in recipes]
        return row
    except ItemAmbiguous as error:
        row.state, row.causes = AMBIGUOUS, [str(error)]
        return row
    if declared.get("document"):
        _look(row, lambda: items.file_of(item), "the file")
        return row
    for label in labels:
        _look(row, lambda label=label: _filled(item, label), label)  # type: ignore[misc]
    row.generated = [label for label in row.missing if label in recipes]
    return row


def _filled(item: Item, label: str) -> None:
    found = items.field_of(item, label)
    if not found.value:
        raise FieldMissing(
            f"reading the field {label!r} of the item {item.title!r}", answer="it is empty", remedy="Fill it in"
        )


def _look(row: Row, look: Callable[[], Any], label: str) -> None:
    try:
        look()
    except FieldAmbiguous as error:
        row.state = AMBIGUOUS
        row.causes.append(str(error))
    except FieldMissing as error:
        if row.state == OK:
            row.state = FIELD_MISSING
        row.missing.append(label)
        row.causes.append(str(error))


def summary(rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of rows per state."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + 1
    return found
