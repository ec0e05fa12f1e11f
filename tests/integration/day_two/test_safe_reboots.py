# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine config that needs a reboot: no node goes while a volume heals or another node is not Ready.

The last file on the lab of day two, because the nodes keep what they have rebooted for.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.talos import documents
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import connect, identity_of, target_of
from ansible_collections.homeops.cluster.plugins.module_utils.talos.node_config import read_config
from tests.harness import longhorn
from tests.harness.bgp import until
from tests.harness.lab import CHECKOUT, Run
from tests.harness.operator import NODES, Operator
from tests.integration.day_two.conftest import delays, running_versions

MODEL = CHECKOUT / "inventories" / "home" / "group_vars" / "all" / "talos.yml"
#: The phase that a run is about, without the preflight of site.yml, which has nothing to say of it.
PHASE = "playbooks/talos.yml"
#: Seconds that a replica takes to be rebuilt: longer than a reboot, or the next node would never meet it.
REBUILD = 4.0


@pytest.fixture(scope="module")
def operator(storage: Operator) -> Iterator[Operator]:
    """Somebody at work on a cluster with one volume of Longhorn, of two replicas."""
    with longhorn.volume(storage, 2), delays(storage.lab, platform__rebuild=REBUILD):
        yield storage


def udev(operator: Operator) -> tuple[str, ...]:
    """The model with one udev rule more, which no node takes without a reboot."""
    model = yaml.safe_load(MODEL.read_text(encoding="utf-8"))
    model["homeops_talos"]["udev_rules"].append('KERNEL=="sdz"')
    path = operator.lab.home / "udev.json"
    path.write_text(json.dumps(model), encoding="utf-8")
    return "-e", f"@{running_versions(operator.lab)}", "-e", f"@{path}"


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
    run = operator.lab.play(*udev(operator), "-e", "talos_health_timeout=1", *words, playbook=PHASE)
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
                self.worth |= {row.robustness for row in longhorn.rows(self.operator)}
            except Exception as error:  # noqa: BLE001 (the API's address moves with a node)
                print(error)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def test_a_volume_that_heals_keeps_every_node_from_rebooting(operator: Operator) -> None:
    operator.lab.fault("platform", json.dumps({"volume_degraded": [longhorn.CLAIM]}))
    until("the volume is degraded", lambda: longhorn.robustness(operator) == ["degraded"])
    try:
        predicted = operator.lab.play(*udev(operator), "--check", "--diff", playbook=PHASE)
        assert predicted.rc == 0, predicted.output
        told = " ".join(predicted.output.split())
        assert f"({longhorn.CLAIM}) is degraded" in told
        assert "the reboot would wait, and then be refused" in told
        run = refused(operator)
        for failure in run.failures:
            assert f"({longhorn.CLAIM}) is degraded" in failure.msg
            assert "talos_health_timeout" in failure.msg
    finally:
        operator.lab.fault("platform", json.dumps({"volume_degraded": []}))
        until("the volume is whole", lambda: longhorn.robustness(operator) == ["healthy"])


def test_another_node_that_is_not_ready_keeps_every_node_from_rebooting(operator: Operator) -> None:
    """A worker that somebody switched off: etcd does not miss it."""
    with operator.kube() as client:
        client.request("POST", "/api/v1/nodes", body=longhorn.named("v1", "Node", "mini04"))
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
    config["clusters"][0]["cluster"]["server"] = f"https://{operator.lab.net}.51.99:6443"
    elsewhere.write_text(yaml.safe_dump(config), encoding="utf-8")
    run = refused(operator, "-e", f"talos_kubeconfig={elsewhere}")
    for failure in run.failures:
        assert "etcd can spare it, but Kubernetes cannot be asked" in failure.msg
        assert "kubernetes_unreachable: reboot" in failure.msg
        assert "talos_kubernetes_unreachable" in failure.msg


def test_the_same_command_reboots_one_node_after_the_other_when_all_is_well(operator: Operator) -> None:
    before = boots(operator)
    with Sampler(operator) as seen:
        done = operator.lab.play(*udev(operator), "-t", "talos")
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
    again = operator.lab.play(*udev(operator), playbook=PHASE)
    assert (again.rc, again.changed) == (0, set())
