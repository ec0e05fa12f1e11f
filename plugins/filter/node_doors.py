# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.node_doors``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: node_doors
short_description: Where to knock for each node, and as whom the node must answer
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Turns inventory host names into the entries that the Talos modules take as
    O(homeops.cluster.talos_info#module:nodes).
  - The connection goes to V(ansible_host); the certificate must carry the address that the model gives the node. At
    home both are the same.
positional: _input, hostvars
options:
  _input:
    description: Names of inventory hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The magic variable of this name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at every node
  homeops.cluster.talos_info:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
"""

RETURN = r"""
_value:
  description: One entry per host, in the order given.
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def node_doors(names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return ``{name, node, server_name}`` per host."""
    doors = []
    for name in names:
        try:
            facts = hostvars[name]
            doors.append(
                {
                    "name": str(name),
                    "node": str(facts["ansible_host"]),
                    "server_name": str(facts["homeops_node"]["address"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise AnsibleFilterError(f"node_doors: host {name} of the inventory has no {error}.") from error
    return doors


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"node_doors": node_doors}
