# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small derivations for templates: amounts, versions and digests."""

from __future__ import annotations

import hashlib
import re

_UNITS = {"": 1, **{unit: 1000**power for power, unit in enumerate("KMGTP", 1)}}
_BINARY = {f"{unit}i": 1024**power for power, unit in enumerate("KMGTP", 1)}
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def size_bytes(text: str) -> int:
    """Return an amount of storage in bytes: ``1TB`` and ``1T`` are 10^12, ``1Ti`` is 2^40.

    :raises ValueError: no amount.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGTP]i?)?B?", text)
    if not match:
        raise ValueError(f"{text!r} is no amount of storage")
    unit = match.group(2) or ""
    return int(float(match.group(1)) * {**_UNITS, **_BINARY}[unit])


def seconds(text: str) -> int:
    """Return a duration as Go writes it, in whole seconds.

    :raises ValueError: no duration.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration")
    return int(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def digest(text: str) -> str:
    """Return a short digest of a text, for an annotation that changes with it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def at_least(version: str, least: str) -> bool:
    """Whether a version, with or without a leading v, is not older than another."""

    def numbers(text: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", text.partition("-")[0])]

    return numbers(version) >= numbers(least)
