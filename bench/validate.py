# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to judge a GitOps repository, and whether it is right about it.

A repository of 600 files is made with 30 faults of all areas in it. Each round reads and judges it in a process of its
own, as a user would; printed are what was found, what was found beside it (false alarms), the seconds and the peak of
resident memory, and the same for the repository without faults. Exit code 1 when a fault is missed, when there is a
false alarm, or when the median is not under the limit of ``--limit`` seconds (0: no limit).

    python bench/validate.py [--files 600] [--rounds 5] [--limit 0]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "collections"), str(CHECKOUT)]

from tests.harness import gitops_large  # noqa: E402
from tests.harness.gitops_edits import write  # noqa: E402

#: So many wrong answers are printed.
_SHOWN = 20


def once(path: str) -> dict[str, Any]:
    """Read and judge one repository in this process."""
    start = time.perf_counter()
    from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
    from ansible_collections.homeops.cluster.plugins.module_utils.repository import view

    imported = time.perf_counter()
    report = engine.run_checks(engine.Case(repository=view.read(path)))
    return {
        "import": imported - start,
        "seconds": time.perf_counter() - imported,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "checks": len(report.ran),
        "found": sorted({(finding.id, finding.file) for finding in report.findings}),
    }


def measured(path: Path, rounds: int) -> list[dict[str, Any]]:
    """Judge a repository in ``rounds`` processes."""
    command = [sys.executable, __file__, "--once", str(path)]
    return [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _round in range(rounds)
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="judge a made repository")
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=0.0, help="seconds that the median must stay under; 0 for none")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once(options.once)))
        return 0
    wrong = 0
    for name, tree, wanted in (
        ("with faults", gitops_large.seeded(options.files), gitops_large.expected()),
        ("without", gitops_large.tree(options.files), []),
    ):
        with tempfile.TemporaryDirectory() as folder:
            write(tree, Path(folder))
            rounds = measured(Path(folder), options.rounds)
        found = {tuple(item) for item in rounds[0]["found"]}
        hits, alarms = found & set(wanted), sorted(found - set(wanted))
        seconds = statistics.median(item["seconds"] for item in rounds)
        spread = f"{min(item['seconds'] for item in rounds):.2f} to {max(item['seconds'] for item in rounds):.2f}"
        print(
            f"{name}: {len(tree)} files, {rounds[0]['checks']} checks: {len(hits)} of {len(wanted)} faults found, "
            f"{len(alarms)} false alarms; {seconds:.2f} s (median of {len(rounds)}, {spread}) and "
            f"{statistics.median(item['import'] for item in rounds):.2f} s to import, "
            f"peak {max(item['megabytes'] for item in rounds):.0f} MB"
        )
        for item in [*sorted(set(wanted) - found), *alarms][:_SHOWN]:
            print(f"  {'false alarm' if item in alarms else 'missed'}: {' '.join(item)}")
        wrong += len(hits) < len(wanted) or bool(alarms) or 0 < options.limit <= seconds
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
