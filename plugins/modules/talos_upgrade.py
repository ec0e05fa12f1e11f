#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one Talos node to another installer image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_upgrade
short_description: Bring one Talos node to another installer image
version_added: 0.1.0
description:
  - Compares the running version and schematic with those of O(image) and upgrades only when they differ.
  - Refuses a downgrade and a step over more than one minor release before anything is sent.
  - A control plane goes only when etcd can spare it, and only one at a time over all processes; the lock is that of
    M(homeops.cluster.talos_apply), held until the node is back. Talos drains the node by itself.
  - Done is a new boot id with the wanted version, the stage running and etcd's vote. A node that falls back to its old
    version fails the task and leaves the others as they are.
options:
  name:
    description: Name of the node for messages.
    type: str
  hardware_id:
    description:
      - Serial number or UUID of the machine. One that answers with other ones, or under another name than O(name), is
        refused.
    type: str
    default: ""
  image:
    description: Installer reference with a version, as M(homeops.cluster.talos_schematic) returns it.
    type: str
    required: true
  stage:
    description: Write the image during the next boot, when nothing of the running system holds the disk.
    type: bool
    default: false
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
  tolerate:
    description: Conditions of the machine status that may stay unmet.
    type: list
    elements: str
    default: []
  wait_timeout:
    description: Seconds for everything together.
    type: int
    default: 1200
  lock_dir:
    description: Directory of the locks between processes; below the user's runtime directory by default.
    type: path
attributes:
  check_mode:
    support: full
    description: Says whether it would upgrade.
  diff_mode:
    support: full
    description: Version and schematic before and after.
extends_documentation_fragment:
  - homeops.cluster.talos_factory
  - homeops.cluster.talos
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Bring a node to the next patch release
  homeops.cluster.talos_upgrade:
    node: 172.29.51.11
    name: mini01
    image: factory.talos.dev/installer/ced720bf79203f5297a63edcdbbf43a0922c2a66dcfa6676b1cc1ce46d105be1:v1.10.9
    control_planes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
"""

RETURN = r"""
version_before:
  description: Version that ran before.
  type: str
  returned: always
version_after:
  description: Version that runs, or would run, afterwards.
  type: str
  returned: always
schematic_before:
  description: Schematic before; empty when the node does not say.
  type: str
  returned: always
boot_id_before:
  description: Boot id before.
  type: str
  returned: always
boot_id_after:
  description: Boot id afterwards.
  type: str
  returned: always
reason:
  description: What differs; empty when nothing does.
  type: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import factory, upgrade, upgrade_plan
from ..module_utils.talos.connection import identity_of, target_of
from ..module_utils.talos.guard import Guard
from ..module_utils.talos.options import DOOR, one_node

SPEC: dict[str, Any] = {
    "argument_spec": one_node(
        name={"type": "str"},
        hardware_id={"type": "str", "default": ""},
        image={"type": "str", "required": True},
        stage={"type": "bool", "default": False},
        control_planes={
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"name": {"type": "str"}, **DOOR},
        },
        tolerate={"type": "list", "elements": "str", "default": []},
        wait_timeout={"type": "int", "default": 1200},
        lock_dir={"type": "path"},
        **factory.OPTIONS,
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Upgrade one node; see DOCUMENTATION."""
    image = upgrade_plan.image(params["image"])
    if image is None:
        raise InputError(
            f"{params['image']!r} is no installer reference with a version",
            remedy="Give one such as factory.talos.dev/installer/<schematic>:v1.10.9; a disk image's URL is none",
            param="image",
        )
    identity = identity_of(params, ctx)
    if identity is None:
        raise InputError(
            "a node is not upgraded by somebody whom it does not know",
            target=params["name"] or params["node"],
            remedy="Give the talosconfig of its cluster",
            param="talosconfig",
        )
    guard = Guard(
        identity, [target_of(item) for item in params["control_planes"]], float(params["timeout"]), params["lock_dir"]
    )
    options = upgrade.Options(
        params["stage"],
        params["hardware_id"],
        float(params["wait_timeout"]),
        float(params["timeout"]),
        tuple(params["tolerate"]),
        supply=factory.Supply.of(params),
    )
    return upgrade.Upgrade(target_of(params), identity, image, guard, options, ctx).run()


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
