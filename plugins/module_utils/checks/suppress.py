# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user sets aside: entries of the option ``ignore`` as overrides of severities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..common.errors import InputError
from ..model.schema import nearest
from .engine import Override
from .registry import REGISTER

#: The part of an argument spec that the doc fragment ``homeops.cluster.ignore`` documents.
IGNORE: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "id": {"type": "str", "required": True},
        "reason": {"type": "str", "required": True},
        "severity": {"type": "str", "choices": ["ignore", "warn", "error"], "default": "ignore"},
        "key": {"type": "str", "default": "", "no_log": False},
    },
}


def overrides(entries: Iterable[Mapping[str, Any]]) -> list[Override]:
    """Return the overrides.

    :param entries: maps with ``id``, ``severity``, ``reason`` and ``key``.
    :raises InputError: an id is none of a check.
    """
    found = []
    for entry in entries:
        if entry["id"] not in REGISTER:
            meant = nearest(entry["id"], REGISTER)
            raise InputError(
                f"there is no check {entry['id']!r} to ignore",
                remedy=f"Did you mean {meant}" if meant else "The checks are listed in docs/checks",
                param="ignore",
            )
        found.append(Override(entry["id"], entry["severity"], entry["reason"], entry["key"]))
    return found
