# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the load balancers' pools: one definition each, well formed, apart from everything else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from ..model.schema import Path
from ..model.world import Pool, World
from .addressing import SUPERNETS, highest, lowest
from .registry import ERROR, Breach, check


@check(
    "NET005",
    ERROR,
    "addressing",
    ("bgp", "platform", "verify"),
    rule="There is one definition of each load-balancer pool, inside the load balancers' network.",
    why="Addresses that are stated twice drift apart: Services get addresses that the router filters or does not know.",
    broken="network 172.29.52.0/24, pool 172.29.54.100 to 172.29.54.199",
    right="pool 172.29.52.100 to 172.29.52.199",
    ground="verified by running over the files of a real home-lab",
)
def one_pool_definition(world: World) -> Iterator[Breach]:
    """Two pools of one name are two definitions. A pool in another network of the model is left to its check."""
    names: dict[str, int] = {}
    for path, entry in world.entries("load_balancers", "pools"):
        name = entry.get("name")
        if name in names:
            yield Breach(
                (*path, "name"), f"Pool {name} is defined twice, first in homeops_load_balancers.pools[{names[name]}]."
            )
        elif name is not None:
            names[name] = int(path[-1])
    others = [item for item in world.networks if item.path[1] not in (*SUPERNETS, "load_balancers")]
    for pool in world.pools:
        home = world.maybe("networks", "load_balancers", f"ipv{pool.version}")
        if home is None or any(pool.meets(lowest(item), highest(item)) for item in others):
            continue
        block = world.network("load_balancers", pool.version)
        if not (lowest(block) <= pool.first and pool.last <= highest(block)):
            yield Breach(
                pool.path, f"Pool {pool.name} ({pool.first} to {pool.last}) is not inside {block.cidr} ({block.title})."
            )


@check(
    "NET006",
    ERROR,
    "addressing",
    ("bgp", "platform", "verify"),
    rule="Pools are well formed and overlap neither each other nor nodes, gateways, the VIP or the nodes' network.",
    why="Cilium gives out no address of overlapping or malformed pools; one on the nodes' segment meets machines.",
    broken="nodes in 10.0.20.0/24, pool 10.0.20.50 to 10.0.20.90",
    right="pool 10.0.30.50 to 10.0.30.90 in a VLAN of its own",
    ground="verified by running; cilium/cilium v1.17 operator/pkg/lbipam (PoolConflict)",
)
def pools_apart(world: World) -> Iterator[Breach]:
    """Addresses reach the router by BGP only, so no pool may lie on the segment where the nodes answer ARP."""
    for path, entry in world.entries("load_balancers", "pools"):
        text = _malformed(entry)
        if text:
            yield Breach(path, text)
    for one, other in combinations(world.pools, 2):
        if one.meets(other.first, other.last):
            yield Breach(other.path, f"Pool {other.name} ({_span(other)}) overlaps pool {one.name} ({_span(one)}).")
    nodes = [item for item in world.networks if item.path[1] == "management"]
    gateway = world.maybe("networks", "load_balancers", "gateway")
    for pool in world.pools:
        for network in nodes:
            if pool.meets(lowest(network), highest(network)):
                yield Breach(pool.path, f"Pool {pool.name} lies in {network.cidr} ({network.title}).")
        if gateway is not None and pool.holds(netaddr.IPAddress(gateway)):
            yield Breach(pool.path, f"Pool {pool.name} contains the gateway {gateway}.")


@check(
    "NET007",
    ERROR,
    "addressing",
    ("bgp", "platform", "verify"),
    rule="A pinned address lies in a pool, and no two Services are pinned to one.",
    why="Cilium answers a request for an address outside of the Service's pool with no address at all.",
    broken="pinned 172.29.53.10 with pools in 172.29.52.0/24 only",
    right="pinned 172.29.52.201, in pool bgp-ingress (.200 to .220)",
    ground="verified by running; Cilium documentation, LB-IPAM 'Requesting IPs'",
)
def pinned(world: World) -> Iterator[Breach]:
    """The pool of a pinned Service is the one that holds its address, so an address in no pool has none. A service with
    an address of its own says its pool beside it."""
    owners: dict[str, str] = {}
    known = len(world.pools) == len(world.get("load_balancers", "pools"))
    for path, name, text, wanted in _addresses(world):
        address = netaddr.IPAddress(text)
        if str(address) in owners:
            yield Breach(path, f"{address} is pinned for {owners[str(address)]} already.")
        owners[str(address)] = name
        pools = [pool for pool in world.rendered_pools if wanted in ("", pool.name)]
        if known and pools and not any(pool.holds(address) for pool in pools):
            where = f"not in the pool {wanted}" if wanted else "in none of the pools that are rendered"
            yield Breach(path, f"{address} lies {where}.", _free(pools[0]) if wanted else None)


def _addresses(world: World) -> Iterator[tuple[Path, str, str, str]]:
    """Yield place, owner, address and pool (empty when any will do) of each address that is asked for."""
    for name, text in world.maybe("load_balancers", "pinned", default={}).items():
        yield ("load_balancers", "pinned", name), name, text, ""
    for path, service in world.entries("services"):
        wanted = service.get("load_balancer") or {}
        if "address" in wanted:
            owner = str(service.get("name") or path[-1])
            yield (*path, "load_balancer", "address"), owner, wanted["address"], str(wanted.get("pool") or "")


def _free(pool: Pool) -> str:
    return f"an address from {_span(pool)}"


def _span(pool: Pool) -> str:
    return f"{pool.first} to {pool.last}"


def _malformed(pool: dict[str, object]) -> str:
    """Return what is wrong with a pool's own bounds, empty when nothing is."""
    if "cidr" in pool:
        text = str(pool["cidr"])
        try:
            right = "/" in text and netaddr.IPNetwork(text) is not None
        except (netaddr.AddrFormatError, ValueError):
            right = False
        return "" if right else f"{text!r} is not a network such as 172.29.52.0/28."
    if not {"start", "stop"} <= pool.keys():
        one = "start" if "start" in pool else "stop" if "stop" in pool else ""
        other = "stop" if one == "start" else "start"
        return f"The pool has {one} but no {other}." if one else "The pool has neither cidr nor start and stop."
    first, last = netaddr.IPAddress(str(pool["start"])), netaddr.IPAddress(str(pool["stop"]))
    if first.version != last.version:
        return f"The pool starts at {first} and stops at {last}: two address families."
    return f"The pool starts at {first}, after its end {last}." if first > last else ""
