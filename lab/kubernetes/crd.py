# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CustomResourceDefinitions: refusal of bad ones, and the life of the kinds which they define."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from .call import now
from .errors import Cause, invalid, invalid_value, required
from .registry import Registry
from .resources import CUSTOM, Resource, version_rank
from .schema import custom
from .store import Entry, Event

Object = dict[str, Any]
ID = "customresourcedefinitions.apiextensions.k8s.io"
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
ESTABLISH_DELAY = 0.03
"""Seconds from the creation of a definition until its kind is served, as measured on a real server."""


def check(obj: Object) -> None:
    """Refuse a definition which the server would refuse.

    :raises ApiError: 422.
    """
    spec, name = obj.get("spec") or {}, obj["metadata"]["name"]
    names, causes = spec.get("names") or {}, []
    for field, value in (
        ("group", spec.get("group")),
        ("names.plural", names.get("plural")),
        ("names.kind", names.get("kind")),
    ):
        if not value:
            causes.append(required(f"spec.{field}"))
    if names.get("plural") and spec.get("group") and name != f"{names['plural']}.{spec['group']}":
        causes.insert(0, invalid_value("metadata.name", json.dumps(name), 'must be spec.names.plural+"."+spec.group'))
    versions = spec.get("versions") or []
    if sum(1 for version in versions if version.get("storage")) != 1:
        text = "must have exactly one version marked as storage version"
        causes.append(invalid_value("spec.versions", "null" if not versions else "[]", text))
    for index, version in enumerate(versions):
        place = f"spec.versions[{index}]"
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            causes.append(required(f"{place}.schema.openAPIV3Schema", "schemas are required"))
        else:
            _structural(schema, f"{place}.schema.openAPIV3Schema", causes)
    if causes:
        raise invalid("CustomResourceDefinition", "apiextensions.k8s.io", name, causes)


def _structural(raw: Object, path: str, causes: list[Cause]) -> None:
    kind = raw.get("type")
    loose = raw.get("x-kubernetes-preserve-unknown-fields") or raw.get("x-kubernetes-int-or-string")
    if not kind and not loose:
        if raw.get("properties") or raw.get("items") or path.endswith("openAPIV3Schema"):
            causes.append(required(f"{path}.type", "must not be empty for specified object fields"))
    if kind == "array" and not raw.get("items"):
        causes.append(required(f"{path}.items", "must be specified"))
    for name, child in (raw.get("properties") or {}).items():
        if isinstance(child, dict):
            _structural(child, f"{path}.properties[{name}]", causes)
    if isinstance(raw.get("items"), dict):
        _structural(raw["items"], f"{path}.items", causes)
    if isinstance(raw.get("additionalProperties"), dict):
        _structural(raw["additionalProperties"], f"{path}.additionalProperties", causes)


def condition(kind: str, status: str, reason: str, message: str) -> Object:
    """One condition of a definition."""
    return {"type": kind, "status": status, "lastTransitionTime": now(), "reason": reason, "message": message}


def mark_terminating(obj: Object) -> None:
    """Add the condition of a definition that is being deleted (in place; the status is replaced, not changed)."""
    status = dict(obj.get("status") or {})
    others = [c for c in status.get("conditions") or () if c.get("type") != "Terminating"]
    text = "CustomResource deletion is in progress"
    status["conditions"] = [*others, condition("Terminating", "True", "InstanceDeletionInProgress", text)]
    obj["status"] = status


def resource_of(obj: Object, registry: Registry) -> Resource:
    """The resource which a definition describes."""
    spec, names = obj["spec"], obj["spec"]["names"]
    served = [version for version in spec["versions"] if version.get("served")]
    resource = Resource(
        group=spec["group"],
        versions=tuple(sorted((version["name"] for version in served), key=version_rank)),
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec.get("scope") == "Namespaced",
        singular=names.get("singular", ""),
        list_kind=names.get("listKind", ""),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=CUSTOM,
        custom=True,
        generation=True,
    )
    with_status = set()
    for version in served:
        name = version["name"]
        raw = version["schema"]["openAPIV3Schema"]
        resource.nodes[name] = custom(raw, registry.definitions)
        resource.columns[name] = version.get("additionalPrinterColumns") or []
        subs = version.get("subresources") or {}
        if "status" in subs:
            with_status.add(name)
        if subs.get("scale"):
            resource.scale[name] = subs["scale"]
        if version.get("deprecated"):
            text = version.get("deprecationWarning") or f"{resource.api_version(name)} {resource.kind} is deprecated"
            resource.deprecated[name] = text
    resource.status_versions = frozenset(with_status)
    return resource


