# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which doors are open: told by the nodes' state, without any backend process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.control_plane import ControlPlane, image_tag, virtual_address
from lab.kube_faults import take
from lab.scenario import HttpFault, Scenario
from lab.state import LabState

NET = "127.62"
CONFIG = {
    "machine": {
        "type": "controlplane",
        "features": {"kubePrism": {"enabled": True, "port": 7445}},
        "network": {"interfaces": [{"interface": "enp3s0f0", "vip": {"ip": "172.29.51.10"}}]},
    },
    "cluster": {"controlPlane": {"endpoint": "https://172.29.51.10:6443"}},
}


class Node(SimpleNamespace):
    """What the control plane reads of a simulated node."""


def node(number: int, **changes: Any) -> Node:
    spec = SimpleNamespace(listen=f"{NET}.51.{10 + number}", address=f"172.29.51.{10 + number}")
    state = {"kubernetes_up": True, "etcd_voter": True, "machine_config": CONFIG, "configured": True}
    return Node(name=f"mini0{number}", spec=spec, **{**state, **changes})


def play(
    tmp_path: Path, nodes: list[Node], scene: Callable[[ControlPlane], Awaitable[None]], failover: float = 0.2
) -> None:
    async def main() -> None:
        scenario = Scenario()
        scenario.delays.kubernetes.vip_failover = failover
        cluster = SimpleNamespace(bootstrapped=True, bootstrap_config=CONFIG)
        plane = ControlPlane(LabState(tmp_path / "lab"), NET, nodes, cluster, scenario, {})
        plane.backend = SimpleNamespace(port=1, name="stub", alive=lambda: True)  # type: ignore[assignment]
        try:
            await scene(plane)
        finally:
            for door in plane.doors.values():
                await door.close()

    asyncio.run(main())


async def follow(plane: ControlPlane) -> set[str]:
    up = [n for n in plane.nodes if n.kubernetes_up]
    await plane._set_doors(up, plane._choose_holder(up, asyncio.get_running_loop().time()))
    return {name for name, door in plane.doors.items() if door.is_open}


def test_each_door_is_its_nodes_and_the_vip_moves_after_its_delay(tmp_path: Path) -> None:
    nodes = [node(1), node(2), node(3, kubernetes_up=False)]

    async def scene(plane: ControlPlane) -> None:
        assert await follow(plane) == {"mini01", "mini02", "vip"}
        assert plane.holder == "mini01"
        nodes[2].kubernetes_up = True
        assert await follow(plane) == {"mini01", "mini02", "mini03", "vip"}
        assert plane.holder == "mini01"
        nodes[0].kubernetes_up = False
        assert await follow(plane) == {"mini02", "mini03"}
        await asyncio.sleep(0.25)
        assert await follow(plane) == {"mini02", "mini03", "vip"}
        nodes[0].kubernetes_up = True
        assert await follow(plane) == {"mini01", "mini02", "mini03", "vip"}
        assert plane.holder == "mini02"

    play(tmp_path, nodes, scene)


def test_no_voter_and_no_vip_in_the_config_mean_no_vip(tmp_path: Path) -> None:
    async def scene(plane: ControlPlane) -> None:
        assert await follow(plane) == {"mini01", "mini02"}

    play(tmp_path, [node(1, etcd_voter=False), node(2, machine_config={"machine": {}})], scene)


def test_where_a_machine_reaches_the_api(tmp_path: Path) -> None:
    nodes = [node(1), node(2, kubernetes_up=False)]

    async def scene(plane: ControlPlane) -> None:
        def endpoints() -> frozenset[str]:
            return plane._endpoints(CONFIG["machine"], CONFIG["cluster"])

        await follow(plane)
        assert {"172.29.51.11:6443", "172.29.51.10:6443", "localhost:7445", "127.0.0.1:7445"} == endpoints()
        nodes[0].kubernetes_up = False
        await follow(plane)
        assert endpoints() == frozenset()

    play(tmp_path, nodes, scene)


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("registry.k8s.io/kube-apiserver:v1.31.1", "v1.31.1"),
        ("localhost:5000/kube-apiserver:v1.33.4@sha256:00", "v1.33.4"),
        ("localhost:5000/kube-apiserver", ""),
        (None, ""),
    ],
)
def test_the_version_is_the_images_tag(image: str | None, tag: str) -> None:
    assert image_tag({"image": image} if image else None) == tag


def test_the_virtual_address_may_be_on_a_vlan() -> None:
    assert virtual_address(CONFIG) == "172.29.51.10"
    vlan = {"machine": {"network": {"interfaces": [{"vlans": [{"vlanId": 51, "vip": {"ip": "172.29.51.10"}}]}]}}}
    assert virtual_address(vlan) == "172.29.51.10"
    assert virtual_address(None) == ""


def test_the_first_fault_that_matches_is_used_up() -> None:
    faults = [HttpFault("/api/v1/nodes", method="post", times=1), HttpFault("nodes", times=2), HttpFault(times=-1)]
    assert [take(faults, "GET", "/api/v1/nodes") for _unused in range(3)] == [faults[1], faults[1], faults[2]]
    assert take(faults, "POST", "/api/v1/nodes?x") is faults[0]
    assert faults[0].times == 0
    assert faults[2].times == -1
    assert take([], "GET", "/") is None
