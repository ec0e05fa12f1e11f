# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page that needs nothing but itself. Every text is escaped, a colour never stands alone."""

from __future__ import annotations

from html import escape

from ..status import page
from .engine import IGNORE, Finding, Report
from .registry import ERROR, REGISTER, WARN
from .report import headline

_TITLES = {ERROR: "Errors", WARN: "Warnings", IGNORE: "Set aside"}
_TONES = {ERROR: "bad", WARN: "warn", IGNORE: "mute"}
_WORDS = {ERROR: "error", WARN: "warning", IGNORE: "set aside"}


def render(report: Report, source: str) -> str:
    """Return the page.

    :param source: what was judged, for its title.
    """
    worst = next((severity for severity in (ERROR, WARN) if report.of(severity)), None)
    verdict = _tag(_TONES[worst], f"has {_WORDS[worst]}s") if worst else _tag("good", "nothing to mend")
    parts = [
        f"<h1>{escape(source)} {verdict}</h1>",
        f"<p>{escape(headline(report))}</p>",
        _areas(report),
        *(_section(severity, report.of(severity)) for severity in _TITLES),
        _looked_for(report),
    ]
    return page.document(f"Findings in {source}", "\n".join(part for part in parts if part))


def _tag(tone: str, text: str) -> str:
    return f'<span class="tag {tone}">{escape(text)}</span>'


def _areas(report: Report) -> str:
    """Return how many findings each area has."""
    names = sorted({finding.area for finding in report.findings})
    if not names:
        return ""
    head = "".join(f"<th>{escape(title)}</th>" for title in ("Area", *_TITLES.values()))
    rows = ""
    for name in names:
        cells = ""
        for severity, tone in _TONES.items():
            count = sum(1 for finding in report.of(severity) if finding.area == name)
            cells += f"<td>{_tag(tone, str(count)) if count else '-'}</td>"
        rows += f"<tr><td>{escape(name)}</td>{cells}</tr>"
    return f'<h2>By area</h2><div class="card"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _section(severity: str, findings: list[Finding]) -> str:
    if not findings:
        return ""
    body = "".join(_card(finding) for finding in findings)
    return f'<h2>{_TITLES[severity]} ({len(findings)})</h2><div class="card">{body}</div>'


def _card(finding: Finding) -> str:
    rows = [("Where", finding.where), ("Why", finding.why)]
    if finding.use is not None:
        rows.append(("Use", finding.use))
    if finding.id in REGISTER:
        rows.append(("Rule", REGISTER[finding.id].rule))
    if finding.reason:
        rows.append(("Set aside" if finding.severity == IGNORE else f"Counted as {finding.severity}", finding.reason))
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    opened = " open" if finding.severity == ERROR else ""
    return (
        f"<details{opened}><summary>{_tag(_TONES[finding.severity], _WORDS[finding.severity])} "
        f"<b>{escape(finding.id)}</b> {escape(finding.summary)}</summary><dl>{lines}</dl></details>"
    )


def _looked_for(report: Report) -> str:
    """Return the list of the checks, because what was not looked for was not found either."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(REGISTER[name].rule)}"
        f"{' ' + _tag('mute', 'not judged') if name in report.passed_over else ''}</dd>"
        for name in report.ran
        if name in REGISTER
    )
    return (
        f'<h2>Looked for</h2><div class="card"><details><summary>{len(report.ran)} checks</summary>'
        f"<dl>{rows}</dl></details></div>"
    )
