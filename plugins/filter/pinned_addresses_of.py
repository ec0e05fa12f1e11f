# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.pinned_addresses_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pinned_addresses_of
short_description: The addresses that the model promises, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the load-balancer addresses that other systems know by heart, each with the Service that is to have it, as
    M(homeops.cluster.bgp_status) takes them.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is promised
  ansible.builtin.debug:
    msg: "{{ homeops_model | homeops.cluster.pinned_addresses_of }}"
"""

RETURN = r"""
_value:
  description: Each with C(name), C(address) and C(service), which is empty where no component makes the Service.
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
        return {"pinned_addresses_of": derivation("pinned_addresses_of", "model.pools:pinned")}
