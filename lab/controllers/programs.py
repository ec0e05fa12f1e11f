# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers do: the few programs whose work the lab carries out, and what they need of their machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from .api import Object
from .cilium import install
from .manager import Host, Outcome, World
from .platform import cnpg_store

SERVICE_ENDPOINT = "10.96.0.1:443"
"""Where a pod finds the API without further settings: an address that needs kube-proxy or Cilium."""


def is_job(pod: Object) -> bool:
    """Tell whether the pod belongs to a Job and therefore ends."""
    return any(owner.get("kind") == "Job" for owner in pod["metadata"].get("ownerReferences") or [])


def owner_names(owner: Object) -> Iterator[tuple[str, str]]:
    """Yield the kinds and names by which a scenario may mean the owner of a pod (a ReplicaSet: its Deployment too)."""
    yield owner["kind"], owner["name"]
    if owner["kind"] == "ReplicaSet":
        yield "Deployment", owner["name"].rpartition("-")[0]


async def run(world: World, pod: Object, host: Host) -> Outcome:
    """Run a Job's pod: the Cilium CLI and a restore of PostgreSQL do their work; any other image just ends well after
    the declared delay."""
    container = pod["spec"]["containers"][0]
    if cnpg_store.is_restore(pod):
        return await cnpg_store.restore(world, pod)
    if install.is_cilium_cli(container["image"]):
        return await install.run(world, pod, container, host)
    await asyncio.sleep(world.delays.kubernetes.job)
    return Outcome(0, "done")


def api_endpoint(pod: Object, container: Object, host: Host) -> str:
    """Return ``host:port`` under which the container looks for the API server (``rest.InClusterConfig``)."""
    values = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    for item in container.get("env") or []:
        if item["name"] in values:
            field = ((item.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
            known = {
                "status.podIP": host.address if pod["spec"].get("hostNetwork") else "",
                "status.hostIP": host.address,
            }
            values[item["name"]] = known.get(field, "") if field else item.get("value", "")
    return f"{values['KUBERNETES_SERVICE_HOST']}:{values['KUBERNETES_SERVICE_PORT']}"


def unreachable_api(pod: Object, host: Host) -> str:
    """Return why the CNI's own pods cannot reach the API server, or "".

    Only Cilium's are asked: any other pod uses the Service address, which Cilium makes reachable.
    """
    labels = pod["metadata"].get("labels") or {}
    if labels.get("k8s-app") != "cilium" and labels.get("io.cilium/app") != "operator":
        return ""
    endpoint = api_endpoint(pod, pod["spec"]["containers"][0], host)
    if endpoint in host.endpoints:
        return ""
    return f'Unable to contact k8s api-server: Get "https://{endpoint}/api/v1/namespaces/kube-system": i/o timeout'
