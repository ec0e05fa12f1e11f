# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage runner: everything runs, failures are told, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import check

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> check.Runner:
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "LOGS", tmp_path / "logs")
    return check.Runner(quiet=True, workers=2)


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_a_failure_stops_its_own_stage_only(runner: check.Runner, capsys: pytest.CaptureFixture[str]) -> None:
    stages = [
        check.Stage("first", [script("print('the cause'); raise SystemExit(3)"), script("print('not reached')")]),
        check.Stage("second", [script("print('=== 7 passed in 0.1s ===')")]),
    ]
    assert not runner.run(stages)
    told = capsys.readouterr().out
    assert "ended with status 3" in told
    assert "    the cause" in told
    assert "not reached" not in told
    assert "    === 7 passed in 0.1s ===" in told
    assert {outcome.stage.name: bool(outcome.failure) for outcome in runner.outcomes} == {
        "first": True,
        "second": False,
    }
    assert check.summary(runner.outcomes, 1.0).splitlines()[-1] == "failed: first in 1 s"


def test_stages_run_side_by_side(runner: check.Runner, tmp_path: Path) -> None:
    # Each waits for the other's file: one after the other they would never end.
    wait = (
        "import pathlib, time\npathlib.Path('{mine}').touch()\n"
        "while not pathlib.Path('{other}').exists(): time.sleep(0.01)"
    )
    stages = [
        check.Stage("a", [script(wait.format(mine="a", other="b"))], limit=20),
        check.Stage("b", [script(wait.format(mine="b", other="a"))], limit=20),
    ]
    assert runner.run(stages)


def test_a_stage_that_hangs_is_ended_with_its_children(runner: check.Runner, tmp_path: Path) -> None:
    text = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path('child').write_text(str(child.pid))\ntime.sleep(600)"
    )
    began = time.monotonic()
    assert not runner.run([check.Stage("slow", [script(text)], limit=2)])
    assert time.monotonic() - began < 300
    assert runner.outcomes[0].failure == "not done after 2 s"
    assert gone(int((tmp_path / "child").read_text()))


def gone(pid: int) -> bool:
    """Whether a process has ended, waited for up to five seconds; a zombie counts as ended."""
    for _attempt in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_program_that_is_missing_is_a_failure(runner: check.Runner) -> None:
    assert not runner.run([check.Stage("none", [["/nowhere/program"]])])
    assert "did not start" in runner.outcomes[0].failure


def test_an_interrupt_ends_what_runs(tmp_path: Path) -> None:
    text = (
        "import sys\nfrom pathlib import Path\nfrom tools import check\n"
        f"check.ROOT = Path({str(tmp_path)!r})\ncheck.LOGS = check.ROOT / 'logs'\n"
        "check.Runner.__init__.__kwdefaults__['workers'] = 1\n"
        'wait = \'import os, time; open("pid", "w").write(str(os.getpid())); time.sleep(60)\'\n'
        'touch = \'open("next", "w")\'\n'
        "check.STAGES = tuple(check.Stage(text, [[sys.executable, '-c', text]]) for text in (wait, touch))\n"
        "sys.exit(check.main([]))"
    )
    process = subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 128 + signal.SIGINT
    finally:
        process.kill()
    assert gone(int((tmp_path / "pid").read_text()))
    assert not (tmp_path / "next").exists()


def test_tests_that_are_ended_stop_what_they_started(tmp_path: Path) -> None:
    (tmp_path / "test_long.py").write_text(
        "import pathlib, time, pytest\n"
        "here = pathlib.Path(__file__).parent\n"
        "@pytest.fixture(scope='session')\n"
        "def lab():\n    (here / 'up').touch()\n    yield\n    (here / 'down').touch()\n"
        "def test_long(lab):\n    time.sleep(600)\n"
    )
    words = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)], cwd=check.ROOT, stdout=subprocess.DEVNULL
    )
    while not (tmp_path / "up").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == pytest.ExitCode.INTERRUPTED
    assert (tmp_path / "down").exists()


def test_an_unknown_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        check.main(["uint"])
    assert refused.value.code == 2
    assert "no such stage: uint" in capsys.readouterr().err


def test_every_stage_of_the_makefile_exists() -> None:
    text = (ROOT / "Makefile").read_text()
    named = {
        word
        for line in text.splitlines()
        if "-m tools.check " in line
        for word in line.partition("tools.check ")[2].split()
    }
    assert named == {stage.name for stage in check.STAGES}
