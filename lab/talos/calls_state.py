# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``cosi.resource.State``: Get, List and Watch over the node's resources; writes are refused.

Facts: cosi-project/runtime v0.10 ``pkg/state/protobuf/server``, siderolabs/talos v1.10
``internal/app/resources/access.go``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from . import wire
from .api import NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED, UNKNOWN, ApiError, Caller, Room
from .resources import NAMESPACES, Resource, Store

if TYPE_CHECKING:
    from .node import Node

CREATED, UPDATED, DESTROYED, BOOTSTRAPPED = range(4)
EXISTS, EQUAL, NOT_EXISTS, IN = range(4)


class StateCalls(Room):
    """Reads of COSI resources."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.store = Store(node)

    def _allow(self, namespace: str, kind: str, caller: Caller) -> None:
        definition = self.store.definitions.get(kind.lower())
        if definition is None:
            raise ApiError(PERMISSION_DENIED, f'resource type "{kind}" is not supported')
        if definition.get("sensitivity") == "sensitive" and not caller.admin:
            raise ApiError(PERMISSION_DENIED, "not authorized")
        if namespace not in NAMESPACES:
            raise ApiError(PERMISSION_DENIED, f'namespace "{namespace}" is not supported')

    async def Get(self, request: Any, caller: Caller) -> Any:
        """One resource."""
        self._allow(request.namespace, request.type, caller)
        found = self.store.listing(request.namespace, request.type).get(request.id)
        if found is None:
            name = f"{request.type}({request.namespace}/{request.id}@undefined)"
            raise ApiError(NOT_FOUND, f"resource {name} doesn't exist")
        answer = wire.message("cosi.resource.GetResponse")()
        encode(found, answer.resource)
        return answer

    async def List(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """All resources of a type, sorted by id."""
        self._allow(request.namespace, request.type, caller)
        wanted = matcher(request.options)
        for item in _sorted(self.store.listing(request.namespace, request.type)):
            if wanted(item):
                answer = wire.message("cosi.resource.ListResponse")()
                encode(item, answer.resource)
                yield answer

    async def _refuse(self, request: Any, caller: Caller) -> Any:
        raise ApiError(PERMISSION_DENIED, "write access is not allowed")

    Create = Update = Destroy = _refuse

    async def Watch(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """The state and its changes; the first message is empty."""
        self._allow(request.namespace, request.type, caller)
        single = request.HasField("id")
        if single and request.options.bootstrap_contents:
            raise ApiError(UNIMPLEMENTED, "bootstrap contents is not implemented for resource watch")
        if single and request.options.label_query:
            raise ApiError(UNIMPLEMENTED, "label query is not implemented for resource watch")
        wanted = matcher(request.options)
        changed = asyncio.Event()
        self.node.watchers.add(changed)
        try:
            yield wire.message("cosi.resource.WatchResponse")()
            known = self._current(request, wanted, single)
            if single:
                item = known.get(request.id)
                if item is None:
                    item = Resource(request.namespace, request.type, request.id, tombstone=True)
                    yield self._event(DESTROYED, item)
                else:
                    yield self._event(CREATED, item)
            elif request.options.bootstrap_contents:
                for item in _sorted(known):
                    yield self._event(CREATED, item)
                yield self._event(BOOTSTRAPPED, Resource(request.namespace, request.type, "", tombstone=True))
            while True:
                await changed.wait()
                changed.clear()
                now = self._current(request, wanted, single)
                for kind, item, old in _changes(known, now):
                    yield self._event(kind, item, old)
                known = now
        finally:
            self.node.watchers.discard(changed)

    def _current(self, request: Any, wanted: Any, single: bool) -> dict[str, Resource]:
        items = self.store.listing(request.namespace, request.type)
        return {name: item for name, item in items.items() if (name == request.id if single else wanted(item))}

    @staticmethod
    def _event(kind: int, item: Resource, old: Resource | None = None) -> Any:
        answer = wire.message("cosi.resource.WatchResponse")()
        event = answer.event.add(event_type=kind)
        encode(item, event.resource)
        if old is not None:
            encode(old, event.old)
        return answer


def _sorted(items: dict[str, Resource]) -> list[Resource]:
    return [items[name] for name in sorted(items)]


def _changes(before: dict[str, Resource], now: dict[str, Resource]) -> list[tuple[int, Resource, Resource | None]]:
    out: list[tuple[int, Resource, Resource | None]] = []
    for name, item in now.items():
        if name not in before:
            out.append((CREATED, item, None))
        elif item.version != before[name].version:
            out.append((UPDATED, item, before[name]))
    out.extend((DESTROYED, item, None) for name, item in before.items() if name not in now)
    return out


def matcher(options: Any) -> Any:
    """A predicate for ``id_query`` and ``label_query`` (terms are ANDed, queries ORed).

    :raises ApiError: for a regular expression that cannot be read, or a label operation that is not known.
    """
    pattern = None
    if options.HasField("id_query") and options.id_query.regexp:
        try:
            pattern = re.compile(options.id_query.regexp)
        except re.error as error:
            raise ApiError(UNKNOWN, f"failed to compile regexp: {error}") from None
    queries = list(options.label_query)
    for query in queries:
        for term in query.terms:
            if term.op not in (EXISTS, EQUAL, NOT_EXISTS, IN):
                raise ApiError(UNIMPLEMENTED, f"unsupported label query operator: {term.op}")

    def holds(term: Any, labels: dict[str, str]) -> bool:
        value = labels.get(term.key)
        result = {
            EXISTS: value is not None,
            NOT_EXISTS: value is None,
            EQUAL: value is not None and list(term.value[:1]) == [value],
            IN: value in list(term.value),
        }[term.op]
        return result != term.invert

    def wanted(item: Resource) -> bool:
        if pattern is not None and not pattern.search(item.id):
            return False
        return not queries or any(all(holds(term, item.labels) for term in query.terms) for query in queries)

    return wanted


def encode(item: Resource, target: Any) -> None:
    """Fill a ``cosi.resource.Resource``."""
    meta = target.metadata
    meta.namespace, meta.type, meta.id = item.namespace, item.type, item.id
    meta.version = "undefined" if item.tombstone else str(item.version)
    meta.owner, meta.phase = item.owner, "running"
    meta.created.FromNanoseconds(item.created)
    meta.updated.FromNanoseconds(item.updated)
    for key, value in item.labels.items():
        meta.labels[key] = value
    target.spec.SetInParent()
    if not item.tombstone:
        target.spec.yaml_spec, target.spec.proto_spec = item.yaml, item.proto
