#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a dead member out of etcd, and have its node join anew."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_etcd_member
short_description: Take a dead member out of etcd, and have its node join anew
version_added: 0.1.0
description:
  - Removes a member that does not serve from the list of etcd's members. With O(wipe) its node's partition C(EPHEMERAL)
    is wiped, so that the node joins as a new member; it is waited for until it has a vote.
  - Refuses, and changes nothing, when the member serves, when the others have no quorum, or when a node would have to
    be wiped that is not named in O(wipe).
  - Nothing is done when there is no such member and the node, if there is one, serves.
options:
  name:
    description: The member's name, which is its node's.
    type: str
    required: true
  id:
    description: Its id, 16 hexadecimal digits, for a member that has no name.
    type: str
    default: ""
  wipe:
    description: Nodes whose C(EPHEMERAL) may be wiped; all that lies on it goes.
    type: list
    elements: str
    default: []
  wait_timeout:
    description: Seconds until the node must have a vote again.
    type: int
    default: 900
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
    description: Judges as always, changes nothing.
  diff_mode:
    support: full
    description: The members before and after.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Have mini02 join etcd anew
  homeops.cluster.talos_etcd_member:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    name: mini02
    wipe: [mini02]
"""

RETURN = r"""
removed:
  description: Id of the member that was or would be removed; empty for none.
  type: str
  returned: always
wiped:
  description: Whether the node's EPHEMERAL was or would be wiped.
  type: bool
  returned: always
members:
  description: Names of the voters in the end, in check mode of those that would stay.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Deadline
from ..module_utils.talos import etcd_member, options
from ..module_utils.talos.connection import identity_of, target_of

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        name={"type": "str", "required": True},
        id={"type": "str", "default": ""},
        wipe={"type": "list", "elements": "str", "default": []},
        wait_timeout={"type": "int", "default": 900},
        interval={"type": "float", "default": 1},
        lock_dir={"type": "path"},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Remove and rejoin; see DOCUMENTATION."""
    return etcd_member.Rejoin(
        [target_of(item) for item in params["nodes"]],
        identity_of(params, ctx),
        etcd_member.Wanted(params["name"], params["id"], params["name"] in params["wipe"]),
        Deadline(params["wait_timeout"]),
        ctx,
        call_timeout=params["timeout"],
        interval=params["interval"],
        lock_dir=params["lock_dir"],
    ).run()


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
