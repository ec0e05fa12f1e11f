# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that moves between the schemas is proved before the next one moves."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import handover, kinds, migrate
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.intent import Timers
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.frr.state_command import StateUnavailable
from tests.unit.plugins.module_utils.cilium.cilium_samples import parse

NODES = {"mini01": "172.29.51.11", "mini02": "172.29.51.12", "mini03": "172.29.51.13"}
PREFIX = "172.29.52.100/32"


class Daemon:
    """The router's bgpd, and a clock that runs while somebody sleeps.

    :ivar since: when the session of each address came up; absent = it is down.
    :ivar later: what happens at a time.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.since = dict.fromkeys(NODES.values(), 0.0)
        self.routes = set(NODES.values())
        self.later: dict[float, Any] = {}
        self.silent = False

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for when in sorted(self.later):
            if when <= self.now:
                self.later.pop(when)()

    def json(self, command: str) -> dict[str, Any]:
        return self.json_all([command])[0]

    def json_all(self, commands: Sequence[str]) -> list[dict[str, Any]]:
        if self.silent:
            raise StateUnavailable("asking", answer="Connection refused")
        peers = {
            address: {
                "state": "Established" if address in self.since else "Active",
                "peerState": "OK",
                "peerUptimeMsec": 1000 * (self.now - self.since.get(address, 0.0)),
            }
            for address in NODES.values()
        }
        paths = [
            {"valid": True, "peerId": a, "multipath": True, "nexthops": [{"ip": a, "used": True}]}
            for a in sorted(self.routes & self.since.keys())
        ]
        table = {
            "show bgp summary json": {"ipv4Unicast": {"peers": peers}},
            "show bgp ipv4 unicast json": {"routes": {PREFIX: paths}},
        }
        return [table.get(command, {}) for command in commands]

    def bounce(self, node: str, seconds: float, routes: bool = True) -> None:
        """Have a session fall now and come back after some seconds."""
        address = NODES[node]
        self.since.pop(address, None)
        self.routes.discard(address)

        def back() -> None:
            self.since[address] = self.now
            if routes:
                self.routes.add(address)

        self.later[self.now + seconds] = back


def watcher(daemon: Daemon, router: bool = True, **more: Any) -> tuple[handover.Handover, Context]:
    store: Any = SimpleNamespace(read=lambda *_kinds: {kinds.NODE: []})
    ctx = Context()
    witness = handover.Router(daemon, NODES, clock=lambda: daemon.now) if router else None
    given = {"routes": 0, "timeout": 60.0, "settle": 2.0, "unproved": None, **more}
    return handover.Handover(store, parse(), ctx, router=witness, sleep=daemon.sleep, **given), ctx


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon whose clock is that of every wait."""
    daemon = Daemon()
    real = handover.wait_until
    monkeypatch.setattr(handover, "wait_until", lambda *a, **k: real(*a, **k, clock=lambda: daemon.now))
    return daemon


OFF = migrate.Step(migrate.Do.UNLABEL, node="mini01", hands_over=True)


def test_a_node_is_back_when_its_new_session_has_every_route(clock: Daemon) -> None:
    work, ctx = watcher(clock)
    work.begin("mini01", NODES)
    clock.bounce("mini01", 20)
    began = clock.now
    work.end(OFF)
    assert clock.now - began >= 22 and not ctx.warnings


def test_the_session_of_before_is_no_proof(clock: Daemon) -> None:
    work, _ctx = watcher(clock)
    work.begin("mini01", NODES)
    began = clock.now
    # Cilium lets go of it some seconds later only.
    clock.later[began + 3] = lambda: clock.bounce("mini01", 6)
    work.end(OFF)
    assert clock.now - began >= 9 + 2


def test_a_session_that_stays_is_taken_after_a_while(clock: Daemon) -> None:
    work, _ctx = watcher(clock)
    work.begin("mini01", NODES)
    began = clock.now
    work.end(OFF)
    assert 12 <= clock.now - began <= 20


def test_a_node_that_does_not_come_back_stops_the_migration(clock: Daemon) -> None:
    work, _ctx = watcher(clock)
    work.begin("mini01", NODES)
    clock.bounce("mini01", 3600)
    with pytest.raises(WaitTimeout, match=r"no session with mini01 \(172\.29\.51\.11\)"):
        work.end(OFF)
    with pytest.raises(WaitTimeout, match="no session with mini01"):
        work.begin("mini02", NODES)


def test_a_session_without_its_routes_is_not_back(clock: Daemon) -> None:
    work, _ctx = watcher(clock)
    work.begin("mini01", NODES)
    clock.bounce("mini01", 5, routes=False)
    with pytest.raises(WaitTimeout, match="is not accepted from"):
        work.end(OFF)


def test_a_router_that_is_silent_proves_nothing(clock: Daemon) -> None:
    work, _ctx = watcher(clock, timeout=5.0)
    clock.silent = True
    with pytest.raises(WaitTimeout, match="Connection refused"):
        work.begin("mini01", NODES)


def test_a_node_that_is_down_moves_first(clock: Daemon) -> None:
    work, _ctx = watcher(clock)
    clock.since.pop(NODES["mini02"])
    steps = [
        migrate.Step(migrate.Do.CLUSTER, migrate.Form.SPLIT),
        *(migrate.Step(migrate.Do.LABEL, node=node, hands_over=True) for node in NODES),
        migrate.Step(migrate.Do.POLICY),
    ]
    assert [step.node for step in work.ordered(steps)] == ["", "mini02", "mini01", "mini03", ""]
    work.begin("mini02", NODES)


@pytest.mark.parametrize(("unproved", "least"), [(None, 250.0), (7.0, 7.0)])
def test_without_a_witness_the_timers_say_how_long(clock: Daemon, unproved: float | None, least: float) -> None:
    work, ctx = watcher(clock, router=False, unproved=unproved)
    began = clock.now
    work.begin("mini01", NODES)
    work.end(OFF)
    assert clock.now - began == least
    assert "nobody tells whether mini01" in ctx.warnings[0]
    assert handover.unproved_rest(Timers(connect_retry=5)) == 20
