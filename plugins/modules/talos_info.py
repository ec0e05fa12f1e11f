#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of Talos nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_info
short_description: Read the state of Talos nodes
version_added: 0.1.0
description:
  - Asks all given nodes at the same time and changes nothing.
  - A node that cannot be asked is part of the answer, with the reason; it does not break the answer of the others.
  - Warns when the talosconfig's client certificate has less than 30 days left.
options:
  gather:
    description:
      - Parts to read; V(all) stands for every part. Fewer parts are faster.
      - V(status) is version, host name, stage and readiness; V(config) needs the role os:admin, as does V(boot).
    type: list
    elements: str
    choices: [all, status, config, boot, etcd, services, disks, volumes, extensions, network, time, hardware]
    default: [all]
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: Nothing changes.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Look at every node
  homeops.cluster.talos_info:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
  register: talos

- name: Which nodes answer, quickly
  homeops.cluster.talos_info:
    nodes:
      - name: mini01
        node: 172.29.51.11
    talosconfig: ~/.homeops/talosconfig
    gather: [status]
"""

RETURN = r"""
nodes:
  description: One entry per node, in the order given. Keys of parts that were not asked for are absent.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the node as given.
      type: str
    node:
      description: Where it was asked.
      type: str
    mode:
      description: V(configured), V(maintenance) or V(unreachable).
      type: str
    reason:
      description: Why it is unreachable, as a whole message; else empty.
      type: str
    error:
      description: Kind of the failure when unreachable, as V(Unreachable), V(WrongCA) or V(ClientCertificateRefused).
      type: str
    permanent:
      description: Whether waiting cannot help an unreachable node.
      type: bool
    certificates:
      description: Keys server_expires, client_expires (ISO 8601, the latter null in maintenance) and spki_pin.
      type: dict
    version:
      description: Running Talos version.
      type: str
    hostname:
      description: Host name that the node uses.
      type: str
    stage:
      description: One of booting, installing, maintenance, running, rebooting, shutting down, resetting, upgrading.
      type: str
    ready:
      description: Whether no condition of the stage is unmet.
      type: bool
    unmet:
      description: Unmet conditions, each with name and reason.
      type: list
      elements: dict
    config:
      description:
        - V(in_sync), V(staged) (the persistent machine config waits for a reboot), V(try) (the active one will be
          reverted), V(none) in maintenance, or V(unknown).
      type: str
    boot_id:
      description: The kernel's boot id, new after each boot; empty in maintenance.
      type: str
    etcd:
      description:
        - Keys running, reason, control_plane, voter, leader, member_id, leader_id, db_size, db_size_in_use (bytes),
          raft_index, raft_applied_index, members (id, hostname, learner) and alarms (member_id, alarm).
      type: dict
    services:
      description: Services with id, state, healthy (null without a health check) and message.
      type: list
      elements: dict
    disks:
      description: Disks with id, dev_path, size (bytes), model, serial, wwid, transport and others.
      type: list
      elements: dict
    volumes:
      description: Volumes with id, phase, location and error; none in maintenance.
      type: list
      elements: dict
    system_disk:
      description: Device of the disk that Talos is installed on; empty while it is not.
      type: str
    extensions:
      description: System extensions with name and version.
      type: list
      elements: dict
    schematic:
      description: Image Factory schematic id of the running image; empty for a vanilla image.
      type: str
    links:
      description: Network links with name, mac, mtu, driver, bus_path, kind, up and operational_state.
      type: list
      elements: dict
    addresses:
      description: Addresses with their link.
      type: list
      elements: dict
    time_synced:
      description: Whether the clock is synchronised.
      type: bool
    uuid:
      description: Hardware UUID.
      type: str
    manufacturer:
      description: Hardware manufacturer.
      type: str
    product:
      description: Hardware product name.
      type: str
    serial:
      description: Hardware serial number.
      type: str
talosconfig_expires:
  description: End of validity of the talosconfig's client certificate, ISO 8601; null without a talosconfig.
  type: str
  returned: always
"""

import datetime
from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.talos import options, state
from ..module_utils.talos.connection import identity_of, target_of
from ..module_utils.talos.identity import Identity
from ..module_utils.talos.talosconfig import RENEW_BEFORE

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        gather={"type": "list", "elements": "str", "choices": ["all", *state.PARTS], "default": ["all"]}
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Return the state of every node."""
    identity = identity_of(params, ctx)
    parts = state.PARTS if "all" in params["gather"] else tuple(params["gather"])
    targets = [target_of(item) for item in params["nodes"]]
    nodes = state.each_node(targets, lambda target: state.look(target, identity, params["timeout"], parts))
    if identity:
        _warn_of_expiry(identity, datetime.datetime.now(datetime.UTC), ctx)
    return {
        "changed": False,
        "nodes": nodes,
        "talosconfig_expires": identity.expires.isoformat() if identity else None,
    }


def _warn_of_expiry(identity: Identity, now: datetime.datetime, ctx: Context) -> None:
    left = identity.expires - now
    if left < RENEW_BEFORE:
        ctx.warn(
            f"The client certificate of {identity.source} expires in {max(left.days, 0)} days, at "
            f"{identity.expires:%Y-%m-%d}. talos_config renews it from the secrets bundle."
        )


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
