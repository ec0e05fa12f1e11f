# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a repository's tasks and scripts: what a person or a Taskfile runs, word by word, with its line.

Nothing is run. A command is a line of a script, of a ``Taskfile`` or of a fenced block of Markdown, joined with the
lines that continue it.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..model.schema import Path
from . import limits
from .documents import Document
from .files import MARKDOWN, SCRIPT, File, Files
from .spot import Spot, dig, listing, mapping, string, texts

_TASKFILE = re.compile(r"(?:^|/)(?:[Tt]askfiles?/.*|[Tt]askfile[^/]*|\.taskfiles/.*)\.ya?ml$")
_FENCE = re.compile(r"^\s*(```+|~~~+)\s*(\w*)")
_SHELL = ("", "bash", "sh", "shell", "console", "zsh")


@dataclass(frozen=True)
class Command:
    """One command.

    :param text: the whole line, continuations joined by a blank.
    :param documented: whether it stands in documentation, else it is meant to be run.
    """

    spot: Spot
    text: str
    documented: bool = False

    @property
    def words(self) -> list[str]:
        """Its words; split at blanks when the quotes do not match."""
        try:
            return shlex.split(self.text, comments=True)
        except ValueError:
            return self.text.split()


@dataclass(frozen=True)
class Task:
    """One task of a Taskfile; its name as it is called from the root, ``talos:apply``."""

    name: str
    value: Any
    document: Document
    path: Path

    def at(self, *path: str | int) -> Spot:
        """Return a place in the task."""
        return replace(self.document.spot((*self.path, *path)), object=f"task {self.name}")


def is_taskfile(path: str) -> bool:
    """Whether a file is a Taskfile, by its name."""
    return _TASKFILE.search(path) is not None


def commands(files: Files, documents: Mapping[str, list[Document]]) -> list[Command]:
    """Return every command, in the order of the files."""
    found: list[Command] = []
    for path in sorted(files.files):
        file = files.files[path]
        if file.kind == SCRIPT and not path.endswith(".py"):
            found += _joined(path, enumerate(file.lines, start=1))
        elif file.kind == MARKDOWN:
            found += [replace(item, documented=True) for item in _joined(path, _fenced(file))]
        elif is_taskfile(path):
            for document in documents.get(path, []):
                found += _of_taskfile(document)
        if len(found) > limits.COMMANDS:
            return found[: limits.COMMANDS]
    return found


def tasks(documents: Mapping[str, list[Document]]) -> list[Task]:
    """Return the tasks of the root Taskfile and of those it includes, under their full names."""
    found: list[Task] = []
    tops = [path for path in sorted(documents) if re.fullmatch(r"[Tt]askfile(?:\.dist)?\.ya?ml", path)]
    waiting: list[tuple[str, str, int]] = [(path, "", 0) for path in tops]
    while waiting:
        path, prefix, depth = waiting.pop(0)
        for document in documents.get(path, [])[:1]:
            for name, value in mapping(dig(document.value, "tasks")).items():
                found.append(Task(f"{prefix}{name}", value, document, ("tasks", name)))
                found += [
                    Task(f"{prefix}{string(alias)}", value, document, ("tasks", name))
                    for alias in listing(dig(value, "aliases"))
                ]
            for name, value in mapping(dig(document.value, "includes")).items():
                target = string(value) or string(dig(value, "taskfile"))
                inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
                chosen = next((item for item in _candidates(inner) if item in documents), "")
                flat = dig(value, "flatten") is True
                # Taskfiles may include each other in a circle, which task itself refuses.
                if chosen and depth < 10 and len(found) < 10_000:
                    waiting.append((chosen, prefix if flat else f"{prefix}{name}:", depth + 1))
    return found


def _candidates(path: str) -> list[str]:
    return [path, *(posixpath.join(path, name) for name in ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml"))]


def _joined(path: str, lines: Iterable[tuple[int, str]], key: str = "") -> Iterator[Command]:
    """Yield the commands of numbered lines; a line that ends with a backslash goes on in the next one."""
    first, text = 0, ""
    for number, line in lines:
        first = first or number
        if line.rstrip().endswith("\\"):
            text = f"{text}{line.rstrip()[:-1].strip()} "[: limits.LINE]
            continue
        text = (text + line.strip()).strip()[: limits.LINE]
        if text and not text.startswith("#"):
            yield Command(Spot(path, first, key), text)
        first, text = 0, ""
    if text.strip():
        yield Command(Spot(path, first, key), text.strip())


def _fenced(file: File) -> Iterator[tuple[int, str]]:
    fence, shell = "", False
    for number, line in enumerate(file.lines, start=1):
        match = _FENCE.match(line)
        if match and not fence:
            fence, shell = match.group(1), match.group(2).lower() in _SHELL
        elif match and line.strip() == fence:
            fence = ""
        elif fence and shell:
            yield number, line.removeprefix("$ ")


def _of_taskfile(document: Document) -> Iterator[Command]:
    for path, text in texts(document.value):
        if path and path[-1] in ("desc", "summary", "version", "msg", "taskfile", "dir"):
            continue
        line = document.line(path)
        # The text of a block (``|``) begins in the line after its mark.
        block = "\n" in text
        yield from _joined(document.file, ((line + block + index, item) for index, item in enumerate(text.split("\n"))))
