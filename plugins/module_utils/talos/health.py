# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is still missing until a set of nodes is healthy.

The order is that of ``talosctl health`` (siderolabs/talos v1.10 ``pkg/cluster/check``), as far as it can be asked of
Talos
itself: boot finished, services up, etcd members healthy and the same everywhere. Kubernetes is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

#: Parts of ``state.look`` that :func:`missing` reads.
PARTS = ("status", "services", "etcd")
#: Services that must run wherever they exist; extensions' services may wait for their configuration for ever.
CORE = frozenset({"apid", "auditd", "containerd", "cri", "etcd", "kubelet", "machined", "syslogd", "trustd", "udevd"})


def missing(nodes: Sequence[Mapping[str, Any]], tolerate: Collection[str] = ()) -> dict[str, list[str]]:
    """Return per node, by name, what is still missing; empty lists when all is well.

    :param nodes: answers of ``state.look`` with :data:`PARTS`.
    :param tolerate: names of conditions of the machine status that may stay unmet, as ``nodeReady`` while there is no
        CNI.
    """
    found = {str(node["name"]): _alone(node, tolerate) for node in nodes}
    planes = [node for node in nodes if node["mode"] == "configured" and node["etcd"]["control_plane"]]
    expected = sum(1 for node in nodes if node["mode"] != "configured" or node["etcd"]["control_plane"])
    leaders = {node["etcd"].get("leader_id", "") for node in planes if node["etcd"]["running"]}
    memberships = {_members(node): node for node in planes if node["etcd"]["running"]}
    for node in planes:
        found[str(node["name"])] += _in_etcd(node, expected, memberships, leaders)
    return found


def _alone(node: Mapping[str, Any], tolerate: Collection[str]) -> list[str]:
    """What the node itself lacks."""
    if node["mode"] == "unreachable":
        return [f"unreachable: {node['reason']}"]
    if node["mode"] == "maintenance":
        return ["in maintenance: it has no machine config"]
    lacks = []
    if node["stage"] != "running":
        lacks.append(f"stage {node['stage']}")
    lacks += [f"{item['name']}: {item['reason']}" for item in node["unmet"] if item["name"] not in tolerate]
    for service in node["services"]:
        failed = service["state"] == "Failed"
        if service["id"] in CORE and (service["state"] != "Running" or service["healthy"] is False):
            state = "not healthy" if service["state"] == "Running" else service["state"].lower()
            lacks.append(f"service {service['id']} {state}{_because(service['message'])}")
        elif failed:
            lacks.append(f"service {service['id']} failed{_because(service['message'])}")
    return lacks


def _because(message: str) -> str:
    return f" ({message})" if message else ""


def _members(node: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(member["id"] for member in node["etcd"]["members"]))


def _in_etcd(
    node: Mapping[str, Any],
    expected: int,
    memberships: Mapping[tuple[str, ...], Mapping[str, Any]],
    leaders: set[str],
) -> list[str]:
    """What this node's etcd lacks, also in the light of the others."""
    etcd = node["etcd"]
    if not etcd["running"]:
        return [f"etcd does not answer{_because(etcd['reason'])}"]
    lacks = []
    if not etcd["voter"]:
        lacks.append("its etcd member is a learner")
    voters = sum(1 for member in etcd["members"] if not member["learner"])
    if voters != expected:
        lacks.append(f"etcd has {voters} of {expected} voting members")
    if len(memberships) > 1:
        lacks.append("the nodes do not agree on the etcd members")
    if not etcd["leader_id"]:
        lacks.append("etcd has no leader")
    elif len(leaders - {""}) > 1:
        lacks.append("the nodes do not agree on the etcd leader")
    lacks += [f"etcd alarm {item['alarm']} of member {item['member_id']}" for item in etcd["alarms"]]
    return lacks
