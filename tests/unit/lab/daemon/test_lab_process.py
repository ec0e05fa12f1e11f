# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that die with their parent, and those that are found when they did not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import process

CHILD = """
import asyncio, os, sys
from pathlib import Path
from lab import process
async def main():
    child = await process.spawn_child(["sleep", "60"], log=Path(sys.argv[1]))
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def sleeper(owner: str | None) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **({process.OWNER: owner} if owner else {})}
    return subprocess.Popen(["sleep", "60"], env=environment)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not gone(child, 0.1)
    parent.send_signal(number)
    parent.wait(5)
    assert gone(child)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_only_processes_of_this_lab_are_found_and_ended(tmp_path: Path) -> None:
    mine, other, plain = sleeper(str(tmp_path)), sleeper(str(tmp_path) + "2"), sleeper(None)
    try:
        assert process.processes_of(str(tmp_path)) == [mine.pid]
        assert process.end_processes(str(tmp_path)) == [mine.pid]
        assert mine.wait(5) == -signal.SIGTERM
        assert other.poll() is None
        assert plain.poll() is None
    finally:
        for one in (mine, other, plain):
            one.kill()
            one.wait()


def test_what_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    environment = {**os.environ, process.OWNER: str(tmp_path)}
    stubborn = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    process.end_processes(str(tmp_path), grace=0.2)
    assert stubborn.wait(5) == -signal.SIGKILL


def test_a_detached_process_has_its_own_session_and_the_mark(tmp_path: Path) -> None:
    pid = process.spawn_detached(
        ["sleep", "60"], owner=str(tmp_path), log=tmp_path / "log", cwd=tmp_path, extra={"A": "b"}
    )
    deadline = time.monotonic() + 5
    while process.processes_of(str(tmp_path)) != [pid] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os.getsid(pid) == pid
    process.end_processes(str(tmp_path))
    os.waitpid(pid, 0)
