# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering has laws: what we write has no fault, says the same in both schemas, and does not depend on any order."""

from __future__ import annotations

import copy
import random
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import (
    choice,
    foreign,
    intent as intents,
    kinds,
    lint,
    reading,
    render,
    selectors,
)
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.findings import Around
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.kinds import Served
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from tests.unit.plugins.module_utils.cilium.cilium_samples import HOME, params, parse

V2 = "cilium.io/v2"


@given(params())
@settings(max_examples=150, deadline=None)
def test_what_we_render_has_no_fault(options: dict[str, Any]) -> None:
    intent = intents.parse(options)
    names = {override.node for override in intent.overrides}
    around = Around(nodes={name: {} for name in names}, secrets={intent.auth_secret: "filled"}, pools=[], services=[])
    assert lint.lint(render.v2(intent, V2), around) == []
    if not intent.overrides:
        assert lint.lint([render.legacy(intent)], around) == []


@given(params(overrides=False))
@settings(max_examples=150, deadline=None)
def test_the_intent_survives_the_way_there_and_back(options: dict[str, Any]) -> None:
    legacy = render.legacy(intents.parse(options))
    there = reading.from_legacy(legacy)
    new = render.v2(there, V2)
    back = reading.from_v2(new, there.name)
    assert back == there
    again = render.legacy(back)
    # Names, and so the order, are new.
    for policy in (legacy, again):
        policy["spec"]["virtualRouters"][0]["neighbors"].sort(key=itemgetter("peerAddress"))
    assert again == legacy


@given(params())
@settings(max_examples=100, deadline=None)
def test_the_new_kinds_say_the_whole_intent(options: dict[str, Any]) -> None:
    intent = intents.parse(options)
    assert reading.from_v2(render.v2(intent, V2), intent.name) == intent


