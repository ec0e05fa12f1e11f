#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a Talos node to its machine config."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_apply
short_description: Bring a Talos node to its machine config
version_added: 0.1.0
description:
  - Compares the machine config which the node has stored with the wanted one, by meaning, and sends the wanted one only
    when they differ. A second run changes nothing, also while a config is staged or tried.
  - Tells before anything is sent which part of a change would make the node reboot, and asks O(reboot_policy).
  - Checks the config against the node's disks and network interfaces, in maintenance and later.
  - Before a control plane with an etcd vote reboots, etcd must be able to spare it; a lock between processes keeps two
    nodes from rebooting at the same time, whatever C(forks) and C(serial) are. It is held until the node is back, which
    a new boot id, the active config, the stage and etcd's vote prove.
  - With O(kubeconfig), a node reboots only when every other node of Kubernetes is Ready and every volume of Longhorn
    keeps a good replica elsewhere and is not healing. They are waited for under that lock, for O(health_timeout), and
    the node itself must be Ready again, when it was before, until the lock is given back. Kubernetes is asked only when
    a node would reboot.
  - Warns of a node that runs another version or schematic of Talos than its config installs. No apply changes that; it
    is what M(homeops.cluster.talos_upgrade) does.
  - A node in maintenance gets its first config and is followed until it answers with the cluster's certificate.
options:
  mode:
    description:
      - V(auto) takes a change live when the node can, else as O(reboot_policy) says.
      - V(no_reboot) refuses what needs a reboot. V(reboot) reboots in any case when there is a change, and activates a
        config that is already stored and waits for a reboot.
      - V(staged) stores the config for the next reboot.
      - V(try) makes the config active for O(try_timeout); the node takes it back by itself unless a later run with
        another mode makes it permanent.
      - A config that somebody else tries is replaced by V(auto), V(no_reboot) and V(reboot), because the node need not
        fall back by itself. Any apply that is no try, even a dry run, ends its timer. V(staged) and V(try) leave it.
      - A node in maintenance takes its first config in one way only.
    type: str
    choices: [auto, no_reboot, reboot, staged, try]
    default: auto
  try_timeout:
    description: Seconds until the node takes a tried config back.
    type: int
    default: 60
  reboot_policy:
    description:
      - What to do about a change that forces a reboot. V(never) refuses it and names the paths, V(staged) stores it for
        the next reboot, V(allow) reboots the node.
    type: str
    choices: [never, staged, allow]
    default: allow
  kubernetes_policy:
    description:
      - What to do about a config that brings another version of Kubernetes to a node which has one. V(allow) sends it,
        V(refuse) leaves it to M(homeops.cluster.talos_kubernetes_upgrade), which takes one component after the other.
    type: str
    choices: [allow, refuse]
    default: allow
  check_hardware:
    description:
      - Check the install disk selector, the disk selectors of volumes and the interfaces against the node. Each
        selector must mean exactly one disk, and a user volume never the disk of Talos.
      - The disk of a user volume must be blank, hold the volume already, or have room for it in its partition table.
      - A mismatch stops this node before anything is sent, with what was found.
      - Once the node has its config, its user volumes must become ready, within O(wait_timeout) and five minutes; one
        that Talos leaves failed fails the task with what Talos says of it. Talos itself is running and ready without.
    type: bool
    default: true
  control_planes:
    description: All control planes of the cluster, this one included, to judge etcd's quorum by.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name for messages.
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
        description: Name or address that the node's certificate must carry; the node by default.
        type: str
      spki_pin:
        description: Base64 of the SHA-256 of the key that the node must present in maintenance.
        type: str
  name:
    description: Name of the node for messages, as in O(control_planes[].name).
    type: str
  kubeconfig:
    description:
      - Path of the kubeconfig of the cluster, to ask before a reboot. It may be encrypted by ansible-vault.
      - Without it only etcd is asked, and a worker reboots at once.
      - A cluster in which no node is Ready and no DaemonSet C(kube-system/cilium) exists has no network yet. Its nodes
        need not be Ready. The same holds while no control plane has data of etcd.
    type: path
  kubernetes_unreachable:
    description:
      - What to do when etcd can spare the node and the Kubernetes API cannot be asked. V(refuse) sends nothing, because
        a replica may be healing on another node. V(reboot) warns and reboots by etcd's quorum alone.
    type: str
    choices: [refuse, reboot]
    default: refuse
  longhorn_namespace:
    description: Namespace of Longhorn; a cluster without Longhorn has no volumes to lose.
    type: str
    default: longhorn-system
  health_timeout:
    description: Seconds for which nodes that are not Ready and volumes that heal are waited for before a reboot.
    type: int
    default: 300
  tolerate:
    description:
      - Conditions of the node's readiness that need not be met after a reboot; without a CNI it is not Ready.
      - With O(kubeconfig), V(nodeReady) must be met all the same by a node that was Ready before.
    type: list
    elements: str
    default: [nodeReady]
  wait:
    description: Wait until the config is stored or active, and after a reboot or install until the node is back.
    type: bool
    default: true
  wait_timeout:
    description: Seconds for all waits together, those for the lock and for O(health_timeout) included.
    type: int
    default: 900
  lock_dir:
    description:
      - Directory of the lock, which must be the user's own with mode 0700; below the user's runtime directory by
        default.
      - Name a shared place when several controllers or containers work on one cluster.
    type: path
