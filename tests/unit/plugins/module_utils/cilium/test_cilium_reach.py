# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools: ranges, overlaps, usage, and what a change takes away; announcements followed link by link."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import advertise, kinds, pools, render, sessions
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.advertise import Cluster, Reach
from tests.unit.plugins.module_utils.cilium.cilium_samples import parse

Body = dict[str, Any]
LABEL = "io.cilium/lb-ipam-pool"
NODES = {name: {"kubernetes.io/os": "linux"} for name in ("mini01", "mini02", "mini03")}


def pool(name: str, *blocks: Body, **spec: Any) -> Body:
    selector = {"matchLabels": {LABEL: name}}
    return {
        "kind": kinds.POOL,
        "metadata": {"name": name},
        "spec": {"blocks": list(blocks), "serviceSelector": selector, **spec},
    }


def service(name: str, address: str = "", label: str = "bgp-default", **spec: Any) -> Body:
    status = {"loadBalancer": {"ingress": [{"ip": address}]}} if address else {}
    meta = {"name": name, "namespace": "apps", "labels": {LABEL: label} if label else {}}
    return {"metadata": meta, "spec": {"type": "LoadBalancer", **spec}, "status": status}


HOME = pool("bgp-default", {"start": "172.29.52.100", "stop": "172.29.52.199"})


@pytest.mark.parametrize(
    ("block", "first_last", "size"),
    [
        ({"cidr": "172.29.52.0/28"}, True, 16),
        ({"cidr": "172.29.52.0/28"}, False, 14),
        ({"cidr": "172.29.52.0/31"}, False, 2),
        ({"cidr": "172.29.52.7/32"}, False, 1),
        ({"cidr": "fd47:25e1:2f96:52:100::/120"}, True, 256),
        ({"start": "172.29.52.100", "stop": "172.29.52.199"}, False, 100),
        ({"start": "172.29.52.100"}, True, 1),
        ({"cidr": "172.29.52.0/30", "start": "172.29.52.100"}, True, 4),
    ],
)
def test_a_block_has_the_addresses_that_cilium_gives_out(block: Body, first_last: bool, size: int) -> None:
    assert pools.block_range(block, first_last).size == size


_HOSTS = st.integers(0, 255)


@given(st.lists(st.tuples(_HOSTS, _HOSTS).map(sorted), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_overlaps_are_found_as_by_looking_at_every_address(given_ranges: list[list[int]]) -> None:
    blocks = [{"start": f"172.29.52.{a}", "stop": f"172.29.52.{b}"} for a, b in given_ranges]
    held = [set(range(a, b + 1)) for a, b in given_ranges]
    naive = sum(bool(held[i] & held[j]) for i in range(len(held)) for j in range(i + 1, len(held)))
    assert len(list(pools.overlaps([pool(f"p{n}", block) for n, block in enumerate(blocks)]))) == naive
    assert len(list(pools.overlaps([pool("one", *blocks)]))) == naive


@given(_HOSTS, _HOSTS)
@settings(max_examples=100, deadline=None)
def test_a_range_as_networks_has_exactly_its_addresses(one: int, other: int) -> None:
    first, last = sorted((one, other))
    found = pools.as_cidrs({"start": f"172.29.52.{first}", "stop": f"172.29.52.{last}"})
    hosts = {int(str(address).rpartition(".")[2]) for text in found for address in ipaddress.ip_network(text)}
    assert hosts == set(range(first, last + 1))


@given(st.lists(_HOSTS, unique=True, max_size=6), _HOSTS, _HOSTS)
@settings(max_examples=150, deadline=None)
def test_a_change_loses_exactly_what_no_longer_fits(taken: list[int], one: int, other: int) -> None:
    first, last = sorted((one, other))
    before = pool("p", {"cidr": "172.29.52.0/24"})
    after = pool("p", {"start": f"172.29.52.{first}", "stop": f"172.29.52.{last}"})
    used = pools.in_use([service(f"s{host}", f"172.29.52.{host}", "p") for host in taken])
    lost = {str(entry.address) for _pool, entry in pools.losses([before], [after], used)}
    assert lost == {f"172.29.52.{host}" for host in taken if not first <= host <= last}
    assert pools.losses([before], [before], used) == []
    assert pools.renumbered(before, before, used) == []
    assert {entry.address for _p, entry in pools.losses([before], [], used)} == {entry.address for entry in used}


def test_a_pinned_address_is_not_renumbered() -> None:
    loose, fixed = service("loose", "172.29.52.100"), service("fixed", "172.29.52.101")
    fixed["metadata"]["annotations"] = {"lbipam.cilium.io/ips": "172.29.52.101"}
    used = pools.in_use([loose, fixed])
    wider = pool("bgp-default", {"start": "172.29.52.100", "stop": "172.29.52.205"})
    assert [one.name for one in pools.renumbered(HOME, wider, used)] == ["loose"]
    beside = pool("bgp-default", *HOME["spec"]["blocks"], {"start": "172.29.52.205"})
    assert pools.renumbered(HOME, beside, used) == []


def reach(body: Body, *objects: Body, **more: Any) -> Reach:
    known = {"pools": (HOME,), "nodes": NODES, **more}
    (found,) = advertise.reaches(Cluster(objects, known.pop("pools"), (body,), **known))
    return found


def test_an_address_is_announced_by_every_node_in_both_schemas() -> None:
    for objects in (render.v2(parse(), "cilium.io/v2"), [render.legacy(parse(communities={}))]):
        found = reach(service("web", "172.29.52.100"), *objects)
        assert (found.pool, found.nodes, found.broken) == ("bgp-default", sorted(NODES), "")
        assert {link.peer_address for link in found.links} == {"172.29.51.1"}


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (service("web", "172.29.52.100", label="elsewhere"), "does not select its labels"),
        (service("web", "172.29.52.100", loadBalancerClass="io.cilium/l2-announcer"), "does not announce the class"),
        (service("web", "fd47:25e1:2f96:52:100::1"), "ipv6"),
        (service("web", label=""), "no pool selects it"),
        (service("web"), "does the operator"),
        (service("web", loadBalancerClass="metallb"), "does not serve the class"),
    ],
)
@pytest.mark.parametrize("schema", ["legacy", "v2"])
def test_the_first_broken_link_is_told(body: Body, broken: str, schema: str) -> None:
    objects = [render.legacy(parse(communities={}))] if schema == "legacy" else render.v2(parse(), "cilium.io/v2")
    found = reach(body, *objects)
    assert found.links == () and broken in found.broken


