# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests configure by hand: the router's text and the Cilium objects of both generations."""

from __future__ import annotations

from typing import Any

API = "cilium.io/v2alpha1"
POOLS = ["bgp-default", "bgp-ingress", "bgp-reserved"]
POOL_LABEL = "io.cilium/lb-ipam-pool"
BY_POOL = {"matchExpressions": [{"key": POOL_LABEL, "operator": "In", "values": POOLS}]}
MEMBERS = {"mini01": 11, "mini02": 12, "mini03": 13}


def router(*, password: str = "", ipv6: bool = False, group: str = "") -> str:
    """Return a correct text: policies first, both policies on each group, le 32, maximum-paths.

    :param group: further lines of the IPv4 group.
    """
    lines = [
        "! by hand",
        "frr defaults traditional",
        "ip prefix-list LB-V4 seq 10 permit 172.29.52.0/24 le 32",
        "ip prefix-list PODS-V4 seq 10 permit 10.244.0.0/16 ge 24 le 24",
        "ipv6 prefix-list LB-V6 seq 10 permit fd47:25e1:2f96:52::/64 le 128",
        "route-map IN-V4 permit 10",
        " match ip address prefix-list LB-V4",
        " set local-preference 200",
        "route-map IN-V4 permit 20",
        " match ip address prefix-list PODS-V4",
        "route-map IN-V4 deny 65535",
        "route-map IN-V6 permit 10",
        " match ipv6 address prefix-list LB-V6",
        "route-map IN-V6 deny 65535",
        "route-map NOTHING deny 65535",
        "router bgp 64513",
        " bgp router-id 172.29.51.1",
        " bgp log-neighbor-changes",
        " bgp bestpath as-path multipath-relax",
        " bgp graceful-restart",
        " no bgp default ipv4-unicast",
        " neighbor V4 peer-group",
        " neighbor V4 remote-as 64512",
        " neighbor V4 timers 3 9",
        " neighbor V4 timers connect 10",
    ]
    lines += [f" neighbor V4 password {password}"] if password else []
    lines += [group] if group else []
    for name, last in MEMBERS.items():
        lines += [f" neighbor 172.29.51.{last} peer-group V4", f" neighbor 172.29.51.{last} description {name}"]
    if ipv6:
        lines += [" neighbor V6 peer-group", " neighbor V6 remote-as 64512", " neighbor V6 timers 3 9"]
        lines += [f" neighbor fd47:25e1:2f96:51::{last} peer-group V6" for last in MEMBERS.values()]
    lines += _family("ipv4", "V4", "IN-V4")
    lines += _family("ipv6", "V6", "IN-V6") if ipv6 else []
    return "\n".join(lines) + "\n"


def _family(family: str, group: str, inward: str) -> list[str]:
    return [
        f" address-family {family} unicast",
        "  maximum-paths 3",
        f"  neighbor {group} activate",
        f"  neighbor {group} route-map {inward} in",
        f"  neighbor {group} route-map NOTHING out",
        f"  neighbor {group} soft-reconfiguration inbound",
        " exit-address-family",
    ]


def pool(name: str = "bgp-default", start: str = "172.29.52.100", stop: str = "172.29.52.199") -> dict[str, Any]:
    """Return a pool that Services choose by the label."""
    selector = {"matchLabels": {POOL_LABEL: name}}
    spec = {"blocks": [{"start": start, "stop": stop}], "serviceSelector": selector}
    return {"apiVersion": API, "kind": "CiliumLoadBalancerIPPool", "metadata": {"name": name}, "spec": spec}


def advertisement(labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the advertisement of Services by pool, and of pod ranges."""
    entries = [
        {
            "advertisementType": "Service",
            "service": {"addresses": ["LoadBalancerIP"]},
            "attributes": {"communities": {"standard": ["64512:100"]}},
            "selector": BY_POOL,
        },
        {"advertisementType": "PodCIDR"},
    ]
    metadata = {"name": "lb", "labels": {"homeops.io/advertise": "udm"} if labels is None else labels}
    return {
        "apiVersion": API,
        "kind": "CiliumBGPAdvertisement",
        "metadata": metadata,
        "spec": {"advertisements": entries},
    }


def peer_config(secret: str = "") -> dict[str, Any]:
    """Return the peer's config, with short timers and graceful restart."""
    chosen = {"matchLabels": {"homeops.io/advertise": "udm"}}
    spec: dict[str, Any] = {
        "gracefulRestart": {"enabled": True, "restartTimeSeconds": 30},
        "families": [{"afi": "ipv4", "safi": "unicast", "advertisements": chosen}],
    }
    if secret:
        spec["authSecretRef"] = secret
    return {"apiVersion": API, "kind": "CiliumBGPPeerConfig", "metadata": {"name": "udm"}, "spec": spec}


def cluster_config() -> dict[str, Any]:
    """Return the cluster's config: one instance, one peer, all nodes."""
    peer = {
        "name": "udm-pro",
        "peerASN": 64513,
        "peerAddress": "172.29.51.1",
        "peerConfigRef": {"name": "udm"},
    }
    spec = {"bgpInstances": [{"name": "instance-64512", "localASN": 64512, "peers": [peer]}]}
    return {"apiVersion": API, "kind": "CiliumBGPClusterConfig", "metadata": {"name": "home-ops"}, "spec": spec}


def legacy_policy(name: str = "bgp-peering-policy") -> dict[str, Any]:
    """Return the same as one policy of the legacy kind."""
    restart = {"enabled": True, "restartTimeSeconds": 30}
    neighbor = {"peerAddress": "172.29.51.1/32", "peerASN": 64513, "gracefulRestart": restart}
    virtual = {"localASN": 64512, "exportPodCIDR": True, "serviceSelector": BY_POOL, "neighbors": [neighbor]}
    spec = {"nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}}, "virtualRouters": [virtual]}
    return {"apiVersion": API, "kind": "CiliumBGPPeeringPolicy", "metadata": {"name": name}, "spec": spec}


def service(name: str, pool_name: str = "bgp-default", **spec: Any) -> dict[str, Any]:
    """Return a LoadBalancer Service that chooses a pool."""
    metadata = {"name": name, "namespace": "default", "labels": {POOL_LABEL: pool_name}}
    body = {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}
