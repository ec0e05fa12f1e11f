# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One intent as objects of either schema. No I/O.

Field names and the way from one schema to the other: cilium/cilium v1.17 ``pkg/k8s/apis/cilium.io/v2alpha1``
(``bgp_peering_policy_types.go``, ``bgp_cluster_types.go``, ``bgp_peer_types.go``, ``bgp_advert_types.go``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError
from . import kinds, selectors
from .intent import PORT, Intent, Peer, community_kind

Body = dict[str, Any]


def legacy(intent: Intent, node_selector: Mapping[str, Any] | None = None) -> Body:
    """Return the CiliumBGPPeeringPolicy.

    :param node_selector: instead of the intent's.
    :raises InputError: the legacy kind cannot say it.
    """
    for override in intent.overrides:
        wanted = ",".join(
            [
                *([f"router-id={override.router_id}"] if override.router_id else []),
                *([f"local-port={override.local_port}"] if override.local_port else []),
            ]
        )
        note = f"annotate the node with cilium.io/bgp-virtual-router.{intent.local_asn}: {wanted}" if wanted else ""
        raise InputError(
            f"the legacy kind has no override for one node ({override.node})",
            remedy=f"Use api: v2{', or ' + note if note and not override.local_addresses else ''}",
            param="node_overrides",
        )
    selector = selectors.canonical(node_selector if node_selector is not None else intent.node_selector)
    router: Body = {
        "localASN": intent.local_asn,
        "exportPodCIDR": intent.pod_cidr,
        "neighbors": [_neighbor(intent, peer) for peer in intent.peers],
    }
    if intent.pools:
        router["serviceSelector"] = _services(intent)
        router["serviceAdvertisements"] = ["LoadBalancerIP"]
    spec: Body = {"virtualRouters": [router]}
    if selector:
        spec["nodeSelector"] = selector
    return _object(kinds.LEGACY_VERSION, kinds.LEGACY, intent.name, intent, spec)


def _neighbor(intent: Intent, peer: Peer) -> Body:
    length = 32 if ipaddress.ip_address(peer.address).version == 4 else 128
    body: Body = {
        "peerAddress": f"{peer.address}/{length}",
        "peerASN": peer.asn,
        "peerPort": peer.port,
        "eBGPMultihopTTL": intent.multihop,
        "connectRetryTimeSeconds": intent.timers.connect_retry,
        "holdTimeSeconds": intent.timers.hold,
        "keepAliveTimeSeconds": intent.timers.keepalive,
        "families": [{"afi": family, "safi": "unicast"} for family in intent.families],
        "gracefulRestart": _restart(intent),
    }
    if intent.auth_secret:
        body["authSecretRef"] = intent.auth_secret
    attributes = []
    if intent.load_balancer_communities and intent.pools:
        communities = communities_of(intent.load_balancer_communities)
        attributes.append({"selectorType": "CiliumLoadBalancerIPPool", "communities": communities})
    if intent.pod_communities and intent.pod_cidr:
        attributes.append({"selectorType": "PodCIDR", "communities": communities_of(intent.pod_communities)})
    if attributes:
        body["advertisedPathAttributes"] = attributes
    return body


def v2(intent: Intent, api_version: str, node_selector: Mapping[str, Any] | None = None) -> list[Body]:
    """Return the new kinds' objects, what is referred to before what refers to it.

    :param api_version: ``cilium.io/v2`` or ``cilium.io/v2alpha1``, as served.
    :param node_selector: instead of the intent's.
    """
    selector = selectors.canonical(node_selector if node_selector is not None else intent.node_selector)
    instance: Body = {
        "name": intent.instance,
        "localASN": intent.local_asn,
        "peers": [
            {
                "name": peer.name,
                "peerASN": peer.asn,
                "peerAddress": peer.address,
                "peerConfigRef": {"name": peer_config_name(intent, peer.port)},
            }
            for peer in intent.peers
        ],
    }
    spec: Body = {"bgpInstances": [instance]}
    if selector:
        spec["nodeSelector"] = selector
    ports = sorted({peer.port for peer in intent.peers})
    return [
        _object(api_version, kinds.ADVERTISEMENT, intent.name, intent, {"advertisements": _advertisements(intent)}),
        *(
            _object(api_version, kinds.PEER, peer_config_name(intent, port), intent, _peer_config(intent, port))
            for port in ports
        ),
        *(
            _object(api_version, kinds.OVERRIDE, override.node, intent, _override(intent, override))
            for override in intent.overrides
        ),
        _object(api_version, kinds.CLUSTER, intent.name, intent, spec),
    ]


def peer_config_name(intent: Intent, port: int) -> str:
    """Return the name of the CiliumBGPPeerConfig for peers of one port: the port is all that sets peers apart."""
    return intent.name if port == PORT else f"{intent.name}-port-{port}"


def _peer_config(intent: Intent, port: int) -> Body:
    body: Body = {
        "transport": {"peerPort": port},
        # All three, always: a missing keepalive is filled with 30 even under a shorter hold time.
        "timers": {
            "connectRetryTimeSeconds": intent.timers.connect_retry,
            "holdTimeSeconds": intent.timers.hold,
            "keepAliveTimeSeconds": intent.timers.keepalive,
        },
        "ebgpMultihop": intent.multihop,
        "gracefulRestart": _restart(intent),
        "families": [
            {
                "afi": family,
                "safi": "unicast",
                # A family that selects no advertisement announces nothing on a session that is up.
                "advertisements": {"matchLabels": {kinds.POLICY_LABEL: intent.name}},
            }
            for family in intent.families
        ],
    }
    if intent.auth_secret:
        body["authSecretRef"] = intent.auth_secret
    return body


def _advertisements(intent: Intent) -> list[Body]:
    entries: list[Body] = []
    if intent.pools:
        entry: Body = {
            "advertisementType": "Service",
            "service": {"addresses": ["LoadBalancerIP"]},
            "selector": _services(intent),
        }
        if intent.load_balancer_communities:
            entry["attributes"] = {"communities": communities_of(intent.load_balancer_communities)}
        entries.append(entry)
    if intent.pod_cidr:
        entry = {"advertisementType": "PodCIDR"}
        if intent.pod_communities:
            entry["attributes"] = {"communities": communities_of(intent.pod_communities)}
        entries.append(entry)
    return entries


def _override(intent: Intent, override: Any) -> Body:
    instance: Body = {"name": intent.instance}
    if override.router_id:
        instance["routerID"] = override.router_id
    if override.local_port:
        instance["localPort"] = override.local_port
    if override.local_addresses:
        instance["peers"] = [{"name": name, "localAddress": address} for name, address in override.local_addresses]
    return {"bgpInstances": [instance]}


def _services(intent: Intent) -> Body:
    return {"matchExpressions": [{"key": intent.pool_label, "operator": "In", "values": list(intent.pools)}]}


def _restart(intent: Intent) -> Body:
    if intent.graceful_restart is None:
        return {"enabled": False}
    return {"enabled": True, "restartTimeSeconds": intent.graceful_restart}


def communities_of(values: tuple[str, ...]) -> dict[str, list[str]]:
    """Return communities under the keys of the CRDs."""
    result: dict[str, list[str]] = {}
    for value in values:
        result.setdefault(community_kind(value), []).append(value)
    return result


def _object(api_version: str, kind: str, name: str, intent: Intent, spec: Body) -> Body:
    metadata = {"name": name, "labels": {kinds.POLICY_LABEL: intent.name}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
