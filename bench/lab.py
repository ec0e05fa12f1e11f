# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab costs before anything happens on it: to start it, and to let it rest.

    .venv/bin/python bench/lab.py [--rounds 5] [--rest 10]

Prints the seconds of ``python -m lab up`` and their ratio to the peer: two interpreters that only import what the
command and the daemon import, one after the other, which no start can do without. Then the share of one core that all
processes of a lab at rest take, its routing daemon among them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT)]

from lab.process import processes_of  # noqa: E402
from tests.harness.bgp import until  # noqa: E402
from tests.harness.lab import Lab  # noqa: E402

NET = "127.85"
#: Seconds of a start, at most.
START = 5.0
#: The share of one core that a lab at rest may take.
REST = 0.05


def timed_start(lab: Lab) -> float:
    """Return the seconds of one start; the lab stays up."""
    began = time.perf_counter()
    lab.up()
    return time.perf_counter() - began


def timed_imports() -> float:
    """Return the seconds of what no start can do without: the command's imports, and the daemon's."""
    began = time.perf_counter()
    for module in ("lab.cli", "lab.daemon"):
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=CHECKOUT, check=True)
    return time.perf_counter() - began


def processor_seconds(lab: Lab) -> float:
    """Return what all processes of the lab have used so far."""
    ticks = 0
    for pid in processes_of(str(lab.directory.resolve())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def share_at_rest(lab: Lab, seconds: float) -> float:
    """Return the share of one core that the lab takes while nothing happens."""
    until("bgpd runs or cannot", lambda: lab.status()["bgp"].get("problem") or lab.status()["bgp"]["bgpd"]["running"])
    before, moment = processor_seconds(lab), time.monotonic()
    time.sleep(seconds)
    return (processor_seconds(lab) - before) / (time.monotonic() - moment)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest", type=float, default=10)
    given = parser.parse_args()
    starts, imports, share = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.rounds):
            lab = Lab(NET, Path(folder) / str(number))
            try:
                imports.append(timed_imports())
                starts.append(timed_start(lab))
                if number == 0:
                    share = share_at_rest(lab, given.rest)
            finally:
                lab.down()
    start, peer = statistics.median(starts), statistics.median(imports)
    print(f"lab up: {start:.2f} s, at most {START:.0f}; its imports alone: {peer:.2f} s; ratio {start / peer:.2f}")
    print(f"at rest: {100 * share:.1f} % of one core, at most {100 * REST:.0f}")
    missed = [name for name, miss in (("start", start > START), ("rest", share > REST)) if miss]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
