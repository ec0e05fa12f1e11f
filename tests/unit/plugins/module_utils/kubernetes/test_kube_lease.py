# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may have the lock of the cluster's operations."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import lease
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import Conflict, NotFound

NOW = datetime(2026, 7, 7, 12, 0, tzinfo=UTC)
ME = lease.Holder("me@here", "aaaaaaaa", "10.1")
OTHER = lease.Holder("alice@laptop", "bbbbbbbb", "20.2")


def of(holder: lease.Holder, ago: int = 10, seconds: int = 600) -> lease.Lease:
    return lease.Lease(holder.text, "the reset of mini01", seconds, NOW - timedelta(seconds=ago))


@pytest.mark.parametrize(
    ("held", "alive", "take_over", "free", "text"),
    [
        (lease.Lease(), True, "", True, ""),
        (of(ME), True, "", True, ""),
        (of(OTHER), True, "", False, "alice@laptop holds it for the reset of mini01 for 590 s more"),
        # Processes of another place cannot be judged, dead or alive.
        (of(OTHER), False, "", False, "alice@laptop holds it"),
        (of(OTHER, ago=604), True, "", False, "for 0 s more"),
        (of(OTHER, ago=606), True, "", True, "has ended at 11:59:54 UTC and is taken over"),
        (of(OTHER), True, OTHER.text, True, "taken over because it was named"),
        (of(OTHER), True, "alice@laptop", False, "alice@laptop holds it"),
        (of(lease.Holder("me@here", "aaaaaaaa", "9.1")), True, "", False, "me@here holds it"),
        (of(lease.Holder("me@here", "aaaaaaaa", "9.1")), False, "", True, "the run of me@here"),
        (lease.Lease("somebody"), True, "", True, "has ended at an unknown time"),
        (lease.Lease("controller-1", "", 15, NOW), True, "", False, "controller-1 holds it for 15 s more"),
    ],
)
def test_the_verdict(held: lease.Lease, alive: bool, take_over: str, free: bool, text: str) -> None:
    verdict = lease.judge(held, ME, NOW, lambda _process: alive, take_over)
    assert (verdict.free, text in verdict.text) == (free, True), verdict


def test_what_is_written_is_read() -> None:
    mine = lease.Lease(ME.text, "a test", 60, NOW, "2026-07-07T12:00:00.000000Z", 3)
    assert lease.parse(lease.body("a", "b", mine, "7")) == mine
    free = lease.body("a", "b", lease.Lease(transitions=3), "7")
    assert (lease.parse(free).holder, free["spec"]) == ("", {"leaseTransitions": 3})
    assert lease.parse({"metadata": {}, "spec": {"renewTime": "yesterday"}}) == lease.Lease()


def test_a_process_is_told_apart_from_its_successor() -> None:
    me = lease.holder(os.getpid())
    assert lease.alive(me.process)
    assert not lease.alive(f"{os.getpid()}.1")
    assert not lease.alive("nonsense")
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = lease.holder(child.pid).process
    child.wait()
    assert not lease.alive(process)
    assert lease.holder(os.getpid()) == me


class Api:
    """One Lease at an API; ``between`` runs once before the next write, as another client that was faster."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] | None = None
        self.between: Any = None

    def get(self, _path: str, **_more: Any) -> Any:
        if self.stored is None:
            raise NotFound("reading")
        return self.stored

    def request(self, method: str, _path: str, *, body: dict[str, Any], attempted: str) -> Any:
        if self.between is not None:
            act, self.between = self.between, None
            act()
        known = self.stored["metadata"]["resourceVersion"] if self.stored else ""
        if body["metadata"].get("resourceVersion", "") != known or (method == "POST") is (self.stored is not None):
            raise Conflict(attempted)
        self.stored = {**body, "metadata": {**body["metadata"], "resourceVersion": str(int(known or "0") + 1)}}


def lock(api: Api, ctx: Context | None = None) -> lease.Lock:
    return lease.Lock(api, "day-two", "kube-system", ctx or Context())  # type: ignore[arg-type]


def test_of_two_who_take_it_at_once_one_has_it() -> None:
    api = Api()
    api.between = lambda: lock(api).hold(OTHER, "first", 60, take_over="", timeout=0)
    with pytest.raises(HomeopsError, match="alice@laptop holds it for first") as refusal:
        lock(api).hold(ME, "second", 60, take_over="", timeout=0)
    assert "Nothing was sent" in str(refusal.value)
    assert not lock(api).release(ME)
    assert lock(api).release(OTHER)
    assert lock(api).hold(ME, "second", 60, take_over="", timeout=0) == ""
    assert api.stored is not None
    assert (api.stored["spec"]["holderIdentity"], api.stored["spec"]["leaseTransitions"]) == (ME.text, 1)


def test_holding_again_makes_it_last() -> None:
    api = Api()
    lock(api).hold(ME, "a", 60, take_over="", timeout=0)
    first = lock(api).read()[0]
    lock(api).hold(ME, "b", 90, take_over="", timeout=0)
    again = lock(api).read()[0]
    assert (again.taken, again.transitions, again.purpose, again.seconds) == (first.taken, 0, "b", 90)


def test_check_mode_refuses_and_writes_nothing() -> None:
    api = Api()
    lock(api, Context(check_mode=True)).hold(ME, "a", 60, take_over="", timeout=0)
    assert api.stored is None
    lock(api).hold(OTHER, "a", 60, take_over="", timeout=0)
    with pytest.raises(HomeopsError):
        lock(api, Context(check_mode=True)).hold(ME, "a", 60, take_over="", timeout=0)
