# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first broken layer is the one that is told, and nothing above it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.recovery.diagnosis import (
    LAYERS,
    REPAIRS,
    Facts,
    Layer,
    diagnose,
)

NAMES = ("mini01", "mini02", "mini03")
MEMBERS = [{"id": f"{n:016x}", "hostname": name, "learner": False} for n, name in enumerate(NAMES, 1)]


def node(name: str, **more: Any) -> dict[str, Any]:
    etcd = {
        "control_plane": True,
        "running": True,
        "leader_id": "1",
        "reason": "",
        "members": copy.deepcopy(MEMBERS),
        "alarms": [],
    }
    services = [{"id": one, "state": "Running", "healthy": True, "message": ""} for one in ("kubelet", "etcd", "apid")]
    volumes = [{"id": "EPHEMERAL", "phase": "ready", "location": "/dev/sda4", "error": ""}]
    base = {"name": name, "mode": "configured", "stage": "running", "reason": ""}
    return {**base, "etcd": etcd, "services": services, "volumes": volumes, **more}


def objects() -> list[dict[str, Any]]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return [
        *({"kind": "Node", "metadata": {"name": name}, "status": copy.deepcopy(ready)} for name in NAMES),
        {
            "kind": "DaemonSet",
            "metadata": {"namespace": "kube-system", "name": "cilium"},
            "status": {"numberReady": 3, "desiredNumberScheduled": 3},
        },
        {
            "kind": "Deployment",
            "metadata": {"namespace": "kube-system", "name": "coredns"},
            "spec": {"replicas": 2},
            "status": {"availableReplicas": 2},
        },
    ]


def healthy() -> dict[str, Any]:
    """Everything that stands, as keyword arguments of ``Facts``."""
    above: dict[str, Any] = {
        "bgp": {"answer": {"findings": [], "routes": [{}]}},
        "storage": {"answer": {"installed": True, "volumes": [{"name": "a", "claim": "", "robustness": "healthy"}]}},
        "flux": {"answer": {"objects": [], "causes": [], "summary": ""}},
        "identity": {"answer": {"findings": []}},
    }
    return {"nodes": NAMES, "talos": [node(name) for name in NAMES], "objects": objects(), "above": above}


def no_quorum(facts: dict[str, Any]) -> None:
    for one in facts["talos"]:
        one["etcd"].update(running=False, members=[], reason="etcdserver: no leader")


def one_dead(facts: dict[str, Any]) -> None:
    facts["talos"][1]["etcd"].update(running=False, members=[], reason="connection refused")


def stranger(facts: dict[str, Any]) -> None:
    for one in facts["talos"]:
        one["etcd"]["members"].append({"id": "00000000000000ff", "hostname": "mini09", "learner": False})


def hung(facts: dict[str, Any]) -> None:
    facts["talos"][1]["services"][0].update(healthy=False, message="deadline exceeded")


def answer(layer: str, **content: Any) -> Callable[[dict[str, Any]], None]:
    def change(facts: dict[str, Any]) -> None:
        facts["above"][layer]["answer"].update(content)

    return change


LOST = {"code": "no_outpost", "level": "error", "subject": "provider wiki", "text": "provider wiki is on no outpost"}
SUSPENDED = {"kind": "HelmRelease", "namespace": "a", "name": "b", "suspended": True, "state": "suspended"}
STALLED = {"kind": "Kustomization", "namespace": "a", "name": "b", "state": "stalled", "text": "no such path"}
REFUSED = {"severity": "error", "subject": "172.29.52.200", "text": "not accepted"}

