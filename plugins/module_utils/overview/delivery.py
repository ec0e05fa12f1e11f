# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The areas ``flux`` and ``secrets``: what Git wants and has not got, and Secrets that are not what their source is."""

from __future__ import annotations

from typing import Any

from ..external_secrets import states
from ..flux import report as flux_report
from ..flux.state import GIT_REPOSITORY
from .areas import Area, Facts, counted

#: States in which a controller has given up, or will try in vain.
_BROKEN = ("failed", "stalled")
#: Characters of a message that are told.
_CUT = 240


def flux(facts: Facts) -> Area:
    """Judge Flux: what is not ready and why, what is suspended, and whether Git can be read."""
    blank = facts.unknown("flux", "flux", "Flux")
    if blank is not None:
        return blank
    area = Area("flux")
    bodies: list[dict[str, Any]] = facts.value("flux")
    report = flux_report.build(bodies)
    for row in [row for row in report.graph.rows.values() if row in report.rows or row.ref.kind == GIT_REPOSITORY]:
        area.rows.append(
            {
                "kind": row.ref.kind,
                "name": f"{row.ref.namespace}/{row.ref.name}",
                "state": row.state,
                "suspended": row.suspended,
                "revision": flux_report.short(row.revision),
                "text": "" if row.ready and not row.suspended else row.why[:_CUT],
            }
        )
        if row.suspended:
            area.find("warning", str(row.ref), "is suspended: what Git says of it is not done")
    for chain in report.causes:
        if not chain.root.suspended:
            severity = "error" if chain.missing is not None or chain.root.state in _BROKEN else "warning"
            area.find(severity, str(chain.root.ref), f"{chain.root.state}: {chain}"[:_CUT])
    sources = [row for row in report.graph.rows.values() if row.ref.kind == GIT_REPOSITORY]
    for row in sources:
        if not row.ready and not row.suspended:
            area.find("error" if row.state in _BROKEN else "warning", str(row.ref), row.why[:_CUT])
    if not report.rows:
        area.find("error", "Flux", "there is no Kustomization: nothing is deployed from Git")
    area.rows.sort(key=lambda row: (row["state"] == "ready", row["kind"], row["name"]))
    area.findings = list(dict.fromkeys(area.findings))
    suspended = sum(row["suspended"] for row in area.rows)
    area.summary = report.counts + (f", {suspended} suspended" if suspended else "")
    return area


def secrets(facts: Facts) -> Area:
    """Judge the stores and ExternalSecrets."""
    blank = facts.unknown("secrets", "secrets", "External Secrets")
    if blank is not None:
        return blank
    area, found = Area("secrets"), facts.value("secrets")
    events = found["events"]
    judged = [states.store_state({"kind": "ClusterSecretStore", **body}, events) for body in found["stores"]]
    judged += [states.secret_state(body, events) for body in found["secrets"]]
    for state in judged:
        area.rows.append(
            {
                "kind": state.kind,
                "name": state.where,
                "state": "ok" if state.done else "error",
                "text": "" if state.done else " ".join(f"{state.said} {state.cause}".split())[:_CUT],
            }
        )
        if not state.done:
            area.find("error", f"{state.kind} {state.where}", " ".join(f"{state.said} {state.cause}".split())[:_CUT])
    if not found["stores"]:
        area.find("error", "External Secrets", "there is no ClusterSecretStore: no Secret is made")
    area.rows.sort(key=lambda row: (row["state"] == "ok", row["kind"], row["name"]))
    synced = sum(state.done for state in judged if state.namespace)
    total = sum(bool(state.namespace) for state in judged)
    valid = sum(state.done for state in judged if not state.namespace)
    area.summary = f"{synced} of {counted(total, 'secret')} synced, {counted(valid, 'valid store')}"
    return area
