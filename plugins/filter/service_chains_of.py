# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.service_chains_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: service_chains_of
short_description: The services of service_status, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns every service of the model with the way that its requests must take, from the load balancer to the login.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Judge the way of every service
  homeops.cluster.service_status:
    services: "{{ homeops_model | homeops.cluster.service_chains_of }}"
"""

RETURN = r"""
_value:
  description: A list, as the option of the module takes it.
  type: list
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"service_chains_of": derivation("service_chains_of", "model.chains:chains")}
