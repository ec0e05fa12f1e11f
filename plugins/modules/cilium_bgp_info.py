#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what Cilium's BGP announces, to whom, and where the way of a Service breaks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cilium_bgp_info
short_description: Tell what Cilium's BGP announces, to whom, and where the way of a Service breaks
version_added: 0.1.0
description:
  - Reads the policies of both schemas, the sessions as Cilium sees them, the pools, and for every Service of type
    LoadBalancer
    which policy announces its address to which peer from which nodes, following labels and selectors as the agent does.
  - Where the way breaks, the first missing link is told.
  - The legacy kind has no status; its sessions are only known to the router and the agents.
options:
  pool_label:
    description: Key of the label by which a Service chooses its pool.
    type: str
    default: io.cilium/lb-ipam-pool
  secrets_namespace:
    description: Namespace of the passwords' Secrets.
    type: str
    default: kube-system
  assume_absent:
    description: In check mode, do not even look, because an earlier step of the same run would create the cluster.
    type: bool
    default: false
  wait:
    description:
      - Look again until every session is established. Cilium tells of a session some seconds after it stands.
      - What is there when the time is over is returned, and is no failure.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the wait.
    type: int
    default: 30
extends_documentation_fragment:
  - homeops.cluster.kubernetes
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: See what is announced
  homeops.cluster.cilium_bgp_info:
    kubeconfig: "{{ homeops_kubeconfig }}"
  register: bgp

- name: Every address must be announced
  ansible.builtin.assert:
    that: bgp.services | rejectattr('advertised') | list | length == 0
"""

RETURN = r"""
served:
  description: Which kinds the API serves - C(legacy) as a boolean, C(new) and C(pools) as apiVersion.
  returned: always
  type: dict
policies:
  description: Every legacy policy and every ClusterConfig.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    name:
      description: Its name.
      type: str
    nodes:
      description: The nodes that it selects.
      type: list
      elements: str
    effective_nodes:
      description: The nodes that follow it; a legacy policy wins over a ClusterConfig.
      type: list
      elements: str
    instances:
      description: Its router instances with AS number and peers.
      type: list
      elements: dict
    conditions:
      description: Its conditions whose status is True, in the operator's words; each is a fault.
      type: list
      elements: str
sessions:
  description: Every session of every node, as the CiliumBGPNodeConfigs tell it.
  returned: always
  type: list
  elements: dict
  contains:
    node:
      description: The node.
      type: str
    peer:
      description: Name of the peer.
      type: str
    peer_address:
      description: Its address.
      type: str
    peer_asn:
      description: Its AS number.
      type: int
    state:
      description: V(established), another word of the agent, or V(unknown).
      type: str
    advertised:
      description: Routes announced, per family.
      type: dict
    received:
      description: Routes received (Cilium uses none of them), per family.
      type: dict
services:
  description: Every address of every Service of type LoadBalancer, and every such Service that has none.
  returned: always
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the Service.
      type: str
    name:
      description: Its name.
      type: str
    address:
      description: The address, empty when it has none.
      type: str
    pool:
      description: The pool that holds the address.
      type: str
    pool_selects:
      description: Whether the selector of this pool matches the Service; empty when no pool holds the address.
      type: bool
    label:
      description: Value of the pool label.
      type: str
    foreign:
      description: Whether the Service names the class of another implementation, which Cilium never serves.
      type: bool
    advertised:
      description: Whether some node announces it to some peer.
      type: bool
    nodes:
      description: The nodes that announce it.
      type: list
      elements: str
    links:
      description: The announcements, each with policy, advertisement, peer and nodes.
      type: list
      elements: dict
    broken:
      description: The first missing link, empty when it is announced.
      type: str
pools:
  description: Usage of every pool, as M(homeops.cluster.cilium_lb_pool) returns it.
  returned: always
  type: list
  elements: dict
pod_routes:
  description: Whether any policy announces pod ranges.
  returned: always
  type: bool
pods:
  description: The pod ranges that are announced, each with C(node) and C(cidr).
  returned: always
  type: list
  elements: dict
findings:
  description: What cannot work, of all policies and pools, as M(homeops.cluster.cilium_bgp_policy) returns it.
  returned: always
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.cilium import info
from ..module_utils.cilium.store import Store
from ..module_utils.common.context import Context
from ..module_utils.common.errors import WaitTimeout
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Observation, wait_until
from ..module_utils.kubernetes import session
from ..module_utils.kubernetes.client import Client

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "pool_label": {"type": "str", "default": "io.cilium/lb-ipam-pool"},
        "secrets_namespace": {"type": "str", "default": "kube-system", "no_log": False},
        "assume_absent": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 30},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Read; see DOCUMENTATION."""
    if ctx.check_mode and params["assume_absent"]:
        return {"changed": False, **info.nothing()}
    with session.connect(params, ctx) as client:
        return {"changed": False, **_look(params, client, ctx)}


def _look(params: Mapping[str, Any], client: Client, ctx: Context) -> dict[str, Any]:
    last: dict[str, Any] = {}

    def once() -> Observation[None]:
        last.update(info.gather(Store(client, ctx), params["pool_label"], params["secrets_namespace"]))
        states = [one["state"] for one in last["sessions"]]
        up = states.count("established")
        return Observation(up == len(states), f"{up} of {len(states)} established")

    waits = params["wait"] and not ctx.check_mode
    try:
        wait_until(
            once,
            what="the BGP sessions as Cilium tells them",
            target=client.connection.server,
            timeout=params["wait_timeout"] if waits else 0,
            ctx=ctx,
            interval=1.0,
        )
    except WaitTimeout:
        # The sessions say themselves how they are.
        pass
    return last


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
