#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until Talos nodes and their etcd are healthy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_health
short_description: Wait until Talos nodes and their etcd are healthy
version_added: 0.1.0
description:
  - Waits, with one deadline, until every node has finished its boot (stage running), its services run, no condition is
    unmet, and every control plane's etcd is a voting member of one membership on which all agree, without alarms.
  - What only a person can repair, as a certificate of another CA, ends the wait at once.
  - In check mode it looks once, waits for nothing and does not fail.
options:
  tolerate:
    description:
      - Names of conditions of the machine status that may stay unmet.
      - Before the CNI runs, V(nodeReady) cannot be met.
    type: list
    elements: str
    default: []
  wait_timeout:
    description: Seconds until all must be healthy.
    type: int
    default: 600
  interval:
    description: Seconds between two looks.
    type: float
    default: 2
attributes:
  check_mode:
    support: full
    description: Looks once, without waiting.
  diff_mode:
    support: none
    description: Nothing changes.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Wait for every node and its etcd member, before there is a CNI
  homeops.cluster.talos_health:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    tolerate: [nodeReady]
    wait_timeout: 900
"""

RETURN = r"""
healthy:
  description: Whether nothing is missing; false only in check mode.
  type: bool
  returned: always
missing:
  description: What is missing, by name of the node; nodes without a fault are left out.
  type: dict
  returned: always
"""

import time
from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import REPEAT, Observation, wait_until
from ..module_utils.talos import health, options, state
from ..module_utils.talos.connection import identity_of, target_of
from ..module_utils.talos.errors import TalosError

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        tolerate={"type": "list", "elements": "str", "default": []},
        wait_timeout={"type": "int", "default": 600},
        interval={"type": "float", "default": 2},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Wait until nothing is missing."""
    identity = identity_of(params, ctx)
    targets = [target_of(item) for item in params["nodes"]]
    tell = _Teller(ctx)

    def look() -> Observation[dict[str, list[str]]]:
        nodes = state.each_node(targets, lambda target: state.look(target, identity, params["timeout"], health.PARTS))
        if not ctx.check_mode:
            _stop_for_good(nodes)
        found = health.missing(nodes, params["tolerate"])
        tell(found)
        lacking = {name: lacks for name, lacks in found.items() if lacks}
        return Observation(
            not lacking, "; ".join(f"{name}: {', '.join(lacks)}" for name, lacks in lacking.items()), lacking
        )

    if ctx.check_mode:
        lacking = look().value or {}
        return {"changed": False, "healthy": not lacking, "missing": lacking}
    wait_until(
        look,
        what="healthy nodes",
        target=", ".join(target.label for target in targets),
        timeout=params["wait_timeout"],
        # The nodes are told one by one.
        ctx=Context(),
        interval=params["interval"],
        remedy="Look at the services and logs of the node that is named; its console shows the same conditions",
        param="nodes",
    )
    return {"changed": False, "healthy": True, "missing": {}}


def _stop_for_good(nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        if node["mode"] == "unreachable" and node["permanent"]:
            raise TalosError(
                "waiting for healthy nodes",
                target=node["name"],
                answer=node["reason"],
                param="nodes",
                facts={"missing": {node["name"]: [node["reason"]]}},
            )


class _Teller:
    """Tells each node's state when it changes, and repeats what is missing from time to time."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._told: dict[str, tuple[str, float]] = {}

    def __call__(self, found: Mapping[str, list[str]]) -> None:
        now = time.monotonic()
        for name, lacks in found.items():
            text = ", ".join(lacks) or "healthy"
            before, at = self._told.get(name, ("", -REPEAT))
            if text != before or (lacks and now - at >= REPEAT):
                self._ctx.progress(f"{name}: {text}")
                self._told[name] = (text, now)


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
