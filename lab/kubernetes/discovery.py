# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery documents: groups, resources, and their aggregated form (``pkg/endpoints/discovery``)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from .errors import path_not_found
from .registry import Registry
from .resources import SUBRESOURCES, Resource

Object = dict[str, Any]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def api_versions(host: str) -> Object:
    """``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    }


def _group(name: str, versions: list[str]) -> Object:
    rows = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": rows, "preferredVersion": rows[0]}


def groups(registry: Registry) -> Object:
    """``/apis``."""
    rows = [_group(name, versions) for name, versions in registry.groups().items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": rows}


def group(registry: Registry, name: str) -> Object:
    """``/apis/<group>``.

    :raises PlainError: 404.
    """
    versions = registry.groups().get(name)
    if not versions:
        raise path_not_found()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def _hash(resource: Resource) -> str:
    text = f"{resource.group}/{resource.versions[0]}/{resource.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def _short(resource: Resource) -> Object:
    out: Object = {}
    if resource.short_names:
        out["shortNames"] = list(resource.short_names)
    if resource.categories:
        out["categories"] = list(resource.categories)
    return out


def _sub_kind(resource: Resource, name: str) -> tuple[str, str, str, list[str]]:
    """Group, version, kind and verbs of a subresource; empty group and version mean the resource's own."""
    group_name, version, kind, verbs = SUBRESOURCES[name]
    if name == "proxy":
        kind = resource.kind + kind
    return group_name, version, kind or resource.kind, list(verbs)


def resources(registry: Registry, group_name: str, version: str) -> Object:
    """``/api/v1`` and ``/apis/<group>/<version>``.

    :raises PlainError: 404.
    """
    found = registry.of(group_name, version)
    if not found:
        raise path_not_found()
    rows: list[Object] = []
    for resource in found:
        row: Object = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
            **_short(resource),
        }
        if len(resource.verbs) > 2:
            row["storageVersionHash"] = _hash(resource)
        rows.append(row)
        for name in resource.subresources_of(version):
            sub_group, sub_version, kind, verbs = _sub_kind(resource, name)
            sub: Object = {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
            }
            if sub_group:
                sub["group"], sub["version"] = sub_group, sub_version
            sub["kind"], sub["verbs"] = kind, verbs
            rows.append(sub)
    out: Object = {"kind": "APIResourceList"}
    if group_name:
        out["apiVersion"] = "v1"
    out["groupVersion"] = f"{group_name}/{version}" if group_name else version
    out["resources"] = rows
    return out


def _aggregated_resource(resource: Resource, version: str) -> Object:
    group_name = resource.group if resource.custom else ""
    kind_version = version if resource.custom else ""
    row: Object = {
        "resource": resource.plural,
        "responseKind": {"group": group_name, "version": kind_version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **_short(resource),
    }
    subs = []
    for name in resource.subresources_of(version):
        sub_group, sub_version, kind, verbs = _sub_kind(resource, name)
        response = {"group": sub_group or group_name, "version": sub_version or kind_version, "kind": kind}
        subs.append({"subresource": name, "responseKind": response, "verbs": verbs})
    if subs:
        row["subresources"] = subs
    return row


def aggregated(registry: Registry, core: bool) -> Object:
    """The aggregated form of ``/api`` (core) or ``/apis``."""
    items = []
    found = {"": ["v1"]} if core else registry.groups()
    for name, versions in found.items():
        meta: Object = {"name": name} if name else {}
        meta["creationTimestamp"] = None
        rows = [
            {
                "version": version,
                "resources": [
                    _aggregated_resource(resource, version)
                    for resource in sorted(registry.of(name, version), key=lambda found: found.plural)
                ],
                "freshness": "Current",
            }
            for version in versions
        ]
        items.append({"metadata": meta, "versions": rows})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def version_info(version: str) -> str:
    """``/version``, pretty-printed as the server does."""
    numbers = version.lstrip("v").split(".")
    major, minor = numbers[0], numbers[1]
    info = {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": version,
        "gitCommit": hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest(),
        "gitTreeState": "clean",
        "buildDate": "2025-01-01T00:00:00Z",
        "goVersion": "go1.24.5",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
    if int(minor) < 33:
        for key in ("emulationMajor", "emulationMinor", "minCompatibilityMajor", "minCompatibilityMinor"):
            del info[key]
    return json.dumps(info, indent=2)
