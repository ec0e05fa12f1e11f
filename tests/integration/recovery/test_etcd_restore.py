# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd is restored on the lab's nodes: refused where it must be, and finished after every power cut on the way."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.backup import manifest as backup
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.modules import talos_etcd_restore, talos_etcd_snapshot
from lab.keyspace import KeyValue
from lab.talos.node import Node
from tests.harness.talos_nodes import TalosNodes

ROWS = [KeyValue(f"/registry/configmaps/default/{n}".encode(), b"{}" * 100, n, n) for n in range(1, 300)]


def started(folder: Path, net: str) -> TalosNodes:
    return TalosNodes(folder, net=net, install=0.05, reboot=0.2)


def brought_up(nodes: TalosNodes) -> TalosNodes:
    async def keyspace() -> list[KeyValue]:
        return ROWS

    nodes.nodes[0].cluster.keyspace = keyspace
    with ThreadPoolExecutor() as pool:  # they install side by side, as Ansible has them do it
        list(pool.map(nodes.apply, (1, 2, 3)))
    nodes.bootstrap()
    return nodes


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[TalosNodes]:
    """A cluster that the test may do anything to."""
    with started(tmp_path, "127.54") as nodes:
        yield brought_up(nodes)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TalosNodes]:
    """A cluster of which nothing is changed, because all is refused."""
    with started(tmp_path_factory.mktemp("calm"), "127.55") as nodes:
        yield brought_up(nodes)


def checked(module: Any, given: dict[str, Any]) -> dict[str, Any]:
    validated = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
    assert not validated.error_messages, validated.error_messages
    return dict(validated.validated_parameters)


def doors(nodes: TalosNodes) -> dict[str, Any]:
    planes = [nodes.door(number) for number in range(1, nodes.count + 1)]
    return {"nodes": planes, "talosconfig": str(nodes.talosconfig), "cluster": "home-ops"}


def kept(nodes: TalosNodes, folder: Path, cluster_id: str = "") -> Path:
    """A sealed set with a snapshot of the nodes."""
    given = checked(talos_etcd_snapshot, {**doors(nodes), "directory": str(folder)})
    talos_etcd_snapshot.run(given, Context())
    backup.seal(str(folder), "home-ops", cluster_id or nodes.bundle.cluster_id)
    return folder


