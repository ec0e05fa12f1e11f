# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.udm_bgp_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: udm_bgp_of
short_description: The options of udm_bgp_peer, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the neighbours, filters and settings that M(homeops.cluster.udm_bgp_peer) is to declare on the router.
positional: _input, password
options:
  password:
    description: Password of the sessions, needed when the model's C(bgp.authentication) is true.
    type: str
    default: ""
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what the router is to hold
  ansible.builtin.debug:
    msg: "{{ homeops_model | homeops.cluster.udm_bgp_of }}"
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
        return {"udm_bgp_of": derivation("udm_bgp_of", "model.router:peers")}
