# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files below a path: which there are, of which kind, with the text of those that are read."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from . import limits
from .spot import Fault, Spot

#: Directories that hold no part of a repository's own content.
_FOREIGN = frozenset((".git", ".venv", "venv", "node_modules", ".terraform", ".direnv", ".task", ".cache"))
YAML = "yaml"
MARKDOWN = "markdown"
SCRIPT = "script"
ROUTER = "router"
OTHER = "other"
_SCRIPTS = (".sh", ".bash", ".py", ".zsh", ".mk")
_NAMES = {
    **dict.fromkeys(("Makefile", "justfile", "Justfile"), SCRIPT),
    **dict.fromkeys((".gitignore", ".sops.yaml", ".tool-versions", ".mise.toml", "mise.toml"), OTHER),
}
#: What makes a text an FRR configuration.
_FRR = re.compile(
    r"^[ \t]*(?:router bgp \d|ip(?:v6)? prefix-list \S+ |route-map \S+ (?:permit|deny) \d|frr version )", re.M
)
_ROUTER_ENDINGS = (".conf", ".frr", ".cfg", ".txt", "")


@dataclass(frozen=True)
class File:
    """One file.

    :param path: from the root, with ``/``.
    :param kind: ``yaml``, ``markdown``, ``script``, ``router`` or ``other``.
    :param text: None for what is not read.
    """

    path: str
    kind: str
    size: int
    text: str | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        """The directory it lies in; empty for the root."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def lines(self) -> list[str]:
        """Its lines without their ends."""
        return (self.text or "").splitlines()


@dataclass
class Files:
    """All files of a repository by path, and what went wrong with the others."""

    root: str
    files: dict[str, File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def of(self, kind: str) -> list[File]:
        """Return the files of a kind, in the order of their paths."""
        return [self.files[path] for path in sorted(self.files) if self.files[path].kind == kind]


def collect(root: str) -> Files:
    """Return the files below ``root``. Links to directories are not followed, nor links that lead out of it."""
    found = Files(root)
    real = os.path.realpath(root)
    waiting: list[tuple[str, int]] = [("", 0)]
    total = 0
    while waiting:
        folder, depth = waiting.pop()
        found.folders.add(folder)
        for entry in _entries(os.path.join(root, folder), folder, found):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if len(found.files) >= limits.FILES:
                found.faults.append(Fault(Spot(folder or "."), f"only the first {limits.FILES} files are read", False))
                return found
            if entry.is_dir(follow_symlinks=False):
                if entry.name in _FOREIGN:
                    continue
                if depth >= limits.DIRECTORIES_DEEP:
                    found.faults.append(Fault(Spot(path), "directories are too deep here; they are not read", False))
                else:
                    waiting.append((path, depth + 1))
            else:
                file = _file(entry, path, real, found, limits.TOTAL_BYTES - total)
                if file is not None:
                    found.files[path] = file
                    total += len(file.text or "")
    return found


def _entries(full: str, folder: str, found: Files) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(full) as scan:
            return sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        found.faults.append(Fault(Spot(folder or "."), f"the directory cannot be read: {error.strerror}"))
        return []


def _file(entry: os.DirEntry[str], path: str, real: str, found: Files, room: int) -> File | None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        found.faults.append(Fault(Spot(path.encode("utf-8", "backslashreplace").decode()), "its name is no UTF-8"))
        return None
    try:
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not target.startswith(real + os.sep) or not os.path.isfile(target):
                reason = "a link to a directory" if os.path.isdir(target) else "a link that leads nowhere or out"
                found.faults.append(Fault(Spot(path), f"{reason}; it is not followed", False))
                return None
        elif not entry.is_file():
            # A device, a pipe or a socket would block or never end.
            found.faults.append(Fault(Spot(path), "no regular file; it is not read", False))
            return None
        size = entry.stat().st_size
    except OSError as error:
        found.faults.append(Fault(Spot(path), f"it cannot be looked at: {error.strerror}"))
        return None
    kind = _kind(entry.name)
    if kind is None:
        return File(path, OTHER, size)
    most = limits.YAML_BYTES if kind == YAML else limits.TEXT_BYTES
    if size > most:
        if kind != ROUTER:
            found.faults.append(Fault(Spot(path), f"has {size} bytes, of which at most {most} are read", False))
        return File(path, OTHER, size)
    if size > room:
        found.faults.append(Fault(Spot(path), f"more than {limits.TOTAL_BYTES} bytes of text in all", False))
        return File(path, OTHER, size)
    return _read(entry.path, path, kind, size, most, found)


def _kind(name: str) -> str | None:
    """Return the kind that a name promises; ``router`` stands for a text that has yet to be looked at."""
    if name in _NAMES:
        return _NAMES[name]
    ending = os.path.splitext(name)[1].lower()
    if ending in (".yaml", ".yml"):
        return YAML
    if ending in (".md", ".markdown"):
        return MARKDOWN
    if ending in _SCRIPTS:
        return SCRIPT
    return ROUTER if ending in _ROUTER_ENDINGS else None


def _read(full: str, path: str, kind: str, size: int, most: int, found: Files) -> File:
    try:
        with open(full, "rb") as stream:
            # One byte more than allowed: a file may have grown since it was looked at.
            raw = stream.read(most + 1)
    except OSError as error:
        found.faults.append(Fault(Spot(path), f"it cannot be read: {error.strerror}"))
        return File(path, OTHER, size)
    meant = kind in (YAML, SCRIPT)
    if len(raw) > most or b"\0" in raw:
        if meant:
            found.faults.append(Fault(Spot(path), "holds binary data" if b"\0" in raw else "is too large"))
        return File(path, OTHER, size)
    try:
        text = raw.decode("utf-8-sig" if kind != ROUTER else "utf-8")
    except UnicodeDecodeError as error:
        if meant or kind == MARKDOWN:
            line = raw.count(b"\n", 0, error.start) + 1
            found.faults.append(Fault(Spot(path, line), f"is no UTF-8: byte {raw[error.start]:#04x}"))
        return File(path, OTHER, size)
    if kind == ROUTER and not _FRR.search(text):
        return File(path, OTHER, size)
    return File(path, kind, size, text)
