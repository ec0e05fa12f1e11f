# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CustomResourceDefinitions that the operator of Cilium 1.17 registers, with the schemas that matter.

Complete are the BGP kinds and the pools (cilium/cilium v1.17 ``pkg/k8s/apis/cilium.io/v2alpha1``); the kinds that only
Cilium itself writes keep whatever they are given. All of 1.17's BGP kinds are ``v2alpha1`` only.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

GROUP = "cilium.io"
_ADDRESS = (
    r"^(((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3})"
    r"|([0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4})$"
)
_STANDARD = (
    r"^([0-9]|[1-9][0-9]{1,8}|[1-3][0-9]{9}|4[0-1][0-9]{8}|42[0-8][0-9]{7}|429[0-4][0-9]{6})$|^[0-9]{1,5}:[0-9]{1,5}$"
)
_LARGE = r"^([0-9]|[1-9][0-9]{1,9}):([0-9]|[1-9][0-9]{1,9}):([0-9]|[1-9][0-9]{1,9})$"
_WELL_KNOWN = [
    *("internet", "planned-shut", "accept-own", "route-filter-translated-v4", "route-filter-v4"),
    *("route-filter-translated-v6", "route-filter-v6", "llgr-stale", "no-llgr", "blackhole", "no-export"),
    *("no-advertise", "no-export-subconfed", "no-peer"),
]
_AFI = ["ipv4", "ipv6", "l2vpn", "ls", "opaque"]
_SAFI = [
    *("unicast", "multicast", "mpls_label", "encapsulation", "vpls", "evpn", "ls", "sr_policy", "mup", "mpls_vpn"),
    *("mpls_vpn_multicast", "route_target_constraints", "flowspec_unicast", "flowspec_vpn", "key_value"),
]


def _object(properties: Schema, required: tuple[str, ...] = (), **more: Any) -> Schema:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {}), **more}


def _list(items: Schema, key: str = "", **more: Any) -> Schema:
    kind = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]} if key else {}
    return {"type": "array", "items": items, **kind, **more}


def _text(**more: Any) -> Schema:
    return {"type": "string", **more}


def _number(
    low: int | None = None, high: int | None = None, *, size: str = "int32", default: int | None = None
) -> Schema:
    schema: Schema = {"type": "integer", "format": size}
    limits = {"minimum": low, "maximum": high, "default": default}
    return schema | {key: value for key, value in limits.items() if value is not None}


_FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_ASN = _number(0, 4294967295, size="int64")
_PORT = _number(1, 65535)
_SELECTOR = _object(
    {
        "matchExpressions": _list(
            _object(
                {
                    "key": _text(),
                    "operator": _text(enum=["In", "NotIn", "Exists", "DoesNotExist"]),
                    "values": _list(_text(), **{"x-kubernetes-list-type": "atomic"}),
                },
                ("key", "operator"),
            ),
            **{"x-kubernetes-list-type": "atomic"},
        ),
        "matchLabels": {
            "type": "object",
            "additionalProperties": _text(maxLength=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"),
        },
    },
) | {"x-kubernetes-map-type": "atomic"}
_CONDITIONS = _list(
    _object(
        {
            "lastTransitionTime": _text(format="date-time"),
            "message": _text(maxLength=32768),
            "observedGeneration": _number(0, size="int64"),
            "reason": _text(minLength=1, maxLength=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
            "status": _text(enum=["True", "False", "Unknown"]),
            "type": _text(maxLength=316),
        },
        ("lastTransitionTime", "message", "reason", "status", "type"),
    ),
    "type",
)
_RESTART = _object({"enabled": {"type": "boolean"}, "restartTimeSeconds": _number(1, 4095, default=120)}, ("enabled",))
_COMMUNITIES = _object(
    {
        "standard": _list(_text(pattern=_STANDARD)),
        "large": _list(_text(pattern=_LARGE)),
        "wellKnown": _list(_text(enum=_WELL_KNOWN)),
    }
)
_TIMERS = {
    "connectRetryTimeSeconds": _number(1, 2147483647, default=120),
    "holdTimeSeconds": _number(3, 65535, default=90),
    "keepAliveTimeSeconds": _number(1, 65535, default=30),
}
_FAMILY = {"afi": _text(enum=_AFI), "safi": _text(enum=_SAFI)}


def _peering_policy() -> Schema:
    attributes = _object(
        {
            "selectorType": _text(enum=["PodCIDR", "CiliumLoadBalancerIPPool", "CiliumPodIPPool"]),
            "selector": _SELECTOR,
            "communities": _COMMUNITIES,
            "localPreference": _number(0, 4294967295, size="int64"),
        },
        ("selectorType",),
    )
    neighbor = _object(
        {
            "peerAddress": _text(format="cidr"),
            "peerASN": _ASN,
            "peerPort": _number(1, 65535, default=179),
            "authSecretRef": _text(),
            "eBGPMultihopTTL": _number(1, 255, default=1),
            **_TIMERS,
            "gracefulRestart": _RESTART,
            "families": _list(_object(_FAMILY, ("afi", "safi"))),
            "advertisedPathAttributes": _list(attributes),
        },
        ("peerASN", "peerAddress"),
    )
    router = _object(
        {
            "localASN": _ASN,
            "exportPodCIDR": {"type": "boolean", "default": False},
            "serviceSelector": _SELECTOR,
            "serviceAdvertisements": _list(
                _text(enum=["LoadBalancerIP", "ClusterIP", "ExternalIP"]), default=["LoadBalancerIP"]
            ),
            "podIPPoolSelector": _SELECTOR,
            "neighbors": _list(neighbor, minItems=1),
        },
        ("localASN", "neighbors"),
    )
    return _object({"nodeSelector": _SELECTOR, "virtualRouters": _list(router, minItems=1)}, ("virtualRouters",))


def _cluster_config() -> Schema:
    reference = _object(
        {"group": _text(default=GROUP), "kind": _text(default="CiliumBGPPeerConfig"), "name": _text()}, ("name",)
    )
    peer = _object(
        {
            "name": _text(minLength=1, maxLength=255),
            "peerAddress": _text(pattern=_ADDRESS),
            "peerASN": _number(0, 4294967295, size="int64", default=0),
            "peerConfigRef": reference,
        },
        ("name",),
    )
    instance = _object(
        {
            "name": _text(minLength=1, maxLength=255),
            "localASN": _number(1, 4294967295, size="int64"),
            "peers": _list(peer, "name"),
        },
        ("name",),
    )
    return _object(
        {"nodeSelector": _SELECTOR, "bgpInstances": _list(instance, "name", minItems=1, maxItems=16)}, ("bgpInstances",)
    )


def _peer_config() -> Schema:
    return _object(
        {
            "transport": _object({"localPort": _PORT, "peerPort": _number(1, 65535, default=179)}),
            "timers": _object(_TIMERS),
            "authSecretRef": _text(),
            "gracefulRestart": _RESTART,
            "ebgpMultihop": _number(1, 255, default=1),
            "families": _list(_object({**_FAMILY, "advertisements": _SELECTOR}, ("afi", "safi"))),
        }
    )


def _advertisement() -> Schema:
    service = _object(
        {"addresses": _list(_text(enum=["LoadBalancerIP", "ClusterIP", "ExternalIP"]), minItems=1)}, ("addresses",)
    )
    entry = _object(
        {
            "advertisementType": _text(enum=["PodCIDR", "CiliumPodIPPool", "Service"]),
            "service": service,
            "selector": _SELECTOR,
            "attributes": _object(
                {"communities": _COMMUNITIES, "localPreference": {"type": "integer", "format": "int64"}}
            ),
        },
        ("advertisementType",),
    )
    return _object({"advertisements": _list(entry)}, ("advertisements",))


def _node_override() -> Schema:
    peer = _object({"name": _text(), "localAddress": _text(pattern=_ADDRESS), "localPort": _number()}, ("name",))
    instance = _object(
        {"name": _text(), "routerID": _text(format="ipv4"), "localPort": _number(), "peers": _list(peer, "name")},
        ("name",),
    )
    return _object({"bgpInstances": _list(instance, "name", minItems=1)}, ("bgpInstances",))


def _node_config() -> Schema:
    peer = _object(
        {
            "name": _text(minLength=1, maxLength=255),
            "peerAddress": _text(pattern=_ADDRESS),
            "peerASN": _ASN,
            "localAddress": _text(),
            "peerConfigRef": _FREE,
        },
        ("name",),
    )
    instance = _object(
        {
            "name": _text(minLength=1, maxLength=255),
            "localASN": _number(1, 4294967295, size="int64"),
            "routerID": _text(format="ipv4"),
            "localPort": _number(),
            "peers": _list(peer, "name"),
        },
        ("name",),
    )
    return _object({"bgpInstances": _list(instance, "name", minItems=1, maxItems=16)}, ("bgpInstances",))


def _node_status() -> Schema:
    count = _object({**_FAMILY, "received": _number(), "advertised": _number()}, ("afi", "safi"))
    peer = _object(
        {
            "name": _text(),
            "peerAddress": _text(),
            "peerASN": {"type": "integer", "format": "int64"},
            "peeringState": _text(),
            "establishedTime": _text(),
            "timers": _object({"appliedHoldTimeSeconds": _number(), "appliedKeepaliveSeconds": _number()}),
            "routeCount": _list(count),
        },
        ("name", "peerAddress"),
    )
    instance = _object(
        {"name": _text(), "localASN": {"type": "integer", "format": "int64"}, "peers": _list(peer, "name")}, ("name",)
    )
    return _object({"bgpInstances": _list(instance, "name")})


def _pool() -> Schema:
    block = _object({"cidr": _text(format="cidr"), "start": _text(), "stop": _text()})
    return _object(
        {
            "serviceSelector": _SELECTOR,
            "allowFirstLastIPs": _text(enum=["Yes", "No"]),
            "blocks": _list(block),
            "disabled": {"type": "boolean", "default": False},
        }
    )


def _l2_policy() -> Schema:
    return _object(
        {
            "nodeSelector": _SELECTOR,
            "serviceSelector": _SELECTOR,
            "loadBalancerIPs": {"type": "boolean"},
            "externalIPs": {"type": "boolean"},
            "interfaces": _list(_text()),
        }
    )


_POOL_COLUMNS = [
    {"name": "Disabled", "type": "boolean", "jsonPath": ".spec.disabled"},
    {
        "name": "Conflicting",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="cilium.io/PoolConflict")].status',
    },
    {
        "name": "IPs Available",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="cilium.io/IPsAvailable")].message',
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
_AGE = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]


