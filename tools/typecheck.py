# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mypy over the collection, the lab and the tools.

The collection is checked under its real name, ``ansible_collections.homeops.cluster``, which only exists through the
checkout's link to itself: each folder is named through that link.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = "collections/ansible_collections/homeops/cluster"


def targets() -> list[str]:
    """Return the packages and files to check, relative to the checkout."""
    plugins = [f"{LINK}/{path.relative_to(ROOT)}" for path in sorted((ROOT / "plugins").rglob("*.py"))]
    others = [name for name in ("lab", "tools", "bench") if any((ROOT / name).rglob("*.py"))]
    return [*plugins, *others]


def main() -> int:
    """Run mypy, with the settings of ``pyproject.toml``."""
    return subprocess.run([sys.executable, "-m", "mypy", *targets()], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
