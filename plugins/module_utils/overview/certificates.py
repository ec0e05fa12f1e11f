# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The area ``certificates``: every certificate that somebody will have to renew, and how long it lives; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .areas import Area, Facts, counted, days_left, instant
from .cluster import VIP
from .gather import ANSWERED, UNASKED
from .nodes import said

Object = Mapping[str, Any]


def certificates(facts: Facts) -> Area:
    """Judge cert-manager's certificates and issuers, the clients' own, and those of the API servers."""
    area = Area("certificates")
    found = facts.answer("certificates")
    if found.state == ANSWERED:
        for issuer in found.value["issuers"]:
            _issuer(area, issuer)
        for body in found.value["certificates"]:
            _certificate(area, facts, body)
    elif found.state != UNASKED:
        area.missing(found, "cert-manager")
    for name, end in (facts.value("clients") or {}).items():
        _lives(area, facts, "client", name, end)
    # A node's own certificate lives a day and renews itself: the area nodes looks after it.
    for name in facts.wanted.shown:
        certs = said(facts, name).get("certificates") or {}
        if certs.get("server_expires") and said(facts, name).get("mode") == "configured":
            area.rows.append(_row(facts, "Talos API", name, certs["server_expires"], True, ""))
    for name in (VIP, *facts.wanted.shown):
        answer = facts.value(f"api:{name}")
        if answer and answer.get("expires"):
            _lives(area, facts, "Kubernetes API", name, answer["expires"])
    area.rows.sort(key=lambda row: (row["days"] is None, row["days"] or 0, row["kind"], row["name"]))
    area.summary = counted(len(area.rows), "certificate") + _first(area)
    return area


def _first(area: Area) -> str:
    """Tell how many have ended, or which ends first of those that somebody has to renew."""
    mine = [row for row in area.rows if row["kind"] != "Talos API" and row["days"] is not None]
    over = sum(row["days"] <= 0 for row in mine)
    if over:
        return f", {over} {'has' if over == 1 else 'have'} ended"
    return f", the first ends in {mine[0]['days']:g} days ({mine[0]['name']})" if mine else ""


def _row(facts: Facts, kind: str, name: str, end: Any, ready: bool, text: str) -> dict[str, Any]:
    when = instant(end)
    return {
        "kind": kind,
        "name": name,
        "state": "ok" if ready else "error",
        "not_after": str(end) if when else None,
        "days": days_left(when, facts.wanted.now) if when else None,
        "text": text,
    }


def _lives(area: Area, facts: Facts, kind: str, name: str, end: Any) -> None:
    """Add a row, and a finding when the end is near."""
    row = _row(facts, kind, name, end, True, "")
    area.rows.append(row)
    _near(area, facts, f"{kind} certificate {name}", row)


def _near(area: Area, facts: Facts, subject: str, row: dict[str, Any]) -> None:
    days, limits = row["days"], facts.wanted.thresholds
    if days is None:
        return
    if days <= 0:
        row["state"] = "error"
        area.find("error", subject, f"has expired at {row['not_after']}")
    elif days <= limits.certificate_critical:
        row["state"] = "error"
        area.find("error", subject, f"ends in {days:g} days")
    elif days <= limits.certificate_warning:
        row["state"] = "warning"
        area.find("warning", subject, f"ends in {days:g} days, its renewal is overdue")


def _condition(body: Object) -> Object:
    conditions = (body.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == "Ready"), {})


def _certificate(area: Area, facts: Facts, body: Object) -> None:
    meta, said_ready = body["metadata"], _condition(body)
    name = f"{meta.get('namespace')}/{meta['name']}"
    ready = said_ready.get("status") == "True"
    text = "" if ready else str(said_ready.get("message") or "its issuer has not looked at it yet")
    row = _row(facts, "Certificate", name, (body.get("status") or {}).get("notAfter"), ready, text)
    area.rows.append(row)
    if not ready:
        # One that is valid still serves; one that never came serves nobody.
        area.find("warning" if (row["days"] or 0) > 0 else "error", f"Certificate {name}", f"is not ready: {text}")
    _near(area, facts, f"Certificate {name}", row)


def _issuer(area: Area, body: Object) -> None:
    said_ready = _condition(body)
    if said_ready.get("status") != "True":
        name = f"ClusterIssuer {body['metadata']['name']}"
        area.find("error", name, f"is not ready: {said_ready.get('message') or 'it has not been looked at yet'}")
