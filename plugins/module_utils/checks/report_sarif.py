# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as SARIF 2.1.0, which code reviews show beside the lines (OASIS, Static Analysis Results Interchange
Format 2.1.0, 2020-03-27).

Every check that was run is a rule, so that a viewer can tell what was looked for and not found. A finding that was set
aside keeps its place with a suppression and the reason. Files are relative to the root of the repository.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from .engine import IGNORE, Finding, Report
from .registry import ERROR, REGISTER, WARN, Check

VERSION = "2.1.0"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HOME = "https://github.com/homeops/cluster"
_LEVELS = {ERROR: "error", WARN: "warning", IGNORE: "note"}
#: Names the way in which a finding's fingerprint is made; another way must get another name.
_FINGERPRINT = "homeopsFinding/v1"


def document(report: Report) -> dict[str, Any]:
    """Return the report as data."""
    names = sorted({*report.ran, *(finding.id for finding in report.findings)})
    rules = [_rule(REGISTER[name]) for name in names if name in REGISTER]
    positions = {rule["id"]: number for number, rule in enumerate(rules)}
    return {
        "$schema": _SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": {"name": "homeops.cluster", "informationUri": _HOME, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {
                    "REPOSITORY": {"description": {"text": "The root of the repository that was judged."}}
                },
                "results": [_result(finding, positions.get(finding.id, -1)) for finding in report.findings],
            }
        ],
    }


def render(report: Report, source: str = "") -> str:
    """Return the report as text; SARIF needs no word for the source."""
    del source  # the renderers are called alike
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def _rule(check: Check) -> dict[str, Any]:
    wrong, right = f"Wrong: {check.broken}.", f"Right: {check.right}."
    return {
        "id": check.id,
        "shortDescription": {"text": check.rule},
        "fullDescription": {"text": check.why},
        "help": {"text": f"{check.why} {wrong} {right}"},
        "helpUri": f"{_HOME}/blob/main/docs/checks/{check.id}.md",
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": {"tags": [check.area]},
    }


def _result(finding: Finding, position: int) -> dict[str, Any]:
    text = f"{finding.summary} {finding.why}"
    if finding.use is not None:
        text += f" Use: {finding.use}"
    severity = finding.severity
    if severity == IGNORE and finding.id in REGISTER:
        # A suppression says that it does not count; the level stays what it would be.
        severity = REGISTER[finding.id].severity
    found: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": position,
        "level": _LEVELS[severity],
        "message": {"text": text},
        "locations": [_location(finding)],
        "partialFingerprints": {_FINGERPRINT: _fingerprint(finding)},
    }
    if finding.severity == IGNORE:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.reason}]
    return found


def _location(finding: Finding) -> dict[str, Any]:
    """Return the place; viewers want a file for every finding, and one about the whole repository has its root."""
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(finding.file or "./", safe="/"), "uriBaseId": "REPOSITORY"}
    }
    if finding.line:
        physical["region"] = {"startLine": finding.line}
    name = " ".join(part for part in (finding.object, finding.key) if part)
    location: dict[str, Any] = {"physicalLocation": physical}
    if name:
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "object"}]
    return location


def _fingerprint(finding: Finding) -> str:
    """Return what stays when lines above are added or taken away."""
    parts = (finding.id, finding.file or "", finding.object, finding.key, finding.summary)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
