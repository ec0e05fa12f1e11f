# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node has and runs of Kubernetes: images in its machine config, versions of its static pods and its kubelet.

A static pod is asked of the node itself (``StaticPodStatuses``: what its kubelet reports), so that the answer does not
depend on an API server that is just being replaced. The kubelet's version is in no resource of Talos; Kubernetes' Node
has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import HomeopsError
from ..kubernetes.client import Client, segment
from ..kubernetes.errors import NotFound
from . import kubernetes_images as images, kubernetes_plan as planning, node_config
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .identity import Identity
from .kubernetes_plan import NodeState, Version
from .machine import disagreements, machine_of

STATIC_PODS = "StaticPodStatuses.kubernetes.talos.dev"
PROXY_PATH = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """One static pod: the image of its container, and whether it is ready."""

    image: str
    ready: bool
    reason: str = ""


def static_pods(client: TalosClient, nodename: str) -> dict[str, Pod]:
    """Return the static pods of a control plane, by component."""
    found = {}
    for item in client.cosi_list("k8s", STATIC_PODS):
        name = item.id.partition("/")[2].removesuffix(f"-{nodename}")
        container: Object = next(iter(item.spec.get("containerStatuses") or []), {})
        ready = any(
            one.get("type") == "Ready" and one.get("status") == "True" for one in item.spec.get("conditions") or []
        )
        waiting = ((container.get("state") or {}).get("waiting") or {}).get("reason") or ""
        found[name] = Pod(str(container.get("image") or ""), ready and bool(container.get("ready")), str(waiting))
    return found


def nodename(client: TalosClient, default: str) -> str:
    """Return the name which the node has in Kubernetes."""
    found = client.cosi_get("k8s", "Nodenames.kubernetes.talos.dev", "nodename")
    return str(found.spec.get("nodename") or default) if found else default


def kubelet(kube: Client, name: str) -> tuple[Version | None, bool]:
    """Return the version of a node's kubelet as the API lists it, and whether the node is Ready."""
    try:
        node = kube.get(f"/api/v1/nodes/{segment(name)}", attempted=f"reading node {name}")
    except NotFound:
        return None, False
    status = node.get("status") or {}
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or [])
    return planning.parse(str((status.get("nodeInfo") or {}).get("kubeletVersion") or "")), ready


def proxy_image(kube: Client) -> str:
    """Return the image of the DaemonSet kube-proxy, empty when there is none."""
    try:
        found = kube.get(PROXY_PATH, attempted="reading DaemonSet kube-system/kube-proxy")
    except NotFound:
        return ""
    containers = found["spec"]["template"]["spec"].get("containers") or [{}]
    return str(containers[0].get("image") or "")


def observe(target: Target, identity: Identity, kube: Client, timeout: float, hardware_id: str = "") -> NodeState:
    """Return what one node has and runs; one that cannot be asked, is in between or another, has a ``problem``."""
    try:
        client, mode = connect(target, identity, timeout)
        with client:
            if mode is NodeMode.MAINTENANCE:
                return NodeState(target.label, problem="it is in maintenance; site.yml brings it into the cluster")
            wrong = disagreements(machine_of(client), target.name, hardware_id)
            return NodeState(target.label, problem="; ".join(wrong)) if wrong else _observed(target, client, kube)
    except HomeopsError as error:
        return NodeState(target.label, problem=str(error))


def _observed(target: Target, client: TalosClient, kube: Client) -> NodeState:
    config = node_config.config_state(client)
    if config in ("staged", "try"):
        text = {
            "staged": "its stored machine config waits for a reboot, and would come in with this one",
            "try": "a machine config is being tried on it, and would end with this one",
        }[config]
        return NodeState(target.label, problem=text)
    body = images.body_of(node_config.read_config(client, "persistent"))
    named = images.configured(body)
    name = nodename(client, target.label)
    running: dict[str, Version | None] = {}
    if planning.API_SERVER in named:
        pods = static_pods(client, name)
        for component in planning.STATIC_PODS:
            pod = pods.get(component)
            # What is not ready does not run: the plan then waits for it instead of passing it over.
            running[component] = planning.parse(planning.tag(pod.image)) if pod and pod.ready else None
    if planning.PROXY in named and images.uses_proxy(body):
        running[planning.PROXY] = planning.parse(planning.tag(proxy_image(kube)))
    running[planning.KUBELET] = kubelet(kube, name)[0]
    return NodeState(target.label, named, running, client.version().tag)
