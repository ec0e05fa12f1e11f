#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a verified snapshot of a Talos cluster's etcd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_etcd_snapshot
short_description: Take a verified snapshot of a Talos cluster's etcd
version_added: 0.1.0
description:
  - Streams a snapshot from the first of O(nodes) whose etcd serves into a file of its own, verifies the digest at its
    end, and only then gives it its name. The file is readable by its owner only; it holds every Secret of the cluster.
  - Removes its own oldest files beyond O(keep), never anybody else's.
options:
  cluster:
    description: Name of the cluster, for the file's name.
    type: str
    required: true
  directory:
    description: Directory of the snapshots; made with mode 0700 when it is not there.
    type: path
    required: true
  keep:
    description: Snapshots of this cluster to keep in O(directory); 0 keeps all.
    type: int
    default: 0
  stream_timeout:
    description: Seconds that the stream may take.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    description: Asks whose etcd serves, takes nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Keep what is in etcd
  homeops.cluster.talos_etcd_snapshot:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    cluster: home-ops
    directory: "{{ homeops_state_dir }}/backup"
    keep: 14
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: always
size:
  description: Its size in bytes.
  type: int
  returned: when it was taken
sha256:
  description: Digest of the database in it.
  type: str
  returned: when it was taken
node:
  description: The node that it comes from.
  type: str
  returned: always
members:
  description: Names of the etcd members at that time.
  type: list
  elements: str
  returned: always
removed:
  description: Files that were more than O(keep).
  type: list
  elements: str
  returned: always
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import operations, options, snapshot, state
from ..module_utils.talos.client import TalosClient
from ..module_utils.talos.connection import NodeMode, connect, identity_of, target_of
from ..module_utils.talos.errors import TalosError

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        cluster={"type": "str", "required": True},
        directory={"type": "path", "required": True},
        keep={"type": "int", "default": 0},
        stream_timeout={"type": "int", "default": 300},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Take a snapshot; see DOCUMENTATION."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", params["cluster"]):
        raise InputError(f"{params['cluster']!r} cannot be part of a file's name", param="cluster")
    directory = params["directory"]
    path = os.path.join(directory, snapshot.name(params["cluster"], datetime.now(UTC)))
    reasons = []
    for target in map(target_of, params["nodes"]):
        try:
            client, mode = connect(target, identity_of(params, ctx), params["timeout"])
            with client:
                found = state.etcd_state(client) if mode is NodeMode.CONFIGURED else state.NO_ETCD
                if not found["voter"]:
                    reasons.append(f"{target.label}: {found['reason'] or 'it has no voting member'}")
                    continue
                result = {
                    "changed": True,
                    "path": path,
                    "node": target.label,
                    "members": [member["hostname"] for member in found["members"]],
                    "removed": [],
                }
                if ctx.check_mode:
                    return result
                check = _take(client, path, params["stream_timeout"])
                removed = _prune(directory, params["cluster"], params["keep"])
                return {**result, "size": check.size, "sha256": check.sha256, "removed": removed}
        except TalosError as error:
            reasons.append(f"{target.label}: {error.details or error.answer or error}")
    raise HomeopsError(
        "taking a snapshot of etcd",
        target=params["cluster"],
        answer="; ".join(reasons) or "no node is named",
        remedy="Bring one control plane's etcd up; a snapshot needs one member that serves",
        param="nodes",
    )


def _take(client: TalosClient, path: str, timeout: float) -> snapshot.Check:
    check = snapshot.Check()
    try:
        with snapshot.private_file(path) as file:

            def take(part: bytes) -> None:
                check.take(part)
                file.write(part)

            operations.snapshot(client, take, timeout=timeout)
            if fault := check.fault():
                raise HomeopsError(
                    "verifying the snapshot",
                    target=client.target,
                    answer=fault,
                    remedy="Nothing was kept of it; try again",
                )
    except OSError as error:
        raise InputError(
            "the snapshot cannot be written",
            target=path,
            answer=error.strerror or str(error),
            param="directory",
        ) from error
    return check


def _prune(directory: str, cluster: str, keep: int) -> list[str]:
    removed = snapshot.surplus(os.listdir(directory), cluster, keep)
    for name in removed:
        os.unlink(os.path.join(directory, name))
    return [os.path.join(directory, name) for name in removed]


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
