#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which layer of a cluster is the first that is broken."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_diagnosis
short_description: Say which layer of a cluster is the first that is broken, and what would mend it
version_added: 0.1.0
description:
  - Judges the layers in the order in which they need each other - Talos API, disks, services, etcd, API server, CNI,
    BGP, DNS, storage, Flux, identity - from what other modules have read, and stops at the first broken one. Contacts
    nothing itself.
  - Says what is wrong, what that means, and which repair would mend it.
options:
  nodes:
    description: Names of the nodes that must stand.
    type: list
    elements: str
    required: true
  talos:
    description: The answers of M(homeops.cluster.talos_info) with C(status), C(services), C(etcd) and C(volumes).
    type: list
    elements: dict
    required: true
  objects:
    description: Nodes, DaemonSets and Deployments of the cluster. Left out when the API could not be asked.
    type: list
    elements: dict
  objects_reason:
    description: Why the API could not be asked.
    type: str
    default: ""
  above:
    description:
      - Of the layers C(bgp) (the report of M(homeops.cluster.bgp_status)), C(storage)
        (M(homeops.cluster.longhorn_info)), C(flux) (M(homeops.cluster.flux_info)) and C(identity)
        (M(homeops.cluster.authentik_info)) each C(answer), or C(reason), or C(absent).
      - A layer that is not here was not asked.
    type: dict
    default: {}
  allowed:
    description: Repairs that may be made.
    type: list
    elements: str
    choices: [config, service, etcd_member, etcd_restore, bgp, flux, outpost]
    default: []
  show:
    description: Print the table.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Find the first broken layer
  homeops.cluster.recovery_diagnosis:
    nodes: [mini01, mini02, mini03]
    talos: "{{ talos.nodes }}"
    objects: "{{ kubernetes.resources }}"
    allowed: [etcd_member]
"""

RETURN = r"""
healthy:
  description: Whether no layer is broken.
  returned: always
  type: bool
first:
  description: The first broken layer, with C(name), C(what), C(meaning), C(repair) and C(target); empty for none.
  returned: always
  type: dict
repair:
  description: The repair to make now; empty when none would help or it is not allowed.
  returned: always
  type: str
layers:
  description: All layers in order, with C(state) V(ok), V(broken), V(absent) or V(unseen).
  returned: always
  type: list
  elements: dict
summary:
  description: What is broken, what it means and what can be done, in a few sentences.
  returned: always
  type: str
table:
  description: One line per layer, for people.
  returned: always
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.recovery import diagnosis

SPEC: dict[str, Any] = {
    "argument_spec": {
        "nodes": {"type": "list", "elements": "str", "required": True},
        "talos": {"type": "list", "elements": "dict", "required": True},
        "objects": {"type": "list", "elements": "dict"},
        "objects_reason": {"type": "str", "default": ""},
        "above": {"type": "dict", "default": {}},
        "allowed": {"type": "list", "elements": "str", "choices": list(diagnosis.REPAIRS), "default": []},
        "show": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Judge; see DOCUMENTATION."""
    found = diagnosis.diagnose(
        diagnosis.Facts(
            params["nodes"], params["talos"], params["objects"], params["objects_reason"], params["above"] or {}
        )
    )
    facts = found.facts(params["allowed"])
    if params["show"]:
        ctx.show(facts["table"])
    return {"changed": False, **facts}


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
