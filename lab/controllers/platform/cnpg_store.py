# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object store as the barman plugin meets it: archives that outlive their Cluster, and the restore from one.

Source: plugin-barman-cloud v0.5.0 ``internal/cnpgi/restore/restore.go`` for the order of its questions and its words.
"""

from __future__ import annotations

import asyncio
import datetime

from ..api import SECRETS, Object
from ..manager import Outcome, World
from . import cnpg_plan as plan
from .state import Archive


def server_name(cluster: Object, plugin: Object) -> str:
    """Return the name under which a plugin archives."""
    return str((plugin.get("parameters") or {}).get("serverName") or cluster["metadata"]["name"])


def store_of(world: World, cluster: Object, plugin: Object) -> Object | None:
    """Return the ObjectStore that a plugin names."""
    name = (plugin.get("parameters") or {}).get("barmanObjectName", "")
    return world.mirrors[plan.OBJECT_STORES].get(cluster["metadata"]["namespace"], name)


def archive_of(world: World, cluster: Object, plugin: Object) -> Archive:
    """Return what a plugin's archive holds; one that nobody has written to is empty."""
    store = store_of(world, cluster, plugin)
    path = str(store["spec"]["configuration"].get("destinationPath", "")) if store is not None else ""
    return world.platform.archives.setdefault((path.rstrip("/"), server_name(cluster, plugin)), Archive())


def store_problem(world: World, cluster: Object, plugin: Object) -> str:
    """Return why the object store of a plugin cannot be used, or ""."""
    namespace = cluster["metadata"]["namespace"]
    store = store_of(world, cluster, plugin)
    if store is None:
        name = (plugin.get("parameters") or {}).get("barmanObjectName", "")
        return f'rpc error: code = Unknown desc = objectstores.barmancloud.cnpg.io "{name}" not found'
    credentials = store["spec"]["configuration"].get("s3Credentials") or {}
    for reference in credentials.values():
        if not isinstance(reference, dict):
            continue
        secret = world.mirrors[SECRETS].get(namespace, reference.get("name", ""))
        if secret is None:
            return f'while getting secret {reference.get("name")}: secrets "{reference.get("name")}" not found'
        if reference.get("key") not in (secret.get("data") or {}):
            return f"missing key {reference.get('key')}, inside secret {reference.get('name')}"
    if cluster["metadata"]["name"] in world.platform.faults.archiving_fails:
        return "unexpected failure invoking barman-cloud-wal-archive: exit status 4"
    return ""


def is_restore(pod: Object) -> bool:
    """Tell whether a pod restores a Cluster."""
    return (pod["metadata"].get("labels") or {}).get(plan.JOB_ROLE) == plan.FULL_RECOVERY


async def restore(world: World, pod: Object) -> Outcome:
    """Do what the container of a recovery's Job does."""
    await asyncio.sleep(world.delays.kubernetes.job)
    meta = pod["metadata"]
    cluster = world.mirrors[plan.CLUSTERS].get(meta["namespace"], meta["labels"]["cnpg.io/cluster"])
    problem = _restore_problem(world, cluster) if cluster is not None else "cluster not found"
    return Outcome(1, f"Error while restoring a backup: {problem}") if problem else Outcome(0, "Restore completed")


def _restore_problem(world: World, cluster: Object) -> str:
    """Return why a Cluster cannot be restored, or "": where it would write is looked at first."""
    recovery = cluster["spec"]["bootstrap"]["recovery"]
    named = {one["name"]: one.get("plugin") or {} for one in cluster["spec"].get("externalClusters") or []}
    if recovery.get("source") not in named:
        return f"missing external cluster: {recovery.get('source')}"
    source = named[recovery["source"]]
    source = {**source, "parameters": {"serverName": recovery["source"], **(source.get("parameters") or {})}}
    own = [one for one in cluster["spec"].get("plugins") or [] if one.get("enabled", True)]
    for plugin in (source, *own):
        if problem := store_problem(world, cluster, plugin):
            return problem
    for plugin in own:
        if archive_of(world, cluster, plugin).written:
            return (
                "rpc error: code = Unknown desc = unexpected failure invoking barman-cloud-wal-archive: exit status 1\n"
                f"ERROR: WAL archive check failed for server {server_name(cluster, plugin)}: Expected empty archive"
            )
    until = (recovery.get("recoveryTarget") or {}).get("targetTime")
    moment = datetime.datetime.fromisoformat(until) if until else datetime.datetime.now(datetime.UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    if not any(end <= moment for end in archive_of(world, cluster, source).backups):
        return "rpc error: code = Unknown desc = no target backup found"
    return ""
