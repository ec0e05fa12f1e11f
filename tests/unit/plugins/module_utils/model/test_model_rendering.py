# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One model, two systems: what Talos is told and what Cilium is told must agree."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.model import cilium, talos


def machine_patch(model: dict[str, Any], node: str = "mini01") -> dict[str, Any]:
    """The first patch of a node."""
    return talos.patches(model, node)[0]


def test_each_node_gets_its_own_hostname_and_the_same_rest(model: dict[str, Any]) -> None:
    patches = {node["name"]: machine_patch(model, node["name"]) for node in model["nodes"]}
    names = {name: patch["machine"]["network"].pop("hostname") for name, patch in patches.items()}
    assert names == {name: name for name in patches}
    first, *others = patches.values()
    assert all(other == first for other in others)


def test_kube_proxy_and_its_replacement_are_two_sides_of_one_choice(model: dict[str, Any]) -> None:
    assert machine_patch(model)["cluster"]["proxy"]["disabled"] is cilium.values(model)["kubeProxyReplacement"]


def test_cilium_reaches_the_api_through_the_kubeprism_of_the_nodes(model: dict[str, Any]) -> None:
    model["talos"]["kubeprism_port"] = 7999
    values = cilium.values(model)
    assert (values["k8sServiceHost"], values["k8sServicePort"]) == ("localhost", 7999)
    assert machine_patch(model)["machine"]["features"]["kubePrism"] == {"enabled": True, "port": 7999}


@pytest.mark.parametrize("dual", [False, True])
def test_one_switch_sets_the_families_of_every_system(model: dict[str, Any], dual: bool) -> None:
    model["networks"]["ipv6_enabled"] = dual
    network = machine_patch(model)["cluster"]["network"]
    values = cilium.values(model)
    assert (len(network["podSubnets"]), len(network["serviceSubnets"])) == ((2, 2) if dual else (1, 1))
    assert values["ipv6"]["enabled"] is dual
    pool = values["ipam"]["operator"]
    assert pool["clusterPoolIPv4PodCIDRList"] == network["podSubnets"][:1]
    assert pool.get("clusterPoolIPv6PodCIDRList", []) == network["podSubnets"][1:]


@pytest.mark.parametrize("dual", [False, True])
def test_a_node_registers_its_own_addresses_only(model: dict[str, Any], dual: bool) -> None:
    model["networks"]["ipv6_enabled"] = dual
    own = model["networks"]["management"]
    subnets = machine_patch(model)["machine"]["kubelet"]["nodeIP"]["validSubnets"]
    assert subnets == [own["ipv4"], own["ipv6"]][: 2 if dual else 1]
    address = next(node["address"] for node in model["nodes"] if node["name"] == "mini01")
    assert ipaddress.ip_address(address) in ipaddress.ip_network(subnets[0])


def test_the_disk_of_longhorn_is_a_document_of_its_own(model: dict[str, Any]) -> None:
    volumes = [document for document in talos.patches(model, "mini02") if document.get("kind") == "UserVolumeConfig"]
    assert [volume["name"] for volume in volumes] == [model["storage"]["user_volume"]]


def test_lldpd_is_configured_exactly_when_its_extension_is_installed(model: dict[str, Any]) -> None:
    def services() -> list[str]:
        return [doc["name"] for doc in talos.patches(model, "mini01") if doc.get("kind") == "ExtensionServiceConfig"]

    assert services() == ["lldpd"]
    model["talos"]["extensions"].remove("siderolabs/lldpd")
    assert services() == []


def test_kernel_arguments_travel_in_the_schematic(model: dict[str, Any]) -> None:
    assert "extraKernelArgs" not in machine_patch(model)["machine"]["install"]
    assert talos.schematic(model)["customization"]["extraKernelArgs"] == model["talos"]["kernel_args"]
    model["talos"]["kernel_args"] = []
    assert "extraKernelArgs" not in talos.schematic(model)["customization"]


def test_extra_values_are_merged_and_win(model: dict[str, Any]) -> None:
    model["cilium"]["extra_values"] = {"hubble": {"ui": {"enabled": False}}, "debug": {"enabled": True}}
    values = cilium.values(model)
    assert values["hubble"] == {"enabled": True, "relay": {"enabled": True}, "ui": {"enabled": False}}
    assert values["debug"] == {"enabled": True}


def test_a_host_without_a_node_entry_is_named(model: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"No node 'mini09'.*mini01, mini02, mini03"):
        talos.patches(model, "mini09")


def test_workers_get_nothing_of_the_control_plane(model: dict[str, Any]) -> None:
    model["nodes"][2]["role"] = "worker"
    patch = machine_patch(model, "mini03")
    assert "vip" not in patch["machine"]["network"]["interfaces"][0]
    assert not {"etcd", "apiServer", "scheduler", "controllerManager"} & set(patch["cluster"])
