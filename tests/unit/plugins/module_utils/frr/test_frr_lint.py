# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diagnosis of the three texts that a home-lab's router had, and the repair of those that accept nothing.

What is expected stands in no output of ours: the rejected lines are those which bgpd and vtysh reject, the effects
those which were seen on a running router.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.frr import admission, edit, lint, text
from ansible_collections.homeops.cluster.plugins.module_utils.frr.view import view
from tests.unit.plugins.module_utils.frr import frr_samples as samples

NAMES = ("policy-missing", "le-missing", "clean")
SERVICE = ipaddress.ip_network("172.29.52.200/32")
REJECTED = [124, 125, 141, 142, 145, 146]


def faults(raw: str, wanted: str) -> list[lint.Fault]:
    return [fault for fault in lint.lint(text.parse(raw), [SERVICE]) if fault.id == wanted]


def accepted(raw: str, prefix: str = "172.29.52.200/32") -> dict[str, bool]:
    seen = view(text.parse(raw))
    router = seen.routers["64513"]
    network = ipaddress.ip_network(prefix)
    return {
        peer.name: admission.accepts(seen, router, peer, network).accepted
        for peer in router.speakers()
        if peer.name in samples.NODES
    }


def test_without_policy_nothing_is_accepted_and_it_is_said() -> None:
    raw = samples.fixture("policy-missing")
    told = {fault.peer: fault.message for fault in faults(raw, "policy-missing")}
    assert set(samples.NODES) <= set(told)
    assert "nothing is accepted and nothing is sent, though the session is Established" in told["172.29.51.11"]
    assert not any(accepted(raw).values())


def test_without_le_nothing_is_accepted_and_six_lines_are_rejected() -> None:
    raw = samples.fixture("le-missing")
    assert [fault.line for fault in faults(raw, "rejected")] == REJECTED
    assert [fault.line for fault in faults(raw, "le-missing")] == [108, 109, 110]
    assert "'le 32'" in faults(raw, "le-missing")[0].message
    assert "bgp-auth-password" not in str(lint.lint(text.parse(raw)))
    assert [fault.line for fault in faults(raw, "password")] == [13, 17, 21]
    assert not any(accepted(raw).values())
    assert {fault.line for fault in faults(raw, "refused")} == {108}


def test_the_text_that_works_has_no_error() -> None:
    raw = samples.fixture("clean")
    found = lint.lint(text.parse(raw), [SERVICE])
    assert [fault for fault in found if fault.severity == "error"] == []
    assert [fault.line for fault in faults(raw, "ipv6-list")] == [82, 85, 87]
    assert faults(raw, "echo")
    assert all(accepted(raw).values())
    assert not any(accepted(raw, "192.168.99.0/24").values())


@pytest.mark.skipif(not samples.BGPD, reason="bgpd is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_bgpd_rejects_the_same_lines(name: str, tmp_path: Path) -> None:
    raw = samples.fixture(name)
    assert samples.bgpd_faults(raw, tmp_path) == [fault.line for fault in faults(raw, "rejected")]


@pytest.mark.parametrize("name", ["policy-missing", "le-missing"])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_repair_leaves_foreign_lines_alone(name: str, grouped: bool, tmp_path: Path) -> None:
    raw = samples.fixture(name)
    peers = samples.plain_peers()
    if grouped:
        members = (samples.want.Peer(peer.name, group="cluster", description=peer.description) for peer in peers)
        peers = (samples.GROUP, *members)
    repaired = edit.apply(raw, samples.declared(*peers))
    assert all(accepted(repaired).values())
    assert edit.apply(repaired, samples.declared(*peers)) == repaired
    kept = [line for line in text.split(raw) if not any(node in line for node in samples.NODES)]
    rest = iter(text.split(repaired))
    assert all(line in rest for line in kept if "router-id" not in line)
    mine = {peer.key for peer in peers}
    assert not [f for f in lint.lint(text.parse(repaired)) if f.peer in mine and f.severity == "error"]
    if samples.BGPD:
        number = (
            text.split(repaired).index("ip community-list standard LB-SERVICES permit 64512:100\n") + 1
            if (name == "le-missing")
            else 0
        )
        assert samples.bgpd_faults(repaired, tmp_path) == [line - 124 + number for line in REJECTED if number]


LINTED = {
    "dangling map": ("dangling", 4, "neighbor 10.0.0.1 route-map NONE in"),
    "dangling list": ("dangling", 4, "neighbor 10.0.0.1 prefix-list NONE in"),
    "dangling group": ("dangling", 4, "neighbor 10.0.0.9 peer-group NONE"),
    "undefined": ("undefined", 4, "neighbor 10.0.0.9 timers 3 9"),
    "bad range": ("bad-range", 4, "ip prefix-list P permit 10.0.0.0/24 le 8"),
    "host bits": ("host-bits", 4, "ip prefix-list P permit 172.29.51.100/25 le 32"),
    "closed": ("closed", 6, "exit\nexit\nhostname x"),
    "rejected neighbour": ("rejected", 5, "exit\nneighbor 10.0.0.2 remote-as 5"),
    "unknown": ("unknown", 4, "flibble 5"),
    "long": ("long-line", 4, "neighbor 10.0.0.1 description " + "x" * 4100),
}


@pytest.mark.parametrize("name", LINTED)
def test_each_fault_has_its_line(name: str, tmp_path: Path) -> None:
    wanted, number, last = LINTED[name]
    raw = f"router bgp 64513\n no bgp ebgp-requires-policy\n neighbor 10.0.0.1 remote-as 64999\n{last}\n"
    assert (wanted, number) in [(fault.id, fault.line) for fault in lint.lint(text.parse(raw))]
    if samples.BGPD and wanted in ("undefined", "bad-range", "rejected", "unknown"):
        assert number in samples.bgpd_faults(raw, tmp_path)


def test_a_group_wins_over_the_members_own_as() -> None:
    raw = (
        "router bgp 1\nneighbor G peer-group\nneighbor G remote-as 3\n"
        "neighbor 10.0.0.1 remote-as 2\nneighbor 10.0.0.1 peer-group G\n"
    )
    assert [(f.id, f.line) for f in lint.lint(text.parse(raw)) if f.id == "remote-as"] == [("remote-as", 4)]


def test_ipv6_over_ipv4_needs_a_next_hop() -> None:
    head = "ipv6 prefix-list A permit fd00::/8 le 128\nroute-map IN permit 10\nmatch ipv6 address prefix-list A\n"
    tail = (
        "router bgp 1\nneighbor 10.0.0.1 remote-as 2\naddress-family ipv6\nneighbor 10.0.0.1 activate\n"
        "neighbor 10.0.0.1 route-map IN in\nneighbor 10.0.0.1 route-map IN out\n"
    )
    assert "mapped-next-hop" in [fault.id for fault in lint.lint(text.parse(head + tail))]
    cured = f"{head}set ipv6 next-hop global fd00::11\n{tail}"
    assert "mapped-next-hop" not in [fault.id for fault in lint.lint(text.parse(cured))]


def test_a_map_of_the_other_family_is_told() -> None:
    raw = (
        "ip prefix-list A permit 10.0.0.0/8 le 32\nroute-map IN permit 10\nmatch ip address prefix-list A\n"
        "router bgp 1\nneighbor fd00::1 remote-as 2\naddress-family ipv6\nneighbor fd00::1 activate\n"
        "neighbor fd00::1 route-map IN in\n"
    )
    assert ("family-mismatch", 2) in [(fault.id, fault.line) for fault in lint.lint(text.parse(raw))]
