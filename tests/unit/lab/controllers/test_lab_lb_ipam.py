# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LB-IPAM's decisions."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lab.controllers import lb_ipam

POOL = {"blocks": [{"start": "172.29.52.100", "stop": "172.29.52.102"}]}


def pool(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


def service(name: str = "s", *, ips: str = "", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    annotations = {"lbipam.cilium.io/ips": ips} if ips else {}
    metadata = {"name": name, "namespace": "default", "labels": labels or {}, "annotations": annotations}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}}


def assign(
    one: dict[str, Any], specs: list[dict[str, Any]], used: dict[Any, Any] | None = None
) -> tuple[list[str], str, str]:
    pools, _unused = lb_ipam.read_pools([pool(f"p{i}", spec) for i, spec in enumerate(specs)])
    addresses, (status, reason, message) = lb_ipam.assign(one, pools, used or {})
    assert (status == "True") == (reason == "satisfied")
    return [str(a) for a in addresses], reason, message


def test_a_pool_without_selector_serves_every_service() -> None:
    assert assign(service(), [POOL])[1] == "satisfied"


def test_a_selector_matches_labels_and_the_two_pseudo_labels() -> None:
    by_label = {**POOL, "serviceSelector": {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-default"}}}
    assert assign(service(), [by_label]) == ([], "no_pool", lb_ipam.NO_POOL)
    assert assign(service(labels={"io.cilium/lb-ipam-pool": "bgp-default"}), [by_label])[1] == "satisfied"
    as_annotation = service()
    as_annotation["metadata"]["annotations"]["io.cilium/lb-ipam-pool"] = "bgp-default"
    assert assign(as_annotation, [by_label])[1] == "no_pool"
    by_name = {**POOL, "serviceSelector": {"matchLabels": {"io.kubernetes.service.name": "s"}}}
    assert assign(service(), [by_name])[1] == "satisfied"
    assert assign(service("other"), [by_name])[1] == "no_pool"


def test_a_wish_is_granted_or_refused_with_the_operators_words() -> None:
    assert assign(service(ips="172.29.52.102"), [POOL])[0] == ["172.29.52.102"]
    assert assign(service(ips="172.29.52.9"), [POOL])[2] == "No pool exists with a CIDR containing '172.29.52.9'"
    taken = {ipaddress.ip_address("172.29.52.102"): service("other")}
    refused = assign(service(ips="172.29.52.102"), [POOL], taken)
    assert refused[1:] == ("already_allocated", "The IP '172.29.52.102' is already allocated to another service")
    selective = {**POOL, "serviceSelector": {"matchLabels": {"a": "b"}}}
    assert assign(service(ips="172.29.52.102"), [selective])[1] == "pool_selector_mismatch"


def test_a_shared_address_needs_key_and_other_ports() -> None:
    def shared(name: str, port: int) -> dict[str, Any]:
        one = service(name, ips="172.29.52.100")
        one["metadata"]["annotations"]["lbipam.cilium.io/sharing-key"] = "k"
        one["spec"]["ports"] = [{"port": port}]
        return one

    taken = {ipaddress.ip_address("172.29.52.100"): shared("other", 80)}
    assert assign(shared("s", 443), [POOL], taken)[0] == ["172.29.52.100"]
    assert assign(shared("s", 80), [POOL], taken)[1] == "already_allocated_incompatible_service"


def test_an_empty_pool_a_disabled_pool_and_a_missing_family() -> None:
    taken = {ipaddress.ip_address(f"172.29.52.10{i}"): service(str(i)) for i in range(3)}
    assert assign(service(), [POOL], taken)[1:] == ("out_of_ips", lb_ipam.OUT_OF_IPS)
    assert assign(service(), [{**POOL, "disabled": True}])[1] == "no_pool"
    both = service(ipFamilies=["IPv4", "IPv6"])
    assert assign(both, [POOL])[1] == "no_pool"
    assert assign(both, [{"blocks": [*POOL["blocks"], {"cidr": "fd47:25e1:2f96:52:100::/120"}]}])[1] == "satisfied"


def test_first_and_last_addresses_of_a_cidr_are_given_since_1_16_unless_told_otherwise() -> None:
    assert assign(service(), [{"blocks": [{"cidr": "172.29.52.0/30"}]}])[0] == ["172.29.52.0"]
    assert assign(service(), [{"blocks": [{"cidr": "172.29.52.0/30"}], "allowFirstLastIPs": "No"}])[0] == [
        "172.29.52.1"
    ]
    assert assign(service(), [{"blocks": [{"cidr": "172.29.52.7/32"}], "allowFirstLastIPs": "No"}])[0] == [
        "172.29.52.7"
    ]


def test_the_later_of_two_overlapping_pools_conflicts_and_gives_nothing() -> None:
    objects = [pool("old", POOL), pool("new", {"blocks": [{"start": "172.29.52.102", "stop": "172.29.52.110"}]})]
    pools, conflicts = lb_ipam.read_pools(objects)
    assert list(conflicts) == ["new"]
    assert conflicts["new"] == (
        "Pool conflicts since range '172.29.52.102 - 172.29.52.110' overlaps range '172.29.52.100 - 172.29.52.102' "
        "from IP Pool 'old'"
    )
    assert [p.enabled for p in pools] == [True, False]


def test_classes() -> None:
    assert lb_ipam.takes_part(service())
    assert lb_ipam.takes_part(service(loadBalancerClass="io.cilium/bgp-control-plane"))
    assert not lb_ipam.takes_part(service(loadBalancerClass="metallb"))
    assert not lb_ipam.takes_part(service(type="ClusterIP"))


@given(st.integers(0, 12), st.integers(1, 12))
def test_no_address_is_given_twice_and_none_outside_the_pool(services: int, size: int) -> None:
    stop = f"172.29.52.{100 + size - 1}"
    pools, _unused = lb_ipam.read_pools([pool("p", {"blocks": [{"start": "172.29.52.100", "stop": stop}]})])
    used: dict[Any, Any] = {}
    for number in range(services):
        one = service(str(number))
        addresses, _unused = lb_ipam.assign(one, pools, used)
        for address in addresses:
            assert address not in used
            assert pools[0].find(address)
            used[address] = one
    assert len(used) == min(services, size)


@pytest.mark.parametrize("block", [{}, {"cidr": "x"}, {"stop": "172.29.52.1"}])
def test_a_block_that_says_nothing_gives_nothing(block: dict[str, str]) -> None:
    assert assign(service(), [{"blocks": [block]}])[1] == "no_pool"
