# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the home model says to Cilium about pools and BGP."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import intent, kinds, lint, pool_run, render
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.findings import Around
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.model import bgp, pools


def test_the_home_announces_its_pools_and_pods(model: dict[str, Any]) -> None:
    options = bgp.policy(model)
    assert (options["local_asn"], options["pools"]) == (64512, ["bgp-default", "bgp-ingress", "bgp-reserved"])
    assert [(peer["address"], peer["asn"]) for peer in options["peers"]] == [("172.29.51.1", 64513)]
    assert options["pod_cidr"] is True and options["families"] == ["ipv4"]
    assert options["communities"] == {"load_balancer": ["64512:100"], "pods": ["64512:200"]}
    assert "auth_secret" not in options


def test_what_the_home_says_has_no_fault(model: dict[str, Any]) -> None:
    wanted = pool_run.bodies(pools.pools(model))
    objects = render.v2(intent.parse(bgp.policy(model)), kinds.VERSIONS[0])
    assert lint.lint([*objects, *wanted], Around(nodes={"mini01": {"kubernetes.io/os": "linux"}})) == []


def test_the_home_has_its_three_pools(model: dict[str, Any]) -> None:
    found = pools.pools(model)
    assert [(pool["name"], pool["blocks"]) for pool in found] == [
        ("bgp-default", [{"start": "172.29.52.100", "stop": "172.29.52.199"}]),
        ("bgp-ingress", [{"start": "172.29.52.200", "stop": "172.29.52.220"}]),
        ("bgp-reserved", [{"start": "172.29.52.50", "stop": "172.29.52.99"}]),
    ]
    assert found[0]["service_selector"] == {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-default"}}


def test_ipv6_follows_its_one_switch(model: dict[str, Any]) -> None:
    model["networks"]["ipv6_enabled"] = True
    assert bgp.policy(model)["families"] == ["ipv4", "ipv6"]
    assert pools.pools(model)[-1]["blocks"] == [{"cidr": "fd47:25e1:2f96:52:100::/120"}]


def test_authentication_names_a_secret_and_no_password(model: dict[str, Any]) -> None:
    model["bgp"]["authentication"] = True
    options = bgp.policy(model)
    assert (options["auth_secret"], options["secrets_namespace"]) == ("cilium-bgp-auth", "kube-system")


def test_a_pool_without_an_address_is_named(model: dict[str, Any]) -> None:
    model["load_balancers"]["pools"].append({"name": "empty"})
    with pytest.raises(InputError, match="'empty'"):
        pools.pools(model)


def test_a_dial_in_vain_costs_seconds_in_both_schemas(model: dict[str, Any]) -> None:
    wanted = intent.parse(bgp.policy(model))
    seconds = model["bgp"]["connect_retry_seconds"]
    assert seconds <= 10
    peer_config = next(body for body in render.v2(wanted, kinds.VERSIONS[0]) if body["kind"] == kinds.PEER)
    assert peer_config["spec"]["timers"]["connectRetryTimeSeconds"] == seconds
    quiet = intent.parse({**bgp.policy(model), "communities": {}})
    neighbor = render.legacy(quiet)["spec"]["virtualRouters"][0]["neighbors"][0]
    assert neighbor["connectRetryTimeSeconds"] == seconds


def test_a_promised_address_knows_the_service_that_is_to_have_it(model: dict[str, Any]) -> None:
    found = {pin["name"]: pin for pin in pools.pinned(model)}
    assert found["ingress"]["service"] == "ingress-nginx/ingress-nginx-controller"
    assert found["ingress_internal"] == {
        "name": "ingress_internal",
        "address": model["load_balancers"]["pinned"]["ingress_internal"],
        "service": "ingress-nginx-internal/ingress-nginx-internal-controller",
    }
    assert found["mosquitto"]["service"] == ""
    del model["load_balancers"]["pinned"]
    assert pools.pinned(model) == []
