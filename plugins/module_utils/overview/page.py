# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page, with the writers of ``status.page``: it loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ..status.page import document, rows_table, service_parts, tag
from ..status.topology import draw
from .areas import CRITICAL, OK, UNKNOWN
from .document import COLUMNS

_WORDS = {"ok": "all stands", "warning": "warnings", "critical": "broken"}
_TITLES = {"bgp": "BGP", "etcd": "etcd"}


def page(report: Mapping[str, Any], drawn: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page.

    :param report: as ``document.build`` returns it.
    :param drawn: the reports ``bgp`` and ``services`` that the topology is drawn from; any may be missing.
    """
    worst = str(report["worst"])
    parts = [
        f"<h1>{escape(str(report['cluster']))} {tag(_tone(worst), _WORDS[worst])}</h1>",
        f"<p>{escape(str(report['made']))}, {escape(', '.join(report['nodes']))}</p>",
        _areas(report),
        _findings(report),
        f'<h2>Topology</h2><div class="card">{draw(drawn)}</div>' if drawn else "",
        rows_table("Trends", report["trends"], (("name", "Trend"), ("subject", "Of"), ("text", "Now and since"))),
    ]
    for area in report["areas"]:
        name = str(area["name"])
        if name == "services":
            parts.append(service_parts({"services": area["rows"]}))
        else:
            parts.append(rows_table(_TITLES.get(name, name.capitalize()), area["rows"], COLUMNS[name]))
    return document(f"{report['cluster']}: status", "\n".join(part for part in parts if part))


def _tone(state: str) -> str:
    return state if state in (OK, CRITICAL, "warning") else UNKNOWN


def _areas(report: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><b>{escape(str(one['name']))}</b></td><td>{tag(_tone(str(one['state'])), str(one['state']))}</td>"
        f"<td>{escape(str(one['since'] or ''))}</td><td>{escape(str(one['summary']))}</td></tr>"
        for one in report["areas"]
    )
    head = "<tr><th>Area</th><th>State</th><th>Since</th><th>What</th></tr>"
    return f'<div class="card areas"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _findings(report: Mapping[str, Any]) -> str:
    if not report["findings"]:
        return ""
    items = "".join(
        f"<li>{tag(str(one['severity']))} {escape(str(one['area']))}: <b>{escape(str(one['subject']))}</b> "
        f"{escape(str(one['text']))}</li>"
        for one in report["findings"]
    )
    return f'<h2>What to mend</h2><div class="card"><ul>{items}</ul></div>'
