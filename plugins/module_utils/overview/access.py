# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The areas ``identity`` and ``services``: outposts, tokens, and the way of every service to its login; pure."""

from __future__ import annotations

from typing import Any

from ..authentik import audit
from ..authentik.tokens import INTENTS
from ..kubernetes.cluster_view import ClusterView
from ..status import chain, chain_login
from .areas import Area, Facts, Number, counted
from .gather import ANSWERED
from .network import ends_report

_DAY = 86400
#: Findings of the audit that the rows of the tokens tell in days.
_TOKENS = ("expired_token", "expiring_token")


def identity(facts: Facts) -> Area:
    """Judge Authentik: its outposts, its tokens' life, and what its audit finds."""
    blank = facts.unknown("identity", "identity", "Authentik")
    if blank is not None:
        return blank
    area, found = Area("identity"), facts.value("identity")
    connected = 0
    for outpost in found["outposts"]:
        fault = audit.unhealthy(outpost["health"]) if outpost["providers"] else ""
        connected += bool(outpost["health"]) and not fault
        area.rows.append(
            {
                "kind": "outpost",
                "name": str(outpost["name"]),
                "state": "error" if fault else "ok",
                "seconds_left": None,
                "text": fault or f"{counted(len(outpost['health']), 'process', 'processes')} connected",
            }
        )
    expiring = 0
    for token in found["tokens"]:
        if token.get("intent") in INTENTS:
            expiring += _token(area, facts, token)
    for finding in found["findings"]:
        if finding["code"] not in _TOKENS:
            area.find(str(finding["level"]), str(finding["subject"]), str(finding["text"]))
    for note in found["notes"]:
        area.find("warning", "Authentik", str(note))
    area.summary = (
        f"Authentik {found['version']}, {connected} of {counted(len(found['outposts']), 'outpost')} connected, "
        f"{counted(expiring, 'token')} with an end"
    )
    return area


def _token(area: Area, facts: Facts, token: Any) -> bool:
    left, name = token.get("seconds_left"), str(token["identifier"])
    row = {"kind": "token", "name": name, "state": "ok", "seconds_left": left, "text": "does not expire"}
    area.rows.append(row)
    if left is None:
        return False
    row["text"] = f"{left / _DAY:.1f} days left"
    area.numbers.append(Number("token_life", name, "seconds", left))
    if token.get("expired"):
        row["state"] = "error"
        area.find("error", f"token {name}", "has expired: whoever uses it gets 403")
    elif left < facts.wanted.thresholds.token_warning * _DAY:
        row["state"] = "warning"
        area.find("warning", f"token {name}", f"expires in {left / _DAY:.1f} days")
    return True


def services(facts: Facts) -> Area:
    """Judge the way of every service, link by link."""
    area = Area("services")
    answers = {name: facts.answer(name) for name in ("ingress", "console", "identity", "cilium")}
    probes = [answer for name, answer in facts.answers.items() if name.startswith("host:")]
    asked: list[dict[str, Any]] = [one for answer in probes if answer.state == ANSWERED for one in answer.value]
    for answer in probes:
        if answer.state != ANSWERED:
            nothing: dict[str, Any] = {"status": None, "location": "", "title": "", "tls": {}, "error": answer.reason}
            asked.append({"host": answer.name.partition(":")[2], "path": "/", **nothing})
    routes = ends_report(facts).as_dict()["routes"] if answers["cilium"].state == ANSWERED else None
    console, cluster = facts.value("console"), facts.value("ingress")
    report = chain.build(
        facts.wanted.services,
        chain.Facts(
            cluster=None if cluster is None else ClusterView(cluster),
            routes=routes,
            records=None if console is None else console["records"],
            identity=facts.value("identity"),
            probes=asked if probes else None,
            now=facts.wanted.now.isoformat(),
            reasons={
                "cluster": answers["ingress"].reason,
                "routes": answers["cilium"].reason,
                "router": facts.answer("router").reason,
                "records": answers["console"].reason,
                "identity": answers["identity"].reason,
            },
        ),
        chain_login.LINKS,
    )
    area.report = report.as_dict()
    area.rows = area.report["services"]
    area.take(report.findings)
    fine = sum(row["state"] == "ok" for row in area.rows)
    area.summary = f"the way of {fine} of {counted(len(area.rows), 'service')} holds"
    return area
