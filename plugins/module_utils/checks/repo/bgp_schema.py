# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CRD schema of Cilium's BGP and pool kinds, closed: what stands in none of them is refused.

Source: cilium/cilium v1.17 ``pkg/k8s/apis/cilium.io/client/crds/v2alpha1``; the keys that 1.18 added are known too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...model.schema import Path, nearest, show

#: What a place holds: a map of keys, a list (in one element), or a predicate with its words.
Shape = Any


class Anything:
    """Whatever there is."""


ANY = Anything()
TEXT = "a text"
BOOLEAN = "true or false"
_COMMUNITY = r"\d{1,10}|\d{1,5}:\d{1,5}"


class Number:
    """A whole number within limits."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most


class Word:
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words


class Form:
    """A text of a form."""

    def __init__(self, expression: str, words: str) -> None:
        self.expression, self.words = re.compile(expression), words


_ASN = Number(0, 4294967295)
_SELECTOR = {
    "matchLabels": ANY,
    "matchExpressions": [{"key": TEXT, "operator": Word("In", "NotIn", "Exists", "DoesNotExist"), "values": [TEXT]}],
}
_RESTART = {"enabled": BOOLEAN, "restartTimeSeconds": Number(1, 4095)}
_FAMILY = {
    "afi": Word("ipv4", "ipv6", "l2vpn", "ls", "opaque"),
    "safi": Form(r"[a-z_]+", "a SAFI such as unicast"),
}
_COMMUNITIES = {
    "standard": [Form(_COMMUNITY, 'a quoted community such as "64512:100"')],
    "wellKnown": [TEXT],
    "large": [Form(r"\d{1,10}:\d{1,10}:\d{1,10}", "a large community such as 64512:1:1")],
}
_ATTRIBUTES = {"communities": _COMMUNITIES, "localPreference": Number(-(2**63), 2**63 - 1)}
_ADDRESSES = [Word("LoadBalancerIP", "ClusterIP", "ExternalIP")]

SPECS: dict[str, Shape] = {
    "CiliumBGPPeeringPolicy": {
        "nodeSelector": _SELECTOR,
        "virtualRouters": [
            {
                "localASN": _ASN,
                "exportPodCIDR": BOOLEAN,
                "serviceSelector": _SELECTOR,
                "serviceAdvertisements": _ADDRESSES,
                "podIPPoolSelector": _SELECTOR,
                "neighbors": [
                    {
                        # Its form is what BGP015 is about.
                        "peerAddress": TEXT,
                        "peerASN": _ASN,
                        "peerPort": Number(1, 65535),
                        "authSecretRef": TEXT,
                        "eBGPMultihopTTL": Number(1, 255),
                        "connectRetryTimeSeconds": Number(1, 2147483647),
                        "holdTimeSeconds": Number(3, 65535),
                        "keepAliveTimeSeconds": Number(1, 65535),
                        "gracefulRestart": _RESTART,
                        "families": [_FAMILY],
                        "advertisedPathAttributes": [
                            {
                                "selectorType": Word("PodCIDR", "CiliumLoadBalancerIPPool", "CiliumPodIPPool"),
                                "selector": _SELECTOR,
                                **_ATTRIBUTES,
                            }
                        ],
                    }
                ],
            }
        ],
    },
    "CiliumBGPClusterConfig": {
        "nodeSelector": _SELECTOR,
        "bgpInstances": [
            {
                "name": TEXT,
                "localASN": Number(1, 4294967295),
                "localPort": Number(1, 65535),
                "peers": [
                    {
                        "name": TEXT,
                        "peerAddress": TEXT,
                        "peerASN": _ASN,
                        "peerConfigRef": {"name": TEXT, "group": TEXT, "kind": TEXT},
                        "autoDiscovery": ANY,
                    }
                ],
            }
        ],
    },
    "CiliumBGPPeerConfig": {
        "transport": {"peerPort": Number(1, 65535), "localPort": Number(1, 65535), "sourceInterface": TEXT},
        "timers": {
            "connectRetryTimeSeconds": Number(1, 2147483647),
            "holdTimeSeconds": Number(3, 65535),
            "keepAliveTimeSeconds": Number(1, 65535),
        },
        "authSecretRef": TEXT,
        "gracefulRestart": _RESTART,
        "ebgpMultihop": Number(1, 255),
        "families": [{**_FAMILY, "advertisements": _SELECTOR}],
    },
    "CiliumBGPAdvertisement": {
        "advertisements": [
            {
                "advertisementType": Word("PodCIDR", "CiliumPodIPPool", "Service", "Interface"),
                "service": {
                    "addresses": _ADDRESSES,
                    "aggregationLengthIPv4": Number(0, 31),
                    "aggregationLengthIPv6": Number(0, 127),
                },
                "interface": {"name": TEXT},
                "selector": _SELECTOR,
                "attributes": _ATTRIBUTES,
            }
        ]
    },
    "CiliumLoadBalancerIPPool": {
        "blocks": [{"cidr": TEXT, "start": TEXT, "stop": TEXT}],
        "serviceSelector": _SELECTOR,
        "allowFirstLastIPs": Word("Yes", "No"),
        "disabled": BOOLEAN,
    },
}
#: Keys that must be there, per kind and path without positions.
_NEEDED: dict[str, dict[Path, tuple[str, ...]]] = {
    "CiliumBGPPeeringPolicy": {
        ("virtualRouters",): ("localASN", "neighbors"),
        ("virtualRouters", "neighbors"): ("peerAddress", "peerASN"),
    },
    "CiliumBGPClusterConfig": {
        (): ("bgpInstances",),
        ("bgpInstances",): ("name",),
        ("bgpInstances", "peers"): ("name",),
    },
    "CiliumBGPPeerConfig": {("gracefulRestart",): ("enabled",), ("families",): ("afi", "safi")},
    "CiliumBGPAdvertisement": {(): ("advertisements",), ("advertisements",): ("advertisementType",)},
}


def violations(kind: str, spec: Any) -> Iterator[tuple[Path, str, str | None]]:
    """Yield (path below ``spec``, what is wrong, what to use) of each violation."""
    yield from _walk(spec, SPECS[kind], (), _NEEDED.get(kind, {}))


def _walk(value: Any, shape: Shape, path: Path, needed: Mapping[Path, tuple[str, ...]]) -> Iterator[Any]:
    if isinstance(shape, Anything):
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield path, f"{show(value, path)} stands where a map is needed", None
            return
        for key, inner in value.items():
            if key in shape:
                if inner is not None:
                    yield from _walk(inner, shape[key], (*path, key), needed)
            else:
                yield (*path, key), f"the CRD has no field {key} here", nearest(key, shape)
        bare = tuple(part for part in path if isinstance(part, str))
        for key in needed.get(bare, ()):
            if value.get(key) is None:
                yield path, f"the field {key} is missing", key
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield path, f"{show(value, path)} stands where a list is needed", None
            return
        for index, inner in enumerate(value):
            yield from _walk(inner, shape[0], (*path, index), needed)
    else:
        wrong = _wrong(value, shape)
        if wrong:
            yield path, f"{show(value, path)} is not {wrong}", None


def _wrong(value: Any, shape: Shape) -> str:
    """Return what is needed instead of a single value, empty when it is right."""
    if isinstance(shape, Number):
        right = isinstance(value, int) and not isinstance(value, bool) and shape.least <= value <= shape.most
        return "" if right else f"a whole number from {shape.least} to {shape.most}"
    if isinstance(shape, Word):
        return "" if isinstance(value, str) and value in shape.words else f"one of {', '.join(shape.words)}"
    if isinstance(shape, Form):
        return "" if isinstance(value, str) and shape.expression.fullmatch(value) else shape.words
    if shape == BOOLEAN:
        return "" if isinstance(value, bool) else BOOLEAN
    return "" if isinstance(value, str) else TEXT
