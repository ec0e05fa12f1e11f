# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses inside the namespace: those of the home, all on its loopback interface."""

from __future__ import annotations

import ipaddress

ROUTER = "172.29.51.1"
NODES = {"mini01": "172.29.51.11", "mini02": "172.29.51.12", "mini03": "172.29.51.13"}
_IPV6_NET = ipaddress.IPv6Network("fd47:25e1:2f96:51::/64")


def ipv6_of(address: str) -> str:
    """Return the IPv6 address of the machine that has the IPv4 ``address``: the same last number, read as hex digits.

    >>> ipv6_of("172.29.51.11")
    'fd47:25e1:2f96:51::11'
    """
    return str(_IPV6_NET.network_address + int(address.rpartition(".")[2], 16))


def all_addresses() -> list[str]:
    """Return every address of the namespace with its prefix length."""
    machines = [ROUTER, *NODES.values()]
    return [f"{address}/32" for address in machines] + [f"{ipv6_of(address)}/128" for address in machines]


def address_of(node: str) -> str:
    """Return the address of a node given by name or address.

    :raises KeyError: when there is no such node.
    """
    return node if node in NODES.values() else NODES[node]
