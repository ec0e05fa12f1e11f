# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node runs of Kubernetes: its static pods and its kubelet, each with the image that really runs.

A machine config only says what is wanted. Talos renders the static pods anew when their part of the active config
changes, and the kubelet restarts those whose spec differs; a changed kubelet image restarts the service ``kubelet``
while the pods go on (siderolabs/talos v1.10 ``controllers/k8s``). So the API server of a node is away for a moment, and
the others are not.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .documents import dig
from .services import RUNNING, STOPPING

if TYPE_CHECKING:
    from .node import Node

API_SERVER = "kube-apiserver"
#: Static pod -> its section of the machine config, in the order in which they come up.
SECTIONS = {
    API_SERVER: "apiServer",
    "kube-controller-manager": "controllerManager",
    "kube-scheduler": "scheduler",
}
#: What a config without an image gets (siderolabs/talos v1.10.9 ``pkg/machinery/constants``).
DEFAULT_VERSION = "v1.33.6"
KUBELET = "ghcr.io/siderolabs/kubelet"


def tag(image: str) -> str:
    """The version of an image, ``v1.31.1``; empty when it has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def wanted_pods(node: Node) -> dict[str, str]:
    """The images that the active config asks for, by static pod."""
    config = node.machine_config
    return {
        name: str(dig(config, f"cluster.{key}.image") or f"registry.k8s.io/{name}:{DEFAULT_VERSION}")
        for name, key in SECTIONS.items()
    }


def wanted_kubelet(node: Node) -> str:
    """The kubelet's image in the active config."""
    return str(dig(node.machine_config, "machine.kubelet.image") or f"{KUBELET}:{DEFAULT_VERSION}")


def ready(node: Node, pod: str) -> bool:
    """Whether a static pod of the node is ready."""
    if not node.static_pods_up or pod not in node.pods or crashes(node, pod):
        return False
    return node.kubernetes_up if pod == API_SERVER else True


def crashes(node: Node, pod: str) -> bool:
    """Whether the faults let a running static pod crash, by its name or by the end of its image."""
    return any(pod == fault or node.pods.get(pod, "").endswith(fault) for fault in node.faults.static_pod_crashes)


def start(node: Node) -> None:
    """All static pods come up, as after a boot."""
    node.pods = wanted_pods(node)
    node.static_pods_up = True
    node.cluster.changed()
    follow(node)


def follow(node: Node) -> None:
    """The active config changed: bring what runs in line with it, unless that is under way."""
    if node.booted and (node.workloads_task is None or node.workloads_task.done()):
        node.workloads_task = node.spawn(_follow(node))


async def _follow(node: Node) -> None:
    while True:
        wanted = wanted_pods(node) if node.static_pods_up else {}
        pod = next((name for name, image in wanted.items() if node.pods.get(name) != image), "")
        kubelet = wanted_kubelet(node)
        if pod:
            await _restart_pod(node, pod, wanted[pod])
        elif node.kubelet_image and kubelet != node.kubelet_image:
            await _restart_kubelet(node, kubelet)
        else:
            return


async def _restart_pod(node: Node, pod: str, image: str) -> None:
    """The old container ends before the new one starts: both want the same port."""
    if not node.services["kubelet"].running:  # nobody is there to do it
        await asyncio.sleep(0.05)
        return
    node.say(f"[talos] rendered new static pod {{{{pod: {pod}}}}}")
    node.pods.pop(pod, None)
    await node.dies_in(f"pod:{pod}")
    node.tell("kubernetes" if pod == API_SERVER else "pods")
    await asyncio.sleep(node.delays.static_pods)
    node.pods[pod] = image
    node.tell("kubernetes" if pod == API_SERVER else "pods")


async def _restart_kubelet(node: Node, image: str) -> None:
    """Pods go on without their kubelet; the Node stays Ready because its heartbeat is young."""
    service = node.services["kubelet"]
    if service.state == RUNNING:
        node.services.move("kubelet", STOPPING, "Sending SIGTERM to task kubelet")
    await node.dies_in("service:kubelet")
    await asyncio.sleep(node.delays.services)
    node.kubelet_image = image
    node.services.run("kubelet", healthy=not node.faults.kubelet_unhealthy)
    node.tell("pods")


def statuses(node: Node) -> dict[str, Any]:
    """The status objects of the static pods, by name."""
    found = {}
    for pod, image in wanted_pods(node).items():
        is_ready = ready(node, pod)
        running = node.pods.get(pod, "")
        state = "True" if is_ready else "False"
        conditions = [
            {"lastProbeTime": None, "lastTransitionTime": None, "status": status, "type": kind}
            for kind, status in (
                ("Initialized", "True"),
                ("Ready", state),
                ("ContainersReady", state),
                ("PodScheduled", "True"),
            )
        ]
        waiting = {"waiting": {"reason": "CrashLoopBackOff" if running else "ContainerCreating"}}
        found[f"kube-system/{pod}-{node.hostname}"] = {
            "conditions": conditions,
            "containerStatuses": [
                {
                    "name": pod,
                    "image": running or image,
                    "imageID": "",
                    "ready": is_ready,
                    "restartCount": 0,
                    "started": is_ready,
                    "state": {"running": {"startedAt": None}} if is_ready else waiting,
                }
            ],
            "hostIP": node.spec.address,
            "phase": "Running",
            "podIP": node.spec.address,
            "podIPs": [{"ip": node.spec.address}],
            "qosClass": "Burstable",
        }
    return found
