# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One private network namespace with the home's addresses, and no way out of it.

A holder process keeps it: ``unshare -Urn`` for an ordinary user, ``unshare -n`` for root. Everything else enters with
``nsenter``, which replaces itself, so that a daemon's pid is its child's pid and PR_SET_PDEATHSIG reaches it. Nothing
but ``lo`` exists inside, therefore no packet can leave.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from .. import process
from ..state import LabError
from .addresses import all_addresses
from .programs import Programs

READY_TIMEOUT = 5.0


class Namespace:
    """The namespace of one lab.

    :param directory: a short private directory for its files; :param log: where the holder writes.
    """

    def __init__(self, programs: Programs, directory: Path, log: Path) -> None:
        self.programs, self.directory, self.log = programs, directory, log
        self.holder: asyncio.subprocess.Process | None = None
        self._user = False

    async def start(self) -> None:
        """Make it.

        :raises LabError: when this user may not make namespaces.
        """
        # Root of a container may lack what `unshare -n` needs, and have user namespaces.
        ways = [["-U", "-r"]] if os.geteuid() else [[], ["-U", "-r"]]
        for flags in ways:
            self._user = bool(flags)
            if await self._try([*flags, "-n"]):
                return
        raise LabError(self._refusal())

    async def _try(self, flags: list[str]) -> bool:
        """Start a holder; False when it did not get there."""
        ready = self.directory / "ready"
        ready.unlink(missing_ok=True)
        lines = [f"{self.programs.ip} link set lo up"]
        for address in all_addresses():
            nodad = " nodad" if ":" in address else ""
            lines.append(f"{self.programs.ip} addr add {address} dev lo{nodad}")
        script = f"set -e\n{chr(10).join(lines)}\n: >'{ready}'\nexec sleep infinity\n"
        holder = await process.spawn_child([self.programs.unshare, *flags, "sh", "-c", script], log=self.log)
        deadline = time.monotonic() + READY_TIMEOUT
        while not ready.exists():
            if holder.returncode is not None or time.monotonic() > deadline:
                await process.end_child(holder)
                return False
            await asyncio.sleep(0.01)
        self.holder = holder
        return True

    def _refusal(self) -> str:
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            text = []
        reason = text[-1].strip() if text else "no answer"
        return (
            f"The lab runs without BGP, because this user may not make a network namespace ({reason}): allow it with "
            f"'sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0' or run "
            f"the lab as root."
        )

    def enter(self, *command: str) -> list[str]:
        """Return the command line that runs ``command`` inside."""
        if self.holder is None:
            raise LabError("The BGP namespace is not there.")
        pid = str(self.holder.pid)
        user = ["-U", "--preserve-credentials"] if self._user else []
        return [self.programs.nsenter, "-t", pid, *user, "-n", *command]

    async def stop(self) -> None:
        """Let it go; it vanishes with its last process."""
        if self.holder is not None:
            await process.end_child(self.holder)
            self.holder = None
