# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""talos_reset and talos_upgrade against the lab's nodes: who may go, when, and that two are never away at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import guard, snapshot
from ansible_collections.homeops.cluster.plugins.modules import talos_etcd_snapshot, talos_reset, talos_upgrade
from tests.harness.talos_nodes import TalosNodes

VERSION = "v1.10.9"


def started(folder: Path, net: str) -> TalosNodes:
    """Three control planes with etcd, to be entered."""
    return TalosNodes(folder, net=net, install=0.05, reboot=0.2, upgrade=0.1)


def brought_up(nodes: TalosNodes) -> TalosNodes:
    for number in (1, 2, 3):
        nodes.apply(number)
    nodes.bootstrap()
    return nodes


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TalosNodes]:
    """A cluster that the test may do anything to."""
    with started(tmp_path, "127.57") as nodes:
        yield brought_up(nodes)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TalosNodes]:
    """A cluster of which nothing is changed, because all is refused or only predicted."""
    with started(tmp_path_factory.mktemp("calm"), "127.58") as nodes:
        yield brought_up(nodes)


def run(module: Any, nodes: TalosNodes, number: int, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
    given = {
        **nodes.door(number),
        "talosconfig": str(nodes.talosconfig),
        "control_planes": [nodes.door(one) for one in range(1, nodes.count + 1)],
        "wait_timeout": 60,
        "lock_dir": str(nodes.folder / "locks"),
        **more,
    }
    checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return dict(module.run(checked.validated_parameters, ctx or Context()))


def reset(nodes: TalosNodes, number: int, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
    name = f"mini{number:02d}"
    named = {"confirm": name, "hardware_id": nodes.nodes[number - 1].spec.uuid, **more}
    return run(talos_reset, nodes, number, ctx, **named)


def upgrade(nodes: TalosNodes, number: int, version: str = VERSION, **more: Any) -> dict[str, Any]:
    schematic = nodes.nodes[number - 1].storage.schematic
    return run(talos_upgrade, nodes, number, image=f"factory.talos.dev/installer/{schematic}:{version}", **more)


class Watch:
    """Looks from outside, ten times a second, how many nodes serve etcd."""

    def __init__(self, nodes: TalosNodes) -> None:
        self.nodes, self.least, self.looks = nodes, nodes.count, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(0.1):
            self.looks += 1
            self.least = min(self.least, sum(node.etcd_up for node in self.nodes.nodes))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def back(nodes: TalosNodes, number: int) -> None:
    """Bring a reset node back as site.yml does, and wait for its vote."""
    nodes.apply(number)
    nodes.until(lambda: nodes.nodes[number - 1].etcd_voter and nodes.nodes[number - 1].state == "running")


def test_a_reset_node_is_in_maintenance_and_comes_back(cluster: TalosNodes) -> None:
    with Watch(cluster) as watch:
        result = reset(cluster, 2)
        assert (result["changed"], result["labels"]) == (True, ["STATE"])
        node = cluster.nodes[1]
        assert node.state == "maintenance"
        assert node.installed
        assert {volume["label"] for volume in result["kept"]} >= {"EPHEMERAL", "u-longhorn-ssd"}
        assert node.storage.user_volumes == {"longhorn-ssd": "sda"}
        again = reset(cluster, 2)
        assert (again["changed"], "in maintenance" in again["reason"]) == (False, True)
        back(cluster, 2)
    assert watch.least >= 2
    assert len({member.name for member in cluster.nodes[0].storage.etcd.members}) == 3


def test_a_second_reset_is_refused_while_the_first_is_away(
    cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.5)
    reset(cluster, 2)
    with pytest.raises(HomeopsError, match="2 of 2 etcd voters are healthy and 2 must stay") as refusal:
        reset(cluster, 3)
    assert "Nothing was sent" in str(refusal.value)
    assert cluster.nodes[2].state == "running"
    back(cluster, 2)
    assert reset(cluster, 3)["changed"]


def test_the_last_member_of_a_lost_quorum_is_not_reset(cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.5)
    for number in (1, 2):
        cluster.call(cluster.nodes[number].stop())
    with pytest.raises(HomeopsError, match="no etcd names its members") as refusal:
        reset(cluster, 1)
    assert "Nothing was sent" in str(refusal.value)
    assert cluster.nodes[0].state == "running"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"confirm": "mini01"}, "name it twice"),
        ({"hardware_id": "C07XXXXXXXXX"}, "is not this machine's"),
        ({"hardware_id": ""}, "hardware_id is empty; the machine that answers says: hostname mini02"),
        ({"wipe": ["META"]}, "META is none of"),
        ({"user_volumes": {"longhorn-ssd": "wrong"}}, "and wrong is named"),
    ],
)
def test_the_wrong_target_is_refused_and_nothing_is_sent(calm: TalosNodes, more: dict[str, Any], text: str) -> None:
    before = calm.nodes[1].boot_id
    with pytest.raises(InputError, match="mini02 is not reset") as refusal:
        reset(calm, 2, **more)
    assert text in str(refusal.value)
    assert (calm.nodes[1].boot_id, calm.nodes[1].state) == (before, "running")


def test_another_machine_at_the_address_is_refused(calm: TalosNodes) -> None:
    """A stale inventory: mini02's entry leads to mini03."""
    stale = {**calm.door(3), "name": "mini02"}
    with pytest.raises(InputError, match="calls itself mini03, not mini02"):
        run(
            talos_reset,
            calm,
            2,
            node=stale["node"],
            server_name=stale["server_name"],
            confirm="mini02",
            hardware_id=calm.nodes[2].spec.uuid,
        )
    assert calm.nodes[2].state == "running"


