# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the controller, never half written; those with secrets are readable by their owner only."""

from __future__ import annotations

import errno
import os
import tempfile


def read_text(path: str) -> str:
    """Return a file's text; the plain reader, see ``Context.read_text``.

    :raises OSError: FileNotFoundError among others.
    """
    with open(os.path.expanduser(path), encoding="utf-8") as file:
        return file.read()


def write_private(path: str, text: str) -> None:
    """Write or replace a file in one step, mode 0600; missing parent folders are made with mode 0700."""
    path, temporary = _prepared(path, text)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _keep(path)


def write_shared(path: str, text: str) -> None:
    """Write or replace a file without secrets in one step, mode 0644; missing parent folders are made."""
    os.makedirs(os.path.dirname(os.path.abspath(os.path.expanduser(path))), exist_ok=True)
    path, temporary = _prepared(path, text)
    try:
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _keep(path)


def create_private(path: str, text: str) -> None:
    """Write a file that must not exist, in one step, mode 0600.

    :raises FileExistsError: it exists; it is left as it is.
    """
    path, temporary = _prepared(path, text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        # No hard links here (some network and FAT file systems): exclusive all the same, only not in one step.
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    finally:
        os.unlink(temporary)
    _keep(path)


def _prepared(path: str, text: str) -> tuple[str, str]:
    """Return the full path and a complete, synced temporary file beside it."""
    path = os.path.abspath(os.path.expanduser(path))
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(temporary)
        raise
    return path, temporary


def _keep(path: str) -> None:
    """Make the new directory entry survive a power cut, where the platform can."""
    try:
        handle = os.open(os.path.dirname(path), os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