extends_documentation_fragment:
  - homeops.cluster.talos_factory
  - homeops.cluster.talos
  - homeops.cluster.talos_config_source
attributes:
  check_mode:
    support: full
    description:
      - Predicts, the reboot and its paths included. The node is asked to validate (a dry run), except while a config is
        being tried, which any further apply would end.
      - With O(kubeconfig), what would hold a reboot up is told as a note and a warning.
  diff_mode:
    support: full
    description: Stored against wanted config, secrets masked.
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Give every mini its machine config, one reboot at a time
  homeops.cluster.talos_apply:
    node: "{{ ansible_host }}"
    server_name: "{{ homeops_node.address }}"
    name: "{{ inventory_hostname }}"
    talosconfig: ~/.homeops/talosconfig
    secrets_file: ~/.homeops/secrets.yaml
    cluster_name: home-ops
    endpoint: https://172.29.51.10:6443
    talos_version: v1.10.5
    kubernetes_version: v1.31.1
    installer_image: >-
      factory.talos.dev/installer/ced720bf79203f5297a63edcdbbf43a0922c2a66dcfa6676b1cc1ce46d105be1:v1.10.5
    patches:
      - machine:
          install:
            diskSelector:
              model: APPLE*
    control_planes:
      - {name: mini01, node: 172.29.51.11}
      - {name: mini02, node: 172.29.51.12}
      - {name: mini03, node: 172.29.51.13}
    kubeconfig: ~/.homeops/kubeconfig

- name: Try a network change for two minutes
  homeops.cluster.talos_apply:
    node: 172.29.51.11
    talosconfig: ~/.homeops/talosconfig
    config: "{{ wanted }}"
    mode: try
    try_timeout: 120
"""

RETURN = r"""
action:
  description: What was (or would be) done.
  type: str
  returned: always
  sample: live
  choices: [none, install, live, reboot, stage, try, commit]
mode:
  description: The mode that was sent, empty when nothing was.
  type: str
  returned: always
  sample: no_reboot
mode_answered:
  description: The mode which the node says it used; empty in maintenance.
  type: str
  returned: always
reboot:
  description: Whether the node went away for a reboot or its installation.
  type: bool
  returned: always
reboot_paths:
  description: Paths of the config whose change the node takes only with a reboot.
  type: list
  elements: str
  returned: always
  sample: [machine.udev]
changed_paths:
  description: Which keys of which document differ; no values.
  type: list
  elements: str
  returned: always
