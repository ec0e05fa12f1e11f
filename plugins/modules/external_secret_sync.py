#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until stores are valid and every ExternalSecret is synced, naming the cause when not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: external_secret_sync
short_description: Wait until stores are valid and every ExternalSecret is synced
version_added: 0.1.0
description:
  - Waits until each C(ClusterSecretStore) is Ready with the reason C(Valid), and each C(ExternalSecret) that reads from
    one is C(SecretSynced).
  - The cause of a failure is only in the Events of the operator; it is read there and told, with what to do.
  - What has failed is looked at again at once, by an annotation, because the operator's own next try may be minutes
    away. Nothing is written when everything is Ready.
options:
  stores:
    description: Names of the cluster stores.
    type: list
    elements: str
    required: true
  expected:
    description: ExternalSecrets that must exist. All others that read from the stores are waited for as well.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Its namespace.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
  force:
    description:
      - Which objects the operator is asked to look at again. V(failed) are those that it has given up for now, V(all)
        makes it read every item anew.
    type: str
    choices: [failed, all, never]
    default: failed
  wait_timeout:
    description: Seconds for everything together.
    type: int
    default: 300
  assume_absent:
    description:
      - In check mode, do not even look, because an earlier step of the same run would create the cluster.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Looks once and neither waits nor asks; what is not ready is told in RV(objects).
    support: full
  diff_mode:
    description: Shows nothing; an annotation is all that it ever writes.
    support: none
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Wait for the secrets
  homeops.cluster.external_secret_sync:
    kubeconfig: "{{ homeops_kubeconfig }}"
    stores: [onepassword-connect]
    wait_timeout: 300
"""

RETURN = r"""
objects:
  description: One entry per store and ExternalSecret.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: ClusterSecretStore or ExternalSecret.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    secret:
      description: The Secret that it makes.
      type: str
    ready:
      description: Whether it is valid, or synced.
      type: bool
    state:
      description: Reason and message of its condition.
      type: str
    cause:
      description: What the operator's Events say.
      type: str
forced:
  description: Objects that the operator was asked to look at again.
  returned: always
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.external_secrets.sync import SyncRun
from ..module_utils.kubernetes import session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "stores": {"type": "list", "elements": "str", "required": True},
        "expected": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"namespace": {"type": "str", "required": True}, "name": {"type": "str", "required": True}},
        },
        "force": {"type": "str", "choices": ["failed", "all", "never"], "default": "failed"},
        "wait_timeout": {"type": "int", "default": 300},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Wait; see DOCUMENTATION."""
    if ctx.check_mode and params["assume_absent"]:
        return {"changed": False, "objects": [], "forced": []}
    expected = [(one["namespace"], one["name"]) for one in params["expected"]]
    with session.connect(params, ctx) as client:
        work = SyncRun(client, ctx, params["stores"], expected, params["force"])
        found = work.look() if ctx.check_mode else work.wait(params["wait_timeout"])
    return {
        "changed": bool(work.forced),
        "objects": [one.facts() for one in found],
        "forced": work.forced,
    }


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
