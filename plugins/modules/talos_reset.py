#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wipe named partitions of one Talos node, when it is proved to be the right one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_reset
short_description: Wipe named partitions of one Talos node, when it is proved to be the right one
version_added: 0.1.0
description:
  - Wipes C(STATE), the machine config and the node's own keys, and only what else is named. The node reboots into
    maintenance, from where M(homeops.cluster.talos_apply) brings it back; Talos stays installed.
  - Never the system disk as a whole, whatever is asked for. A user volume only together with the serial number of the
    disk it lies on. C(EPHEMERAL) only when what lies on it, and nowhere else, is named in O(accept_loss).
  - The target is named twice, by O(name) and O(confirm), and O(hardware_id) must be the machine's own serial number or
    UUID. A stale inventory, an address that another machine has now, and a slip of the hand are refused with what the
    machine says of itself.
  - A control plane goes only when etcd can spare it, and only one at a time over all processes; the lock is that of
    M(homeops.cluster.talos_apply). It leaves etcd first, unless O(graceful=false).
  - A node in maintenance is left as it is.
options:
  name:
    description: Name of the node in the inventory; its hostname must be the same.
    type: str
    required: true
  confirm:
    description: The same name once more.
    type: str
    default: ""
  hardware_id:
    description: Serial number or UUID of the machine (SMBIOS).
    type: str
    default: ""
  wipe:
    description: Partitions of the system disk, C(STATE) and C(EPHEMERAL).
    type: list
    elements: str
    default: [STATE]
  user_volumes:
    description: User volumes to wipe as well, by name, each with the serial number of its disk.
    type: dict
    default: {}
  accept_loss:
    description:
      - What on C(EPHEMERAL) may be lost. C(longhorn) are replicas in Longhorn's default directory, C(local) are local
        volumes.
    type: list
    elements: str
    choices: [longhorn, local]
    default: []
  graceful:
    description: Drain the node and leave etcd first.
    type: bool
    default: true
  control_planes:
    description: All control planes of the cluster, this one included, to judge etcd's quorum by.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name for messages.
        type: str
      node:
        description: Address or name of the node to connect to.
        type: str
        required: true
      port:
        description: Port of the Talos API.
        type: int
        default: 50000
      server_name:
        description: Name or address that the node's certificate must carry.
        type: str
      spki_pin:
        description: Base64 of the SHA-256 of the key that the node must present in maintenance.
        type: str
  wait_timeout:
    description: Seconds for everything together.
    type: int
    default: 900
  lock_dir:
    description: Directory of the locks between processes; below the user's runtime directory by default.
    type: path
attributes:
  check_mode:
    support: full
    description: Judges everything, wipes nothing.
  diff_mode:
    support: full
    description: The node's volumes before and after.
extends_documentation_fragment:
  - homeops.cluster.talos
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Send one node back to maintenance
  homeops.cluster.talos_reset:
    node: 172.29.51.12
    name: mini02
    confirm: mini02
    hardware_id: C07XK0AAJYVX
    control_planes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
"""

RETURN = r"""
hostname:
  description: What the node calls itself.
  type: str
  returned: always
serial:
  description: Its serial number.
  type: str
  returned: always
uuid:
  description: Its UUID.
  type: str
  returned: always
labels:
  description: Partitions that were, or would be, wiped.
  type: list
  elements: str
  returned: when it is configured
kept:
  description: Volumes that stay, with C(label), C(disk), C(serial) and C(size) in bytes.
  type: list
  elements: dict
  returned: when it is configured
at_stake:
  description: What lies on C(EPHEMERAL) and nowhere else.
  type: list
  elements: str
  returned: when it is configured
lost:
  description: What of that goes.
  type: list
  elements: str
  returned: when it is configured
reason:
  description: Why nothing was done.
  type: str
  returned: when the node is in maintenance
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import reset
from ..module_utils.talos.connection import identity_of, target_of
from ..module_utils.talos.guard import Guard
from ..module_utils.talos.options import DOOR, one_node
from ..module_utils.talos.reset_plan import Request

SPEC: dict[str, Any] = {
    "argument_spec": one_node(
        name={"type": "str", "required": True},
        confirm={"type": "str", "default": ""},
        hardware_id={"type": "str", "default": ""},
        wipe={"type": "list", "elements": "str", "default": ["STATE"]},
        user_volumes={"type": "dict", "default": {}},
        accept_loss={"type": "list", "elements": "str", "choices": ["longhorn", "local"], "default": []},
        graceful={"type": "bool", "default": True},
        control_planes={
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"name": {"type": "str"}, **DOOR},
        },
        wait_timeout={"type": "int", "default": 900},
        lock_dir={"type": "path"},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Reset one node; see DOCUMENTATION."""
    identity = identity_of(params, ctx)
    if identity is None:
        raise InputError(
            "a node is not reset by somebody whom it does not know",
            target=params["name"],
            remedy="Give the talosconfig of its cluster",
            param="talosconfig",
        )
    request = Request(
        name=params["name"],
        confirm=params["confirm"],
        hardware_id=params["hardware_id"],
        wipe=params["wipe"],
        user_volumes={str(name): str(serial) for name, serial in params["user_volumes"].items()},
        accept_loss=params["accept_loss"],
    )
    guard = Guard(
        identity, [target_of(item) for item in params["control_planes"]], float(params["timeout"]), params["lock_dir"]
    )
    options = reset.Options(params["graceful"], float(params["wait_timeout"]), float(params["timeout"]))
    return reset.Reset(target_of(params), identity, request, guard, options, ctx).run()


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
