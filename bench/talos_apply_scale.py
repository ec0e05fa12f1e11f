# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What talos_apply costs per node when nothing is to be done, over 3 and over 50 simulated nodes.

    .venv/bin/python bench/talos_apply_scale.py [--few 3] [--many 50] [--rounds 3] [--forks 10]

Two ways: the module's ``run`` in one process, one node after the other; and a whole playbook with forks, less a
playbook that only meets the same hosts. The nodes (the lab's) run in a process of their own on the same machine, so
their share is part of every number. Prints milliseconds per node (the median apply, the best playbook) and the ratio
many : few; more than 1 means that cost grows with the number of nodes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "collections"), str(CHECKOUT)]

from tests.harness.talos_nodes import TalosNodes  # noqa: E402

NET = "127.52"
#: The ratio at most: a node of many must not cost more than this many times a node of few.
TARGET = 1.5


class FarNodes(TalosNodes):
    """The nodes in a process of their own."""

    process: subprocess.Popen[str]

    def __enter__(self) -> FarNodes:
        now = datetime.datetime.now(datetime.UTC)
        from ansible_collections.homeops.cluster.plugins.module_utils.talos import talosconfig

        self.talosconfig.write_text(talosconfig.talosconfig_text("home-ops", self.bundle, [], [], now))
        self.talosconfig.chmod(0o600)
        delays = [f"--delay={name}=0.02" for name in ("boot", "install", "reboot", "services")]
        command = [sys.executable, "-m", "lab.talos", "--net", self.net, "--nodes", str(self.count), *delays]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ready = 0
        while ready < self.count:
            line = self.process.stdout.readline()
            assert line, "the nodes did not start"
            ready += " pin " in line
        self.drain = ThreadPoolExecutor(1)
        self.drain.submit(lambda: [None for _line in self.process.stdout or ()])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.drain.shutdown()


def configure(nodes: FarNodes) -> None:
    """Give every node its first config."""
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: nodes.apply(n, wait_timeout=300), range(1, nodes.count + 1)))
    assert all(result["changed"] for result in results)


def in_process(nodes: FarNodes, count: int, samples: int) -> list[float]:
    """Return the seconds of at least ``samples`` applies over ``count`` nodes, one after the other."""
    spent: list[float] = []
    while len(spent) < samples:
        for number in range(1, count + 1):
            began = time.perf_counter()
            assert not nodes.apply(number)["changed"]
            spent.append(time.perf_counter() - began)
    return spent


def playbooks(nodes: FarNodes, count: int, folder: Path) -> tuple[list[str], list[str]]:
    """Write inventory and plays for ``count`` nodes; return the commands of the apply and of its empty peer."""
    hosts: dict[str, Any] = {}
    for number in range(1, count + 1):
        hosts[f"mini{number:02d}"] = {"apply": nodes.arguments(number), "ansible_connection": "local"}
    inventory = folder / f"inventory{count}.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    commands = []
    for name, task in (
        ("apply", {"homeops.cluster.talos_apply": "{{ apply }}", "register": "done", "failed_when": "done is changed"}),
        ("empty", {"ansible.builtin.set_fact": {"seen": "{{ apply | length }}"}}),
    ):
        play = folder / f"{name}{count}.yml"
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        commands.append([str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), str(play)])
    return commands[0], commands[1]


def timed(command: Sequence[str], forks: int) -> float:
    """Return the seconds of a command that must succeed."""
    environment = {
        **os.environ,
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "LC_ALL": "C.UTF-8",
    }
    began = time.perf_counter()
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=3)
    parser.add_argument("--many", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forks", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, FarNodes(Path(name), net=NET, count=options.many) as nodes:
        configure(nodes)
        alone: dict[int, list[float]] = {options.few: [], options.many: []}
        played: dict[int, list[float]] = {options.few: [], options.many: []}
        in_process(nodes, options.few, options.few)
        for _round in range(options.rounds):
            for count in (options.few, options.many):
                alone[count] += in_process(nodes, count, options.many)
                apply, empty = playbooks(nodes, count, Path(name))
                played[count].append((timed(apply, options.forks) - timed(empty, options.forks)) / count)
    ratios = {}
    for label, numbers in (
        ("in one process, one after the other", alone),
        (f"playbook, {options.forks} forks", played),
    ):
        few, many = (statistics.median(numbers[count]) for count in (options.few, options.many))
        ratios[label] = many / few
        each = ", ".join(f"{n} nodes {t * 1000:.1f} ms per node" for n, t in ((options.few, few), (options.many, many)))
        print(f"{label}: {each}")
        print(f"  ratio {many / few:.2f} (target at most {TARGET})")
    if max(ratios.values()) > TARGET:
        raise SystemExit("a node of many costs more than it should")


if __name__ == "__main__":
    main()
