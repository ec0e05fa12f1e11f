# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The areas ``bgp`` and ``pools``: both ends of BGP held against each other, and how full the pools are; pure."""

from __future__ import annotations

from typing import Any

from ..frr import admission, lint, options, text
from ..status import bgp as ends
from ..unifi.bgp_plan import told
from .areas import Area, Facts, Number, counted
from .gather import ANSWERED, UNASKED


def bgp(facts: Facts) -> Area:
    """Judge sessions and routes as ``bgp_status`` does, with what each end said."""
    area = Area("bgp")
    report = ends_report(facts)
    area.report = report.as_dict()
    shown = set(facts.wanted.shown)
    neighbors = [row for row in area.report["neighbors"] if row["node"] in shown]
    area.rows = [{"kind": "neighbor", **row} for row in neighbors]
    limited = len(shown) < len(facts.wanted.nodes)
    if not limited:
        area.rows += [{"kind": "route", **row} for row in area.report["routes"]]
    for finding in report.findings:
        if not limited or finding.subject in {*shown, "cluster", "router"}:
            area.find(finding.severity, finding.subject, finding.text)
    for name, subject in (("cilium", "cluster"), ("router", "router"), ("console", "router")):
        answer = facts.answer(name)
        if answer.state not in (ANSWERED, UNASKED):
            # The other report has only a warning for an end that does not answer.
            area.findings = [one for one in area.findings if one.text != answer.reason]
            area.find("error", subject, answer.reason)
    area.findings = list(dict.fromkeys(area.findings))
    if facts.answer("cilium").state != ANSWERED:
        area.unknown = facts.answer("cilium").reason
    up = sum(row["router_state"] == ends.ESTABLISHED or row["cluster_state"] == "established" for row in neighbors)
    routes = [row for row in area.report["routes"] if row["prefix"]]
    fine = sum(not row["broken"] for row in routes)
    area.summary = f"{up} of {counted(len(neighbors), 'session')} up, {fine} of {counted(len(routes), 'route')} whole"
    return area


def ends_report(facts: Facts) -> ends.Report:
    """Return the report of both ends."""
    wanted, cluster = facts.wanted, facts.value("cilium")
    stored, live = facts.value("console"), facts.value("router")
    expected: list[dict[str, Any]] = []
    if cluster is not None:
        expected = ends.expected(cluster, wanted.nodes, wanted.maximum_paths)
    judged: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    if stored is not None:
        lines, prefixes = text.parse(stored["text"]), options.expectations(expected)
        judged = admission.judged(lines, prefixes)
        faults = told(lint.lint(lines, [item.prefix for item in prefixes]))
    reason = facts.answer("router").reason
    return ends.build(
        ends.Ends(
            nodes=wanted.nodes,
            router=wanted.router,
            cluster=cluster,
            live=live,
            cluster_reason=facts.answer("cilium").reason,
            router_reason=reason if facts.answer("router").state != UNASKED else "",
            maximum_paths=wanted.maximum_paths,
            admission=tuple(judged),
            faults=tuple(faults),
        )
    )


def pools(facts: Facts) -> Area:
    """Judge the pools of the load balancers: room, conflicts, and Services without an address."""
    blank = facts.unknown("pools", "cilium", "pools")
    if blank is not None:
        return blank
    area, seen = Area("pools"), facts.value("cilium")
    for pool in seen["pools"]:
        name, total, used = str(pool["name"]), int(pool["total"]), int(pool["used"])
        percent = used * 100 // total if total else 100
        area.rows.append(
            {
                "name": name,
                "blocks": list(pool["blocks"]),
                "total": total,
                "used": used,
                "available": int(pool["available"]),
                "percent": percent,
                "conflict": str(pool.get("conflict") or ""),
            }
        )
        area.numbers.append(Number("pool_used", name, "addresses", used, total))
        if pool.get("conflict"):
            area.find("error", f"pool {name}", str(pool["conflict"]))
        if percent >= facts.wanted.thresholds.pool_warning:
            area.find("warning", f"pool {name}", f"{used} of {counted(total, 'address', 'addresses')} are given out")
    for row in seen["services"]:
        if not row["address"] and not row.get("foreign"):
            subject = f"{row['namespace']}/{row['name']}"
            area.find("error", subject, f"has no address: {row['broken'] or 'no pool gives it one'}")
    if not seen["pools"]:
        area.find("error", "pools", "there is none: no Service gets an address")
    used, total = (sum(int(pool[key]) for pool in seen["pools"]) for key in ("used", "total"))
    area.summary = f"{counted(len(seen['pools']), 'pool')}, {used} of {counted(total, 'address', 'addresses')} in use"
    return area
