# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: pods that run to their end, so often and so many as the Job allows."""

from __future__ import annotations

import time

from .api import JOBS, PODS, Object
from .base import Controller, owned_by, timestamp
from .manager import World
from .pods import create_pod, is_ready

EXPECTATION = 5.0
"""Seconds after which a pod that was created and never seen is given up."""
BACKOFF = "Job has reached the specified backoff limit"


class JobController(Controller):
    """Creates pods and decides Complete or Failed (batch/v1; kubernetes ``pkg/controller/job``)."""

    watches = (JOBS, PODS)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        # What was written a moment ago and is not in the mirrors yet: Jobs that ended, and pods by Job.
        self._ended: set[str] = set()
        self._created: dict[str, tuple[set[str], float]] = {}

    async def reconcile(self) -> None:
        """Bring every Job one step on."""
        uids = {job["metadata"]["uid"] for job in self.mirror(JOBS)}
        self._ended &= uids
        self._created = {uid: entry for uid, entry in self._created.items() if uid in uids}
        for job in self.mirror(JOBS):
            going = job["metadata"].get("deletionTimestamp") or job["metadata"]["uid"] in self._ended
            if not going and not finished(job):
                await self._one(job)

    async def _one(self, job: Object) -> None:
        spec, meta = job["spec"], job["metadata"]
        if spec.get("suspend"):
            return
        pods = [p for p in self.mirror(PODS) if owned_by(p, meta["uid"])]
        phases = [(p.get("status") or {}).get("phase", "Pending") for p in pods]
        active = [p for p, phase in zip(pods, phases, strict=True) if phase not in ("Succeeded", "Failed")]
        succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
        restarts = sum(_restarts(p) for p in active)
        completions, limit = spec.get("completions") or 1, spec.get("backoffLimit", 6)
        status: Object = {
            "startTime": (job.get("status") or {}).get("startTime") or timestamp(),
            "active": len(active) or None,
            "ready": sum(is_ready(p) for p in active),
            "succeeded": succeeded or None,
            "failed": failed or None,
            "terminating": 0,
            "uncountedTerminatedPods": {},
        }
        if succeeded >= completions:
            status |= {"completionTime": timestamp(), "ready": 0, "conditions": _success()}
            self._ended.add(meta["uid"])
        elif failed + restarts > limit:
            status |= {"active": None, "ready": 0, "failed": failed + len(active), "conditions": _failure(BACKOFF)}
            self._ended.add(meta["uid"])
            for pod in active:
                await self.api.delete(PODS, pod)
        elif not self._expects(meta["uid"], pods):
            missing = min(spec.get("parallelism", 1), completions - succeeded) - len(active)
            names = {await create_pod(self.api, JOBS, job, spec["template"]) for _number in range(missing)}
            self._created[meta["uid"]] = (names, time.monotonic())
        await self.api.set_status(JOBS, job, status)

    def _expects(self, uid: str, pods: list[Object]) -> bool:
        """Tell whether a pod that was created a moment ago is still to be seen."""
        names, moment = self._created.get(uid, (set(), 0.0))
        unseen = names - {pod["metadata"]["name"] for pod in pods}
        self._created[uid] = (unseen, moment)
        return bool(unseen) and not self.due(moment, EXPECTATION)


def finished(job: Object) -> bool:
    """Tell whether the Job is Complete or Failed."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def _restarts(pod: Object) -> int:
    return sum(c.get("restartCount", 0) for c in (pod.get("status") or {}).get("containerStatuses") or [])


def _success() -> list[Object]:
    message = "Reached expected number of succeeded pods"
    return [_condition(kind, "CompletionsReached", message) for kind in ("SuccessCriteriaMet", "Complete")]


def _failure(message: str) -> list[Object]:
    return [_condition(kind, "BackoffLimitExceeded", message) for kind in ("FailureTarget", "Failed")]


def _condition(kind: str, reason: str, message: str) -> Object:
    moment = timestamp()
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": moment,
        "lastTransitionTime": moment,
    }
