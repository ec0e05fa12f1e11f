# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces on a server that has no controllers: delete the content, then finalize."""

from __future__ import annotations

from .api import NAMESPACES, ApiError, Object
from .base import Controller
from .discovery import all_resources


class NamespaceController(Controller):
    """Empties Namespaces that are going away."""

    watches = (NAMESPACES,)

    async def reconcile(self) -> None:
        """Bring every terminating Namespace to its end."""
        for namespace in self.mirror(NAMESPACES):
            if namespace["metadata"].get("deletionTimestamp"):
                await self._end(namespace)

    async def _end(self, namespace: Object) -> None:
        name = namespace["metadata"]["name"]
        left = False
        for resource in await all_resources(self.api):
            if not resource.namespaced:
                continue
            try:
                items, _unused = await self.api.list(resource.path(name))
                for item in items:
                    left = True
                    await self.api.delete(resource, item)
            except ApiError as error:
                if error.status not in (404, 405):
                    raise
        if left:
            raise ApiError(409, f"namespace {name} still has content")
        body = {**namespace, "apiVersion": "v1", "kind": "Namespace", "spec": {"finalizers": []}}
        try:
            await self.api.request("PUT", NAMESPACES.of(namespace, "finalize"), body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