class Definitions:
    """Watches the definitions in the store and serves their kinds."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.store = registry.store
        self._shapes: dict[str, str] = {}
        self.store.observers.append(self._observe)

    def _observe(self, resource: str, event: Event) -> None:
        if resource != ID:
            return
        if event.kind == "DELETED":
            self._shapes.pop(event.name, None)
            self.registry.remove(event.name)
        elif event.kind == "ADDED":
            try:
                asyncio.get_running_loop().call_later(ESTABLISH_DELAY, self._establish, event.name)
            except RuntimeError:
                self._establish(event.name)
        elif event.entry.obj["metadata"].get("deletionTimestamp"):
            served = self.registry.resources.get(event.name)
            if served is not None:
                served.terminating = True
        elif event.before is not None and event.before.obj.get("spec") != event.entry.obj.get("spec"):
            self._establish(event.name)

    def adopt(self, name: str) -> None:
        """Serve the kind of a definition that was established before this server started."""
        entry = self.store.get(ID, "", name)
        conditions = ((entry.obj if entry else {}).get("status") or {}).get("conditions") or ()
        if entry is not None and any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            self._shapes[name] = json.dumps(entry.obj["spec"], sort_keys=True)
            self.registry.add(resource_of(entry.obj, self.registry))

    def _establish(self, name: str) -> None:
        entry = self.store.get(ID, "", name)
        if entry is None or entry.obj["metadata"].get("deletionTimestamp"):
            return
        spec, names = entry.obj["spec"], entry.obj["spec"]["names"]
        clash = self._clash(name, spec["group"], names)
        if clash:
            reason, message = clash
            conditions = [
                condition("NamesAccepted", "False", reason, message),
                condition("Established", "False", "NotAccepted", "not all names are accepted"),
            ]
            self._set_status(entry, conditions, {"plural": "", "kind": ""})
            return
        shape = json.dumps(spec, sort_keys=True)
        if self._shapes.get(name) != shape:
            self._shapes[name] = shape
            self.registry.add(resource_of(entry.obj, self.registry))
        conditions = [
            condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
            condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted"),
        ]
        self._set_status(entry, conditions, names)

    def _set_status(self, entry: Entry, conditions: list[Object], accepted: Object) -> None:
        status = dict(entry.obj.get("status") or {})
        known = {(c["type"], c["status"], c["reason"], c["message"]) for c in status.get("conditions") or ()}
        wanted = {(c["type"], c["status"], c["reason"], c["message"]) for c in conditions}
        stored = [version["name"] for version in entry.obj["spec"]["versions"] if version.get("storage")]
        versions = list(dict.fromkeys([*(status.get("storedVersions") or ()), *stored]))
        if wanted <= known and status.get("acceptedNames") == accepted and status.get("storedVersions") == versions:
            return
        status.update(conditions=conditions, acceptedNames=accepted, storedVersions=versions)
        self.store.put(ID, {**entry.obj, "metadata": dict(entry.obj["metadata"]), "status": status})

    def _clash(self, name: str, group: str, names: Object) -> tuple[str, str] | None:
        for resource in self.registry.resources.values():
            if resource.group != group or resource.id == name:
                continue
            if names.get("listKind") == resource.list_kind:
                return "ListKindConflict", f'"{names["listKind"]}" is already in use'
            if names.get("kind") == resource.kind:
                return "KindConflict", f'"{names["kind"]}" is already in use'
            taken = {resource.plural, resource.singular, *resource.short_names}
            if names["plural"] in taken:
                return "PluralConflict", f'"{names["plural"]}" is already in use'
            for short in names.get("shortNames") or ():
                if short in taken:
                    return "ShortNamesConflict", f'"{short}" is already in use'
        return None
