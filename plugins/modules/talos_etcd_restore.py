#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore etcd of a Talos cluster from a verified snapshot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_etcd_restore
short_description: Restore etcd of a Talos cluster from a verified snapshot
version_added: 0.1.0
description:
  - Sends the snapshot of a sealed backup set to one control plane and bootstraps etcd with it; the other control planes
    join. All objects are those of the snapshot.
  - Refuses, and sends nothing, when the cluster is not named twice, the set is not sealed or a file of it is not what
    was kept, the set is of another cluster, an etcd serves, or a node has data of an older etcd and is not named in
    O(wipe).
options:
  path:
    description: Folder of the backup set, see M(homeops.cluster.backup_set).
    type: path
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  confirm:
    description: The same name once more, typed by a person.
    type: str
    required: true
  bootstrap_node:
    description: Name (or address) of the node, out of O(nodes), that gets the snapshot; the first one by default.
    type: str
  wipe:
    description:
      - Nodes whose partition C(EPHEMERAL) may be wiped, because the data of an etcd that lost its quorum lie there. All
        else on it goes, too.
    type: list
    elements: str
    default: []
  patience:
    description: Seconds for which an etcd that does not serve is watched before it counts as lost.
    type: int
    default: 30
  wait_timeout:
    description: Seconds until every control plane must be a voter of the restored etcd.
    type: int
    default: 900
  stream_timeout:
    description: Seconds that sending the snapshot may take.
    type: int
    default: 300
  interval:
    description: Seconds between two looks.
    type: float
    default: 1
  lock_dir:
    description: Directory of the locks that keep two operations apart.
    type: path
attributes:
  check_mode:
    support: full
    description: Verifies the set, asks every node and says what would be wiped; sends nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Begin etcd with what was kept
  homeops.cluster.talos_etcd_restore:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    path: "{{ homeops_state_dir }}/backup/home-ops-20261128T203000Z"
    cluster: home-ops
    confirm: home-ops
    wipe: [mini01, mini02, mini03]
"""

RETURN = r"""
node:
  description: The node that got or would get the snapshot.
  type: str
  returned: always
wiped:
  description: Nodes whose EPHEMERAL was or would be wiped.
  type: list
  elements: str
  returned: always
standings:
  description: What each control plane said when the decision was made, by name.
  type: dict
  returned: always
reason:
  description: Why it was or would be restored.
  type: str
  returned: always
members:
  description: Voters of the restored etcd.
  type: list
  elements: str
  returned: when it was restored
snapshot:
  description: The snapshot.
  type: str
  returned: always
"""

import os
from collections.abc import Mapping
from typing import Any

from ..module_utils.backup import manifest as backup
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Deadline
from ..module_utils.talos import options, recovery, snapshot
from ..module_utils.talos.connection import Target, identity_of, target_of

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        path={"type": "path", "required": True},
        cluster={"type": "str", "required": True},
        confirm={"type": "str", "required": True},
        bootstrap_node={"type": "str"},
        wipe={"type": "list", "elements": "str", "default": []},
        patience={"type": "int", "default": 30},
        wait_timeout={"type": "int", "default": 900},
        stream_timeout={"type": "int", "default": 300},
        interval={"type": "float", "default": 1},
        lock_dir={"type": "path"},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Restore etcd; see DOCUMENTATION."""
    if not params["cluster"] or params["confirm"] != params["cluster"]:
        raise InputError(
            "etcd is not restored",
            answer=f"the confirmation is {params['confirm']!r} and the cluster {params['cluster']!r}",
            remedy="Name the cluster in confirm exactly. Nothing was sent",
            param="confirm",
        )
    folder = os.path.abspath(params["path"])
    manifest = backup.opened(folder)
    if manifest.cluster != params["cluster"]:
        backup.same_cluster(manifest, params["cluster"], "this cluster")
    if not manifest.snapshots:
        raise InputError("the backup holds no etcd snapshot", target=folder, param="path")
    path = os.path.join(folder, manifest.snapshots[-1])
    snapshot.verify(path)
    targets = [target_of(item) for item in params["nodes"]]
    work = recovery.Restore(
        targets,
        _chosen(targets, params["bootstrap_node"]),
        identity_of(params, ctx),
        manifest.cluster_id,
        path,
        recovery.Options(
            wipe=params["wipe"],
            patience=params["patience"],
            interval=params["interval"],
            call_timeout=params["timeout"],
            stream_timeout=params["stream_timeout"],
            lock_dir=params["lock_dir"],
        ),
        Deadline(params["wait_timeout"]),
        ctx,
    )
    return {**work.run(), "snapshot": path}


def _chosen(targets: list[Target], name: str | None) -> Target:
    for target in targets:
        if not name or name in (target.name, target.node):
            return target
    raise InputError(
        f"node {name} is not among the nodes" if targets else "there is no control plane to restore",
        answer=f"they are {', '.join(target.label for target in targets)}" if targets else "",
        remedy="Name one of them",
        param="bootstrap_node" if targets else "nodes",
    )


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
