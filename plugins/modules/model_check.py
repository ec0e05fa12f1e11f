#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module model_check."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_check
short_description: Checks the model of the inventory across its layers
version_added: 0.1.0
description:
  - Checks the form of the model first (unknown and missing keys, types, formats) and then whether its values agree with
    each other and with what Talos, Kubernetes, Cilium and the router can do.
  - Every finding is told at once, each with a stable id, the place in the inventory (file, line and key), the reason
    and, where it can be computed, the value to use.
  - Fails when a finding is an error. Warnings are returned and shown, and do not fail.
  - Works on values and on the files of the inventory only. No system is contacted and nothing is changed.
options:
  model:
    description:
      - The whole model, keyed by subject (C(cluster), C(nodes), C(networks), ...).
    type: raw
    required: true
  inventory_sources:
    description:
      - Files and directories of the inventory in which values are looked up to name their line.
      - Usually R(ansible_inventory_sources, ansible_inventory_sources).
    type: list
    elements: path
    default: []
  groups:
    description:
      - The groups of the inventory with the names of their hosts, usually the variable C(groups).
      - Left out, hosts and nodes are not compared.
    type: dict
    default: {}
  host:
    description:
      - The host whose variables hold the model; it decides which files of the inventory are looked at.
    type: str
    default: localhost
  phase:
    description:
      - Only the checks of these phases; empty means all checks.
    type: list
    elements: str
    choices: [preflight, talos, kubernetes, cni, gitops, secrets, bgp, platform, identity, verify]
    default: []
extends_documentation_fragment:
  - homeops.cluster.ignore
attributes:
  check_mode:
    support: full
    description: The module changes nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
requirements:
  - netaddr
author:
  - The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Check the whole model
  homeops.cluster.model_check:
    model: "{{ homeops_model }}"
    inventory_sources: "{{ ansible_inventory_sources }}"
    groups: "{{ groups }}"

- name: Check what BGP depends on, and accept the one public AS number
  homeops.cluster.model_check:
    model: "{{ homeops_model }}"
    phase: [bgp]
    ignore:
      - id: BGP016
        key: homeops_bgp.router.asn
        reason: The provider assigned this number.
"""

RETURN = r"""
findings:
  description: All findings, errors first, then warnings, then ignored ones.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the check.
      type: str
      sample: NET001
    severity:
      description: C(error), C(warn) or C(ignore).
      type: str
    area:
      description: What the check is about.
      type: str
      sample: addressing
    summary:
      description: What is wrong.
      type: str
    key:
      description: Key path in the inventory.
      type: str
      sample: homeops_nodes[1].address
    file:
      description: File of the value, V(null) when it does not come from a file of the inventory.
      type: str
    line:
      description: Line in the file.
      type: int
    where:
      description: Key, file and line in one text.
      type: str
      sample: homeops_nodes[1].address (inventories/home/group_vars/all/nodes.yml:8)
    why:
      description: What breaks.
      type: str
    use:
      description: The value to use instead, V(null) when it cannot be computed.
      type: str
    reason:
      description: Why the inventory gives it another severity.
      type: str
counts:
  description: Number of findings per severity.
  returned: always
  type: dict
  sample: {error: 0, warn: 1, ignore: 0}
checks:
  description: Ids of the checks that were run.
  returned: success
  type: list
  elements: str
not_judged:
  description: Ids of the checks that needed a part of the model which is missing or wrong.
  returned: success
  type: list
  elements: str
summary:
  description: The outcome in one line.
  returned: success
  type: str
  sample: no errors, 1 warning in 52 checks
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.checks import engine, report, suppress
from ..module_utils.checks.registry import ERROR, PHASES, WARN
from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError
from ..module_utils.common.libraries import need
from ..module_utils.common.runner import run_module
from ..module_utils.model import locate, world

SPEC: dict[str, Any] = {
    "argument_spec": {
        "model": {"type": "raw", "required": True},
        "inventory_sources": {"type": "list", "elements": "path", "default": []},
        "groups": {"type": "dict", "default": {}},
        "host": {"type": "str", "default": "localhost"},
        "phase": {"type": "list", "elements": "str", "choices": list(PHASES), "default": []},
        "ignore": suppress.IGNORE,
    },
    "supports_check_mode": True,
}


class ModelError(HomeopsError):
    """The model has errors; the message is the report of all of them."""

    def sentence(self) -> str:
        """Return the report as it is."""
        return self.attempted


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Check the model; see DOCUMENTATION for the parameters and RETURN for the result.

    :raises ModelError: when a finding is an error.
    :raises InputError: when ``ignore`` names no check.
    """
    need("checking the model", netaddr=world.AVAILABLE, PyYAML=locate.AVAILABLE)
    model = params["model"]
    groups = {str(name): list(hosts or []) for name, hosts in (params["groups"] or {}).items()}
    locator = locate.Locator(params["inventory_sources"] or [], params["host"], groups)
    found = engine.run_checks(
        world.World(model, groups),
        where=engine.in_inventory(model, locator),
        phases=params["phase"] or [],
        overrides=suppress.overrides(params["ignore"] or []),
    )
    result = {
        "changed": False,
        "findings": [finding.as_dict() for finding in found.findings],
        "counts": found.counts,
        "checks": found.ran,
        "not_judged": found.passed_over,
        "summary": report.headline(found),
    }
    for finding in found.of(WARN):
        ctx.warn(report.one_line(finding))
    if found.of(ERROR):
        # The message tells the rest; what Ansible prints of a failure should end with it.
        raise ModelError(report.failure(found), facts={key: result[key] for key in ("findings", "counts")})
    return result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
