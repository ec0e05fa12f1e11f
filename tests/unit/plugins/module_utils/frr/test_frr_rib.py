# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel has of the routes that bgpd accepted (shapes of FRR 8.4.4 with zebra)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.frr import live, rib, state_command

PREFIX, SIX = "172.29.52.100/32", "fd47:25e1:2f96:52:100::1/128"
NODES = ("172.29.51.11", "172.29.51.12")
OWN = "fd47:25e1:2f96:51::11"


class Zebra:
    """Answers with one table of routes."""

    def __init__(self, table: dict[str, Any] | None) -> None:
        self.table = table

    def json(self, command: str) -> dict[str, Any]:
        return self.json_all([command])[0]

    def json_all(self, commands: Sequence[str]) -> list[dict[str, Any]]:
        if self.table is None:
            raise state_command.StateUnavailable("asking", answer="it ended with 1: zebra is not running")
        return [self.table if "show ip " in command else {} for command in commands]


def seen(prefix: str = PREFIX, hops: Sequence[str] = NODES) -> live.Live:
    family = "ipv6 unicast" if ":" in prefix else "ipv4 unicast"
    sessions = {(n, family): live.Session(n, family, "Established", "OK", 1, 0, 9.0) for n in NODES}
    paths = tuple(
        live.Path(n, hop, valid=True, best=not i, multipath=bool(i), stale=False)
        for i, (n, hop) in enumerate(zip(NODES, hops, strict=False))
    )
    return live.Live(sessions, {prefix: paths})


def entry(*hops: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"selected": True, "installed": True, "nexthops": list(hops), **more}


def hop(address: str, **more: Any) -> dict[str, Any]:
    return {"ip": address, "active": True, "fib": True, **more}


@pytest.mark.parametrize(
    ("table", "lost"),
    [
        ({PREFIX: [entry(*map(hop, NODES))]}, []),
        ({PREFIX: [entry(hop(NODES[0]))]}, [NODES[1]]),
        # A failed installation: zebra has chosen it, and the kernel has refused it.
        ({PREFIX: [{"selected": True, "nexthops": [{"ip": n, "active": True} for n in NODES]}]}, list(NODES)),
        # Another source has the same prefix.
        ({PREFIX: [{"nexthops": list(map(hop, NODES))}]}, list(NODES)),
        (
            {PREFIX: [entry(*(hop(n, fib=False, recursive=True) for n in NODES), {"ip": "172.29.51.1", "fib": True})]},
            [],
        ),
        ({}, list(NODES)),
    ],
)
def test_a_next_hop_counts_when_the_kernel_has_it(table: dict[str, Any], lost: list[str]) -> None:
    found, kernel = seen(), rib.read(Zebra(table))
    assert kernel.asked and kernel.lacking(found, PREFIX) == lost
    assert bool(rib.missing(found, kernel, [live.Expected(ipaddress.ip_network(PREFIX))])) == bool(lost)
    (route,) = rib.facts(found, kernel)["routes"]
    assert route["not_installed"] == lost


def test_a_link_local_next_hop_stands_for_the_global_one() -> None:
    kernel = rib.Rib(True, "", {SIX: ("fe80::11",)})
    assert kernel.lacking(seen(SIX, [OWN]), SIX) == []
    assert kernel.lacking(seen(SIX, [OWN, "fd47:25e1:2f96:51::12"]), SIX) != []


def test_where_no_zebra_runs_nothing_is_judged() -> None:
    kernel = rib.read(Zebra(None))
    assert not kernel.asked and "zebra is not running" in kernel.reason
    assert rib.missing(seen(), kernel, [live.Expected(ipaddress.ip_network(PREFIX))]) == []
    found = rib.facts(seen(), kernel)
    assert found["kernel"]["asked"] is False and "not_installed" not in found["routes"][0]
    assert found["routes"][0]["used"] == list(NODES)
