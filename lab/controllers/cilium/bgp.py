# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cilium's BGP control plane: the operator's half, and the agents' halves, whose speakers are real daemons.

The controller reads objects and hands each node's instances to the BGP network of the lab (:mod:`lab.bgp.network`); it
writes back what the daemons say. A lab without BGP still gets the operator's objects and conditions, with idle peers.
"""

from __future__ import annotations

import time
from typing import Any

from ..api import CILIUM_NODES, CONFIG_MAPS, LB_POOLS, NODES, PODS, SECRETS, SERVICES, Object, Resource
from ..base import Controller, owner_reference
from ..manager import World
from ..node import runs_cni
from . import bgp_agent, bgp_operator
from .operator import operator_runs


def _kind(plural: str, kind: str) -> Resource:
    return Resource("cilium.io/v2alpha1", plural, kind, namespaced=False)


POLICIES = _kind("ciliumbgppeeringpolicies", "CiliumBGPPeeringPolicy")
CLUSTER_CONFIGS = _kind("ciliumbgpclusterconfigs", "CiliumBGPClusterConfig")
PEER_CONFIGS = _kind("ciliumbgppeerconfigs", "CiliumBGPPeerConfig")
ADVERTISEMENTS = _kind("ciliumbgpadvertisements", "CiliumBGPAdvertisement")
NODE_CONFIGS = _kind("ciliumbgpnodeconfigs", "CiliumBGPNodeConfig")
OVERRIDES = _kind("ciliumbgpnodeconfigoverrides", "CiliumBGPNodeConfigOverride")
SLICES = Resource("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")


class CiliumBgp(Controller):
    """The BGP control plane of all nodes."""

    watches = (
        *(POLICIES, CLUSTER_CONFIGS, PEER_CONFIGS, ADVERTISEMENTS, NODE_CONFIGS, OVERRIDES),
        *(CILIUM_NODES, NODES, PODS, SERVICES, SLICES, LB_POOLS, SECRETS, CONFIG_MAPS),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._problems: dict[str, list[str]] = {}
        self._looked = float("-inf")
        if world.bgp is not None:
            world.bgp.listen(self.wake.set)

    async def reconcile(self) -> None:
        """Write what the operator writes, tell the speakers, and report what they say."""
        settings = self._settings()
        if settings.get("enable-bgp-control-plane") != "true":
            self._tell([], set())
            return
        reports = settings.get("enable-bgp-control-plane-status-report") != "false"
        namespace = settings.get("bgp-secrets-namespace") or "kube-system"
        secrets = [s for s in self.mirror(SECRETS) if s["metadata"]["namespace"] == namespace]
        if operator_runs(self.mirror(PODS)):
            await self._operate(secrets, reports)
        decisions, agents = self._decide(secrets)
        self._tell([i for d in decisions.values() for i in d.instances], agents)
        for name, decision in decisions.items():
            if decision.problems != self._problems.get(name):
                for problem in decision.problems:
                    self.log.warning("%s: %s", name, problem)
                self._problems[name] = decision.problems
        if reports:
            await self._report(decisions)

    def _settings(self) -> dict[str, str]:
        found = next((c for c in self.mirror(CONFIG_MAPS) if c["metadata"]["name"] == "cilium-config"), None)
        return (found or {}).get("data") or {}

    # -- the operator --------------------------------------------------------------------------------------------------
    async def _operate(self, secrets: list[Object], reports: bool) -> None:
        configs, existing = list(self.mirror(CLUSTER_CONFIGS)), list(self.mirror(NODE_CONFIGS))
        if not configs and not existing and not len(self.mirror(PEER_CONFIGS).objects):
            return
        wanted = bgp_operator.plan(
            configs,
            existing,
            list(self.mirror(OVERRIDES)),
            list(self.mirror(PEER_CONFIGS)),
            list(self.mirror(CILIUM_NODES)),
        )
        present = {obj["metadata"]["name"]: obj for obj in existing}
        for name, unwanted in present.items():
            if name not in wanted.specs:
                await self.api.delete(NODE_CONFIGS, unwanted)
        for name, (owner, spec) in wanted.specs.items():
            reference = owner_reference(CLUSTER_CONFIGS, owner)
            if name not in present:
                meta: Object = {"name": name, "ownerReferences": [reference]}
                await self.api.create(NODE_CONFIGS, {"metadata": meta, "spec": spec})
                continue
            held = present[name]
            uids = [r["uid"] for r in held["metadata"].get("ownerReferences") or []]
            if held.get("spec") != spec or uids != [reference["uid"]]:
                body = {"metadata": {"ownerReferences": [reference]}, "spec": spec}
                await self.api.merge(NODE_CONFIGS.of(held), body)
        for config in configs:
            conditions = wanted.conditions[config["metadata"]["name"]] if reports else []
            await self._conditions(CLUSTER_CONFIGS, config, conditions)
        names = {secret["metadata"]["name"] for secret in secrets}
        for config in self.mirror(PEER_CONFIGS):
            await self._conditions(PEER_CONFIGS, config, bgp_operator.peer_condition(config, names) if reports else [])

    async def _conditions(self, resource: Resource, obj: Object, conditions: list[Object]) -> None:
        old = (obj.get("status") or {}).get("conditions") or []
        new = bgp_operator.merged(obj, conditions) if conditions else []
        if new != old:
            await self.api.merge(resource.of(obj, "status"), {"status": {"conditions": new or None}})

    # -- the agents ----------------------------------------------------------------------------------------------------
    def _decide(self, secrets: list[Object]) -> tuple[dict[str, bgp_agent.Decision], set[str]]:
        """Return per node its decision, and the addresses of the nodes whose agent runs."""
        view = bgp_agent.View(
            policies=list(self.mirror(POLICIES)),
            node_configs=list(self.mirror(NODE_CONFIGS)),
            peer_configs=list(self.mirror(PEER_CONFIGS)),
            advertisements=list(self.mirror(ADVERTISEMENTS)),
            services=list(self.mirror(SERVICES)),
            pools=list(self.mirror(LB_POOLS)),
            pods=list(self.mirror(PODS)),
            slices=list(self.mirror(SLICES)),
            secrets=secrets,
        )
        decisions, agents = {}, set()
        for host in self.world.hosts():
            cilium_node = self.mirror(CILIUM_NODES).get("", host.name)
            if not host.alive or cilium_node is None or not runs_cni(view.pods, host):
                continue
            agents.add(host.address)
            node = self.mirror(NODES).get("", host.name) or {"metadata": {}}
            annotations = node["metadata"].get("annotations") or {}
            decisions[host.name] = bgp_agent.decide(cilium_node, annotations, host.address, view)
        return decisions, agents

    def _tell(self, instances: list[Any], agents: set[str]) -> None:
        if self.world.bgp is not None:
            self.world.bgp.want(instances, agents)

    async def _report(self, decisions: dict[str, bgp_agent.Decision]) -> None:
        """Write the status of each node config; a node in legacy mode has an empty one."""
        modern = {n: d for n, d in decisions.items() if d.mode == "v2"}
        states = await self.world.bgp.states() if self.world.bgp is not None and modern else {}
        for config in self.mirror(NODE_CONFIGS):
            decision = decisions.get(config["metadata"]["name"])
            if decision is None:  # no agent there which could write
                continue
            old = (config.get("status") or {}).get("bgpInstances")
            new = [_status(i, states.get(i.key) or {}) for i in decision.instances] if decision.mode == "v2" else None
            if (old or None) != (new or None):
                await self.api.merge(NODE_CONFIGS.of(config, "status"), {"status": {"bgpInstances": new or None}})
        if modern:
            self.due(time.monotonic(), self.world.delays.bgp.status)


def _status(instance: Any, states: dict[str, dict[str, Any]]) -> Object:
    peers = []
    for peer in instance.peers:
        state = states.get(peer.address) or {"state": "idle"}
        entry: Object = {"name": peer.name, "peerAddress": peer.address, "peeringState": state["state"]}
        asn = state.get("asn") or peer.asn
        if asn:
            entry["peerASN"] = asn
        if state["state"] == "established":
            entry["establishedTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(state["since"]))
            entry["timers"] = {
                "appliedHoldTimeSeconds": state["hold"],
                "appliedKeepaliveSeconds": state["keepalive"],
            }
        counts = state.get("families") or {}
        entry["routeCount"] = [
            {"afi": name, "safi": "unicast", **(counts.get(name) or {"received": 0, "advertised": 0})}
            for name in peer.families
        ]
        peers.append(entry)
    return {"name": instance.name, "localASN": instance.asn, "peers": peers}
