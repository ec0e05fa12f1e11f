# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's namespace and daemons end with it, however it ends; and a lab runs without them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.process import processes_of
from tests.harness.bgp import BGP, Router, until
from tests.harness.lab import Lab

#: Times a second that a lab may wake up while nothing happens.
AWAKENINGS = 20


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab that is not started."""
    lab = Lab("127.66", tmp_path)
    yield lab
    lab.down()


def net_namespaces(pids: list[int]) -> set[str]:
    """The network namespaces of processes."""
    found = set()
    for pid in pids:
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            continue
    return found


def users_of(namespaces: set[str]) -> list[int]:
    """The processes that live in any of these network namespaces."""
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and net_namespaces([int(p)]) & namespaces]


def test_a_killed_daemon_takes_everything_along(lab: Lab) -> None:
    lab.up()
    until("bgpd runs", lambda: lab.status()["bgp"]["bgpd"]["running"])
    owner = str(lab.directory.resolve())
    pids = processes_of(owner)
    mine = net_namespaces(pids) - net_namespaces([os.getpid()])
    assert len(mine) == 1 and len(users_of(mine)) >= 2  # the holder and bgpd
    os.kill(lab.status()["pid"], signal.SIGKILL)
    until("no process of the lab", lambda: not processes_of(owner))
    assert users_of(mine) == []
    linked = (lab.directory / "bgp").resolve()
    lab.down()
    assert not lab.directory.exists() and not linked.exists()


def test_down_leaves_nothing(lab: Lab) -> None:
    lab.up()
    until("bgpd runs", lambda: lab.status()["bgp"]["bgpd"]["running"])
    mine = net_namespaces(processes_of(str(lab.directory.resolve()))) - net_namespaces([os.getpid()])
    linked = (lab.directory / "bgp").resolve()
    lab.down()
    assert users_of(mine) == [] and not linked.exists()


def test_a_lab_at_rest_sleeps(lab: Lab) -> None:
    lab.up()
    until("bgpd runs", lambda: lab.status()["bgp"]["bgpd"]["running"])
    before = awakenings(lab)
    time.sleep(5)
    # What it costs is measured by bench/lab.py; how often it wakes up is the same on every machine.
    assert awakenings(lab) - before < 5 * AWAKENINGS


def awakenings(lab: Lab) -> int:
    """How often all processes of the lab went to sleep, so far: as often as they woke up."""
    found = 0
    for pid in processes_of(str(lab.directory.resolve())):
        for task in Path(f"/proc/{pid}/task").iterdir():
            line = next(line for line in (task / "status").read_text().splitlines() if line.startswith("voluntary"))
            found += int(line.split()[1])
    return found


def test_without_the_daemons_the_console_still_stores(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEOPS_LAB_BGP", "off")
    lab.up()
    status = lab.status()
    assert not status["bgp"]["available"] and "runs without BGP" in status["bgp"]["problem"]
    assert "runs without BGP" in lab.command("status").stdout
    router = Router(lab.directory)
    assert router.upload("router bgp 64513\n").status == 201
    assert router.ask("GET", BGP).body[0]["enabled"] is True
    assert router.vtysh("show bgp summary json").returncode == 127
