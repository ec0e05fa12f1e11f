# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What objects use by name: Secrets with their keys, StorageClasses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...model.schema import Path
from ...repository.objects import Object
from ...repository.spot import dig, listing, mapping, string, walk


@dataclass(frozen=True)
class Secret:
    """A Secret that something uses; ``key`` is empty when the whole Secret is used."""

    name: str
    key: str
    path: Path


def secrets(item: Object) -> Iterator[Secret]:
    """Yield the Secrets of the object's own namespace that it uses and cannot do without."""
    if item.kind == "HelmRelease":
        yield from _in_values(item)
    elif item.pod is not None:
        yield from _in_pod(item)
    elif item.kind == "Cluster" and item.group == "postgresql.cnpg.io":
        for keys in (("superuserSecret",), ("bootstrap", "initdb", "secret")):
            name = item.text("spec", *keys, "name")
            if name:
                yield Secret(name, "", ("spec", *keys, "name"))
    elif item.kind == "Receiver" and item.text("spec", "secretRef", "name"):
        yield Secret(item.text("spec", "secretRef", "name"), "token", ("spec", "secretRef", "name"))


def _in_pod(item: Object) -> Iterator[Secret]:
    base, _template = item.pod or ((), {})
    spec = (*base, "spec")
    for part in ("containers", "initContainers"):
        for path, container in item.maps(*spec, part):
            for place, entry in item.maps(*path, "env"):
                ref = mapping(dig(entry, "valueFrom", "secretKeyRef"))
                if ref and ref.get("optional") is not True:
                    key = (*place, "valueFrom", "secretKeyRef")
                    yield Secret(string(ref.get("name")), string(ref.get("key")), (*key, "name"))
            for index, entry in enumerate(listing(container.get("envFrom"))):
                ref = mapping(dig(entry, "secretRef"))
                if ref and ref.get("optional") is not True:
                    yield Secret(string(ref.get("name")), "", (*path, "envFrom", index, "secretRef", "name"))
    for path, volume in item.maps(*spec, "volumes"):
        secret = mapping(volume.get("secret"))
        if secret and secret.get("optional") is not True:
            place = (*path, "secret", "secretName")
            keys = [string(dig(entry, "key")) for entry in listing(secret.get("items"))]
            for inner_key in keys or [""]:
                yield Secret(string(secret.get("secretName")), inner_key, place)
        for index, source in enumerate(listing(dig(volume, "projected", "sources"))):
            inner = mapping(dig(source, "secret"))
            if inner and inner.get("optional") is not True:
                place = (*path, "projected", "sources", index, "secret", "name")
                yield Secret(string(inner.get("name")), "", place)


def _in_values(item: Object) -> Iterator[Secret]:
    """Values of charts name Secrets in the form that ends in a container: ``secretKeyRef: {name, key}``."""
    values = item.get("spec", "values")
    for path, value in walk(values, ("spec", "values")):
        if path[-1] == "secretKeyRef" and isinstance(value, dict) and value.get("optional") is not True:
            if string(value.get("name")) and string(value.get("key")):
                yield Secret(string(value.get("name")), string(value.get("key")), (*path, "name"))
        elif path[-2:-1] != () and path[-1] == "secretRef" and "envFrom" in path and isinstance(value, dict):
            if string(value.get("name")) and value.get("optional") is not True:
                yield Secret(string(value.get("name")), "", (*path, "name"))


def storage_classes(item: Object) -> Iterator[tuple[Path, str]]:
    """Yield path and name of each StorageClass that an object asks for."""
    if item.kind == "PersistentVolumeClaim" and item.text("spec", "storageClassName"):
        yield ("spec", "storageClassName"), item.text("spec", "storageClassName")
    elif item.kind == "StatefulSet":
        for path, claim in item.maps("spec", "volumeClaimTemplates"):
            name = string(dig(claim, "spec", "storageClassName"))
            if name:
                yield (*path, "spec", "storageClassName"), name
    elif item.kind == "Cluster" and item.group == "postgresql.cnpg.io":
        for key in ("storage", "walStorage"):
            if item.text("spec", key, "storageClass"):
                yield ("spec", key, "storageClass"), item.text("spec", key, "storageClass")
    elif item.kind == "HelmRelease":
        for path, value in walk(item.get("spec", "values"), ("spec", "values")):
            if path[-1] in ("storageClass", "storageClassName") and isinstance(value, str) and value not in ("", "-"):
                yield path, value
