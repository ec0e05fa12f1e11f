# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What zebra has put into the kernel of the routes that bgpd has accepted.

bgpd calls a path valid and best whatever becomes of it: a next hop that the kernel refuses, or the same prefix from a
better source, is seen here only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import FrrError
from .live import Asks, Expected, Live, facts as live_facts

#: What :func:`read` asks of zebra.
_RIB = ("show ip route bgp json", "show ipv6 route bgp json")


@dataclass(frozen=True)
class Rib:
    """What zebra has put into the kernel of what bgpd gave it; bgpd itself calls a route valid and best all the same.

    :param asked: whether zebra answered; where none runs, nobody knows of the kernel.
    :param hops: the next hops that the kernel has, by prefix.
    """

    asked: bool
    reason: str = ""
    hops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def lacking(self, live: Live, prefix: str) -> list[str]:
        """Return the next hops over which bgpd balances a prefix and which the kernel does not have."""
        there = self.hops.get(prefix, ())
        wanted = {path.next_hop for path in live.good_paths(prefix) if path.best or path.multipath}
        lost = sorted(wanted - set(there))
        # An IPv6 neighbour on the link gives two next hops, and zebra takes the link-local one.
        local = [hop for hop in there if hop not in wanted and _link_local(hop)]
        return [] if len(lost) <= len(local) else lost


def read(shell: Asks) -> Rib:
    """Ask zebra what of the routes stands in the kernel; a daemon that cannot be asked is an answer too.

    A route counts with the next hops that carry ``fib``, or those that are reached over such a one. A failed
    installation has ``selected`` and ``active`` and neither ``installed`` nor ``fib`` (measured with FRR 8.4.4).
    """
    try:
        tables = shell.json_all(_RIB)
    except FrrError as error:
        return Rib(False, error.answer)
    hops: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for prefix, entries in table.items():
            standing = [one for one in entries if isinstance(one, Mapping) and one.get("selected")]
            hops[str(prefix)] = tuple(
                str(hop["ip"])
                for one in standing
                if one.get("installed")
                for hop in one.get("nexthops") or []
                if hop.get("ip") and (hop.get("fib") or (hop.get("recursive") and hop.get("active")))
            )
    return Rib(True, "", hops)


def missing(live: Live, rib: Rib, prefixes: Iterable[Expected]) -> list[str]:
    """Return which of the prefixes that bgpd has the kernel has not, each as a sentence without its end."""
    found = []
    for expected in prefixes if rib.asked else ():
        lost = rib.lacking(live, str(expected.prefix))
        if lost:
            found.append(f"{expected.prefix} is accepted and its next hops {', '.join(lost)} are not installed")
    return found


def facts(live: Live, rib: Rib) -> dict[str, Any]:
    """Return what :func:`..live.facts` tells of a look, with what the kernel has of each route."""
    found = live_facts(live)
    found["kernel"] = {"asked": rib.asked, "reason": rib.reason}
    for route in found["routes"] if rib.asked else ():
        prefix = str(route["prefix"])
        route.update(installed=sorted(rib.hops.get(prefix, ())), not_installed=rib.lacking(live, prefix))
    return found


def _link_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_link_local
    except ValueError:
        return False
