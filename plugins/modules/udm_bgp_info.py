#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a UniFi router's BGP configuration, what is wrong with it, and what the routing daemon really does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: udm_bgp_info
short_description: Read a UniFi router's BGP configuration, judge it, and look at sessions and routes
version_added: 0.1.0
description:
  - Reads the FRR configuration that a UniFi console stores, tells its neighbours and filters, and judges it by line.
  - Tells of every expected prefix whether the text would accept it from each neighbour, with the deciding line.
  - With O(state_command) the routing daemon is asked for sessions and routes; without it RV(live) is empty and
    RV(checked) says that only the stored text was looked at.
  - Passwords are masked wherever text is returned.
options:
  expected_prefixes:
    description: Prefixes that the router should accept.
    type: list
    elements: dict
    default: []
    suboptions:
      prefix:
        description: The prefix, such as V(172.29.52.200/32).
        type: str
        required: true
      neighbors:
        description: From each of these neighbours; from any one when empty.
        type: list
        elements: str
        default: []
      paths:
        description: ECMP width that it must have at least.
        type: int
        default: 1
  state_command:
    description: Command that answers C(-c '<show command>') as the router's C(vtysh) does, word by word.
    type: list
    elements: str
    default: []
  wait:
    description:
      - Wait until all of O(expected_prefixes) are accepted, fresh and as wide as asked. Not in check mode.
      - What is not there and never will be, because the stored text does not accept it, ends the task at once.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the wait.
    type: int
    default: 60
  tolerate_no_state:
    description: Whether a O(state_command) that gives no state is a warning instead of a failure.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.unifi
attributes:
  check_mode:
    description: Changes nothing in any case.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference.
    support: none
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Would the router take what the cluster announces
  homeops.cluster.udm_bgp_info:
    host: 172.29.51.1
    api_key: "{{ homeops_router_api_key }}"
    expected_prefixes:
      - prefix: 172.29.52.200/32
  register: router

- name: Show what is wrong
  ansible.builtin.debug:
    var: router.faults
"""

RETURN = r"""
config:
  description: The stored configuration, its text with masked passwords.
  returned: always
  type: dict
  contains:
    present:
      description: Whether there is one.
      type: bool
    enabled:
      description: Whether the console runs it.
      type: bool
    checksum:
      description: SHA-256 of the text.
      type: str
    file_name:
      description: Name that it was uploaded under.
      type: str
    description:
      description: The console's description of it.
      type: str
    text:
      description: The text.
      type: str
routers:
  description: Router instances with their neighbours, groups and listen ranges.
  returned: always
  type: list
  elements: dict
faults:
  description: Faults by line, as M(homeops.cluster.udm_bgp_peer) returns them.
  returned: always
  type: list
  elements: dict
admission:
  description: One entry per expected prefix and neighbour, whether the stored text accepts it, and why.
  returned: always
  type: list
  elements: dict
  contains:
    prefix:
      description: The prefix.
      type: str
    neighbor:
      description: The neighbour, or the group whose members call in.
      type: str
    accepted:
      description: Whether it would be accepted.
      type: bool
    why:
      description: The reason.
      type: str
    line:
      description: The deciding line.
      type: int
live:
  description:
    - Sessions (C(neighbors)) and routes (C(routes)) as the daemon tells them; empty without state.
    - C(kernel) tells whether zebra could be asked what is installed. If so, each route has its C(installed) next hops
      and those that are C(not_installed).
  returned: always
  type: dict
missing:
  description: What is expected and not there, in words; judged by the running daemon when there is state.
  returned: always
  type: list
  elements: str
checked:
  description: V(stored text) or V(sessions and routes).
  returned: always
  type: str
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.runner import run_module
from ..module_utils.frr import admission, lint, live, masking, options, rib, state_command, text
from ..module_utils.frr.live import Expected, Wanted
from ..module_utils.unifi import bgp_plan, session
from ..module_utils.unifi.bgp_config import BgpConfig
from ..module_utils.unifi.bgp_wait import Watch

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "expected_prefixes": options.EXPECTED,
        "state_command": {"type": "list", "elements": "str", "default": []},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 60},
        "tolerate_no_state": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Read and judge; see DOCUMENTATION."""
    expected = options.expectations(params["expected_prefixes"])
    if params["wait"] and not params["state_command"]:
        raise InputError(
            "waiting needs a state_command",
            answer="the console's API knows the stored text only, neither sessions nor routes",
            param="state_command",
        )
    with session.connect(params, ctx) as client:
        stored = BgpConfig(client, params["site"]).read()
    lines = text.parse(stored.text)
    judged = admission.judged(lines, expected)
    document = stored.document or {}
    result: dict[str, Any] = {
        "changed": False,
        "config": {
            "present": stored.document is not None,
            "enabled": stored.enabled,
            "checksum": stored.checksum,
            "file_name": str(document.get("uploaded_file_name") or ""),
            "description": str(document.get("description") or ""),
            "text": masking.text(stored.text),
        },
        "routers": bgp_plan.routers_of(stored.text),
        "faults": bgp_plan.told(lint.lint(lines, [item.prefix for item in expected])),
        "admission": judged,
        "live": {},
        "missing": [
            f"{item['prefix']} from {item['neighbor']}: {item['why']}" for item in judged if not item["accepted"]
        ],
        "checked": "stored text",
    }
    if params["state_command"]:
        _look(result, expected, params, ctx)
    return result


def _look(result: dict[str, Any], expected: tuple[Expected, ...], params: Mapping[str, Any], ctx: Context) -> None:
    """Add what the routing daemon tells."""
    shell, wanted = state_command.Shell(tuple(params["state_command"])), Wanted(prefixes=expected)
    try:
        if params["wait"] and not ctx.check_mode:
            _require_hope(result, shell, wanted, params)
            seen = Watch(shell, params["host"], params["wait_timeout"], ctx).until(wanted, "the expected prefixes").live
        else:
            seen = live.read(shell)
    except state_command.StateUnavailable as error:
        if not params["tolerate_no_state"]:
            raise
        ctx.warn(f"{error} Only the stored text was looked at.")
        return
    kernel = rib.read(shell)
    lacking = [*live.missing(seen, wanted), *rib.missing(seen, kernel, expected)]
    result.update(live=rib.facts(seen, kernel), missing=lacking, checked="sessions and routes")


def _require_hope(
    result: Mapping[str, Any], shell: state_command.Shell, wanted: Wanted, params: Mapping[str, Any]
) -> None:
    """End a wait before it begins for what the stored text never lets in: nobody is changing it.

    :raises HomeopsError: with the reasons of the text. What is there all the same is right, whatever the text says.
    """
    judged = {item["prefix"] for item in result["admission"]}
    unknown = [
        f"{item.prefix}: it has no neighbour that sends it"
        for item in wanted.prefixes
        if str(item.prefix) not in judged
    ]
    refused = [*result["missing"], *unknown]
    if not refused:
        return
    with contextlib.suppress(state_command.StateUnavailable):  # the wait tells it
        lacking = live.missing(live.read(shell), wanted)
        if lacking:
            raise HomeopsError(
                "waiting for the expected prefixes",
                target=str(params["host"]),
                answer=f"the stored text does not accept {'; '.join(refused)}",
                remedy="Give the router its text again (phase bgp), then look again",
                param="expected_prefixes",
                facts={**result, "missing": lacking},
            )


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
