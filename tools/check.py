# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of ``make test``: ``python -m tools.check [stage ...]``, all of them when none is named.

Every stage runs, whatever the others did; the summary and the exit status tell which failed. Six run side by side:
some compute (linters, units, sanity), others mostly wait (playbooks against labs). A stage's output goes to
``.cache/test/<stage>.log``; the terminal sees one line per stage, the summary lines of test runs, and the end of the
log of a failure. A single named stage writes straight to the terminal.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "test"
LINK = "collections/ansible_collections/homeops/cluster"
#: Lines of a failed stage's log which are shown.
TAIL = 150
#: For logs: no colours, and lines as long as they are. Nobody who only reads the inventory starts a lab.
PLAIN = {"HOMEOPS_LAB_AUTOSTART": "0", "NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_NOCOLOR": "1", "COLUMNS": "160"}
#: Kept from every log: what a test run says about itself.
TELLING = re.compile(r"^(=+ .*\b(passed|failed|error|skipped)\b.*=+|note: .*|Success: .*|Passed: .*)$")


@dataclass(frozen=True)
class Stage:
    """One check.

    :param name: what it is called on the command line and in the summary.
    :param commands: run in order, until one fails.
    :param limit: seconds after which the stage is ended and counts as failed.
    :param env: added to the environment.
    """

    name: str
    commands: Sequence[Sequence[str]]
    limit: float = 600
    env: Mapping[str, str] = field(default_factory=dict)


def python(*arguments: str) -> list[str]:
    """Return a command of this very interpreter."""
    return [sys.executable, *arguments]


#: Tests that wait for routers and speakers, tests that walk whole runs, those of day two, and those that look at a lab
#: and mend it: stages of their own, because a stage is what can run beside another. What is in none of them belongs to
#: the stage ``integration``.
#: Those of the router share a lab from the second folder on, which begins before the phase bgp has run.
ROUTER_TESTS = (
    "tests/integration/cilium_modules",
    "tests/integration/bgp_phase",
    "tests/integration/udm_bgp",
    "tests/integration/site/test_bgp_phase.py",
    "tests/integration/lab_bgp",
)
RUN_TESTS = (
    "tests/integration/site",
    "tests/integration/secrets_phase",
    "tests/integration/identity",
)
#: Upgrades, resets, rotations and reboots, all on one lab.
DAY_TWO_TESTS = ("tests/integration/day_two",)
#: The status looks at the whole lab that the recovery then breaks and mends.
RECOVERY_TESTS = (
    "tests/integration/status",
    "tests/integration/recovery",
)
OWN_STAGES = (*ROUTER_TESTS, *RUN_TESTS, *DAY_TWO_TESTS, *RECOVERY_TESTS)
#: Nobody who only reads the inventory starts a lab, but these do.
LAB = {"HOMEOPS_LAB_AUTOSTART": "1"}


def pytest(*places: str, without: Sequence[str] = ()) -> list[str]:
    """Return the command that runs these tests."""
    return python("-m", "pytest", "-q", *places, *(f"--ignore={place}" for place in without))


#: How many stages run at the same time: four more than the cores of a small machine, because most of them mostly wait.
WORKERS = 6

# The order in which they start: first what takes a moment, then the longest, so that no long one is left for the end.
# The five that wait most come before those that compute all the time.
STAGES = (
    Stage("ruff", [["ruff", "check", "."], ["ruff", "format", "--check", "."]]),
    Stage("yamllint", [["yamllint", "--strict", "."]]),
    Stage("site", [pytest(*RUN_TESTS, without=ROUTER_TESTS)], 2400, LAB),
    Stage("day-two", [pytest(*DAY_TWO_TESTS)], 2400, LAB),
    Stage("recovery", [pytest(*RECOVERY_TESTS)], 2400, LAB),
    Stage("bgp", [pytest(*ROUTER_TESTS)], 1500, LAB),
    Stage("integration", [pytest("tests/integration", "tests/acceptance", without=OWN_STAGES)], 1500, LAB),
    Stage("unit", [python("-m", "pytest", "-q", "tests/unit")], 1500),
    Stage("sanity", [python("-m", "tools.sanity")], 1500),
    Stage("ansible-lint", [["ansible-lint", "--offline", "--profile", "production", "--nocolor"]]),
    Stage("molecule", [["molecule", "test", "--scenario-name", "default"]]),
    Stage("mypy", [python("-m", "tools.typecheck")]),
    Stage(
        "docs",
        [
            python("-m", "tools.docs", "--check"),
            ["antsibull-changelog", "lint"],
            ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", LINK],
        ],
    ),
    # A kernel per machine takes root and the routing daemons; without them it says so and passes.
    Stage("router", [python("-m", "tools.router_scenario")], 420),
)


