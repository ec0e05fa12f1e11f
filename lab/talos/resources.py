# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's COSI resources: rendered from its state when asked for, with versions that grow on change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import resources_block, resources_cluster, resources_system, wire
from .goyaml import dump

if TYPE_CHECKING:
    from .node import Node

NAMESPACES = (
    "cluster",
    "cluster-raw",
    "config",
    "controlplane",
    "cri",
    "etcd",
    "files",
    "hardware",
    "k8s",
    "kubespan",
    "meta",
    "network",
    "network-config",
    "perf",
    "runtime",
    "secrets",
)
Producer = Callable[["Node"], dict[str, Any]]


@dataclass
class Raw:
    """A spec with bytes of its own: the YAML as it is, and the protobuf encoding."""

    yaml: str
    proto: bytes


@dataclass
class Resource:
    """One resource; a tombstone has metadata only."""

    namespace: str
    type: str
    id: str
    version: int = 1
    owner: str = ""
    yaml: str = ""
    proto: bytes = b""
    labels: dict[str, str] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    tombstone: bool = False


def _definitions() -> dict[str, dict[str, Any]]:
    text = Path(__file__).with_name("resource_definitions.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines() if line]
    found += [
        {
            "type": "ResourceDefinitions.meta.cosi.dev",
            "displayType": "ResourceDefinition",
            "defaultNamespace": "meta",
            "aliases": ["api-resources", "resourcedefinition", "rd", "rds"],
            "allAliases": [
                "resourcedefinitions",
                "resourcedefinitions.meta",
                "resourcedefinitions.meta.cosi",
                "api-resources",
                "resourcedefinition",
                "rd",
                "rds",
            ],
            "printColumns": [{"name": "Aliases", "jsonPath": "{.aliases[:]}"}],
        },
        {
            "type": "Namespaces.meta.cosi.dev",
            "displayType": "Namespace",
            "defaultNamespace": "meta",
            "aliases": ["ns", "namespace"],
            "allAliases": ["namespaces", "namespaces.meta", "namespaces.meta.cosi", "ns", "namespace"],
            "printColumns": [],
        },
    ]
    return {item["type"].lower(): item for item in found}


class Store:
    """All resources of one node."""

    definitions = _definitions()

    def __init__(self, node: Node) -> None:
        self.node = node
        self._seen: dict[tuple[str, str], dict[str, Resource]] = {}
        self._boot = ""
        self._producers: dict[tuple[str, str], Producer] = {
            ("meta", "resourcedefinitions.meta.cosi.dev"): self._definition_specs,
            ("meta", "namespaces.meta.cosi.dev"): lambda node: {name: {"description": name} for name in NAMESPACES},
            ("config", "machineconfigs.config.talos.dev"): _configs,
            **resources_system.PRODUCERS,
            **resources_block.PRODUCERS,
            **resources_cluster.PRODUCERS,
        }

    def listing(self, namespace: str, kind: str) -> dict[str, Resource]:
        """The resources of a type in a namespace, by id."""
        if self._boot != self.node.boot_id:
            self._boot, self._seen = self.node.boot_id, {}
        key = (namespace, kind.lower())
        producer = self._producers.get(key)
        specs = producer(self.node) if producer else {}
        known = self._seen.setdefault(key, {})
        now = time.time_ns()
        out: dict[str, Resource] = {}
        name = self.definitions[kind.lower()]["type"]
        for item_id, spec in specs.items():
            labels = spec.pop("#labels", {}) if isinstance(spec, dict) else {}
            owner = "config.AcquireController" if name.startswith("MachineConfigs") else ""
            raw = spec if isinstance(spec, Raw) else Raw(dump(spec), b"")
            old = known.get(item_id)
            if old is not None and (old.yaml, old.proto, old.labels) == (raw.yaml, raw.proto, labels):
                out[item_id] = old
                continue
            out[item_id] = Resource(
                namespace,
                name,
                item_id,
                version=old.version + 1 if old else 1,
                owner=owner,
                yaml=raw.yaml,
                proto=raw.proto,
                labels=labels,
                created=old.created if old else now,
                updated=now,
            )
        self._seen[key] = out
        return out

    def volumes(self) -> dict[str, dict[str, Any]]:
        """VolumeStatuses as plain data."""
        return resources_block.volume_statuses(self.node)

    def partitions(self) -> list[dict[str, Any]]:
        """The partitions on all disks: name, parent, label."""
        return resources_block.partitions(self.node)

    def _definition_specs(self, node: Node) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, item in self.definitions.items():
            spec = wire.message("cosi.resource.meta.ResourceDefinitionSpec")(
                resource_type=item["type"],
                display_type=item["displayType"],
                default_namespace=item["defaultNamespace"],
                aliases=item["aliases"],
                all_aliases=item["allAliases"],
                sensitivity=1 if item.get("sensitivity") == "sensitive" else 0,
            )
            for column in item["printColumns"]:
                spec.print_columns.add(name=column["name"], json_path=column["jsonPath"])
            out[name] = Raw(dump(item), spec.SerializeToString())
        return out


def _configs(node: Node) -> dict[str, Any]:
    """Active, persistent and maintenance config: YAML and protobuf field 1 are the bytes as submitted."""
    spec = wire.message("talos.resource.definitions.MachineConfigSpec")

    def raw(data: bytes) -> Raw:
        return Raw(data.decode(errors="replace"), spec(yaml_marshalled=data).SerializeToString())

    out: dict[str, Any] = {}
    if node.active is not None:
        out["v1alpha1"] = raw(node.active.raw)
    if node.storage.state is not None:
        out["persistent"] = raw(node.storage.state)
    if node.maintenance is not None:
        out["maintenance"] = raw(node.maintenance.raw)
    return out
