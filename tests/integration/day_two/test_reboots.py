# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine config that needs a reboot: no node goes while a volume heals or another node is not Ready."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.longhorn import replicas, volumes
from ansible_collections.homeops.cluster.plugins.module_utils.talos import documents
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import connect, identity_of, target_of
from ansible_collections.homeops.cluster.plugins.module_utils.talos.node_config import read_config
from ansible_collections.homeops.cluster.plugins.modules import kube_apply
from lab.charts import render
from tests.harness.lab import CHECKOUT, Lab, Run
from tests.harness.operator import NODES, Operator

MODEL = CHECKOUT / "inventories" / "home" / "group_vars" / "all" / "talos.yml"
SPACE = "longhorn-system"
CLAIM = "data/data-db-0"
#: Seconds that a replica takes to be rebuilt: longer than a reboot, or the next node would never meet it.
REBUILD = 4.0


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A cluster with a network and with one volume of Longhorn, of two replicas."""
    home = tmp_path_factory.mktemp("reboots")
    scenario = yaml.safe_load((CHECKOUT / "lab" / "scenarios" / "fast.yml").read_text(encoding="utf-8"))
    scenario["delays"]["platform"]["rebuild"] = REBUILD
    (home / "scenario.yml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
    running = Lab("127.93", home)
    running.up("--scenario", str(home / "scenario.yml"))
    try:
        first = running.play("-t", "talos,kubernetes,cni")
        assert first.rc == 0, first.output
        working = Operator(running)
        _give_longhorn(working)
        yield working
    finally:
        running.down()


def _give_longhorn(operator: Operator) -> None:
    def there(what: str, *objects: dict[str, Any]) -> None:
        print(what)
        operator.call(kube_apply, kubeconfig=operator.kubeconfig, definition=list(objects), timeout=30)

    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (SPACE, "data")]
    chart = render("longhorn", "1.10.1", "longhorn", SPACE, {"persistence": {"reclaimPolicy": "Retain"}})
    there("Longhorn", *spaces, *chart)
    disk = {"path": "/var/mnt/longhorn-ssd", "diskType": "filesystem", "allowScheduling": True, "tags": ["ssd"]}
    nodes = [_object("longhorn.io/v1beta2", "Node", name, SPACE) for name in NODES]
    there("disks", *({**node, "spec": {"allowScheduling": True, "disks": {"ssd": disk}}} for node in nodes))
    made = _object("storage.k8s.io/v1", "StorageClass", "two")
    there("a class", {**made, "provisioner": "driver.longhorn.io", "parameters": {"numberOfReplicas": "2"}})
    claim = {"storageClassName": "two", "accessModes": ["ReadWriteOnce"]}
    claim["resources"] = {"requests": {"storage": "1Gi"}}  # type: ignore[assignment]
    mount = [{"name": "data", "mountPath": "/data"}]
    pod = {"containers": [{"name": "db", "image": "db", "volumeMounts": mount}]}
    spec = {
        "serviceName": "db",
        "replicas": 1,
        "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }
    there("a program with a volume", {**_object("apps/v1", "StatefulSet", "db", "data"), "spec": spec})
    _until(lambda: _volume(operator) == "healthy")


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    space = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **space}}


def _rows(operator: Operator) -> list[replicas.VolumeRow]:
    with operator.kube() as client:
        return volumes.read(client, SPACE) or []


def _volume(operator: Operator) -> str:
    """What the one volume is worth."""
    return next((row.robustness for row in _rows(operator) if row.state == "attached"), "")


def _until(test: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end
        time.sleep(0.1)


def udev(operator: Operator) -> tuple[str, ...]:
    """The model with one udev rule more, which no node takes without a reboot."""
    model = yaml.safe_load(MODEL.read_text(encoding="utf-8"))
    model["homeops_talos"]["udev_rules"].append('KERNEL=="sdz"')
    path = operator.lab.home / "udev.json"
    path.write_text(json.dumps(model), encoding="utf-8")
    return "-t", "talos", "-e", f"@{path}"


def boots(operator: Operator) -> dict[str, str]:
    return {name: node["boot_id"] for name, node in operator.nodes().items()}


def stored(operator: Operator) -> dict[str, str]:
    """The machine config that every node has stored."""
    found = {}
    identity = identity_of(operator.talos, Context())
    for door in operator.doors:
        client, _mode = connect(target_of(door), identity)
        with client:
            found[door["name"]] = documents.encode(read_config(client, "persistent"))
    return found


def refused(operator: Operator, *words: str) -> Run:
    """Run it with little patience: every node is refused, and nothing was sent to any."""
    before = boots(operator), stored(operator)
    run = operator.lab.play(*udev(operator), "-e", "talos_health_timeout=1", *words)
    assert run.rc != 0, run.output
    assert {failure.host for failure in run.failures} == set(NODES)
    assert not run.changed
    assert "Traceback" not in run.output
    for failure in run.failures:
        assert "Nothing was sent" in failure.msg
    assert (boots(operator), stored(operator)) == before
    return run


class Sampler:
    """Looks at the nodes and at the volume all the time; use as a context manager."""

    def __init__(self, operator: Operator) -> None:
        self.operator, self.ready, self.worth = operator, 3, set[str]()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(0.1):
            self.ready = min(self.ready, sum(bool(node["kubernetes_ready"]) for node in self.operator.nodes().values()))
            try:
                self.worth |= {row.robustness for row in _rows(self.operator)}
            except Exception as error:  # noqa: BLE001 (the API's address moves with a node)
                print(error)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def test_a_volume_that_heals_keeps_every_node_from_rebooting(operator: Operator) -> None:
    operator.lab.command("fault", "platform", json.dumps({"volume_degraded": [CLAIM]}))
    _until(lambda: _volume(operator) == "degraded")
    try:
        predicted = operator.lab.play(*udev(operator), "--check", "--diff")
        assert predicted.rc == 0, predicted.output
        told = " ".join(predicted.output.split())
        assert f"({CLAIM}) is degraded" in told
        assert "the reboot would wait, and then be refused" in told
        run = refused(operator)
        for failure in run.failures:
            assert f"({CLAIM}) is degraded" in failure.msg
            assert "talos_health_timeout" in failure.msg
    finally:
        operator.lab.command("fault", "platform", json.dumps({"volume_degraded": []}))
        _until(lambda: _volume(operator) == "healthy")


def test_another_node_that_is_not_ready_keeps_every_node_from_rebooting(operator: Operator) -> None:
    """A worker that somebody switched off: etcd does not miss it."""
    with operator.kube() as client:
        client.request("POST", "/api/v1/nodes", body=_object("v1", "Node", "mini04"))
        try:
            run = refused(operator)
        finally:
            client.delete("/api/v1/nodes/mini04")
    for failure in run.failures:
        assert "node mini04 is not Ready" in failure.msg


def test_an_api_that_does_not_answer_keeps_every_node_from_rebooting(operator: Operator) -> None:
    elsewhere = operator.lab.home / "kubeconfig"
    text = Path(operator.kubeconfig).read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    config["clusters"][0]["cluster"]["server"] = "https://127.93.51.99:6443"
    elsewhere.write_text(yaml.safe_dump(config), encoding="utf-8")
    run = refused(operator, "-e", f"talos_kubeconfig={elsewhere}")
    for failure in run.failures:
        assert "etcd can spare it, but Kubernetes cannot be asked" in failure.msg
        assert "kubernetes_unreachable: reboot" in failure.msg
        assert "talos_kubernetes_unreachable" in failure.msg


def test_the_same_command_reboots_one_node_after_the_other_when_all_is_well(operator: Operator) -> None:
    before = boots(operator)
    with Sampler(operator) as seen:
        done = operator.lab.play(*udev(operator))
    assert done.rc == 0, done.output
    assert {host for host, _task in done.changed} >= set(NODES)
    assert all(boots(operator)[name] != before[name] for name in NODES)
    # The last replica of the volume was never away, because the next node waited until the other was rebuilt.
    assert "waiting for Kubernetes to spare this node: volume" in done.output
    assert seen.ready == 2
    assert "degraded" in seen.worth
    assert "faulted" not in seen.worth
    nodes = operator.nodes().values()
    assert all(node["kubernetes_ready"] for node in nodes)
    again = operator.lab.play(*udev(operator))
    assert (again.rc, again.changed) == (0, set())
