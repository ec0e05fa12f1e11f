# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A typed view of the model for the checks: what it holds, as addresses and networks, each with the path to its source.

The view is made from the clean copy of the model, so types can be relied upon; what is not there (or was wrong and has
been reported by the schema) raises :class:`Absent`, and the check that needed it is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from . import cilium as cilium_values, shape
from .schema import Path, Problem, examine

#: Whether the library that this needs is there.
AVAILABLE = netaddr is not None


class Absent(LookupError):
    """A part of the model is not there or cannot be trusted."""


@dataclass(frozen=True)
class Node:
    """One entry of ``homeops_nodes``; ``address`` is a ``netaddr.IPAddress``."""

    name: str
    address: Any
    role: str
    path: Path


@dataclass(frozen=True)
class Network:
    """One network of the model.

    :param title: what it is, for a sentence: ``the pods' IPv4 network``.
    :param given: ``netaddr.IPNetwork`` as written, host bits included; ``cidr`` is its network form.
    """

    title: str
    given: Any
    path: Path

    @property
    def cidr(self) -> Any:
        """The network with host bits cleared."""
        return self.given.cidr

    @property
    def version(self) -> int:
        """4 or 6."""
        return int(self.given.version)


@dataclass(frozen=True)
class Pool:
    """One well-formed load-balancer pool: all addresses from ``first`` to ``last`` (``netaddr.IPAddress``)."""

    name: str
    first: Any
    last: Any
    path: Path

    @property
    def version(self) -> int:
        """4 or 6."""
        return int(self.first.version)

    def holds(self, address: Any) -> bool:
        """Whether an address lies in the pool."""
        return bool(address.version == self.version and self.first <= address <= self.last)

    def meets(self, first: Any, last: Any) -> bool:
        """Whether the pool has an address of the range ``first`` to ``last``."""
        return bool(first.version == self.version and self.first <= last and first <= self.last)


