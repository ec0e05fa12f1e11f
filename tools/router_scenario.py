# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the molecule scenario ``router`` where it can be run: it makes network namespaces with cables between them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from lab.bgp import programs


def obstacle(environ: Mapping[str, str]) -> str:
    """Return the sentence that says why it cannot be run here, an empty text when it can."""
    found = programs.find(environ)
    if isinstance(found, str):
        return found
    if os.geteuid():
        return "it needs root, because each machine gets a kernel's network of its own"
    trial = subprocess.run([found.unshare, "-n", found.ip, "link", "add", "x", "type", "bridge"], check=False)
    return "" if trial.returncode == 0 else "this machine's kernel gives no namespace with a bridge"


def main() -> int:
    """Run it, or say why not."""
    why = obstacle(os.environ)
    if why:
        print(f"note: the scenario router was not run: {why}")
        return 0
    return subprocess.run(["molecule", "test", "--scenario-name", "router"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
