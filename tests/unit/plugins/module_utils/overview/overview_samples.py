# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of healthy systems, for the tests to spoil."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.homeops.cluster.plugins.module_utils.overview.areas import Facts, Thresholds, Wanted
from ansible_collections.homeops.cluster.plugins.module_utils.overview.gather import ANSWERED, Answer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = ("mini01", "mini02", "mini03")
MEMBERS = [{"id": f"{number:016x}", "hostname": name, "learner": False} for number, name in enumerate(NAMES, 1)]


def ago(**span: float) -> str:
    """A time before now, RFC 3339."""
    return (NOW - timedelta(**span)).isoformat()


def ahead(**span: float) -> str:
    """A time after now, RFC 3339."""
    return (NOW + timedelta(**span)).isoformat()


def wanted(**more: Any) -> Wanted:
    """What is declared."""
    given: dict[str, Any] = {
        "nodes": {name: f"172.29.51.{11 + index}" for index, name in enumerate(NAMES)},
        "shown": NAMES,
        "now": NOW,
        "talos": "v1.10.5",
        "kubernetes": "v1.31.1",
        "router": "172.29.51.1",
        "thresholds": Thresholds(),
    }
    return Wanted(**{**given, **more})


def facts(answers: dict[str, Any], **more: Any) -> Facts:
    """Answers by their name; what is no Answer is the value of one."""
    found = {
        name: value if isinstance(value, Answer) else Answer(name, ANSWERED, value) for name, value in answers.items()
    }
    return Facts(wanted(**more), found)


def node(name: str, **more: Any) -> dict[str, Any]:
    """What a healthy node says."""
    return {
        "name": name,
        "mode": "configured",
        "reason": "",
        "stage": "running",
        "ready": True,
        "unmet": [],
        "version": "v1.10.5",
        "config": "in_sync",
        "drift": [],
        "time_synced": True,
        "certificates": {"server_expires": ahead(hours=20), "client_expires": ahead(days=300)},
        "etcd": member(name),
        **more,
    }


def member(name: str, **more: Any) -> dict[str, Any]:
    """What a healthy etcd member says."""
    number = NAMES.index(name) + 1
    return {
        "running": True,
        "control_plane": True,
        "reason": "",
        "member_id": f"{number:016x}",
        "leader_id": f"{1:016x}",
        "leader": number == 1,
        "voter": True,
        "db_size": 20971520,
        "db_size_in_use": 10485760,
        "raft_index": 5000,
        "raft_applied_index": 5000,
        "members": MEMBERS,
        "alarms": [],
        **more,
    }


def talos(**spoiled: dict[str, Any]) -> dict[str, Any]:
    """Every node's answer, some of them spoiled."""
    return {f"talos:{name}": node(name, **spoiled.get(name, {})) for name in NAMES}


def conditions(**states: str) -> list[dict[str, Any]]:
    """Conditions by type, since an hour."""
    return [
        {"type": kind, "status": status, "message": f"{kind} is {status}", "lastTransitionTime": ago(hours=1)}
        for kind, status in states.items()
    ]


def kube_node(name: str, ready: str = "True") -> dict[str, Any]:
    """A node as Kubernetes lists it."""
    status = {"conditions": conditions(Ready=ready), "nodeInfo": {"kubeletVersion": "v1.31.1"}}
    return {"kind": "Node", "metadata": {"name": name}, "spec": {}, "status": status}


def pod(name: str, on: str = "mini01", **status: Any) -> dict[str, Any]:
    """A running pod of the DaemonSet cilium."""
    owner = {"kind": "DaemonSet", "name": "cilium"}
    meta = {"name": name, "namespace": "kube-system", "creationTimestamp": ago(days=1), "ownerReferences": [owner]}
    state = {"phase": "Running", "conditions": conditions(Ready="True"), **status}
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": on}, "status": state}


def daemon_set(ready: int = 3) -> dict[str, Any]:
    """Cilium's DaemonSet."""
    template = {"spec": {"containers": [{"image": "quay.io/cilium/cilium:v1.17.6@sha256:00"}]}}
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "cilium", "namespace": "kube-system"},
        "spec": {"template": template},
        "status": {"numberReady": ready, "desiredNumberScheduled": 3},
    }


CILIUM = {"kind": "DaemonSet", "namespace": "kube-system", "name": "cilium", "version": "1.17.6"}


def kubernetes(*more: dict[str, Any]) -> dict[str, Any]:
    """The API at every door, and what it lists."""
    door = {"ready": "ok", "version": "v1.31.1", "expires": ahead(days=300)}
    pods = [pod(f"cilium-{name}", name) for name in NAMES]
    return {
        **{f"api:{name}": door for name in ("vip", *NAMES)},
        "kubernetes": [*(kube_node(name) for name in NAMES), daemon_set(), *pods, *more],
    }
