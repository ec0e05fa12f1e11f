# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.authentik_groups_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: authentik_groups_of
short_description: The groups of authentik_group, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the groups that services of the model may let in.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Have the groups of the model
  homeops.cluster.authentik_group:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    groups: "{{ homeops_model | homeops.cluster.authentik_groups_of }}"
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
        return {"authentik_groups_of": derivation("authentik_groups_of", "model.identity:groups")}
