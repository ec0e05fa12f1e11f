# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as keys and values of etcd, and back (kubernetes/kubernetes ``pkg/registry``, apiextensions-apiserver).

``/registry/<plural>/<namespace>/<name>``, a few kinds under older names, custom kinds under their group. Values are
JSON, one of the encodings that an API server takes (``--storage-media-type``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..keyspace import KeyValue
from . import crd
from .resources import Resource

if TYPE_CHECKING:
    from .api import Api

_PREFIXES = {
    "endpoints": "services/endpoints",
    "ingresses": "ingress",
    "nodes": "minions",
    "replicationcontrollers": "controllers",
    "services": "services/specs",
}
_GROUPED = ("apiextensions.k8s.io", "apiregistration.k8s.io")


def _key(resource: Resource, namespace: str, name: str) -> str:
    place = _PREFIXES.get(resource.plural, resource.plural)
    if resource.custom or resource.group in _GROUPED:
        place = f"{resource.group}/{resource.plural}"
    return "/".join(part for part in ("/registry", place, namespace, name) if part)


def export(api: Api) -> list[KeyValue]:
    """Everything that is stored now."""
    out = []
    for resource in api.registry.resources.values():
        for entry in api.store.within(resource.id, ""):
            metadata = entry.obj["metadata"]
            text = entry.typed(resource.kind, resource.api_version(resource.versions[0]))
            key = _key(resource, metadata.get("namespace", ""), metadata["name"])
            out.append(KeyValue(key.encode(), text.encode(), entry.rv, entry.rv))
    return out


def load(api: Api, rows: list[KeyValue]) -> None:
    """Start over with exactly these objects, uids and resource versions included.

    :raises ValueError: a value is no object of a kind that is served.
    """
    api.reset(seeded=False)
    found = [(row, json.loads(row.value)) for row in rows]
    # Custom objects come after their definitions.
    for row, obj in sorted(found, key=lambda pair: pair[1].get("kind") != "CustomResourceDefinition"):
        resource = _resource(api, obj)
        stored = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
        api.store.load(resource.id, stored, row.modified)
        api.deletes.adopt(resource.id, stored)
        if resource.id == crd.ID:
            api.crds.adopt(stored["metadata"]["name"])
        elif resource.id == "services":
            api.services.note(stored)


def _resource(api: Api, obj: dict[str, Any]) -> Resource:
    group, _slash, version = str(obj.get("apiVersion") or "").rpartition("/")
    for resource in api.registry.resources.values():
        if (resource.group, resource.kind) == (group, obj.get("kind")) and version in resource.versions:
            return resource
    raise ValueError(f"{obj.get('apiVersion')} {obj.get('kind')} is not served")
