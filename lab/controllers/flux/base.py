# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Flux's controllers share: their resources, conditions, and a queue with one task per object.

As in controller-runtime an object is looked at when its spec, its reconcile annotation or something it depends on
changed, or when its time has come; never twice at once.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp

from ..api import DEPLOYMENTS, ApiError, Object, Resource
from ..base import Controller, key_of, timestamp

if TYPE_CHECKING:
    from ...git.server import GitServer
    from ...scenario import FluxFaults
    from ..manager import World

NAMESPACE = "flux-system"
FINALIZER = "finalizers.fluxcd.io"
REQUESTED = "reconcile.fluxcd.io/requestedAt"

GIT_REPOSITORIES = Resource("source.toolkit.fluxcd.io/v1", "gitrepositories", "GitRepository")
HELM_REPOSITORIES = Resource("source.toolkit.fluxcd.io/v1", "helmrepositories", "HelmRepository")
HELM_CHARTS = Resource("source.toolkit.fluxcd.io/v1", "helmcharts", "HelmChart")
KUSTOMIZATIONS = Resource("kustomize.toolkit.fluxcd.io/v1", "kustomizations", "Kustomization")
HELM_RELEASES = Resource("helm.toolkit.fluxcd.io/v2", "helmreleases", "HelmRelease")
RECEIVERS = Resource("notification.toolkit.fluxcd.io/v1", "receivers", "Receiver")

Key = tuple[str, str]
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass
class Plant:
    """What Flux's controllers have besides the Kubernetes API: the Git server, faults, and the stored artifacts.

    :param artifacts: files of a Git source by ``(namespace, name, revision)``.
    """

    git: GitServer
    faults: FluxFaults
    artifacts: dict[tuple[str, str, str], Mapping[str, bytes]] = field(default_factory=dict)


def seconds(text: str | None, default: float = 0.0) -> float:
    """Return a duration of Go in seconds: ``1m30s``."""
    found = re.findall(r"([0-9.]+)(ms|s|m|h)", text or "")
    return sum(float(number) * _UNITS[unit] for number, unit in found) if found else default


def duration(value: float) -> str:
    """Write seconds as Go does: ``5m0s``, ``1.2s``."""
    whole, rest = int(value), round(value - int(value), 3)
    if value < 60:
        return f"{whole + rest:g}s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{f'{hours}h' if hours else ''}{minutes}m{whole % 60}s"


def condition(obj: Object, kind: str) -> Object:
    """Return a condition, empty when there is none."""
    found = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in found if c.get("type") == kind), {})


def is_current(obj: Object | None) -> bool:
    """Tell whether an object is Ready at its current generation."""
    if obj is None:
        return False
    seen = (obj.get("status") or {}).get("observedGeneration")
    return seen == obj["metadata"].get("generation") and condition(obj, "Ready").get("status") == "True"


def requested(obj: Object) -> str:
    """Return the token of a request to reconcile."""
    return str((obj["metadata"].get("annotations") or {}).get(REQUESTED) or "")


def ready(status: bool | None, reason: str, message: str) -> Object:
    """Return a Ready condition; None is Unknown."""
    word = "Unknown" if status is None else str(status)
    return {"type": "Ready", "status": word, "reason": reason, "message": message}


def true(kind: str, reason: str, message: str) -> Object:
    """Return a condition that is True."""
    return {"type": kind, "status": "True", "reason": reason, "message": message}


def _age(obj: Object) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)


