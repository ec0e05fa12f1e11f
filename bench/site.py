# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long ``site.yml`` takes of our own time: cold, and when there is nothing to do.

The peer in the same run is an ``ansible-playbook`` that does nothing: what Ansible costs before any of our code
is reached. The lab declares how long its hardware takes (installing, booting, joining etcd, ...); that time is not ours
and is taken off the cold run.

    python bench/site.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.harness.lab import CHECKOUT, Lab

#: What the project promises on two cores, in seconds.
COLD_BOUND = 60.0
QUIET_BOUND = 15.0


def measure(rounds: int) -> dict[str, list[float]]:
    """Return seconds per round and kind of run; every round begins with bare nodes."""
    seconds: dict[str, list[float]] = {"empty": [], "cold": [], "cold, own time": [], "no-op": [], "no-op, -t cni": []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="homeops-bench-") as directory:
            empty = Path(directory) / "empty.yml"
            empty.write_text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n", encoding="utf-8")
            lab = Lab("127.81", Path(directory))
            lab.up()
            try:
                declared = float(lab.status()["delays"]["cold_run"]["total"])
                seconds["empty"].append(lab.play(playbook=str(empty)).seconds)
                cold = lab.play()
                if cold.rc:
                    raise SystemExit(f"The cold run failed:\n{cold.output}")
                seconds["cold"].append(cold.seconds)
                seconds["cold, own time"].append(cold.seconds - declared)
                for kind, arguments in (("no-op", []), ("no-op, -t cni", ["-t", "cni"])):
                    run = lab.play(*arguments)
                    if run.rc or run.changed:
                        raise SystemExit(f"A run with nothing to do failed or changed something:\n{run.output}")
                    seconds[kind].append(run.seconds)
            finally:
                lab.down()
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return seconds


def main() -> None:
    """Measure and print one table; the ratios are to the empty playbook."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    seconds = measure(parser.parse_args().rounds)
    empty = statistics.median(seconds["empty"])
    print(f"{'whole ansible-playbook run':28} {'median s':>9} {'min':>7} {'max':>7} {'x empty':>8}")
    for kind, taken in seconds.items():
        middle = statistics.median(taken)
        print(f"{kind:28} {middle:9.1f} {min(taken):7.1f} {max(taken):7.1f} {middle / empty:8.1f}")
    print(f"promised: own time of a cold run at most {COLD_BOUND:.0f} s, a no-op run at most {QUIET_BOUND:.0f} s")
    print(f"checkout: {CHECKOUT.name}, rounds: {len(seconds['empty'])}")


if __name__ == "__main__":
    main()
