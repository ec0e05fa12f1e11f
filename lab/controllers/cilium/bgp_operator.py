# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator writes for BGP: one CiliumBGPNodeConfig per selected node, and conditions. Pure.

Source: cilium/cilium v1.17 ``operator/pkg/bgpv2/{cluster,peer_config}.go``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..api import Object
from ..base import merge_conditions, selector_matches


@dataclass
class NodeConfigs:
    """What the operator wants: node configs by node name, and per cluster config its conditions."""

    specs: dict[str, tuple[Object, Object]] = field(default_factory=dict)
    """Node name to (owning ClusterConfig, spec)."""
    conditions: dict[str, list[Object]] = field(default_factory=dict)


def plan(
    configs: list[Object],
    existing: list[Object],
    overrides: list[Object],
    peer_configs: list[Object],
    cilium_nodes: list[Object],
) -> NodeConfigs:
    """Decide which ClusterConfig has which node; a node stays with its first owner."""
    wanted = NodeConfigs()
    by_uid = {config["metadata"]["uid"]: config for config in configs}
    owners = {e["metadata"]["name"]: by_uid.get(_owner_uid(e)) for e in existing}
    known = {config["metadata"]["name"] for config in peer_configs}
    ordered = sorted(configs, key=lambda c: (c["metadata"]["creationTimestamp"], c["metadata"]["name"]))
    selected = {config["metadata"]["name"]: _select(config, cilium_nodes) for config in configs}
    for config in ordered:
        for node in selected[config["metadata"]["name"]]:
            owner = owners.get(node)
            holds = owner is not None and node in selected[owner["metadata"]["name"]]
            if node not in wanted.specs and (not holds or owner is config):
                wanted.specs[node] = (config, _spec(config, node, overrides))
    for config in ordered:
        name = config["metadata"]["name"]
        rivals = {
            wanted.specs[node][0]["metadata"]["name"]
            for node in selected[name]
            if node in wanted.specs and wanted.specs[node][0] is not config
        }
        missing = [r for r in _references(config) if r not in known]
        wanted.conditions[name] = [
            _condition(
                "cilium.io/ConflictingClusterConfig",
                bool(rivals),
                "ConflictingClusterConfigs",
                f"Selecting the same node(s) with ClusterConfig(s): [{' '.join(sorted(rivals))}]" if rivals else "",
            ),
            _condition(
                "cilium.io/MissingPeerConfigs",
                bool(missing),
                "MissingPeerConfigs",
                f"Referenced CiliumBGPPeerConfig(s) are missing: [{' '.join(missing)}]" if missing else "",
            ),
            # The real operator leaves this message there when the condition is False, too.
            _condition(
                "cilium.io/NoMatchingNode", not selected[name], "NoMatchingNode", "No node matches spec.nodeSelector"
            ),
        ]
    return wanted


def peer_condition(peer_config: Object, secrets: set[str]) -> list[Object]:
    """Return the conditions of a CiliumBGPPeerConfig."""
    name = (peer_config.get("spec") or {}).get("authSecretRef")
    missing = bool(name) and name not in secrets
    message = f'Referenced Auth Secret "{name}" is missing' if missing else ""
    return [_condition("cilium.io/MissingAuthSecret", missing, "MissingAuthSecret", message)]


def merged(obj: Object, conditions: list[Object]) -> list[Object]:
    """Return the conditions to write on an object, sorted by type."""
    generation = obj["metadata"].get("generation", 1)
    stamped = [{**condition, "observedGeneration": generation} for condition in conditions]
    return sorted(merge_conditions((obj.get("status") or {}).get("conditions"), stamped), key=lambda c: c["type"])


def _condition(kind: str, holds: bool, reason: str, message: str) -> Object:
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}


def _owner_uid(obj: Object) -> str:
    references = obj["metadata"].get("ownerReferences") or []
    return next((r["uid"] for r in references if r.get("controller")), "")


def _select(config: Object, nodes: list[Object]) -> list[str]:
    selector = (config.get("spec") or {}).get("nodeSelector")
    return [
        n["metadata"]["name"]
        for n in nodes
        if selector_matches(selector, n["metadata"].get("labels") or {}, when_absent=True)
    ]


def _references(config: Object) -> list[str]:
    found = []
    for instance in (config.get("spec") or {}).get("bgpInstances") or []:
        for peer in instance.get("peers") or []:
            name = (peer.get("peerConfigRef") or {}).get("name")
            if name and name not in found:
                found.append(name)
    return found


def _spec(config: Object, node: str, overrides: list[Object]) -> Object:
    override = next((o for o in overrides if o["metadata"]["name"] == node), None)
    given = {i["name"]: i for i in ((override or {}).get("spec") or {}).get("bgpInstances") or []}
    instances = []
    for instance in (config.get("spec") or {}).get("bgpInstances") or []:
        mine = given.get(instance["name"]) or {}
        peers_given = {p["name"]: p for p in mine.get("peers") or []}
        copy = {key: value for key, value in instance.items() if key != "peers"}
        copy |= {key: mine[key] for key in ("routerID", "localPort") if key in mine}
        copy["peers"] = [
            {**peer, **{k: v for k, v in (peers_given.get(peer["name"]) or {}).items() if k == "localAddress"}}
            for peer in instance.get("peers") or []
        ]
        instances.append(copy)
    return {"bgpInstances": instances}