class FluxController(Controller):
    """One of Flux's controllers, for one kind. Subclasses set ``deployment`` and ``kind`` and implement :meth:`one`."""

    deployment: ClassVar[str]
    kind: ClassVar[Resource]
    workers: ClassVar[int] = 8

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._tasks: dict[Key, asyncio.Task[float]] = {}
        self._seen: dict[Key, Any] = {}
        self._due: dict[Key, float] = {}
        self._written: dict[Key, Object] = {}
        self._slots = asyncio.Semaphore(self.workers)

    @property
    def plant(self) -> Plant:
        """What the controllers share."""
        assert self.world.flux is not None
        return self.world.flux

    def available(self) -> bool:
        """Tell whether the controller runs."""
        found = self.mirror(DEPLOYMENTS).get(NAMESPACE, self.deployment)
        return (
            found is not None and condition(found, "Available").get("status") == "True" and self.world.flux is not None
        )

    def token(self, obj: Object) -> Any:
        """Return what makes the object worth a look when it changes."""
        meta = obj["metadata"]
        return meta["uid"], meta.get("generation"), meta.get("deletionTimestamp"), requested(obj)

    async def one(self, obj: Object) -> float:
        """Reconcile one object; return the seconds until its next turn."""
        raise NotImplementedError

    async def reconcile(self) -> None:
        """Start a task for every object whose turn it is; take the news of those that ended."""
        running = self.available()
        objects = {key_of(obj): obj for obj in self.mirror(self.kind)}
        for key, task in list(self._tasks.items()):
            if not running or key not in objects:
                task.cancel()
            if task.done() or not running or key not in objects:
                del self._tasks[key]
                self._settle(key, task)
        if not running:
            self._seen.clear()
            return
        for gone in set(self._seen) - set(objects):
            del self._seen[gone]
            self._due.pop(gone, None)
            self._written.pop(gone, None)
        for key, obj in objects.items():
            if key in self._tasks:
                continue
            token = self.token(obj)
            if self._seen.get(key) == token and not self.due(self._due.get(key, float("inf")), 0.0):
                continue
            self._seen[key] = token
            self._tasks[key] = asyncio.get_running_loop().create_task(self._run(obj))
            self._tasks[key].add_done_callback(lambda _task: self.wake.set())

    def _settle(self, key: Key, task: asyncio.Task[float]) -> None:
        if task.cancelled() or not task.done():
            self._seen.pop(key, None)
            return
        error = task.exception()
        if error is None:
            self._due[key] = time.monotonic() + task.result()
        elif isinstance(error, (ApiError, aiohttp.ClientError, TimeoutError, OSError)):
            self.log.info("%s %s/%s: will try again: %s", self.kind.kind, *key, error)
            self._due[key] = time.monotonic() + self.world.delays.flux.retry
        else:
            self.log.error("%s %s/%s", self.kind.kind, *key, exc_info=error)
            self._due[key] = time.monotonic() + 5 * self.world.delays.flux.retry

    async def _run(self, obj: Object) -> float:
        async with self._slots:
            return await self.one(self._newest(obj))

    def _newest(self, obj: Object) -> Object:
        """Return the object as it is by now: what the queue held may be old, and the mirror behind our own writes."""
        fresh = self.mirror(self.kind).get(*key_of(obj)) or obj
        mine = self._written.get(key_of(obj))
        if mine is not None and mine["metadata"]["uid"] == fresh["metadata"]["uid"] and _age(mine) > _age(fresh):
            fresh = mine
        return {**fresh, "metadata": dict(fresh["metadata"])}

    # -- writing ---------------------------------------------------------------------------------------------------
    async def report(self, obj: Object, conditions: list[Object], drop: tuple[str, ...] = (), **status: Any) -> None:
        """Write status fields and conditions; those of the types ``drop`` go, all others stay.

        ``obj`` is brought to what was written, so that a second report of the same turn builds on it.
        """
        generation = obj["metadata"].get("generation", 1)
        old = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or []}
        merged = dict(old)
        for kind in drop:
            merged.pop(kind, None)
        for new in conditions:
            known = old.get(new["type"])
            same = known is not None and known["status"] == new["status"]
            moment = known["lastTransitionTime"] if known is not None and same else timestamp()
            merged[new["type"]] = {**new, "observedGeneration": generation, "lastTransitionTime": moment}
        if token := requested(obj):
            status.setdefault("lastHandledReconcileAt", token)
        wanted = {**status, "conditions": [merged[k] for k in sorted(merged, key=lambda k: (k != "Ready", k))]}
        now = obj.get("status") or {}
        if any(now.get(key) != value for key, value in wanted.items()):
            written = await self.api.merge(self.kind.of(obj, "status"), {"status": wanted})
            if written is not None:
                obj["status"] = written.get("status") or {}
                self._written[key_of(obj)] = written

    async def add_finalizer(self, obj: Object) -> None:
        """Hold the object until its end is tidied up."""
        names = obj["metadata"].get("finalizers") or []
        if FINALIZER not in names:
            await self.api.merge(self.kind.of(obj), {"metadata": {"finalizers": [*names, FINALIZER]}})
            obj["metadata"]["finalizers"] = [*names, FINALIZER]

    async def drop_finalizer(self, obj: Object) -> None:
        """Let the object go."""
        names = [name for name in obj["metadata"].get("finalizers") or [] if name != FINALIZER]
        await self.api.merge(self.kind.of(obj), {"metadata": {"finalizers": names or None}})
