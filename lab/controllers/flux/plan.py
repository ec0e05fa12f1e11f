# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kustomization does, told without I/O: its inventory, its stages, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..api import Object
from .base import condition
from .kstatus import CURRENT, FAILED
from .objects import named

GROUP = "kustomize.toolkit.fluxcd.io"
PRUNE, SSA, RECONCILE = f"{GROUP}/prune", f"{GROUP}/ssa", f"{GROUP}/reconcile"


def marks(obj: Object) -> dict[str, str]:
    """Return labels and annotations together; Flux reads its switches from either."""
    meta = obj["metadata"]
    return {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}


def owned(obj: Object, namespace: str, name: str) -> Object:
    """Return the object with the labels by which a Kustomization knows its own."""
    meta = obj["metadata"]
    labels = {**(meta.get("labels") or {}), f"{GROUP}/name": name, f"{GROUP}/namespace": namespace}
    return {**obj, "metadata": {**meta, "labels": labels}}


def stages(objects: Iterable[Object]) -> list[list[Object]]:
    """Return the objects in the stages in which they are applied (fluxcd/pkg ``ssa/manager_apply.go``)."""
    definitions: list[Object] = []
    classes: list[Object] = []
    rest: list[Object] = []
    for obj in objects:
        if obj["kind"] in ("CustomResourceDefinition", "Namespace"):
            definitions.append(obj)
        elif obj["kind"].endswith("Class"):
            classes.append(obj)
        else:
            rest.append(obj)
    return [stage for stage in (definitions, classes, rest) if stage]


def entry(obj: Object) -> Object:
    """Return the inventory entry of an object; colons of RBAC names are written as two underscores."""
    meta = obj["metadata"]
    group, _slash, version = str(obj.get("apiVersion", "")).rpartition("/")
    name = meta["name"].replace(":", "__")
    return {"id": f"{meta.get('namespace', '')}_{name}_{group}_{obj['kind']}", "v": version}


def of_entry(item: Object) -> Object:
    """Return the object that an inventory entry names."""
    namespace, rest = item["id"].split("_", 1)
    name, group, kind = rest.rsplit("_", 2)
    version = f"{group}/{item['v']}" if group else item["v"]
    meta = {"name": name.replace("__", ":"), **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta}


def inventory(objects: Iterable[Object]) -> list[Object]:
    """Return the inventory of the objects, in the order of their ids."""
    return sorted((entry(obj) for obj in objects), key=lambda item: str(item["id"]))


def stale(before: Iterable[Object], after: Iterable[Object]) -> list[Object]:
    """Return the objects that are in the old inventory only; another version of a kind is the same object."""
    kept = {item["id"] for item in after}
    return [of_entry(item) for item in before if item["id"] not in kept]


def dependency_missing(
    kustomization: Object, get: Callable[[str, str], Object | None], revision: str, kind: str = "kustomizations"
) -> str:
    """Return why a dependency keeps a Kustomization or HelmRelease waiting; empty when none does.

    :param get: returns another object of the same kind by namespace and name.
    :param revision: the artifact's revision, when those of the same source must have applied it; else empty.
    """
    own = kustomization["metadata"]["namespace"]
    for needed in kustomization["spec"].get("dependsOn") or []:
        namespace, name = needed.get("namespace") or own, needed["name"]
        place = f"dependency '{namespace}/{name}'"
        other = get(namespace, name)
        if other is None:
            group = "kustomize" if kind == "kustomizations" else "helm"
            return f'{place} not found: {kind}.{group}.toolkit.fluxcd.io "{name}" not found'
        status = other.get("status") or {}
        seen = status.get("observedGeneration", -1)
        unseen = not status.get("conditions") or other["metadata"].get("generation") != seen
        if unseen or condition(other, "Ready").get("status") != "True":
            return f"{place} is not ready"
        if revision and _source(other) == _source(kustomization) and status.get("lastAppliedRevision") != revision:
            return f"{place} revision is not up to date"
    return ""


def _source(kustomization: Object) -> tuple[Any, ...]:
    reference = kustomization["spec"].get("sourceRef") or {}
    namespace = reference.get("namespace") or kustomization["metadata"]["namespace"]
    return reference.get("kind"), namespace, reference.get("name")


def verdict(states: list[tuple[Object, str]]) -> tuple[list[str], list[str]]:
    """Return what has failed for good, and what is not ready yet, as Flux names them."""
    failed = [f"{named(obj)} status: '{state}'" for obj, state in states if state == FAILED]
    waiting = [f"{named(obj)} status: '{state}'" for obj, state in states if state not in (FAILED, CURRENT)]
    return failed, waiting
