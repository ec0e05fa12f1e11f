# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete and deletecollection, finalizers, and the garbage collection of namespaces, owners and definitions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from . import crd, decode
from .alloc import Services
from .call import Call, Reply, now
from .errors import bad_request, conflict, not_found
from .reading import select
from .registry import Registry
from .store import Entry, Event

Object = dict[str, Any]
_RETURNS_OBJECT = frozenset(
    {
        "pods", "services", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts", "resourcequotas",
        "namespaces", "storageclasses.storage.k8s.io", "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io",
        "volumeattachments.storage.k8s.io", "podtemplates",
    }
)  # fmt: skip
_PROTECTIONS = ("kubernetes.io/pvc-protection", "kubernetes.io/pv-protection")
FOREGROUND = "foregroundDeletion"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_SWEEP = 0.02
"""Seconds until the collector looks at what a deletion left behind."""


class Deletes:
    """Deletion over one registry, and the collector that real clusters run in the controller manager."""

    def __init__(self, registry: Registry, services: Services) -> None:
        self.registry = registry
        self.store = registry.store
        self.services = services
        self.uids: dict[str, tuple[str, str, str]] = {}
        self.dependents: dict[str, set[tuple[str, str, str]]] = {}
        self.store.observers.append(self._observe)
        self._sweeping: set[str] = set()

    # -- requests -----------------------------------------------------------------------------------------------

    def delete(self, call: Call) -> Reply:
        """DELETE of one object.

        :raises ApiError: 404, or 409 for a failed precondition.
        """
        resource = call.resource
        entry = self.store.get(resource.id, call.namespace, call.name)
        if entry is None:
            raise not_found(resource.plural, resource.group, call.name)
        options = self._options(call)
        self._preconditions(call, entry, options)
        if call.dry_run or options.get("dryRun"):
            last = entry
            gone = True
        else:
            last, gone = self.begin(resource.id, entry, options.get("propagationPolicy", "Background"))
        if not gone or resource.id in _RETURNS_OBJECT:
            return Reply(200, last.typed(resource.kind, call.api_version))
        details: Object = {"name": call.name}
        if resource.group:
            details["group"] = resource.group
        details["kind"] = resource.plural
        details["uid"] = entry.obj["metadata"]["uid"]
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return Reply(200, json.dumps(status, separators=(",", ":")))

    def collection(self, call: Call) -> Reply:
        """DELETE of a collection; answers the list of what it deleted."""
        resource = call.resource
        found, version = select(self.store, call), str(self.store.rv)
        policy = self._options(call).get("propagationPolicy", "Background")
        if not call.dry_run:
            for entry in found:
                self.begin(resource.id, entry, policy)
        items = ",".join(
            entry.typed(resource.kind, call.api_version) if resource.custom else entry.text for entry in found
        )
        first: Object = {"continue": ""} if resource.custom else {}
        meta = json.dumps({**first, "resourceVersion": version})
        return Reply(
            200,
            f'{{"kind":"{resource.list_kind}","apiVersion":"{call.api_version}","metadata":{meta},"items":[{items}]}}',
        )

    def _options(self, call: Call) -> Object:
        options: Object = {}
        if call.body.strip():
            try:
                options, _complaints = decode.body(call.body, call.content_type or "application/json")
            except ValueError as error:
                raise bad_request(f"error decoding delete options: {error}") from error
        if not isinstance(options, dict):
            raise bad_request("unable to decode delete options")
        for name in ("propagationPolicy",):
            if call.query.get(name):
                options[name] = call.query[name]
        if options.get("orphanDependents"):
            options["propagationPolicy"] = "Orphan"
        return options

    def _preconditions(self, call: Call, entry: Entry, options: Object) -> None:
        wanted = options.get("preconditions") or {}
        meta, resource = entry.obj["metadata"], call.resource
        for key, label, field in (("uid", "UID", "uid"), ("resourceVersion", "ResourceVersion", "resourceVersion")):
            given = wanted.get(key)
            if given and given != meta[field]:
                why = (
                    f"the {label} in the precondition ({given}) does not match the {label} in record ({meta[field]}). "
                    "The object might have been deleted and then recreated"
                    if key == "uid"
                    else f"the ResourceVersion in the precondition ({given}) does not match the ResourceVersion in "
                    f"record ({meta[field]}). The object might have been modified"
                )
                raise conflict(resource.kind, resource.group, call.name, why)

    # -- deletion -----------------------------------------------------------------------------------------------

    def begin(self, resource: str, entry: Entry, policy: str) -> tuple[Entry, bool]:
        """Delete an object, or mark it when finalizers hold it; returns the last version and whether it is gone."""
        meta = entry.obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        finalizers = [item for item in meta.get("finalizers") or () if item not in _PROTECTIONS]
        if policy == "Orphan":
            self._orphan(meta["uid"])
        if policy == "Foreground" and FOREGROUND not in finalizers:
            finalizers.append(FOREGROUND)
        if resource == DEFINITIONS and crd.FINALIZER not in finalizers:
            finalizers.append(crd.FINALIZER)
        spec = entry.obj.get("spec") or {}
        held = bool(finalizers) or (resource == "namespaces" and bool(spec.get("finalizers")))
        if not held:
            self.store.remove(resource, namespace, name)
            return entry, True
        if meta.get("deletionTimestamp"):
            return entry, False
        new = dict(entry.obj)
        new["metadata"] = {
            **meta,
            "deletionTimestamp": now(),
            "deletionGracePeriodSeconds": 0,
        }
        if finalizers:
            new["metadata"]["finalizers"] = finalizers
        if "generation" in meta:
            new["metadata"]["generation"] = meta["generation"] + 1
        if resource == "namespaces":
            del new["metadata"]["deletionGracePeriodSeconds"]
            new["status"] = {**(new.get("status") or {}), "phase": "Terminating"}
        if resource == DEFINITIONS:
            crd.mark_terminating(new)
        changed = self.store.put(resource, new)
        self._later(resource, namespace, name)
        return changed, False

    # -- the collector ------------------------------------------------------------------------------------------

    def _observe(self, resource: str, event: Event) -> None:
        """Keep the owner index, and look after what an event set free."""
        meta = event.entry.obj["metadata"]
        place = (resource, event.namespace, event.name)
        uid = meta["uid"]
        for owner in (event.before.obj["metadata"].get("ownerReferences") or ()) if event.before else ():
            self.dependents.get(owner.get("uid", ""), set()).discard(place)
        if event.kind == "DELETED":
            self.uids.pop(uid, None)
            if resource == "services":
                self.services.release(event.entry.obj)
            if self.dependents.get(uid):
                self._call_later(self._collect, uid)
            for owner in meta.get("ownerReferences") or ():
                where = self.uids.get(owner.get("uid", ""))
                if where:
                    self._later(*where)
            if event.namespace:
                space = self.store.get("namespaces", "", event.namespace)
                if space is not None and space.obj["metadata"].get("deletionTimestamp"):
                    self._later("namespaces", "", event.namespace)
            self._definition_of(resource)
            return
        self.uids[uid] = place
        for owner in meta.get("ownerReferences") or ():
            owner_uid = owner.get("uid", "")
            self.dependents.setdefault(owner_uid, set()).add(place)
            if owner_uid not in self.uids:
                self._call_later(self._collect, owner_uid, delay=0.5)

    def _definition_of(self, resource: str) -> None:
        definition = self.store.get(DEFINITIONS, "", resource)
        if definition is not None and definition.obj["metadata"].get("deletionTimestamp"):
            self._later(DEFINITIONS, "", resource)

    def _later(self, resource: str, namespace: str, name: str) -> None:
        self._call_later(self._finish, f"{resource}|{namespace}|{name}")

    def _call_later(self, action: Any, key: str, delay: float = _SWEEP) -> None:
        mark = f"{action.__name__}:{key}"
        if mark in self._sweeping:
            return

        def run() -> None:
            self._sweeping.discard(mark)
            action(key)

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._sweeping.add(mark)
        loop.call_later(delay, run)

    def adopt(self, resource: str, obj: Object) -> None:
        """Index an object that was there before this server started, and whom it belongs to."""
        meta = obj["metadata"]
        place = (resource, meta.get("namespace", ""), meta["name"])
        self.uids[meta["uid"]] = place
        for owner in meta.get("ownerReferences") or ():
            self.dependents.setdefault(owner.get("uid", ""), set()).add(place)

    def _collect(self, uid: str) -> None:
        """Delete dependents all of whose owners are gone."""
        for resource, namespace, name in sorted(self.dependents.get(uid, ())):
            entry = self.store.get(resource, namespace, name)
            if entry is None:
                continue
            owners = entry.obj["metadata"].get("ownerReferences") or []
            if any(owner.get("uid") in self.uids for owner in owners):
                left = [owner for owner in owners if owner.get("uid") in self.uids]
                self._with_meta(resource, entry, ownerReferences=left)
                continue
            self.begin(resource, entry, "Background")
        if not self.dependents.get(uid):
            self.dependents.pop(uid, None)

    def _orphan(self, uid: str) -> None:
        for resource, namespace, name in sorted(self.dependents.get(uid, ())):
            entry = self.store.get(resource, namespace, name)
            if entry is not None:
                owners = entry.obj["metadata"].get("ownerReferences") or []
                left = [owner for owner in owners if owner.get("uid") != uid]
                self._with_meta(resource, entry, ownerReferences=left or None)

    def _with_meta(self, resource: str, entry: Entry, **changes: Any) -> None:
        meta = {key: value for key, value in {**entry.obj["metadata"], **changes}.items() if value}
        self.store.put(resource, {**entry.obj, "metadata": meta})

    def _finish(self, key: str) -> None:
        """Take a terminating object one step further."""
        resource, namespace, name = key.split("|")
        entry = self.store.get(resource, namespace, name)
        if entry is None or not entry.obj["metadata"].get("deletionTimestamp"):
            return
        if resource == "namespaces":
            self._finish_namespace(entry, name)
        elif resource == DEFINITIONS:
            self._finish_definition(entry, name)
        elif FOREGROUND in (entry.obj["metadata"].get("finalizers") or ()):
            self._finish_foreground(resource, entry)

    def _finish_namespace(self, entry: Entry, name: str) -> None:
        empty = True
        for resource in list(self.registry.resources.values()):
            if not resource.namespaced:
                continue
            for content in list(self.store.within(resource.id, name)):
                _last, gone = self.begin(resource.id, content, "Background")
                empty = empty and gone
        if not empty:
            return
        spec = {**(entry.obj.get("spec") or {})}
        left = [item for item in spec.get("finalizers") or () if item != "kubernetes"]
        current = self.store.get("namespaces", "", name)
        if current is None:
            return
        if left or current.obj["metadata"].get("finalizers"):
            if left != (spec.get("finalizers") or []):
                self.store.put(
                    "namespaces", {**current.obj, "metadata": {**current.obj["metadata"]}, "spec": {"finalizers": left}}
                )
            return
        self.store.remove("namespaces", "", name)

    def _finish_definition(self, entry: Entry, name: str) -> None:
        empty = True
        if name in self.registry.resources:
            for content in list(self.store.within(name, "")):
                _last, gone = self.begin(name, content, "Background")
                empty = empty and gone
        meta = entry.obj["metadata"]
        left = [item for item in meta.get("finalizers") or () if item != crd.FINALIZER]
        if not empty:
            return
        if left:
            self._with_meta(DEFINITIONS, entry, finalizers=left)
            return
        self.store.remove(DEFINITIONS, "", name)

    def _finish_foreground(self, resource: str, entry: Entry) -> None:
        meta = entry.obj["metadata"]
        waiting = False
        for kind, namespace, name in sorted(self.dependents.get(meta["uid"], ())):
            content = self.store.get(kind, namespace, name)
            if content is not None:
                _last, gone = self.begin(kind, content, "Foreground")
                waiting = waiting or not gone
        if waiting:
            return
        left = [item for item in meta.get("finalizers") or () if item != FOREGROUND]
        if left:
            self._with_meta(resource, entry, finalizers=left)
        else:
            self.store.remove(resource, meta.get("namespace", ""), meta["name"])