def test_a_class_of_another_implementation_is_marked() -> None:
    objects = render.v2(parse(), "cilium.io/v2")
    assert reach(service("vpn", loadBalancerClass="tailscale"), *objects).foreign
    assert reach(service("vpn", "100.64.0.7", loadBalancerClass="tailscale"), *objects).foreign
    for own in ("io.cilium/bgp-control-plane", "io.cilium/l2-announcer"):
        assert not reach(service("web", "172.29.52.100", loadBalancerClass=own), *objects).foreign


def test_the_pool_that_holds_an_address_is_asked_whether_it_selects_the_service() -> None:
    objects = render.v2(parse(), "cilium.io/v2")
    assert reach(service("web", "172.29.52.100"), *objects).pool_selects is True
    assert reach(service("web", "172.29.52.100", label="elsewhere"), *objects).pool_selects is False
    assert reach(service("web", "192.0.2.1"), *objects).pool_selects is None
    # Both families of one label: the selectors say so, and not the pools' names.
    twin = {**HOME, "metadata": {"name": "bgp-default-twin"}}
    assert reach(service("web", "172.29.52.100"), *objects, pools=(twin,)).pool_selects is True


def test_any_one_label_removed_announces_nothing() -> None:
    for number in range(2):
        objects = render.v2(parse(), "cilium.io/v2")
        if number == 0:
            objects[0]["metadata"]["labels"] = {}
        else:
            objects[1]["spec"]["families"][0].pop("advertisements")
        found = reach(service("web", "172.29.52.100"), *objects)
        assert found.links == () and "selects no Advertisement" in found.broken


def test_local_traffic_comes_from_nodes_with_an_endpoint() -> None:
    meta = {"name": "web-x", "namespace": "apps", "labels": {"kubernetes.io/service-name": "web"}}
    endpoints = [
        {"nodeName": "mini02", "conditions": {"ready": True}},
        {"nodeName": "mini03", "conditions": {"terminating": True}},
    ]
    body = service("web", "172.29.52.100", externalTrafficPolicy="Local")
    objects = render.v2(parse(), "cilium.io/v2")
    assert reach(body, *objects, slices=({"metadata": meta, "endpoints": endpoints},)).nodes == ["mini02"]
    assert "no node has an endpoint" in reach(body, *objects).broken


def test_a_legacy_policy_wins_on_its_nodes() -> None:
    one = render.legacy(parse(name="old", communities={}, node_selector={"matchLabels": {"zone": "a"}}))
    nodes = {**NODES, "mini01": {"kubernetes.io/os": "linux", "zone": "a"}}
    found = reach(service("web", "172.29.52.100"), one, *render.v2(parse(), "cilium.io/v2"), nodes=nodes)
    by_policy = {link.policy.partition(" ")[0]: link.nodes for link in found.links}
    assert by_policy == {kinds.LEGACY: ("mini01",), kinds.CLUSTER: ("mini02", "mini03")}


def test_pods_are_announced_by_their_own_node_in_the_peers_families() -> None:
    owned = [
        {"metadata": {"name": name}, "spec": {"ipam": {"podCIDRs": [f"10.244.{n}.0/24", f"fd00:{n}::/64"]}}}
        for n, name in enumerate(sorted(NODES))
    ]
    for objects in (render.v2(parse(), "cilium.io/v2"), [render.legacy(parse())]):
        found = advertise.pod_ranges(objects, owned, NODES)
        assert found == [{"node": name, "cidr": f"10.244.{n}.0/24"} for n, name in enumerate(sorted(NODES))]
    both = render.v2(parse(families=["ipv4", "ipv6"]), "cilium.io/v2")
    assert len(advertise.pod_ranges(both, owned, NODES)) == 6


def node_config(node: str, state: str = "established", routes: int = 4, **peer: Any) -> Body:
    spec = {"name": "udm", "peerAddress": "172.29.51.1", "peerASN": 64513}
    counts = [{"afi": "ipv4", "safi": "unicast", "received": 1, "advertised": routes}]
    seen = {**spec, "peeringState": state, "routeCount": counts, **peer}
    return {
        "metadata": {"name": node},
        "spec": {"bgpInstances": [{"name": "instance-64512", "localASN": 64512, "peers": [spec]}]},
        "status": {"bgpInstances": [{"name": "instance-64512", "localASN": 64512, "peers": [seen]}]},
    }


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (node_config("mini01"), ""),
        (node_config("mini01", "active"), "is active"),
        (node_config("mini01", routes=2), "2 routes announced"),
        (node_config("mini01", peerASN=65000), "AS 65000 still"),
        (node_config("mini02"), "no session with udm yet"),
        ({**node_config("mini01"), "status": {}}, "is unknown"),
    ],
)
def test_what_is_missing_until_a_node_stands(body: Body, told: str) -> None:
    found = sessions.missing([body], parse(), ["mini01"], 4)
    assert len(found) == bool(told) and told in "".join(found)
