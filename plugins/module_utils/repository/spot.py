# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where something stands in a repository, and careful access to values of which nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..model.schema import Path


@dataclass(frozen=True)
class Spot:
    """A line of a file of the repository.

    :param file: path from the repository's root.
    :param line: from 1; 0 for the file as a whole.
    :param key: key path inside the document, ``spec.values.image``; empty for none.
    :param object: ``kind/namespace/name`` of the object, empty for none.
    """

    file: str
    line: int = 0
    key: str = ""
    object: str = ""


@dataclass(frozen=True)
class Fault:
    """Something that could not be read.

    :param grave: whether the file is one that is meant to be read; else it was passed over on purpose.
    """

    spot: Spot
    text: str
    grave: bool = True


def key_text(path: Path) -> str:
    """Return a path as people write it: ``spec.rules[0].host``, ``metadata.labels['app.kubernetes.io/name']``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "a").replace("-", "a").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def dig(value: Any, *path: str | int) -> Any:
    """Return what stands at a path, None when there is nothing (or something else on the way)."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and -len(value) <= part < len(value):
            value = value[part]
        else:
            return None
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Return a map, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def string(value: Any) -> str:
    """Return a text, an empty one for anything else; numbers become text, as they do in a file of shell or Helm."""
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        return ""
    return str(value)


def yes(value: Any) -> bool:
    """Whether Helm takes a value for true: ``true`` and ``"true"`` render alike."""
    return value is True or value == "true"


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of everything in a value, itself first, in the order of the text."""
    waiting: list[tuple[Path, Any]] = [(path, value)]
    while waiting:
        where, item = waiting.pop()
        yield where, item
        if isinstance(item, dict):
            waiting.extend(((*where, key), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list):
            waiting.extend(((*where, index), inner) for index, inner in reversed(list(enumerate(item))))


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield path and text of every text in a value."""
    return ((where, item) for where, item in walk(value, path) if isinstance(item, str))
