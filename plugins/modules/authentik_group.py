#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have groups in Authentik."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_group
short_description: Have groups in Authentik
version_added: 0.1.0
description:
  - Any number of groups in one call. Parents and members are given by name; attributes are merged into those that a
    group has.
options:
  groups:
    description: The groups.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      is_superuser:
        description: Whether its members are superusers.
        type: bool
      parents:
        description: Names of its parents. Before Authentik 2025.12 a group has one at most.
        type: list
        elements: str
      attributes:
        description: Attributes to merge.
        type: dict
      users:
        description: User names of members to have. Others stay, unless O(groups[].exact_users=true).
        type: list
        elements: str
      exact_users:
        description: Have no other members.
        type: bool
        default: false
  state:
    description: Whether the groups shall be there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.assume_absent
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have the groups that services let in
  homeops.cluster.authentik_group:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    groups:
      - name: Grafana Admins
        users: [akadmin]
      - name: Grafana Editors
"""

RETURN = r"""
objects:
  description: One entry per object, with C(kind), C(name), C(action) create, patch, delete or none, and C(fields).
  returned: always
  type: list
  elements: dict
summary:
  description: Number of objects per action.
  returned: always
  type: dict
requests:
  description: Requests sent, per HTTP method.
  returned: always
  type: dict
waited:
  description: Seconds spent waiting for the server.
  returned: always
  type: float
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.authentik import options, session
from ..module_utils.authentik.object_runs import groups_absent, groups_present
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "groups": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "is_superuser": {"type": "bool"},
                "parents": {"type": "list", "elements": "str"},
                "attributes": {"type": "dict"},
                "users": {"type": "list", "elements": "str"},
                "exact_users": {"type": "bool", "default": False},
            },
        },
        "state": options.STATE,
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the groups, or have them gone; see DOCUMENTATION."""
    told = session.predicted(params, ctx, "group", (item["name"] for item in params["groups"]))
    if told is not None:
        return told
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        if params["state"] == "absent":
            return groups_absent(client, [item["name"] for item in params["groups"]], ctx)
        return groups_present(client, params["groups"], ctx)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
