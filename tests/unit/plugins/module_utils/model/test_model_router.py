# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the home model says to the router."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.frr import edit, lint, options, text
from ansible_collections.homeops.cluster.plugins.module_utils.frr.desired import Desired
from ansible_collections.homeops.cluster.plugins.module_utils.model import router
from ansible_collections.homeops.cluster.plugins.modules import udm_bgp_peer
from tests.unit.plugins.module_utils.frr import frr_samples as samples


def declared(given: dict[str, Any]) -> Desired:
    arguments = {"host": "udm", "api_key": "key", **given}
    checked = ArgumentSpecValidator(udm_bgp_peer.SPEC["argument_spec"]).validate(arguments)
    assert not checked.error_messages
    return options.declaration(checked.validated_parameters)


def dual(model: dict[str, Any]) -> dict[str, Any]:
    model["networks"]["ipv6_enabled"] = True
    for number, node in enumerate(model["nodes"], start=11):
        node["ipv6"] = f"fd47:25e1:2f96:51::{number}"
    return model


def test_the_home_declares_its_nodes_and_pools(model: dict[str, Any], tmp_path: Path) -> None:
    given = router.peers(model)
    assert (given["asn"], given["router_id"]) == (64513, "172.29.51.1")
    assert [peer["address"] for peer in given["neighbors"]] == list(samples.NODES)
    assert given["policies"]["ipv4"]["accept"] == [
        {"prefix": "172.29.52.0/24", "le": 32},
        {"prefix": "10.244.0.0/16", "ge": 24, "le": 24},
    ]
    assert given["policies"]["ipv4"]["announce"] == ["172.29.0.0/18"]
    raw = edit.apply("", declared(given))
    assert lint.lint(text.parse(raw)) == []
    if samples.BGPD:
        assert samples.bgpd_faults(raw, tmp_path) == []


def test_pods_are_accepted_only_when_they_are_announced(model: dict[str, Any]) -> None:
    model["bgp"]["announce_pods"] = False
    assert len(router.peers(model)["policies"]["ipv4"]["accept"]) == 1


def test_ipv6_comes_with_next_hops_that_a_kernel_installs(model: dict[str, Any], tmp_path: Path) -> None:
    raw = edit.apply("", declared(router.peers(dual(model))))
    assert [fault for fault in lint.lint(text.parse(raw)) if fault.severity == "error"] == []
    assert raw.count("set ipv6 next-hop global fd47:25e1:2f96:51::1") == 3
    if samples.BGPD:
        assert samples.bgpd_faults(raw, tmp_path) == []


def test_ipv6_without_the_nodes_addresses_is_refused(model: dict[str, Any]) -> None:
    model["networks"]["ipv6_enabled"] = True
    with pytest.raises(InputError, match="mini01 has no ipv6 address"):
        router.peers(model)


def test_authentication_needs_the_password(model: dict[str, Any]) -> None:
    model["bgp"]["authentication"] = True
    with pytest.raises(InputError, match="HOMEOPS_BGP_PASSWORD"):
        router.peers(model)
    raw = edit.apply("", declared(router.peers(model, "one-word")))
    assert " neighbor home-ops password one-word\n" in raw
