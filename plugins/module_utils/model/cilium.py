# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says to Cilium: the values of its chart.

Every key is one that chart 1.17 reads; several that look right (``enableIPv4``, ``bgp.enabled``, ``datapathMode``, ...)
are accepted by the chart's schema and do nothing (cilium/charts 1.17.6 ``values.schema.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import networks

#: Talos forbids SYS_MODULE; the rest is the chart's own list (Talos 1.10 guide "Deploying Cilium CNI").
_AGENT_CAPABILITIES = [
    "CHOWN",
    "KILL",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "SYS_ADMIN",
    "SYS_RESOURCE",
    "DAC_OVERRIDE",
    "FOWNER",
    "SETGID",
    "SETUID",
]
_CLEANER_CAPABILITIES = ["NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE"]


def values(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chart values, ``cilium.extra_values`` merged in last.

    :param model: the whole model, keyed by subject.
    """
    cilium, nets = model["cilium"], model["networks"]
    result: dict[str, Any] = {
        "bgpControlPlane": {
            "enabled": True,
            "secretsNamespace": {"create": False, "name": cilium["namespace"]},
            "statusReport": {"enabled": True},
        },
        "cgroup": {"autoMount": {"enabled": False}, "hostRoot": "/sys/fs/cgroup"},
        "cni": {"exclusive": False, "install": True},
        "enableLBIPAM": True,
        "hubble": {
            "enabled": cilium["hubble"],
            "relay": {"enabled": cilium["hubble"]},
            "ui": {"enabled": cilium["hubble"]},
        },
        "ipam": {"mode": "cluster-pool", "operator": _cluster_pool(nets)},
        "ipv4": {"enabled": True},
        "ipv6": {"enabled": networks.dual_stack(nets)},
        # KubePrism on every node: the VIP is not reachable before the CNI is.
        "k8sServiceHost": "localhost",
        "k8sServicePort": model["talos"]["kubeprism_port"],
        "kubeProxyReplacement": True,
        # Addresses reach the router by BGP; announcing them on a segment too would only hide a broken session.
        "l2announcements": {"enabled": False},
        "loadBalancer": {
            "acceleration": cilium["acceleration"],
            "algorithm": cilium["load_balancer_algorithm"],
            "mode": cilium["load_balancer_mode"],
        },
        "operator": {
            "prometheus": {"enabled": cilium["prometheus"]},
            "replicas": cilium["operator_replicas"],
            "rollOutPods": True,
        },
        "prometheus": {"enabled": cilium["prometheus"]},
        "securityContext": {
            "capabilities": {
                "ciliumAgent": list(_AGENT_CAPABILITIES),
                "cleanCiliumState": list(_CLEANER_CAPABILITIES),
            }
        },
    }
    return _merge(result, cilium.get("extra_values") or {})


def _cluster_pool(nets: Mapping[str, Any]) -> dict[str, Any]:
    pods = nets["pods"]
    pool: dict[str, Any] = {
        "clusterPoolIPv4PodCIDRList": [pods["ipv4"]],
        "clusterPoolIPv4MaskSize": pods["ipv4_node_mask"],
    }
    if networks.dual_stack(nets):
        pool["clusterPoolIPv6PodCIDRList"] = [pods["ipv6"]]
        pool["clusterPoolIPv6MaskSize"] = pods["ipv6_node_mask"]
    return pool


def _merge(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``left`` with ``right`` merged in: maps recursively, everything else replaced."""
    merged = dict(left)
    for key, value in right.items():
        both_maps = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both_maps else value
    return merged
