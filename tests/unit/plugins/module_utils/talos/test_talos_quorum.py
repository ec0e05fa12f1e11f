# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of etcd's quorum, and the lock between processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.common.wait import Deadline
from ansible_collections.homeops.cluster.plugins.module_utils.talos import guard, lock, quorum
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import EtcdMember, EtcdStatus
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import Target


def member(number: int, *, learner: bool = False) -> EtcdMember:
    return EtcdMember(number, f"mini{number:02d}", [], [], learner)


def status(number: int, **more: Any) -> EtcdStatus:
    values: dict[str, Any] = {
        "member_id": number,
        "leader": 1,
        "is_learner": False,
        "db_size": 1,
        "db_size_in_use": 1,
        "raft_index": 100,
        "raft_applied_index": 100,
        "raft_term": 2,
        "errors": [],
    }
    return EtcdStatus(**{**values, **more})


def cluster(size: int) -> list[quorum.View]:
    members = [member(number) for number in range(1, size + 1)]
    return [quorum.View(f"mini{number:02d}", members, status(number)) for number in range(1, size + 1)]


def replaced(views: list[quorum.View], position: int, **more: Any) -> list[quorum.View]:
    old = views[position]
    values = {"name": old.name, "members": old.members, "status": old.status, "alarms": old.alarms, "problem": ""}
    return [*views[:position], quorum.View(**{**values, **more}), *views[position + 1 :]]


def down(views: list[quorum.View], position: int) -> list[quorum.View]:
    return replaced(views, position, members=(), status=None, problem="connection refused")


def leaderless(views: list[quorum.View], position: int) -> list[quorum.View]:
    """Without a quorum etcd's status answers, and its list of members does not."""
    alone = status(position + 1, leader=0)
    return replaced(views, position, members=(), status=alone, problem="etcdserver: no leader")


def test_one_of_three_may_go() -> None:
    verdict = quorum.judge(cluster(3), "mini02")
    assert verdict.safe
    assert verdict.needed
    assert "3 of 3" in verdict.text


@pytest.mark.parametrize(
    "more",
    [
        {"members": (), "status": None, "problem": "connection refused"},
        {"status": status(3, leader=0)},
        {"status": status(3, errors=["NOSPACE"])},
        {"alarms": [(3, "NOSPACE")]},
        {"status": status(3, raft_applied_index=100 - 1)} | {"members": [member(1), member(3)]},
    ],
)
def test_two_of_three_must_stay(more: dict[str, Any]) -> None:
    verdict = quorum.judge(replaced(cluster(3), 2, **more), "mini01")
    assert not verdict.safe
    assert "mini03: " in verdict.text


def test_the_sick_one_itself_may_go() -> None:
    assert quorum.judge(down(cluster(3), 0), "mini01").safe


def test_a_member_far_behind_does_not_count() -> None:
    views = replaced(cluster(3), 2, status=status(3, raft_applied_index=100))
    ahead = [replaced(views, at, status=status(at + 1, raft_applied_index=50_000))[at] for at in (0, 1)]
    assert "49900 entries behind" in quorum.judge([*ahead, views[2]], "mini01").text


def test_two_voters_cannot_spare_one() -> None:
    assert not quorum.judge(cluster(2), "mini01").safe


def test_a_single_voter_and_an_empty_data_directory_need_no_guard() -> None:
    assert quorum.judge(cluster(1), "mini01").safe
    assert not quorum.judge(cluster(1), "mini01").needed
    nobody = [quorum.View("mini01", problem="etcd is not running", bare=True)]
    assert quorum.judge(nobody, "mini01").safe
    assert not quorum.judge(nobody, "mini01").needed


def test_the_last_member_of_a_lost_quorum_stays() -> None:
    verdict = quorum.judge(leaderless(down(down(cluster(3), 1), 2), 0), "mini01")
    assert not verdict.safe and verdict.needed
    assert "no etcd names its members" in verdict.text and "mini02: connection refused" in verdict.text
    assert "restore.yml" in verdict.remedy


def test_an_etcd_that_does_not_run_over_data_is_no_proof_that_there_is_none() -> None:
    assert not quorum.judge([quorum.View("mini01", problem="etcd is not running")], "mini01").safe
    # A node beside it that never had any data may go.
    beside = [quorum.View("mini01", problem="etcd is not running"), quorum.View("mini02", bare=True)]
    assert quorum.judge(beside, "mini02").safe


def test_a_learner_may_go_and_does_not_count() -> None:
    members = [member(1), member(2), member(3, learner=True)]
    views = [quorum.View(f"mini{n:02d}", members, status(n, is_learner=n == 3)) for n in (1, 2, 3)]
    assert quorum.judge(views, "mini03").safe
    assert not quorum.judge(views, "mini01").safe