def definitions() -> list[dict[str, Any]]:
    """Return all CustomResourceDefinitions, as the operator creates them."""
    status = _object({"conditions": _CONDITIONS})
    bgp = ("cilium", "ciliumbgp")
    return [
        _crd("CiliumBGPPeeringPolicy", "ciliumbgppeeringpolicies", ["bgpp"], _peering_policy(), None, categories=bgp),
        _crd(
            "CiliumBGPClusterConfig",
            "ciliumbgpclusterconfigs",
            ["cbgpcluster"],
            _cluster_config(),
            status,
            categories=bgp,
        ),
        _crd("CiliumBGPPeerConfig", "ciliumbgppeerconfigs", ["cbgppeer"], _peer_config(), status, categories=bgp),
        _crd(
            "CiliumBGPAdvertisement", "ciliumbgpadvertisements", ["cbgpadvert"], _advertisement(), None, categories=bgp
        ),
        _crd(
            *(
                "CiliumBGPNodeConfigOverride",
                "ciliumbgpnodeconfigoverrides",
                ["cbgpnodeoverride"],
                _node_override(),
                None,
            ),
            categories=bgp,
        ),
        _crd(
            "CiliumBGPNodeConfig", "ciliumbgpnodeconfigs", ["cbgpnode"], _node_config(), _node_status(), categories=bgp
        ),
        _crd(
            *("CiliumLoadBalancerIPPool", "ciliumloadbalancerippools", ["ippools", "ippool", "lbippool", "lbippools"]),
            *(_pool(), status),
            columns=_POOL_COLUMNS,
        ),
        _crd("CiliumL2AnnouncementPolicy", "ciliuml2announcementpolicies", ["l2announcement"], _l2_policy(), status),
        _crd("CiliumPodIPPool", "ciliumpodippools", ["cpip"], _FREE, None),
        _crd("CiliumCIDRGroup", "ciliumcidrgroups", ["ccg"], _FREE, None),
        _crd("CiliumNode", "ciliumnodes", ["cn", "ciliumn"], _FREE, _FREE, version="v2"),
        _crd("CiliumIdentity", "ciliumidentities", ["ciliumid"], None, None, version="v2"),
        _crd("CiliumEndpoint", "ciliumendpoints", ["cep", "ciliumep"], None, _FREE, version="v2", scope="Namespaced"),
        _crd("CiliumNodeConfig", "ciliumnodeconfigs", [], _FREE, None, version="v2", scope="Namespaced"),
        _crd(
            *("CiliumNetworkPolicy", "ciliumnetworkpolicies", ["cnp", "ciliumnp"], _FREE, _FREE),
            version="v2",
            scope="Namespaced",
        ),
        _crd(
            *("CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", ["ccnp"], _FREE, _FREE),
            version="v2",
        ),
    ]


def _crd(
    kind: str,
    plural: str,
    short: list[str],
    spec: Schema | None,
    status: Schema | None,
    *,
    version: str = "v2alpha1",
    scope: str = "Cluster",
    categories: tuple[str, ...] = ("cilium",),
    columns: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    properties: Schema = {"apiVersion": _text(), "kind": _text(), "metadata": {"type": "object"}}
    properties |= {key: schema for key, schema in (("spec", spec), ("status", status)) if schema is not None}
    root = _object(properties, ("metadata",))
    if spec is None:  # a kind whose fields lie beside metadata
        root["x-kubernetes-preserve-unknown-fields"] = True
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "subresources": {"status": {}} if status is not None else {},
        "additionalPrinterColumns": columns or _AGE,
    }
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": short,
        "categories": list(categories),
    }
    return {
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"io.cilium.k8s.crd.schema.version": "1.31.5"}},
        "spec": {"group": GROUP, "names": names, "scope": scope, "versions": [served]},
    }
