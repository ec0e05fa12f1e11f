# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small schema language whose only aim is a good message: every error at once, each with its place and a way out.

A schema is a tree of :class:`Leaf`, :class:`Keys` and :class:`ListOf`. :func:`examine` walks a value along it and
returns the problems and a *clean* copy from which everything wrong has been left out, so that later checks may trust
the types of whatever they find.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

Path = tuple["str | int", ...]

#: Left out of a clean copy.
_GONE = object()
#: Names under which a value may be a secret: such a value is never repeated in a message.
_SECRET_NAME = re.compile(r"password|passwd|token|secret|credential|(?:^|_)key$|private", re.IGNORECASE)
#: So many names are compared with one that is unknown: a comparison costs microseconds.
_CANDIDATES = 1000
#: So many known keys are named when none is near to an unknown one.
_NAMED = 12
#: User and password inside a URL.
_URL_LOGIN = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True)
class Problem:
    """One violation of the schema.

    :param kind: ``unknown`` (a key nobody reads), ``missing`` (a key that is needed) or ``wrong`` (type or format).
    :param path: keys and list positions that lead to it, from the root.
    :param text: what is wrong, one sentence without a full stop.
    :param use: the value or key to use instead, when it can be told.
    :param claim: id of the check that reports it instead of the general one.
    """

    kind: str
    path: Path
    text: str
    use: str | None = None
    claim: str = ""


class Reject(ValueError):
    """Raised by a leaf's parser: what is wrong with the value, and what to use when that can be told."""

    def __init__(self, text: str, use: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.use = use


class Schema:
    """What a value must look like."""


@dataclass(frozen=True)
class Leaf(Schema):
    """A single value.

    :param accept: returns nothing for a right value, raises :class:`Reject` for a wrong one.
    :param claim: id of the check that reports a wrong value instead of the general one.
    """

    accept: Callable[[Any], None]
    claim: str = ""


@dataclass(frozen=True)
class ListOf(Schema):
    """A list whose elements follow one schema, with at least ``least`` of them.

    :param claim: id of the check that reports what is no list, instead of the general one.
    """

    item: Schema
    least: int = 0
    claim: str = ""


@dataclass(frozen=True)
class Keys(Schema):
    """A map.

    :param need: keys that must be there.
    :param may: keys that may be there.
    :param rest: schema of keys that are not named; ``None`` means that such a key is a mistake.
    :param claims: keys that are a known mistake, with the id of the check that explains it.
    """

    need: Mapping[str, Schema] = field(default_factory=dict)
    may: Mapping[str, Schema] = field(default_factory=dict)
    rest: Schema | None = None
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Free(Schema):
    """Whatever YAML can hold; used for values that another system's schema describes."""


def examine(value: Any, schema: Schema, path: Path = ()) -> tuple[Any, list[Problem]]:
    """Return ``(clean, problems)``; ``clean`` is None when nothing of the value can be trusted."""
    problems: list[Problem] = []
    clean = _walk(value, schema, path, problems)
    return (None if clean is _GONE else clean), problems


def show(value: Any, path: Path = ()) -> str:
    """Return a value for a message: short, on one line, and never what may be a secret."""
    if any(isinstance(part, str) and _SECRET_NAME.search(part) for part in path):
        return f"a {kind_of(value)} (not shown)"
    if isinstance(value, (Mapping, list)):
        return f"a {kind_of(value)}"
    text = repr(value) if isinstance(value, str) else str(value)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    text = _URL_LOGIN.sub("//***@", text)
    return text if len(text) <= 80 else f"{text[:77]}..."


def kind_of(value: Any) -> str:
    """Return the YAML word for a value's type."""
    if value is None:
        return "null"
    for types, word in ((bool, "boolean"), (int, "number"), (float, "number with a fraction"), (str, "text")):
        if isinstance(value, types):
            return word
    return "map" if isinstance(value, Mapping) else "list" if isinstance(value, (list, tuple)) else type(value).__name__


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` was probably meant to be."""
    wanted = str(name).lower().replace("-", "_")
    folded = {item.lower().replace("-", "_"): item for item in islice(known, _CANDIDATES)}
    close = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def _walk(value: Any, schema: Schema, path: Path, problems: list[Problem]) -> Any:
    if isinstance(schema, Leaf):
        return _leaf(value, schema, path, problems)
    if isinstance(schema, ListOf):
        return _list(value, schema, path, problems)
    if isinstance(schema, Keys):
        return _map(value, schema, path, problems)
    return value


def _leaf(value: Any, schema: Leaf, path: Path, problems: list[Problem]) -> Any:
    try:
        schema.accept(value)
    except Reject as reject:
        problems.append(Problem("wrong", path, f"{show(value, path)} is {reject.text}", reject.use, schema.claim))
        return _GONE
    return value


def _list(value: Any, schema: ListOf, path: Path, problems: list[Problem]) -> Any:
    if not isinstance(value, list):
        text = f"{show(value, path)} stands where a list is needed"
        problems.append(Problem("wrong", path, text, claim=schema.claim))
        return _GONE
    if len(value) < schema.least:
        problems.append(
            Problem("wrong", path, f"the list has {len(value)} entries, needed are at least {schema.least}")
        )
    # A wrong element keeps its place as None, so that the positions in later messages stay true.
    items = [_walk(item, schema.item, (*path, index), problems) for index, item in enumerate(value)]
    return [None if item is _GONE else item for item in items]


def _map(value: Any, schema: Keys, path: Path, problems: list[Problem]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(Problem("wrong", path, f"{show(value, path)} stands where a map is needed"))
        return _GONE
    known = {**schema.need, **schema.may}
    clean: dict[str, Any] = {}
    absent = [key for key in schema.need if key not in value]
    for key, item in value.items():
        if isinstance(key, str) and key in known:
            kept = _walk(item, known[key], (*path, key), problems)
        elif schema.rest is not None and isinstance(key, str):
            kept = _walk(item, schema.rest, (*path, key), problems)
        else:
            problems.append(_unknown(key, schema, absent, known, path))
            continue
        if kept is not _GONE:
            clean[key] = kept
    guessed = {problem.use for problem in problems if problem.kind == "unknown" and problem.path[:-1] == path}
    for key in absent:
        if key not in guessed:
            problems.append(Problem("missing", (*path, key), f"the key {key} is missing"))
    return clean


def _unknown(key: Any, schema: Keys, absent: list[str], known: Mapping[str, Schema], path: Path) -> Problem:
    """Return the problem of a key that the schema does not know; a missing key is the likeliest one meant."""
    name = str(key)
    claim = schema.claims.get(name, "")
    meant = None if claim else nearest(name, absent) or nearest(name, known)
    text = f"nothing reads the key {show(name)}"
    if not meant and known:
        names = sorted(known)
        text += f"; known here are {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}"
    return Problem("unknown", (*path, name), text, meant, claim)