@dataclass(frozen=True)
class Outcome:
    """How a stage ended: ``seconds`` of wall time, and why it failed (empty when it passed)."""

    stage: Stage
    seconds: float
    failure: str = ""


class Runner:
    """Runs stages, tells about them, and ends what it started when it is ended itself."""

    def __init__(self, *, quiet: bool, workers: int = WORKERS) -> None:
        self.quiet = quiet
        self.workers = workers
        self.outcomes: list[Outcome] = []
        self._voice = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = threading.Event()

    def run(self, stages: Iterable[Stage]) -> bool:
        """Run ``stages``, as many at a time as there are workers; return whether all passed."""
        waiting = collections.deque(stages)
        threads = [threading.Thread(target=self._work, args=(waiting,)) for _worker in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return not any(outcome.failure for outcome in self.outcomes)

    def end(self) -> None:
        """End every running stage with all its descendants which kept its process group."""
        self._ended.set()
        for process in list(self._running):
            _end(process)

    def _work(self, waiting: collections.deque[Stage]) -> None:
        while not self._ended.is_set():
            try:
                stage = waiting.popleft()
            except IndexError:
                return
            self._stage(stage)

    def _stage(self, stage: Stage) -> None:
        began = time.monotonic()
        failure = ""
        log = LOGS / f"{stage.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as sink:
            for command in stage.commands:
                failure = self._command(command, stage, began, None if not self.quiet else sink.fileno())
                if failure:
                    break
        outcome = Outcome(stage, time.monotonic() - began, failure)
        self.outcomes.append(outcome)
        if not self._ended.is_set():
            self._tell(outcome, log)

    def _command(self, command: Sequence[str], stage: Stage, began: float, sink: int | None) -> str:
        """Run one command; return why it failed, or an empty string."""
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **PLAIN, **stage.env},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=None if sink is None else subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]} did not start: {error.strerror}"
        self._running.add(process)
        try:
            status = process.wait(timeout=max(1.0, stage.limit - (time.monotonic() - began)))
        except subprocess.TimeoutExpired:
            _end(process)
            return f"not done after {stage.limit:.0f} s"
        finally:
            self._running.discard(process)
        return f"{Path(command[0]).name} ended with status {status}" if status else ""

    def _tell(self, outcome: Outcome, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()
        with self._voice:
            mark = "FAILED" if outcome.failure else "ok"
            print(
                f"{outcome.stage.name:<13} {mark:<7} {outcome.seconds:6.1f} s  {outcome.failure}".rstrip(), flush=True
            )
            if outcome.failure:
                for line in lines[-TAIL:]:
                    print(f"    {line}")
                print(f"    (whole log: {log.relative_to(ROOT)})", flush=True)
            else:
                for line in lines:
                    if TELLING.match(line):
                        print(f"    {line}", flush=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process group: first in peace, so that labs can be stopped, then by force."""
    for name, patience in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, name)
            process.wait(timeout=patience)
            return
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return the closing table: durations in seconds, stages in the order of :data:`STAGES`."""
    order = {stage.name: place for place, stage in enumerate(STAGES)}
    lines = ["", "stage          result    seconds"]
    for outcome in sorted(outcomes, key=lambda one: order.get(one.stage.name, len(order))):
        lines.append(f"{outcome.stage.name:<13}  {'FAILED' if outcome.failure else 'ok':<8} {outcome.seconds:8.1f}")
    failed = [outcome.stage.name for outcome in outcomes if outcome.failure]
    verdict = f"failed: {', '.join(failed)}" if failed else "all passed"
    return "\n".join([*lines, f"{verdict} in {seconds:.0f} s"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages which are named, or all."""
    parser = argparse.ArgumentParser(description="run the stages of `make test`")
    parser.add_argument("stage", nargs="*", help=f"one of {', '.join(stage.name for stage in STAGES)}; all when none")
    wanted = parser.parse_args(arguments).stage
    unknown = sorted(set(wanted) - {stage.name for stage in STAGES})
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}")
    stages = [stage for stage in STAGES if not wanted or stage.name in wanted]
    runner = Runner(quiet=len(stages) > 1)

    def stop(number: int, _frame: object) -> None:
        runner.end()
        raise SystemExit(128 + number)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    began = time.monotonic()
    passed = runner.run(stages)
    print(summary(runner.outcomes, time.monotonic() - began), flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
