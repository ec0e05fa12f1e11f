# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands after the bootstrap: asked of the controller's files and, through our own modules, of the systems."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

NET = os.environ["HOMEOPS_LAB_NET"]
STATE = os.environ["HOMEOPS_LAB_DIR"] + "/controller"
NODES = {"mini01": "51.11", "mini02": "51.12", "mini03": "51.13"}
#: The first half of the addresses which the model gives the nodes and their certificates carry.
HOME_NET = "172.29"

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(host: Host) -> Ask:
    """Call one of our modules on the controller, as an ad hoc task."""

    def call(module: str, **parameters: Any) -> dict[str, Any]:
        answer = host.ansible(f"homeops.cluster.{module}", json.dumps(parameters), check=False, become=False)
        # testinfra drops "failed"; our modules say why in "msg", and only then.
        assert "msg" not in answer, answer["msg"]
        return answer

    return call


@pytest.fixture
def select(ask: Ask) -> Callable[..., Any]:
    """Return the value of a JMESPath expression over Kubernetes objects."""

    def call(kind: str, jmespath: str, **query: str) -> Any:
        return ask("kube_info", kubeconfig=f"{STATE}/kubeconfig", kind=kind, jmespath=jmespath, **query)["value"]

    return call


@pytest.mark.parametrize("name", ["kubeconfig", "talosconfig"])
def test_credentials_are_the_owners_alone(host: Host, name: str) -> None:
    file = host.file(f"{STATE}/{name}")
    assert file.is_file
    assert file.mode == 0o600
    assert host.file(STATE).mode == 0o700


def test_three_nodes_are_ready(select: Callable[..., Any]) -> None:
    ready = "[].{name: metadata.name, ready: status.conditions[?type=='Ready'].status | [0]}"
    found = {node["name"]: node["ready"] for node in select("Node", ready)}
    assert found == dict.fromkeys(NODES, "True")


def test_nodes_carry_the_models_addresses(select: Callable[..., Any]) -> None:
    internal = "[].[metadata.name, status.addresses[?type=='InternalIP'].address | [0]]"
    assert dict(select("Node", internal)) == {name: f"{HOME_NET}.{place}" for name, place in NODES.items()}


def test_every_agent_of_the_network_is_ready(select: Callable[..., Any]) -> None:
    counts = "[0].status.[desiredNumberScheduled, numberReady]"
    assert select("DaemonSet", counts, api_version="apps/v1", name="cilium", namespace="kube-system") == [3, 3]


def test_etcd_has_every_node_as_voter(ask: Ask) -> None:
    nodes = [
        {"name": name, "node": f"{NET}.{place}", "server_name": f"{HOME_NET}.{place}"} for name, place in NODES.items()
    ]
    answer = ask("talos_info", nodes=nodes, talosconfig=f"{STATE}/talosconfig")
    assert sorted(node["name"] for node in answer["nodes"]) == sorted(NODES)
    for node in answer["nodes"]:
        assert node["stage"] == "running"
        assert sorted(member["hostname"] for member in node["etcd"]["members"]) == sorted(NODES)
