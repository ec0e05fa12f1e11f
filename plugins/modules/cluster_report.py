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
  machine_config:
    description: >-
      What the declared machine configs are made of, as M(homeops.cluster.talos_apply) takes it. Without it no node is
      held against the model.
    type: dict
    suboptions:
      secrets:
        description: Text of the secrets bundle.
        type: str
      secrets_file:
        description: Path of the secrets bundle; it may be encrypted by ansible-vault.
        type: path
      cluster_name:
        description: Name of the cluster.
        type: str
      endpoint:
        description: URL of the Kubernetes API with its port.
        type: str
      talos_version:
        description: Version of Talos.
        type: str
      kubernetes_version:
        description: Version of Kubernetes.
        type: str
      additional_sans:
        description: Further names and addresses for the certificates.
        type: list
        elements: str
        default: []
      installer_image:
        description: Image of the installer.
        type: str
      factory:
        description: Host of the Image Factory.
        type: str
        default: factory.talos.dev
  declared:
    description:
      - What the model declares of nodes and services, as the filter P(homeops.cluster.status_of#filter) returns it.
    type: dict
    default: {}
    suboptions:
      nodes:
        description: Of each node what its machine config is made of.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the node.
            type: str
            required: true
          machine_type:
            description: What the node is.
            type: str
            choices: [controlplane, worker]
            default: controlplane
          patches:
            description: Patches of its machine config.
            type: list
            elements: raw
            default: []
      schematic:
        description: Image Factory schematic of the nodes, whose installer is wanted.
        type: dict
      services:
        description: The services as they are declared, see M(homeops.cluster.service_status).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the service, and slug of its application.
            type: str
            required: true
          title:
            description: Title for people.
            type: str
          host:
            description: Host under which it is reached.
            type: str
            required: true
          auth:
            description: How one logs in.
            type: str
            choices: [proxy, forward, oidc, none]
            required: true
          ingress_class:
            description: Class of its Ingress.
            type: str
            required: true
          entry:
            description: The Service (C(namespace/name)) that gives the controller of this class its address.
            type: str
            required: true
          pool:
            description: Pool from which the address comes.
            type: str
            required: true
          address:
            description: The address that it must have.
            type: str
          namespace:
            description: Namespace of the service behind it.
            type: str
            required: true
          service:
            description: Its Service.
            type: str
            required: true
          port:
            description: Port of the Service.
            type: int
            required: true
          scheme:
            description: What it speaks.
            type: str
            choices: [http, https]
            default: http
          outpost:
            description: Name of the outpost, C(embedded) for the server's own.
            type: str
            default: embedded
          outpost_service:
            description: The Service (C(namespace/name)) of the outpost.
            type: str
          login_host:
            description: Host of the login page.
            type: str
          open_paths:
            description: Patterns of paths that are open on purpose.
            type: list
            elements: str
            default: []
      probes:
        description: Hosts and paths that are asked for as a stranger would.
        type: list
        elements: dict
        default: []
        suboptions:
          host:
            description: The host.
            type: str
            required: true
          paths:
            description: The paths.
            type: list
            elements: str
            default: [/]
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
  console:
    description: The console of the router. Without it neither its stored text nor its DNS records are read.
    type: dict
    suboptions:
      host:
        description: Address or name of the console.
        type: str
        required: true
      port:
        description: Port of its HTTPS server.
        type: int
        default: 443
      api_key:
        description: API key.
        type: str
      username:
        description: User name of a local account, when there is no key.
        type: str
      password:
        description: Its password.
        type: str
      site:
        description: Internal name of the site.
        type: str
        default: default
      validate_certs:
        description: Whether the certificate must be signed by a trusted CA and carry the host's name.
        type: bool
        default: true
      ca_path:
        description: PEM file of the CA to trust instead of the system's.
        type: path
      fingerprint:
        description: SHA-256 fingerprint of the console's certificate.
        type: str
      timeout:
        description: Not used here; O(timeouts) decides.
        type: int
        default: 15
  state_command:
    description: Command that answers C(-c '<show command>') as the router's C(vtysh) does, word by word.
    type: list
    elements: str
    default: []
  zone:
    description: Domain of the services' hosts, whose records are read.
    type: str
  identity:
    description: The Authentik server. Without a token it is not asked.
    type: dict
    suboptions:
      url:
        description: Root of the server.
        type: str
        required: true
      token:
        description: Key of a token that may read its objects.
        type: str
        required: true
      door:
        description: Address to connect to instead, C(host:port).
        type: str
      ca_file:
        description: PEM file of the CA to trust instead of the system's.
        type: path
      validate_certs:
        description: Whether the certificate must be trusted.
        type: bool
        default: true
      timeout:
        description: Not used here; O(timeouts) decides.
        type: int
        default: 30
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
  thresholds:
    description: From where on something is a finding.
    type: dict
    default: {}
    suboptions:
      certificate_warning:
        description: Days that a certificate must have left.
        type: int
        default: 14
      certificate_critical:
        description: Days at which a certificate is critical.
        type: int
        default: 3
      token_warning:
        description: Days that a token must have left.
        type: int
        default: 14
      storage_warning:
        description: Percent of a disk.
        type: int
        default: 75
      storage_critical:
        description: Percent of a disk at which it is critical.
        type: int
        default: 90
      pool_warning:
        description: Percent of a pool's addresses.
        type: int
        default: 80
      backup_age:
        description: Days that a volume may be without a backup.
        type: int
        default: 8
      etcd_size:
        description: Percent of O(thresholds.etcd_quota).
        type: int
        default: 80
      etcd_quota:
        description: Bytes at which etcd takes no more writes.
        type: int
        default: 2147483648
      raft_lag:
        description: Entries that an etcd member may be behind.
        type: int
        default: 1000
      pod_patience:
        description: Seconds that a pod has to become ready, or to end.
        type: int
        default: 300
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
from dataclasses import asdict
from typing import Any

from ..module_utils.authentik import session as authentik
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.overview import areas, run as overview
from ..module_utils.status import options as status
from ..module_utils.talos import config_source, options as talos, schematic
from ..module_utils.unifi import session as unifi

_CONFIG = (
    "secrets",
    "secrets_file",
    "cluster_name",
    "endpoint",
    "talos_version",
    "kubernetes_version",
    "additional_sans",
    "installer_image",
)

_DECLARED: dict[str, Any] = {
    "nodes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            **{key: config_source.OPTIONS[key] for key in ("machine_type", "patches")},
        },
    },
    "schematic": {"type": "dict"},
    "services": {"type": "list", "elements": "dict", "default": [], "options": status.SERVICE},
    "probes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "str", "default": ["/"]},
        },
    },
}