class World:
    """The model of one run.

    :param model: the whole model, keyed by subject; anything at all, right or wrong.
    :param groups: the inventory's groups with their hosts; empty when not known.
    """

    def __init__(self, model: Any, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self.model = model
        self.groups = dict(groups or {})
        # A subject that is null is one that nobody has defined: missing, not of a wrong type.
        given = model
        if isinstance(model, Mapping):
            given = {key: item for key, item in model.items() if item is not None or key not in shape.MODEL.need}
        clean, self.problems = examine(given, shape.MODEL)
        self.clean: dict[str, Any] = clean or {}

    def get(self, *path: str | int) -> Any:
        """Return the value at a path.

        :raises Absent: when it is not there.
        """
        value: Any = self.clean
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError) as error:
                raise Absent(path) from error
        if value is None:
            raise Absent(path)
        return value

    def maybe(self, *path: str | int, default: Any = None) -> Any:
        """Return the value at a path, ``default`` when it is not there."""
        try:
            return self.get(*path)
        except Absent:
            return default

    def entries(self, *path: str | int) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield path and value of each map in a list of maps; wrong elements are passed over."""
        for index, item in enumerate(self.maybe(*path, default=[])):
            if isinstance(item, dict):
                yield (*path, index), item

    def texts(self, *path: str | int) -> list[tuple[Path, str]]:
        """Return path and value of each text in a list of texts; wrong elements are passed over."""
        found = enumerate(self.maybe(*path, default=[]))
        return [((*path, index), item) for index, item in found if isinstance(item, str)]

    def raw(self, path: Path) -> Any:
        """Return the value at a path as it was given, None when there is none."""
        value = self.model
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def claimed(self, claim: str) -> list[Problem]:
        """Return the schema's problems that the check with this id reports."""
        return [problem for problem in self.problems if problem.claim == claim]

    @property
    def dual_stack(self) -> bool:
        """Whether IPv6 is carried beside IPv4."""
        return bool(self.get("networks", "ipv6_enabled"))

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes with a name, an address and a role."""
        return [
            Node(item["name"], netaddr.IPAddress(item["address"]), item["role"], path)
            for path, item in self.entries("nodes")
            if {"name", "address", "role"} <= item.keys()
        ]

    @cached_property
    def networks(self) -> list[Network]:
        """Every network that the model names, pools aside."""
        places = [
            ("the nodes' IPv{} network", "management"),
            ("the load balancers' IPv{} network", "load_balancers"),
            ("the pods' IPv{} network", "pods"),
            ("the services' IPv{} network", "services"),
            ("the IPv{} supernet of the house", "supernet"),
        ]
        found = []
        for title, subject in places:
            for version in (4, 6):
                text = self.maybe("networks", subject, f"ipv{version}")
                if text is not None:
                    path = ("networks", subject, f"ipv{version}")
                    found.append(Network(title.format(version), netaddr.IPNetwork(text), path))
        delegated = self.maybe("networks", "delegated_ipv6")
        if delegated is not None:
            found.append(
                Network("the delegated IPv6 prefix", netaddr.IPNetwork(delegated), ("networks", "delegated_ipv6"))
            )
        return found

    def network(self, subject: str, version: int = 4) -> Network:
        """Return one network by its subject.

        :raises Absent: when the model has none.
        """
        path = ("networks", subject, f"ipv{version}")
        for network in self.networks:
            if network.path == path:
                return network
        raise Absent(path)

    @cached_property
    def pool_networks(self) -> list[Network]:
        """The networks of the pools that are written as one."""
        found = []
        for path, item in self.entries("load_balancers", "pools"):
            try:
                given = netaddr.IPNetwork(item["cidr"]) if "/" in item.get("cidr", "") else None
            except (netaddr.AddrFormatError, ValueError):
                given = None
            if given is not None:
                found.append(Network(f"pool {item.get('name', path[-1])}", given, (*path, "cidr")))
        return found

    @cached_property
    def pools(self) -> list[Pool]:
        """The well-formed pools; a malformed one is what NET006 reports."""
        networks = {network.path[:-1]: network for network in self.pool_networks}
        found = []
        for path, item in self.entries("load_balancers", "pools"):
            if "name" not in item:
                continue
            if path in networks:
                block = networks[path].cidr
                found.append(
                    Pool(
                        item["name"],
                        netaddr.IPAddress(block.first, block.version),
                        netaddr.IPAddress(block.last, block.version),
                        path,
                    )
                )
            elif "cidr" not in item and {"start", "stop"} <= item.keys():
                first, last = netaddr.IPAddress(item["start"]), netaddr.IPAddress(item["stop"])
                if first.version == last.version and first <= last:
                    found.append(Pool(item["name"], first, last, path))
        return found

    @property
    def rendered_pools(self) -> list[Pool]:
        """The pools that exist in the cluster: an IPv6 pool only when IPv6 is enabled."""
        return [pool for pool in self.pools if pool.version == 4 or self.dual_stack]

    @cached_property
    def cilium_values(self) -> dict[str, Any]:
        """The values that the chart of Cilium is given.

        :raises Absent: when a part of the model that they are made of is.
        """
        if any(
            problem.path[:1] in {("cilium",), ("networks",), ("talos",)} and problem.kind != "unknown"
            for problem in self.problems
        ):
            raise Absent("cilium")
        for subject in ("cilium", "networks", "talos"):
            self.get(subject)
        try:
            return cilium_values.values(self.clean)
        except (KeyError, TypeError) as error:
            # Well formed, and yet not enough: IPv6 is enabled without a network, for one (NET008).
            raise Absent("cilium") from error

    def cilium_path(self, *keys: str) -> Path:
        """Return where the model says a chart value: in ``extra_values`` when it is there, else the subject itself."""
        for length in range(len(keys), 0, -1):
            path = ("cilium", "extra_values", *keys[:length])
            if self.maybe(*path) is not None:
                return path
        return ("cilium",)
