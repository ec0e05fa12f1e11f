# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``cilium_bgp_info`` tells: everything that BGP consists of, read once and followed link by link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import advertise, kinds, lint, lint_overlap, pools as rules, sessions
from .findings import Around
from .store import Body, Store


def nothing() -> dict[str, Any]:
    """Return the answer for a cluster that is not there yet."""
    return {
        "served": {"legacy": False, "new": "", "pools": ""},
        "policies": [],
        "sessions": [],
        "services": [],
        "pools": [],
        "pod_routes": False,
        "pods": [],
        "findings": [],
    }


def gather(store: Store, pool_label: str, secrets_namespace: str) -> dict[str, Any]:
    """Read and judge.

    :returns: the keys of the module's RETURN.
    """
    found = store.read(kinds.LEGACY, *kinds.NEW, kinds.NODE, kinds.POOL)
    objects = [body for kind in (kinds.LEGACY, *kinds.NEW) for body in found[kind]]
    nodes = store.nodes()
    services = [
        service for service in store.core("v1", "Service") if (service.get("spec") or {}).get("type") == "LoadBalancer"
    ]
    local = any((service.get("spec") or {}).get("externalTrafficPolicy") == "Local" for service in services)
    slices = store.core("discovery.k8s.io/v1", "EndpointSlice") if local else []
    states = {name: store.secret(secrets_namespace, name) for name in sorted(secret_names(objects))}
    around = Around(
        nodes=nodes,
        secrets={name: state for name, state in states.items() if state},
        pools=found[kinds.POOL],
        services=services,
        pool_label=pool_label,
    )
    used = rules.in_use(services)
    pods_too = advertise.pod_routes(objects)
    cluster = advertise.Cluster(
        tuple(objects), tuple(found[kinds.POOL]), tuple(services), nodes, tuple(slices), pool_label
    )
    return {
        "served": {"legacy": store.served.legacy, "new": store.served.new, "pools": store.served.pools},
        "policies": policies(objects, around),
        "sessions": [one.as_dict() for one in sessions.sessions(found[kinds.NODE])],
        "services": [reach.as_dict() for reach in advertise.reaches(cluster)],
        "pools": [rules.usage(body, used) for body in sorted(found[kinds.POOL], key=kinds.name_of)],
        "pod_routes": pods_too,
        "pods": advertise.pod_ranges(objects, store.core("cilium.io/v2", "CiliumNode"), nodes) if pods_too else [],
        "findings": [finding.as_dict() for finding in lint.lint([*objects, *found[kinds.POOL]], around)],
    }


def secret_names(objects: list[Body]) -> set[str]:
    """Return the Secrets that peers take passwords from."""
    found = {str(kinds.spec_of(body).get("authSecretRef") or "") for body in kinds.of_kind(objects, kinds.PEER)}
    for policy in kinds.of_kind(objects, kinds.LEGACY):
        for router in kinds.spec_of(policy).get("virtualRouters") or []:
            found |= {str(neighbor.get("authSecretRef") or "") for neighbor in router.get("neighbors") or []}
    return found - {""}


def policies(objects: list[Body], around: Around) -> list[dict[str, Any]]:
    """Return every policy and ClusterConfig with the nodes that it selects, and those that follow it."""
    legacy = kinds.of_kind(objects, kinds.LEGACY)
    clusters = kinds.of_kind(objects, kinds.CLUSTER)
    ruled = frozenset(node for policy in legacy for node in lint_overlap.selected(policy, around) or ())
    return [
        *(_row(policy, around, frozenset(), _routers(policy)) for policy in legacy),
        *(_row(cluster, around, ruled, _instances(cluster)) for cluster in clusters),
    ]


def _row(
    body: Mapping[str, Any], around: Around, ruled: frozenset[str], instances: list[dict[str, Any]]
) -> dict[str, Any]:
    nodes = lint_overlap.selected(body, around) or frozenset()
    # The condition's message and reason stay what they were when its status goes back to False: only that counts.
    conditions = [
        f"{str(entry.get('type')).rpartition('/')[2]}: {entry.get('message')}"
        for entry in (body.get("status") or {}).get("conditions") or []
        if entry.get("status") == "True"
    ]
    return {
        "kind": body["kind"],
        "name": kinds.name_of(body),
        "api_version": body.get("apiVersion"),
        "nodes": sorted(nodes),
        "effective_nodes": sorted(nodes - ruled),
        "instances": instances,
        "conditions": conditions,
        "ours": kinds.labels_of(body).get(kinds.POLICY_LABEL) == kinds.name_of(body),
    }


def _routers(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": "",
            "local_asn": router.get("localASN"),
            "peers": [
                {
                    "name": "",
                    "address": str(peer.get("peerAddress")).partition("/")[0],
                    "asn": peer.get("peerASN"),
                    "port": peer.get("peerPort", 179),
                }
                for peer in router.get("neighbors") or []
            ],
        }
        for router in kinds.spec_of(policy).get("virtualRouters") or []
    ]


def _instances(cluster: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": instance.get("name"),
            "local_asn": instance.get("localASN"),
            "peers": [
                {
                    "name": peer.get("name"),
                    "address": peer.get("peerAddress"),
                    "asn": peer.get("peerASN"),
                    "peer_config": (peer.get("peerConfigRef") or {}).get("name"),
                }
                for peer in instance.get("peers") or []
            ],
        }
        for instance in kinds.spec_of(cluster).get("bgpInstances") or []
    ]
