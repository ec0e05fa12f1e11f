# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.status_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: status_of
short_description: What cluster_report holds the cluster against, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns what is declared of every node's machine config and of every service, in one value, as
    O(homeops.cluster.cluster_report#module:declared) takes it. The model is rendered once for all of it.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Report on the nodes
  homeops.cluster.cluster_report:
    cluster: home-ops
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    declared: "{{ homeops_model | homeops.cluster.status_of }}"
    areas: [nodes]
"""

RETURN = r"""
_value:
  description: A dictionary with C(nodes), C(schematic), C(services) and C(probes).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"status_of": derivation("status_of", "model.status:declared")}
