# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Go writes and reads them: ``1m0s``, ``1h30m``, ``500ms``."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([\d.]+)(ns|us|µs|ms|h|m|s)")


def parse_go(text: str) -> float:
    """Seconds of a Go duration.

    :raises ValueError: for anything else, in Go's words.
    """
    if text == "0":
        return 0.0
    body = text[1:] if text[:1] in "+-" else text
    if not body or _PART.sub("", body):
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(body))
    return -seconds if text.startswith("-") else seconds


def format_go(seconds: float) -> str:
    """A duration as Go's ``String`` prints it: ``1m0s``, ``1.5s``, ``10ms``, ``0s``."""
    nanos = round(seconds * 1e9)
    if nanos == 0:
        return "0s"
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 1000_000)):
        if nanos < size * 1000 and nanos < 1000_000_000:
            return sign + _trim(nanos, size) + unit
    hours, rest = divmod(nanos, 3600 * 10**9)
    minutes, rest = divmod(rest, 60 * 10**9)
    text = _trim(rest, 10**9) + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _trim(nanos: int, size: int) -> str:
    whole, part = divmod(nanos, size)
    if not part:
        return str(whole)
    digits = str(part).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}"
