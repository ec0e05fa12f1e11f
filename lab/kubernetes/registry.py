# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resources are served now: the built-in ones and those of established CustomResourceDefinitions."""

from __future__ import annotations

from .resources import Resource, builtin, version_rank
from .schema import Definitions
from .store import Store


class Registry:
    """Lookup by path and change of the custom part. ``changes`` grows with every change, for caches of documents."""

    def __init__(self, definitions: Definitions, store: Store) -> None:
        self.definitions = definitions
        self.store = store
        self.changes = 0
        self.resources: dict[str, Resource] = {}
        self._paths: dict[tuple[str, str, str], Resource] = {}
        self._builtin_versions: set[tuple[str, str]] = set()
        for resource in builtin(definitions):
            self.add(resource)
            self._builtin_versions.update((resource.group, version) for version in resource.versions)

    def add(self, resource: Resource) -> None:
        """Serve a resource, replacing its earlier form."""
        old = self.resources.get(resource.id)
        if old is not None:
            self._unlink(old)
            resource.start = old.start
        else:
            resource.start = self.store.rv
            self.store.bucket(resource.id)
        self.resources[resource.id] = resource
        for version in resource.versions:
            self._paths[(resource.group, version, resource.plural)] = resource
        self.changes += 1

    def remove(self, resource_id: str) -> None:
        """Serve a resource no more and forget its objects."""
        resource = self.resources.pop(resource_id, None)
        if resource is not None:
            self._unlink(resource)
            self.store.drop(resource_id)
            self.changes += 1

    def _unlink(self, resource: Resource) -> None:
        for version in resource.versions:
            self._paths.pop((resource.group, version, resource.plural), None)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a path."""
        return self._paths.get((group, version, plural))

    def is_builtin(self, group: str, version: str) -> bool:
        """Whether a group version belongs to the server itself."""
        return (group, version) in self._builtin_versions

    def is_builtin_group(self, group: str) -> bool:
        """Whether a group belongs to the server itself."""
        return any(known == group for known, _version in self._builtin_versions)

    def groups(self) -> dict[str, list[str]]:
        """Versions of every group except the core group, preferred first; built-in groups first."""
        out: dict[str, list[str]] = {}
        for resource in self.resources.values():
            if resource.group:
                versions = out.setdefault(resource.group, [])
                versions.extend(version for version in resource.versions if version not in versions)
        return {group: sorted(versions, key=version_rank) for group, versions in out.items()}

    def of(self, group: str, version: str) -> list[Resource]:
        """Resources of a group version: built-in by name, custom in the order of their definitions."""
        return [r for r in self.resources.values() if r.group == group and version in r.versions]
