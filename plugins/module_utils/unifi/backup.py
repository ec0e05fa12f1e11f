# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configurations that were replaced, kept as files.

One file per replacement, named by site, time and checksum. It holds the whole object, so that nothing is missing when
it is put back, and with it the passwords in the text: it is readable by its owner only.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from ..common import files
from ..common.errors import InputError
from .bgp_config import Stored, checksum

FORMAT = "homeops.cluster/udm-bgp-backup/1"


def write(
    folder: str,
    host: str,
    site: str,
    stored: Stored,
    clock: Callable[[], float] = time.time,
    *,
    by_restore: bool = False,
) -> str:
    """Write what a console held and return the file's path; two in one second get two names.

    :param by_restore: a restore replaces it, so it is what somebody wanted to get away from.
    """
    now = clock()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    name = f"{site}-{stamp}-{stored.checksum[:12]}"
    document = {
        "format": FORMAT,
        "host": host,
        "site": site,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "sha256": stored.checksum,
        "by_restore": by_restore,
        "object": stored.document,
    }
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    for number in range(1000):
        path = os.path.join(os.path.expanduser(folder), f"{name}{f'-{number}' if number else ''}.json")
        try:
            files.create_private(path, text)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                "the configuration that would be replaced cannot be kept",
                target=path,
                answer=error.strerror or str(error),
                remedy="Nothing was changed. Give a directory that can be written",
                param="backup_dir",
            ) from error
        return path
    raise InputError("there are a thousand backups of this second", target=folder, param="backup_dir")


def read(path: str, read_text: Callable[[str], str] = files.read_text) -> tuple[dict[str, Any], Stored]:
    """Return a backup's own facts and what it holds, its checksum verified.

    :raises InputError: it cannot be read, is no backup, or was changed.
    """
    try:
        document = json.loads(read_text(path))
    except OSError as error:
        raise InputError(
            "the backup cannot be read", target=path, answer=error.strerror or str(error), param="src"
        ) from error
    except ValueError as error:
        raise InputError("the backup is no JSON", target=path, answer=str(error), param="src") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(
            "the file is no backup of a router's BGP configuration",
            target=path,
            remedy="Backups are the .json files in the backup_dir of udm_bgp_peer",
            param="src",
        )
    held = document.get("object")
    stored = Stored(held if isinstance(held, dict) else None)
    if checksum(stored.text) != document.get("sha256"):
        raise InputError(
            "the backup was changed since it was written",
            target=path,
            answer="its text does not have the checksum that is written beside it",
            remedy="Take another backup, or upload the text by hand after reading it",
            param="src",
        )
    return {key: value for key, value in document.items() if key != "object"}, stored


def newest(folder: str) -> str:
    """Return the newest backup of a folder that no restore wrote, or the newest file that is none, to be told of.

    What a restore replaced is kept too, but to put it back would undo the restore: it has to be named.

    :raises InputError: there is none.
    """
    for path in reversed(listed(folder)):
        try:
            about, _stored = read(path)
        except InputError:
            return path
        if not about.get("by_restore"):
            return path
    raise InputError(
        "the directory holds no backup",
        target=folder,
        answer="apart from what a restore has replaced" if listed(folder) else "",
        remedy="Name the file that is meant",
        param="src",
    )


def listed(folder: str) -> list[str]:
    """Return the backups of a folder, newest last."""
    try:
        names = os.listdir(os.path.expanduser(folder))
    except OSError:
        return []
    paths = [os.path.join(os.path.expanduser(folder), name) for name in names if name.endswith(".json")]
    return sorted(paths, key=lambda path: (os.stat(path).st_mtime_ns, path))
