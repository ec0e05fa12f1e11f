# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object store: current objects, a growing resourceVersion, and the last events of every resource."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
RING = 5_000
"""Events remembered per resource, as the lab's contract wants."""


class Entry:
    """One stored version of an object, without ``kind`` and ``apiVersion``, never changed after it was stored."""

    __slots__ = ("_text", "obj", "rv")

    def __init__(self, obj: dict[str, Any], rv: int) -> None:
        self.obj = obj
        self.rv = rv
        self._text = ""

    @property
    def text(self) -> str:
        """The object as JSON; written once."""
        if not self._text:
            self._text = _encode(self.obj)
        return self._text

    def typed(self, kind: str, api_version: str) -> str:
        """The object as JSON with its type."""
        rest = self.text[1:]
        return f'{{"kind":"{kind}","apiVersion":"{api_version}"{"," if rest != "}" else ""}{rest}'


@dataclass(frozen=True)
class Event:
    """A change of one object; ``before`` is the version it had."""

    kind: str
    rv: int
    namespace: str
    name: str
    entry: Entry
    before: Entry | None


class Bucket:
    """Objects of one resource by ``(namespace, name)``."""

    def __init__(self, start: int) -> None:
        self.objects: dict[tuple[str, str], Entry] = {}
        self.events: deque[Event] = deque(maxlen=RING)
        self.oldest = start
        self.listeners: list[Callable[[Event], None]] = []
        self._sorted: list[tuple[str, str]] | None = None

    def keys(self) -> list[tuple[str, str]]:
        """Keys in the order of etcd's."""
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        return self._sorted

    def record(self, event: Event) -> None:
        """Remember an event and tell the listeners."""
        if len(self.events) == RING:
            self.oldest = self.events[0].rv
        self.events.append(event)
        for listener in list(self.listeners):
            listener(event)


class Store:
    """All buckets and the one counter. Every method is synchronous, hence atomic within the server's loop."""

    def __init__(self, first: int = 100) -> None:
        self.rv = first
        self.buckets: dict[str, Bucket] = {}
        self.observers: list[Callable[[str, Event], None]] = []

    def bucket(self, resource: str) -> Bucket:
        """The bucket of a resource; made at first use."""
        found = self.buckets.get(resource)
        if found is None:
            found = self.buckets[resource] = Bucket(self.rv)
        return found

    def get(self, resource: str, namespace: str, name: str) -> Entry | None:
        """The current version of an object."""
        return self.bucket(resource).objects.get((namespace, name))

    def put(self, resource: str, obj: dict[str, Any]) -> Entry:
        """Store a version; the object's resourceVersion is set here. The object must not be changed afterwards."""
        bucket = self.bucket(resource)
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        before = bucket.objects.get(key)
        self.rv += 1
        meta["resourceVersion"] = str(self.rv)
        entry = Entry(obj, self.rv)
        bucket.objects[key] = entry
        if before is None:
            bucket._sorted = None
        self._tell(resource, bucket, Event("MODIFIED" if before else "ADDED", self.rv, *key, entry, before))
        return entry

    def load(self, resource: str, obj: dict[str, Any], rv: int) -> None:
        """Hold an object with the version it already has, as an etcd that starts with data; nobody is told."""
        metadata = obj["metadata"] = {**obj["metadata"], "resourceVersion": str(rv)}
        bucket = self.bucket(resource)
        bucket.objects[(metadata.get("namespace", ""), metadata["name"])] = Entry(obj, rv)
        bucket._sorted = None
        self.rv = max(self.rv, rv)

    def remove(self, resource: str, namespace: str, name: str) -> Entry | None:
        """Delete an object; the event carries its last state with the version of the deletion."""
        bucket = self.bucket(resource)
        before = bucket.objects.pop((namespace, name), None)
        if before is None:
            return None
        bucket._sorted = None
        self.rv += 1
        last = dict(before.obj)
        last["metadata"] = {**last["metadata"], "resourceVersion": str(self.rv)}
        entry = Entry(last, self.rv)
        self._tell(resource, bucket, Event("DELETED", self.rv, namespace, name, entry, before))
        return entry

    def drop(self, resource: str) -> None:
        """Forget a resource with everything in it (its definition is gone)."""
        bucket = self.buckets.pop(resource, None)
        if bucket:
            bucket.listeners.clear()

    def _tell(self, resource: str, bucket: Bucket, event: Event) -> None:
        bucket.record(event)
        for observer in self.observers:
            observer(resource, event)

    def within(self, resource: str, namespace: str) -> Iterator[Entry]:
        """Objects of a namespace (all when empty), in key order."""
        bucket = self.bucket(resource)
        for key in list(bucket.keys()):
            if not namespace or key[0] == namespace:
                entry = bucket.objects.get(key)
                if entry is not None:
                    yield entry
