# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's daemon shows with the home's three configurations what the home saw: up, and nothing accepted."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.bgp.network import Network
from lab.bgp.plan import Export, Instance, Peer
from lab.scenario import BgpSettings, ConsoleFaults
from lab.state import LabState
from tests.integration.lab_bgp import documents, router_configs

NODES = [f"172.29.51.{n}" for n in router_configs.NODES]
SERVICES = ("172.29.52.100/32", "172.29.52.200/32")
V6 = "fd47:25e1:2f96:52:100::1/128"
Sessions = dict[str, dict[str, Any]]


def speaker(node: str, *, v6_peer: bool = False) -> Instance:
    """A node that offers two services, its pods, a foreign prefix, and one IPv6 service over the IPv4 session."""
    last = node.rpartition(".")[2]
    prefixes = (*SERVICES, f"10.244.{last}.0/24", "192.168.99.0/24")
    both = Peer("udm", "172.29.51.1", 64513, node, exports=(Export((*prefixes, V6)),))
    if not v6_peer:
        return Instance("test", node, 64512, node, peers=(both,))
    v4 = Peer("v4", "172.29.51.1", 64513, node, families=("ipv4",), exports=(Export(prefixes),))
    own = f"fd47:25e1:2f96:51::{last}"
    v6 = Peer("v6", "fd47:25e1:2f96:51::1", 64513, own, families=("ipv6",), exports=(Export((V6,)),))
    return Instance("test", node, 64512, node, peers=(v4, v6))


@asynccontextmanager
async def network(directory: Path, **settings: bool) -> AsyncIterator[Network]:
    """A network without a lab around it."""
    state = LabState(directory / "lab")
    state.create()
    net = Network(state, os.environ, BgpSettings(**settings), ConsoleFaults(), lambda: set(NODES))
    net.start()
    try:
        yield net
        assert not net.problem
    finally:
        await net.stop()
        state.remove()


async def settle(net: Network, check: Callable[[Sessions], bool], timeout: float = 120.0) -> Sessions:
    """Wait for the sessions to be as told, and return them."""
    deadline = time.monotonic() + timeout
    while True:
        sessions = await net.router.sessions() if net.router is not None else {}
        if check(sessions):
            return sessions
        assert time.monotonic() < deadline, sessions
        await asyncio.sleep(0.1)


def up(sessions: Sessions) -> bool:
    """Whether every IPv4 neighbour is established."""
    return all(node in sessions and sessions[node]["state"] == "Established" for node in NODES)


def run(directory: Path, story: Callable[[Network], Awaitable[None]], **settings: bool) -> None:
    """Run a story with a network."""

    async def whole() -> None:
        async with network(directory, **settings) as net:
            await story(net)

    asyncio.run(whole())


def offer(net: Network, **how: bool) -> None:
    """Let all nodes speak."""
    net.want([speaker(node, **how) for node in NODES], set(NODES))


def test_the_clean_one_accepts_three_of_four(tmp_path: Path) -> None:
    async def story(net: Network) -> None:
        await net.run_text(router_configs.no_auth(), enabled=True)
        offer(net)
        sessions = await settle(net, lambda s: up(s) and all(s[n]["accepted"]["ipv4Unicast"] == 3 for n in NODES))
        assert {s["peer_state"] for s in sessions.values()} == {"OK"}
        assert all(sessions[node]["accepted"]["ipv6Unicast"] == 1 for node in NODES)
        assert net.router is not None
        table = (await net.router.show("show bgp ipv4 unicast json"))["routes"]
        assert "192.168.99.0/24" not in table
        assert [len(table[prefix]) for prefix in SERVICES] == [3, 3]

    run(tmp_path, story)


def test_without_a_policy_sessions_are_up_and_nothing_is_accepted(tmp_path: Path) -> None:
    async def story(net: Network) -> None:
        await net.run_text(router_configs.plain(), enabled=True)
        offer(net)
        await settle(net, up)
        await asyncio.sleep(2.0)
        sessions = await net.router.sessions() if net.router else {}
        for node in NODES:
            assert (sessions[node]["state"], sessions[node]["peer_state"]) == ("Established", "Policy")
            assert sessions[node]["accepted"]["ipv4Unicast"] == 0

    run(tmp_path, story)


def test_without_le_sessions_are_fine_and_nothing_is_accepted(tmp_path: Path) -> None:
    async def story(net: Network) -> None:
        await net.run_text(router_configs.bgp_only(), enabled=True)
        offer(net)
        await settle(net, up)
        await asyncio.sleep(6.0)  # policies behind the router take up to five seconds
        sessions = await net.router.sessions() if net.router else {}
        for node in NODES:
            assert (sessions[node]["state"], sessions[node]["peer_state"]) == ("Established", "OK")
            assert set(sessions[node]["accepted"].values()) == {0}
        assert net.router is not None
        refused = await net.router.show(f"show bgp ipv4 unicast neighbors {NODES[0]} filtered-routes json")
        assert set(SERVICES) <= set(refused["receivedRoutes"])
        words = [line.split()[:2] for line in net.router.refused]
        expected = [["ip", "community-list"], ["bgp", "graceful-restart"], ["bgp", "bestpath"]]
        assert words == [pair for pair in expected for _unused in range(2)]

    run(tmp_path, story)


def test_a_password_on_one_side_never_comes_up(tmp_path: Path) -> None:
    async def story(net: Network) -> None:
        await net.run_text(router_configs.bgp_only(password="only-here"), enabled=True)
        offer(net)
        await asyncio.sleep(5.0)
        sessions = await net.router.sessions() if net.router else {}
        assert {sessions[node]["state"] for node in NODES} <= {"Active", "Connect", "Idle"}

    run(tmp_path, story)


def test_both_families_with_a_peer_each(tmp_path: Path) -> None:
    async def story(net: Network) -> None:
        await net.run_text(documents.router(ipv6=True), enabled=True)
        offer(net, v6_peer=True)
        six = [f"fd47:25e1:2f96:51::{n}" for n in router_configs.NODES]
        await settle(net, lambda s: up(s) and all(s[a]["accepted"].get("ipv6Unicast") == 1 for a in six))
        assert net.router is not None
        paths = (await net.router.show("show bgp ipv6 unicast json"))["routes"][V6]
        hops = {hop["ip"] for path in paths for hop in path["nexthops"] if hop.get("scope") == "global"}
        assert hops == set(six)

    run(tmp_path, story)


@pytest.mark.parametrize("listen", [True, False])
def test_nodes_that_only_dial_come_up_too(tmp_path: Path, listen: bool) -> None:
    async def story(net: Network) -> None:
        await net.run_text(documents.router(), enabled=True)
        began = time.monotonic()
        offer(net)
        await settle(net, lambda s: up(s) and all(s[n]["accepted"]["ipv4Unicast"] == 3 for n in NODES))
        # GoBGP dials after five seconds at the earliest; a speaker that listens may be met sooner, and need not.
        assert listen or time.monotonic() - began >= 5.0

    run(tmp_path, story, nodes_listen=listen)
