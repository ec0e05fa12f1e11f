#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See Longhorn's volumes, and whether a node may be taken away."""

from __future__ import annotations

DOCUMENTATION = r"""
module: longhorn_info
short_description: See Longhorn's volumes, and whether a node may be taken away
version_added: 0.1.0
description:
  - Lists volumes with their good replicas, and says of each of O(nodes) whether every volume would keep a good replica
    elsewhere, and that none is healing just now.
  - A cluster without Longhorn has nothing to lose; every node may go then.
options:
  namespace:
    description: Namespace of Longhorn.
    type: str
    default: longhorn-system
  nodes:
    description: Nodes to be judged.
    type: list
    elements: str
    default: []
  require_safe:
    description: Fail when one of O(nodes) may not go, naming the volumes.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds that O(require_safe) gives Longhorn to heal, as it does after a node was away; V(0) asks once.
      - What does not heal by itself is not waited for - a volume that is faulted, or is to have a single replica.
      - In check mode nothing is waited for; a warning names what would be.
    type: int
    default: 0
  assume_absent:
    description:
      - In check mode, take the cluster as empty and do not connect, because an earlier step of the same run would
        create it.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Ask whether mini02 may go
  homeops.cluster.longhorn_info:
    kubeconfig: "{{ homeops_kubeconfig }}"
    nodes: [mini02]
    require_safe: true

- name: Wait until the replicas are rebuilt that were on mini01, then say whether mini02 may go
  homeops.cluster.longhorn_info:
    kubeconfig: "{{ homeops_kubeconfig }}"
    nodes: [mini02]
    require_safe: true
    wait_timeout: 1800
"""

RETURN = r"""
installed:
  description: Whether the cluster has Longhorn.
  returned: always
  type: bool
volumes:
  description: The volumes, with C(claim), C(size) in bytes, C(state), C(robustness), C(wanted) and C(good).
  returned: always
  type: list
  elements: dict
nodes:
  description: Of each node C(safe) and C(reasons).
  returned: always
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import session
from ..module_utils.longhorn import healing, replicas, volumes

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "namespace": {"type": "str", "default": "longhorn-system"},
        "nodes": {"type": "list", "elements": "str", "default": []},
        "require_safe": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 0},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Read and judge; see DOCUMENTATION."""
    patience = params["wait_timeout"] if params["require_safe"] else 0
    found: list[replicas.VolumeRow] | None = None
    if not (ctx.check_mode and params["assume_absent"]):
        with session.connect(params, ctx) as client:
            found = healing.settled(
                lambda: volumes.read(client, params["namespace"]),
                params["nodes"],
                0.0 if ctx.check_mode else float(patience),
                ctx,
            )
    verdicts = [replicas.judge(found or [], node) for node in params["nodes"]]
    result = {
        "changed": False,
        "installed": found is not None,
        "volumes": [{**asdict(row), "good": list(row.good)} for row in found or []],
        "nodes": [{**asdict(verdict), "reasons": list(verdict.reasons)} for verdict in verdicts],
    }
    reasons = list(dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))
    if not params["require_safe"] or not reasons:
        return result
    lost = list(dict.fromkeys(reason for node in params["nodes"] for reason in replicas.hopeless(found or [], node)))
    if ctx.check_mode and patience > 0 and not lost:
        ctx.warn(f"Longhorn would be given {patience} s to heal: {'; '.join(reasons)}")
        return result
    raise HomeopsError(
        f"taking {', '.join(verdict.node for verdict in verdicts if not verdict.safe)} away",
        target="Longhorn",
        answer="; ".join(lost if patience > 0 and lost else reasons),
        remedy=_remedy(patience, lost),
        param="nodes",
        facts=result,
    )


def _remedy(patience: int, lost: Sequence[str]) -> str:
    if patience > 0 and lost:
        return (
            "This does not heal by itself and was not waited for: salvage or restore a volume that is faulted, add a "
            "replica to one that has a single one. Nothing was touched"
        )
    if patience > 0:
        return (
            f"They have not healed in {patience} s: Longhorn's page of the volume says what its rebuild waits for (a "
            "disk, its space, a node). Run the same again when they are healthy. Nothing was touched"
        )
    return "Wait until the volumes are healthy, or add a replica. Nothing was touched"


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
