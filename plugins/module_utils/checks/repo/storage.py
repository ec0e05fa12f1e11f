# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage and backup in a repository: Longhorn, its classes and jobs, PostgreSQL's schedules, buckets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ...model.schema import nearest
from ...repository import limits
from ...repository.objects import Object
from ...repository.spot import Spot, dig, listing, mapping, string, texts
from ...repository.view import Repository
from ..chart_keys_platform import LONGHORN, LONGHORN_PERSISTENCE, LONGHORN_SETTINGS, STORAGE_PARAMETERS
from ..platform import wrong_schedule
from ..registry import ERROR, REPO, WARN, Breach, also, check
from . import usage
from .plan import Plan

_PHASES = ("platform",)
_RUN = "verified by running over the files of a real home-lab"
_DRIVER = "driver.longhorn.io"
_GROUP = "recurring-job-group.longhorn.io/"
_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]*)(?:@[a-z0-9-]+)?/?")


#: Where PostgreSQL's backups say their bucket: path, kind and group.
_DESTINATIONS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("spec", "configuration", "destinationPath"), "ObjectStore", "barmancloud.cnpg.io"),
    (("spec", "backup", "barmanObjectStore", "destinationPath"), "Cluster", "postgresql.cnpg.io"),
)


def _classes(repository: Repository) -> list[Object]:
    return [item for item in repository.of("StorageClass") if item.text("provisioner") == _DRIVER]


@check(
    "STO001",
    ERROR,
    "storage",
    _PHASES,
    rule="Every value for Longhorn is one that the pinned chart reads.",
    why="The chart lets unknown keys pass in silence: the run is green and the setting is missing.",
    broken="defaultSettings.replicaCount: 2",
    right="defaultSettings.defaultReplicaCount: 2",
    ground="verified by running: diff with longhorn v1.10.1 chart",
    scope=REPO,
)
def values(repository: Repository) -> Iterator[Breach]:
    """Keys are known for chart 1.10; for another minor version there is no list, and nothing is found."""
    for use in repository.chart("longhorn"):
        if not re.match(r"v?1\.10\.", use.version):
            continue
        for path, known in (
            ((), LONGHORN),
            (("defaultSettings",), LONGHORN_SETTINGS),
            (("persistence",), LONGHORN_PERSISTENCE),
        ):
            for key in mapping(dig(use.values, *path)):
                if key not in known:
                    name = ".".join((*path, key))
                    close = nearest(key, known) or nearest(f"default{key[:1].upper()}{key[1:]}", known)
                    yield Breach(use.at(*path, key), f"The chart of Longhorn does not read the key {name}.", close)


@check(
    "STO002",
    ERROR,
    "storage",
    _PHASES,
    rule="A disk tag that a StorageClass asks for is on a registered disk.",
    why="No disk takes a replica of its volumes: they stay without one, and their pods never start.",
    broken="diskSelector: ssd, and no disk has the tag ssd",
    right='a disk with path /var/mnt/longhorn-ssd and tags ["ssd"] on each node',
    ground=_RUN,
    scope=REPO,
)
def disk_tags(repository: Repository) -> Iterator[Breach]:
    """Tags are looked for in Longhorn's Node objects, in the annotation default-disks-config of nodes, and in Talos'
    files. A task or script that registers a disk with the tag counts."""
    tags = set(_tags(repository))
    told = "\n".join(command.text for command in repository.commands if "tag" in command.text or "disk" in command.text)
    for item in _classes(repository):
        for tag in filter(None, (part.strip() for part in item.text("parameters", "diskSelector").split(","))):
            if tag not in tags and not re.search(rf"""["'\s\[,]{re.escape(tag)}["'\]\s,]""", told):
                text = f"The class {item.name} asks for disks with the tag {tag}, and none is registered."
                yield Breach(
                    item.at("parameters", "diskSelector"), text, nearest(tag, tags) or f"a disk with tags [{tag}]"
                )


def _tags(repository: Repository) -> Iterator[str]:
    for item in repository.of("Node", "longhorn.io"):
        for disk in item.map("spec", "disks").values():
            yield from map(string, listing(dig(disk, "tags")))
    sources = [item.value for item in repository.of("Node")]
    sources += [document.value for document in repository.talos.talconfigs]
    sources += [fragment.value for fragment in repository.talos.fragments]
    for value in sources:
        for path, text in texts(value):
            if path and isinstance(path[-1], str) and path[-1].endswith("default-disks-config"):
                try:
                    for disk in listing(json.loads(text)):
                        yield from map(string, listing(dig(disk, "tags")))
                except (ValueError, RecursionError):
                    continue


@check(
    "STO003",
    WARN,
    "storage",
    _PHASES,
    rule="Every parameter of a StorageClass of Longhorn is one that it reads.",
    why="An unknown parameter is stored and never looked at.",
    broken="mkfsExt4Parameters; replicaReplenishmentWaitInterval",
    right="mkfsParams; the interval is a setting, not a parameter",
    ground="verified by running: diff with longhorn v1.10.1",
    scope=REPO,
)
def parameters(repository: Repository) -> Iterator[Breach]:
    """Parameters of the CSI sidecars (``csi.storage.k8s.io/...``) are let through."""
    for item in _classes(repository):
        for key in item.map("parameters"):
            if key not in STORAGE_PARAMETERS and not key.startswith("csi.storage.k8s.io/"):
                text = f"Longhorn reads no parameter {key}."
                use = "mkfsParams" if key.startswith("mkfs") else nearest(key, STORAGE_PARAMETERS)
                yield Breach(item.at("parameters", key), text, use)


