# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners on a server that has no controllers: dependents go when their last owner has gone."""

from __future__ import annotations

import time

from .api import NAMESPACES, ApiError, Object, Resource
from .base import Controller
from .discovery import all_resources
from .manager import World

PERIOD = 2.0
"""Seconds between two sweeps; owners may be of any kind, so nothing is watched."""
SHARE = 8
"""How many times as long as a sweep took it rests at least: a big cluster must not be swept all the time."""


class GarbageCollector(Controller):
    """Marks and sweeps over everything that has owner references (kubernetes ``pkg/controller/garbagecollector``)."""

    watches = ()

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._swept = ""
        self._not_before = 0.0

    async def reconcile(self) -> None:
        """Sweep once, when anything changed since the last time."""
        if not self.due(self._not_before, 0.0):
            return
        started = time.monotonic()
        # The version of any list is that of the whole store.
        _unused, version = await self.api.list(NAMESPACES.path())
        if version != self._swept:
            await self._sweep()
            self._swept = version
        self._not_before = time.monotonic() + max(PERIOD, SHARE * (time.monotonic() - started))
        self.due(self._not_before, 0.0)

    async def _sweep(self) -> None:
        objects: list[tuple[Resource, Object]] = []
        for resource in await all_resources(self.api):
            try:
                items, _unused = await self.api.list(resource.path())
            except ApiError as error:
                if error.status in (404, 405):
                    continue
                raise
            objects += [(resource, item) for item in items]
        uids = {item["metadata"]["uid"] for _unused, item in objects}
        going = {
            i["metadata"]["uid"]
            for _unused, i in objects
            if "foregroundDeletion" in (i["metadata"].get("finalizers") or [])
        }
        dependents: dict[str, list[tuple[Resource, Object]]] = {}
        for resource, item in objects:
            for owner in item["metadata"].get("ownerReferences") or []:
                dependents.setdefault(owner["uid"], []).append((resource, item))
        for resource, item in objects:
            owners = [o["uid"] for o in item["metadata"].get("ownerReferences") or []]
            if owners and (not any(o in uids for o in owners) or any(o in going for o in owners)):
                await self.api.delete(resource, item)
            await self._finalizers(resource, item, dependents.get(item["metadata"]["uid"], []))

    async def _finalizers(self, resource: Resource, item: Object, mine: list[tuple[Resource, Object]]) -> None:
        """End a foreground deletion whose dependents are gone, and an orphaning one after cutting the references."""
        meta = item["metadata"]
        names = meta.get("finalizers") or []
        if not meta.get("deletionTimestamp"):
            return
        done = {"foregroundDeletion"} if not mine else set()
        if "orphan" in names:
            done.add("orphan")
            for other, dependent in mine:
                left = [o for o in dependent["metadata"]["ownerReferences"] if o["uid"] != meta["uid"]]
                await self.api.merge(other.of(dependent), {"metadata": {"ownerReferences": left or None}})
        rest = [name for name in names if name not in done]
        if rest != names:
            await self.api.merge(resource.of(item), {"metadata": {"finalizers": rest or None}})
