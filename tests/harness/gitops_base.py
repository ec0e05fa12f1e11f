# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small GitOps repository in which nothing is wrong: path -> text. The fixtures of the checks are changes to it.

It stands in ``gitops_base.txt``: each file after a line ``=== <path>``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _read() -> dict[str, str]:
    text = "\n" + Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for part in text.split("\n=== ")[1:]:
        path, _newline, content = part.partition("\n")
        found[path.strip()] = content.rstrip("\n") + "\n"
    return found


def files() -> dict[str, str]:
    """Return a fresh copy of the tree."""
    return dict(_read())
