# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.talos_patches``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: talos_patches
short_description: The machine config patches of one node, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the v1alpha1 patch of the node followed by its further documents (user volumes, extension services).
positional: _input, node
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
  node:
    description: The name of the node.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what the model says to a node
  ansible.builtin.debug:
    msg: "{{ homeops_model | homeops.cluster.talos_patches(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: Patches in the order in which they are applied.
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
        return {"talos_patches": derivation("talos_patches", "model.talos:patches")}
