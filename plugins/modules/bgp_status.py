#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say from both ends whether every address gets to the router, and where its way breaks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_status
short_description: Say from both ends whether every address gets to the router, and where its way breaks
version_added: 0.1.0
description:
  - Holds what M(homeops.cluster.cilium_bgp_info) says the cluster announces against what the router's daemon has, per
    neighbour, per Service address and per node's pods, and returns one report as data and as a table. Contacts
    nothing itself.
  - Of each way the first broken link is told - no address, wrong pool, not announced, no session, not accepted, too
    few paths, not installed in the router's kernel.
options:
  nodes:
    description:
      - The nodes, each with its C(name) and the C(address) under which the router knows it; further keys are passed
        over.
    type: list
    elements: dict
    required: true
  router:
    description: Address of the router.
    type: str
    required: true
  cluster:
    description: The answer of M(homeops.cluster.cilium_bgp_info). Left out when it could not be asked.
    type: dict
  cluster_reason:
    description: Why the cluster could not be asked.
    type: str
    default: ""
  live:
    description: C(neighbors) and C(routes) of the router's daemon. Left out when it could not be asked.
    type: dict
  admission:
    description: C(admission) of M(homeops.cluster.udm_bgp_info), judged where there is no O(live).
    type: list
    elements: dict
    default: []
  faults:
    description: C(faults) of M(homeops.cluster.udm_bgp_info).
    type: list
    elements: dict
    default: []
  router_reason:
    description: Why the router could not be asked; without O(live) it is an error.
    type: str
    default: ""
  require_state:
    description:
      - Whether it is an error, and not a warning, that nobody may ask the router's daemon (neither O(live) nor
        O(router_reason)). Nothing past the text that the router stores is proved then.
    type: bool
    default: false
  waited:
    description: How a wait for the router ended that was in vain; a warning when all is there by now.
    type: str
    default: ""
  pinned:
    description:
      - Addresses that the model promises. A Service that has another one is an error, one that is not there a warning.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its key under C(homeops_load_balancers.pinned).
        type: str
        required: true
      address:
        description: The address.
        type: str
        required: true
      service:
        description: The Service that is to have it, as C(namespace/name); by default the one with the O(pinned[].name).
        type: str
        default: ""
  pending:
    description: Whether the Services of O(pinned) may still be to come; one that is not there is a note then.
    type: bool
    default: false
  maximum_paths:
    description: Paths that the router may use at once; 0 compares with the number of announcing nodes.
    type: int
    default: 0
  show:
    description: Whether to print the table.
    type: bool
    default: true
extends_documentation_fragment:
  - homeops.cluster.verdict
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Hold both ends against each other
  homeops.cluster.bgp_status:
    nodes:
      - {name: mini01, address: 172.29.51.11}
    router: 172.29.51.1
    cluster: "{{ bgp_status_cluster }}"
    live: "{{ bgp_status_router.live }}"
"""

RETURN = r"""
report:
  description: The report; a key may be added to it, none is renamed without another RV(report.schema).
  returned: always
  type: dict
  contains:
    schema:
      description: Version of the shape.
      type: int
    worst:
      description: ok, warning or error.
      type: str
    neighbors:
      description: One row per node and family, from both ends.
      type: list
      elements: dict
    routes:
      description: One row per prefix that must reach the router.
      type: list
      elements: dict
    findings:
      description: What is not as it should be, each with severity, subject and text.
      type: list
      elements: dict
    notes:
      description: What was not proved or is still to come, and is no fault.
      type: list
      elements: str
table:
  description: The report for people.
  returned: always
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.status import bgp, declared, verdict

SPEC: dict[str, Any] = {
    "argument_spec": {
        "nodes": {"type": "list", "elements": "dict", "required": True},
        "router": {"type": "str", "required": True},
        "cluster": {"type": "dict"},
        "cluster_reason": {"type": "str", "default": ""},
        "live": {"type": "dict"},
        "admission": {"type": "list", "elements": "dict", "default": []},
        "faults": {"type": "list", "elements": "dict", "default": []},
        "router_reason": {"type": "str", "default": ""},
        "require_state": {"type": "bool", "default": False},
        "waited": {"type": "str", "default": ""},
        "pinned": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "address": {"type": "str", "required": True},
                "service": {"type": "str", "default": ""},
            },
        },
        "pending": {"type": "bool", "default": False},
        "maximum_paths": {"type": "int", "default": 0},
        "show": {"type": "bool", "default": True},
        "fail_on": verdict.FAIL_ON,
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Report; see DOCUMENTATION."""
    for index, node in enumerate(params["nodes"]):
        if not node.get("name") or not node.get("address"):
            raise InputError(f"nodes[{index}] has no name or no address", param="nodes")
    ends = bgp.Ends(
        nodes={str(node["name"]): str(node["address"]) for node in params["nodes"]},
        router=params["router"],
        cluster=params.get("cluster"),
        live=params.get("live"),
        cluster_reason=params["cluster_reason"],
        router_reason=params["router_reason"],
        maximum_paths=params["maximum_paths"],
        admission=tuple(params["admission"]),
        faults=tuple(params["faults"]),
        require_state=params["require_state"],
        waited=params["waited"],
        pinned=tuple(declared.Pin(pin["name"], pin["address"], pin["service"]) for pin in params["pinned"]),
        pending=params["pending"],
    )
    report = bgp.build(ends)
    text = bgp.render(report)
    if params["show"]:
        ctx.show(text)
    return verdict.settle(
        report,
        text,
        params["fail_on"],
        "proving the routes from both ends",
        "Mend the first broken link of each way and run the phase bgp again",
    )


def main() -> None:
    """Start as an ordinary module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
