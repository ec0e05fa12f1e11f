# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CronJobs: a Job at each moment that the schedule names."""

from __future__ import annotations

import time

from .api import CRON_JOBS, JOBS, Object
from .base import Controller, owned_by, owner_reference
from .job import finished

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronJobController(Controller):
    """Starts Jobs on time and keeps as many finished ones as asked for."""

    watches = (CRON_JOBS, JOBS)

    async def reconcile(self) -> None:
        """Start what is due in this minute."""
        minute = int(time.time()) // 60
        for cron_job in self.mirror(CRON_JOBS):
            self.due(time.monotonic(), 60 - time.time() % 60)
            spec, meta = cron_job["spec"], cron_job["metadata"]
            jobs = [j for j in self.mirror(JOBS) if owned_by(j, meta["uid"])]
            active = [j for j in jobs if not finished(j)]
            name = f"{meta['name']}-{minute}"
            known = any(j["metadata"]["name"] == name for j in jobs)
            blocked = active and spec.get("concurrencyPolicy") == "Forbid"
            due = not spec.get("suspend") and matches(spec["schedule"], minute * 60)
            if due and not known and not blocked and not meta.get("deletionTimestamp"):
                await self._start(cron_job, name, minute)
            await self._trim(spec, jobs)
            references = [
                {"apiVersion": "batch/v1", "kind": "Job", **{k: j["metadata"][k] for k in ("name", "namespace", "uid")}}
                for j in active
            ]
            await self.api.set_status(CRON_JOBS, cron_job, {"active": references or None})

    async def _start(self, cron_job: Object, name: str, minute: int) -> None:
        template = cron_job["spec"]["jobTemplate"]
        meta = template.get("metadata") or {}
        metadata = {
            "name": name,
            "namespace": cron_job["metadata"]["namespace"],
            "labels": meta.get("labels") or {},
            "annotations": meta.get("annotations") or {},
            "ownerReferences": [owner_reference(CRON_JOBS, cron_job)],
        }
        await self.api.create(JOBS, {"metadata": metadata, "spec": template["spec"]})
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(minute * 60))
        await self.api.merge(CRON_JOBS.of(cron_job, "status"), {"status": {"lastScheduleTime": moment}})

    async def _trim(self, spec: Object, jobs: list[Object]) -> None:
        ended = sorted((j for j in jobs if finished(j)), key=lambda j: j["metadata"]["creationTimestamp"])
        good = [j for j in ended if (j.get("status") or {}).get("succeeded")]
        for group, limit in (
            (good, spec.get("successfulJobsHistoryLimit", 3)),
            ([j for j in ended if j not in good], spec.get("failedJobsHistoryLimit", 1)),
        ):
            for job in group[: max(0, len(group) - limit)]:
                await self.api.delete(JOBS, job)


def matches(schedule: str, moment: float) -> bool:
    """Tell whether a cron schedule names the minute of ``moment`` (UTC; names of months and days are not read)."""
    fields = MACROS.get(schedule.strip(), schedule).split()
    if len(fields) != 5:
        return False
    now = time.gmtime(moment)
    values = (now.tm_min, now.tm_hour, now.tm_mday, now.tm_mon, (now.tm_wday + 1) % 7)
    hits = [_field(text, value, limits) for text, value, limits in zip(fields, values, FIELDS, strict=True)]
    restricted = not fields[2].startswith("*") and not fields[4].startswith("*")
    day = hits[2] or hits[4] if restricted else hits[2] and hits[4]
    return hits[0] and hits[1] and hits[3] and day


def _field(text: str, value: int, limits: tuple[int, int]) -> bool:
    for part in text.split(","):
        base, _unused, step = part.partition("/")
        low, _unused, high = base.partition("-")
        if base == "*":
            first, last = limits
        elif not low.isdigit():
            continue
        else:
            first = int(low)
            last = int(high) if high.isdigit() else (limits[1] if step else first)
        stride = int(step) if step.isdigit() and int(step) else 1
        if first <= value <= last and (value - first) % stride == 0:
            return True
        if limits == (0, 6) and value == 0 and first <= 7 <= last and (7 - first) % stride == 0:
            return True
    return False
