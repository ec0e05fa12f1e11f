# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.lb_pools_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lb_pools_of
short_description: The pools of cilium_lb_pool, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the load-balancer pools of the model; those of IPv6 only when the model carries it.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Have the pools that the model says
  homeops.cluster.cilium_lb_pool:
    pools: "{{ homeops_model | homeops.cluster.lb_pools_of }}"
"""

RETURN = r"""
_value:
  description: Pools, as the option C(pools) of the module takes them.
  type: list
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"lb_pools_of": derivation("lb_pools_of", "model.pools:pools")}