pending_reboot:
  description: A stored config waits for a reboot.
  type: bool
  returned: always
try_open:
  description: A config is being tried and not stored.
  type: bool
  returned: always
node_mode:
  description: How the node was found, V(configured) or V(maintenance).
  type: str
  returned: always
stage:
  description: The node's stage when it was found.
  type: str
  returned: always
boot_id_before:
  description: Boot id before a reboot.
  type: str
  returned: always
boot_id_after:
  description: Boot id after a reboot or installation.
  type: str
  returned: always
sha256:
  description: Digest of the wanted config.
  type: str
  returned: always
hardware:
  description: Device paths chosen for C(install) and for volumes by name.
  type: dict
  returned: always
  sample: {install: /dev/nvme0n1, longhorn-ssd: /dev/sda}
volumes:
  description: Phase of each user volume by its name; empty while the config is not active for good, and unchecked.
  type: dict
  returned: always
  sample: {longhorn-ssd: ready}
notes:
  description: What is worth knowing about the decision.
  type: list
  elements: str
  returned: always
config_warnings:
  description: Warnings of the validation and of the hardware check; they are shown as warnings of the task too.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import session
from ..module_utils.talos import apply, apply_plan, config_source, factory
from ..module_utils.talos.connection import identity_of, target_of
from ..module_utils.talos.options import DOOR, one_node
from ..module_utils.talos.spare import Spare

SPEC: dict[str, Any] = {
    "argument_spec": one_node(
        **config_source.OPTIONS,
        mode={"type": "str", "choices": list(apply_plan.MODES), "default": "auto"},
        try_timeout={"type": "int", "default": 60},
        reboot_policy={"type": "str", "choices": list(apply_plan.POLICIES), "default": "allow"},
        kubernetes_policy={"type": "str", "choices": ["allow", "refuse"], "default": "allow"},
        check_hardware={"type": "bool", "default": True},
        control_planes={
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"name": {"type": "str"}, **DOOR},
        },
        name={"type": "str"},
        kubeconfig={"type": "path"},
        kubernetes_unreachable={"type": "str", "choices": ["refuse", "reboot"], "default": "refuse"},
        longhorn_namespace={"type": "str", "default": "longhorn-system"},
        health_timeout={"type": "int", "default": 300},
        tolerate={"type": "list", "elements": "str", "default": ["nodeReady"]},
        wait={"type": "bool", "default": True},
        wait_timeout={"type": "int", "default": 900},
        lock_dir={"type": "path"},
        **factory.OPTIONS,
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Apply one node's machine config and return what was done."""
    wanted = config_source.desired(params, ctx)
    config_source.warnings_of(wanted, requires_install=False)  # a mistake shows before the node is asked
    options = apply.Options(
        mode=params["mode"],
        reboot_policy=params["reboot_policy"],
        try_timeout=float(params["try_timeout"]),
        check_hardware=params["check_hardware"],
        kubernetes_policy=params["kubernetes_policy"],
        wait=params["wait"],
        wait_timeout=float(params["wait_timeout"]),
        call_timeout=float(params["timeout"]),
        lock_dir=params["lock_dir"],
        tolerated=params["tolerate"],
        control_planes=[target_of(item) for item in params["control_planes"]],
        supply=factory.Supply.of(params),
        spare=_spare(params, ctx) if params["kubeconfig"] else None,
    )
    return apply.Apply(target_of(params), identity_of(params, ctx), wanted, options, ctx).run()


def _spare(params: Mapping[str, Any], ctx: Context) -> Spare:
    """Return who is asked before a reboot; the kubeconfig is not even read before."""
    found = {"kubeconfig": params["kubeconfig"], "timeout": params["timeout"]}
    return Spare(
        lambda: session.connect(found, ctx),
        params["longhorn_namespace"],
        float(params["health_timeout"]),
        params["kubernetes_unreachable"],
    )


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
