# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations such as ``hours=3;minutes=1`` (``authentik/lib/utils/time.py``)."""

from __future__ import annotations

import datetime

KEYS = ("microseconds", "milliseconds", "seconds", "minutes", "hours", "days", "weeks")


def parse(text: str) -> datetime.timedelta:
    """Return the duration; unknown keys are skipped, at least one known is needed.

    :raises ValueError: for anything else.
    """
    found: dict[str, float] = {}
    for pair in text.split(";"):
        key, value = pair.split("=")
        if key.lower() in KEYS:
            found[key.lower()] = float(value)
    if not found:
        raise ValueError(text)
    return datetime.timedelta(**found)
