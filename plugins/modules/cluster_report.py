#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report on the whole cluster: every system asked at once, each with its own deadline."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_report
short_description: Report on the whole cluster, every system asked at once
version_added: 0.1.0
description:
  - Asks nodes, etcd, the Kubernetes API at every door, Cilium, both ends of BGP, Flux, External Secrets, Longhorn,
    cert-manager, Authentik and every service, all at the same time, and returns one report as data, as a table and as a
    page.
  - Every system has a deadline of its own. One that hangs is named with its timeout, costs it once, and takes no other
    system's answer away.
  - What could not be asked is a finding, never a gap. Nothing is changed anywhere.
options:
  cluster:
    description: Name of the cluster, for titles and the history.
    type: str
    required: true
  areas:
    description: The areas to report on. All by default; of some nodes only, those that say something of nodes.
    type: list
    elements: str
    choices:
      - nodes
      - etcd
      - kubernetes
      - cilium
      - bgp
      - pools
      - flux
      - secrets
      - storage
      - certificates
      - identity
      - services
    default: []
  nodes:
    description: Every node of the cluster.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name for messages and results; O(nodes[].node) by default.
        type: str
      node:
        description: Address or name to connect to.
        type: str
        required: true
      port:
        description: Port of the Talos API.
        type: int
        default: 50000
      server_name:
        description: Name or address that the node's certificates must carry; O(nodes[].node) by default.
        type: str
      spki_pin:
        description: Base64 of the SHA-256 of the key that the node must present in maintenance.
        type: str
      address:
        description: Address under which the router knows the node; O(nodes[].server_name) by default.
        type: str
  only_nodes:
    description: Names of the nodes that are asked and shown; all by default.
    type: list
    elements: str
    default: []
  talosconfig:
    description: Path of the talosconfig with the CA to trust and the client certificate.
    type: path
  context:
    description: Context of talosconfig and kubeconfig; their current one by default.
    type: str
  talos_version:
    description: Wanted version of Talos; empty compares nothing.
    type: str
    default: ""
  kubernetes_version:
    description: Wanted version of kubelets and API servers; empty compares nothing.
    type: str
    default: ""
  kubeconfig:
    description: Path of the kubeconfig. The API servers of the nodes are asked on the port of its server.
    type: path
  workloads:
    description: Workloads of Cilium that must run.
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
  pool_label:
    description: Key of the label by which a Service chooses its pool.
    type: str
    default: io.cilium/lb-ipam-pool
  secrets_namespace:
    description: Namespace of the passwords' Secrets of BGP.
    type: str
    default: kube-system
  router:
    description: Address of the router, as the nodes dial it.
    type: str
    default: ""
  maximum_paths:
    description: Paths that the router may use at once; V(0) is not known.
    type: int
    default: 0
  state_command:
    description: Command that answers C(-c '<show command>') as the router's C(vtysh) does, word by word.
    type: list
    elements: str
    default: []
  zone:
    description: Domain of the services' hosts, whose records are read.
    type: str
  door:
    description: Where to connect to instead of the hosts' own addresses, C(host:port).
    type: str
  ca_file:
    description: PEM file of the CA that signs the hosts' certificates; the system's by default.
    type: path
  timeout:
    description: Seconds that one system has for its whole answer.
    type: float
    default: 10
  timeouts:
    description:
      - Other seconds for some kinds of systems - C(talos) (a node), C(api) (an API server), C(kubernetes), C(cilium),
        C(flux), C(secrets), C(longhorn), C(certificates), C(clients), C(ingress), C(console), C(router), C(identity)
        and C(host) (a service's host).
    type: dict
    default: {}
  history:
    description: >-
      File of the controller that keeps one line of JSON per run, mode 0600, for trends. None is kept without it. In
      check mode it is only read.
    type: path
  history_length:
    description: Runs that it remembers at most.
    type: int
    default: 1000
  dest:
    description: File of the controller that the report is written to as JSON. Not in check mode.
    type: path
  page_dest:
    description: File of the controller that the report is written to as one HTML page. Not in check mode.
    type: path
  show:
    description: Whether to print the table.
    type: bool
    default: true
  fail_on:
    description: The mildest severity that fails the task.
    type: str
    choices: [critical, warning, never]
    default: critical
extends_documentation_fragment:
  - homeops.cluster.cluster_report
requirements:
  - h2
  - cryptography
  - PyYAML
attributes:
  check_mode:
    description: Reads as always, and writes no file.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
notes:
  - Runs on the controller. The files of O(history), O(dest) and O(page_dest) are no change.
seealso:
  - module: homeops.cluster.cluster_status
  - module: homeops.cluster.bgp_status
  - module: homeops.cluster.service_status
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: How do nodes and etcd stand
  homeops.cluster.cluster_report:
    cluster: home-ops
    areas: [nodes, etcd]
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: ~/.local/state/homeops/home-ops/talosconfig
    timeouts: {talos: 5}

- name: Is the storage healthy, and how has it grown
  homeops.cluster.cluster_report:
    cluster: home-ops
    areas: [storage]
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    kubeconfig: ~/.local/state/homeops/home-ops/kubeconfig
    history: ~/.local/state/homeops/home-ops/status-history.jsonl
    fail_on: warning
"""

RETURN = r"""
report:
  description: >-
    The report; a key may be added to it, none is renamed without another RV(report.schema). A failed task has only
    RV(worst), and the files.
  returned: success
  type: dict
  contains:
    schema:
      description: Version of the shape.
      type: int
    cluster:
      description: Name of the cluster.
      type: str
    made:
      description: When the systems were asked, RFC 3339.
      type: str
    seconds:
      description: How long it took.
      type: float
    nodes:
      description: The nodes that it is about.
      type: list
      elements: str
    worst:
      description: ok, warning or critical.
      type: str
    areas:
      description: One entry per area with C(name), C(state), C(since), C(summary), C(unknown) and C(rows).
      type: list
      elements: dict
    findings:
      description: What is not as it should be, the worst first, each with C(severity), C(area), C(subject), C(text).
      type: list
      elements: dict
    trends:
      description: How numbers have moved since the oldest run that knows them.
      type: list
      elements: dict
    sources:
      description: Every system that was asked, with C(state), C(seconds), C(timeout) and C(reason).
      type: list
      elements: dict
worst:
  description: The worst severity.
  returned: failure
  type: str
table:
  description: The report for people.
  returned: success
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.overview import options, run as overview

SPEC: dict[str, Any] = {"argument_spec": options.ARGUMENTS, "supports_check_mode": True}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Report; see DOCUMENTATION."""
    return overview.run(params, ctx)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
