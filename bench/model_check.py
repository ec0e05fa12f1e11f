# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the preflight takes to judge the home's model, the start of Ansible aside.

Each round is a process of its own that imports and runs the checks once. Exit code 1 when the median is not under
``--limit`` seconds, or when the model that ships is not without findings.

    python bench/model_check.py [--rounds 7] [--limit 0.5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "collections"), str(CHECKOUT)]
GROUPS = {"all": ["localhost"], "controller": ["localhost"], "control_plane": ["mini01", "mini02", "mini03"]}


def once() -> dict[str, Any]:
    """Judge the home's model in this process."""
    import yaml

    start = time.perf_counter()
    from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
    from ansible_collections.homeops.cluster.plugins.module_utils.model import shape
    from ansible_collections.homeops.cluster.plugins.module_utils.model.world import World

    imported = time.perf_counter() - start
    variables: dict[str, Any] = {}
    for file in sorted((CHECKOUT / "inventories/home/group_vars/all").glob("*.yml")):
        variables |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    model = {subject: variables[f"homeops_{subject}"] for subject in shape.MODEL.need}
    start = time.perf_counter()
    report = engine.run_checks(World(model, GROUPS))
    return {
        "import": imported,
        "seconds": time.perf_counter() - start,
        "checks": len(report.ran),
        "findings": len(report.findings),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="judge the home's model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=float, default=0.5, help="seconds that the median must stay under")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once()))
        return 0
    command = [sys.executable, __file__, "--once"]
    rounds = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _round in range(options.rounds)
    ]
    whole = [item["import"] + item["seconds"] for item in rounds]
    seconds, findings = statistics.median(whole), max(item["findings"] for item in rounds)
    spread = f"{min(whole):.2f} to {max(whole):.2f}"
    print(
        f"model: {rounds[0]['checks']} checks, {findings} findings; {seconds:.2f} s with imports (median of "
        f"{len(rounds)}, {spread}), {statistics.median(item['seconds'] for item in rounds):.2f} s without; "
        f"limit {options.limit} s"
    )
    return 1 if findings or seconds >= options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
