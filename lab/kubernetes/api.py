# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API without HTTP: paths to replies. One instance is one cluster."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from . import crd, discovery, reading, scale, schema
from .alloc import Services
from .call import Call, Reply, now
from .deleting import Deletes
from .errors import (
    ApiError,
    Cause,
    conflict,
    invalid,
    method_not_allowed,
    not_found,
    path_not_found,
    resource_not_found,
)
from .openapi import OpenApi
from .registry import Registry
from .resources import UNSERVED
from .reviews import Identity, review
from .seeds import plant
from .store import Store
from .watch import Watch
from .writing import Writes

_ACCEPTABLE = ("application/json", "application/yaml", "*/*", "application/*")
_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
_ENDPOINTS_WARNING = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"


class Api:
    """Everything behind the listener: routing, discovery, reading, writing, deleting."""

    def __init__(self, version: str, service_cidr: str = "10.96.0.0/12", host: str = "127.0.0.1:6443") -> None:
        self.version = version
        self.host = host
        self.service_cidr = service_cidr
        self.definitions = schema.load(version)
        self.tokens: dict[str, Identity] = {}
        self.reset()

    def reset(self, seeded: bool = True) -> None:
        """An empty cluster, with the seeds of a fresh one unless its objects come from elsewhere."""
        self.store = Store()
        self.registry = Registry(self.definitions, self.store)
        self.services = Services(self.service_cidr)
        self.writes = Writes(self.registry, self.services)
        self.deletes = Deletes(self.registry, self.services)
        self.crds = crd.Definitions(self.registry)
        self.openapi = OpenApi(self.registry)
        self.version_text = discovery.version_info(self.version)
        if seeded:
            plant(self)

    def handle(
        self, method: str, target: str, headers: dict[str, str], body: bytes, identity: Identity
    ) -> tuple[Reply | Watch, list[str]]:
        """Answer one request; the second value are its warnings.

        :raises ApiError: for a Status failure.
        :raises PlainError: for a text failure.
        """
        path, _mark, query_text = target.partition("?")
        accept = headers.get("accept", "")
        parts = path.strip("/").split("/")
        if len(parts) >= 2 and parts[0] in ("api", "apis"):
            found = self._resource(parts)
            if found is not None:
                query = dict(parse_qsl(query_text, keep_blank_values=True)) if query_text else {}
                call = Call(
                    *found,
                    query=query,
                    content_type=headers.get("content-type", ""),
                    body=body,
                    user_agent=headers.get("user-agent", ""),
                    accept=accept,
                    user=identity.user,
                )
                return self._serve(method, call, identity), call.warnings
        return self._document(method, path, parts, accept), []

    # -- routing ------------------------------------------------------------------------------------------------

    def _resource(self, parts: list[str]) -> tuple[Any, str, str, str, str] | None:
        """``(resource, version, namespace, name, subresource)`` of a path, None for discovery paths.

        :raises ApiError: 404 inside a built-in group version.
        :raises PlainError: 404 elsewhere.
        """
        if parts[0] == "api":
            group, version, rest = "", parts[1], parts[2:]
        elif len(parts) >= 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            return None
        if not rest:
            return None
        namespace = ""
        if (
            rest[0] == "namespaces"
            and len(rest) >= 3
            and not (group == "" and rest[2] in ("status", "finalize") and len(rest) == 3)
        ):
            namespace, rest = unquote(rest[1]), rest[2:]
        resource = self.registry.find(group, version, rest[0])
        if resource is None or len(rest) > 3:
            raise self._missing(group, version)
        if namespace and not resource.namespaced:
            raise path_not_found() if resource.custom else resource_not_found()
        name = unquote(rest[1]) if len(rest) > 1 else ""
        sub = rest[2] if len(rest) > 2 else ""
        if sub and sub not in resource.subresources_of(version):
            raise not_found(resource.plural, resource.group, name) if resource.custom else resource_not_found()
        if name and resource.namespaced and not namespace:
            raise path_not_found() if resource.custom else resource_not_found()
        return resource, version, namespace, name, sub

    def _missing(self, group: str, version: str) -> Exception:
        if self.registry.is_builtin_group(group) and not (group and not version):
            return resource_not_found()
        return path_not_found()

    def _document(self, method: str, path: str, parts: list[str], accept: str) -> Reply:
        """Everything that is no resource: discovery, OpenAPI, version, health."""
        path = "/" + path.strip("/")
        if path in ("/healthz", "/livez", "/readyz", "/ping") or path.startswith(("/readyz/", "/livez/", "/healthz/")):
            return Reply(200, "ok", "text/plain; charset=utf-8")
        if method not in ("GET", "HEAD"):
            raise method_not_allowed()
        if path == "/version":
            return Reply(200, self.version_text)
        if path == "/openapi/v3":
            return Reply(200, self.openapi.index(), "text/plain; charset=utf-8")
        if path == "/openapi/v2":
            return Reply(200, self.openapi.swagger())
        if path.startswith("/openapi/v3/"):
            rest = parts[2:]
            if len(rest) == 2 and rest[0] == "api":
                return Reply(200, self.openapi.document("", rest[1]))
            if len(rest) == 3 and rest[0] == "apis":
                return Reply(200, self.openapi.document(rest[1], rest[2]))
            raise path_not_found()
        if path in ("/api", "/apis"):
            if "as=APIGroupDiscoveryList" in accept and "v=v2;" in accept.replace(" ", "") + ";":
                document = discovery.aggregated(self.registry, path == "/api")
                return Reply(200, json.dumps(document, separators=(",", ":")), discovery.AGGREGATED)
            document = discovery.api_versions(self.host) if path == "/api" else discovery.groups(self.registry)
        elif parts[0] == "apis" and len(parts) == 2:
            document = discovery.group(self.registry, parts[1])
        elif parts[0] == "apis" and len(parts) == 3:
            document = discovery.resources(self.registry, parts[1], parts[2])
        elif parts == ["api", "v1"]:
            document = discovery.resources(self.registry, "", "v1")
        elif path == "/":
            names = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]
            document = {"paths": names}
        else:
            raise path_not_found()
        return Reply(200, json.dumps(document, separators=(",", ":")))

    # -- verbs --------------------------------------------------------------------------------------------------

    def _serve(self, method: str, call: Call, identity: Identity) -> Reply | Watch:
        resource = call.resource
        if call.accept and not any(kind in call.accept for kind in _ACCEPTABLE):
            raise _not_acceptable()
        if resource.deprecated:
            text = resource.deprecated.get(call.version)
            if text:
                call.warnings.append(text)
        if resource.plural == "componentstatuses":
            if method != "GET":
                raise method_not_allowed()
            return reading.listing(self.store, call)
        if len(resource.verbs) == 1:
            if method != "POST":
                raise method_not_allowed()
            return review(call, identity)
        if method in _OPTIONS:
            _check_options(call, _OPTIONS[method])
        if call.subresource == "scale":
            if method not in ("GET", "PUT", "PATCH"):
                raise method_not_allowed()
            return scale.serve(self.writes, call, method)
        if call.subresource in ("binding", "eviction", "token"):
            if method != "POST":
                raise method_not_allowed()
            return {"binding": self._bind, "eviction": self._evict, "token": self._token}[call.subresource](call)
        if call.subresource in UNSERVED:
            what = f"{call.resource.plural}/{call.subresource}"
            text = f"the lab's API server does not serve {what}: no kubelet is behind it"
            raise ApiError(501, "NotImplemented", text)
        if call.name:
            return self._item(method, call)
        if method == "GET":
            watching = call.query.get("watch", "").lower()
            if watching in ("1", "true"):
                if "sendInitialEvents" in call.query:
                    raise _no_watch_list()
                return Watch(self.store, call)
            return reading.listing(self.store, call)
        if method == "POST":
            if resource.namespaced and not call.namespace:
                raise path_not_found() if resource.custom else method_not_allowed()
            self._deprecations(call)
            return reading.reply_one(call, self.writes.create(call), 201)
        if method == "DELETE":
            if (resource.namespaced and not call.namespace) or "deletecollection" not in resource.verbs:
                raise method_not_allowed()
            return self.deletes.collection(call)
        raise method_not_allowed()

    def _item(self, method: str, call: Call) -> Reply | Watch:
        if method == "GET":
            if call.query.get("watch", "").lower() in ("1", "true"):
                call.query["fieldSelector"] = f"metadata.name={call.name}"
                return Watch(self.store, call)
            return reading.reply_one(call, reading.get(self.store, call))
        if method == "PUT":
            self._deprecations(call)
            if call.subresource == "finalize":
                return self._finalize(call)
            return reading.reply_one(call, self.writes.update(call))
        if method == "PATCH" and call.subresource != "finalize":
            self._deprecations(call)
            entry, created = self.writes.patch(call)
            return reading.reply_one(call, entry, 201 if created else 200)
        if method == "DELETE" and not call.subresource:
            return self.deletes.delete(call)
        raise method_not_allowed()

    def _deprecations(self, call: Call) -> None:
        if call.resource.id == "endpoints" and int(re.findall(r"\d+", self.version)[1]) >= 33:
            call.warnings.append(_ENDPOINTS_WARNING)

    def _finalize(self, call: Call) -> Reply:
        body = json.loads(call.body)
        entry = reading.get(self.store, call)
        wanted = (body.get("spec") or {}).get("finalizers") or []
        if (
            not wanted
            and entry.obj["metadata"].get("deletionTimestamp")
            and not entry.obj["metadata"].get("finalizers")
        ):
            self.store.remove("namespaces", "", call.name)
            return reading.reply_one(call, entry)
        new = {**entry.obj, "metadata": dict(entry.obj["metadata"]), "spec": {"finalizers": wanted} if wanted else {}}
        return reading.reply_one(call, self.store.put("namespaces", new))

    def _evict(self, call: Call) -> Reply:
        entry = reading.get(self.store, call)
        if not call.dry_run:
            self.deletes.begin("pods", entry, "Background")
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return Reply(201, json.dumps(status))

    def _bind(self, call: Call) -> Reply:
        """What a scheduler does: the pod gets its node."""
        entry = reading.get(self.store, call)
        node = (json.loads(call.body).get("target") or {}).get("name", "")
        spec = entry.obj.get("spec") or {}
        if spec.get("nodeName"):
            why = f'pod {call.name} is already assigned to node "{spec["nodeName"]}"'
            raise conflict("pods/binding", "", call.name, why)
        if not call.dry_run:
            meta = {**entry.obj["metadata"], "generation": entry.obj["metadata"].get("generation", 1)}
            self.store.put("pods", {**entry.obj, "metadata": meta, "spec": {**spec, "nodeName": node}})
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return Reply(201, json.dumps(status))

    def _token(self, call: Call) -> Reply:
        """A token of a service account; the server accepts it as a bearer token."""
        reading.get(self.store, call)
        body = json.loads(call.body) if call.body else {}
        seconds = (body.get("spec") or {}).get("expirationSeconds", 3600)
        token = secrets.token_urlsafe(48)
        user = f"system:serviceaccount:{call.namespace}:{call.name}"
        self.tokens[token] = Identity(user, ("system:serviceaccounts", f"system:serviceaccounts:{call.namespace}"))
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        out = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": now()},
            "spec": {
                "audiences": ["https://kubernetes.default.svc"],
                "expirationSeconds": seconds,
                "boundObjectRef": None,
            },
            "status": {"token": token, "expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ")},
        }
        return Reply(201, json.dumps(out))

    # -- for tests and debugging --------------------------------------------------------------------------------

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """All objects by resource, complete with kind and apiVersion; values of Secrets are left out."""
        out: dict[str, list[dict[str, Any]]] = {}
        for resource in self.registry.resources.values():
            rows = []
            for entry in self.store.within(resource.id, ""):
                obj = {"apiVersion": resource.api_version(resource.versions[0]), "kind": resource.kind, **entry.obj}
                if resource.id == "secrets" and "data" in obj:
                    obj["data"] = dict.fromkeys(obj["data"], "(left out)")
                rows.append(obj)
            if rows:
                out[resource.id] = rows
        return out


def _check_options(call: Call, kind: str) -> None:
    """Values of ``dryRun`` and ``fieldValidation``."""
    causes = []
    if "dryRun" in call.query and call.query["dryRun"] != "All":
        shown = json.dumps(call.query["dryRun"])
        text = f'Unsupported value: []string{{{shown}}}: supported values: "All"'
        causes.append(Cause("FieldValueNotSupported", text, "dryRun"))
    wanted = call.query.get("fieldValidation", "")
    if wanted not in ("", "Ignore", "Strict", "Warn"):
        text = f'Unsupported value: {json.dumps(wanted)}: supported values: "", "Ignore", "Strict", "Warn"'
        causes.append(Cause("FieldValueNotSupported", text, "fieldValidation"))
    if causes:
        raise invalid(kind, "meta.k8s.io", "", causes)


def _not_acceptable() -> ApiError:
    kinds = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    text = "only the following media types are accepted: " + ", ".join(kinds)
    return ApiError(406, "NotAcceptable", text)


def _no_watch_list() -> ApiError:
    text = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    causes = [{"reason": "FieldValueForbidden", "message": "Forbidden: " + text, "field": "sendInitialEvents"}]
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": causes}
    return ApiError(
        422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: {text}', details
    )