@check(
    "STO004",
    ERROR,
    "storage",
    _PHASES,
    rule="Every group of a recurring job is on a volume, a claim or a class.",
    why="The job runs on no volume: there is no snapshot and no backup, and nothing tells.",
    broken="group db in a RecurringJob, on no volume",
    right="label recurring-job-group.longhorn.io/db: enabled on the claim",
    ground=_RUN,
    scope=REPO,
)
def job_groups(repository: Repository) -> Iterator[Breach]:
    """The group default is on every volume without a label of its own. Labels inside of values of charts count."""
    used = {"default"}
    for item in repository.objects:
        for path, text in texts(item.value):
            key = path[-1] if path else ""
            if isinstance(key, str) and key.startswith(_GROUP) and text == "enabled":
                used.add(key.removeprefix(_GROUP))
            elif key == "recurringJobSelector":
                try:
                    found = listing(json.loads(text))
                except (ValueError, RecursionError):
                    continue
                used |= {string(dig(entry, "name")) for entry in found if dig(entry, "isGroup") is True}
    told = "\n".join(command.text for command in repository.commands if _GROUP in command.text)
    for item in repository.of("RecurringJob", "longhorn.io"):
        for index, group in enumerate(listing(item.get("spec", "groups"))):
            if string(group) not in used and f"{_GROUP}{group}" not in told:
                text = f"No volume, claim or class is in the group {group} of {item.name}."
                use = nearest(group, used) or f"the label {_GROUP}{group}: enabled"
                yield Breach(item.at("spec", "groups", index), text, use)


@check(
    "STO005",
    ERROR,
    "storage",
    _PHASES,
    rule="The bucket of the backups has one name.",
    why="One of the two does not exist, or nobody looks into it when something has to be restored.",
    broken="longhorn-backups-home-ops and longhorn-backup",
    right="one bucket, a prefix per user",
    ground=_RUN,
    scope=REPO,
)
def one_bucket(repository: Repository) -> Iterator[Breach]:
    """Targets of Longhorn, object stores of CloudNativePG. Buckets whose names have nothing in common are two on
    purpose."""
    found = list(_buckets(repository))[: limits.COMPARED]
    for index, (name, spot) in enumerate(found):
        for known, place in found[:index]:
            if known != name and nearest(name, [known]):
                yield Breach(spot, f"The bucket is {name} here, and {known} in {place.file}.", known)
                break
            if known != name and _related(known, name):
                yield Breach(spot, f"The bucket is {name} here, and {known} in {place.file}.", known)
                break


def _related(one: str, other: str) -> bool:
    """Whether two names begin with the same two words: ``longhorn-backups-home-ops`` and ``longhorn-backup``."""
    left, right = (re.split(r"[-.]", name)[:2] for name in (one, other))
    return len(left) == len(right) == 2 and all(
        a.rstrip("s") == b.rstrip("s") for a, b in zip(left, right, strict=True)
    )


def _buckets(repository: Repository) -> Iterator[tuple[str, Spot]]:
    for use in repository.chart("longhorn"):
        for path in (("defaultBackupStore", "backupTarget"), ("defaultSettings", "backupTarget")):
            match = _S3.match(string(dig(use.values, *path)))
            if match:
                yield match.group(1), use.at(*path)
    for item in repository.of("BackupTarget", "longhorn.io"):
        match = _S3.match(item.text("spec", "backupTargetURL"))
        if match:
            yield match.group(1), item.at("spec", "backupTargetURL")
    for place, kind, group in _DESTINATIONS:
        for item in repository.of(kind, group):
            match = _S3.match(item.text(*place))
            if match:
                yield match.group(1), item.at(*place)


@also("STO006", REPO)
def schedules(repository: Repository) -> Iterator[Breach]:
    """ScheduledBackups; jobs of Longhorn and CronJobs have five fields and are left alone."""
    for item in repository.of("ScheduledBackup", "postgresql.cnpg.io"):
        text, use = wrong_schedule(item.text("spec", "schedule"))
        if text:
            yield Breach(item.at("spec", "schedule"), text, use)


@also("STO007", REPO)
def replicas(repository: Repository) -> Iterator[Breach]:
    """Replicas of the default class are compared with the nodes of talconfig.yaml; a class that a database uses keeps
    its volumes (Retain)."""
    count = Plan(repository).count
    by_name = {item.name: item for item in repository.of("StorageClass")}
    for item in _classes(repository) if count else ():
        text = item.text("parameters", "numberOfReplicas")
        default = item.annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
        if default and text.isdecimal() and len(text) < 4 and int(text) > count:
            spot = item.at("parameters", "numberOfReplicas")
            yield Breach(spot, f"The class {item.name} has {text} replicas, and there are {count} nodes.", str(count))
    for cluster in repository.of("Cluster", "postgresql.cnpg.io"):
        for _path, name in usage.storage_classes(cluster):
            used = by_name.get(name)
            if (
                used is not None
                and used.text("provisioner") == _DRIVER
                and used.text("reclaimPolicy") in ("", "Delete")
            ):
                text = f"{cluster.title} keeps its data in the class {name}, whose reclaimPolicy is Delete."
                yield Breach(used.at("reclaimPolicy"), text, "Retain")
                break
