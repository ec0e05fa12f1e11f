# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Day two refuses, each time with the reason: another operator, a stale inventory, a cluster that is not well."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import lease
from ansible_collections.homeops.cluster.plugins.module_utils.talos import guard
from ansible_collections.homeops.cluster.plugins.modules import talos_kubernetes_upgrade
from tests.harness.lab import CHECKOUT, Lab
from tests.harness.operator import Operator

BOOKS = {
    "safe_reset": ("-e", "safe_reset_target=mini02", "-e", "safe_reset_confirm=mini02"),
    "upgrade_talos": ("-e", "talos_upgrade_version=v1.11.0"),
    "upgrade_kubernetes": ("-e", "kubernetes_upgrade_version=v1.32.0"),
}
#: An operator on another machine.
OTHER = lease.Holder("alice@laptop", "ffffffff", "4711.1")


@pytest.fixture
def operator(lab: Lab) -> Iterator[Operator]:
    """Somebody at work, whose faults are gone afterwards."""
    working = Operator(lab)
    yield working
    working.lab.heal()


def held(operator: Operator, holder: lease.Holder, seconds: int = 600, ago: int = 0) -> None:
    """Let somebody have the lock since a while ago."""
    with operator.kube() as client:
        lock = lease.Lock(client, "homeops-day-two", "kube-system", Context())
        found, version = lock.read()
        at = datetime.now(UTC) - timedelta(seconds=ago)
        taken = dataclasses.replace(
            found, holder=holder.text, purpose="the reset of mini01", seconds=seconds, renewed=at, taken=at.isoformat()
        )
        lock._write(taken, version)


def boots(lab: Lab) -> dict[str, str]:
    return {name: node["boot_id"] for name, node in lab.nodes().items()}


def test_two_operators_at_once(operator: Operator) -> None:
    """The second one is refused by every operation that takes nodes away, and told whom it waits for."""
    held(operator, OTHER)
    before = boots(operator.lab)
    for book, words in BOOKS.items():
        refused = operator.lab.play(*words, playbook=f"playbooks/{book}.yml")
        assert refused.rc != 0
        message = refused.failures[0].msg
        assert "alice@laptop holds it for the reset of mini01 for" in message, message
        assert "Nothing was sent" in message
        assert "Traceback" not in refused.output
    assert boots(operator.lab) == before
    # Its time is over: it is taken over, in words, and given back at the end.
    held(operator, OTHER, seconds=60, ago=90)
    looked = operator.lab.play(*BOOKS["upgrade_kubernetes"], "--check", playbook="playbooks/upgrade_kubernetes.yml")
    assert looked.rc == 0, looked.output
    told = " ".join(looked.output.split())
    assert "the lock of alice@laptop for the reset of mini01 has ended at" in told
    with operator.kube() as client:
        lock, me = lease.Lock(client, "homeops-day-two", "kube-system", Context()), lease.holder(os.getpid())
        lock.hold(me, "tidying up", 60, take_over=OTHER.text, timeout=0)
        assert lock.release(me)


def test_a_machine_that_is_not_the_inventorys(operator: Operator, tmp_path: Path) -> None:
    """A mainboard was replaced, or another machine has the address: the model's hardware_id tells."""
    model = yaml.safe_load((CHECKOUT / "inventories/home/group_vars/all/nodes.yml").read_text(encoding="utf-8"))
    model["homeops_nodes"][0]["hardware_id"] = "C07STALE0001"
    stale = tmp_path / "nodes.json"
    stale.write_text(json.dumps(model), encoding="utf-8")
    before = boots(operator.lab)
    for book in ("upgrade_talos", "upgrade_kubernetes"):
        refused = operator.lab.play("-e", f"@{stale}", *BOOKS[book], playbook=f"playbooks/{book}.yml")
        assert refused.rc != 0
        assert "hardware_id C07STALE0001 is not this machine's: hostname mini01" in refused.failures[0].msg
        assert "The inventory may be stale" in refused.failures[0].msg
    assert boots(operator.lab) == before


def upgrade(operator: Operator, version: str, **more: Any) -> dict[str, Any]:
    given = {
        **operator.talos,
        "nodes": operator.doors,
        "kubeconfig": operator.kubeconfig,
        "version": version,
        "confirm": version,
        "health_timeout": 60,
        "step_timeout": 60,
        **more,
    }
    return operator.call(talos_kubernetes_upgrade, **given)


def versions(operator: Operator) -> dict[str, dict[str, str]]:
    return {name: node["kubernetes"] for name, node in operator.nodes().items()}


def test_a_cluster_that_is_not_well(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm of etcd, a staged config, an address of another node, an image that nobody has: nothing is sent."""
    monkeypatch.setattr(guard, "PATIENCE", 0.2)
    before = versions(operator)
    operator.fault("mini03", "etcd_alarm", "NOSPACE")
    with pytest.raises(HomeopsError, match="NOSPACE") as refusal:
        upgrade(operator, "v1.31.90", health_timeout=1)
    assert "0 of 15 steps are done" in str(refusal.value)
    operator.lab.heal()
    operator.disarm()
    operator.fault("mini02", "missing_images", '["kube-scheduler:v1.31.91"]')
    with pytest.raises(HomeopsError, match=r"kube-scheduler:v1\.31\.91.*not found") as refusal:
        upgrade(operator, "v1.31.91")
    assert "No machine config was changed" in str(refusal.value)
    moved = [{**operator.door("mini01"), "node": operator.door("mini02")["node"]}, *operator.doors[1:]]
    with pytest.raises(InputError, match="certificate"):
        upgrade(operator, "v1.31.92", nodes=moved)
    renamed = [{**operator.door("mini01"), "name": "mini09"}, *operator.doors[1:]]
    with pytest.raises(InputError, match="calls itself mini01, not mini09"):
        upgrade(operator, "v1.31.92", nodes=renamed)
    assert versions(operator) == before


def test_it_stops_at_the_first_failure_and_goes_on_or_back(operator: Operator) -> None:
    start = versions(operator)["mini01"]["kubelet"]
    operator.fault("mini02", "static_pod_crashes", '["kube-controller-manager:v1.31.95"]')
    with pytest.raises(HomeopsError, match="CrashLoopBackOff") as stop:
        upgrade(operator, "v1.31.95", step_timeout=2)
    assert "Run the same again to go on, or set the version back to v1.31." in str(stop.value)
    assert len(stop.value.facts["done"]) == 4
    found = versions(operator)
    assert {node["kube-apiserver"] for node in found.values()} == {"v1.31.95"}
    assert [node["kube-controller-manager"] for node in found.values()] == ["v1.31.95", "v1.31.95", start]
    assert {node["kube-scheduler"] for node in found.values()} == {start}
    operator.lab.heal()
    went_on = upgrade(operator, "v1.31.95")
    assert went_on["steps"][0].startswith("kube-controller-manager on mini0")
    assert {tag for node in versions(operator).values() for tag in node.values()} == {"v1.31.95"}
    assert upgrade(operator, "v1.31.95", confirm="")["changed"] is False
