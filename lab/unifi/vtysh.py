# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vtysh`` on the router, as a command over SSH would reach it.

``python lab/unifi/vtysh.py [--dir LAB] -c 'show bgp summary json'`` becomes the real vtysh on the lab's bgpd: same
output, same exit code. It stands alone, so that it starts fast and works from any directory.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parents[2]


def main(words: list[str]) -> int:
    """Find the lab's bgpd and become vtysh; return the exit code of ssh or the shell when that cannot be."""
    directory = os.environ.get("HOMEOPS_LAB_DIR") or str(CHECKOUT / ".lab")
    if len(words) >= 2 and words[0] == "--dir":
        directory, words = words[1], words[2:]
    try:
        route = json.loads((Path(directory).expanduser() / "router.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        route = {"fault": "ssh_unreachable"}
    if route["fault"] == "ssh_unreachable":
        print("ssh: connect to host 172.29.51.1 port 22: Connection timed out", file=sys.stderr)
        return 255
    if route["fault"] or not route["vtysh"]:
        print("sh: 1: vtysh: not found", file=sys.stderr)
        return 127
    place = ["--vty_socket", route["vty_socket"], "--config_dir", route["config_dir"]]
    if not (Path(route["vty_socket"]) / "zebra.vty").exists():
        place += ["-d", "bgpd"]  # saves a look for every other daemon of FRR
    return become(route["vtysh"], ["vtysh", *place, *words])


def become(program: str, arguments: list[str]) -> NoReturn:
    """Replace this process; no shell reads the words, which are the user's own."""
    os.execv(program, arguments)  # noqa: S606


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
