# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as plain data (``docs/status.schema.json``) and as a table for a terminal; pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..status.table import columns
from .areas import AREAS, CRITICAL, OK, SCHEMA, Area, Facts, worst
from .gather import TIMEOUT
from .history import Trend

#: What is shown of the rows of each area: key and head of each column.
COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "nodes": (
        ("name", "Node"),
        ("stage", "Stage"),
        ("version", "Version"),
        ("config", "Config"),
        ("model", "Model"),
    ),
    "etcd": (
        ("name", "Member"),
        ("role", "Role"),
        ("db", "Database"),
        ("raft_lag", "Lag"),
        ("alarms", "Alarms"),
    ),
    "kubernetes": (("kind", "Kind"), ("name", "Name"), ("state", "State"), ("text", "What it says")),
    "cilium": (("kind", "Kind"), ("name", "Name"), ("ready", "Ready"), ("version", "Version")),
    "bgp": (
        ("kind", "Kind"),
        ("node", "Node"),
        ("family", "Family"),
        ("cluster_state", "Cilium"),
        ("router_state", "Router"),
        ("name", "What"),
        ("prefix", "Prefix"),
        ("paths", "Paths"),
        ("broken", "Broken"),
    ),
    "pools": (("name", "Pool"), ("blocks", "Blocks"), ("used", "Used"), ("total", "Of"), ("percent", "%")),
    "flux": (
        ("kind", "Kind"),
        ("name", "Object"),
        ("state", "State"),
        ("revision", "Revision"),
        ("text", "What it says"),
    ),
    "secrets": (("kind", "Kind"), ("name", "Object"), ("state", "State"), ("text", "What it says")),
    "storage": (("kind", "Kind"), ("name", "Name"), ("state", "State"), ("text", "What it says")),
    "certificates": (
        ("kind", "Kind"),
        ("name", "Name"),
        ("state", "State"),
        ("days", "Days left"),
        ("not_after", "Ends"),
        ("text", "What it says"),
    ),
    "identity": (("kind", "Kind"), ("name", "Name"), ("state", "State"), ("text", "What it says")),
    "services": (("name", "Service"), ("host", "Host"), ("state", "State"), ("broken", "First broken link")),
}
_CUT = 100


def build(
    facts: Facts,
    areas: Sequence[Area],
    trends: Sequence[Trend],
    since: Mapping[str, str],
    *,
    cluster: str,
    seconds: float,
) -> dict[str, Any]:
    """Return the report as plain data."""
    made: datetime = facts.wanted.now
    findings = [
        {"severity": one.severity, "area": area.name, "subject": one.subject, "text": one.text}
        for area in areas
        for one in area.findings
    ]
    return {
        "schema": SCHEMA,
        "cluster": cluster,
        "made": made.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "nodes": list(facts.wanted.shown),
        "worst": worst(one for area in areas for one in area.findings),
        "areas": [
            {
                "name": area.name,
                "state": area.state,
                "since": since.get(area.name),
                "summary": area.summary,
                "unknown": area.unknown,
                "rows": area.rows,
            }
            for area in areas
        ],
        "findings": sorted(findings, key=lambda one: (one["severity"] != CRITICAL, AREAS.index(one["area"]))),
        "trends": [one.as_dict() for one in trends],
        "sources": [answer.facts for answer in facts.answers.values()],
    }


def text(report: Mapping[str, Any]) -> str:
    """Return the report as JSON text."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def render(report: Mapping[str, Any], detail: Collection[str]) -> str:
    """Return the table of areas, the rows of some of them, the trends, the findings, and the verdict.

    :param detail: the areas whose rows are shown.
    """
    listed = [
        (
            one["name"],
            one["state"].upper() if one["state"] != OK else OK,
            str(one["since"])[:16].replace("T", " "),
            one["summary"],
        )
        for one in report["areas"]
    ]
    parts = [columns(("AREA", "STATE", "SINCE", "WHAT"), listed)]
    for area in report["areas"]:
        if area["name"] in detail and area["rows"]:
            parts.append(_rows(area))
    if report["trends"]:
        rows = [(one["name"].replace("_", " "), one["subject"], one["text"]) for one in report["trends"]]
        parts.append(columns(("TREND", "OF", "NOW AND SINCE"), rows))
    if report["findings"]:
        parts.append(
            "\n".join(
                f"{one['severity'].upper():8} {one['area']}: {one['subject']}: {one['text']}"
                for one in report["findings"]
            )
        )
    parts.append(f"{verdict(report)} ({report['seconds']:.1f} s)")
    return "\n\n".join(parts)


def verdict(report: Mapping[str, Any]) -> str:
    """Return the last line: how many findings, and which systems did not answer in time."""
    counts = {name: sum(one["severity"] == name for one in report["findings"]) for name in (CRITICAL, "warning")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "everything stands"
    late = [str(one["name"]) for one in report["sources"] if one["state"] == TIMEOUT]
    return f"{told}; no answer in time from {', '.join(late)}" if late else told


def _rows(area: Mapping[str, Any]) -> str:
    names = COLUMNS[area["name"]]
    cells = [[_cell(row.get(key)) for key, _head in names] for row in area["rows"]]
    used = [index for index in range(len(names)) if any(line[index] not in ("", "-") for line in cells)]
    head = [names[index][1].upper() for index in used]
    return columns(head, [[line[index][:_CUT] for index in used] for line in cells])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
