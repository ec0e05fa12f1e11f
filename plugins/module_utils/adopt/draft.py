# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model while it is being made: values, where each comes from, and what nobody could decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..model import shape
from ..model.schema import Path, examine
from ..repository.spot import Spot

#: Text that Ansible would evaluate when it stands in an inventory; a repository must not be able to bring any.
_TEMPLATES = ("{{", "{%", "{#")
_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Seen:
    """A value of the repository and its place."""

    value: Any
    spot: Spot


@dataclass
class Draft:
    """The model so far.

    :param values: subject -> value, as ``homeops_model`` has it.
    :param places: where a value was found, by path.
    :param reasons: why a value that was not found is what it is, by path.
    :param open: the question about each key that a person has to fill in, by path.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Spot] = field(default_factory=dict)
    reasons: dict[Path, str] = field(default_factory=dict)
    open: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, value: Any) -> bool:
        """Set a value, and return whether it was; one that Ansible would evaluate becomes a question."""
        if evaluated(value):
            self.ask(path, "The repository has a template here, which an inventory would evaluate.")
            return False
        parent: Any = self.values
        for part in path[:-1]:
            parent = parent.setdefault(part, {})
        parent[path[-1]] = value
        self.open.pop(path, None)
        return True

    def found(self, path: Path, *seen: Seen | None) -> bool:
        """Take over the first thing that was seen, and return whether there was one."""
        for item in seen:
            if item is not None and item.value not in _NOTHING:
                if self.put(path, item.value):
                    self.places[path] = item.spot
                return True
        return False

    def default(self, path: Path, value: Any, reason: str, *seen: Seen | None) -> None:
        """Take over the first thing that was seen, or else a default with the reason for it."""
        if not self.found(path, *seen) and self.put(path, value):
            self.reasons[path] = reason

    def need(self, path: Path, question: str, *seen: Seen | None) -> None:
        """Take over the first thing that was seen, or else ask."""
        if not self.found(path, *seen):
            self.ask(path, question)

    def ask(self, path: Path, question: str) -> None:
        """Leave a key open."""
        self.open[path] = question
        if any(isinstance(part, int) for part in path):
            return
        parent: Any = self.values
        for part in path[:-1]:
            parent = parent.setdefault(part, {})

    def at(self, *path: str) -> Any:
        """Return a value, None when there is none."""
        value: Any = self.values
        for part in path:
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def settle(self) -> None:
        """Turn values that the model does not take, and keys that nothing was said of, into questions."""
        _clean, problems = examine(self.values, shape.MODEL)
        for problem in problems:
            if any(isinstance(part, int) for part in problem.path) or problem.path in self.open:
                continue
            if problem.kind == "wrong":
                parent: Any = self.values
                for part in problem.path[:-1]:
                    parent = parent[part]
                del parent[problem.path[-1]]
                self.places.pop(problem.path, None)
                self.reasons.pop(problem.path, None)
            if problem.kind in ("wrong", "missing"):
                self.ask(problem.path, f"{problem.text[:1].upper()}{problem.text[1:]}.")


def evaluated(value: Any) -> bool:
    """Whether something in a value, keys included, is a template for Ansible."""
    return any(mark in text for text in _texts(value) for mark in _TEMPLATES)


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting.extend((*item.keys(), *item.values()))
        elif isinstance(item, list):
            waiting.extend(item)


def first(items: Iterable[Seen]) -> Seen | None:
    """Return the first of what was seen."""
    return next(iter(items), None)
