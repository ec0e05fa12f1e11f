# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs of the platform share, and how each finds out whether it runs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from ...authority import Authority
from ...scenario import PlatformFaults
from ..api import Object

PUBLIC_CA, STAGING_CA = "Lab Public Root", "(STAGING) Lab Public Root"


@dataclass(frozen=True)
class Trouble:
    """Why the pods of a Deployment are not ready; ``reason`` empty: they run and say that they are not."""

    message: str
    reason: str = ""
    restarts: int = 0


@dataclass
class Archive:
    """What PostgreSQL has left in an object store under one name.

    :param written: a log file is there; :param backups: when each base backup ended.
    """

    written: bool = False
    backups: list[datetime.datetime] = field(default_factory=list)


@dataclass
class Platform:
    """What the programs share.

    :param doors: where the lab answers for an outside host: ``https://172.29.51.1`` -> ``https://127.29.51.1:8443``.
    :param public: the certificate authority that browsers would trust; :param staging: the one that they would not.
    :param trouble: Deployments, by namespace and name, whose programs do not get on.
    :param unattachable: claims whose volumes cannot be attached, and the words for it.
    :param archives: PostgreSQL's, by the path in the bucket and the name of the server; they outlive their Cluster.
    """

    faults: PlatformFaults = field(default_factory=PlatformFaults)
    doors: dict[str, str] = field(default_factory=dict)
    public: Authority = field(default_factory=lambda: Authority(PUBLIC_CA))
    staging: Authority = field(default_factory=lambda: Authority(STAGING_CA))
    trouble: dict[tuple[str, str], Trouble] = field(default_factory=dict)
    unattachable: dict[tuple[str, str], str] = field(default_factory=dict)
    archives: dict[tuple[str, str], Archive] = field(default_factory=dict)

    def set_trouble(self, key: tuple[str, str], trouble: Trouble | None) -> bool:
        """Note or take back the trouble of a Deployment; tell whether that changed anything."""
        if self.trouble.get(key) == trouble:
            return False
        if trouble is None:
            del self.trouble[key]
        else:
            self.trouble[key] = trouble
        return True

    def door(self, url: str) -> str:
        """Return where the lab answers for a URL; a URL that nobody answers for leads nowhere."""
        parts = urlsplit(url)
        found = self.doors.get(f"{parts.scheme}://{parts.netloc}")
        if found is None:
            raise OSError(
                f"dial tcp: lookup {parts.netloc}: no such host (the lab answers for {', '.join(self.doors)})"
            )
        target = urlsplit(found)
        return urlunsplit((target.scheme, target.netloc, parts.path, parts.query, ""))


def image_name(image: str) -> str:
    """Return the repository of an image without registry defaults: no tag, no digest."""
    name = image.partition("@")[0]
    head, _unused, tail = name.rpartition("/")
    return f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]


def container_of(workload: Object, image: str) -> Object | None:
    """Return the container of a workload that runs the image (its repository ends with ``image``)."""
    for container in workload["spec"]["template"]["spec"].get("containers") or []:
        name = image_name(container["image"])
        if name == image or name.endswith(f"/{image}"):
            return container
    return None


def is_available(workload: Object) -> bool:
    """Tell whether a Deployment or DaemonSet does its work."""
    status = workload.get("status") or {}
    if workload["metadata"].get("deletionTimestamp"):
        return False
    if "numberReady" in status:
        return bool(status["numberReady"])
    return any(c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions") or [])


def installed(workloads: Iterable[Object], image: str) -> list[Object]:
    """Return the workloads of the image, available or not."""
    return [w for w in workloads if container_of(w, image) is not None]


def running(workloads: Iterable[Object], image: str) -> list[Object]:
    """Return the workloads of the image that are available."""
    return [w for w in installed(workloads, image) if is_available(w)]
