#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have applications in Authentik."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_application
short_description: Have applications in Authentik
version_added: 0.1.0
description:
  - Any number of applications in one call. Their provider is given by name.
  - Refused are reserved slugs, and a provider that another application has.
options:
  applications:
    description: The applications.
    type: list
    elements: dict
    required: true
    suboptions:
      slug:
        description: Slug of the application; it is what an application is known by.
        type: str
        required: true
      name:
        description: Name that people see. The slug when a new application has none.
        type: str
      provider:
        description: Name of its provider; an empty text takes it away.
        type: str
      meta_publisher:
        description: Publisher that is shown; M(homeops.cluster.authentik_service) marks with it what it has made.
        type: str
      group:
        description: Heading under which the application is shown.
        type: str
      open_in_new_tab:
        description: Whether the application opens in a new tab.
        type: bool
      policy_engine_mode:
        description: Whether any or all of the bindings must let a user in.
        type: str
        choices: [any, all]
      meta_launch_url:
        description: Address that the application's tile opens.
        type: str
      meta_description:
        description: Text below the application's name.
        type: str
      meta_icon:
        description: Icon, as a URL or as C(fa://fa-name). From Authentik 2025.12 on.
        type: str
  state:
    description: Whether the applications shall be there. A removal leaves their providers.
    type: str
    choices: [present, absent]
    default: present
  assume_providers:
    description: In check mode, providers that an earlier step of the same run would make.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have an application for the RADIUS provider
  homeops.cluster.authentik_application:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    applications:
      - slug: radius
        name: RADIUS
        provider: radius-provider
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
from ..module_utils.authentik.object_runs import applications_absent, applications_present
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "applications": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "slug": {"type": "str", "required": True},
                **{name: {"type": "str"} for name in ("name", "provider", "meta_publisher")},
                **options.APPLICATION,
            },
        },
        "state": options.STATE,
        "assume_providers": {"type": "list", "elements": "str", "default": []},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the applications, or have them gone; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        if params["state"] == "absent":
            return applications_absent(client, [item["slug"] for item in params["applications"]], ctx)
        return applications_present(client, params["applications"], ctx, params["assume_providers"])


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
