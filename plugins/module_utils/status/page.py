# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports as one HTML page that needs nothing but itself: readable on a phone, without network, for years.

Every text is escaped, nothing is loaded (the page forbids it to itself), and a state is always a word beside a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from .topology import draw

Report = Mapping[str, Any]

#: What the words of all reports mean for the eye.
TONES = {
    "ok": "good",
    "Ready": "good",
    "Established": "good",
    "established": "good",
    "broken": "bad",
    "error": "bad",
    "critical": "bad",
    "warning": "warn",
    "unknown": "mute",
    "none": "mute",
}

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--paper:#f6f7f9;--card:#fff;--line:#d5dae2;--good:#11734b;--good-bg:#d9f2e6;
--bad:#a31621;--bad-bg:#fbdcdf;--warn:#7a5200;--warn-bg:#fdeecb;--mute:#5a6473;--mute-bg:#e8ebf0}
@media(prefers-color-scheme:dark){:root{--ink:#e5e9f0;--paper:#12161c;--card:#1b212a;--line:#333c49;--good:#7fdcb2;
--good-bg:#123a2a;--bad:#ff9aa2;--bad-bg:#4a171c;--warn:#f3cf7a;--warn-bg:#45350f;--mute:#a2acba;--mute-bg:#2a323d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:76rem;padding:1rem;font:16px/1.45 system-ui,sans-serif;
color:var(--ink);background:var(--paper)}h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.6rem 0 .5rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.8rem;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.35rem .5rem;
border-bottom:1px solid var(--line);white-space:nowrap}th{font-weight:600}
.tag{display:inline-block;padding:.05rem .5rem;border-radius:1rem;font-size:.85rem;font-weight:600}
.good{color:var(--good);background:var(--good-bg)}.bad{color:var(--bad);background:var(--bad-bg)}
.warn{color:var(--warn);background:var(--warn-bg)}.mute{color:var(--mute);background:var(--mute-bg)}
ul{margin:.3rem 0;padding-left:1.1rem}li{margin:.2rem 0}details{border-top:1px solid var(--line);padding:.4rem 0}
summary{cursor:pointer}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem .8rem;margin:.5rem 0 0}
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}svg{width:100%;min-width:38rem;height:auto}
svg text{fill:var(--ink);font:13px system-ui,sans-serif}svg .box{fill:var(--card);stroke:var(--line)}
svg .edge{fill:none;stroke-width:2}svg .e-good{stroke:var(--good)}svg .e-bad{stroke:var(--bad);stroke-dasharray:6 4}
svg .e-warn{stroke:var(--warn)}svg .e-mute{stroke:var(--mute);stroke-dasharray:2 4}
svg .b-good{stroke:var(--good)}svg .b-bad{stroke:var(--bad);stroke-width:2}svg .b-warn{stroke:var(--warn)}
svg .b-mute{stroke:var(--mute)}.wide{display:block}.narrow{display:none}
@media(max-width:44rem){body{padding:.6rem}.wide{display:none}.narrow{display:block}}
@media print{body{background:#fff}details{break-inside:avoid}}
"""


def page(title: str, made: str, reports: Mapping[str, Report]) -> str:
    """Return the page.

    :param made: when the reports were made, for people.
    :param reports: ``services``, ``bgp`` and ``cluster``, each as its module returns it; any may be missing.
    """
    worst = _worst(reports.values())
    parts = [
        f"<h1>{escape(title)} {tag(worst, _VERDICTS[worst])}</h1>",
        f"<p>{escape(made)}</p>",
        _findings(reports),
        "<h2>Topology</h2>",
        f'<div class="card">{draw(reports)}</div>',
        service_parts(reports.get("services")),
        rows_table("Nodes", (reports.get("cluster") or {}).get("nodes"), _NODES),
        rows_table("Workloads", (reports.get("cluster") or {}).get("workloads"), _WORKLOADS),
        rows_table("BGP neighbours", (reports.get("bgp") or {}).get("neighbors"), _NEIGHBORS),
        rows_table("Routes", (reports.get("bgp") or {}).get("routes"), _ROUTES),
    ]
    body = "\n".join(part for part in parts if part)
    return document(title, body)


def document(title: str, body: str) -> str:
    """Return a page of the collection around its inner HTML."""
    # The policy is the page's own promise: no script, nothing from elsewhere.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


_VERDICTS = {"ok": "all stands", "warning": "warnings", "error": "broken"}
_NODES = (
    ("name", "Node"),
    ("talos", "Talos"),
    ("version", "Version"),
    ("config", "Config"),
    ("etcd", "etcd"),
    ("kubernetes", "Kubernetes"),
    ("kubelet", "kubelet"),
)
_WORKLOADS = (("name", "Workload"), ("ready", "Ready"), ("version", "Version"))
_NEIGHBORS = (
    ("node", "Node"),
    ("address", "Address"),
    ("family", "Family"),
    ("cluster_state", "Cilium"),
    ("router_state", "Router"),
    ("announced", "Announced"),
    ("accepted", "Accepted"),
)
_ROUTES = (
    ("name", "What"),
    ("prefix", "Prefix"),
    ("pool", "Pool"),
    ("wanted", "Announced by"),
    ("accepted", "Accepted from"),
    ("paths", "Paths"),
    ("broken", "Broken"),
)


def _worst(reports: Iterable[Report]) -> str:
    found = {str(report.get("worst") or "ok") for report in reports}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"


def tone(state: str) -> str:
    """Return how a state looks: ``good``, ``bad``, ``warn``, ``mute``, or nothing for what is no state."""
    return TONES.get(state, "")


def tag(state: str, text: str = "") -> str:
    """Return a state as a coloured word."""
    return f'<span class="tag {tone(state) or "mute"}">{escape(text or state)}</span>'


def _findings(reports: Mapping[str, Report]) -> str:
    rows = [
        (str(entry["severity"]), str(entry["subject"]), str(entry["text"]))
        for report in reports.values()
        for entry in report.get("findings") or []
    ]
    if not rows:
        return ""
    rows = sorted(dict.fromkeys(rows), key=lambda row: row[0] != "error")
    items = "".join(f"<li>{tag(kind)} <b>{escape(who)}</b> {escape(text)}</li>" for kind, who, text in rows)
    return f'<h2>What to mend</h2><div class="card"><ul>{items}</ul></div>'


def service_parts(report: Report | None) -> str:
    """Return the table of the services' links and a card for each service; nothing without services."""
    services: Sequence[Report] = (report or {}).get("services") or []
    if not services:
        return ""
    names = [str(link["name"]) for link in services[0]["links"]]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("service", *names))
    rows = "".join(
        f"<tr><td><b>{escape(str(one['title']))}</b></td>"
        + "".join(f"<td>{tag(str(link['state']))}</td>" for link in one["links"])
        + "</tr>"
        for one in services
    )
    cards = "".join(_card(one) for one in services)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return (
        f'<h2>Services</h2><div class="card wide services">{table}</div><h2 class="wide">Link by link</h2>'
        f'<div class="card">{cards}</div>'
    )


def _card(one: Report) -> str:
    lines = "".join(
        f"<dt>{escape(str(link['name']))}</dt><dd>{tag(str(link['state']))} {escape(str(link['text']))}</dd>"
        for link in one["links"]
    )
    opened = " open" if one["state"] == "broken" else ""
    first = f", first broken: {escape(str(one['broken']))}" if one["broken"] else ""
    return (
        f"<details{opened}><summary>{tag(str(one['state']))} <b>{escape(str(one['title']))}</b> "
        f"{escape(str(one['host']))}{first}</summary><dl>{lines}</dl></details>"
    )


def rows_table(title: str, rows: Sequence[Report] | None, names: Sequence[tuple[str, str]]) -> str:
    """Return rows as a table.

    :param names: key of a cell and head of its column, in order.
    """
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for _key, name in names)
    body = "".join("<tr>" + "".join(f"<td>{cell(row.get(key))}</td>" for key, _name in names) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{escape(title)}</h2><div class="card">{table}</div>'


def cell(value: Any) -> str:
    """Return one cell: a word that is a state is coloured."""
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return escape(", ".join(str(item) for item in value) or "-")
    text = str(value)
    return tag(text) if tone(text) else escape(text)
