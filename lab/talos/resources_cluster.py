# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of the cluster: members, etcd, Kubernetes."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from . import workloads
from .documents import dig

if TYPE_CHECKING:
    from .node import Node


def node_id(node: Node) -> str:
    """The discovery identity of a node: 43 or 44 letters and digits."""
    digest = hashlib.sha256(node.spec.uuid.encode()).digest()
    return base64.b64encode(digest).decode().rstrip("=").replace("+", "a").replace("/", "b")


def members(node: Node) -> dict[str, Any]:
    """The nodes that discovery found, this one included."""
    if not node.active or not dig(node.machine_config, "cluster.discovery.enabled"):
        return {}
    out: dict[str, Any] = {}
    for other in node.cluster.members_of(node):
        spec: dict[str, Any] = {
            "nodeId": node_id(other),
            "addresses": [other.spec.address],
            "hostname": other.hostname,
            "machineType": other.machine_type,
            "operatingSystem": f"Talos ({other.storage.version})",
        }
        if other.control_plane:
            spec["controlPlane"] = {"port": 6443}
        out[other.hostname] = spec
    return out


def identity(node: Node) -> dict[str, Any]:
    """The node's own identity."""
    return {"local": {"nodeId": node_id(node)}} if node.active else {}


def info(node: Node) -> dict[str, Any]:
    """Cluster id and name."""
    if not node.active:
        return {}
    name = str(dig(node.machine_config, "cluster.clusterName") or "")
    return {"current": {"clusterId": str(dig(node.machine_config, "cluster.id") or ""), "clusterName": name}}


def etcd_member(node: Node) -> dict[str, Any]:
    """The member id of this node's etcd."""
    member = node.storage.member
    return {"local": {"memberID": member.hex_id}} if member is not None and node.etcd_up else {}


def etcd_spec(node: Node) -> dict[str, Any]:
    """How etcd is started."""
    if not node.control_plane:
        return {}
    return {
        "etcd": {
            "name": node.hostname,
            "advertisedAddresses": [node.spec.address],
            "listenPeerAddresses": ["::"],
            "listenClientAddresses": ["::"],
            "image": str(dig(node.machine_config, "cluster.etcd.image") or "gcr.io/etcd-development/etcd:v3.5.21"),
            "extraArgs": dict(dig(node.machine_config, "cluster.etcd.extraArgs") or {}),
        }
    }


def _api_answers(node: Node) -> bool:
    return any(other.kubernetes_up for other in node.cluster.nodes)


def nodename(node: Node) -> dict[str, Any]:
    """The name in Kubernetes."""
    if not node.active:
        return {}
    return {"nodename": {"nodename": node.hostname, "hostnameVersion": "1", "skipNodeRegistration": False}}


def node_status(node: Node) -> dict[str, Any]:
    """What Kubernetes says of the node."""
    if not node.active or not _api_answers(node):
        return {}
    labels = {"kubernetes.io/hostname": node.hostname}
    if node.control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    labels |= {str(key): str(value) for key, value in (dig(node.machine_config, "machine.nodeLabels") or {}).items()}
    return {
        node.hostname: {
            "nodename": node.hostname,
            "nodeReady": node.kubernetes_ready,
            "unschedulable": False,
            "labels": dict(sorted(labels.items())),
            "annotations": {},
        }
    }


def static_pod_statuses(node: Node) -> dict[str, Any]:
    """The static pods of a control plane, as pod status objects."""
    return workloads.statuses(node) if node.static_pods_up else {}


PRODUCERS: dict[tuple[str, str], Any] = {
    ("cluster", "members.cluster.talos.dev"): members,
    ("cluster", "identities.cluster.talos.dev"): identity,
    ("cluster", "infos.cluster.talos.dev"): info,
    ("etcd", "etcdmembers.etcd.talos.dev"): etcd_member,
    ("etcd", "etcdspecs.etcd.talos.dev"): etcd_spec,
    ("k8s", "nodenames.kubernetes.talos.dev"): nodename,
    ("k8s", "nodestatuses.kubernetes.talos.dev"): node_status,
    ("k8s", "staticpodstatuses.kubernetes.talos.dev"): static_pod_statuses,
}
