# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve ``requirements*.txt`` anew and write the whole answer, every distribution pinned, to ``constraints.txt``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = ("requirements.txt", "requirements-lab.txt", "requirements-test.txt")
HEADER = """\
# Every distribution of requirements*.txt and what they need, pinned. Written by `make constraints`.
"""


def pinned(report: dict[str, Any]) -> list[str]:
    """Return ``name==version`` lines, sorted, from pip's installation report (format version 1)."""
    found = {item["metadata"]["name"].lower(): item["metadata"] for item in report["install"]}
    return [f"{found[name]['name']}=={found[name]['version']}" for name in sorted(found)]


def main() -> int:
    """Ask pip for the resolution and write it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    for name in FILES:
        command += ["-r", name]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(pinned(json.loads(answer.stdout))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
