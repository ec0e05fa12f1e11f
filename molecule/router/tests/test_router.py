# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's kernel: each address over all three nodes, in both families."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

HOSTS = Path(os.environ["HOMEOPS_LAB_DIR"]) / "hosts.json"
SERVICES = {
    "172.29.52.200": [f"172.29.51.{last}" for last in (11, 12, 13)],
    "172.29.52.201": [f"172.29.51.{last}" for last in (11, 12, 13)],
    "fd47:25e1:2f96:52:100::1": [f"fd47:25e1:2f96:51::{last}" for last in (11, 12, 13)],
}


def kernel(host: Any, family: str) -> dict[str, dict[str, Any]]:
    """The routes that BGP put into the router's kernel, by destination."""
    pid = json.loads(HOSTS.read_text())["router"]
    answer = host.check_output(f"nsenter -t {pid} -n ip -{family} -j route show proto bgp")
    return {route["dst"]: route for route in json.loads(answer)}


@pytest.mark.parametrize("address", SERVICES)
def test_the_kernel_has_every_address_over_all_nodes(host: Any, address: str) -> None:
    route = kernel(host, "6" if ":" in address else "4")[address]
    assert sorted(hop["gateway"] for hop in route["nexthops"]) == SERVICES[address]
    assert {hop["dev"] for hop in route["nexthops"]} == {"br51"}
    assert {hop["weight"] for hop in route["nexthops"]} == {1}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_kernel_has_each_nodes_pods_over_that_node(host: Any, number: int) -> None:
    assert kernel(host, "4")[f"10.244.{number}.0/24"]["gateway"] == f"172.29.51.{10 + number}"
    route = kernel(host, "6")[f"fd47:25e1:2f96:f5{number:02x}::/64"]
    assert route["gateway"] == f"fd47:25e1:2f96:51::{10 + number}"


def test_a_next_hop_that_no_kernel_takes_is_nowhere(host: Any) -> None:
    """An IPv6 route over an IPv4 session comes with the next hop ``::ffff:<IPv4>``; the router's policy replaces it."""
    assert "::ffff:" not in json.dumps(kernel(host, "6"))
