#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have one BGP policy of Cilium, in whichever schema the API serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cilium_bgp_policy
short_description: Have one BGP policy of Cilium, in whichever schema the API serves
version_added: 0.1.0
description:
  - Renders one declaration either into the legacy kind C(CiliumBGPPeeringPolicy) or into the new kinds
    (C(CiliumBGPClusterConfig), C(CiliumBGPPeerConfig), C(CiliumBGPAdvertisement), C(CiliumBGPNodeConfigOverride)) with
    labels that do match, and applies it with server-side apply, strictly validated.
  - Before anything is written, everything that the API server would accept although it cannot work is refused, with
    field, value, reason and the value to use - families that select no advertisement, timers that contradict each
    other,
    a second policy on the same nodes, a missing password, and so on.
  - With O(migrate=true) a policy moves from one schema to the other node by node, such that some policy selects every
    node
    at every moment. What was interrupted goes on, or back, with the next run.
options:
  name:
    description:
      - Name of the policy, and of the objects that it consists of.
      - An existing policy that somebody else has applied is taken over under its own name, with O(force=true).
    type: str
    default: homeops
  state:
    description: Whether the policy shall be there. V(absent) deletes it in both schemas.
    type: str
    choices: [present, absent]
    default: present
  api:
    description:
      - The schema. V(legacy) is the CiliumBGPPeeringPolicy (removed in Cilium 1.19), V(v2) are the new kinds, under
        whichever
        version of C(cilium.io) serves them.
      - V(auto) takes the new kinds where they are served; an existing legacy policy of this name stays legacy until
        O(migrate=true).
    type: str
    choices: [auto, legacy, v2]
    default: auto
  migrate:
    description:
      - Move an existing policy to the schema that O(api) says, V(auto) meaning the new kinds.
      - One node after the other gets the label C(homeops.cluster/bgp-api) (or loses it on the way back); each must
        stand before
        the next one moves. The labels are gone in the end.
    type: bool
    default: false
  local_asn:
    description: AS number of the nodes. Required with O(state=present).
    type: int
  peers:
    description: The routers that every selected node dials. Required with O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the peer.
        type: str
        required: true
      address:
        description: Its bare address; each schema gets the form that it wants.
        type: str
        required: true
      asn:
        description: Its AS number.
        type: int
        required: true
      port:
        description: TCP port that it listens on.
        type: int
        default: 179
  pool_label:
    description: Key of the label by which a Service chooses its pool.
    type: str
    default: io.cilium/lb-ipam-pool
  pools:
    description: Values of this label; the load-balancer addresses of Services that carry one of them are announced.
    type: list
    elements: str
    default: []
  pod_cidr:
    description: Whether each node announces its own pod ranges.
    type: bool
    default: false
  timers:
    description: Seconds; a change resets the sessions.
    type: dict
    suboptions:
      connect_retry_seconds:
        description: Between two attempts to connect (up to twice as long by jitter).
        type: int
        default: 120
      hold_seconds:
        description: Silence after which a session is given up.
        type: int
        default: 90
      keepalive_seconds:
        description: Between two keepalives; at most the hold time.
        type: int
        default: 30
  graceful_restart:
    description: Whether, and how long, the router keeps the routes while an agent restarts.
    type: dict
    suboptions:
      enabled:
        description: Whether it is offered.
        type: bool
        default: true
      seconds:
        description: Must be above the time that an agent needs to start.
        type: int
        default: 120
  auth_secret:
    description: Name of the Secret whose key C(password) is the TCP MD5 password. The password itself is never read
      out.
    type: str
  secrets_namespace:
    description: Namespace of that Secret (C(bgpControlPlane.secretsNamespace) of the chart).
    type: str
    default: kube-system
  families:
    description: Address families of the sessions; the router must offer the same ones.
    type: list
    elements: str
    choices: [ipv4, ipv6]
    default: [ipv4]
  communities:
    description: Communities of what is announced, C(64512:100), C(64512:1:2) or a well-known name.
    type: dict
    suboptions:
      load_balancer:
        description: Of the Services' addresses.
        type: list
        elements: str
        default: []
      pods:
        description: Of the pod ranges.
        type: list
        elements: str
        default: []
  ebgp_multihop:
    description: Hops that an external session may take.
    type: int
    default: 1
  node_selector:
    description: Label selector of the nodes (C(matchLabels), C(matchExpressions)); every node without it.
    type: dict
  node_overrides:
    description: What single nodes do differently; new kinds only.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: Name of the node.
        type: str
        required: true
      router_id:
        description: Router ID, written as an IPv4 address.
        type: str
      local_port:
        description: Port to listen on; below 1024 the agent needs C(NET_BIND_SERVICE).
        type: int
      local_addresses:
        description: Source address per peer name.
        type: dict
  overlap:
    description: What to do when another policy selects the same nodes.
    type: str
    choices: [refuse, warn]
    default: refuse
  field_manager:
    description: Name under which the API records which fields are ours.
    type: str
    default: homeops
  force:
    description: Take over fields that another field manager has set.
    type: bool
    default: false
  wait:
    description:
      - Wait until every selected node has every session Established and has announced O(wait_routes) routes, as
        Cilium's own
        status says. Not in check mode.
      - The legacy kind has no status; then a warning says so and nothing is waited for.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the whole wait; in a migration, for each node.
    type: int
    default: 300
  wait_routes:
    description:
      - Routes that each session must have announced, all families together. By default one with O(pod_cidr), else none.
    type: int
  settle_seconds:
    description:
      - How long after a change a status may still be the one of before (agents write theirs every 5 seconds), and how
        long a migration rests after each node that is known to be back, so that the router settles.
    type: float
    default: 6
  router_state_command:
    description:
      - Command that answers C(-c '<show command>') as the router's C(vtysh) does, word by word.
      - With it each node of a migration must be back at the router, its session new and every prefix that it had
        accepted again, and every other node must stand, before the next one moves. A node that does not come back stops
        the migration.
    type: list
    elements: str
    default: []
  router_neighbors:
    description: The nodes for O(router_state_command), each with C(name) and the C(address) that the router knows.
    type: list
    elements: dict
    default: []
  unproved_seconds:
    description:
      - Rest after each node that a migration moves to the legacy kind without O(router_state_command), because that
        kind has no status and nobody tells whether the node is back.
      - By default what its dialling may take, one refused dial included - 10 seconds and twice
        O(timers.connect_retry_seconds).
    type: float
  assume_absent:
    description:
      - In check mode, take the cluster as empty and do not connect, because an earlier step of the same run would
        create it.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Predicts with a server-side dry run; of a migration the steps are told.
    support: full
  diff_mode:
    description: One diff per changed object. There is no secret in any of them.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Announce two pools and the pods to the router
  homeops.cluster.cilium_bgp_policy:
    kubeconfig: "{{ homeops_kubeconfig }}"
    name: home-ops
    local_asn: 64512
    peers:
      - name: udm
        address: 172.29.51.1
        asn: 64513
    pools: [bgp-default, bgp-ingress]
    pod_cidr: true
    communities:
      load_balancer: ["64512:100"]
    wait: true

