# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.talos_schematic_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: talos_schematic_of
short_description: The Image Factory schematic of the nodes, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the schematic whose id names the installer image.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Compute the installer of the model
  homeops.cluster.talos_schematic:
    schematic: "{{ homeops_model | homeops.cluster.talos_schematic_of }}"
    talos_version: "{{ homeops_versions.talos }}"
"""

RETURN = r"""
_value:
  description: The schematic.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"talos_schematic_of": derivation("talos_schematic_of", "model.talos:schematic")}
