# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP from both ends: of each way the first broken link."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.status import bgp, declared
from ansible_collections.homeops.cluster.plugins.modules import bgp_status

NODES = {"mini01": "172.29.51.11", "mini02": "172.29.51.12", "mini03": "172.29.51.13"}
ROUTER = "172.29.51.1"
Answer = dict[str, Any]


def cluster() -> Answer:
    """An answer of cilium_bgp_info in which all is well."""
    return {
        "policies": [{"kind": "CiliumBGPClusterConfig", "name": "home", "effective_nodes": list(NODES)}],
        "sessions": [
            {"node": node, "peer_address": ROUTER, "state": "established", "advertised": {"ipv4/unicast": 2}}
            for node in NODES
        ],
        "services": [
            {
                "namespace": "apps",
                "name": "web",
                "address": "172.29.52.100",
                "pool": "bgp-default",
                "pool_selects": True,
                "foreign": False,
                "label": "bgp-default",
                "nodes": list(NODES),
                "broken": "",
            }
        ],
        "pods": [{"node": node, "cidr": f"10.244.{n}.0/24"} for n, node in enumerate(NODES)],
        "findings": [],
    }


def live() -> Answer:
    """What the router's daemon says then."""
    peers = list(NODES.values())
    return {
        "neighbors": [
            {
                "neighbor": peer,
                "family": "ipv4 unicast",
                "state": "Established",
                "peer_state": "OK",
                "established": True,
                "accepted_prefixes": 2,
                "up_seconds": 125,
                "last_reset": "",
                "last_error": "",
            }
            for peer in peers
        ],
        "routes": [
            {"prefix": "172.29.52.100/32", "paths": 3, "neighbors": peers, "used": peers, "stale": False},
            *(
                {"prefix": f"10.244.{n}.0/24", "paths": 1, "neighbors": [p], "used": [p], "stale": False}
                for n, p in enumerate(peers)
            ),
        ],
    }


def report(one: Answer | None, other: Answer | None, most: int = 3) -> bgp.Report:
    return bgp.build(bgp.Ends(NODES, ROUTER, one, other, maximum_paths=most))


def test_all_is_well() -> None:
    found = report(cluster(), live())
    assert found.findings == [] and found.worst == "ok"
    assert [(row.node, row.cluster_state, row.router_state) for row in found.neighbors] == [
        (node, "established", "Established") for node in NODES
    ]
    assert [row.accepted for row in found.routes if row.kind == "service"] == [tuple(NODES)]
    text = bgp.render(found)
    for part in ("mini01", "172.29.52.100/32", "bgp-default", "2m", "every prefix is accepted"):
        assert part in text


def service(answer: Answer, **changes: Any) -> None:
    answer["services"][0].update(changes)


def neighbor(answer: Answer, **changes: Any) -> None:
    answer["neighbors"][0].update(changes)


def route(answer: Answer, **changes: Any) -> None:
    answer["routes"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "severity", "told"),
    [
        (lambda c, r: service(c, address="", broken="no pool selects it"), "error", "no pool selects it"),
        (
            lambda c, r: service(c, pool="bgp-ingress", pool_selects=False),
            *("error", "comes from pool bgp-ingress, which does not select it: its label asks for bgp-default"),
        ),
        (lambda c, r: service(c, pool=""), "error", "lies in no pool"),
        (lambda c, r: service(c, nodes=[], broken="X does not select its labels"), "error", "is not announced: X does"),
        (lambda c, r: r["routes"].pop(0), "error", "a filter of the router refuses it"),
        (lambda c, r: route(r, neighbors=list(NODES.values())[1:]), "error", "announced by mini01 and not accepted"),
        (lambda c, r: route(r, neighbors=[], stale=True), "error", "only stale routes"),
        (lambda c, r: route(r, paths=1), "error", "1 of 3 paths"),
        (
            lambda c, r: route(r, paths=2, used=list(NODES.values())[:2]),
            *("error", "172.29.52.100/32 has 2 of 3 paths at the router: missing is mini03, whose route is accepted"),
        ),
        (
            lambda c, r: route(r, not_installed=["172.29.51.12"], installed=["172.29.51.11"]),
            *("error", "accepted over mini02, and the router's kernel has not installed that"),
        ),
        (lambda c, r: neighbor(r, state="Active", established=False, last_reset="x"), "error", "is Active (x)"),
        (lambda c, r: neighbor(r, peer_state="NSF passive", established=False), "error", "NSF passive"),
        (lambda c, r: r["neighbors"].pop(0), "error", "no neighbour 172.29.51.11"),
        (lambda c, r: c["sessions"][0].update(state="idle"), "error", "is idle"),
        (lambda c, r: c["policies"].clear(), "error", "no BGP policy"),
        (
            lambda c, r: c["findings"].append({"severity": "warning", "subject": "Service a/b", "text": "annotation"}),
            *("warning", "annotation"),
        ),
    ],
)
def test_what_is_broken_is_told(change: Callable[[Answer, Answer], Any], severity: str, told: str) -> None:
    one, other = cluster(), live()
    change(one, other)
    found = report(one, other)
    assert any(told in finding.text and finding.severity == severity for finding in found.findings), found.findings
    assert told in bgp.render(found)


