#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the load-balancer pools of Cilium, judged before they are written."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cilium_lb_pool
short_description: Have the load-balancer pools of Cilium, judged before they are written
version_added: 0.1.0
description:
  - Applies any number of C(CiliumLoadBalancerIPPool) in one call, strictly validated.
  - Refused before anything is written are pools that the API server accepts and the operator cannot use - overlaps
    within the
    set and with pools that are not in it, ranges that run backwards or mix families, host bits, blocks that say two
    things.
  - A change that would take an address from a Service that has it is refused, unless O(allow_renumber=true).
options:
  pools:
    description: The pools.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the pool.
        type: str
        required: true
      blocks:
        description: Its addresses. Required with O(state=present).
        type: list
        elements: dict
        suboptions:
          cidr:
            description: A network.
            type: str
          start:
            description: First address of a range; alone it is the only one.
            type: str
          stop:
            description: Last address of the range.
            type: str
      service_selector:
        description:
          - Label selector of the Services that may have an address of the pool. C({}) selects every Service; it must
            be said, because
            to Cilium an absent selector means every Service too. Required with O(state=present).
        type: dict
      first_last_ips:
        description: Whether the first and last address of a C(cidr) may be given out.
        type: bool
      disabled:
        description: Give out no new addresses; those in use stay.
        type: bool
        default: false
  state:
    description: Whether the pools shall be there.
    type: str
    choices: [present, absent]
    default: present
  exact:
    description: Have no other pool of the same O(owner), deleting what an earlier call of it has left.
    type: bool
    default: false
  owner:
    description: Value of the label C(homeops.cluster/owner) that marks the pools with O(exact=true).
    type: str
    default: lb-pools
  allow_renumber:
    description: Carry out a change even if Services lose the addresses that they have.
    type: bool
    default: false
  field_manager:
    description: Name under which the API records which fields are ours.
    type: str
    default: homeops
  force:
    description: Take over fields that another field manager has set.
    type: bool
    default: false
  wait:
    description: Wait until the operator has taken the pools in and reports no conflict. Not in check mode.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the wait.
    type: int
    default: 60
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
    description: Predicts with a server-side dry run.
    support: full
  diff_mode:
    description: One diff per changed pool.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have exactly these pools
  homeops.cluster.cilium_lb_pool:
    kubeconfig: "{{ homeops_kubeconfig }}"
    exact: true
    wait: true
    pools:
      - name: bgp-default
        blocks:
          - start: 172.29.52.100
            stop: 172.29.52.199
        service_selector:
          matchLabels:
            io.cilium/lb-ipam-pool: bgp-default
"""

RETURN = r"""
objects:
  description: One entry per pool, with C(action) created, configured, unchanged, deleted or pruned.
  returned: always
  type: list
  elements: dict
summary:
  description: Number of pools per action.
  returned: always
  type: dict
usage:
  description: One entry per pool that is in the cluster afterwards (in check mode, before).
  returned: when connected
  type: list
  elements: dict
  contains:
    name:
      description: Name of the pool.
      type: str
    blocks:
      description: Its blocks.
      type: list
      elements: str
    total:
      description: Addresses that it can give out.
      type: int
    used:
      description: Addresses that Services have.
      type: int
    available:
      description: Addresses left.
      type: int
    services:
      description: Which Service has which address, and whether it asks for it.
      type: list
      elements: dict
    conflict:
      description: What the operator says of a conflict, empty when there is none.
      type: str
    operator:
      description: The operator's own numbers.
      type: dict
findings:
  description: What the linter had to say.
  returned: always
  type: list
  elements: dict
renumbered:
  description: Services whose address is lost or may change by this change.
  returned: always
  type: list
  elements: dict
requests:
  description: Requests sent, per HTTP method; dry runs count as DRYRUN.
  returned: when connected
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.cilium.pool_run import PoolOptions, PoolRun, bodies
from ..module_utils.cilium.store import Store
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import apply, session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "pools": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "blocks": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"cidr": {"type": "str"}, "start": {"type": "str"}, "stop": {"type": "str"}},
                },
                "service_selector": {"type": "dict"},
                "first_last_ips": {"type": "bool"},
                "disabled": {"type": "bool", "default": False},
            },
        },
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "exact": {"type": "bool", "default": False},
        "owner": {"type": "str", "default": "lb-pools"},
        "allow_renumber": {"type": "bool", "default": False},
        "field_manager": {"type": "str", "default": "homeops"},
        "force": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 60},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the pools, or have them gone; see DOCUMENTATION."""
    present = params["state"] == "present"
    options = PoolOptions(
        owner=params["owner"] if params["exact"] and present else "",
        allow_renumber=params["allow_renumber"],
        wait=params["wait"],
        timeout=params["wait_timeout"],
    )
    wanted = bodies(params["pools"], options.owner) if present else []
    if ctx.check_mode and params["assume_absent"]:
        return predicted(wanted, ctx)
    with session.connect(params, ctx) as client:
        work = PoolRun(Store(client, ctx, manager=params["field_manager"], force=params["force"]), options, ctx)
        return work.present(wanted) if present else work.absent([str(pool["name"]) for pool in params["pools"]])


def predicted(wanted: list[dict[str, Any]], ctx: Context) -> dict[str, Any]:
    """Return what a run against a new cluster would create."""
    outcomes = [
        apply.Outcome(
            apply.Identity(body["apiVersion"], body["kind"], body["metadata"]["name"]),
            apply.Action.CREATED,
            None,
            body,
        )
        for body in wanted
    ]
    result = {
        "changed": bool(wanted),
        "objects": [outcome.facts() for outcome in outcomes],
        "summary": apply.summary(outcomes),
        "findings": [],
        "renumbered": [],
    }
    return {**result, "diff": apply.diffs(outcomes)} if ctx.diff_mode else result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
