# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps its state, and on which addresses it answers.

One lab is one directory (``HOMEOPS_LAB_DIR``, default ``.lab`` in the checkout) and one loopback net
(``HOMEOPS_LAB_NET``, default ``127.29``). The directory is private (0700, files 0600), carries a mark that it is ours,
and is gone after ``down``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_NET = "127.29"
HOME_NET = "172.29"
"""The first two numbers of every address of the home; a lab replaces them by its own net."""
MARK = ".homeops-lab"
_SHORT = 60


class LabError(Exception):
    """The lab cannot do what was asked; the message is one sentence for the user."""


@dataclass(frozen=True)
class LabState:
    """One lab's directory.

    :param root: the absolute, resolved directory; it identifies the lab.
    """

    root: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> LabState:
        """Return the lab that the environment names (it need not exist)."""
        env = os.environ if environ is None else environ
        return cls(Path(env.get("HOMEOPS_LAB_DIR") or CHECKOUT / ".lab").expanduser().resolve())

    @property
    def logs(self) -> Path:
        """Directory of the logs."""
        return self.root / "logs"

    @property
    def kubernetes(self) -> Path:
        """Directory of the Kubernetes backend: certificates, keys, etcd data. Dropped when the cluster is reset."""
        return self.root / "kubernetes"

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.root / "control.sock"

    @property
    def failure(self) -> Path:
        """The sentence that the daemon left when it could not start."""
        return self.root / "failure"

    @property
    def record(self) -> Path:
        """What runs: pid, net and scenario of the daemon, as JSON."""
        return self.root / "lab.json"

    def exists(self) -> bool:
        """Tell whether the directory is there and is a lab's."""
        return (self.root / MARK).is_file()

    def create(self) -> None:
        """Make the directory, or take an existing lab directory or an empty one.

        :raises LabError: when the directory holds anything that is not a lab's, or cannot be written.
        :raises FileNotFoundError: when it is removed at the same moment.
        """
        if self.root.is_dir() and not self.exists() and any(self.root.iterdir()):
            raise LabError(
                f"{self.root} is not empty and is not a lab's directory; point HOMEOPS_LAB_DIR at a new directory."
            )
        try:
            for path in (self.root, self.logs):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.chmod(0o700)
            self.write(self.root / MARK, "This directory belongs to a lab of homeops.cluster; `down` removes it.\n")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise LabError(f"The lab's directory {self.root} cannot be written: {error.strerror}.") from error

    def short_directory(self, name: str) -> Path:
        """Return the directory ``name`` of the lab, or a link's target in the temporary directory when that is long.

        Programs that open unix sockets by path have 107 bytes for it (unix(7)) and some cut a longer one silently.
        """
        path = self.root / name
        if len(os.fsencode(path)) <= _SHORT:
            path.mkdir(mode=0o700, exist_ok=True)
            return path
        if not path.is_symlink() or not path.resolve().is_dir():
            path.unlink(missing_ok=True)
            target = Path(tempfile.mkdtemp(prefix="homeops-lab-", dir="/tmp"))
            (target / MARK).touch()
            path.symlink_to(target)
        return path.resolve()

    def write(self, path: Path, text: str) -> None:
        """Write a private file at once: whoever reads it sees the old text or the new one."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)

    def read_record(self) -> dict[str, Any]:
        """Return what the daemon wrote about itself, or an empty mapping."""
        try:
            return json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def remove(self) -> None:
        """Remove the directory with all it holds; a directory that is not a lab's stays.

        The mark goes last: a lab that is started meanwhile finds a lab's directory, or an empty one, or none.
        """
        if not self.exists():
            return
        for path in self.root.iterdir():
            if path.name == MARK:
                continue
            if path.is_symlink() and (path / MARK).is_file():  # a directory of ours, elsewhere
                shutil.rmtree(path.resolve(), ignore_errors=True)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (self.root / MARK).unlink()
            self.root.rmdir()

    @contextmanager
    def lock(self, name: str, timeout: float = 60.0, *, make: bool = True) -> Iterator[None]:
        """Hold the lab's lock ``name`` against other processes.

        The lock dies with its holder. A lock file whose directory was removed meanwhile is not a lock: try anew.

        :param make: make the directory when it is not there.
        :raises LabError: when another process holds it longer than ``timeout`` seconds, or the directory is not there.
        """
        deadline = time.monotonic() + timeout
        while True:
            path = self.root / name
            try:
                if not make and not self.exists():
                    raise LabError(f"The lab in {self.root} was taken down while it was starting.")
                self.create()
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # removed at this moment
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.exists() and os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                    break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise LabError(f"Another process has held {path} for {timeout:.0f} s; try again.") from None
                time.sleep(0.05)
            os.close(descriptor)
        try:
            yield
        finally:
            os.close(descriptor)


def lab_net(environ: Mapping[str, str] | None = None) -> str:
    """Return the lab's net, the first two numbers of its loopback addresses.

    :raises LabError: when ``HOMEOPS_LAB_NET`` is not ``127.<0-255>``: the lab answers on loopback only.
    """
    net = (os.environ if environ is None else environ).get("HOMEOPS_LAB_NET") or DEFAULT_NET
    match = re.fullmatch(r"127\.(\d{1,3})", net)
    if not match or int(match.group(1)) > 255:
        raise LabError(f"HOMEOPS_LAB_NET must be 127.<0-255>, such as {DEFAULT_NET}, not {net!r}.")
    return net


def door_address(address: str, net: str) -> str:
    """Return the loopback address on which the lab answers for the home's ``address``.

    >>> door_address("172.29.51.10", "127.31")
    '127.31.51.10'
    """
    head, dot, rest = address.partition(f"{HOME_NET}.")
    return f"{net}.{rest}" if dot and not head else address
