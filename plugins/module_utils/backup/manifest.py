# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup set: one folder of one moment, sealed by a manifest that is written last.

The manifest names every file with its size and SHA-256, and the cluster it is of. A folder without one is a run that
did not end, and nothing is restored from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..common import files
from ..common.errors import InputError

FORMAT = "homeops.cluster/backup/1"
NAME = "manifest.json"
SNAPSHOT = ".snapshot"
BUNDLE = "secrets-bundle.yaml"
_SET = re.compile(r"^(?P<cluster>.+)-(?P<time>\d{8}T\d{6}Z)$")


@dataclass(frozen=True)
class Part:
    """One file of a set; ``path`` is below the set's folder, ``size`` in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a set says of itself.

    :param cluster: the cluster's name; names may be the same, so ``cluster_id`` decides.
    :param cluster_id: ``cluster.id`` of the secrets bundle.
    :param time: when it was sealed, ISO 8601.
    """

    cluster: str
    cluster_id: str
    time: str
    parts: Sequence[Part]

    @property
    def snapshots(self) -> list[str]:
        """The etcd snapshots in it, oldest first."""
        return sorted(part.path for part in self.parts if part.path.endswith(SNAPSHOT))

    def as_json(self) -> str:
        """The file's text."""
        document = {
            "format": FORMAT,
            "cluster": self.cluster,
            "cluster_id": self.cluster_id,
            "time": self.time,
            "files": [vars(part) for part in self.parts],
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def parse(text: str, source: str) -> Manifest:
    """Read a manifest.

    :raises InputError: it is none.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        names = [str(item["path"]) for item in document["files"]]
        if any(os.path.isabs(name) or ".." in name.split("/") for name in names):
            raise ValueError("it names a file outside of its folder")
        return Manifest(
            str(document["cluster"]),
            str(document["cluster_id"]),
            str(document["time"]),
            [Part(str(item["path"]), int(item["size"]), str(item["sha256"])) for item in document["files"]],
        )
    except (ValueError, TypeError, KeyError) as error:
        answer = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError("the manifest of the backup is not usable", target=source, answer=answer) from error


def faults(manifest: Manifest, found: Sequence[Part]) -> list[str]:
    """Return what is not as the manifest says, one sentence per file; files that it does not name do not count."""
    held = {part.path: part for part in found}
    told = []
    for part in manifest.parts:
        mine = held.get(part.path)
        if mine is None:
            told.append(f"{part.path} is missing")
        elif mine.size != part.size:
            told.append(f"{part.path} has {mine.size} bytes instead of {part.size}: it is cut or was changed")
        elif mine.sha256 != part.sha256:
            told.append(f"{part.path} has another SHA-256: it is damaged or was changed")
    return told


def surplus(names: Sequence[str], cluster: str, keep: int) -> list[str]:
    """Return which sets of a cluster are more than ``keep``, oldest first; 0 keeps all, others' never count."""
    mine = sorted(name for name in names if (found := _SET.match(name)) and found["cluster"] == cluster)
    return mine[: max(0, len(mine) - keep)] if keep else []


def look(folder: str) -> list[Part]:
    """Return every file of a set but its manifest, measured.

    :raises InputError: it cannot be read.
    """
    found = []
    try:
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(place, name)
                if path != os.path.join(folder, NAME):
                    with open(path, "rb") as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                        found.append(Part(os.path.relpath(path, folder), os.fstat(file.fileno()).st_size, digest))
    except OSError as error:
        raise InputError(
            "the backup cannot be read", target=error.filename or folder, answer=error.strerror or str(error)
        ) from error
    return found


def seal(folder: str, cluster: str, cluster_id: str) -> Manifest:
    """Write the manifest of a set that is complete, and return it.

    :raises InputError: there is nothing in it, or it cannot be written.
    """
    parts = look(folder)
    if not parts:
        raise InputError("there is nothing to seal", target=folder, param="path")
    manifest = Manifest(cluster, cluster_id, datetime.now(UTC).isoformat(timespec="seconds"), parts)
    try:
        for part in parts:
            os.chmod(os.path.join(folder, part.path), 0o600)
        files.write_private(os.path.join(folder, NAME), manifest.as_json())
    except OSError as error:
        raise InputError(
            "the backup cannot be sealed", target=folder, answer=error.strerror or str(error), param="path"
        ) from error
    return manifest


def opened(folder: str) -> Manifest:
    """Return the manifest of a set after everything it names was verified.

    :raises InputError: there is no manifest, or a file is not as it says.
    """
    path = os.path.join(folder, NAME)
    try:
        manifest = parse(files.read_text(path), path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the folder is no complete backup",
            target=folder,
            answer=f"{NAME}: {getattr(error, 'strerror', None) or 'it is not text'}",
            remedy="Give a folder that backup.yml has made to its end",
            param="path",
        ) from error
    if wrong := faults(manifest, look(folder)):
        raise InputError(
            "the backup is not what was kept",
            target=folder,
            answer="; ".join(wrong),
            remedy="Take another one; nothing was restored from it",
            param="path",
        )
    return manifest


def same_cluster(manifest: Manifest, cluster_id: str, source: str) -> None:
    """Refuse a set of another cluster.

    :raises InputError: the ids differ.
    """
    if manifest.cluster_id != cluster_id:
        raise InputError(
            "the backup is of another cluster",
            target=f"{manifest.cluster}, id {manifest.cluster_id}",
            answer=f"{source} has the id {cluster_id}",
            remedy="Its objects are encrypted and signed with other keys; give a backup of this cluster",
            param="path",
        )
