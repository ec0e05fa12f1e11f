# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for people: every finding at once, each with its place, the reason and the value to use."""

from __future__ import annotations

from .engine import IGNORE, Finding, Report
from .registry import ERROR, WARN


def counted(number: int, word: str) -> str:
    """Return ``1 error``, ``2 errors``, ``no errors``."""
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"


def headline(report: Report) -> str:
    """Return the outcome in one line."""
    parts = [counted(len(report.of(ERROR)), "error"), counted(len(report.of(WARN)), "warning")]
    ignored = len(report.of(IGNORE))
    return f"{', '.join(parts)}{f', {ignored} ignored' if ignored else ''} in {counted(len(report.ran), 'check')}"


def one_line(finding: Finding) -> str:
    """Return a finding as one line, for a warning."""
    text = f"{finding.id} {finding.where}: {finding.summary} {finding.why}"
    text += f" Use: {finding.use}" if finding.use is not None else ""
    return f"{text} (ignored: {finding.reason})" if finding.severity == IGNORE else text


def paragraph(finding: Finding) -> str:
    """Return a finding over several lines."""
    lines = [f"{finding.id} {finding.where}", f"    {finding.summary}", f"    Why: {finding.why}"]
    if finding.use is not None:
        lines.append(f"    Use: {finding.use}")
    if finding.reason:
        lines.append(f"    Severity {finding.severity} was chosen in the inventory: {finding.reason}")
    return "\n".join(lines)


def failure(report: Report) -> str:
    """Return the message of a run that has errors."""
    errors = report.of(ERROR)
    body = "\n".join(paragraph(finding) for finding in errors)
    rest = ""
    if report.passed_over:
        rest = f" {counted(len(report.passed_over), 'check')} could not be judged until these are put right."
    head = f"The model of the inventory has {counted(len(errors), 'error')}."
    return f"{head}\n{body}\nNo system has been contacted and nothing was changed.{rest}"


def not_ready(report: Report) -> str:
    """Return the message of a run whose systems are not ready for it."""
    errors = report.of(ERROR)
    body = "\n".join(paragraph(finding) for finding in errors)
    many = len(errors) != 1
    head = f"The systems are not ready for this run: {counted(len(errors), 'error')}."
    return f"{head}\n{body}\nThe systems have only been looked at: nothing was changed. {_again(many)}"


def _again(many: bool) -> str:
    return f"Put {'these' if many else 'this'} right and run the same command again."
