# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render changes in a repository: pure, over path -> text.

Whose a file is, its seal tells (``gitops/seal.py``). Files of an earlier render that are not rendered any more are
removed; a file without a seal is somebody else's and stays; a sealed file that somebody has edited is nobody's to
overwrite. What must not go unasked, ``losses.py`` tells.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..common.errors import InputError
from ..gitops.seal import Owner, owner
from . import losses
from .errors import GitRefused

_NAMED = 5


@dataclass(frozen=True)
class Change:
    """One file: what it was and what it becomes; None where it is not there."""

    path: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """``added``, ``changed`` or ``removed``."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def judge(files: Mapping[str, str]) -> None:
    """Refuse paths that lead out of the repository or into git's own folder, and texts without a seal.

    :raises InputError: naming the first one.
    """
    for path, text in files.items():
        parts = path.split("/")
        wrong = (
            not path
            or path.startswith("/")
            or posixpath.normpath(path) != path
            or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
            or re.search(r"[\x00-\x1f\\]", path)
        )
        if wrong:
            raise InputError("this is no path of a file in a repository", answer=repr(path), param="files")
        if owner(text) is not Owner.OURS:
            raise InputError(
                "a file of the tree has no seal",
                target=path,
                remedy="Take the files from the filter gitops_tree_of",
                param="files",
            )


def plan(
    wanted: Mapping[str, str],
    present: Mapping[str, str],
    others: Collection[str],
    take_over: bool = False,
    remove: Collection[str] = (),
) -> tuple[list[Change], list[str]]:
    """Return the changes, and the files that are left although they were rendered once (edited since).

    :param present: text of every file of the repository that is at one of our paths or may carry a seal.
    :param others: paths of everything else.
    :param take_over: overwrite what is not ours.
    :param remove: components that may go although data goes with them.
    :raises GitRefused: somebody else's file, or an edited one, is where ours would go; or ``losses.judge`` refuses.
    """
    taken = [path for path in wanted if path in present and present[path] != wanted[path]]
    foreign = [path for path in taken if owner(present[path]) is Owner.FOREIGN]
    edited = [path for path in taken if owner(present[path]) is Owner.EDITED]
    everything = {*present, *others}
    blocked = sorted(
        {above for path in wanted for above in _above(path) if above in everything} | set(others) & set(wanted)
    )
    if blocked or (foreign and not take_over):
        raise GitRefused(
            "writing the tree",
            answer=f"{_named([*blocked, *foreign])} {_is(blocked + foreign)} not rendered by us and would be lost",
            remedy=(
                "Move it away, leave the component out (homeops_gitops.components), let the owner's files rule "
                "(homeops_gitops.mode: existing), or have them overwritten once with take_over"
            ),
        )
    if edited and not take_over:
        raise GitRefused(
            "writing the tree",
            answer=f"{_named(edited)} {_is(edited)} edited since the last render",
            remedy="Bring the edit into the inventory and revert it there, or have it overwritten once with take_over",
        )
    losses.judge(wanted, present, remove)
    changes = [Change(path, present.get(path), text) for path, text in wanted.items() if present.get(path) != text]
    left = []
    for path, text in present.items():
        if path not in wanted and owner(text) is Owner.OURS:
            changes.append(Change(path, text, None))
        elif path not in wanted and owner(text) is Owner.EDITED:
            left.append(path)
    return sorted(changes, key=lambda change: change.path), sorted(left)


def patch(changes: Collection[Change]) -> str:
    """Return the changes as a unified diff."""
    found: list[str] = []
    for change in changes:
        before = [] if change.before is None else change.before.splitlines(keepends=True)
        after = [] if change.after is None else change.after.splitlines(keepends=True)
        found += difflib.unified_diff(
            before,
            after,
            "/dev/null" if change.before is None else f"a/{change.path}",
            "/dev/null" if change.after is None else f"b/{change.path}",
        )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in found)


def message(changes: Collection[Change]) -> str:
    """Return the line of the history: what was done to which parts, and from what to what when that is all."""
    kinds = {change.kind for change in changes}
    word = {"added": "Add", "removed": "Remove"}.get(kinds.pop(), "Update") if len(kinds) == 1 else "Update"
    groups = list(dict.fromkeys(_group(change.path) for change in changes))
    # The lists of what there is change with the parts themselves and say nothing more.
    telling = [group for group in groups if not group.startswith("clusters/")] or groups
    if len(telling) > 8:
        tops = list(dict.fromkeys(group.partition("/")[0] for group in telling))
        return f"{word} {len(changes)} files of {_named(tops)}"
    step = _step(changes)
    return f"{word} {_named(telling, 3)}{f' from {step[0]} to {step[1]}' if step else ''}"


def _step(changes: Collection[Change]) -> tuple[str, str] | None:
    """Return the one word that became another one, when the changes are nothing else."""
    steps = set()
    for change in changes:
        if change.before is None or change.after is None:
            return None
        before, after = change.before.splitlines()[1:], change.after.splitlines()[1:]
        if len(before) != len(after):
            return None
        for old, new in zip(before, after, strict=True):
            if old != new:
                # Words end at blanks and at the marks that YAML and images put around a value.
                ends = r"[\s\"',:]+"
                words = list(zip(re.split(ends, old), re.split(ends, new), strict=False))
                steps |= {pair for pair in words if pair[0] != pair[1]}
    return steps.pop() if len(steps) == 1 else None


def _group(path: str) -> str:
    """Return the component of a path: ``infrastructure/longhorn``; for services the file itself."""
    parts = path.split("/")
    if parts[:2] == ["apps", "services"] and parts[2:] != ["kustomization.yaml"]:
        return path.removesuffix(".yaml")
    return "/".join(parts[:2]) if len(parts) > 2 else path


def _above(path: str) -> list[str]:
    """Return every folder above a path."""
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


def _named(items: Collection[str], most: int = _NAMED) -> str:
    listed = list(items)
    shown, more = listed[:most], len(listed) - most
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _is(items: Collection[str]) -> str:
    return "was" if len(items) == 1 else "were"
