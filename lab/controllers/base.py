# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of every controller: mirrors of a few resources, and a reconcile over them when one changes.

A :class:`Mirror` lists a resource and follows it by a watch. A :class:`Controller` names the resources it looks at and
is woken when any of them changed or when it asked to be woken; it then reconciles *everything* it is responsible for
from what the mirrors hold. That is level-triggered, so a missed event costs time and never correctness.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp

from .api import Api, ApiError, Object, Resource

if TYPE_CHECKING:
    from .manager import World

RETRY = 0.5
"""Seconds before a failed list, watch or reconcile is tried again."""
ABSENT = 15.0
"""Seconds after which a kind that does not exist is asked for again, unless a definition appears before."""


class Mirror:
    """A local copy of one resource.

    :param changed: called after every change.
    """

    def __init__(self, api: Api, resource: Resource, changed: Callable[[], None], log: logging.Logger) -> None:
        self.api, self.resource, self.changed, self.log = api, resource, changed, log
        self.objects: dict[tuple[str, str], Object] = {}
        self.synced = asyncio.Event()
        self.served = False
        """Whether the kind exists."""
        self.defined = asyncio.Event()
        """Set when definitions of kinds changed: a kind that was absent may exist now."""

    def __iter__(self) -> Iterator[Object]:
        """Iterate over the objects, by namespace and name."""
        return iter([self.objects[key] for key in sorted(self.objects)])

    def get(self, namespace: str, name: str) -> Object | None:
        """Return one object of the mirror."""
        return self.objects.get((namespace, name))

    async def run(self) -> None:
        """List and watch for ever; an absent resource (no such CRD yet) is an empty one."""
        path = self.resource.path()
        while True:
            pause = RETRY
            self.defined.clear()
            try:
                items, version = await self.api.list(path)
                self.served = True
                objects = {key_of(item): item for item in items}
                if objects != self.objects or not self.synced.is_set():
                    self.objects = objects
                    self.synced.set()
                    self.changed()
                async for kind, obj in self.api.watch(path, version):
                    if kind == "ERROR":
                        break
                    if kind == "DELETED":
                        self.objects.pop(key_of(obj), None)
                    elif kind != "BOOKMARK":
                        self.objects[key_of(obj)] = obj
                    if kind != "BOOKMARK":
                        self.changed()
                continue
            except ApiError as error:
                if error.status == 404:
                    self.served = False
                    if self.objects or not self.synced.is_set():
                        self.objects = {}
                        self.synced.set()
                        self.changed()
                    pause = ABSENT
                else:
                    self.log.debug("%s: %s", self.resource.plural, error)
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
                self.log.debug("%s: %s", self.resource.plural, error)
            try:
                await asyncio.wait_for(self.defined.wait(), pause)
                await asyncio.sleep(RETRY / 5)  # established, and not served yet
            except TimeoutError:
                pass


class Controller:
    """One controller. Subclasses set ``watches`` and implement :meth:`reconcile`."""

    watches: ClassVar[tuple[Resource, ...]] = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self.api = world.api
        self.log = logging.getLogger(f"lab.controllers.{type(self).__name__}")
        self.wake = asyncio.Event()
        self._next = float("inf")

    async def reconcile(self) -> None:
        """Bring everything to its state; called again after every change and at each moment asked for."""
        raise NotImplementedError

    def mirror(self, resource: Resource) -> Mirror:
        """Return the mirror of a resource named in ``watches``."""
        return self.world.mirrors[resource]

    def due(self, since: float, delay: float) -> bool:
        """Tell whether ``delay`` seconds have passed since the moment ``since`` (monotonic); else ask to be woken."""
        moment = since + delay
        if time.monotonic() >= moment:
            return True
        self._next = min(self._next, moment)
        return False

    async def run(self) -> None:
        """Reconcile whenever something changed."""
        for resource in self.watches:
            await self.mirror(resource).synced.wait()
        while True:
            await self.world.running.wait()
            self.wake.clear()
            self._next = float("inf")
            try:
                await self.reconcile()
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                self.log.info("will try again: %s", error)
                self._next = min(self._next, time.monotonic() + RETRY)
            except Exception:
                # One wrong object must not stop the controller for all others.
                self.log.exception("reconcile failed")
                self._next = min(self._next, time.monotonic() + 5 * RETRY)
            wait = None if self._next == float("inf") else max(0.0, self._next - time.monotonic())
            try:
                await asyncio.wait_for(self.wake.wait(), wait)
            except TimeoutError:
                pass


class Memory:
    """When something was first seen: keys to monotonic moments; keys that are no longer named are forgotten."""

    def __init__(self) -> None:
        self._moments: dict[Any, float] = {}

    def since(self, key: Any) -> float:
        """Return when ``key`` was first asked for."""
        return self._moments.setdefault(key, time.monotonic())

    def keep(self, keys: Iterable[Any]) -> None:
        """Forget all other keys."""
        wanted = set(keys)
        self._moments = {key: moment for key, moment in self._moments.items() if key in wanted}


def key_of(obj: Object) -> tuple[str, str]:
    """Return (namespace, name)."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def owned_by(obj: Object, uid: str) -> bool:
    """Tell whether the object's controller is the owner ``uid``."""
    return any(o.get("uid") == uid and o.get("controller") for o in obj["metadata"].get("ownerReferences") or [])


def owner_reference(resource: Resource, owner: Object) -> Object:
    """Return the reference by which a controller owns what it made."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def selector_matches(selector: Object | None, labels: dict[str, str], *, when_absent: bool = False) -> bool:
    """Evaluate a LabelSelector (matchLabels, matchExpressions); an empty one matches everything.

    :param when_absent: the answer for no selector at all.
    """
    if selector is None:
        return when_absent
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or []:
        key, values = rule["key"], rule.get("values") or []
        operator = rule["operator"]
        if operator == "In" and labels.get(key) not in values:
            return False
        if operator == "NotIn" and key in labels and labels[key] in values:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True


def timestamp() -> str:
    """Return now as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def merge_conditions(old: list[Object] | None, new: list[Object], stamp: str = "lastTransitionTime") -> list[Object]:
    """Return ``new`` with the transition times kept where the status did not change; foreign types stay."""
    before = {c["type"]: c for c in old or []}
    result = []
    for condition in new:
        known = before.pop(condition["type"], None)
        same = known is not None and known.get("status") == condition["status"]
        moment = (known or {}).get(stamp) if same else None
        result.append({**condition, stamp: moment or timestamp()})
    return [*before.values(), *result]
