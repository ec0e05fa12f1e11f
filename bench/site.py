# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long ``site.yml`` takes of our own time: cold, and when there is nothing to do.

The peer in the same run is an ``ansible-playbook`` that does nothing: what Ansible costs before any of our code
is reached; what the platform adds to the run with nothing to do is the difference to one that leaves its phases out.
The lab declares how long its hardware takes (installing, booting, joining etcd, ...); that time is not ours and is
taken off the cold run.

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
PLATFORM_BOUND = 10.0
#: The phases that the platform brings.
PLATFORM = "gitops,secrets,platform"


def measure(rounds: int) -> dict[str, list[float]]:
    """Return seconds per round and kind of run; every round begins with bare nodes."""
    quiet = {"no-op": [], "no-op without the platform": ["--skip-tags", PLATFORM], "no-op, -t cni": ["-t", "cni"]}
    seconds: dict[str, list[float]] = {kind: [] for kind in ("empty", "cold", "cold, own time", *quiet)}
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
                for kind, arguments in quiet.items():
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
    middle = {kind: statistics.median(taken) for kind, taken in seconds.items()}
    for kind, taken in seconds.items():
        print(f"{kind:28} {middle[kind]:9.1f} {min(taken):7.1f} {max(taken):7.1f} {middle[kind] / empty:8.1f}")
    promises = (
        ("own time of a cold run", middle["cold, own time"], COLD_BOUND),
        ("a no-op run", middle["no-op"], QUIET_BOUND),
        ("the platform's part of it", middle["no-op"] - middle["no-op without the platform"], PLATFORM_BOUND),
    )
    for what, found, bound in promises:
        print(f"{what}: {found:.1f} s, promised at most {bound:.0f} s; {'reached' if found <= bound else 'missed'}")
    print(f"checkout: {CHECKOUT.name}, rounds: {len(seconds['empty'])}")
    sys.exit(0 if all(found <= bound for _what, found, bound in promises) else 1)


if __name__ == "__main__":
    main()
