# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, update and patch: from a typed document to a stored object (``endpoints/handlers``, ``registry/rest``)."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

from . import defaults, intake, ownership, patch, pod_security
from .alloc import Services
from .call import Call, now
from .defaults.zero import EMPTY, ZERO
from .errors import (
    ApiError,
    Cause,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    internal,
    invalid,
    invalid_value,
    not_found,
    rejected_patch,
    required,
    stale,
)
from .fields import KeyError_
from .merge import check as check_applied
from .ownership import Writer
from .registry import Registry
from .store import Entry, Store
from .strategic import strategic
from .timestamps import only_times_moved

Object = dict[str, Any]
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "namespace")
APPLY = "application/apply-patch+yaml"
JSON_PATCH, MERGE, STRATEGIC = (
    "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"
)  # fmt: skip


class Writes:
    """The write path over one store."""

    def __init__(self, registry: Registry, services: Services) -> None:
        self.registry = registry
        self.store: Store = registry.store
        self.services = services

    # -- create -------------------------------------------------------------------------------------------------

    def create(self, call: Call) -> Entry:
        """POST.

        :raises ApiError: as the server would refuse.
        """
        obj = intake.document(call)
        intake.check_type(call, obj, self.registry.definitions.by_kind)
        new = intake.typed(call, obj)
        return self._store_new(call, new, resource_manager=True)

    def _store_new(self, call: Call, new: Object, resource_manager: bool) -> Entry:
        resource = call.resource
        meta = new["metadata"]
        self._place(call, meta)
        if meta.get("resourceVersion"):
            raise internal("resourceVersion should not be set on objects to be created")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(random.choices(_ALPHABET, k=5))
        stamp = now()
        if resource.has_status(call.version) and resource.id != "nodes":
            new.pop("status", None)
        for name in ("uid", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            meta.pop(name, None)
        if resource_manager:
            writer = Writer(call.manager, call.api_version, "", stamp)
            meta.pop("managedFields", None)
            nothing = EMPTY if resource.custom else ZERO.get(resource.id, EMPTY)
            owned = new
            if resource.has_status(call.version) and "status" in new:
                owned = {key: value for key, value in new.items() if key != "status"}
                nothing = {key: value for key, value in nothing.items() if key != "status"}
            entries = ownership.after_update(nothing, owned, resource.nodes[call.version], writer)
        else:
            entries = meta.pop("managedFields", [])
        self._admit(call, meta)
        if resource.terminating:
            raise ApiError(
                405, "MethodNotAllowed", "create not allowed while custom resource definition is terminating", {}
            )
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = stamp
        if resource.custom or resource.generation:
            meta["generation"] = 1
        if not resource.custom:
            defaults.prepared(resource.id, new)
            defaults.finished(resource.id, new)
        if entries:
            meta["managedFields"] = entries
        intake.violations(call, new, None)
        if resource.id == "pods":
            self._admit_pod(call, new)
        name = meta["name"]
        if self.store.get(resource.id, meta.get("namespace", ""), name) is not None:
            raise already_exists(resource.plural, resource.group, name)
        if resource.id == "services":
            self.services.fill(new, None)
        if resource.id == "customresourcedefinitions.apiextensions.k8s.io":
            from . import crd

            crd.check(new)
        if resource.custom and "status" not in new:
            # A new custom resource has no status, but a default of its schema is filled in whenever one is read.
            status = resource.nodes[call.version].fields.get("status")
            if status is not None and "default" in status.raw:
                new["status"] = json.loads(json.dumps(status.raw["default"]))
        if call.dry_run:
            meta.pop("resourceVersion", None)
            return Entry(new, 0)
        entry = self.store.put(resource.id, new)
        if resource.id == "services":
            self.services.note(new)
        return entry

    def _place(self, call: Call, meta: Object) -> None:
        if not call.resource.namespaced:
            meta.pop("namespace", None)
            return
        given = meta.get("namespace")
        if given and given != call.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        meta["namespace"] = call.namespace

    def _admit(self, call: Call, meta: Object) -> None:
        """Namespace lifecycle."""
        if not call.resource.namespaced:
            return
        space = self.store.get("namespaces", "", call.namespace)
        if space is None:
            raise not_found("namespaces", "", call.namespace)
        if space.obj["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
            cause = Cause(
                "NamespaceTerminating", f"namespace {call.namespace} is being terminated", "metadata.namespace"
            )
            raise forbidden(call.resource.plural, call.resource.group, meta.get("name", ""), why, [cause])

    def _admit_pod(self, call: Call, new: Object) -> None:
        """Pod security of the namespace."""
        space = self.store.get("namespaces", "", call.namespace)
        labels = space.obj["metadata"].get("labels") or {} if space else {}
        if why := pod_security.refusal(labels, new["spec"]):
            raise forbidden("pods", "", new["metadata"]["name"], why)

    # -- update -------------------------------------------------------------------------------------------------

    def update(self, call: Call) -> Entry:
        """PUT, also of a subresource."""
        resource = call.resource
        obj = intake.document(call)
        intake.check_type(call, obj, self.registry.definitions.by_kind)
        new = intake.typed(call, obj)
        meta = new["metadata"]
        if meta.get("name", call.name) != call.name:
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})"
            )
        meta["name"] = call.name
        self._place(call, meta)
        live = self.store.get(resource.id, call.namespace, call.name)
        if live is None:
            raise not_found(resource.plural, resource.group, call.name)
        if resource.custom and not meta.get("resourceVersion"):
            cause = invalid_value("metadata.resourceVersion", "0x0", "must be specified for an update")
            raise invalid(resource.plural, resource.group, call.name, [cause])
        return self._store_changed(call, live, new, replacing=True)

    def _store_changed(
        self, call: Call, live: Entry, new: Object, entries: list[Object] | None = None, replacing: bool = False
    ) -> Entry:
        """Finish a changed object; ``entries`` are the managedFields of an apply, else they are worked out here.

        :param replacing: whether the request is a PUT, whose uid is a precondition.
        """
        resource, old = call.resource, live.obj
        meta, before = new["metadata"], old["metadata"]
        if meta.get("resourceVersion") and meta["resourceVersion"] != before["resourceVersion"]:
            raise stale(resource.plural, resource.group, call.name)
        meta["resourceVersion"] = before["resourceVersion"]
        if meta.get("uid") and meta["uid"] != before["uid"]:
            if replacing:
                raise _other_object(call, meta["uid"], before["uid"])
            cause = invalid_value("metadata.uid", json.dumps(meta["uid"]), "field is immutable")
            raise invalid(resource.kind, resource.group, call.name, [cause, cause])
        for name in _KEPT:
            if name in before:
                meta[name] = before[name]
            else:
                meta.pop(name, None)
        if call.subresource == "status":
            incoming = new
            new = {**old, "metadata": dict(before)}
            if "status" in incoming:
                new["status"] = incoming["status"]
            else:
                new.pop("status", None)
            meta = new["metadata"]
        elif call.subresource == "finalize":
            pass
        elif resource.has_status(call.version):
            if "status" in old:
                new["status"] = old["status"]
            else:
                new.pop("status", None)
        if not resource.custom:
            defaults.finished(resource.id, new)
        if entries is None:
            writer = Writer(call.manager, call.api_version, call.subresource, now())
            entries = ownership.after_update(old, new, resource.nodes[call.version], writer)
        meta.pop("managedFields", None)
        if entries:
            meta["managedFields"] = entries
        if resource.id == "services" and call.subresource != "status":
            self._keep_addresses(new, old)
            self.services.fill(new, old)
        counted = resource.custom or resource.generation
        if counted and call.subresource != "status" and self._spec_changed(call, old, new):
            meta["generation"] = before.get("generation", 0) + 1
        intake.violations(call, new, old)
        if new == old or only_times_moved(old, new, custom=resource.custom):
            return live
        if call.dry_run:
            return Entry(new, live.rv)
        if before.get("deletionTimestamp") and not meta.get("finalizers") and not self._held(resource.id, new):
            self.store.remove(resource.id, call.namespace, call.name)
            return Entry(new, live.rv)
        entry = self.store.put(resource.id, new)
        if resource.id == "services":
            self.services.note(new)
        return entry

    @staticmethod
    def _held(resource_id: str, obj: Object) -> bool:
        """Namespaces are also held by their spec's finalizers."""
        return resource_id == "namespaces" and bool((obj.get("spec") or {}).get("finalizers"))

    @staticmethod
    def _keep_addresses(new: Object, old: Object) -> None:
        spec, before = new["spec"], old.get("spec") or {}
        if spec.get("type") == "ExternalName":
            return
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"):
            if not spec.get(name) and name in before:
                spec[name] = before[name]
        if spec.get("clusterIP") != before.get("clusterIP") and spec.get("clusterIPs") == before.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        known = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in before.get("ports") or ()}
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            for port in spec.get("ports") or ():
                kept = known.get((port.get("protocol"), port.get("port")))
                if kept and not port.get("nodePort"):
                    port["nodePort"] = kept

    @staticmethod
    def _spec_changed(call: Call, old: Object, new: Object) -> bool:
        skip = (
            {"metadata", "status"}
            if call.resource.has_status(call.version) or not call.resource.custom
            else {"metadata"}
        )
        for name in old.keys() | new.keys():
            if name not in skip and old.get(name) != new.get(name):
                return True
        return False

    # -- patch --------------------------------------------------------------------------------------------------

    def patch(self, call: Call) -> tuple[Entry, bool]:
        """PATCH; the second value tells whether the object was created.

        :raises ApiError: as the server would refuse.
        """
        kind = call.content_type.split(";", 1)[0].strip().lower()
        resource = call.resource
        accepted = [JSON_PATCH, MERGE] + ([] if resource.custom else [STRATEGIC]) + [APPLY]
        if kind not in accepted:
            raise intake.unsupported(accepted)
        if kind == APPLY:
            return self._apply(call)
        if "force" in call.query:
            cause = Cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        live = self.store.get(resource.id, call.namespace, call.name)
        if live is None:
            raise not_found(resource.plural, resource.group, call.name)
        changed = self._patched(call, live, kind)
        shown = json.loads(call.body) if kind == STRATEGIC else changed
        new = intake.typed(call, changed, shown, strategic=kind == STRATEGIC)
        meta = new["metadata"]
        if meta.get("name") != call.name:
            raise bad_request(
                f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({call.name})"
            )
        if resource.namespaced and meta.get("namespace") != call.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        return self._store_changed(call, live, new), False

    def _patched(self, call: Call, live: Entry, kind: str) -> Object:
        try:
            document = json.loads(call.body)
        except ValueError as error:
            raise bad_request(f"error decoding patch: {error}") from error
        resource = call.resource
        whole = {"kind": resource.kind, "apiVersion": call.api_version, **live.obj}
        if kind == JSON_PATCH:
            changed = patch.json_patch(whole, document)
        elif not isinstance(document, dict):
            raise bad_request(
                "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
            )
        elif kind == MERGE:
            changed = patch.merge_patch(whole, document)
        else:
            node = resource.nodes[call.version]
            changed = strategic(whole, document, node)
        if not isinstance(changed, dict):
            raise rejected_patch()
        if "metadata" not in changed:
            changed["metadata"] = {}
        kind_now, version_now = changed.get("kind"), changed.get("apiVersion")
        if kind_now != resource.kind and resource.custom:
            cause = invalid_value("kind", json.dumps(kind_now), f"must be {resource.kind}")
            raise invalid(str(kind_now), resource.group, call.name, [cause])
        if version_now != call.api_version and resource.custom:
            cause = invalid_value("apiVersion", json.dumps(version_now), f"must be {call.api_version}")
            raise invalid(resource.kind, resource.group, call.name, [cause])
        if version_now != call.api_version:
            raise bad_request(
                f"the API version in the data ({version_now}) does not match "
                f"the expected API version ({call.api_version})"
            )
        return changed

    # -- server-side apply --------------------------------------------------------------------------------------

    def _apply(self, call: Call) -> tuple[Entry, bool]:
        resource = call.resource
        if not call.query.get("fieldManager"):
            cause = required("fieldManager", "is required for apply patch")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        config = intake.apply_document(call)
        kind, version = config.get("kind", ""), config.get("apiVersion", "")
        if not kind or not version:
            group, _slash, number = version.rpartition("/")
            label = f"{group}/{number}, Kind={kind}"
            raise bad_request(f"invalid object type: {label}")
        if kind != resource.kind or version != call.api_version:
            raise bad_request(f"invalid object type: {version}, Kind={kind}")
        meta = config.get("metadata") or {}
        if meta.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if meta.get("name", call.name) != call.name:
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})"
            )
        if resource.namespaced and meta.get("namespace", call.namespace) != call.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        live = self.store.get(resource.id, call.namespace, call.name)
        if live is None and call.subresource:
            raise not_found(resource.plural, resource.group, call.name)
        node = resource.nodes[call.version]
        wrong = check_applied({k: v for k, v in config.items() if k not in ("kind", "apiVersion")}, node)
        if wrong:
            joined = wrong[0] if len(wrong) == 1 else "errors:\n  " + "\n  ".join(wrong)
            raise internal(
                f"failed to create typed patch object ({meta.get('namespace', '')}/{meta.get('name', '')}; "
                f"{call.api_version}, Kind={resource.kind}): {joined}"
            )
        return self._merge_applied(call, live, config)

    def _merge_applied(self, call: Call, live: Entry | None, config: Object) -> tuple[Entry, bool]:
        resource, node = call.resource, call.resource.nodes[call.version]
        wanted = {key: value for key, value in config.items() if key not in ("kind", "apiVersion")}
        meta = wanted.get("metadata") or {}
        version, uid = meta.get("resourceVersion"), meta.get("uid")
        wanted["metadata"] = {
            key: value
            for key, value in meta.items()
            if key not in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "namespace")
        }
        wanted["metadata"]["name"] = call.name
        if call.subresource == "status":
            wanted = {key: value for key, value in wanted.items() if key in ("metadata", "status")}
            wanted["metadata"] = {"name": call.name}
        elif resource.has_status(call.version):
            wanted.pop("status", None)
        writer = Writer(call.query["fieldManager"], call.api_version, call.subresource, now())
        force = call.query.get("force", "").lower() in ("true", "1")
        base = live.obj if live else {"metadata": {"name": call.name}}
        nothing = None
        if not resource.custom:
            nothing = {key: value for key, value in ZERO.get(resource.id, EMPTY).items() if key != "status"}
        try:
            merged, entries = ownership.apply(base, wanted, node, writer, force, nothing)
        except ownership.Conflicts as conflicts:
            raise conflicts.error() from None
        except KeyError_ as error:
            raise internal(f"failed to merge: {error}") from error
        before = list(call.warnings)
        new = intake.typed(call, merged)
        call.warnings[:] = before
        new["metadata"].pop("managedFields", None)
        if live is None:
            new["metadata"]["managedFields"] = entries
            if uid or version:
                raise not_found(resource.plural, resource.group, call.name)
            return self._store_new(call, new, resource_manager=False), True
        _sync_last_applied(writer.manager, new, config)
        new["metadata"]["resourceVersion"] = version or live.obj["metadata"]["resourceVersion"]
        if uid:
            new["metadata"]["uid"] = uid
        return self._store_changed(call, live, new, entries), False


def _other_object(call: Call, given: str, found: str) -> ApiError:
    resource = call.resource
    key = "/".join(
        part for part in ("", "registry", resource.group, resource.plural, call.namespace, call.name) if part
    )
    why = (
        f"StorageError: invalid object, Code: 4, Key: /{key}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: {given}, UID in object meta: {found}"
    )
    return conflict(resource.plural, resource.group, call.name, why)


def _sync_last_applied(manager: str, new: Object, config: Object) -> None:
    """``kubectl apply --server-side`` keeps the annotation of client-side apply true."""
    notes = new["metadata"].get("annotations") or {}
    if manager != "kubectl" or ownership.LAST_APPLIED not in notes:
        return
    copy = json.loads(json.dumps(config))
    meta = copy.get("metadata") or {}
    given = meta.get("annotations")
    if given:
        given.pop(ownership.LAST_APPLIED, None)
        if not given:
            del meta["annotations"]
    notes[ownership.LAST_APPLIED] = json.dumps(copy, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"
