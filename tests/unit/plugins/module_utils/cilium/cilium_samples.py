# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intents and objects that the tests of the Cilium package draw and build on."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import intent as intents
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.intent import Intent

#: What a home-lab with one router says.
HOME: dict[str, Any] = {
    "name": "home-ops",
    "local_asn": 64512,
    "peers": [{"name": "udm", "address": "172.29.51.1", "asn": 64513}],
    "pool_label": "io.cilium/lb-ipam-pool",
    "pools": ["bgp-default", "bgp-ingress", "bgp-reserved"],
    "pod_cidr": True,
    "communities": {"load_balancer": ["64512:100"], "pods": ["64512:200"]},
    "node_selector": {"matchLabels": {"kubernetes.io/os": "linux"}},
}


def parse(**changes: Any) -> Intent:
    """Return the home's intent with changes."""
    return intents.parse({**HOME, **changes})


_names = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
_asns = st.integers(1, 4294967295)
_communities = st.one_of(
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    st.tuples(*[st.integers(0, 2**32 - 1)] * 3).map(lambda three: ":".join(map(str, three))),
    st.sampled_from(intents.WELL_KNOWN),
)
_node_selectors = st.one_of(
    st.none(),
    st.just({"matchLabels": {"kubernetes.io/os": "linux"}}),
    st.dictionaries(_names, _names, min_size=1, max_size=2).map(lambda labels: {"matchLabels": labels}),
    st.lists(_names, min_size=1, max_size=3, unique=True).map(
        lambda values: {"matchExpressions": [{"key": "zone", "operator": "In", "values": values}]}
    ),
)


@st.composite
def params(draw: st.DrawFn, overrides: bool = True) -> dict[str, Any]:
    """Draw options of cilium_bgp_policy that say something possible."""
    peers = draw(
        st.lists(
            st.fixed_dictionaries(
                {"name": _names, "address": _addresses, "asn": _asns, "port": st.sampled_from([179, 179, 1179, 1790])}
            ),
            min_size=1,
            max_size=3,
            unique_by=(lambda peer: peer["name"], lambda peer: peer["address"]),
        )
    )
    hold = draw(st.integers(3, 65535))
    pools = draw(st.lists(_names, max_size=3, unique=True))
    local = draw(_asns.filter(lambda asn: all(asn != peer["asn"] for peer in peers)))
    result = {
        "name": draw(_names),
        "local_asn": local,
        "peers": peers,
        "pool_label": "io.cilium/lb-ipam-pool",
        "pools": pools,
        "pod_cidr": draw(st.booleans()) or not pools,
        "timers": {
            "connect_retry_seconds": draw(st.integers(1, 2147483647)),
            "hold_seconds": hold,
            "keepalive_seconds": draw(st.integers(1, hold)),
        },
        "graceful_restart": {"enabled": draw(st.booleans()), "seconds": draw(st.integers(1, 4095))},
        "auth_secret": draw(st.one_of(st.none(), _names)),
        "families": draw(st.sampled_from([["ipv4"], ["ipv6"], ["ipv4", "ipv6"], ["ipv6", "ipv4"]])),
        "communities": {
            "load_balancer": draw(st.lists(_communities, max_size=2)) if pools else [],
            "pods": draw(st.lists(_communities, max_size=2)),
        },
        "ebgp_multihop": draw(st.integers(1, 255)),
        "node_selector": draw(_node_selectors),
        "node_overrides": [],
    }
    if not result["pod_cidr"]:
        result["communities"]["pods"] = []
    if overrides:
        names = [peer["name"] for peer in peers]
        result["node_overrides"] = draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "node": _names,
                        "router_id": st.ip_addresses(v=4).map(str),
                        "local_port": st.one_of(st.none(), st.integers(1, 65535)),
                        "local_addresses": st.dictionaries(st.sampled_from(names), _addresses, max_size=2),
                    }
                ),
                max_size=2,
                unique_by=lambda override: override["node"],
            )
        )
    return result
