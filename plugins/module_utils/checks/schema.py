# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the model's form: what the schema found, and whether nodes and hosts of the inventory are the same."""

from __future__ import annotations

from collections.abc import Iterator

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from ..model.world import World
from .registry import ERROR, EVERY, WARN, Breach, check

_INVENTORY = "the model's own schema"


def _of_kind(world: World, kind: str) -> Iterator[Breach]:
    for problem in world.problems:
        if problem.kind == kind and not problem.claim:
            yield Breach(problem.path, f"{problem.text[:1].upper()}{problem.text[1:]}.", problem.use)


@check(
    "MOD001",
    ERROR,
    "model",
    EVERY,
    rule="Every key of the model is one that the collection reads.",
    why="A misspelt key is passed over in silence, and the value that was meant is never used.",
    broken="homeops_bgp: {clusterasn: 64512}",
    right="homeops_bgp: {cluster_asn: 64512}",
    ground=_INVENTORY,
)
def unknown_key(world: World) -> Iterator[Breach]:
    """The key that was probably meant is named, a missing one first."""
    return _of_kind(world, "unknown")


@check(
    "MOD002",
    ERROR,
    "model",
    EVERY,
    rule="Every key that the collection needs is there.",
    why="What is rendered from the model cannot be complete without it.",
    broken="homeops_cluster without vip",
    right="homeops_cluster: {vip: 172.29.51.10, ...}",
    ground=_INVENTORY,
)
def missing_key(world: World) -> Iterator[Breach]:
    """A missing key whose misspelt form is there is reported once, as that (MOD001)."""
    return _of_kind(world, "missing")


@check(
    "MOD003",
    ERROR,
    "model",
    EVERY,
    rule="Every value has the type and the format that is needed.",
    why="It would be refused, or misread, by the system it is rendered for.",
    broken="homeops_networks.pods.ipv4: 10.244.0.0/33",
    right="homeops_networks.pods.ipv4: 10.244.0.0/16",
    ground=_INVENTORY,
)
def wrong_value(world: World) -> Iterator[Breach]:
    """Values that may be secrets are not repeated in the finding."""
    return _of_kind(world, "wrong")


@check(
    "MOD004",
    ERROR,
    "model",
    EVERY,
    rule="Each node has a name and an address of its own.",
    why="Two entries of one name or address are one machine: it would be configured twice and etcd lack a member.",
    broken="mini02 and mini03 both at 172.29.51.12",
    right="mini02 at 172.29.51.12, mini03 at 172.29.51.13",
    ground="Talos: a node is known by its address, Kubernetes: by its name",
)
def duplicate_node(world: World) -> Iterator[Breach]:
    """The first entry keeps the name or address, each later one is a finding."""
    for key, word in (("name", "name"), ("address", "address")):
        first: dict[str, str] = {}
        for path, entry in world.entries("nodes"):
            if key not in entry:
                continue
            # One address can be written in several ways.
            value = str(netaddr.IPAddress(entry[key])) if key == "address" else entry[key]
            if value in first:
                yield Breach((*path, key), f"The {word} {value} is also that of {first[value]}.")
            else:
                first[value] = f"homeops_nodes[{path[-1]}]" + (
                    f" ({entry['name']})" if "name" in entry and key != "name" else ""
                )


@check(
    "MOD006",
    ERROR,
    "model",
    EVERY,
    rule="The hosts of the groups control_plane and worker are the nodes of the model with that role.",
    why="A host without an entry has no address to connect to; an entry without a host is never configured.",
    broken="host mini04 in control_plane, no entry mini04 in homeops_nodes",
    right="every host has an entry with its name and the other way round",
    ground="the collection's playbooks run on the hosts of control_plane",
)
def hosts_and_nodes(world: World) -> Iterator[Breach]:
    """Passed over when the groups of the inventory are not known."""
    if not world.groups:
        return
    hosts = {role: list(world.groups.get(group, [])) for role, group in _GROUPS.items()}
    names = {path: entry["name"] for path, entry in world.entries("nodes") if "name" in entry}
    for path, entry in world.entries("nodes"):
        if path not in names or "role" not in entry:
            continue
        role, name = entry["role"], entry["name"]
        if name not in hosts[role]:
            others = [group for other, group in _GROUPS.items() if name in hosts[other]]
            found = f"the group {others[0]} has" if others else "no group has"
            yield Breach(
                (*path, "name"),
                f"The node {name} is a {role}, but {found} a host of that name.",
                f"host {name} in group {_GROUPS[role]}",
            )
    known = {str(world.raw((*path, "name"))) for path, entry in world.entries("nodes")}
    for role, group in _GROUPS.items():
        for host in hosts[role]:
            if host not in known:
                yield Breach(
                    ("nodes",),
                    f"The host {host} of the group {group} has no entry in homeops_nodes.",
                    f"an entry with name: {host}",
                )


#: Group of the inventory per role.
_GROUPS = {"controlplane": "control_plane", "worker": "worker"}


@check(
    "MOD009",
    WARN,
    "model",
    ("talos", "kubernetes"),
    rule="The number of control plane nodes is odd.",
    why="etcd needs a majority: an even number of members survives no more failures than one member less.",
    broken="2 control plane nodes",
    right="3 control plane nodes",
    ground="etcd FAQ, 'Why an odd number of cluster members?'",
)
def quorum(world: World) -> Iterator[Breach]:
    """No control plane node at all is an error, an even number a warning."""
    count = sum(1 for node in world.nodes if node.role == "controlplane")
    if len(world.nodes) != len(world.get("nodes")):
        return
    if count == 0:
        why = "etcd and the Kubernetes API run on control plane nodes only."
        yield Breach(("nodes",), "No node has the role controlplane.", "role: controlplane", why=why, severity=ERROR)
    elif count % 2 == 0:
        yield Breach(("nodes",), f"There are {count} control plane nodes.", f"{count - 1} or {count + 1}")
