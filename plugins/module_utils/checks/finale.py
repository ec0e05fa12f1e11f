# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warnings of a run, for its end: each once, from the findings as modules return them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: The severity that is neither told by a failure nor set aside; ``registry.WARN``, without what that imports.
_WARN = "warn"


def lines(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines, none when there are no warnings.

    :param findings: maps with ``id``, ``severity``, ``where``, ``summary``, ``why`` and ``use``.
    """
    told: dict[str, list[str]] = {}
    for finding in findings:
        if finding.get("severity") != _WARN:
            continue
        head = f"{finding.get('id')} {finding.get('where')}: {finding.get('summary')}"
        rest = [f"    Why: {finding.get('why')}"]
        if finding.get("use") is not None:
            rest.append(f"    Use: {finding['use']}")
        told.setdefault(head, rest)
    return [line for head, rest in told.items() for line in (head, *rest)]
