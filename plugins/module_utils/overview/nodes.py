# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The areas ``nodes`` and ``etcd``: what every node says of itself, and how its config differs from the model; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..status import report
from .areas import Area, Facts, Number, counted, instant, ready_words, size
from .gather import ANSWERED

#: The API certificate of a node lives a day and is renewed at half of it (siderolabs/talos v1.10): what is left of one
#: that nobody renews any more, in seconds.
_RENEWAL_LATE = 3600
#: So many paths of a difference are told; all are in the row.
_TOLD = 3


def said(facts: Facts, name: str) -> Mapping[str, Any]:
    """Return what a node said; a node that said nothing is unreachable, and says why."""
    answer = facts.answer(f"talos:{name}")
    if answer.state == ANSWERED:
        found: Mapping[str, Any] = answer.value
        return found
    return {"name": name, "mode": "unreachable", "reason": answer.reason}


def nodes(facts: Facts) -> Area:
    """Judge every node by its own word and against its declared machine config."""
    area = Area("nodes")
    ready = 0
    for name in facts.wanted.shown:
        answer = said(facts, name)
        faults = report.talos_faults(answer, facts.wanted.talos)
        ready += answer.get("mode") == "configured" and answer.get("stage") == "running" and bool(answer.get("ready"))
        for severity, text in faults:
            area.find(severity, name, text)
        drift = answer.get("drift")
        if drift:
            more = f" and {len(drift) - _TOLD} more" if len(drift) > _TOLD else ""
            area.find("warning", name, f"differs from the model in {', '.join(drift[:_TOLD])}{more}")
        if answer.get("drift_reason"):
            area.find("warning", name, f"cannot be held against the model: {answer['drift_reason']}")
        expires = (answer.get("certificates") or {}).get("server_expires")
        _certificate(area, facts, name, expires if answer.get("mode") == "configured" else None)
        area.rows.append(
            {
                "name": name,
                "mode": str(answer.get("mode")),
                "stage": report.stage_of(answer),
                "ready": bool(answer.get("ready")),
                "version": str(answer.get("version") or "-"),
                "config": str(answer.get("config") or "-").replace("_", " "),
                "model": _model(answer),
                "drift": list(drift) if drift is not None else None,
                "pending_reboot": answer.get("config") == "staged",
                "time_synced": answer.get("time_synced"),
                "certificate_expires": expires,
                "reason": str(answer.get("reason") or ""),
            }
        )
    area.summary = f"{ready_words(ready, area.rows, 'node')} ready"
    return area


def _model(answer: Mapping[str, Any]) -> str:
    drift = answer.get("drift")
    if drift is None:
        return "-"
    return f"differs ({len(drift)})" if drift else "as declared"


def _certificate(area: Area, facts: Facts, name: str, expires: Any) -> None:
    end = instant(expires)
    if end is None:
        return
    left = (end - facts.wanted.now).total_seconds()
    if left <= 0:
        area.find("error", name, f"the certificate of its API expired at {expires}")
    elif left < _RENEWAL_LATE:
        area.find("warning", name, f"the certificate of its API ends at {expires} and should have been renewed by now")


def etcd(facts: Facts) -> Area:
    """Judge the etcd members: one membership, a leader, no alarms, no lag, room in the database."""
    area = Area("etcd")
    answers = {name: said(facts, name) for name in facts.wanted.shown}
    found = {name: answer["etcd"] for name, answer in answers.items() if answer.get("etcd")}
    planes = {name: etcd for name, etcd in found.items() if etcd.get("control_plane")}
    running = {name: etcd for name, etcd in planes.items() if etcd.get("running")}
    newest = max((int(etcd["raft_index"]) for etcd in running.values()), default=0)
    for name, answer in answers.items():
        if name not in planes:
            if answer.get("mode") != "configured":
                area.rows.append(_row(name, answer, {}, 0))
                text = str(answer.get("reason") or f"it is {answer.get('mode')}")
                area.find("error", name, f"nobody knows its etcd member: {text}")
            continue
        lag = max(0, newest - int(planes[name].get("raft_applied_index") or 0)) if name in running else 0
        area.rows.append(_row(name, answer, planes[name], lag))
        for severity, text in report.etcd_faults(answer):
            area.find(severity, name, text)
        if lag > facts.wanted.thresholds.raft_lag:
            area.find("warning", name, f"its etcd is {lag} entries behind: a slow disk or network")
    _together(area, facts, answers, running)
    return area


def _row(name: str, answer: Mapping[str, Any], etcd: Mapping[str, Any], lag: int) -> dict[str, Any]:
    return {
        "name": name,
        "member_id": str(etcd.get("member_id") or ""),
        "role": report.etcd_role(answer),
        "db_size": int(etcd.get("db_size") or 0),
        "db_size_in_use": int(etcd.get("db_size_in_use") or 0),
        "db": size(int(etcd.get("db_size") or 0)) if etcd.get("running") else "-",
        "raft_lag": lag,
        "alarms": [str(alarm["alarm"]) for alarm in etcd.get("alarms") or []],
    }


def _together(
    area: Area, facts: Facts, answers: Mapping[str, Mapping[str, Any]], running: Mapping[str, Mapping[str, Any]]
) -> None:
    """Judge what the members say of each other."""
    workers = sum(
        answer.get("mode") == "configured" and bool(answer.get("etcd")) and not answer["etcd"].get("control_plane")
        for answer in answers.values()
    )
    split = report.members_fault(answers.values(), len(facts.wanted.nodes) - workers)
    if split:
        area.find("error", "etcd", split)
    leaders = {str(etcd.get("leader_id") or "") for etcd in running.values()}
    names = {str(member["id"]): str(member["hostname"]) for etcd in running.values() for member in etcd["members"]}
    leader = next((names.get(one, one) for one in leaders if one), "")
    if running and not leader:
        area.find("error", "etcd", "has no leader: nothing can be written")
    elif len(leaders - {""}) > 1:
        area.find("error", "etcd", "the nodes do not agree about the leader")
    if not running:
        area.summary = "no member answers"
        return
    largest = max(int(etcd["db_size"]) for etcd in running.values())
    limits = facts.wanted.thresholds
    area.numbers.append(Number("etcd_db_size", "etcd", "bytes", largest, limits.etcd_quota))
    if largest * 100 >= limits.etcd_quota * limits.etcd_size:
        share = largest * 100 // limits.etcd_quota
        area.find("warning", "etcd", f"its database fills {share} % of {size(limits.etcd_quota)}, then it is read-only")
    voters = sum(bool(etcd.get("voter")) for etcd in running.values())
    area.summary = f"{counted(voters, 'voter')}, leader {leader or 'none'}, {size(largest)}"
