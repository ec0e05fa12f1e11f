# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of the demo's playbook: without a router's daemons or namespaces phase ``bgp`` has nothing to talk to.

Without it no address is given out, so what waits for the ingress' address stays away as well.
"""

from __future__ import annotations

import json
import subprocess
import sys


def arguments(status: dict[str, dict[str, object]]) -> list[str]:
    """Return what ``ansible-playbook`` must be told, from what the lab says of itself."""
    if status["bgp"]["available"]:
        return []
    return ["--skip-tags", "bgp,platform,identity", "-e", "service_status_fail_on=never"]


def main() -> None:
    """Ask the running lab and print the arguments; the reason goes to stderr."""
    answer = subprocess.run(
        [sys.executable, "-m", "lab", "status", "--json"], check=True, capture_output=True, text=True
    )
    status = json.loads(answer.stdout)
    if found := arguments(status):
        print(f"  demo · without BGP: {status['bgp']['problem']}", file=sys.stderr)
        print(" ".join(found))


if __name__ == "__main__":
    main()