SPEC: dict[str, Any] = {
    "argument_spec": {
        "cluster": {"type": "str", "required": True},
        "areas": {"type": "list", "elements": "str", "choices": list(areas.AREAS), "default": []},
        "nodes": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str"},
                **talos.DOOR,
                "address": {"type": "str"},
            },
        },
        "only_nodes": {"type": "list", "elements": "str", "default": []},
        "talosconfig": {"type": "path"},
        "context": {"type": "str"},
        "machine_config": {
            "type": "dict",
            "options": {
                **{key: config_source.OPTIONS[key] for key in _CONFIG},
                "factory": {"type": "str", "default": schematic.FACTORY},
            },
        },
        "declared": {"type": "dict", "default": {}, "options": _DECLARED},
        "talos_version": {"type": "str", "default": ""},
        "kubernetes_version": {"type": "str", "default": ""},
        "kubeconfig": {"type": "path"},
        "workloads": {"type": "list", "elements": "dict", "default": [], "options": status.WORKLOAD},
        "pool_label": {"type": "str", "default": "io.cilium/lb-ipam-pool"},
        "secrets_namespace": {"type": "str", "default": "kube-system", "no_log": False},
        "router": {"type": "str", "default": ""},
        "maximum_paths": {"type": "int", "default": 0},
        "console": {"type": "dict", "options": unifi.ARGUMENTS},
        "state_command": {"type": "list", "elements": "str", "default": []},
        "zone": {"type": "str"},
        "identity": {"type": "dict", "options": authentik.ARGUMENTS},
        "door": {"type": "str"},
        "ca_file": {"type": "path"},
        "timeout": {"type": "float", "default": 10},
        "timeouts": {"type": "dict", "default": {}},
        "thresholds": {
            "type": "dict",
            "default": {},
            "options": {
                key: {"type": "int", "default": value, "no_log": False}
                for key, value in asdict(areas.Thresholds()).items()
            },
        },
        "history": {"type": "path"},
        "history_length": {"type": "int", "default": 1000},
        "dest": {"type": "path"},
        "page_dest": {"type": "path"},
        "show": {"type": "bool", "default": True},
        "fail_on": {"type": "str", "choices": ["critical", "warning", "never"], "default": "critical"},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Report; see DOCUMENTATION."""
    return overview.run(params, ctx)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
