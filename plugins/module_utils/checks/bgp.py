# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of BGP: what is announced, by whom, and whether both ends can agree."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.world import World
from .registry import ERROR, WARN, Breach, check

_PHASES = ("bgp", "verify")
#: RFC 6996: AS numbers for private use.
_PRIVATE = (range(64512, 65535), range(4200000000, 4294967295))


@check(
    "BGP004",
    ERROR,
    "bgp",
    _PHASES,
    rule="Every pool is advertised, and every advertised pool exists.",
    why="Services get addresses from a pool that nobody advertises, and the router never learns a route to them.",
    broken="pools bgp-default and bgp-media, advertised_pools: [bgp-default]",
    right="advertised_pools: [bgp-default, bgp-media]",
    ground="verified by running over the files of a real home-lab",
)
def advertised(world: World) -> Iterator[Breach]:
    """Pools of a family that is not enabled are not rendered, so they need no advertisement."""
    path = ("bgp", "advertised_pools")
    world.get(*path)
    named = {name for element, name in world.texts(*path)}
    for pool in world.rendered_pools:
        if pool.name not in named:
            yield Breach(path, f"Pool {pool.name} is not advertised.", f"add {pool.name}, or drop the pool")
    known = {str(world.raw((*place, "name"))) for place, entry in world.entries("load_balancers", "pools")}
    for place, name in world.texts(*path):
        if name not in known:
            yield Breach(
                place, f"There is no pool {name} in homeops_load_balancers.pools.", ", ".join(sorted(known)) or None
            )


@check(
    "BGP006",
    ERROR,
    "bgp",
    _PHASES,
    rule="BGP authentication is on at both ends or at neither, from one secret.",
    why="With a password at one end only, the other end's TCP segments are dropped and no session comes up.",
    broken="authentication: true without an item bgp in homeops_secrets.items",
    right="authentication: true and items.bgp with title and field",
    ground="RFC 2385; read in a real home-lab's router configuration",
)
def authentication(world: World) -> Iterator[Breach]:
    """Both ends are rendered from homeops_secrets.items.bgp, so it must say where the password is."""
    if not world.get("bgp", "authentication"):
        return
    world.get("secrets", "items")
    if world.raw(("secrets", "items", "bgp")) is None:
        yield Breach(
            ("bgp", "authentication"),
            "Authentication is on, but homeops_secrets.items has no item bgp.",
            "an item bgp with title and field, or false",
        )
    elif world.raw(("secrets", "items", "bgp", "field")) is None:
        yield Breach(
            ("secrets", "items", "bgp"), "Authentication is on, but the item bgp names no field.", "field: password"
        )


@check(
    "BGP007",
    ERROR,
    "bgp",
    _PHASES,
    rule="No BGP password stands in the inventory.",
    why="An inventory is read, copied and published; a password in it is known to all who see it.",
    broken="a key password under homeops_bgp",
    right="authentication: true; the password comes from the item of homeops_secrets.items.bgp",
    ground="read in a real home-lab's router configuration",
)
def literal_password(world: World) -> Iterator[Breach]:
    """The value itself is never shown."""
    for problem in world.claimed("BGP007"):
        yield Breach(
            problem.path,
            f"The key {problem.path[-1]} would hold a literal password.",
            "remove it and set homeops_bgp.authentication: true",
        )


@check(
    "BGP015",
    ERROR,
    "bgp",
    _PHASES,
    rule="The router's address is a bare IP address.",
    why="The legacy BGP object wants a /32, the new one none: the collection adds what each needs to the bare address.",
    broken="bgp.router.address 172.29.51.1/32",
    right="bgp.router.address 172.29.51.1",
    ground="verified by running: CRD schemas of Cilium 1.17",
)
def peer_address(world: World) -> Iterator[Breach]:
    """Anything that is no single address is reported here."""
    for problem in world.claimed("BGP015"):
        yield Breach(problem.path, f"{problem.text[:1].upper()}{problem.text[1:]}.", problem.use)


@check(
    "BGP016",
    WARN,
    "bgp",
    _PHASES,
    rule="The AS numbers are private and different.",
    why="Equal numbers make the session internal, with other rules for routes; a public number belongs to somebody.",
    broken="cluster and router both 64512",
    right="64512 for the cluster, 64513 for the router",
    ground="RFC 6996; read in a real home-lab",
)
def as_numbers(world: World) -> Iterator[Breach]:
    """Private are 64512 to 65534 and 4200000000 to 4294967294."""
    numbers = {
        ("bgp", "cluster_asn"): world.get("bgp", "cluster_asn"),
        ("bgp", "router", "asn"): world.get("bgp", "router", "asn"),
    }
    for path, number in numbers.items():
        if not any(number in block for block in _PRIVATE):
            yield Breach(path, f"AS {number} is not for private use.", "64512 to 65534")
    if len(set(numbers.values())) == 1:
        taken = world.get("bgp", "cluster_asn")
        yield Breach(
            ("bgp", "router", "asn"),
            f"Cluster and router have the same AS number {taken}.",
            "64513" if taken == 64512 else "64512",
        )


@check(
    "BGP017",
    WARN,
    "bgp",
    _PHASES,
    rule="The router keeps as many paths as there are nodes.",
    why="With fewer paths the router sends traffic for a Service to some of the nodes only.",
    broken="maximum_paths: 1 with 3 nodes",
    right="maximum_paths: 3",
    ground="verified by running over three real router configurations",
)
def paths(world: World) -> Iterator[Breach]:
    """Every node announces every LoadBalancer address."""
    most, count = world.get("bgp", "maximum_paths"), len(world.get("nodes"))
    if most < count:
        yield Breach(("bgp", "maximum_paths"), f"maximum_paths is {most}, and there are {count} nodes.", str(count))
