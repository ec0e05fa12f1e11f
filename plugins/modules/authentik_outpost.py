#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have outposts in Authentik."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_outpost
short_description: Have outposts in Authentik, with their providers and settings
version_added: 0.1.0
description:
  - Providers are attached, detached or set exactly. The server replaces the whole list with every write, so runs of
    this module take turns at an outpost (a group without members and rights that lives as long as one change), and
    the outpost is read again after the write.
  - Settings are merged deeply. A setting that no outpost reads is refused; the server would store it silently.
  - The embedded outpost is found by its mark, and is neither emptied nor deleted unless that is said twice.
options:
  outposts:
    description: The outposts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the outpost. C(embedded) is the one inside the server, whatever it is called.
        type: str
        required: true
      type:
        description: Which kind of providers it serves. It cannot be changed later.
        type: str
        choices: [proxy, ldap, radius, rac]
        default: proxy
      providers:
        description: Names of providers. Not given, those that it has stay.
        type: list
        elements: str
      membership:
        description:
          - C(attach) has these providers besides those that are there, C(detach) has none of these, C(exact) has these
            and no other.
        type: str
        choices: [attach, detach, exact]
        default: attach
      config:
        description: Settings to merge, such as C(authentik_host).
        type: dict
      service_connection:
        description: Name of the connection by which Authentik deploys it; an empty text takes it away.
        type: str
  state:
    description: Whether the outposts shall be there.
    type: str
    choices: [present, absent]
    default: present
  allow_empty:
    description: Let the embedded outpost lose its last provider.
    type: bool
    default: false
  allow_embedded:
    description: With O(state=absent), delete the embedded outpost, too. It comes back empty when the server starts.
    type: bool
    default: false
  wait:
    description: Wait until a process of each outpost is connected, in the server's version. Not in check mode.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the wait.
    type: int
    default: 120
  assume_providers:
    description: In check mode, providers that an earlier step of the same run would make.
    type: list
    elements: str
    default: []
  assume_outposts:
    description: In check mode, outposts that an earlier step of the same run would make, as they shall be.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.assume_absent
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have the embedded outpost know its address, and serve one more provider
  homeops.cluster.authentik_outpost:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    outposts:
      - name: embedded
        providers: [wiki-proxy]
        config:
          authentik_host: https://authentik.example.org
"""

RETURN = r"""
outposts:
  description: One entry per outpost, with C(name), C(type), C(providers), C(token_identifier) and C(embedded).
  returned: with O(state=present), not for an outpost that would only be made
  type: list
  elements: dict
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

from ..module_utils.authentik import kinds, options, session
from ..module_utils.authentik.outpost_run import OutpostRun
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "outposts": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "type": {"type": "str", "choices": list(kinds.OUTPOST_TYPES), "default": "proxy"},
                "providers": {"type": "list", "elements": "str"},
                "membership": {"type": "str", "choices": ["attach", "detach", "exact"], "default": "attach"},
                "config": {"type": "dict"},
                "service_connection": {"type": "str"},
            },
        },
        "state": options.STATE,
        "assume_absent": {"type": "bool", "default": False},
        "allow_empty": {"type": "bool", "default": False},
        "allow_embedded": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 120},
        "assume_providers": {"type": "list", "elements": "str", "default": []},
        "assume_outposts": {"type": "list", "elements": "str", "default": []},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the outposts, or have them gone; see DOCUMENTATION."""
    told = session.predicted(params, ctx, "outpost", (item["name"] for item in params["outposts"]))
    if told is not None:
        return told
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        coming = (params["assume_providers"], params["assume_outposts"]) if ctx.check_mode else ((), ())
        work = OutpostRun(client, ctx, allow_empty=params["allow_empty"], providers=coming[0], outposts=coming[1])
        if params["state"] == "absent":
            return work.absent([item["name"] for item in params["outposts"]], allowed=params["allow_embedded"])
        return work.present(params["outposts"], wait=params["wait_timeout"] if params["wait"] else None)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
