# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff between two configs as Talos prints it."""

from __future__ import annotations

import difflib
from typing import Any

from .goyaml import dump


def documents(before: Any, after: Any) -> str:
    """A unified diff of two configs in their comment-free form, empty when they are equal."""
    return unified(encode(before), encode(after))


def encode(config: Any) -> str:
    """All documents of a config, comment-free."""
    parts = []
    if config.v1alpha1 is not None:
        parts.append(dump(config.v1alpha1))
    parts += [dump(document) for document in config.documents]
    return "---\n".join(parts)


def unified(before: str, after: str) -> str:
    """A unified diff with headers ``--- a`` and ``+++ b``."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), "a", "b")
    return "".join(lines)
