# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.bgp_expected_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bgp_expected_of
short_description: The prefixes that the router must have, from what the cluster announces
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns every Service address and pod range that M(homeops.cluster.cilium_bgp_info) says is announced, with the
    nodes from which the router must have accepted it.
options:
  _input:
    description: The answer of M(homeops.cluster.cilium_bgp_info).
    type: dict
    required: true
  nodes:
    description: The nodes, each with C(name) and C(address).
    type: list
    elements: dict
    required: true
  maximum_paths:
    description: Paths that the router may use at once; 0 means as many as there are nodes.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show what the router must have
  ansible.builtin.debug:
    msg: "{{ cluster_answer | homeops.cluster.bgp_expected_of(homeops_nodes, homeops_bgp.maximum_paths) }}"
"""

RETURN = r"""
_value:
  description: Each with C(prefix), C(neighbors) (addresses) and C(paths).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


def _expected(cluster: Any, nodes: Any, maximum_paths: int = 0) -> Any:
    from ..module_utils.status import bgp

    addresses = {str(node["name"]): str(node["address"]) for node in nodes}
    return bgp.expected(cluster, addresses, int(maximum_paths))


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"bgp_expected_of": derivation("bgp_expected_of", _expected)}
