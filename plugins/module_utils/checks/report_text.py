# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report over a repository as a text for people: errors, then warnings, then what was set aside, then the outcome.

The order and the words depend on nothing but the findings, so two reports can be compared line by line.
"""

from __future__ import annotations

from .engine import IGNORE, Finding, Report
from .registry import ERROR, WARN
from .report import counted, headline

_TITLES = {ERROR: "Errors", WARN: "Warnings", IGNORE: "Set aside"}


def paragraph(finding: Finding) -> str:
    """Return a finding over several lines."""
    lines = [f"{finding.id} {finding.where}", f"    {finding.summary}", f"    Why: {finding.why}"]
    if finding.use is not None:
        lines.append(f"    Use: {finding.use}")
    if finding.reason:
        word = "Set aside" if finding.severity == IGNORE else f"Counted as {finding.severity}"
        lines.append(f"    {word}: {finding.reason}")
    return "\n".join(lines)


def render(report: Report, source: str) -> str:
    """Return the report.

    :param source: what was judged, for its first line.
    """
    parts = [f"Findings in {source}"]
    for severity, title in _TITLES.items():
        found = report.of(severity)
        if found:
            parts.append(f"{title} ({len(found)})")
            parts.extend(paragraph(finding) for finding in found)
    if report.passed_over:
        many = len(report.passed_over) > 1
        parts.append(
            f"{counted(len(report.passed_over), 'check')} could not be judged, because what "
            f"{'they need' if many else 'it needs'} is missing or wrong: {', '.join(report.passed_over)}"
        )
    parts.append(headline(report))
    return "\n\n".join(parts) + "\n"
