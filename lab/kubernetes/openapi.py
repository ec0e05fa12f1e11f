# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenAPI v3 documents: what kubectl needs to validate, to choose a patch type, and to explain."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .errors import path_not_found
from .registry import Registry
from .resources import Resource
from .schema import references

Object = dict[str, Any]
_REF = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_CUSTOM_PATCH = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_PATCH = (*_CUSTOM_PATCH, "application/strategic-merge-patch+json")


_ROOTS = (".well-known/openid-configuration", "api", "apis", "openid/v1/jwks", "version")


class OpenApi:
    """Documents per group version, kept until the registry changes."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._texts: dict[tuple[str, str], str] = {}
        self._seen = -1

    def _fresh(self) -> None:
        if self._seen != self.registry.changes:
            self._seen = self.registry.changes
            self._texts = {key: text for key, text in self._texts.items() if self.registry.is_builtin(*key)}

    def index(self) -> str:
        """``/openapi/v3``."""
        self._fresh()
        versions = [("", "v1")] + [(g, v) for g, found in self.registry.groups().items() for v in found]
        hashes = {name: _digest(name) for name in _ROOTS}
        for group, version in versions:
            hashes[f"apis/{group}/{version}" if group else f"api/{version}"] = self._hash(group, version)
            if group and self.registry.is_builtin(group, version):
                hashes[f"apis/{group}"] = _digest(group)
        paths = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={hashes[path]}"} for path in sorted(hashes)}
        return json.dumps({"paths": paths}, separators=(",", ":"))

    def _hash(self, group: str, version: str) -> str:
        """Changes with the document; cheap for built-in groups, which never change."""
        if self.registry.is_builtin(group, version) and not any(r.custom for r in self.registry.of(group, version)):
            text = f"{group}/{version}"
        else:
            text = json.dumps([_custom_seed(r, version) for r in self.registry.of(group, version)], sort_keys=True)
        return _digest(text)

    def swagger(self) -> str:
        """``/openapi/v2``: the definitions, without paths; clients of today only ask for it when v3 fails them."""
        definitions = {name: _rewritten(raw, "#/definitions/") for name, raw in self.registry.definitions.defs.items()}
        info = {"title": "Kubernetes", "version": "v1"}
        document = {
            "swagger": "2.0", "info": info, "paths": {}, "definitions": definitions, "parameters": {},
            "securityDefinitions": {}, "security": [],
        }  # fmt: skip
        return json.dumps(document, separators=(",", ":"))

    def document(self, group: str, version: str) -> str:
        """``/openapi/v3/api/v1`` and ``/openapi/v3/apis/<group>/<version>``.

        :raises PlainError: 404.
        """
        self._fresh()
        key = (group, version)
        if key not in self._texts:
            found = self.registry.of(group, version)
            if not found:
                raise path_not_found()
            self._texts[key] = json.dumps(self._build(found, group, version), separators=(",", ":"))
        return self._texts[key]

    def _build(self, found: list[Resource], group: str, version: str) -> Object:
        paths: Object = {}
        schemas: Object = {}
        wanted: list[str] = [_META + "DeleteOptions", _META + "Status", _META + "ListMeta", _META + "ObjectMeta"]
        for resource in found:
            name = self._add_schema(resource, version, schemas, wanted)
            paths.update(_paths(resource, group, version, name))
        defs = self.registry.definitions.defs
        while wanted:
            name = wanted.pop()
            if name in schemas or name not in defs:
                continue
            schemas[name] = _rewritten(defs[name])
            wanted.extend(references(defs[name]))
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1"},
            "paths": paths,
            "components": {"schemas": schemas},
        }

    def _add_schema(self, resource: Resource, version: str, schemas: Object, wanted: list[str]) -> str:
        if not resource.custom:
            name = self.registry.definitions.by_kind[(resource.group, version, resource.kind)]
            wanted.append(name)
            listed = self.registry.definitions.by_kind.get((resource.group, version, resource.list_kind))
            if listed:
                wanted.append(listed)
            return name
        reverse = ".".join(reversed(resource.group.split(".")))
        name = f"{reverse}.{version}.{resource.kind}"
        raw = json.loads(json.dumps(resource.nodes[version].raw))
        properties = raw.setdefault("properties", {})
        properties["apiVersion"] = {"type": "string"}
        properties["kind"] = {"type": "string"}
        properties["metadata"] = {"allOf": [{"$ref": _REF + _META + "ObjectMeta"}]}
        raw["x-kubernetes-group-version-kind"] = [_gvk(resource.group, version, resource.kind)]
        schemas[name] = raw
        schemas[f"{reverse}.{version}.{resource.list_kind}"] = {
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"allOf": [{"$ref": _REF + _META + "ListMeta"}]},
                "items": {"type": "array", "items": {"allOf": [{"$ref": _REF + name}]}},
            },
            "x-kubernetes-group-version-kind": [_gvk(resource.group, version, resource.list_kind)],
        }
        return name


def _digest(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest().upper()


def _custom_seed(resource: Resource, version: str) -> Any:
    if not resource.custom:
        return resource.id
    return [resource.id, resource.nodes[version].raw, sorted(resource.subresources_of(version)), resource.start]


def _gvk(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}


def _rewritten(raw: Any, root: str = _REF) -> Any:
    """A definition as OpenAPI v3: other reference paths, no null types, references beside other keys wrapped."""
    if isinstance(raw, list):
        return [_rewritten(item, root) for item in raw]
    if not isinstance(raw, dict):
        return raw
    out: Object = {}
    for key, value in raw.items():
        if key == "$ref" and isinstance(value, str):
            out["allOf"] = [{"$ref": root + value.rsplit("/", 1)[1]}]
        elif key == "type" and isinstance(value, list):
            kinds = [item for item in value if item != "null"]
            out["type"] = kinds[0] if kinds else "object"
        elif key == "properties":
            out[key] = {name: _rewritten(child, root) for name, child in value.items()}
        else:
            out[key] = _rewritten(value, root)
    return out


def _operation(action: str, kind: Object, ref: str, tag: str) -> Object:
    return {
        "tags": [tag],
        "operationId": f"{action}{kind['kind']}",
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": ref}}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": kind,
    }


def _query(*names: str) -> list[Object]:
    return [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "boolean" if name == "force" else "string", "uniqueItems": True},
        }
        for name in names
    ]


def _paths(resource: Resource, group: str, version: str, schema: str) -> Object:
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    if resource.namespaced:
        root += "/namespaces/{namespace}"
    collection = f"{root}/{resource.plural}"
    kind, ref = _gvk(group, version, resource.kind), _REF + schema
    tag = f"{(group or 'core').replace('.', '_')}_{version}"
    body = {"content": {"*/*": {"schema": {"$ref": ref}}}, "required": True}
    write = _query("dryRun", "fieldManager", "fieldValidation")

    def patch(action_kind: Object, action_ref: str) -> Object:
        types = _CUSTOM_PATCH if resource.custom else _PATCH
        return {
            **_operation("patch", action_kind, action_ref, tag),
            "parameters": [*write, *_query("force")],
            "requestBody": {
                "content": {media: {"schema": {"$ref": _REF + _META + "Patch"}} for media in types},
                "required": True,
            },
        }

    out: Object = {
        collection: {"post": {**_operation("post", kind, ref, tag), "parameters": write, "requestBody": body}}
    }
    if len(resource.verbs) == 1:
        return out
    out[collection]["get"] = _operation("list", kind, ref, tag)
    item = f"{collection}/{{name}}"
    single: Object = {
        "get": _operation("get", kind, ref, tag),
        "put": {**_operation("put", kind, ref, tag), "parameters": write, "requestBody": body},
        "patch": patch(kind, ref),
        "delete": _operation("delete", kind, ref, tag),
    }
    out[item] = single
    for name in resource.subresources_of(version):
        if name == "status":
            out[f"{item}/status"] = {key: single[key] for key in ("get", "put", "patch")}
        elif name == "scale":
            scale, scale_ref = _gvk("autoscaling", "v1", "Scale"), _REF + "io.k8s.api.autoscaling.v1.Scale"
            out[f"{item}/scale"] = {"get": _operation("get", scale, scale_ref, tag), "patch": patch(scale, scale_ref)}
    return out
