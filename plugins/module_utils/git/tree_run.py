# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the files of a tree into a branch, with at most one commit."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from . import tree_plan
from .errors import GitRefused
from .repository import Entry, Repository, blob_id, checkout
from .tree_plan import Change

_SUFFIXES = (".yaml", ".yml")
_FILE_MODES = ("100644", "100755")


@dataclass(frozen=True)
class Options:
    """How a tree is written.

    :param take_over: overwrite files that are not ours.
    :param remove: components that may go although data goes with them.
    :param author: name and e-mail address of the commit.
    :param prefix: put before the line of the history.
    """

    take_over: bool = False
    remove: tuple[str, ...] = ()
    author: tuple[str, str] = ("homeops.cluster", "homeops@localhost")
    prefix: str = ""


def have(repository: Repository, files: Mapping[str, str], options: Options, ctx: Context) -> dict[str, Any]:
    """Have the files in the branch; the result of the module."""
    tree_plan.judge(files)
    with contextlib.ExitStack() as stack:
        seen = repository
        if ctx.check_mode:
            seen = repository.borrowed(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeops-git-")))
        tip = seen.tip()
        seen.fetch(tip)
        working = checkout(repository) if repository.exists else None
        if working:
            working.refuse_unless_clean(tip, set(files), seen)
        changes, left = _changes(seen, tip, files, options)
        for path in left:
            ctx.warn(f"{path} was rendered once and edited since; it is rendered no more, and was left as it is")
        line = f"{options.prefix}{tree_plan.message(changes)}" if changes else ""
        commit = tip
        if changes and not ctx.check_mode:
            ctx.progress(line)
            commit = seen.commit(tip, {change.path: change.after for change in changes}, line, options.author)
            seen.push(commit)
        if working and not ctx.check_mode:
            working.follow(commit)
    result: dict[str, Any] = {
        "changed": bool(changes),
        "commit": commit,
        "before": tip,
        "branch": repository.branch,
        "message": line,
        "changed_files": [{"path": change.path, "change": change.kind} for change in changes],
        "left": left,
        "files": len(files),
    }
    if ctx.diff_mode and changes:
        result["diff"] = {"prepared": tree_plan.patch(changes)}
    return result


def look(repository: Repository, needed: Sequence[str], ctx: Context) -> dict[str, Any]:
    """Look whether a branch that somebody else writes holds what is needed.

    :raises GitRefused: a file is missing.
    """
    del ctx  # nothing is written either way
    with tempfile.TemporaryDirectory(prefix="homeops-git-") as folder:
        seen = repository.borrowed(folder)
        tip = seen.tip()
        seen.fetch(tip)
        files = seen.files(tip)
    missing = [path for path in needed if path not in files]
    if missing:
        raise GitRefused(
            f"looking for {', '.join(missing)}",
            target=f"branch {repository.branch}",
            answer="the branch is empty" if not tip else "there is no such file",
            remedy="Write the tree, or let the collection do it (homeops_gitops.mode: render)",
        )
    return {
        "changed": False,
        "commit": tip,
        "before": tip,
        "branch": repository.branch,
        "message": "",
        "changed_files": [],
        "left": [],
        "files": len(files),
    }


def _changes(seen: Repository, tip: str, files: Mapping[str, str], options: Options) -> tuple[list[Change], list[str]]:
    there = seen.files(tip)
    same = {
        path
        for path, text in files.items()
        if path in there and there[path] == Entry("100644", blob_id(text, len(tip)))
    }
    # Whatever may carry a seal is read; what is equal by its id need not be.
    read = {
        path: entry
        for path, entry in there.items()
        if path not in same and entry.mode in _FILE_MODES and (path in files or path.endswith(_SUFFIXES))
    }
    present = {**seen.texts(read), **{path: files[path] for path in same}}
    return tree_plan.plan(files, present, set(there) - set(present), options.take_over, options.remove)


def directory(path: str) -> str:
    """Return the directory of the controller's repository.

    :raises InputError: something else is there.
    """
    full = os.path.abspath(os.path.expanduser(path))
    if os.path.exists(full) and not os.path.isdir(full):
        raise InputError("the repository of the controller is no directory", target=full, param="directory")
    inside = os.listdir(full) if os.path.isdir(full) else []
    if inside and ".git" not in inside and "HEAD" not in inside:
        raise InputError(
            "the directory is no repository and not empty",
            target=full,
            remedy="Give a checkout of the repository, or a directory that does not exist yet",
            param="directory",
        )
    return full
