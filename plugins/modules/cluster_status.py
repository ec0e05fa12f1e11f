#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what stands and what does not, from what the systems answered."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_status
short_description: Say what stands and what does not
version_added: 0.1.0
description:
  - Holds what M(homeops.cluster.talos_info) and M(homeops.cluster.kube_info) answered against what is wanted,
    and returns one report as data and as a table. Contacts nothing itself.
options:
  nodes:
    description: Names of the nodes that must stand.
    type: list
    elements: str
    required: true
  talos:
    description: The answers of M(homeops.cluster.talos_info), one per node.
    type: list
    elements: dict
    required: true
  kubernetes:
    description: The objects that M(homeops.cluster.kube_info) found. Left out when the API could not be asked.
    type: list
    elements: dict
  kubernetes_reason:
    description: Why the API could not be asked.
    type: str
    default: ""
  talos_version:
    description: Wanted version of Talos; empty compares nothing.
    type: str
    default: ""
  kubernetes_version:
    description: Wanted version of the kubelets; empty compares nothing.
    type: str
    default: ""
  workloads:
    description: Workloads that must run.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: Kind of the workload.
        type: str
        choices: [DaemonSet, Deployment, StatefulSet]
        required: true
      namespace:
        description: Its namespace.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
      version:
        description: Wanted tag of the first container's image; empty compares nothing.
        type: str
        default: ""
extends_documentation_fragment:
  - homeops.cluster.verdict
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Hold the answers against the model
  homeops.cluster.cluster_status:
    nodes: [mini01, mini02, mini03]
    talos: "{{ talos.nodes }}"
    kubernetes: "{{ kubernetes.resources }}"
    workloads:
      - kind: DaemonSet
        namespace: kube-system
        name: cilium
        version: 1.17.6
"""

RETURN = r"""
report:
  description: The report; a key may be added to it, none is renamed without another RV(report.schema).
  returned: always
  type: dict
  contains:
    schema:
      description: Version of the shape.
      type: int
    worst:
      description: ok, warning or error.
      type: str
    nodes:
      description: One row per node.
      type: list
      elements: dict
    workloads:
      description: One row per workload.
      type: list
      elements: dict
    findings:
      description: What is not as it should be, each with severity, subject and text.
      type: list
      elements: dict
table:
  description: The report for people.
  returned: always
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.status import report as status, table, verdict

SPEC: dict[str, Any] = {
    "argument_spec": {
        "nodes": {"type": "list", "elements": "str", "required": True},
        "talos": {"type": "list", "elements": "dict", "required": True},
        "kubernetes": {"type": "list", "elements": "dict"},
        "kubernetes_reason": {"type": "str", "default": ""},
        "talos_version": {"type": "str", "default": ""},
        "kubernetes_version": {"type": "str", "default": ""},
        "workloads": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "kind": {"type": "str", "required": True, "choices": ["DaemonSet", "Deployment", "StatefulSet"]},
                "namespace": {"type": "str", "required": True},
                "name": {"type": "str", "required": True},
                "version": {"type": "str", "default": ""},
            },
        },
        "fail_on": verdict.FAIL_ON,
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Report; see DOCUMENTATION."""
    wanted = status.Wanted(
        nodes=tuple(params["nodes"]),
        talos=params["talos_version"],
        kubernetes=params["kubernetes_version"],
        workloads=tuple(params["workloads"]),
    )
    report = status.build(wanted, params["talos"], params["kubernetes"], params["kubernetes_reason"])
    text = table.render(report)
    ctx.show(text)
    return verdict.settle(
        report,
        text,
        params["fail_on"],
        "verifying the cluster",
        "Run site.yml again: it goes on where the systems say they are",
    )


def main() -> None:
    """Start as an ordinary module."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
