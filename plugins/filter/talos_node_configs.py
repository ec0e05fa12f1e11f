# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.talos_node_configs``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: talos_node_configs
short_description: What the model says to Talos about every node
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns one entry per node, as O(homeops.cluster.talos_config#module:nodes) takes them.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check every machine config offline
  homeops.cluster.talos_config:
    nodes: "{{ homeops_model | homeops.cluster.talos_node_configs }}"
    secrets_file: ~/.local/state/homeops/home-ops/secrets.yaml
    cluster_name: home-ops
    endpoint: https://172.29.51.10:6443
    talos_version: v1.10.5
    kubernetes_version: v1.31.1
"""

RETURN = r"""
_value:
  description: Entries with name, machine_type and patches.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"talos_node_configs": derivation("talos_node_configs", "model.talos:node_configs")}
