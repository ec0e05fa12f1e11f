# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page itself: everything escaped, nothing loaded, every state a word."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.status import page, topology
from ansible_collections.homeops.cluster.plugins.modules import service_status
from tests.unit.plugins.module_utils.status.chain_world import ENTRY, NODES, NOW, Facts, facts, wanted


def reports(change: Any = None) -> dict[str, Any]:
    given: Facts = facts()
    if change:
        change(given)
    params = {"services": wanted(), "reasons": {}, "now": NOW, "show": False, "fail_on": "never", **given}
    services = service_status.run(params, Context())["report"]
    neighbors = [
        {"node": node, "address": "-", "router": "172.29.51.1", "family": "ipv4 unicast", "router_state": "Established"}
        for node in NODES
    ]
    nodes = [{"name": node, "kubernetes": "Ready"} for node in NODES]
    return {
        "services": services,
        "bgp": {"worst": "ok", "neighbors": neighbors, "routes": given["routes"], "findings": []},
        "cluster": {"worst": "ok", "nodes": nodes, "workloads": [], "findings": []},
    }


class Loads(HTMLParser):
    """Everything a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "embed", "base"):
            self.found.append(tag)
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "action", "srcset")]


def test_the_page_loads_nothing() -> None:
    text = page.page("home-ops", "now", reports())
    parser = Loads()
    parser.feed(text)
    assert parser.found == []
    assert "url(" not in text and "@import" not in text
    assert "default-src 'none'" in text


def test_every_text_is_escaped() -> None:
    def change(given: Facts) -> None:
        given["probes"][0].update(status=500, title="<script>alert(1)</script>")

    text = page.page("<b>home</b>", "now", reports(change))
    assert "<script>" not in text and "<b>home" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_broken_service_is_open_and_named() -> None:
    def change(given: Facts) -> None:
        given["records"].pop(0)

    text = page.page("home-ops", "now", reports(change))
    assert "first broken: dns" in text
    assert re.search(r"<details open><summary><span class=\"tag bad\">broken</span> <b>Prometheus</b>", text)
    assert text.count("<details open>") == 1


def test_the_topology_has_every_box_and_line() -> None:
    def change(given: Facts) -> None:
        given["records"].pop(0)

    boxes, edges = topology.layout(reports(change))
    assert [box.key for box in boxes if box.column < 3] == ["router", *(f"node/{n}" for n in NODES), f"address/{ENTRY}"]
    assert {box.key: box.tone for box in boxes if box.column == 3} == {
        "service/prometheus": "bad",
        "service/dashboard": "good",
        "service/grafana": "good",
        "service/headlamp": "good",
    }
    keys = {box.key for box in boxes}
    assert all(edge.start in keys and edge.end in keys for edge in edges)
    assert len(edges) == len(NODES) + len(NODES) + 4


def test_an_empty_report_still_makes_a_page() -> None:
    assert "</html>" in page.page("home-ops", "now", {})
