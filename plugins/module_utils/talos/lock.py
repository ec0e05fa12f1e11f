# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reboot at a time: a lock between processes, held until the node is back.

Ansible's forks are processes of their own, so two hosts of one play would else reboot at once. A lock file per cluster
in a directory of our own; the kernel drops the lock with its holder, so nothing can be left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator

from ..common.context import Context
from ..common.errors import InputError
from ..common.wait import Observation, wait_until


def default_directory() -> str:
    """Return the directory of the locks: below the user's runtime directory, else below the temporary one."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        return os.path.join(runtime, "homeops-locks")
    return os.path.join(tempfile.gettempdir(), f"homeops-locks-{os.getuid()}")


def _prepare(directory: str) -> None:
    """Make the directory, or refuse one in which somebody else could put files.

    :raises InputError: it is a link, not ours, or open to others.
    """
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        found = os.lstat(directory)
    except OSError as error:
        raise InputError(
            "the directory of the locks cannot be made", target=directory, answer=str(error), param="lock_dir"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise InputError(
            "the directory of the locks is not ours alone",
            target=directory,
            remedy="Give a lock_dir which belongs to you with mode 0700",
            param="lock_dir",
        )


@contextlib.contextmanager
def cluster_lock(
    cluster: str, holder: str, *, directory: str | None, timeout: float, ctx: Context, interval: float = 0.2
) -> Iterator[None]:
    """Hold the cluster's lock, waiting for it.

    :param cluster: what names the cluster; only a digest of it is used.
    :param holder: who asks, for the message of those who wait.
    :param timeout: seconds.
    :raises WaitTimeout: another process has it all the time; the message names its holder.
    """
    place = os.path.expanduser(directory) if directory else default_directory()
    _prepare(place)
    path = os.path.join(place, hashlib.sha256(cluster.encode()).hexdigest()[:16] + ".lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def look() -> Observation[None]:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Observation(False, f"held for {_holder(handle)}")
        return Observation(True, "free")

    try:
        wait_until(
            look,
            what="the lock of the cluster (one node at a time)",
            target=path,
            timeout=timeout,
            ctx=ctx,
            interval=interval,
            remedy="Wait for the other run, or raise wait_timeout",
        )
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace") or "another node"
