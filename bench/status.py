# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a status costs: per node over 3 and over 100 simulated nodes, with one that hangs, and on the whole lab.

    .venv/bin/python bench/status.py [--few 3] [--many 100] [--rounds 5] [--no-lab]

The nodes (the lab's, on loopback) run in a process of their own on the same machine, so their share is part of every
number. Prints milliseconds per node for the module's ``run`` (nodes, etcd and the comparison with the model) and the
ratio many : few; more than 1 means that cost grows with the number of nodes. Then one node of many hangs: what that
adds, in units of its timeout. Then ``playbooks/status.yml`` on a converged lab, all areas, less a playbook that does
nothing: our own time.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "collections"), str(CHECKOUT)]

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: E402

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context  # noqa: E402
from ansible_collections.homeops.cluster.plugins.module_utils.talos.errors import ConnectionLost  # noqa: E402
from ansible_collections.homeops.cluster.plugins.modules import cluster_report  # noqa: E402
from bench.talos_apply_scale import FarNodes  # noqa: E402
from tests.harness.lab import Lab  # noqa: E402
from tests.harness.talos_nodes import BUNDLE  # noqa: E402

NET, LAB_NET = "127.83", "127.84"
#: The ratio at most: a node of many must not cost more than this many times a node of few.
TARGET = 1.5
#: What a node that hangs may add, in units of its timeout.
HANGING = 1.5
#: Our own seconds on the lab.
OWN = 3.0
TIMEOUT = 20.0


def configure(nodes: FarNodes) -> None:
    """Give every node its first config; one that goes away in the middle of it is asked again."""

    def one(number: int) -> None:
        for attempt in range(3):
            try:
                nodes.apply(number, wait_timeout=300)
                return
            except ConnectionLost:
                if attempt == 2:
                    raise

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(1, nodes.count + 1)))


def parameters(nodes: FarNodes, count: int, **more: Any) -> dict[str, Any]:
    """Return the module's parameters for the first nodes."""
    wanted = nodes.arguments(1)
    config = {key: wanted[key] for key in ("cluster_name", "endpoint", "talos_version", "kubernetes_version")}
    numbers = range(1, count + 1)
    given = {
        "cluster": "home-ops",
        "areas": ["nodes", "etcd"],
        "nodes": [nodes.door(number) for number in numbers],
        "talosconfig": str(nodes.talosconfig),
        "machine_config": {**config, "secrets_file": str(BUNDLE)},
        "declared": {"nodes": [{"name": f"mini{n:02d}", "patches": nodes.arguments(n)["patches"]} for n in numbers]},
        "fail_on": "never",
        "timeout": TIMEOUT,
        **more,
    }
    checked = ArgumentSpecValidator(cluster_report.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return dict(checked.validated_parameters)


def timed(given: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return the seconds of one report, and the report."""
    began = time.perf_counter()
    report = cluster_report.run(given, Context())["report"]
    return time.perf_counter() - began, report


def scale(nodes: FarNodes, few: int, many: int, rounds: int) -> float:
    """Print milliseconds per node, and return the ratio."""
    spent: dict[int, list[float]] = {few: [], many: []}
    timed(parameters(nodes, few))
    for _round in range(rounds):
        for count in (few, many):
            seconds, report = timed(parameters(nodes, count))
            rows = report["areas"][0]["rows"]
            assert len(rows) == count
            assert all(row["model"] == "as declared" for row in rows), "a node did not answer as it should"
            spent[count].append(seconds / count)
    middle = {count: statistics.median(taken) for count, taken in spent.items()}
    each = ", ".join(f"{count} nodes {taken * 1000:.1f} ms per node" for count, taken in middle.items())
    print(f"{each}\n  ratio {middle[many] / middle[few]:.2f} (target at most {TARGET})")
    return middle[many] / middle[few]


def hanging(nodes: FarNodes, many: int, timeout: float) -> float:
    """Print what hanging nodes add to a report over many, in units of the timeout, and return that."""
    given = parameters(nodes, many)
    # A listener that accepts nobody: connections are made by the kernel, and nothing is ever said.
    with socket.create_server((f"{NET}.250.1", 50000)) as silent:
        doors = [
            {**door, "node": silent.getsockname()[0]} if index % 10 == 5 else door
            for index, door in enumerate(given["nodes"])
        ]
        plain, _report = timed(given)
        seconds, report = timed({**given, "nodes": doors, "timeouts": {"talos": timeout}})
    late = [one["name"] for one in report["sources"] if one["state"] == "timeout"]
    whole = sum(row["model"] == "as declared" for row in report["areas"][0]["rows"])
    added = (seconds - plain) / timeout
    print(
        f"{len(late)} of {many} nodes hang, {whole} are told whole: {seconds:.1f} s instead of {plain:.1f} s\n"
        f"  {added:.2f} timeouts of {timeout:g} s (target at most {HANGING}; one after the other {len(late)})"
    )
    assert len(late) + whole == many, "a node that answers was not told"
    return added


def cpu() -> float:
    """Return the processor's seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def on_the_lab(rounds: int) -> float:
    """Print the seconds of the playbook on a converged lab, and return our own."""
    with tempfile.TemporaryDirectory(prefix="homeops-bench-") as directory:
        empty = Path(directory) / "empty.yml"
        empty.write_text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n", encoding="utf-8")
        lab = Lab(LAB_NET, Path(directory))
        lab.up("--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
        try:
            first = lab.play(timeout=900)
            if first.rc:
                raise SystemExit(f"The lab did not converge:\n{first.output}")
            spent: dict[str, list[float]] = {"empty": [], "status": []}
            worked: dict[str, list[float]] = {"empty": [], "status": []}
            for _round in range(rounds):
                for kind, playbook in (("empty", str(empty)), ("status", "playbooks/status.yml")):
                    before = cpu()
                    run = lab.play(playbook=playbook)
                    if run.rc:
                        raise SystemExit(f"The playbook failed:\n{run.output}")
                    spent[kind].append(run.seconds)
                    worked[kind].append(cpu() - before)
        finally:
            lab.down()
    middle = {kind: statistics.median(taken) for kind, taken in spent.items()}
    own = statistics.median(status - empty for status, empty in zip(spent["status"], spent["empty"], strict=True))
    print(
        f"status of the whole lab {middle['status']:.1f} s, an empty playbook {middle['empty']:.1f} s\n"
        f"  own time {own:.1f} s (target at most {OWN:g}), {middle['status'] / middle['empty']:.1f} times the empty one"
    )
    busy = {kind: statistics.median(taken) for kind, taken in worked.items()}
    print(
        f"  of the processor's time {busy['status'] - busy['empty']:.1f} s are ours, which other programs hardly change"
    )
    return own


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=3)
    parser.add_argument("--many", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-lab", action="store_true", help="leave the whole lab out")
    options = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as name, FarNodes(Path(name), net=NET, count=options.many) as nodes:
        configure(nodes)
        if scale(nodes, options.few, options.many, options.rounds) > TARGET:
            missed.append("a node of many costs more than it should")
        if hanging(nodes, options.many, 5.0) > HANGING:
            missed.append("nodes that hang cost more than their timeout")
    if not options.no_lab and on_the_lab(options.rounds) > OWN:
        missed.append("the status of the lab takes longer than it should")
    if missed:
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    main()
