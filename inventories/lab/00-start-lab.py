#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory source that starts the lab when it is not running, and says where it is.

The net, the folder and the nodes' addresses are given as plain values, because Ansible compiles a template anew for
every task. Where no lab runs, group_vars derive the addresses from the model.

``HOMEOPS_LAB_AUTOSTART=0`` leaves the lab alone. Only the standard library is imported, because Ansible runs this with
whatever ``python3`` is first in PATH, and every playbook run pays for it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Start the lab if needed and print an inventory of where it is."""
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__)
        return 0
    hosts = running()
    if os.environ.get("HOMEOPS_LAB_AUTOSTART", "1") != "0" and hosts is None:
        problem = start()
        if problem:
            print(problem, file=sys.stderr)
            return 1
        hosts = running()
    doors = {name: {"ansible_host": address} for name, address in (hosts or {}).items()}
    places = {"homeops_lab_net": net(), "homeops_lab_dir": directory()}
    print(json.dumps({"all": {"hosts": list(doors), "vars": places}, "_meta": {"hostvars": doors}}))
    return 0


def directory() -> str:
    """Return the folder of the lab's state."""
    return os.path.expanduser(os.environ.get("HOMEOPS_LAB_DIR") or str(CHECKOUT / ".lab"))


def net() -> str:
    """Return the first half of the lab's addresses."""
    return os.environ.get("HOMEOPS_LAB_NET") or "127.29"


def running() -> dict[str, str] | None:
    """Return the nodes' addresses by name when this lab's daemon answers on the net that is asked for."""
    try:
        descriptor = os.open(directory(), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            # Through the descriptor, because a unix socket's path may have 107 bytes only.
            connection.connect(f"/proc/self/fd/{descriptor}/control.sock")
            connection.sendall(b'{"do": "ping"}\n')
            answer = json.loads(connection.makefile().readline())
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    result = answer.get("result", {})
    return result.get("hosts", {}) if result.get("net") == net() else None


def start() -> str:
    """Start the lab; return the sentence that says why not, or ""."""
    import importlib.util
    import subprocess

    python = sys.executable
    if not importlib.util.find_spec("aiohttp") or not importlib.util.find_spec("grpclib"):
        python = str(CHECKOUT / ".venv" / "bin" / "python")
        if not os.access(python, os.X_OK):
            return (
                f"The lab cannot start: its requirements are not installed for {sys.executable}; run `make demo` once."
            )
    command = [python, "-m", "lab", "up", "--if-needed", "--quiet"]
    result = subprocess.run(  # noqa: S603 (this checkout's own module)
        command, cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines()
        return lines[-1].removeprefix("lab: ") if lines else "The lab did not start; see .lab/logs/daemon.log."
    return ""


if __name__ == "__main__":
    sys.exit(main())
