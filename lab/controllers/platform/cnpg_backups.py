# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of CloudNativePG: schedules make them, the barman plugin carries them out and keeps their window."""

from __future__ import annotations

import datetime
import time
from typing import ClassVar

from ..api import DEPLOYMENTS, Object, Resource
from ..base import Memory, merge_conditions, owner_reference, timestamp
from ..manager import World
from . import cnpg_plan as plan, cnpg_store
from .cnpg import IMAGE, CloudNativePg
from .cnpg_plan import CLUSTERS, OBJECT_STORES
from .state import running

BACKUPS = Resource("postgresql.cnpg.io/v1", "backups", "Backup")
SCHEDULES = Resource("postgresql.cnpg.io/v1", "scheduledbackups", "ScheduledBackup")
DONE = ("completed", "failed")


class CloudNativePgBackups(CloudNativePg):
    """Looks at the same objects; keeps to backups."""

    watches: ClassVar[tuple[Resource, ...]] = (*CloudNativePg.watches, BACKUPS, SCHEDULES)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._begun = Memory()

    async def reconcile(self) -> None:
        """Make the backups that are due, and carry out those that wait."""
        if not running(self.mirror(DEPLOYMENTS), IMAGE):
            return
        for schedule in self.mirror(SCHEDULES):
            await self._schedule(schedule)
        waiting = [b for b in self.mirror(BACKUPS) if (b.get("status") or {}).get("phase") not in DONE]
        self._begun.keep(b["metadata"]["uid"] for b in waiting)
        for backup in waiting:
            await self._carry_out(backup)

    async def _schedule(self, schedule: Object) -> None:
        spec, old, meta = schedule["spec"], schedule.get("status") or {}, schedule["metadata"]
        if spec.get("suspend"):
            return
        now = datetime.datetime.now(datetime.UTC)
        following = plan.next_run(spec["schedule"], now)
        known = old.get("nextScheduleTime")
        moment = datetime.datetime.fromisoformat(known) if known else None
        if (spec.get("immediate") and not old.get("lastCheckTime")) or (moment is not None and now >= moment):
            name = f"{meta['name']}-{now.strftime('%Y%m%d%H%M%S')}"
            await self._backup(schedule, name)
            old = {**old, "lastScheduleTime": timestamp()}
            moment = None
        if moment is None and following is not None:
            moment = following
        if moment is not None:
            self.due(time.monotonic(), max(0.1, (moment - now).total_seconds()))
        status = {
            "lastCheckTime": old.get("lastCheckTime") or timestamp(),
            "nextScheduleTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None,
            **({"lastScheduleTime": old["lastScheduleTime"]} if old.get("lastScheduleTime") else {}),
        }
        await self.api.set_status(SCHEDULES, schedule, status)

    async def _backup(self, schedule: Object, name: str) -> None:
        spec, meta = schedule["spec"], schedule["metadata"]
        owners = []
        if spec.get("backupOwnerReference") == "self":
            owners = [owner_reference(SCHEDULES, schedule)]
        elif spec.get("backupOwnerReference") == "cluster":
            cluster = self.mirror(CLUSTERS).get(meta["namespace"], spec["cluster"]["name"])
            owners = [owner_reference(CLUSTERS, cluster)] if cluster is not None else []
        labels = {"cnpg.io/cluster": spec["cluster"]["name"], "cnpg.io/scheduled-backup": meta["name"]}
        body = {k: spec[k] for k in ("cluster", "method", "target", "pluginConfiguration") if k in spec}
        made = {"name": name, "namespace": meta["namespace"], "labels": labels, "ownerReferences": owners}
        await self.api.create(BACKUPS, {"metadata": made, "spec": body})

    async def _carry_out(self, backup: Object) -> None:
        meta, spec = backup["metadata"], backup["spec"]
        cluster = self.mirror(CLUSTERS).get(meta["namespace"], spec["cluster"]["name"])
        if cluster is None or (cluster.get("status") or {}).get("phase") != plan.HEALTHY:
            await self.api.set_status(BACKUPS, backup, {"phase": "pending"})
            return
        if not self.due(self._begun.since(meta["uid"]), self.world.delays.platform.backup):
            begun = {"phase": "running", "method": spec.get("method"), "startedAt": timestamp()}
            if (backup.get("status") or {}).get("phase") != "running":
                await self.api.set_status(BACKUPS, backup, begun)
            return
        plugin = self._plugin(cluster, spec)
        if plugin is None:
            name = (spec.get("pluginConfiguration") or {}).get("name", "")
            problem = f"requested plugin is not available: {name}" if name else "no barmanObjectStore section defined"
        else:
            problem = cnpg_store.store_problem(self.world, cluster, plugin)
        phase: Object = {"phase": "failed", "error": problem} if problem else {"phase": "completed"}
        await self.api.set_status(BACKUPS, backup, {**phase, "stoppedAt": timestamp()})
        await self._tell(cluster, plugin, problem)

    def _plugin(self, cluster: Object, spec: Object) -> Object | None:
        name = (spec.get("pluginConfiguration") or {}).get("name")
        if spec.get("method") != "plugin":
            return None
        return next((p for p in cluster["spec"].get("plugins") or [] if p["name"] == name), None)

    async def _tell(self, cluster: Object, plugin: Object | None, problem: str) -> None:
        good = not problem
        condition = {
            "type": "LastBackupSucceeded",
            "status": "True" if good else "False",
            "reason": "LastBackupSucceeded" if good else "LastBackupFailed",
            "message": "Backup was successful" if good else problem,
        }
        old = (cluster.get("status") or {}).get("conditions")
        await self.api.set_status(CLUSTERS, cluster, {"conditions": merge_conditions(old, [condition])})
        if plugin is None or problem:
            return
        store = cnpg_store.store_of(self.world, cluster, plugin)
        if store is not None:
            cnpg_store.archive_of(self.world, cluster, plugin).backups.append(datetime.datetime.now(datetime.UTC))
            server = cnpg_store.server_name(cluster, plugin)
            window = ((store.get("status") or {}).get("serverRecoveryWindow") or {}).get(server) or {}
            moments = {
                "firstRecoverabilityPoint": window.get("firstRecoverabilityPoint") or timestamp(),
                "lastSuccussfulBackupTime": timestamp(),
            }
            await self.api.merge(
                OBJECT_STORES.of(store, "status"), {"status": {"serverRecoveryWindow": {server: moments}}}
            )
