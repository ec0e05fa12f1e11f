# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a file of the tree is: the seal in its first line.

A rendered file says in its first line that it is one, with a digest of the rest. So the tree itself tells which files
an earlier render has made (and may be changed or removed), which ones somebody has edited since, and which ones were
never ours; there is no list beside it that could differ.
"""

from __future__ import annotations

import enum
import hashlib
import re

_SEAL = re.compile(r"# Rendered by homeops\.cluster \(([0-9a-f]{16})\)[^\n]*\n")
_TEXT = "# Rendered by homeops.cluster ({}); edit the inventory, not this file.\n"


class Owner(enum.Enum):
    """What the first line of a file says."""

    OURS = "ours"
    EDITED = "edited"
    FOREIGN = "foreign"


def seal(body: str) -> str:
    """Return a rendered file: the seal and the body."""
    return _TEXT.format(_digest(body)) + body


def owner(text: str) -> Owner:
    """Tell a file of an earlier render from one that was edited since and from one that was never ours."""
    match = _SEAL.match(text)
    if not match:
        return Owner.FOREIGN
    return Owner.OURS if match.group(1) == _digest(text[match.end() :]) else Owner.EDITED


def opened(text: str) -> str:
    """Return a file without its seal: the text that was sealed."""
    match = _SEAL.match(text)
    return text[match.end() :] if match else text


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
