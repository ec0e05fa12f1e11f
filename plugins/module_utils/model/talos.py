# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says to Talos: the patches of one node's machine config, and the schematic of its installer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError
from . import networks

#: Added by Talos to every control plane since 1.8. It takes the node out of external load balancing, so on a cluster
#: whose nodes are all control plane no node would announce a LoadBalancer address.
EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"


def patches(model: Mapping[str, Any], node_name: str) -> list[dict[str, Any]]:
    """Return the patches for one node: the v1alpha1 patch first, then one document per user volume and extension.

    :param model: the whole model, keyed by subject.
    :raises InputError: when the model has no such node.
    """
    return [_machine_and_cluster(model, _node(model, node_name)), *_user_volumes(model), *_extension_services(model)]


def node_configs(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return ``{name, machine_type, patches}`` of every node, as ``talos_config`` takes them."""
    return [
        {"name": node["name"], "machine_type": node["role"], "patches": patches(model, node["name"])}
        for node in model["nodes"]
    ]


def schematic(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Image Factory schematic of all nodes.

    Kernel arguments belong here and not into ``install.extraKernelArgs``: a fresh UEFI installation of Talos 1.10 boots
    a unified kernel image, and that takes its arguments from the image alone.
    """
    talos = model["talos"]
    customization: dict[str, Any] = {"systemExtensions": {"officialExtensions": list(talos["extensions"])}}
    if talos.get("kernel_args"):
        customization["extraKernelArgs"] = list(talos["kernel_args"])
    return {"customization": customization}


def _node(model: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for node in model["nodes"]:
        if node["name"] == name:
            return node
    raise InputError(
        f"no node {name!r} in the model",
        answer=f"homeops_nodes has {', '.join(node['name'] for node in model['nodes']) or 'no entry'}",
        remedy="Add it to homeops_nodes or take the host out of the inventory",
    )


def _machine_and_cluster(model: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    talos, nets = model["talos"], model["networks"]
    control_plane = node["role"] == "controlplane"
    machine: dict[str, Any] = {
        "kubelet": {
            "extraConfig": dict(talos["kubelet_extra_config"]),
            # Without it a node may register an address that a router of the provider has given it.
            "nodeIP": {"validSubnets": networks.both(nets, "management")},
        },
        "network": {"hostname": node["name"], "interfaces": [_interface(model, control_plane)]},
        "install": {"diskSelector": dict(talos["install_disk_selector"]), "wipe": bool(talos["install_wipe"])},
        "sysctls": {key: str(value) for key, value in talos["sysctls"].items()},
        "udev": {"rules": [rule.strip() for rule in talos["udev_rules"]]},
        "systemDiskEncryption": {
            partition: {"provider": "luks2", "keys": [{"nodeID": {}, "slot": 0}]}
            for partition in talos["encrypted_partitions"]
        },
        "features": {"kubePrism": {"enabled": True, "port": talos["kubeprism_port"]}},
    }
    cluster: dict[str, Any] = {
        "network": {
            "dnsDomain": model["cluster"]["dns_domain"],
            "podSubnets": networks.both(nets, "pods"),
            "serviceSubnets": networks.both(nets, "services"),
            "cni": {"name": "none"},
        },
        "discovery": {
            "enabled": True,
            "registries": {"kubernetes": {"disabled": False}, "service": {"disabled": False}},
        },
    }
    if control_plane:
        machine["nodeLabels"] = {EXCLUDE_LABEL: {"$patch": "delete"}}
        # Bound to every address, or Prometheus could not scrape the leader.
        open_to_scrapes = {"bind-address": "0.0.0.0", **talos["leader_election"]}
        cluster |= {
            # Cilium replaces it; both at once would program the same Services twice.
            "proxy": {"disabled": True},
            "apiServer": {"extraArgs": {"enable-admission-plugins": ",".join(talos["admission_plugins"])}},
            "controllerManager": {"extraArgs": dict(open_to_scrapes)},
            "scheduler": {"extraArgs": dict(open_to_scrapes)},
            "etcd": {"extraArgs": dict(talos["etcd_extra_args"])},
            "allowSchedulingOnControlPlanes": bool(model["cluster"]["schedule_on_control_planes"]),
        }
    return {"machine": machine, "cluster": cluster}


def _interface(model: Mapping[str, Any], control_plane: bool) -> dict[str, Any]:
    talos = model["talos"]
    interface: dict[str, Any] = {
        "interface": model["networks"]["interface"],
        "dhcp": True,
        "dhcpOptions": {"routeMetric": talos["route_metric"], "ipv4": True, "ipv6": False},
    }
    if talos.get("ipv6_gateway"):
        interface["routes"] = [{"network": "::/0", "gateway": talos["ipv6_gateway"]}]
    if control_plane:
        interface["vip"] = {"ip": model["cluster"]["vip"]}
    return interface


def _user_volumes(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1alpha1",
            "kind": "UserVolumeConfig",
            "name": volume["name"],
            "provisioning": {"diskSelector": {"match": volume["match"]}, "maxSize": volume["max_size"]},
            "filesystem": {"type": volume["filesystem"]},
        }
        for volume in model["talos"]["user_volumes"]
    ]


def _extension_services(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    config = model["talos"].get("lldpd_config")
    if not config or not any(name.endswith("/lldpd") for name in model["talos"]["extensions"]):
        return []
    return [
        {
            "apiVersion": "v1alpha1",
            "kind": "ExtensionServiceConfig",
            "name": "lldpd",
            "configFiles": [{"content": config, "mountPath": "/usr/local/etc/lldpd/lldpd.conf"}],
        }
    ]