@pytest.mark.parametrize(
    ("door", "more", "error", "text"),
    [
        # The inventory's mini02 leads to mini03, address and certificate alike.
        (3, {}, InputError, "calls itself mini03, not mini02"),
        # mini03 has got mini02's address: its certificate is that of another address.
        (3, {"server_name": "172.29.51.12"}, HomeopsError, "172.29.51.12"),
        (2, {"hardware_id": "C07XXXXXXXXX"}, InputError, "is not this machine's: hostname mini02"),
    ],
)
def test_an_upgrade_of_another_machine_is_refused(
    calm: TalosNodes, door: int, more: dict[str, Any], error: type[HomeopsError], text: str
) -> None:
    before = [node.boot_id for node in calm.nodes]
    stale = {**calm.door(door), "name": "mini02", **more}
    with pytest.raises(error) as refusal:
        upgrade(calm, 2, **stale)
    assert text in str(refusal.value)
    assert [node.boot_id for node in calm.nodes] == before


def test_another_version_of_kubernetes_is_left_to_its_upgrade(calm: TalosNodes) -> None:
    with pytest.raises(InputError, match=r"kube-apiserver v1\.31\.1 -> v1\.31\.6.*upgrade_kubernetes") as refusal:
        calm.apply(1, kubernetes_version="v1.31.6", kubernetes_policy="refuse")
    assert "nothing was sent" in str(refusal.value)
    assert calm.nodes[0].kubelet_version == "v1.31.1"
    assert not calm.apply(1, kubernetes_policy="refuse")["changed"]


def test_check_mode_judges_and_shows_and_wipes_nothing(calm: TalosNodes) -> None:
    before = calm.nodes[1].boot_id
    result = reset(calm, 2, Context(check_mode=True, diff_mode=True))
    assert result["changed"]
    assert "STATE on /dev/nvme0n1" in result["diff"]["before"]
    assert "STATE" not in result["diff"]["after"]
    assert calm.nodes[1].boot_id == before


def test_an_upgrade_of_all_three_never_takes_two_at_once(cluster: TalosNodes) -> None:
    results: list[dict[str, Any]] = []
    failures: list[HomeopsError] = []

    def one(number: int) -> None:
        try:
            results.append(upgrade(cluster, number))
        except HomeopsError as error:
            failures.append(error)

    with Watch(cluster) as watch:
        threads = [threading.Thread(target=one, args=(number,)) for number in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    assert len(results) == 3
    assert watch.least >= 2
    print(f"{watch.looks} looks from outside, at least {watch.least} members served at each")
    assert {result["version_after"] for result in results} == {VERSION}
    assert all(result["boot_id_before"] != result["boot_id_after"] for result in results)
    assert [node.storage.version for node in cluster.nodes] == [VERSION] * 3
    assert not upgrade(cluster, 1)["changed"]


def test_an_image_that_does_not_install_stops_with_the_way_back(cluster: TalosNodes) -> None:
    def fail() -> None:
        cluster.nodes[0].faults.install_fails = "exit code 1"

    cluster.do(fail)
    with pytest.raises(HomeopsError):
        upgrade(cluster, 1, wait_timeout=5)
    assert cluster.nodes[1].storage.version != VERSION


@pytest.mark.parametrize(("version", "text"), [("v1.9.0", "is older"), ("v1.12.0", "more than one minor release")])
def test_a_step_that_is_too_wide_or_backwards_is_refused(calm: TalosNodes, version: str, text: str) -> None:
    before = calm.nodes[0].boot_id
    with pytest.raises(InputError, match=text):
        upgrade(calm, 1, version)
    assert calm.nodes[0].boot_id == before


@pytest.mark.parametrize("moment", ["reset", "upgrade"])
def test_a_node_that_loses_its_power_on_the_way_is_finished_by_the_next_run(cluster: TalosNodes, moment: str) -> None:
    """The second run of the same call goes on from what the node says when it is powered on again."""
    act = reset if moment == "reset" else upgrade
    node = cluster.nodes[1]

    def die() -> None:
        node.faults.die_at = moment

    cluster.do(die)
    with pytest.raises(HomeopsError):
        act(cluster, 2, wait_timeout=4)
    assert not node.powered
    cluster.call(node.start())
    time.sleep(0.5)
    cluster.until(lambda: node.state in ("running", "maintenance", "booting"))
    if moment == "reset" and node.state != "maintenance":
        back(cluster, 2)
    cluster.until(lambda: node.state != "booting")
    assert act(cluster, 2)["changed"]
    assert node.state == ("maintenance" if moment == "reset" else "running")


def test_a_snapshot_is_whole_private_and_the_oldest_goes(calm: TalosNodes, tmp_path: Path) -> None:
    given = {
        "nodes": [calm.door(one) for one in (1, 2, 3)],
        "talosconfig": str(calm.talosconfig),
        "cluster": "home-ops",
        "directory": str(tmp_path / "backup"),
        "keep": 1,
    }
    checked = ArgumentSpecValidator(talos_etcd_snapshot.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages
    arguments = checked.validated_parameters
    assert not Path(talos_etcd_snapshot.run(arguments, Context(check_mode=True))["path"]).exists()
    first = talos_etcd_snapshot.run(arguments, Context())
    assert snapshot.verify(first["path"]).sha256 == first["sha256"]
    assert Path(first["path"]).stat().st_mode & 0o777 == 0o600
    assert sorted(first["members"]) == ["mini01", "mini02", "mini03"]
    older = tmp_path / "backup" / "etcd-home-ops-20200101T000000Z.snapshot"
    older.write_bytes(b"")
    time.sleep(1.1)
    assert talos_etcd_snapshot.run(arguments, Context())["removed"] == [str(older), first["path"]]