@given(params(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_no_order_matters(options: dict[str, Any], dice: random.Random) -> None:
    mixed = copy.deepcopy(options)
    for items in (
        mixed["peers"],
        mixed["pools"],
        mixed["families"],
        mixed["node_overrides"],
        *mixed["communities"].values(),
    ):
        dice.shuffle(items)
    one, other = intents.parse(options), intents.parse(mixed)
    assert render.v2(one, V2) == render.v2(other, V2)
    if not one.overrides:
        assert render.legacy(one) == render.legacy(other)


def test_the_home_policy_is_the_one_that_was_proved() -> None:
    """The minimal set that a real API server took under Strict, and the legacy policy of a running home-lab."""
    advert, config, cluster = render.v2(parse(), "cilium.io/v2alpha1")
    assert config["spec"]["families"] == [
        {"afi": "ipv4", "safi": "unicast", "advertisements": {"matchLabels": advert["metadata"]["labels"]}}
    ]
    assert advert["spec"]["advertisements"] == [
        {
            "advertisementType": "Service",
            "service": {"addresses": ["LoadBalancerIP"]},
            "attributes": {"communities": {"standard": ["64512:100"]}},
            "selector": {
                "matchExpressions": [
                    {
                        "key": "io.cilium/lb-ipam-pool",
                        "operator": "In",
                        "values": ["bgp-default", "bgp-ingress", "bgp-reserved"],
                    }
                ]
            },
        },
        {"advertisementType": "PodCIDR", "attributes": {"communities": {"standard": ["64512:200"]}}},
    ]
    assert cluster["spec"]["bgpInstances"] == [
        {
            "name": "instance-64512",
            "localASN": 64512,
            "peers": [
                {
                    "name": "udm",
                    "peerASN": 64513,
                    "peerAddress": "172.29.51.1",
                    "peerConfigRef": {"name": config["metadata"]["name"]},
                }
            ],
        }
    ]
    legacy = render.legacy(parse(communities={}))["spec"]
    assert legacy["nodeSelector"] == {"matchLabels": {"kubernetes.io/os": "linux"}}
    router = legacy["virtualRouters"][0]
    assert (router["localASN"], router["exportPodCIDR"]) == (64512, True)
    assert router["serviceSelector"] == advert["spec"]["advertisements"][0]["selector"]
    neighbor = router["neighbors"][0]
    assert (neighbor["peerAddress"], neighbor["peerASN"]) == ("172.29.51.1/32", 64513)
    assert neighbor["gracefulRestart"] == {"enabled": True, "restartTimeSeconds": 120}


def test_a_peer_of_another_port_gets_its_own_configuration() -> None:
    peers = [*HOME["peers"], {"name": "second", "address": "172.29.51.2", "asn": 64513, "port": 1179}]
    objects = render.v2(parse(peers=peers), V2)
    ports = {
        body["metadata"]["name"]: body["spec"]["transport"]["peerPort"] for body in kinds.of_kind(objects, kinds.PEER)
    }
    assert sorted(ports.values()) == [179, 1179]
    refs = {
        peer["name"]: ports[peer["peerConfigRef"]["name"]] for peer in objects[-1]["spec"]["bgpInstances"][0]["peers"]
    }
    assert refs == {"udm": 179, "second": 1179}


@pytest.mark.parametrize(
    ("changes", "named", "use"),
    [
        ({"peers": [{"name": "u", "address": "172.29.51.1/32", "asn": 1}]}, "peers[0].address", "172.29.51.1"),
        ({"peers": [{"name": "u", "address": "udm.lan", "asn": 1}]}, "peers[0].address", "such as"),
        ({"peers": []}, "peers", "at least one"),
        (
            {"peers": [*HOME["peers"], {"name": "b", "address": "172.29.51.1", "asn": 2}]},
            "peers[0].address",
            "one address",
        ),
        ({"peers": [{"name": "u", "address": "172.29.51.1", "asn": 0}]}, "peers[0].asn", "1 to 4294967295"),
        ({"local_asn": 0}, "local_asn", "1 to"),
        ({"timers": {"hold_seconds": 9}}, "timers.keepalive_seconds", "Use 3"),
        ({"timers": {"hold_seconds": 2}}, "timers.hold_seconds", "3 to"),
        ({"graceful_restart": {"seconds": 5000}}, "graceful_restart.seconds", "4095"),
        ({"communities": {"pods": ["70000:1"]}}, "communities.pods", "64512:100"),
        ({"communities": {"pods": ["064512:1"]}}, "communities.pods", "64512:100"),
        ({"pools": [], "pod_cidr": False}, "pools", "pod_cidr"),
        ({"pools": ["bad value"]}, "pools", "letters"),
        ({"pool_label": "a b/"}, "pool_label", "io.cilium"),
        ({"ebgp_multihop": 256}, "ebgp_multihop", "255"),
        ({"node_selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "values", "at least one"),
        ({"node_overrides": [{"node": "n1"}]}, "node_overrides[0]", "router_id"),
        ({"node_overrides": [{"node": "n1", "local_addresses": {"x": "10.0.0.1"}}]}, "local_addresses", "udm"),
        ({"node_overrides": [{"node": "n1", "router_id": "fd00::1"}]}, "router_id", "172.29.51.11"),
    ],
)
def test_a_wrong_option_is_named_with_what_to_use(changes: dict[str, Any], named: str, use: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(**changes)
    assert named in str(caught.value)
    assert use in str(caught.value)
    assert caught.value.param in HOME or caught.value.param in changes


def test_what_the_legacy_kind_cannot_say_is_refused_with_the_annotation_that_can() -> None:
    intent = parse(node_overrides=[{"node": "mini01", "router_id": "10.0.0.2", "local_port": 179}])
    with pytest.raises(InputError, match=r"cilium.io/bgp-virtual-router.64512: router-id=10.0.0.2,local-port=179"):
        render.legacy(intent)


@pytest.mark.parametrize(
    ("served", "new"),
    [
        ([("cilium.io/v2alpha1", kind) for kind in (kinds.LEGACY, *kinds.NEW)], "cilium.io/v2alpha1"),
        ([(version, kind) for version in kinds.VERSIONS for kind in kinds.NEW], "cilium.io/v2"),
        ([("cilium.io/v2", "CiliumNode"), ("cilium.io/v2alpha1", kinds.LEGACY)], ""),
    ],
)
def test_the_version_is_the_one_that_is_served(served: list[tuple[str, str]], new: str) -> None:
    assert kinds.served(served).new == new


ALL = Served(True, "cilium.io/v2alpha1", "cilium.io/v2alpha1")


@pytest.mark.parametrize(
    ("wanted", "served", "legacy", "new", "migrate", "result"),
    [
        ("auto", ALL, False, False, False, "v2"),
        ("auto", ALL, True, False, False, "legacy"),
        ("auto", ALL, True, False, True, "v2"),
        ("auto", ALL, True, True, True, "v2"),
        ("auto", ALL, False, True, False, "v2"),
        ("auto", Served(True), False, False, False, "legacy"),
        ("legacy", ALL, False, False, False, "legacy"),
        ("legacy", ALL, False, True, True, "legacy"),
        ("v2", ALL, True, False, True, "v2"),
    ],
)
def test_the_schema_of_choice(wanted: str, served: Served, legacy: bool, new: bool, migrate: bool, result: str) -> None:
    assert choice.schema(wanted, served, has_legacy=legacy, has_new=new, migrate=migrate) == result


@pytest.mark.parametrize(
    ("wanted", "served", "legacy", "new", "told"),
    [
        ("auto", Served(), False, False, "Install Cilium"),
        ("legacy", Served(False, V2), False, False, "1.19 no longer has"),
        ("v2", Served(True), False, False, "Use api: legacy"),
        ("legacy", ALL, False, True, "migrate: true"),
        ("v2", ALL, True, False, "migrate: true"),
        ("auto", ALL, True, True, "finishes a migration"),
    ],
)
def test_a_schema_that_cannot_be(wanted: str, served: Served, legacy: bool, new: bool, told: str) -> None:
    with pytest.raises(InputError, match=told):
        choice.schema(wanted, served, has_legacy=legacy, has_new=new, migrate=False)


def test_peers_of_others_are_told_with_their_owner() -> None:
    desired = render.v2(parse(), V2)[-1]
    live = copy.deepcopy(desired)
    live["spec"]["bgpInstances"][0]["peers"].append({"name": "old", "peerAddress": "172.29.51.9", "peerASN": 65000})
    key = 'k:{"name":"%s"}'
    fields = {"f:spec": {"f:bgpInstances": {key % "instance-64512": {"f:peers": {key % "old": {".": {}}}}}}}
    live["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Apply", "fieldsV1": fields}]
    assert foreign.peers(desired, desired) == []
    (found,) = foreign.peers(live, desired)
    assert (found["peer"], found["managers"]) == ("old", ["kubectl"])


@pytest.mark.parametrize(
    ("selector", "labels", "fits"),
    [
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1"}, True),
        ({"matchLabels": {"a": "1"}}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {"a": "2"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
        (selectors.EVERYTHING, {"x": "y"}, True),
    ],
)
def test_selectors_read_as_kubernetes_does(selector: dict[str, Any], labels: dict[str, str], fits: bool) -> None:
    assert selectors.matches(selector, labels, absent=False) is fits
    assert selectors.matches(None, labels, absent=True) is True


@given(params())
@settings(max_examples=50, deadline=None)
def test_narrowing_and_widening_cancel(options: dict[str, Any]) -> None:
    selector = intents.parse(options).node_selector
    split = selectors.narrowed(selector, kinds.MOVED_LABEL, "In", "v2")
    assert selectors.asks(split, kinds.MOVED_LABEL)
    assert selectors.canonical(selectors.widened(split, kinds.MOVED_LABEL)) == selectors.canonical(selector)
