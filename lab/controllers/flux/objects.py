# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of any kind: found by discovery, applied with server-side apply, read and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..api import ApiError, Object, Resource

if TYPE_CHECKING:
    from ..manager import World

AT_ONCE = 8
"""Requests in flight of one apply."""


class NoKind(Exception):
    """The server has no such kind; the message is that of a REST mapper."""

    def __init__(self, kind: str, api_version: str) -> None:
        self.kind, self.api_version = kind, api_version
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')


class Objects:
    """The cluster's objects, whatever their kind; one discovery for all controllers."""

    def __init__(self, world: World) -> None:
        self.world, self.api = world, world.api
        self._kinds: dict[str, dict[str, Resource]] = {}

    async def resource(self, obj: Object) -> Resource:
        """Return the resource of an object's kind.

        :raises NoKind: when the server has none (it is asked again each time, a definition may come).
        """
        version, kind = str(obj.get("apiVersion", "")), str(obj["kind"])
        if kind not in self._kinds.get(version, {}):
            root = "/api/v1" if version == "v1" else f"/apis/{version}"
            answer = await self.api.get(root)
            self._kinds[version] = {
                r["kind"]: Resource(version, r["name"], r["kind"], r["namespaced"])
                for r in (answer or {}).get("resources") or []
                if "/" not in r["name"]
            }
        found = self._kinds[version].get(kind)
        if found is None:
            raise NoKind(kind, version)
        return found

    async def apply(self, obj: Object, manager: str) -> Object:
        """Apply one object and return it as it is now.

        :raises NoKind: and ApiError.
        """
        resource = await self.resource(obj)
        if not resource.namespaced and "namespace" in obj["metadata"]:
            obj = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "namespace"}}
        found = await self.api.ensure(resource, obj, manager)
        return {"apiVersion": resource.api_version, "kind": resource.kind, **found}

    async def get(self, obj: Object) -> Object | None:
        """Return the object as it is now: from a mirror that is as new as ``obj``, else from the server."""
        resource = await self.resource(obj)
        meta = obj["metadata"]
        mirror = self.world.mirrors.get(resource)
        if mirror is not None:
            known = mirror.get(meta.get("namespace", ""), meta["name"])
            if known is not None and known["metadata"].get("generation", 0) >= meta.get("generation", 0):
                return {"apiVersion": resource.api_version, "kind": resource.kind, **known}
        found = await self.api.get(resource.of(obj))
        return None if found is None else {"apiVersion": resource.api_version, "kind": resource.kind, **found}

    async def delete(self, obj: Object) -> None:
        """Delete an object by name; one that is gone, or whose kind is, is fine."""
        try:
            resource = await self.resource(obj)
            live = await self.api.get(resource.of(obj))
            if live is not None and not live["metadata"].get("deletionTimestamp"):
                await self.api.delete(resource, live)
        except NoKind:
            return
        except ApiError as error:
            if error.status != 404:
                raise

    async def apply_all(self, objects: Iterable[Object], manager: str) -> list[Object]:
        """Apply objects side by side and return them as they are; the first failure ends it.

        :raises ApplyError: naming the object.
        """
        wanted = list(objects)
        for obj in wanted:
            try:
                resource = await self.resource(obj)
            except NoKind as error:
                raise ApplyError(obj, str(error)) from error
            if resource.namespaced and not obj["metadata"].get("namespace"):
                raise ApplyError(obj, "namespace not specified: the server could not find the requested resource")
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(obj: Object) -> Object:
            async with slots:
                try:
                    return await self.apply(obj, manager)
                except ApiError as error:
                    raise ApplyError(obj, str(error)) from error

        results = await asyncio.gather(*(one(obj) for obj in wanted), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]


class ApplyError(Exception):
    """An object that the server refuses."""

    def __init__(self, obj: Object, why: str) -> None:
        self.obj, self.why = obj, why
        super().__init__(f"{named(obj)} dry-run failed: {why}")


def named(obj: Object) -> str:
    """Return an object as Flux writes it: ``Deployment/web/nginx``."""
    meta = obj["metadata"]
    return "/".join(part for part in (obj["kind"], meta.get("namespace"), meta["name"]) if part)
