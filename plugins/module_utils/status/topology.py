# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology as SVG: router, nodes, load-balancer addresses and services from left to right, lines by their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Report = Mapping[str, Any]

#: Pixels of the drawing's own unit: columns, rows and boxes.
_WIDTH, _ROW, _BOX, _HIGH = 960, 46, 190, 32
_COLUMNS = (10, 256, 502, 748)
_LETTERS = 24


@dataclass(frozen=True)
class Box:
    """One thing: ``tone`` is ``good``, ``bad``, ``warn`` or ``mute``."""

    key: str
    column: int
    text: str
    tone: str
    tip: str = ""


@dataclass(frozen=True)
class Edge:
    """A line between two boxes, by their keys."""

    start: str
    end: str
    tone: str
    tip: str = ""


def draw(reports: Mapping[str, Report]) -> str:
    """Return the drawing of what the reports tell."""
    boxes, edges = layout(reports)
    rows = max((sum(box.column == column for box in boxes) for column in range(len(_COLUMNS))), default=1)
    height = max(1, rows) * _ROW + 20
    places = _places(boxes, height)
    lines = "".join(_line(edge, places) for edge in edges if edge.start in places and edge.end in places)
    shapes = "".join(_shape(box, *places[box.key]) for box in boxes)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="router, nodes, addresses and services">'
        f"{lines}{shapes}</svg>"
    )


def layout(reports: Mapping[str, Report]) -> tuple[list[Box], list[Edge]]:
    """Return what is drawn."""
    boxes: list[Box] = []
    edges: list[Edge] = []
    bgp = reports.get("bgp") or {}
    neighbors: Sequence[Report] = bgp.get("neighbors") or []
    nodes = {str(row["name"]): row for row in (reports.get("cluster") or {}).get("nodes") or []}
    names = list(dict.fromkeys([*nodes, *(str(row["node"]) for row in neighbors)]))
    if neighbors:
        boxes.append(Box("router", 0, str(neighbors[0].get("router") or "router"), _router_tone(neighbors)))
    for name in names:
        boxes.append(Box(f"node/{name}", 1, name, _node_tone(nodes.get(name))))
    for row in neighbors:
        state = str(row.get("router_state"))
        edges.append(Edge("router", f"node/{row['node']}", _session_tone(state), f"{row['node']}: {state}"))
    for row in bgp.get("routes") or []:
        if row.get("kind") != "service" or not row.get("prefix"):
            continue
        key = f"address/{row['name']}"
        tone = "bad" if row.get("broken") else "good" if row.get("accepted") else "mute"
        boxes.append(Box(key, 2, str(row["prefix"]).split("/", 1)[0], tone, str(row["name"])))
        for node in row.get("wanted") or []:
            edges.append(Edge(f"node/{node}", key, tone, str(row.get("broken") or row["prefix"])))
    for one in (reports.get("services") or {}).get("services") or []:
        key = f"service/{one['name']}"
        tone = {"ok": "good", "broken": "bad", "warning": "warn"}.get(str(one["state"]), "mute")
        boxes.append(Box(key, 3, str(one["title"]), tone, str(one["host"])))
        entry = _entry(one)
        if entry:
            edges.append(Edge(f"address/{entry}", key, tone, _why(one)))
    return boxes, edges


def _entry(one: Report) -> str:
    """Return the Service by whose address the requests of a service come in."""
    return str(one.get("entry") or "")


def _why(one: Report) -> str:
    for link in one["links"]:
        if link["name"] == one["broken"]:
            return f"{link['name']}: {link['text']}"
    return str(one["host"])


def _router_tone(rows: Sequence[Report]) -> str:
    states = {_session_tone(str(row.get("router_state"))) for row in rows}
    return states.pop() if len(states) == 1 else "warn"


def _session_tone(state: str) -> str:
    return "good" if state == "Established" else "mute" if state in ("-", "None") else "bad"


def _node_tone(row: Report | None) -> str:
    if row is None:
        return "mute"
    return "good" if str(row.get("kubernetes")) == "Ready" else "bad"


def _places(boxes: Sequence[Box], height: int) -> dict[str, tuple[int, int]]:
    places = {}
    for column, left in enumerate(_COLUMNS):
        mine = [box for box in boxes if box.column == column]
        top = (height - len(mine) * _ROW) // 2 + (_ROW - _HIGH) // 2
        for index, box in enumerate(mine):
            places[box.key] = (left, top + index * _ROW)
    return places


def _line(edge: Edge, places: Mapping[str, tuple[int, int]]) -> str:
    (x1, y1), (x2, y2) = places[edge.start], places[edge.end]
    x1, y1, y2 = x1 + _BOX, y1 + _HIGH // 2, y2 + _HIGH // 2
    bend = (x1 + x2) // 2
    path = f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}"
    return f'<path class="edge e-{edge.tone}" d="{path}"><title>{escape(edge.tip)}</title></path>'


def _shape(box: Box, left: int, top: int) -> str:
    text = box.text if len(box.text) <= _LETTERS else f"{box.text[: _LETTERS - 1]}…"
    return (
        f'<g><title>{escape(box.tip or box.text)}</title><rect class="box b-{box.tone}" x="{left}" y="{top}" '
        f'width="{_BOX}" height="{_HIGH}" rx="7"/><text x="{left + 10}" y="{top + 21}">{escape(text)}</text></g>'
    )