- name: Move the policy to the new kinds before Cilium 1.19
  homeops.cluster.cilium_bgp_policy:
    kubeconfig: "{{ homeops_kubeconfig }}"
    name: bgp-peering-policy
    local_asn: 64512
    peers:
      - {name: udm, address: 172.29.51.1, asn: 64513}
    pools: [bgp-default, bgp-ingress, bgp-reserved]
    pod_cidr: true
    node_selector:
      matchLabels:
        kubernetes.io/os: linux
    api: v2
    migrate: true
    force: true
"""

RETURN = r"""
api:
  description: The schema that carries the policy, V(legacy) or V(v2).
  returned: when present
  type: str
api_version:
  description: Its apiVersion.
  returned: when present
  type: str
objects:
  description: One entry per object, with C(action) created, configured, unchanged, deleted or pruned.
  returned: always
  type: list
  elements: dict
summary:
  description: Number of objects per action.
  returned: always
  type: dict
steps:
  description: The steps of a migration, in words; those that were taken, or would be.
  returned: always
  type: list
  elements: str
findings:
  description: What the linter had to say, also what only warns.
  returned: always
  type: list
  elements: dict
  contains:
    rule:
      description: The model's check that guards the same.
      type: str
    severity:
      description: error or warning.
      type: str
    subject:
      description: The object.
      type: str
    field:
      description: The field.
      type: str
    value:
      description: Its value.
      type: raw
    reason:
      description: What happens with it.
      type: str
    use:
      description: What to write instead.
      type: str
foreign_peers:
  description: Peers of the same ClusterConfig that another field manager owns; an apply does not remove them.
  returned: always
  type: list
  elements: dict
sessions:
  description: The sessions as Cilium's status tells them.
  returned: when waited for
  type: list
  elements: dict
conditions:
  description: What the operator says is wrong with these objects.
  returned: when a wait fails
  type: list
  elements: str
