# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can Kubernetes and Longhorn spare a node for a reboot, and is it back? Pure.

A cluster without a network has no Ready node, and must not keep its nodes from being configured: it counts as begun
once its CNI is installed or a node is Ready. The kubelet reports the boot id with its status (k8s.io/api
``core/v1/types.go`` ``NodeSystemInfo``); a Ready condition next to an older one was said before the reboot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..kubernetes.readiness import conditions
from ..longhorn import replicas

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Whether a node may reboot.

    :param reasons: why not, as sentences; empty when it may.
    :param ready: whether the node itself is Ready now.
    :param hopeless: among the reasons is one that no waiting takes away.
    """

    reasons: tuple[str, ...] = ()
    ready: bool = False
    hopeless: bool = False


def judge(name: str, nodes: Sequence[Object], cni: bool, volumes: Sequence[replicas.VolumeRow]) -> Verdict:
    """Judge one node: all others must be Ready, and every volume must keep a good replica and not be healing.

    :param name: the node's name in Kubernetes.
    :param cni: whether the cluster's CNI is installed.
    """
    ready = {str(node["metadata"]["name"]): _ready(node) for node in nodes}
    reasons = [
        f"node {_name(node)} is not Ready{_because(node)}"
        for node in sorted(nodes, key=_name)
        if _name(node) != name and not ready[_name(node)]
    ]
    if not cni and not any(ready.values()):
        reasons = []
    reasons += replicas.judge(volumes, name).reasons
    return Verdict(tuple(reasons), ready.get(name, False), bool(replicas.hopeless(volumes, name)))


def missing(node: Object | None, boot_id: str) -> str:
    """Say what a node lacks to be back in Kubernetes; empty when it is.

    :param node: None when the API does not have it.
    :param boot_id: of the boot that has to report.
    """
    if node is None:
        return "Kubernetes does not list the node"
    told = str(((node.get("status") or {}).get("nodeInfo") or {}).get("bootID") or boot_id)
    if told != boot_id:
        return "its kubelet has not reported since the reboot"
    return "" if _ready(node) else f"its Node is not Ready{_because(node)}"


def _name(node: Object) -> str:
    return str(node["metadata"]["name"])


def _ready(node: Object) -> bool:
    return (conditions(node).get("Ready") or {}).get("status") == "True"


def _because(node: Object) -> str:
    said = conditions(node).get("Ready") or {}
    text = str(said.get("message") or said.get("reason") or "its kubelet has not reported")
    return f" ({text.rstrip('.')})"
