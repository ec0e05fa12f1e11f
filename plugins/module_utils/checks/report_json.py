# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as JSON with a stable form; ``docs/validate.md`` describes it for its readers.

Within one ``schema`` a key may be added; none is renamed, removed or given another type or meaning.
"""

from __future__ import annotations

import json
from typing import Any

from .engine import IGNORE, Finding, Report
from .registry import ERROR, REGISTER, WARN

#: The number of the form.
SCHEMA = 1


def document(report: Report, source: str) -> dict[str, Any]:
    """Return the report as data.

    :param source: what was judged, as it was given.
    """
    return {
        "schema": SCHEMA,
        "tool": "homeops.cluster",
        "source": source,
        "worst": next((severity for severity in (ERROR, WARN) if report.of(severity)), "ok"),
        "counts": {severity: len(report.of(severity)) for severity in (ERROR, WARN, IGNORE)},
        "checks": list(report.ran),
        "not_judged": list(report.passed_over),
        "findings": [entry(finding) for finding in report.findings],
    }


def entry(finding: Finding) -> dict[str, Any]:
    """Return one finding; what is not there is null or an empty text, never a missing key."""
    check = REGISTER.get(finding.id)
    return {
        "id": finding.id,
        "severity": finding.severity,
        "area": finding.area,
        "rule": check.rule if check else "",
        "summary": finding.summary,
        "why": finding.why,
        "use": finding.use,
        "file": finding.file,
        "line": finding.line,
        "key": finding.key,
        "object": finding.object,
        "scope": finding.scope,
        "where": finding.where,
        "reason": finding.reason,
    }


def render(report: Report, source: str) -> str:
    """Return the report as text."""
    return json.dumps(document(report, source), indent=2, ensure_ascii=False) + "\n"
