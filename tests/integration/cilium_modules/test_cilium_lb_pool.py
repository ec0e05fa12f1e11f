# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cilium_lb_pool against an API server with Cilium's kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client

Call = Callable[..., dict[str, Any]]
PATH = "/apis/cilium.io/v2alpha1/ciliumloadbalancerippools"
LABEL = "io.cilium/lb-ipam-pool"


def pool(name: str, *blocks: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"name": name, "blocks": list(blocks), "service_selector": {"matchLabels": {LABEL: name}}, **more}


def block(start: int, stop: int) -> dict[str, str]:
    return {"start": f"172.29.52.{start}", "stop": f"172.29.52.{stop}"}


HOME = [
    pool("bgp-default", block(100, 199)),
    pool("bgp-ingress", block(200, 220)),
    pool("bgp-reserved", block(50, 99)),
    pool("bgp-default-ipv6", {"cidr": "fd47:25e1:2f96:52:100::/120"}),
]


def names(api: Client) -> list[str]:
    return sorted(item["metadata"]["name"] for item in api.list(PATH)[0])


def use(api: Client, name: str, label: str, address: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default", "labels": {LABEL: label}},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }
    api.request("POST", "/api/v1/namespaces/default/services", body=body)
    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    path = f"/api/v1/namespaces/default/services/{name}/status"
    api.request("PATCH", path, body=status, media="application/merge-patch+json")


def test_the_homes_pools_and_nothing_the_second_time(call: Call, api: Client) -> None:
    predicted = call("cilium_lb_pool", pools=HOME, check=True)
    assert names(api) == []
    made = call("cilium_lb_pool", pools=HOME, diff=True)
    assert made["summary"] == predicted["summary"] == {"created": 4}
    assert len(made["diff"]) == 4
    again = call("cilium_lb_pool", pools=list(reversed(HOME)))
    assert not again["changed"] and set(again["requests"]) == {"GET"}
    sizes = {entry["name"]: entry["total"] for entry in again["usage"]}
    assert sizes == {"bgp-default": 100, "bgp-ingress": 21, "bgp-reserved": 50, "bgp-default-ipv6": 256}


@pytest.mark.parametrize(
    ("pools", "told"),
    [
        ([pool("a", block(199, 100))], "starts after it stops"),
        ([pool("a", {"stop": "172.29.52.9"})], "no start"),
        ([pool("a", {"start": "nonsense"})], "nonsense"),
        ([pool("a", {"start": "172.29.52.9", "stop": "fd00::9"})], "two address families"),
        ([pool("a", {})], "neither cidr nor start"),
        ([pool("a")], "no address"),
        ([pool("a", {"cidr": "172.29.52.9/28"})], "172.29.52.0/28"),
        ([pool("a", {"cidr": "172.29.52.0/28", "start": "172.29.52.1"})], "cidr wins"),
        ([pool("a", block(1, 9), block(9, 12))], "another block of the same pool"),
        ([pool("a", block(1, 9)), pool("b", {"cidr": "172.29.52.8/29"})], "overlaps"),
        ([pool("a", block(1, 9)), pool("a", block(20, 29))], "there twice"),
        ([{"name": "a", "blocks": [block(1, 2)]}], "every Service"),
    ],
)
def test_what_the_operator_could_not_use_is_refused(call: Call, api: Client, pools: list[Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        call("cilium_lb_pool", pools=pools)
    assert told in str(caught.value)
    assert caught.value.param == "pools"
    assert names(api) == []


def test_an_overlap_with_a_pool_of_somebody_else_is_refused(call: Call, api: Client) -> None:
    call("cilium_lb_pool", pools=[pool("theirs", block(150, 160))])
    with pytest.raises(InputError, match="pool theirs"):
        call("cilium_lb_pool", pools=HOME)
    assert names(api) == ["theirs"]


def test_exact_removes_only_its_own(call: Call, api: Client) -> None:
    call("cilium_lb_pool", pools=[pool("theirs", block(10, 11))])
    call("cilium_lb_pool", pools=HOME, exact=True)
    result = call("cilium_lb_pool", pools=HOME[:1], exact=True)
    assert result["summary"] == {"unchanged": 1, "pruned": 3}
    assert names(api) == ["bgp-default", "theirs"]


def test_addresses_in_use_are_kept(call: Call, api: Client) -> None:
    call("cilium_lb_pool", pools=HOME, exact=True)
    use(api, "web", "bgp-default", "172.29.52.150")
    smaller = [pool("bgp-default", block(100, 140)), *HOME[1:]]
    for check in (True, False):
        with pytest.raises(InputError, match=r"default/web would lose 172\.29\.52\.150") as caught:
            call("cilium_lb_pool", pools=smaller, check=check)
        assert caught.value.facts["renumbered"][0]["lost"]
    with pytest.raises(InputError, match="would lose"):
        call("cilium_lb_pool", pools=HOME[1:], exact=True)
    with pytest.raises(InputError, match="would lose"):
        call("cilium_lb_pool", pools=[{"name": "bgp-default"}], state="absent")
    relabelled = [{**HOME[0], "service_selector": {"matchLabels": {LABEL: "other"}}}]
    with pytest.raises(InputError, match="would lose"):
        call("cilium_lb_pool", pools=relabelled)
    ctx = Context()
    larger = call("cilium_lb_pool", pools=[pool("bgp-default", block(100, 190))], ctx=ctx)
    assert larger["changed"] and any("may get another address" in text for text in ctx.warnings)
    assert call("cilium_lb_pool", pools=smaller, allow_renumber=True)["changed"]


def test_disabling_a_pool_takes_nothing_away(call: Call, api: Client) -> None:
    call("cilium_lb_pool", pools=HOME[:1])
    use(api, "web", "bgp-default", "172.29.52.150")
    result = call("cilium_lb_pool", pools=[{**HOME[0], "disabled": True}])
    assert result["changed"] and result["renumbered"] == []
    assert result["usage"][0]["services"] == [{"service": "default/web", "address": "172.29.52.150", "pinned": False}]


def test_waits_for_the_operator(call: Call, api: Client) -> None:
    with pytest.raises(WaitTimeout, match="has not taken bgp-default in"):
        call("cilium_lb_pool", pools=HOME[:1], wait=True, wait_timeout=1)
    status = [
        {"type": "cilium.io/PoolConflict", "status": "False", "reason": "resolved", "message": ""},
        {"type": "cilium.io/IPsAvailable", "status": "Unknown", "reason": "noreason", "message": "99"},
    ]
    conditions = [{**entry, "lastTransitionTime": "2026-01-01T00:00:00Z"} for entry in status]
    body = {"status": {"conditions": conditions}}
    api.request("PATCH", f"{PATH}/bgp-default/status", body=body, media="application/merge-patch+json")
    result = call("cilium_lb_pool", pools=HOME[:1], wait=True, wait_timeout=5)
    assert not result["changed"] and result["usage"][0]["operator"]["available"] == 99