def test_a_voter_that_nobody_listed_counts_as_missing() -> None:
    verdict = quorum.judge(cluster(3)[:2], "mini01")
    assert not verdict.safe
    assert "mini03: it was not asked" in verdict.text


@given(st.integers(1, 7), st.data())
def test_it_is_never_safe_when_the_rest_is_no_quorum(size: int, data: st.DataObject) -> None:
    dead = data.draw(st.sets(st.integers(0, size - 1)))
    going = data.draw(st.integers(0, size - 1))
    views = cluster(size)
    for position in dead:
        views = down(views, position)
    if size - len(dead) < size // 2 + 1:
        for position in set(range(size)) - dead:
            views = leaderless(views, position)
    verdict = quorum.judge(views, f"mini{going + 1:02d}")
    alive = set(range(size)) - dead - {going}
    if size > 1 or dead:
        assert verdict.safe is (len(alive) >= size // 2 + 1)


# -- the lock ---------------------------------------------------------------------------------------------------------


TARGET = Target("127.0.0.1", "mini01")


def alone(directory: Path, further: Callable[[quorum.Verdict], None]) -> Any:
    watched = guard.Guard(None, [TARGET], 1.0, str(directory))
    return watched.alone(TARGET, {"id": "x"}, "rebooting this node", Deadline(5), Context(), {}, further)


def test_etcd_is_asked_once_more_after_a_wait_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A voter that is lost while a volume heals keeps the node as it would have before."""
    seen = [cluster(3)]
    monkeypatch.setattr(guard, "PATIENCE", 0.0)
    monkeypatch.setattr(quorum, "look", lambda *_: seen[0])

    def further(verdict: quorum.Verdict) -> None:
        assert (verdict.safe, verdict.bare) == (True, False)
        seen[0] = down(seen[0], 1)

    with alone(tmp_path / "l", further):
        pass  # it has not waited
    seen[0] = cluster(3)
    monkeypatch.setattr(guard, "FRESH", 0.0)
    with pytest.raises(HomeopsError, match="2 of 3 etcd voters are healthy"), alone(tmp_path / "l", further):
        pytest.fail("the node must not go")


def test_a_cluster_is_bare_only_when_nobody_holds_data() -> None:
    first, other = quorum.View("mini01", bare=True), quorum.View("mini02", bare=True)
    assert quorum.judge([first, other], "mini01").bare
    assert not quorum.judge([first, quorum.View("mini02", problem="connection refused")], "mini01").bare
    assert not quorum.judge(cluster(3), "mini01").bare


def hold(directory: str, log: str, number: int) -> None:
    with lock.cluster_lock("id", f"node{number}", directory=directory, timeout=20, ctx=Context(), interval=0.01):
        with open(log, "a") as file:
            file.write(f"in {number}\n")
        time.sleep(0.05)
        with open(log, "a") as file:
            file.write(f"out {number}\n")


def test_processes_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=hold, args=(str(tmp_path / "locks"), str(log), n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    lines = log.read_text().splitlines()
    assert len(lines) == 8
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert entered.replace("in", "out") == left


def test_the_holder_is_named_and_its_death_frees_the_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()

    def sleep_on_it() -> None:
        with lock.cluster_lock("id", "mini02", directory=str(tmp_path / "l"), timeout=5, ctx=Context()):
            ready.set()
            time.sleep(60)

    process = context.Process(target=sleep_on_it)
    process.start()
    assert ready.wait(10)
    with pytest.raises(WaitTimeout, match="held for mini02"), take(tmp_path / "l", 0.3):
        pass
    process.kill()
    process.join()
    with take(tmp_path / "l", 5):
        pass


def take(directory: Path, timeout: float) -> Any:
    return lock.cluster_lock("id", "mini01", directory=str(directory), timeout=timeout, ctx=Context(), interval=0.02)


def test_a_directory_of_others_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (tmp_path / "link").symlink_to(open_to_all)
    for place in (open_to_all, tmp_path / "link"):
        with pytest.raises(InputError, match="not ours alone"), take(place, 1):
            pass


def test_the_lock_is_named_by_a_digest(tmp_path: Path) -> None:
    with lock.cluster_lock("the-cluster-id", "x", directory=str(tmp_path / "l"), timeout=1, ctx=Context()):
        (name,) = os.listdir(tmp_path / "l")
    assert "cluster" not in name
    assert (tmp_path / "l" / name).stat().st_mode & 0o777 == 0o600
