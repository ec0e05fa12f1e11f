# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.service_probes_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: service_probes_of
short_description: The hosts and paths of service_probe, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
positional: _input, outposts
description:
  - Returns the host of every service of the model with the paths that tell whether its login holds.
  - With names of outposts it returns the hosts that these guard, with the path at which an outpost begins the login.
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
  outposts:
    description: Names of outposts.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: See what a stranger gets
  homeops.cluster.service_probe:
    services: "{{ homeops_model | homeops.cluster.service_probes_of }}"
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
        return {"service_probes_of": derivation("service_probes_of", "model.chains:probes")}
