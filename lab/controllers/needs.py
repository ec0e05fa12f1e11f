# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod needs before its containers start: Secrets, ConfigMaps and claims, and the kubelet's words for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .api import CONFIG_MAPS, SECRETS, Object, Resource

Find = Callable[[Resource, str, str], Object | None]
"""Returns an object by its resource, namespace and name."""
_VOLUMES = (("configMap", CONFIG_MAPS, "name"), ("secret", SECRETS, "secretName"))
_KINDS: dict[str, tuple[Resource, str]] = {"configMap": (CONFIG_MAPS, "configmap"), "secret": (SECRETS, "secret")}


def missing_volume(pod: Object, find: Find) -> str:
    """Return the sentence for the first volume that cannot be set up, or "" (waiting reason ``ContainerCreating``)."""
    namespace = pod["metadata"]["namespace"]
    for name, kind, source in _sources(pod):
        resource, word = _KINDS[kind]
        wanted = source.get("secretName") or source.get("name") or ""
        found = find(resource, namespace, wanted)
        if source.get("optional"):
            continue
        prefix = f'MountVolume.SetUp failed for volume "{name}" : '
        if found is None:
            return f'{prefix}{word} "{wanted}" not found'
        for item in source.get("items") or []:
            if item["key"] not in _keys(found):
                return f"{prefix}references non-existent {'config' if word == 'configmap' else word} key: {item['key']}"
    return ""


def _sources(pod: Object) -> Iterator[tuple[str, str, Object]]:
    for volume in pod["spec"].get("volumes") or []:
        for kind, _unused, _field in _VOLUMES:
            if source := volume.get(kind):
                yield volume["name"], kind, source
        for source in (volume.get("projected") or {}).get("sources") or []:
            for kind in _KINDS:
                if source.get(kind):
                    yield volume["name"], kind, source[kind]


def missing_environment(pod: Object, find: Find) -> str:
    """Return the sentence for the first variable that cannot be filled, or "" (``CreateContainerConfigError``)."""
    namespace = pod["metadata"]["namespace"]
    for container in [*(pod["spec"].get("initContainers") or []), *(pod["spec"].get("containers") or [])]:
        for source in container.get("envFrom") or []:
            for kind, key in (("configMap", "configMapRef"), ("secret", "secretRef")):
                if (reference := source.get(key)) and not reference.get("optional"):
                    resource, word = _KINDS[kind]
                    if find(resource, namespace, reference.get("name", "")) is None:
                        return f'{word} "{reference.get("name", "")}" not found'
        for variable in container.get("env") or []:
            if text := _missing_key(variable.get("valueFrom") or {}, namespace, find):
                return text
    return ""


def _missing_key(source: Object, namespace: str, find: Find) -> str:
    for kind, key, title in (("configMap", "configMapKeyRef", "ConfigMap"), ("secret", "secretKeyRef", "Secret")):
        reference = source.get(key)
        if not reference or reference.get("optional"):
            continue
        resource, word = _KINDS[kind]
        found = find(resource, namespace, reference.get("name", ""))
        if found is None:
            return f'{word} "{reference.get("name", "")}" not found'
        if reference["key"] not in _keys(found):
            return f"couldn't find key {reference['key']} in {title} {namespace}/{reference['name']}"
    return ""


def _keys(obj: Object) -> set[str]:
    return {*(obj.get("data") or {}), *(obj.get("binaryData") or {})}


def claims_of(pod: Object) -> list[str]:
    """Return the names of the claims that the pod mounts."""
    volumes: list[Any] = pod["spec"].get("volumes") or []
    return [v["persistentVolumeClaim"]["claimName"] for v in volumes if v.get("persistentVolumeClaim")]


def unbound_claim(pod: Object, find: Callable[[str, str], Object | None]) -> str:
    """Return the scheduler's words for the first claim that is missing or has no volume yet, or ""."""
    namespace = pod["metadata"]["namespace"]
    for name in claims_of(pod):
        claim = find(namespace, name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if (claim.get("status") or {}).get("phase") != "Bound":
            return "pod has unbound immediate PersistentVolumeClaims"
    return ""
