# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.proxied_hosts_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: proxied_hosts_of
short_description: The guarded hosts of ingress_conflicts, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the hosts of the model's services that a login guards, each with the Services before and behind it.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look for ways around the login
  homeops.cluster.ingress_conflicts:
    kubeconfig: "{{ homeops_kubeconfig }}"
    proxied: "{{ homeops_model | homeops.cluster.proxied_hosts_of }}"
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
        return {"proxied_hosts_of": derivation("proxied_hosts_of", "model.chains:proxied")}
