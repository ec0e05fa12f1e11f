#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have policy bindings in Authentik."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_policy_binding
short_description: Say who may open an application or run a flow
version_added: 0.1.0
description:
  - Any number of policy bindings in one call. The server stores equal bindings as often as they are sent; here a group,
    user or policy is bound to a target once, and what is surplus goes.
options:
  bindings:
    description: The bindings. Each has one target and one subject.
    type: list
    elements: dict
    required: true
    suboptions:
      application:
        description: Slug of the application that it guards.
        type: str
      flow:
        description: Slug of the flow that it guards.
        type: str
      group:
        description: Name of the group that is let in.
        type: str
      user:
        description: User name of the user who is let in.
        type: str
      policy:
        description: Name of the policy that decides.
        type: str
      order:
        description: Its place among the target's bindings.
        type: int
        default: 0
      negate:
        description: Turn its result round.
        type: bool
      enabled:
        description: Whether it counts.
        type: bool
      timeout:
        description: Seconds that a policy may take.
        type: int
      failure_result:
        description: The result when a policy fails.
        type: bool
  exact:
    description: Have no other binding on the targets that are named.
    type: bool
    default: false
  state:
    description: Whether the bindings shall be there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Let nobody but administrators open Longhorn
  homeops.cluster.authentik_policy_binding:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    exact: true
    bindings:
      - application: longhorn
        group: Administrators
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
from ..module_utils.authentik.binding_run import run_bindings
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "bindings": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                **{name: {"type": "str"} for name in ("application", "flow", "group", "user", "policy")},
                "order": {"type": "int", "default": 0},
                "negate": {"type": "bool"},
                "enabled": {"type": "bool"},
                "timeout": {"type": "int"},
                "failure_result": {"type": "bool"},
            },
            "required_one_of": [("application", "flow"), ("group", "user", "policy")],
            "mutually_exclusive": [("application", "flow"), ("group", "user", "policy")],
        },
        "exact": {"type": "bool", "default": False},
        "state": options.STATE,
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the bindings, or have them gone; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        return run_bindings(client, params["bindings"], ctx, exact=params["exact"], absent=params["state"] == "absent")


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