def restore(nodes: TalosNodes, path: Path, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
    base = {"path": str(path), "confirm": "home-ops", "patience": 0, "wait_timeout": 40, "interval": 0.1}
    given = {**doors(nodes), **base, "lock_dir": str(nodes.folder / "locks"), **more}
    return talos_etcd_restore.run(checked(talos_etcd_restore, given), ctx or Context())


def wipe(nodes: TalosNodes) -> None:
    """All three lose their etcd, as after a reset of EPHEMERAL."""

    def lose() -> None:
        for node in nodes.nodes:
            node.storage.member = node.storage.etcd = None
            node.storage.recovery_snapshot = b""
        nodes.nodes[0].cluster.etcds.clear()

    for node in nodes.nodes:
        nodes.call(node.stop())
    nodes.do(lose)
    for node in nodes.nodes:
        nodes.call(node.start())
    nodes.until(lambda: all(node.booted for node in nodes.nodes))


def standing(nodes: TalosNodes) -> tuple[list[str], bool]:
    return sorted(m.name for m in nodes.nodes[0].storage.etcd.members), all(n.etcd_voter for n in nodes.nodes)


def resealed(folder: Path, change: Any) -> Path:
    """The set with another snapshot, and a manifest that says that this is right."""
    (path,) = folder.glob("*.snapshot")
    path.write_bytes(change(path.read_bytes()))
    told = json.loads((folder / backup.NAME).read_text())
    told["files"][0].update(size=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / backup.NAME).write_text(json.dumps(told))
    return folder


def cut(folder: Path) -> Path:
    (path,) = folder.glob("*.snapshot")
    path.write_bytes(path.read_bytes()[:-1000])
    return folder


@pytest.mark.parametrize(
    ("change", "more", "text"),
    [
        (lambda folder: folder, {}, "etcd serves on mini01, mini02, mini03"),
        (lambda folder: folder, {"wipe": ["mini01", "mini02", "mini03"]}, "etcd serves on mini01, mini02, mini03"),
        (lambda folder: folder, {"confirm": "home"}, "confirmation is 'home' and the cluster 'home-ops'"),
        (lambda folder: folder, {"confirm": ""}, "confirmation is ''"),
        (lambda folder: folder, {"bootstrap_node": "mini09"}, "mini09 is not among the nodes"),
        (cut, {}, "it is cut or was changed"),
        (lambda folder: resealed(folder, lambda data: data[:-1000]), {}, "the end is missing"),
        (lambda folder: resealed(folder, lambda data: data[:-1] + b"\0"), {}, "not the SHA-256 of the rest"),
        (lambda folder: folder / "nothing", {}, "no complete backup"),
    ],
)
def test_a_restore_is_refused_with_the_reason_and_nothing_is_sent(
    calm: TalosNodes, tmp_path: Path, change: Any, more: dict[str, Any], text: str
) -> None:
    path = change(kept(calm, tmp_path / "set"))
    before = [(node.boot_id, node.listener.api.requests.get("machine.MachineService/Bootstrap")) for node in calm.nodes]
    with pytest.raises(HomeopsError, match=text):
        restore(calm, path, **more)
    after = [(node.boot_id, node.listener.api.requests.get("machine.MachineService/Bootstrap")) for node in calm.nodes]
    assert after == before
    assert not any("EtcdRecover" in name for node in calm.nodes for name in node.listener.api.requests)
    assert standing(calm) == (["mini01", "mini02", "mini03"], True)


def test_a_snapshot_of_another_cluster_is_refused(cluster: TalosNodes, tmp_path: Path) -> None:
    path = kept(cluster, tmp_path / "set", cluster_id="another")
    wipe(cluster)
    with pytest.raises(InputError, match=r"of another cluster.*mini0. belongs to the cluster with the id"):
        restore(cluster, path)
    assert not any(node.storage.member for node in cluster.nodes)


def test_lost_data_are_wiped_only_where_they_are_named(cluster: TalosNodes, tmp_path: Path) -> None:
    path = kept(cluster, tmp_path / "set")

    def break_two() -> None:
        for node in cluster.nodes[1:]:
            node.faults.etcd_damaged = True

    cluster.do(break_two)
    cluster.until(lambda: not cluster.nodes[0].storage.etcd.quorum)
    before = [node.boot_id for node in cluster.nodes]
    with pytest.raises(InputError, match="mini03 has data of an etcd that does not serve, and is not named"):
        restore(cluster, path, wipe=["mini01", "mini02"])
    assert [node.boot_id for node in cluster.nodes] == before
    predicted = restore(cluster, path, Context(check_mode=True), wipe=["mini01", "mini02", "mini03"])
    assert (predicted["wiped"], predicted["changed"]) == (["mini01", "mini02", "mini03"], True)
    assert [node.boot_id for node in cluster.nodes] == before

    result = restore(cluster, path, wipe=["mini01", "mini02", "mini03"])
    assert result["members"] == ["mini01", "mini02", "mini03"]
    assert cluster.nodes[0].cluster.recovered == ROWS
    assert standing(cluster) == (["mini01", "mini02", "mini03"], True)


@pytest.mark.parametrize("moment", ["", "EtcdRecover", "Bootstrap", "recover"])
def test_the_next_run_finishes_what_a_power_cut_ended(cluster: TalosNodes, tmp_path: Path, moment: str) -> None:
    path = kept(cluster, tmp_path / "set")
    shutil.copytree(path, tmp_path / "copy")
    wipe(cluster)
    node = cluster.nodes[0]
    if moment:
        cluster.do(lambda: setattr(node.faults, "die_at", moment))
        with pytest.raises(HomeopsError):
            restore(cluster, path, wait_timeout=3)
        assert not node.powered
        cluster.call(node.start())
    result = restore(cluster, tmp_path / "copy")
    assert result["members"] == ["mini01", "mini02", "mini03"]
    assert node.cluster.recovered == ROWS
    with pytest.raises(InputError, match="After an earlier restore go on with site"):
        restore(cluster, path)


def power_returns(cluster: TalosNodes, node: Node) -> threading.Thread:
    """Somebody switches the node on again while the run goes on."""

    def wait() -> None:
        cluster.until(lambda: not node.powered, timeout=60)
        cluster.call(node.start())

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_wipe_that_a_power_cut_undid_is_asked_for_again(cluster: TalosNodes, tmp_path: Path) -> None:
    path = kept(cluster, tmp_path / "set")

    def break_two() -> None:
        for node in cluster.nodes[1:]:
            node.faults.etcd_damaged = True
        cluster.nodes[1].faults.die_at = "reset"

    cluster.do(break_two)
    cluster.until(lambda: not cluster.nodes[0].storage.etcd.quorum)
    helper = power_returns(cluster, cluster.nodes[1])
    result = restore(cluster, path, wipe=["mini01", "mini02", "mini03"])
    helper.join()
    assert result["members"] == ["mini01", "mini02", "mini03"]
    assert cluster.nodes[1].moments.count("Reset") == 2
    assert cluster.nodes[0].cluster.recovered == ROWS


def test_half_a_data_directory_is_named_and_then_wiped(cluster: TalosNodes, tmp_path: Path) -> None:
    path = kept(cluster, tmp_path / "set")
    wipe(cluster)
    node = cluster.nodes[0]
    cluster.do(lambda: setattr(node.faults, "die_at", "write:etcd"))
    helper = power_returns(cluster, node)
    with pytest.raises(HomeopsError, match="with mini01 named in wipe"):
        restore(cluster, path)
    helper.join()
    with pytest.raises(InputError, match="mini01 has data of an etcd that does not serve, and is not named"):
        restore(cluster, path)
    result = restore(cluster, path, wipe=["mini01"])
    assert (result["wiped"], result["members"]) == (["mini01"], ["mini01", "mini02", "mini03"])
    assert node.cluster.recovered == ROWS


def test_an_etcd_that_is_only_starting_is_not_called_lost(cluster: TalosNodes, tmp_path: Path) -> None:
    path = kept(cluster, tmp_path / "set")
    cluster.do(lambda: [setattr(node.faults, "etcd_down", True) for node in cluster.nodes])
    cluster.until(lambda: not any(node.etcd_up for node in cluster.nodes))
    later = threading.Timer(
        1, lambda: cluster.do(lambda: [setattr(node.faults, "etcd_down", False) for node in cluster.nodes])
    )
    later.start()
    with pytest.raises(InputError, match=r"etcd serves on mini0\d"):
        restore(cluster, path, patience=30)
    later.join()
    assert standing(cluster) == (["mini01", "mini02", "mini03"], True)
