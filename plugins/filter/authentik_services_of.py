# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.authentik_services_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: authentik_services_of
short_description: The services of authentik_service, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
positional: _input, secrets
description:
  - Returns every service of the model that has a login, with its host, backend, mode and groups.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
  secrets:
    description: Client secrets by name of a service with C(auth=oidc). The server makes those that are not here.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Have the services of the model behind the login
  homeops.cluster.authentik_service:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    exact: true
    services: "{{ homeops_model | homeops.cluster.authentik_services_of }}"
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
        return {"authentik_services_of": derivation("authentik_services_of", "model.identity:services")}
