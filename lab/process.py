# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the lab's processes so that none outlives it, and ending those that did.

Every process of a lab carries the lab's directory in the environment variable :data:`OWNER`, which nothing but the
launcher sets; the kernel kills children with their parent (PR_SET_PDEATHSIG, prctl(2)). What still remains, after the
daemon was killed at an unlucky moment, is found through ``/proc/<pid>/environ`` and ended by pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

OWNER = "HOMEOPS_LAB_OWNER"
_PR_SET_PDEATHSIG = 1
# Loaded at import: between fork and exec nothing may be imported any more.
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> Callable[[], None]:
    """Return the function that a child runs before exec, so that the kernel kills it with the process ``parent``."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(0)

    return prepare


def spawn_detached(arguments: Sequence[str], *, owner: str, log: Path, cwd: Path, extra: Mapping[str, str]) -> int:
    """Start a process in its own session, writing to ``log``, and return its pid; it outlives the caller."""
    environment = {**os.environ, **extra, OWNER: owner}
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    # The caller leaves before the daemon does; an unreaped child is nothing to warn about.
    child.returncode = 0
    return child.pid


async def spawn_child(
    arguments: Sequence[str], *, log: Path, cwd: Path | None = None, extra: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a child of the daemon that writes to ``log`` (0600) and dies with the daemon.

    :param extra: added to the environment.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=cwd,
            env={**os.environ, **(extra or {})},
            preexec_fn=die_with_parent(os.getpid()),
        )
    finally:
        os.close(descriptor)


async def end_child(process: asyncio.subprocess.Process, grace: float = 3.0) -> None:
    """End a child: SIGTERM, and SIGKILL after ``grace`` seconds."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), grace)
    except TimeoutError:
        process.kill()
        await process.wait()


def processes_of(owner: str) -> list[int]:
    """Return the pids of the processes that belong to the lab in the directory ``owner``, this one excepted."""
    wanted = f"{OWNER}={owner}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:  # gone meanwhile, or another user's
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(entry))
    return sorted(found)


def end_processes(owner: str, pids: Iterable[int] | None = None, grace: float = 3.0) -> list[int]:
    """End the processes of the lab ``owner`` (or those of ``pids`` which are its): TERM, then KILL.

    A pid is looked at again through a pidfd before it is signalled, so that a reused pid is never hit.

    :returns: the pids that were ended.
    """
    ended: dict[int, int] = {}
    chosen = processes_of(owner) if pids is None else [p for p in processes_of(owner) if p in set(pids)]
    for pid in chosen:
        try:
            ended[pid] = os.pidfd_open(pid)
        except OSError:
            continue
    still_ours = set(processes_of(owner))
    for number, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        for pid, descriptor in ended.items():
            if pid in still_ours:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
        deadline = time.monotonic() + wait
        while (still_ours := set(processes_of(owner)) & set(ended)) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not still_ours:
            break
    for descriptor in ended.values():
        os.close(descriptor)
    return sorted(ended)


def python() -> str:
    """Return this interpreter."""
    return sys.executable
