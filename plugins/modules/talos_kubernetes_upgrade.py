#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the Kubernetes of a Talos cluster to another version."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_kubernetes_upgrade
short_description: Bring the Kubernetes of a Talos cluster to another version
version_added: 0.1.0
description:
  - Edits the images in the machine configs as C(talosctl upgrade-k8s) does, one component after the other over all
    nodes - kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy where it is used, and the kubelets last.
  - Refuses a step over more than one minor release or back over one, what the running Talos does not support, and
    whatever would break the version skew rules of Kubernetes at any point of the way; then nothing is sent.
  - Every image is pulled by its node first. Before each step all other nodes, etcd with every voter and without an
    alarm, and Longhorn's volumes must be healthy, and etcd must be able to spare the node.
  - A step is done when the node runs the version - the static pod ready with that image, the kubelet healthy and listed
    with it, its Node Ready. The first step that fails ends the run and says the way on and the way back.
  - What is done is read from the nodes. A run after an interruption goes on where that one ended.
  - The manifests that Talos bootstraps, such as CoreDNS, are left as they are.
options:
  nodes:
    description: Every node of the cluster, in the order in which they are to go, control planes first.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the node.
        type: str
      node:
        description: Address or name of the node to connect to.
        type: str
        required: true
      port:
        description: Port of the Talos API.
        type: int
        default: 50000
      server_name:
        description: Name or address that the node's certificate must carry.
        type: str
      spki_pin:
        description: Base64 of the SHA-256 of the key that the node must present in maintenance.
        type: str
  version:
    description: Wanted version of Kubernetes.
    type: str
    required: true
  confirm:
    description: The same version once more; not asked for when nothing is to be done, nor in check mode.
    type: str
    default: ""
  hardware_ids:
    description:
      - Serial number or UUID of machines, by name of the node. One that answers with other ones, or under another name,
        is refused.
    type: dict
    default: {}
  talosconfig:
    description: Path of the talosconfig. It may be encrypted by ansible-vault.
    type: path
    required: true
  context:
    description: Context of the talosconfig; its current one by default.
    type: str
  kubeconfig:
    description: Path of the kubeconfig.
    type: path
  longhorn_namespace:
    description: Namespace of Longhorn.
    type: str
    default: longhorn-system
  tolerate:
    description: Conditions of the machine status that may stay unmet.
    type: list
    elements: str
    default: []
  pull_timeout:
    description: Seconds for one image.
    type: int
    default: 600
  health_timeout:
    description: Seconds until everything must be healthy before a step.
    type: int
    default: 300
  step_timeout:
    description: Seconds until a component must run with its new version.
    type: int
    default: 300
  timeout:
    description: Seconds that one connection or one call may take.
    type: int
    default: 10
  lock_dir:
    description: Directory of the locks between processes; below the user's runtime directory by default.
    type: path
attributes:
  check_mode:
    support: full
    description: Judges the whole way and lists its steps.
  diff_mode:
    support: full
    description: The images of all nodes before and after.
requirements:
  - h2
  - cryptography
  - PyYAML
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Bring the cluster to the next patch release
  homeops.cluster.talos_kubernetes_upgrade:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    version: v1.31.6
    confirm: v1.31.6
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    kubeconfig: "{{ homeops_state_dir }}/kubeconfig"
"""

RETURN = r"""
version:
  description: Wanted version.
  type: str
  returned: always
nodes:
  description: What every node ran before, by component.
  type: dict
  returned: always
steps:
  description: Every step of the way in order, as sentences.
  type: list
  elements: str
  returned: always
confirmed:
  description: Whether O(confirm) names the version, so that the steps would be taken.
  type: bool
  returned: always
done:
  description: The steps that were done.
  type: list
  elements: str
  returned: on failure of a step
left:
  description: The steps that are left.
  type: list
  elements: str
  returned: on failure of a step
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import session
from ..module_utils.talos import kubernetes_plan, kubernetes_upgrade
from ..module_utils.talos.connection import identity_of, target_of
from ..module_utils.talos.guard import Guard
from ..module_utils.talos.options import many_nodes

SPEC: dict[str, Any] = {
    "argument_spec": {
        **many_nodes(
            version={"type": "str", "required": True},
            confirm={"type": "str", "default": ""},
            hardware_ids={"type": "dict", "default": {}},
            kubeconfig={"type": "path"},
            longhorn_namespace={"type": "str", "default": "longhorn-system"},
            tolerate={"type": "list", "elements": "str", "default": []},
            pull_timeout={"type": "int", "default": 600},
            health_timeout={"type": "int", "default": 300},
            step_timeout={"type": "int", "default": 300},
            lock_dir={"type": "path"},
        ),
        "talosconfig": {"type": "path", "required": True},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Upgrade; see DOCUMENTATION."""
    version = kubernetes_plan.parse(params["version"])
    if version is None:
        raise InputError(f"{params['version']!r} is no version of the form v1.31.6", param="version")
    identity = identity_of(params, ctx)
    if identity is None:
        raise InputError(
            "nodes are not changed by somebody whom they do not know",
            remedy="Give the talosconfig of their cluster",
            param="talosconfig",
        )
    targets = [target_of(item) for item in params["nodes"]]
    call_timeout = float(params["timeout"])
    options = kubernetes_upgrade.Options(
        confirm=params["confirm"],
        hardware_ids={str(name): str(text) for name, text in params["hardware_ids"].items()},
        longhorn_namespace=params["longhorn_namespace"],
        pull_timeout=float(params["pull_timeout"]),
        health_timeout=float(params["health_timeout"]),
        step_timeout=float(params["step_timeout"]),
        call_timeout=call_timeout,
        tolerated=tuple(params["tolerate"]),
    )
    guard = Guard(identity, targets, call_timeout, params["lock_dir"])
    with session.connect({"kubeconfig": params["kubeconfig"], "timeout": call_timeout}, ctx) as kube:
        return kubernetes_upgrade.KubernetesUpgrade(targets, identity, version, kube, guard, options, ctx).run()


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
