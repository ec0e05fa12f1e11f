# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .report import Report

_NODES = ("NODE", "TALOS", "VERSION", "CONFIG", "ETCD", "KUBERNETES", "KUBELET")
_WORKLOADS = ("WORKLOAD", "READY", "VERSION")


def render(report: Report) -> str:
    """Return the tables of nodes and workloads, then one line per finding, worst first, then the verdict."""
    parts = [
        columns(_NODES, [(r.name, r.talos, r.version, r.config, r.etcd, r.kubernetes, r.kubelet) for r in report.nodes])
    ]
    if report.workloads:
        parts.append(columns(_WORKLOADS, [(row.name, row.ready, row.version) for row in report.workloads]))
    findings = sorted(report.findings, key=lambda finding: finding.severity != "error")
    if findings:
        parts.append("\n".join(f"{f.severity.upper():8} {f.subject}: {f.text}" for f in findings))
    counts = {severity: sum(f.severity == severity for f in findings) for severity in ("error", "warning")}
    parts.append(
        "everything stands"
        if not findings
        else ", ".join(f"{n} {name}{'s' * (n != 1)}" for name, n in counts.items() if n)
    )
    return "\n\n".join(parts)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head, each column as wide as its widest cell."""
    widths = [max(len(line[index]) for line in (head, *rows)) for index in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *rows)
    )