def test_an_end_that_is_silent_is_a_finding() -> None:
    assert report(None, live()).worst == "error"
    # Nobody is to ask the router: told unmistakably, and a fault where a proof is wanted.
    for require, severity in ((False, "warning"), (True, "error")):
        (finding,) = bgp.build(bgp.Ends(NODES, ROUTER, cluster(), None, require_state=require)).findings
        assert (finding.severity, finding.subject) == (severity, "router")
        assert "NOTHING PAST THE TEXT" in finding.text and "homeops_router_state_command" in finding.text
        assert ("bgp_status_require_state: false" in finding.text) is require
    # The router was asked and gave no answer.
    for require in (False, True):
        ends = bgp.Ends(NODES, ROUTER, cluster(), None, router_reason="Connection refused", require_state=require)
        assert [(one.severity, one.text) for one in bgp.build(ends).findings] == [("error", "Connection refused")]


def test_as_many_paths_as_the_router_may_use_are_enough() -> None:
    other = live()
    route(other, paths=2, used=list(NODES.values())[:2])
    assert report(cluster(), other, most=2).findings == []
    route(other, paths=1, used=list(NODES.values())[:1])
    (finding,) = report(cluster(), other, most=2).findings
    assert "1 of 2 paths at the router: missing is one of mini02, mini03" in finding.text


def test_a_wait_in_vain_is_told_even_when_all_is_there_in_the_end() -> None:
    ends = bgp.Ends(NODES, ROUTER, cluster(), live(), maximum_paths=3, waited="1 of 3 paths after 60 s")
    assert [(one.severity, one.subject) for one in bgp.build(ends).findings] == [("warning", "router")]


def test_pools_of_two_families_may_share_a_label() -> None:
    one = cluster()
    service(one, pool="bgp-default-ipv6")
    assert report(one, live()).findings == []


def test_a_service_of_another_implementation_is_nobody_here() -> None:
    one = cluster()
    extra = {**one["services"][0], "name": "vpn", "address": "", "foreign": True, "nodes": []}
    one["services"].append({**extra, "broken": "LB-IPAM does not serve the class tailscale"})
    found = report(one, live())
    assert found.findings == [] and "vpn" not in bgp.render(found)
    assert len(bgp.expected(one, NODES)) == 4


def test_whether_the_kernel_was_asked_is_noted() -> None:
    other = {**live(), "kernel": {"asked": False, "reason": "zebra is not running"}}
    found = report(cluster(), other)
    assert found.worst == "ok" and "zebra is not running" in found.notes[0] and "NOTE" in bgp.render(found)
    assert report(cluster(), {**live(), "kernel": {"asked": True, "reason": ""}}).notes == []


WEB = declared.Pin("web", "172.29.52.100", "apps/web")


