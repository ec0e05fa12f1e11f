#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See what an Authentik server holds, and what is wrong with it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_info
short_description: See what an Authentik server holds, and what is wrong with it
version_added: 0.1.0
description:
  - Reads providers, applications, outposts and their health, bindings, flows and tokens, and tells what is wrong with
    them, whoever has made them - hosts that two providers claim, paths that are open, backends whose scheme the port
    does not speak, outposts that nobody is connected to, tokens that are about to die.
  - Can wait until the server is ready, takes the token and has the flows that are needed.
options:
  gather:
    description: What to read. C(findings) reads everything.
    type: list
    elements: str
    choices: [findings, providers, applications, outposts, bindings, flows, groups, tokens]
    default: [findings]
  wait:
    description: Wait until the server is ready.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for each wait.
    type: int
    default: 300
  flows:
    description: With O(wait=true), slugs of flows that have to be there, too.
    type: list
    elements: str
    default: []
  connected:
    description:
      - Outposts of which a process has to be connected; it is waited for. C(embedded) is the one inside the server.
    type: list
    elements: str
    default: []
  tolerate_absent:
    description:
      - Take a server that cannot be reached or is starting as one that is not there yet, and say so with
        RV(available=false) instead of failing. For a prediction of a run that would install it.
    type: bool
    default: false
  fail_on:
    description: Fail when a finding has at least this level, and tell all of them.
    type: str
    choices: [never, error, warning]
    default: never
  token_warning:
    description: A token with fewer seconds left is a finding.
    type: int
    default: 86400
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Wait for the server
  homeops.cluster.authentik_info:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    gather: []
    wait: true
    flows: [default-provider-authorization-implicit-consent, default-provider-invalidation-flow]

- name: See what is wrong
  homeops.cluster.authentik_info:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
  register: identity
"""

RETURN = r"""
available:
  description: Whether the server could be asked.
  returned: always
  type: bool
version:
  description: Release of the server.
  returned: when available
  type: str
user:
  description: Name of the token's user.
  returned: when available
  type: str
superuser:
  description: Whether that is a superuser.
  returned: when available
  type: bool
findings:
  description: What is wrong, worst first, with C(code), C(level) error or warning, C(subject) and C(text).
  returned: with C(findings)
  type: list
  elements: dict
providers:
  description: Providers of every type, by name. Secrets are left out.
  returned: with C(providers)
  type: list
  elements: dict
applications:
  description: Applications, by slug.
  returned: with C(applications)
  type: list
  elements: dict
outposts:
  description: Outposts, with the names of their providers and C(health), what is connected.
  returned: with C(outposts)
  type: list
  elements: dict
bindings:
  description: Policy bindings.
  returned: with C(bindings)
  type: list
  elements: dict
flows:
  description: Flows, with C(slug) and C(designation).
  returned: with C(flows)
  type: list
  elements: dict
groups:
  description: Groups.
  returned: with C(groups)
  type: list
  elements: dict
tokens:
  description: Tokens with what they have left to live, never their keys.
  returned: with C(tokens)
  type: list
  elements: dict
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

from ..module_utils.authentik import session
from ..module_utils.authentik.info import Info
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "gather": {
            "type": "list",
            "elements": "str",
            "choices": [
                "findings",
                "providers",
                "applications",
                "outposts",
                "bindings",
                "flows",
                "groups",
                "tokens",
            ],
            "default": ["findings"],
        },
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
        "flows": {"type": "list", "elements": "str", "default": []},
        "connected": {"type": "list", "elements": "str", "default": []},
        "tolerate_absent": {"type": "bool", "default": False},
        "fail_on": {"type": "str", "choices": ["never", "error", "warning"], "default": "never"},
        "token_warning": {"type": "int", "default": 86400, "no_log": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Read, after waiting when that is wanted; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        work = Info(client, ctx)
        if params["tolerate_absent"] and not client.ready()[0]:
            return {"changed": False, "available": False, **session.facts(client)}
        if params["wait"]:
            work.wait(params["flows"], params["wait_timeout"])
        if params["connected"]:
            work.connected(params["connected"], params["wait_timeout"])
        return work.read(set(params["gather"]), soon=params["token_warning"], fail_on=params["fail_on"])


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
