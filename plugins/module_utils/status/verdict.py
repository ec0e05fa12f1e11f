# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How bad a report is, and whether that fails the task; shared by all modules that judge a state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..common.errors import HomeopsError
from .report import Finding

#: The part of the argument spec that the doc fragment ``homeops.cluster.verdict`` documents.
FAIL_ON: dict[str, Any] = {"type": "str", "choices": ["error", "warning", "never"], "default": "error"}
_FAILS = {"error": ("error",), "warning": ("error", "warning"), "never": ()}


class Judged(Protocol):
    """A report with findings."""

    @property
    def worst(self) -> str:
        """``ok``, ``warning`` or ``error``."""

    @property
    def findings(self) -> Iterable[Finding]:
        """What is not as it should be."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""


def settle(report: Judged, text: str, fail_on: str, attempted: str, remedy: str) -> dict[str, Any]:
    """Return a module's result for a report.

    :param text: the report for people.
    :param attempted: what the module did, for the error.
    :raises HomeopsError: telling the worst findings, when they are at least as bad as ``fail_on``.
    """
    result = {"changed": False, "report": report.as_dict(), "table": text}
    if report.worst in _FAILS[fail_on]:
        bad = [f"{finding.subject}: {finding.text}" for finding in report.findings if finding.severity == report.worst]
        raise HomeopsError(attempted, answer="; ".join(bad), remedy=remedy, facts=result)
    return result
