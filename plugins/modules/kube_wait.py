#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for many Kubernetes objects in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_wait
short_description: Wait for many Kubernetes objects in one call
version_added: 0.1.0
description:
  - Waits until every target is ready (or gone), with one deadline, and tells meanwhile what is still missing.
  - The API server of each of several nodes can be waited for, too.
  - An API that cannot be reached for a moment, and kinds that are not served yet, are waited for too.
  - An object that says that it failed for good (a Job, a Pod) ends the wait at once.
options:
  targets:
    description: What to wait for.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Kind, plural or short name.
        type: str
        required: true
      name:
        description: Name of one object; without it all that fit are meant.
        type: str
      namespace:
        description: Its namespace.
        type: str
      api_version:
        description: Its apiVersion; the preferred one by default.
        type: str
      labels:
        description: Label selector, when there is no name.
        type: str
      count:
        description: How many objects there must be at least, when there is no name.
        type: int
        default: 1
      condition:
        description: Type of the condition to wait for; by default the rule of the kind decides.
        type: str
      status:
        description: Status that the condition must have.
        type: str
        default: "True"
      jmespath:
        description: Expression over the object that must become true.
        type: str
      state:
        description: Wait until it is ready, or until it is gone.
        type: str
        choices: [ready, absent]
        default: ready
  doors:
    description:
      - Nodes whose API server must be ready before the targets are looked at, each asked at its own address and all at
        once, with the kubeconfig's port and credentials. The filter P(homeops.cluster.node_doors#filter) makes them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name for messages and results; O(doors[].node) by default.
        type: str
      node:
        description: Address or name of the node to connect to.
        type: str
        required: true
      server_name:
        description: Name or address that the API server's certificate must carry; O(doors[].node) by default.
        type: str
  wait_timeout:
    description: Seconds for all doors and targets together.
    type: int
    default: 300
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  assume_absent:
    description:
      - In check mode, do not even look, because an earlier step of the same run would create the cluster.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Looks once and does not wait; what is missing is told in RV(doors) and RV(targets).
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
requirements:
  - jmespath, for C(jmespath) in O(targets)
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Wait for three Ready nodes and for Cilium
  homeops.cluster.kube_wait:
    kubeconfig: "{{ homeops_kubeconfig }}"
    targets:
      - kind: Node
        count: 3
      - kind: DaemonSet
        name: cilium
        namespace: kube-system
    wait_timeout: 600
"""

RETURN = r"""
doors:
  description: One entry per door.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    ready:
      description: Whether its API server is ready.
      type: bool
    state:
      description: What it said.
      type: str
targets:
  description: One entry per target, with the state it reached.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The target's kind.
      type: str
    name:
      description: The target's name.
      type: str
    namespace:
      description: The target's namespace.
      type: str
    ready:
      description: Whether it was reached.
      type: bool
    state:
      description: What it says.
      type: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Deadline
from ..module_utils.kubernetes import doors, session, wait
from ..module_utils.kubernetes.discovery import Discovery

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "targets": {"type": "list", "elements": "dict", "required": True, "options": wait.ARGUMENTS},
        "doors": {"type": "list", "elements": "dict", "default": [], "options": doors.ARGUMENTS},
        "wait_timeout": {"type": "int", "default": 300},
        "interval": {"type": "float", "default": 0.5},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Wait; see DOCUMENTATION."""
    targets = [wait.parse(options, "targets") for options in params["targets"]]
    if ctx.check_mode and params["assume_absent"]:
        return {"changed": False, "doors": [], "targets": []}
    deadline = Deadline(params["wait_timeout"])
    with session.connect(params, ctx) as client:
        nodes = doors.parse(params["doors"], client.connection)
        waiter = wait.Waiter(client, Discovery(client))
        if ctx.check_mode:
            said = doors.facts(doors.look(nodes, client.timeout))
            return {"changed": False, "doors": said, "targets": waiter.look(targets)}
        pace = {"ctx": ctx, "interval": params["interval"]}
        open_ = doors.wait(nodes, timeout=deadline.seconds, answer=client.timeout, **pace)
        reached = waiter.wait(targets, timeout=deadline.left, param="targets", **pace)
    return {"changed": False, "doors": open_, "targets": reached}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
