# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of the components, read once: one folder per component, wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ..common.errors import InputError

#: The file that makes a folder a component.
DECLARATION = "component.yml.j2"
#: The values of its release.
VALUES = "values.yaml.j2"
_SUFFIX = ".j2"


@dataclass(frozen=True)
class Folder:
    """One component as its author wrote it.

    :param name: the folder's name, which is the component's.
    :param path: where it lies, for messages.
    :param files: name -> text of its templates, the declaration included.
    """

    name: str
    path: str
    files: dict[str, str]


def own() -> str:
    """Return the directory of the collection's own components; they are read on the controller only."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.normpath(os.path.join(here, "..", "..", "..", "roles", "gitops", "templates", "components"))


def read(directories: Iterable[str]) -> dict[str, Folder]:
    """Return every component by name; a folder of a later directory replaces one of the same name.

    :raises InputError: a directory that is not there, a folder without a declaration, a file that is no template.
    """
    found: dict[str, Folder] = {}
    for directory in directories:
        try:
            names = sorted(name for name in os.listdir(directory) if not name.startswith((".", "_")))
        except OSError as error:
            raise InputError(
                "the directory of the components cannot be read", target=directory, answer=error.strerror or ""
            ) from None
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isdir(path):
                found[name] = Folder(name, path, _files(path))
    return found


def _files(path: str) -> dict[str, str]:
    files: dict[str, str] = {}
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        if name.startswith("."):
            continue
        if not name.endswith((".yaml.j2", ".yml.j2")) or os.path.isdir(full):
            raise InputError(
                "a component holds templates only", target=full, remedy=f"Name it <file>.yaml{_SUFFIX}, or move it away"
            )
        with open(full, encoding="utf-8") as file:
            files[name] = file.read()
    if DECLARATION not in files:
        raise InputError(f"a component needs a {DECLARATION}", target=path)
    return files
