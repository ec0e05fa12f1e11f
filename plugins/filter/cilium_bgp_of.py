# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.cilium_bgp_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cilium_bgp_of
short_description: The options of cilium_bgp_policy, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns what M(homeops.cluster.cilium_bgp_policy) is to announce to whom.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Announce what the model says
  homeops.cluster.cilium_bgp_policy: "{{ homeops_model | homeops.cluster.cilium_bgp_of }}"
"""

RETURN = r"""
_value:
  description: Options of the module.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"cilium_bgp_of": derivation("cilium_bgp_of", "model.bgp:policy")}
