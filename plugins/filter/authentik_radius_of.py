# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.authentik_radius_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: authentik_radius_of
short_description: Provider, application and outpost for RADIUS, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
positional: _input, secret
description:
  - Returns what RADIUS needs, nothing when the model wants none.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
  secret:
    description: What the RADIUS clients share with the provider.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: See what RADIUS needs
  ansible.builtin.debug:
    var: homeops_model | homeops.cluster.authentik_radius_of(secret=radius_secret)
"""

RETURN = r"""
_value:
  description: Provider, application and outpost, as items of the modules.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"authentik_radius_of": derivation("authentik_radius_of", "model.identity:radius")}
