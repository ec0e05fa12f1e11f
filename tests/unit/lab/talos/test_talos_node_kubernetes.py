# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulated node runs of Kubernetes follows its config, component by component, whenever its power goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from lab.talos.workloads import tag

PODS = "StaticPodStatuses.kubernetes.talos.dev"
NEW = "registry.k8s.io/kube-apiserver:v1.31.6"


async def pod(bench: Any, number: int, name: str) -> dict[str, Any]:
    node = bench[number]
    found = await bench.resource(node, "k8s", PODS, f"kube-system/{name}-{node.hostname}")
    status: dict[str, Any] = yaml.safe_load(found.spec.yaml_spec)
    return status


def test_a_changed_image_restarts_its_pod_on_that_node_alone(bench: Any, talos_config: Callable[..., bytes]) -> None:
    async def body(b: Any) -> None:
        await b.running()
        await b.until(lambda: all(node.kubernetes_up for node in b.nodes))
        b.delays.static_pods = 0.3
        await b.apply(b[1], talos_config(cluster__apiServer={"image": NEW}), mode="NO_REBOOT")
        await b.until(lambda: not b[1].kubernetes_up)
        assert b[0].kubernetes_up
        assert b[2].kubernetes_up
        assert [name for name, _reason in b[1].unmet()] == ["staticPods", "nodeReady"]
        assert (await pod(b, 1, "kube-apiserver"))["containerStatuses"][0]["ready"] is False
        await b.until(lambda: b[1].kubernetes_up)
        container = (await pod(b, 1, "kube-apiserver"))["containerStatuses"][0]
        assert (container["image"], container["ready"]) == (NEW, True)
        assert tag((await pod(b, 0, "kube-apiserver"))["containerStatuses"][0]["image"]) != "v1.31.6"
        assert b[1].etcd_up

    bench(body)


def test_the_kubelets_version_is_what_runs_and_not_what_is_wanted(
    bench: Any, talos_config: Callable[..., bytes]
) -> None:
    async def body(b: Any) -> None:
        await b.running()
        await b.until(lambda: all(node.kubernetes_up for node in b.nodes))
        assert b[0].kubelet_version == "v1.31.1"
        b.delays.services = 0.3
        new = talos_config(machine__kubelet={"image": "ghcr.io/siderolabs/kubelet:v1.31.6"})
        await b.apply(b[0], new, mode="NO_REBOOT")
        await b.until(lambda: not b[0].services["kubelet"].running)
        assert (b[0].kubelet_version, b[0].kubernetes_up) == ("v1.31.1", True)
        await b.until(lambda: b[0].kubelet_version == "v1.31.6" and b[0].services["kubelet"].running)

    bench(body)


@pytest.mark.parametrize("fault", ["static_pod_crashes", "missing_images"])
def test_what_goes_wrong_with_a_component(bench: Any, talos_config: Callable[..., bytes], fault: str) -> None:
    async def body(b: Any) -> None:
        await b.running()
        await b.until(lambda: b[0].kubernetes_up)
        if fault == "missing_images":
            b[0].faults.missing_images = ["kube-apiserver:v1.31.6"]
            code, text = await b.refused(b[0], "machine.MachineService/ImagePull", namespace=2, reference=NEW)
            assert (code, text) == (5, f"error pulling image: {NEW}: not found")
            return
        b[0].faults.static_pod_crashes = ["kube-scheduler"]
        status = await pod(b, 0, "kube-scheduler")
        assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
        assert ("staticPods", "kube-system/kube-scheduler-mini01 not ready") in b[0].unmet()
        assert b[0].kubernetes_up

    bench(body)


def test_the_power_goes_at_any_moment(bench: Any, talos_config: Callable[..., bytes]) -> None:
    """The third moment of an apply that restarts a pod: stored, answered, and the old container has just ended."""

    async def body(b: Any) -> None:
        await b.running()
        await b.until(lambda: all(node.kubernetes_up for node in b.nodes))
        before = len(b[1].moments)
        b[1].faults.die_at = "pod:kube-apiserver"
        await b.apply(b[1], talos_config(cluster__apiServer={"image": NEW}), mode="NO_REBOOT")
        await b.until(lambda: not b[1].powered)
        assert b[1].moments[before:] == [
            "ApplyConfiguration",
            "write:config",
            "done:ApplyConfiguration",
            "pod:kube-apiserver",
        ]
        assert b[0].kubernetes_up
        await b[1].start()
        await b.until(lambda: b[1].kubernetes_up)
        assert b[1].pods["kube-apiserver"] == NEW
        b[1].faults.die_after = 2
        await b.call(b[0], "machine.MachineService/Version")  # another node, and a read besides
        assert b[1].faults.die_after == 2

    bench(body)
