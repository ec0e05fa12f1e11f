#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap etcd of a Talos cluster, exactly once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_bootstrap
short_description: Bootstrap etcd of a Talos cluster, exactly once
version_added: 0.1.0
description:
  - Asks every control plane first. When any of them has etcd members or data, the cluster is bootstrapped and nothing
    is done. When one cannot be asked, nothing is done either, since a second bootstrap would split the cluster in two.
  - Waits for nodes that are still booting. After the bootstrap it waits until the etcd member of that node is up.
options:
  bootstrap_node:
    description: Name (or address) of the node, out of O(nodes), whose etcd is started; the first one by default.
    type: str
  wait_timeout:
    description: Seconds until the bootstrap must be done.
    type: int
    default: 600
  interval:
    description: Seconds between two looks.
    type: float
    default: 2
attributes:
  check_mode:
    support: full
    description: Says whether it would bootstrap, also while the nodes still are in maintenance.
  diff_mode:
    support: none
    description: There is nothing to show.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Bootstrap etcd, exactly once
  homeops.cluster.talos_bootstrap:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    bootstrap_node: mini01
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
"""

RETURN = r"""
bootstrap_node:
  description: Name of the node that was or would be bootstrapped; empty when nothing was to be done.
  type: str
  returned: always
standings:
  description: What each control plane said when the decision was made, by name.
  type: dict
  returned: always
reason:
  description: Why it was or was not bootstrapped.
  type: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Deadline, Observation, wait_until
from ..module_utils.talos import bootstrap, options, state
from ..module_utils.talos.bootstrap import Act, Decision, Standing
from ..module_utils.talos.connection import NodeMode, Target, connect, identity_of, target_of
from ..module_utils.talos.errors import ALREADY_EXISTS, FAILED_PRECONDITION, TalosError
from ..module_utils.talos.identity import Identity

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        bootstrap_node={"type": "str"},
        wait_timeout={"type": "int", "default": 600},
        interval={"type": "float", "default": 2},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Bootstrap when all control planes agree that it was never done."""
    targets = [target_of(item) for item in params["nodes"]]
    chosen = _chosen(targets, params["bootstrap_node"])
    identity = identity_of(params, ctx)
    deadline = Deadline(params["wait_timeout"])
    started = lost = False
    decision = Decision(Act.WAIT, "")
    standings: dict[str, Standing] = {}

    def look() -> Observation[None]:
        nonlocal started, lost, decision, standings
        standings, reasons = _ask(targets, identity, params["timeout"])
        _refuse_workers(standings)
        decision = bootstrap.decide(standings, planned=ctx.check_mode)
        if decision.act is Act.WAIT:
            if ctx.check_mode:
                raise _cannot_ask(decision, reasons)
            return Observation(False, "; ".join([decision.why, *reasons.values()]))
        if decision.act is Act.BOOTSTRAP and not ctx.check_mode:
            try:
                started = _start(chosen, identity, params["timeout"]) or lost
            except TalosError as error:
                if not _passes(error):
                    raise
                lost = lost or error.code != FAILED_PRECONDITION
                return Observation(False, f"{chosen.label}: {error.details or error}")
        # A call whose answer was lost may have taken effect: then it was us.
        started = started or lost
        return Observation(True, decision.why)

    wait_until(
        look,
        what="every control plane to say that it may be bootstrapped",
        target=", ".join(target.label for target in targets),
        timeout=params["wait_timeout"],
        ctx=ctx,
        interval=params["interval"],
        remedy="Bring the named nodes up, with their machine config applied: a blind bootstrap could split the cluster",
        param="nodes",
    )
    changed = started or (ctx.check_mode and decision.act is Act.BOOTSTRAP)
    if started:
        _wait_for_etcd(chosen, identity, params, deadline, ctx)
    return {
        "changed": changed,
        "bootstrap_node": chosen.label if changed else "",
        "standings": {name: standing.value for name, standing in standings.items()},
        "reason": decision.why,
    }


def _chosen(targets: list[Target], name: str | None) -> Target:
    if not targets:
        raise InputError("there is no control plane to bootstrap", remedy="Name all control planes", param="nodes")
    if not name:
        return targets[0]
    for target in targets:
        if name in (target.name, target.node):
            return target
    raise InputError(
        f"node {name} is not among the nodes",
        answer=f"they are {', '.join(target.label for target in targets)}",
        remedy="Name one of them",
        param="bootstrap_node",
    )


def _refuse_workers(standings: Mapping[str, Standing]) -> None:
    workers = [name for name, standing in standings.items() if standing is Standing.WORKER]
    if workers:
        raise InputError(
            f"{', '.join(workers)} cannot hold etcd",
            answer="not a control plane",
            remedy="Name the control planes only",
            param="nodes",
        )


def _ask(
    targets: list[Target], identity: Identity | None, timeout: float
) -> tuple[dict[str, Standing], dict[str, str]]:
    """Return every node's standing, and the reasons of those that could not be asked."""
    reasons: dict[str, str] = {}

    def ask(target: Target) -> Standing:
        try:
            client, mode = connect(target, identity, timeout)
            with client:
                return Standing.MAINTENANCE if mode is NodeMode.MAINTENANCE else bootstrap.standing_of(client)
        except TalosError as error:
            if error.permanent:
                raise
            reasons[target.label] = str(error)
            return Standing.UNREACHABLE

    standings = state.each_node(targets, ask)
    return {target.label: standing for target, standing in zip(targets, standings, strict=True)}, reasons


def _start(chosen: Target, identity: Identity | None, timeout: float) -> bool:
    """Send the call; false when its etcd had data already."""
    client, _unused = connect(chosen, identity, timeout)
    with client:
        try:
            client.bootstrap()
        except TalosError as error:
            if error.code != ALREADY_EXISTS:
                raise
            return False
    return True


def _passes(error: TalosError) -> bool:
    """Whether the refusal passes by waiting: the container runtime or the clock is not ready, or the node went away."""
    if error.code == FAILED_PRECONDITION:
        return "control plane node" not in error.details
    return error.transient and not error.permanent


def _wait_for_etcd(
    chosen: Target, identity: Identity | None, params: Mapping[str, Any], deadline: Deadline, ctx: Context
) -> None:
    def look() -> Observation[None]:
        try:
            client, _unused = connect(chosen, identity, params["timeout"])
            with client:
                etcd = state.etcd_state(client)
        except TalosError as error:
            if error.permanent:
                raise
            return Observation(False, str(error))
        return Observation(bool(etcd["running"] and etcd["voter"]), etcd["reason"] or "no voting member yet")

    wait_until(
        look,
        what="its etcd to be up",
        target=chosen.label,
        timeout=deadline.left,
        ctx=ctx,
        interval=params["interval"],
        remedy="Look at the log of service etcd on this node",
        param="wait_timeout",
    )


def _cannot_ask(decision: Decision, reasons: Mapping[str, str]) -> HomeopsError:
    return TalosError(
        "predicting the bootstrap",
        answer="; ".join([decision.why, *reasons.values()]),
        remedy="Bring the named nodes up",
        param="nodes",
    )


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
