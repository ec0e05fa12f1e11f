# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of a test's own, and playbooks run against it as a user runs them."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import control
from lab.state import LabState

CHECKOUT = Path(__file__).resolve().parents[2]
HARNESS = Path(__file__).resolve().parent
#: Arguments with which a run tells all that it can: where a secret would be seen.
LOUD = ("--diff", "-vvv")


def enabled_callbacks() -> list[str]:
    """Return what ansible.cfg enables: a test's run is a user's run, with one callback more."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(CHECKOUT / "ansible.cfg", encoding="utf-8")
    return [name.strip() for name in settings["defaults"]["callbacks_enabled"].split(",")]


@dataclass(frozen=True)
class TaskResult:
    """What one task did on one host."""

    status: str
    host: str
    task: str
    action: str
    tags: list[str]
    changed: bool
    msg: str


@dataclass
class Run:
    """One ended ``ansible-playbook``."""

    arguments: tuple[str, ...]
    rc: int
    output: str
    seconds: float
    results: list[TaskResult] = field(default_factory=list)

    @property
    def changed(self) -> set[tuple[str, str]]:
        """``(host, task)`` of everything that changed, or would have in check mode."""
        return {(result.host, result.task) for result in self.results if result.changed}

    @property
    def ran(self) -> set[str]:
        """The tasks that were not skipped."""
        return {result.task for result in self.results if result.status in ("ok", "failed")}

    @property
    def failures(self) -> list[TaskResult]:
        """What failed."""
        return [result for result in self.results if result.status in ("failed", "unreachable")]


class Lab:
    """One embedded lab on its own loopback net with its own state directory.

    :param net: first two parts of its addresses, for instance ``"127.71"``; unique per test module that runs at a time.
    :param directory: where its state and the controller's files go.
    """

    def __init__(self, net: str, directory: Path) -> None:
        self.net = net
        self.directory = directory / "lab"
        self.home = directory / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.controller = self.directory / "controller"
        #: Every run against this lab, in order.
        self.runs: list[Run] = []

    def env(self, **extra: str) -> dict[str, str]:
        """The environment of everything that belongs to this lab."""
        return {
            **os.environ,
            "HOMEOPS_LAB_NET": self.net,
            "HOMEOPS_LAB_DIR": str(self.directory),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.home / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **extra,
        }

    def command(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``python -m lab ...``."""
        done = subprocess.run(
            [sys.executable, "-m", "lab", *args],
            cwd=CHECKOUT,
            env=self.env(),
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def up(self, *args: str) -> None:
        """Start it."""
        self.command("up", *args)

    def down(self) -> None:
        """Stop it; nothing stays behind."""
        self.command("down")

    def ask(self, do: str, **request: Any) -> Any:
        """Send one request to the lab's daemon, as ``python -m lab`` would, without an interpreter for each."""
        return control.ask(LabState(self.directory.resolve()).socket, {"do": do, **request}, timeout=120.0)

    def answers(self) -> bool:
        """Whether it runs."""
        try:
            return bool(self.ask("ping"))
        except ConnectionError:
            return False

    def status(self) -> dict[str, Any]:
        """What the lab says of itself."""
        return dict(self.ask("status"))

    def fault(self, target: str, *words: str) -> None:
        """Set one fault or delay, in the words of ``python -m lab fault``."""
        self.ask("fault", target=target, words=list(words))

    def heal(self) -> None:
        """Take all faults back."""
        self.ask("clear")

    def console_fault(self, **faults: object) -> None:
        """Set faults of the console and of the BGP sessions (fields of the lab's ``ConsoleFaults``)."""
        self.fault("console", json.dumps(faults))

    def nodes(self) -> dict[str, dict[str, Any]]:
        """What the lab says of each node, by name."""
        return {node["name"]: node for node in self.ask("nodes")}

    def writes(self) -> dict[str, int]:
        """Writes at the Kubernetes API by ``METHOD path``, those of the lab's own controllers left out."""
        return dict(self.status()["requests"]["kubernetes_writes"])

    def play(self, *args: str, playbook: str = "site.yml", timeout: float = 900, **env: str) -> Run:
        """Run a playbook against this lab.

        :param args: further arguments of ``ansible-playbook``.
        :param timeout: seconds until the run is given up as hanging.
        """
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return self._run([program, str(CHECKOUT / playbook), *args], args, timeout, env)

    def demo(self, *args: str, timeout: float = 900) -> Run:
        """Run ``make demo`` against this lab; ``args`` are further arguments of its ``ansible-playbook``."""
        return self._run(["make", "--no-print-directory", "demo", f"ARGS={' '.join(args)}"], args, timeout, {})

    def _run(self, command: Sequence[str], args: tuple[str, ...], timeout: float, env: Mapping[str, str]) -> Run:
        record = self.home / f"record-{len(self.runs) + 1}.jsonl"
        record.write_text("", encoding="utf-8")
        temporary = self.home / "temporary"
        temporary.mkdir(exist_ok=True)
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=self.env(
                HOMEOPS_RECORD=str(record),
                ANSIBLE_CALLBACK_PLUGINS=str(HARNESS / "callback"),
                ANSIBLE_CALLBACKS_ENABLED=",".join([*enabled_callbacks(), "record"]),
                TMPDIR=str(temporary),
                **env,
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        lines = record.read_text(encoding="utf-8").splitlines()
        run = Run(
            arguments=args,
            rc=done.returncode,
            output=done.stdout,
            seconds=time.monotonic() - began,
            results=[TaskResult(**json.loads(line)) for line in lines],
        )
        self.runs.append(run)
        return run
