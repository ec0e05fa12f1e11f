# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.authentik_external_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: authentik_external_of
short_description: The external outposts of authentik_service, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the outpost that is made with its first provider, none when the model has no external one.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Have the services of the model behind the login
  homeops.cluster.authentik_service:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    services: "{{ homeops_model | homeops.cluster.authentik_services_of }}"
    external_outposts: "{{ homeops_model | homeops.cluster.authentik_external_of }}"
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
        return {"authentik_external_of": derivation("authentik_external_of", "model.identity:external")}
