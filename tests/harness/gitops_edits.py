# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault in a repository is made of: changes to its files, and what is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import gitops_base

#: path -> pairs of old and new text (an empty old text: at the end), a whole text, or None to take the file away.
Changes = Mapping[str, "tuple[tuple[str, str], ...] | str | None"]


@dataclass(frozen=True)
class Fault:
    """One fault.

    :param file: where the finding must point; the first changed file when left out.
    :param use: what the value to use must hold.
    """

    id: str
    changes: Changes
    file: str = ""
    use: str = ""
    severity: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.id}-{self.note or next(iter(self.changes))}"


def changed(changes: Changes, tree: dict[str, str] | None = None) -> dict[str, str]:
    """Return the tree with changes; text that is to be replaced must be there exactly once."""
    found = gitops_base.files() if tree is None else dict(tree)
    for path, change in changes.items():
        if change is None:
            del found[path]
        elif isinstance(change, str):
            found[path] = change
        else:
            for old, new in change:
                if not old:
                    found[path] += new
                    continue
                count = found[path].count(old)
                if count != 1:
                    raise AssertionError(f"{old!r} stands {count} times in {path}")
                found[path] = found[path].replace(old, new)
    return found


def write(tree: Mapping[str, str], folder: Path) -> None:
    """Write a tree below a folder."""
    for path, text in tree.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def edit(path: str, old: str, new: str) -> Changes:
    """One replacement in one file."""
    return {path: ((old, new),)}


def append(path: str, text: str) -> Changes:
    """Text at the end of a file."""
    return {path: (("", text),)}
