#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have tokens in Authentik."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_token
short_description: Have tokens in Authentik, know how long they live, and replace their keys
version_added: 0.1.0
description:
  - The server decides when an API token expires, whatever it is told, and gives a token that has expired another key.
    A token for automation therefore does not expire; one that does is reported with what it has left.
  - Nothing converges on C(expires). O(rotate) says when a key is replaced; a key that is given is what the token has.
options:
  tokens:
    description: The tokens.
    type: list
    elements: dict
    required: true
    suboptions:
      identifier:
        description: Identifier of the token.
        type: str
      outpost:
        description: Name of an outpost, for the token that the server has made for it. Instead of an identifier.
        type: str
      intent:
        description: What it is for.
        type: str
        choices: [api, app_password]
        default: api
      user:
        description: User name of its owner, who cannot be changed later. The caller when it is not given.
        type: str
      description:
        description: What it is for, for people.
        type: str
      expiring:
        description: Whether it expires.
        type: bool
        default: false
      key:
        description: Key that it shall have.
        type: str
  state:
    description: Whether the tokens shall be there. The token of an outpost goes with the outpost only.
    type: str
    choices: [present, absent]
    default: present
  rotate:
    description: When the key is replaced by a new one - never, always, or when an expiring token has less than
      O(rotate_within) left.
    type: str
    choices: [never, expiring, always]
    default: never
  rotate_within:
    description: Seconds.
    type: int
    default: 86400
  return_keys:
    description: Return the keys, to be stored elsewhere. Use C(no_log) on the task then.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have a token for automation and take its key
  homeops.cluster.authentik_token:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    return_keys: true
    tokens:
      - identifier: homeops
        description: Used by the homeops.cluster collection
  no_log: true
  register: made

- name: Take the key of an outpost's token
  homeops.cluster.authentik_token:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    return_keys: true
    tokens:
      - outpost: k8s-external-proxy-outpost
  no_log: true
  register: outpost_token
"""

RETURN = r"""
tokens:
  description:
    - One entry per token, with C(identifier), C(expiring), C(seconds_left), C(expired) and C(rotated).
    - With C(key) when O(return_keys=true), except in check mode for a key that is still to be made.
  returned: with O(state=present)
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

from ..module_utils.authentik import options, session
from ..module_utils.authentik.token_run import TokenRun
from ..module_utils.authentik.tokens import INTENTS
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "tokens": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "no_log": False,
            "options": {
                "identifier": {"type": "str"},
                "outpost": {"type": "str"},
                "intent": {"type": "str", "choices": list(INTENTS), "default": "api"},
                "user": {"type": "str"},
                "description": {"type": "str"},
                "expiring": {"type": "bool", "default": False},
                "key": {"type": "str", "no_log": True},
            },
            "required_one_of": [("identifier", "outpost")],
            "mutually_exclusive": [("identifier", "outpost")],
        },
        "state": options.STATE,
        "rotate": {"type": "str", "choices": ["never", "expiring", "always"], "default": "never"},
        "rotate_within": {"type": "int", "default": 86400},
        "return_keys": {"type": "bool", "default": False, "no_log": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the tokens, or have them gone; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        work = TokenRun(client, ctx)
        if params["state"] == "absent":
            return work.absent(params["tokens"])
        return work.present(
            params["tokens"],
            rotate=params["rotate"],
            within=params["rotate_within"],
            keys=params["return_keys"],
        )


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