#: What breaks, the layer, the repair's word, and what is told.
BREAKS: list[tuple[Callable[[dict[str, Any]], Any], str, str, str]] = [
    (lambda f: f["talos"][2].update(mode="unreachable", reason="refused"), "talos", "", "mini03 does not answer"),
    (lambda f: f["talos"].pop(), "talos", "", "mini03 does not answer: it was not asked"),
    (lambda f: f["talos"][2].update(mode="maintenance"), "talos", "config", "mini03 is in maintenance"),
    (lambda f: f["talos"][2].update(stage="upgrading"), "talos", "", "mini03 is upgrading"),
    (
        lambda f: f["talos"][0]["volumes"][0].update(phase="failed", error="no disks matched"),
        "disks",
        "",
        "EPHEMERAL of mini01 is failed: no disks matched",
    ),
    (hung, "services", "service", "kubelet of mini02 is not healthy (deadline exceeded)"),
    (lambda f: f["talos"][1]["services"][2].update(state="Failed"), "services", "", "apid of mini02 is failed"),
    (no_quorum, "etcd", "etcd_restore", "no etcd has a leader (mini01: etcdserver: no leader"),
    (one_dead, "etcd", "etcd_member", "the etcd of mini02 does not run (connection refused)"),
    (stranger, "etcd", "etcd_member", "mini09 (00000000000000ff) is a member and no node"),
    (lambda f: f["talos"][0]["etcd"]["members"][2].update(learner=True), "etcd", "", "mini03 is still a learner"),
    (
        lambda f: f["talos"][0]["etcd"]["alarms"].append({"member_id": "1", "alarm": "NOSPACE"}),
        "etcd",
        "",
        "the alarm NOSPACE",
    ),
    (lambda f: f.update(objects=None, objects_reason="connection refused"), "api", "", "connection refused"),
    (lambda f: f["objects"][3]["status"].update(numberReady=2), "cni", "", "2 of 3 agents"),
    (lambda f: f["objects"][0]["status"].update(conditions=[]), "cni", "", "mini01 is not Ready"),
    (lambda f: f["objects"].pop(3), "cni", "", "no DaemonSet kube-system/cilium"),
    (answer("bgp", findings=[REFUSED, REFUSED]), "bgp", "bgp", "172.29.52.200: not accepted (and 1 more)"),
    (lambda f: f["objects"][4]["status"].clear(), "dns", "", "no replica of kube-system/coredns"),
    (
        lambda f: f["above"]["storage"]["answer"]["volumes"][0].update(robustness="faulted"),
        "storage",
        "",
        "the volume a is faulted",
    ),
    (answer("flux", objects=[SUSPENDED]), "flux", "flux", "HelmRelease a/b is suspended"),
    (answer("flux", causes=[STALLED]), "flux", "flux", "Kustomization a/b is stalled (no such path)"),
    (
        lambda f: f["above"].update(flux={"answer": None, "reason": "no answer"}),
        "flux",
        "",
        "no answer",
    ),
    (answer("identity", findings=[LOST]), "identity", "outpost", "provider wiki is on no outpost"),
    (answer("identity", findings=[{**LOST, "code": "config"}]), "identity", "", "provider wiki"),
]


def test_what_stands_is_not_broken() -> None:
    found = diagnose(Facts(**healthy()))
    assert found.first is None
    assert {layer.state for layer in found.layers} == {"ok"}
    assert [layer.name for layer in found.layers] == list(LAYERS)
    assert found.facts([])["healthy"]


@pytest.mark.parametrize(("change", "layer", "repair", "text"), BREAKS)
def test_each_break_is_named(change: Callable[[dict[str, Any]], Any], layer: str, repair: str, text: str) -> None:
    facts = healthy()
    change(facts)
    found = diagnose(Facts(**facts))
    assert found.first is not None
    assert (found.first.name, found.first.repair) == (layer, repair)
    assert text in found.first.what
    assert found.first.meaning
    position = LAYERS.index(layer)
    assert all(one.state == "ok" for one in found.layers[:position])
    assert all(one == Layer(one.name, "unseen") for one in found.layers[position + 1 :])
    assert found.facts([])["repair"] == ""
    if repair:
        assert repair in REPAIRS
        assert found.facts([repair])["repair"] == repair
        assert "not allowed" in found.summary([])


def test_targets_are_what_the_repairs_need() -> None:
    targets = {}
    for change, _layer, _repair, _text in BREAKS:
        facts = healthy()
        change(facts)
        first = diagnose(Facts(**facts)).first
        assert first is not None
        targets.setdefault(first.repair, dict(first.target))
    assert targets["config"] == {"node": "mini03"}
    assert targets["service"] == {"node": "mini02", "service": "kubelet"}
    assert targets["etcd_member"] == {"member": "mini02", "wipe": True}
    assert targets["flux"] == {"kind": "HelmRelease", "namespace": "a", "name": "b"}
    assert targets["outpost"] == {"providers": ["wiki"]}


def test_what_is_not_installed_is_not_broken() -> None:
    facts = healthy()
    facts["above"].update(flux={"absent": True}, storage={"answer": {"installed": False}})
    del facts["above"]["identity"]
    states = {layer.name: layer.state for layer in diagnose(Facts(**facts)).layers}
    assert (states["flux"], states["storage"], states["identity"]) == ("absent", "absent", "unseen")


@given(st.lists(st.sampled_from(range(len(BREAKS))), min_size=2, max_size=4, unique=True))
def test_of_several_breaks_the_lowest_is_told(chosen: list[int]) -> None:
    facts = healthy()
    for number in chosen:
        try:
            BREAKS[number][0](facts)
        except (IndexError, KeyError, TypeError, AttributeError):
            return  # two of them take the same thing away
    first = diagnose(Facts(**facts)).first
    assert first is not None
    assert LAYERS.index(first.name) <= min(LAYERS.index(BREAKS[number][1]) for number in chosen)