requests:
  description: Requests sent, per HTTP method; dry runs count as DRYRUN.
  returned: when connected
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.cilium import intent as intents, kinds, render
from ..module_utils.cilium.handover import Router
from ..module_utils.cilium.intent import Intent
from ..module_utils.cilium.policy import Options, PolicyRun
from ..module_utils.cilium.store import Store
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.frr.state_command import Shell
from ..module_utils.kubernetes import apply, session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "name": {"type": "str", "default": "homeops"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "api": {"type": "str", "choices": ["auto", "legacy", "v2"], "default": "auto"},
        "migrate": {"type": "bool", "default": False},
        "local_asn": {"type": "int"},
        "peers": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "address": {"type": "str", "required": True},
                "asn": {"type": "int", "required": True},
                "port": {"type": "int", "default": 179},
            },
        },
        "pool_label": {"type": "str", "default": "io.cilium/lb-ipam-pool"},
        "pools": {"type": "list", "elements": "str", "default": []},
        "pod_cidr": {"type": "bool", "default": False},
        "timers": {
            "type": "dict",
            "options": {
                "connect_retry_seconds": {"type": "int", "default": 120},
                "hold_seconds": {"type": "int", "default": 90},
                "keepalive_seconds": {"type": "int", "default": 30},
            },
        },
        "graceful_restart": {
            "type": "dict",
            "options": {
                "enabled": {"type": "bool", "default": True},
                "seconds": {"type": "int", "default": 120},
            },
        },
        # The name of a Secret, not a secret.
        "auth_secret": {"type": "str", "no_log": False},
        "secrets_namespace": {"type": "str", "default": "kube-system", "no_log": False},
        "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": ["ipv4"]},
        "communities": {
            "type": "dict",
            "options": {
                "load_balancer": {"type": "list", "elements": "str", "default": []},
                "pods": {"type": "list", "elements": "str", "default": []},
            },
        },
        "ebgp_multihop": {"type": "int", "default": 1},
        "node_selector": {"type": "dict"},
        "node_overrides": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "node": {"type": "str", "required": True},
                "router_id": {"type": "str"},
                "local_port": {"type": "int"},
                "local_addresses": {"type": "dict"},
            },
        },
        "overlap": {"type": "str", "choices": ["refuse", "warn"], "default": "refuse"},
        "field_manager": {"type": "str", "default": "homeops"},
        "force": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
        "wait_routes": {"type": "int"},
        "settle_seconds": {"type": "float", "default": 6},
        "router_state_command": {"type": "list", "elements": "str", "default": []},
        "router_neighbors": {"type": "list", "elements": "dict", "default": []},
        "unproved_seconds": {"type": "float"},
        "assume_absent": {"type": "bool", "default": False},
    },
    "required_if": [["state", "present", ["local_asn", "peers"]]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the policy, or have it gone; see DOCUMENTATION."""
    present = params["state"] == "present"
    intent = intents.parse(params) if present else intents.named(params["name"])
    if ctx.check_mode and params["assume_absent"]:
        return predicted(intent, params["api"], ctx) if present else {"changed": False, **_NOTHING}
    routes = params.get("wait_routes")
    options = Options(
        api=params["api"],
        migrate=params["migrate"],
        overlap=params["overlap"],
        wait=params["wait"],
        timeout=params["wait_timeout"],
        routes=int(intent.pod_cidr) if routes is None else routes,
        settle=params["settle_seconds"],
        unproved=params.get("unproved_seconds"),
        router=_router(params),
        secrets_namespace=params["secrets_namespace"],
    )
    with session.connect(params, ctx) as client:
        store = Store(client, ctx, manager=params["field_manager"], force=params["force"])
        work = PolicyRun(store, intent, options, ctx)
        return work.present() if present else work.absent()


def _router(params: Mapping[str, Any]) -> Router | None:
    if not params["router_state_command"]:
        return None
    for index, node in enumerate(params["router_neighbors"]):
        if not node.get("name") or not node.get("address"):
            raise InputError(f"router_neighbors[{index}] has no name or no address", param="router_neighbors")
    addresses = {str(node["name"]): str(node["address"]) for node in params["router_neighbors"]}
    return Router(Shell(tuple(params["router_state_command"])), addresses)


_NOTHING: dict[str, Any] = {"objects": [], "summary": {}, "steps": [], "findings": [], "foreign_peers": []}


def predicted(intent: Intent, api: str, ctx: Context) -> dict[str, Any]:
    """Return what a run against a new cluster would create; the new kinds are served since Cilium 1.16."""
    bodies = [render.legacy(intent)] if api == "legacy" else render.v2(intent, kinds.VERSIONS[-1])
    outcomes = [
        apply.Outcome(
            apply.Identity(body["apiVersion"], body["kind"], body["metadata"]["name"]),
            apply.Action.CREATED,
            None,
            body,
        )
        for body in bodies
    ]
    result = {
        **_NOTHING,
        "changed": True,
        "api": "legacy" if api == "legacy" else "v2",
        "api_version": bodies[0]["apiVersion"],
        "objects": [outcome.facts() for outcome in outcomes],
        "summary": apply.summary(outcomes),
    }
    return {**result, "diff": apply.diffs(outcomes)} if ctx.diff_mode else result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