@pytest.mark.parametrize(
    ("pin", "severity", "told"),
    [
        (WEB, "", ""),
        (declared.Pin("web", "172.29.52.100"), "", ""),
        (declared.Pin("other", "172.29.52.100"), "", ""),
        (declared.Pin("web", "172.29.52.201", "apps/web"), "error", "has 172.29.52.100, and homeops_load_balancers."),
        (declared.Pin("web", "172.29.52.201"), "error", "pinned.web says 172.29.52.201"),
        (
            declared.Pin("door", "172.29.52.201", "door/door"),
            "warning",
            "Service door/door with the address 172.29.52.",
        ),
        (declared.Pin("door", "172.29.52.100", "door/door"), "warning", "apps/web has the address"),
        (
            declared.Pin("mqtt", "172.29.52.110"),
            "warning",
            "172.29.52.110 of homeops_load_balancers.pinned.mqtt is not",
        ),
    ],
)
def test_a_promised_address_is_looked_for(pin: declared.Pin, severity: str, told: str) -> None:
    for pending in (False, True):
        found = bgp.build(bgp.Ends(NODES, ROUTER, cluster(), live(), maximum_paths=3, pinned=(pin,), pending=pending))
        if pending and severity == "warning":
            assert found.findings == [] and found.notes[0].startswith("pending: ") and told in found.notes[0]
        else:
            assert [one.severity for one in found.findings] == ([severity] if severity else []), found.findings
            assert told in bgp.render(found) and found.notes == []


def test_a_promised_service_without_an_address_is_told_once() -> None:
    one = cluster()
    service(one, address="", broken="no pool selects it")
    found = bgp.build(bgp.Ends(NODES, ROUTER, one, live(), maximum_paths=3, pinned=(WEB,)))
    assert [finding.text for finding in found.findings] == ["no pool selects it"]


def test_without_state_the_stored_text_is_judged() -> None:
    judged = {"prefix": "172.29.52.100/32", "neighbor": "172.29.51.11", "accepted": False, "why": "no le", "line": 7}
    fault = {"id": "le-missing", "severity": "error", "line": 7, "message": "le 32 is missing", "peer": ""}
    found = bgp.build(bgp.Ends(NODES, ROUTER, cluster(), None, admission=(judged,), faults=(fault,)))
    texts = [finding.text for finding in found.findings]
    assert "the router's text refuses 172.29.52.100/32 from 172.29.51.11: no le (line 7)" in texts
    assert "line 7 of its text: le 32 is missing" in texts
    assert found.worst == "error"


def test_the_legacy_kind_has_no_state_of_its_own() -> None:
    one = {**cluster(), "sessions": []}
    assert report(one, live()).findings == []


def test_what_the_router_must_have() -> None:
    found = {entry["prefix"]: entry for entry in bgp.expected(cluster(), NODES, 2)}
    assert found["172.29.52.100/32"] == {
        "prefix": "172.29.52.100/32",
        "neighbors": list(NODES.values()),
        "paths": 2,
    }
    assert found["10.244.1.0/24"]["neighbors"] == ["172.29.51.12"]
    broken = cluster()
    service(broken, nodes=[], broken="nobody")
    assert "172.29.52.100/32" not in {entry["prefix"] for entry in bgp.expected(broken, NODES)}


def test_the_module_fails_on_the_worst() -> None:
    params: dict[str, Any] = {
        "nodes": [{"name": name, "address": address} for name, address in NODES.items()],
        "router": ROUTER,
        "cluster": cluster(),
        "live": live(),
        "cluster_reason": "",
        "router_reason": "",
        "maximum_paths": 3,
        "admission": [],
        "faults": [],
        "show": True,
        "fail_on": "error",
        "require_state": False,
        "waited": "",
        "pinned": [{"name": "web", "address": "172.29.52.100", "service": "apps/web"}],
        "pending": False,
    }
    shown: list[str] = []
    assert bgp_status.run(params, Context(show=shown.append))["report"]["worst"] == "ok"
    assert "172.29.52.100/32" in shown[0]
    other = copy.deepcopy(params)
    other["live"]["routes"] = []
    with pytest.raises(HomeopsError, match="not accepted by the router") as caught:
        bgp_status.run(other, Context())
    assert caught.value.facts["report"]["worst"] == "error"
    assert bgp_status.run({**other, "fail_on": "never"}, Context())["report"]["worst"] == "error"
