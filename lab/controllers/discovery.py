# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every resource that the server can list and delete."""

from __future__ import annotations

from .api import Api, Resource

SKIPPED = frozenset({"events", "leases"})


async def all_resources(api: Api) -> list[Resource]:
    """Return the preferred version of each resource, by two requests in the aggregated form."""
    found: list[Resource] = []
    for root in ("/api", "/apis"):
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        async with api._session.get(api.base + root, headers={"Accept": accept}) as answer:
            data = await answer.json(content_type=None)
        for group in data.get("items") or []:
            for version in group["versions"][:1]:
                name = group["metadata"].get("name")
                api_version = f"{name}/{version['version']}" if name else version["version"]
                found += [
                    Resource(api_version, r["resource"], r["responseKind"].get("kind", ""), r["scope"] == "Namespaced")
                    for r in version.get("resources") or []
                    if {"list", "delete"} <= set(r["verbs"]) and r["resource"] not in SKIPPED
                ]
    return found
