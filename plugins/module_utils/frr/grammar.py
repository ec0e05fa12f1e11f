# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which command of an FRR text belongs to which context.

FRR decides by the command, not by the indentation: a line that does not fit the current context is tried in the
contexts around it, and keywords may be shortened as long as they stay unique (FRRouting 8.4 ``lib/command.c``,
``lib/command_match.c``). The word lists are what ``list`` of bgpd 8.4.4 and vtysh prints in each node. Only what a BGP
configuration can hold is known here; an unknown line keeps the context it stands in, as FRR leaves it there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence

TOP = "top"
ROUTER = "router"
FAMILY = "family"
ROUTE_MAP = "route-map"

#: First words of each context.
_FIRST: dict[str, frozenset[str]] = {
    TOP: frozenset(
        """
        access-list agentx allow-external-route-update allow-reserved-ranges banner bfd bgp debug domainname dump enable
        end evpn exit fpm frr hostname interface ip ipv6 key l2vpn line log mac mpls nexthop-group nhrp password pbr
        pbr-map pseudowire quit route-map router router-id rpki segment-routing service username vni vrf vrrp zebra
        """.split()
    ),
    ROUTER: frozenset(
        """
        address-family aggregate-address auto-summary bgp bmp coalesce-time distance end exit maximum-paths neighbor
        network quit rd read-quanta redistribute segment-routing synchronization table-map timers update-delay vnc
        vrf-policy write-quanta
        """.split()
    ),
    FAMILY: frozenset(
        """
        advertise advertise-all-vni advertise-default-gw advertise-pip advertise-svi-ip aggregate-address autort bgp
        default-originate disable-ead-evi-rx disable-ead-evi-tx distance dup-addr-detection ead-es-frag
        ead-es-route-target enable-resolve-overlay-index end exit exit-address-family export flooding import label
        maximum-paths neighbor network nexthop quit rd redistribute route-map route-target rt sid table-map use-es-l3nhg
        vni
        """.split()
    ),
    ROUTE_MAP: frozenset("call continue description end exit match on-match quit set".split()),
}

#: Second words of ``bgp`` in each context; ``graceful-shutdown`` and some others exist twice.
_BGP: dict[str, frozenset[str]] = {
    TOP: frozenset(
        """
        as-path community community-list extcommunity-list graceful-shutdown large-community-list no-rib route-map
        send-extra-data session-dscp suppress-fib-pending update-delay
        """.split()
    ),
    ROUTER: frozenset(
        """
        allow-martian-nexthop always-compare-med bestpath client-to-client cluster-id conditional-advertisement
        confederation dampening default deterministic-med disable-ebgp-connected-route-check ebgp-requires-policy
        fast-convergence fast-external-failover graceful-restart graceful-restart-disable graceful-shutdown
        hard-administrative-reset listen log-neighbor-changes long-lived-graceful-restart max-med minimum-holdtime
        network reject-as-sets route-map route-reflector router-id shutdown suppress-duplicates suppress-fib-pending
        """.split()
    ),
    FAMILY: frozenset({"dampening"}),
}

#: Second words of ``ip`` and ``ipv6`` at the top level; all others are an interface's or were renamed long ago.
_IP = {
    "ip": frozenset(
        """
        forwarding igmp import-table mroute msdp multicast nht pim prefix-list protocol route router-id ssmpingd table
        """.split()
    ),
    "ipv6": frozenset("access-list forwarding mld nht pim prefix-list protocol route router-id ssmpingd table".split()),
}

#: What may follow ``neighbor <peer>`` in an address family; at router level most of these act on ipv4 unicast.
FAMILY_ATTRIBUTES = frozenset(
    """
    activate addpath-tx-all-paths addpath-tx-bestpath-per-AS advertise-map allowas-in as-override attribute-unchanged
    capability default-originate disable-addpath-rx distribute-list filter-list maximum-prefix maximum-prefix-out
    next-hop-self nexthop-local prefix-list remove-private-AS route-map route-reflector-client route-server-client
    send-community soft-reconfiguration soo unsuppress-map weight
    """.split()
)
#: What may follow ``neighbor <peer>`` at router level only; a family takes ``peer-group`` too.
ROUTER_ATTRIBUTES = frozenset(
    """
    advertisement-interval bfd description disable-connected-check disable-link-bw-encoding-ieee
    dont-capability-negotiate ebgp-multihop enforce-first-as enforce-multihop extended-optional-parameters
    graceful-restart graceful-restart-disable graceful-restart-helper interface local-as local-role override-capability
    passive password peer-group port remote-as sender-as-path-loop-detection shutdown solo strict-capability-match
    tcp-mss timers ttl-security update-source
    """.split()
)

_ROUTERS = ("babel", "bgp", "eigrp", "isis", "openfabric", "ospf", "ospf6", "rip", "ripng")


def expand(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that ``word`` is or uniquely shortens; None when there is none or more than one."""
    begun = _begun(word, candidates)
    return begun[0] if len(begun) == 1 else None


def fits(context: str, words: Sequence[str]) -> list[str] | None:
    """Return the words with their keywords in full when the command is one of this kind of context, else None.

    Empty when several commands may be meant: FRR rejects such a line without trying the contexts around.

    :param context: one of the contexts above; any other is of no BGP concern and takes every line.
    :param words: the line's words without a leading ``no``; at least one.
    """
    if context not in _FIRST:
        return list(words)
    readings = []
    for first in _begun(words[0], _FIRST[context]):
        full = _rest(context, [first, *words[1:]])
        if full is not None:
            readings.append(full)
    # Several commands may begin with the same letters; the whole line decides, and a keyword in full beats a short one.
    if len(readings) > 1 and any(len(known) > 1 for known in readings):
        checked = [known for known in readings if known[0] in _RESTS]
        readings = checked if len(checked) == 1 else readings
    if len(readings) > 1:
        return []
    return readings[0] if readings else None


def leaves(words: Sequence[str]) -> bool:
    """Whether a fitting command, in full words, leaves its context."""
    return words[0] in ("exit", "quit", "end", "exit-address-family")


def family_name(words: Sequence[str]) -> str:
    """Return ``ipv4 unicast`` for ``address-family ipv4`` in any of its short forms."""
    afi = expand(words[1], ("ipv4", "ipv6", "l2vpn")) if len(words) > 1 else None
    safis = ("unicast", "multicast", "vpn", "labeled-unicast", "flowspec", "evpn")
    safi = expand(words[2], safis) if len(words) > 2 else "unicast"
    return f"{afi or '?'} {safi or '?'}"


def _begun(word: str, candidates: Iterable[str]) -> list[str]:
    """Return the candidates that ``word`` may mean: itself when it is one, else all that begin with it."""
    known = list(candidates)
    if word in known:
        return [word]
    return sorted(candidate for candidate in known if word and candidate.startswith(word))


def _rest(context: str, words: list[str]) -> list[str] | None:
    """Judge the words behind the first where they decide about the context."""
    judge = _RESTS.get(words[0])
    return judge(context, words) if judge and len(words) > 1 else words


def _bgp(context: str, words: list[str]) -> list[str] | None:
    second = expand(words[1], _BGP[context])
    if second is None:
        return None
    if second == "listen" and len(words) > 2:
        third = expand(words[2], ("limit", "range"))
        full = [words[0], second, third or words[2], *words[3:]]
        return [*full[:4], "peer-group", *full[5:]] if third == "range" and len(full) > 5 else full
    return [words[0], second, *words[2:]]


def _neighbor(context: str, words: list[str]) -> list[str] | None:
    """Place ``neighbor <peer> <attribute>``: a family takes its own attributes, and membership of a group."""
    if len(words) < 3:
        return words if context == ROUTER and "/" not in words[1] else None
    attributes = FAMILY_ATTRIBUTES | (frozenset({"peer-group"}) if context == FAMILY else ROUTER_ATTRIBUTES)
    attribute = expand(words[2], attributes)
    if attribute is None:
        return None
    full = [words[0], words[1], attribute, *words[3:]]
    if attribute in _VALUES and len(full) > 3:
        place = 3 if attribute != "maximum-prefix" else len(full) - 1
        full[place] = expand(full[place], _VALUES[attribute]) or full[place]
    return full


#: Keywords which follow an attribute and may be shortened too.
_VALUES: dict[str, tuple[str, ...]] = {
    "soft-reconfiguration": ("inbound",),
    "timers": ("connect", "delayopen"),
    "maximum-prefix": ("warning-only", "restart", "force"),
    "remote-as": ("internal", "external"),
    "interface": ("peer-group", "remote-as", "v6only"),
}


def _ip(_context: str, words: list[str]) -> list[str] | None:
    second = expand(words[1], _IP[words[0]])
    return None if second is None else [words[0], second, *words[2:]]


def _router(_context: str, words: list[str]) -> list[str] | None:
    second = expand(words[1], _ROUTERS)
    if second == "bgp" and len(words) > 4:
        return [words[0], second, words[2], expand(words[3], ("view", "vrf")) or words[3], *words[4:]]
    return None if second is None else [words[0], second, *words[2:]]


def _route_map(context: str, words: list[str]) -> list[str] | None:
    if context == FAMILY:
        # "route-map vpn import NAME"; every other one is an entry's head, at the top level.
        return words if words[1] == "vpn" else None
    action = expand(words[2], ("permit", "deny")) if len(words) > 3 else None
    # Without a sequence it is no entry, but "no route-map NAME" is a command.
    return [words[0], words[1], action, *words[3:]] if action else words if len(words) == 2 else None


def _router_id(_context: str, words: list[str]) -> list[str] | None:
    try:
        ipaddress.ip_address(words[1])
    except ValueError:
        return None
    return words


def _match(_context: str, words: list[str]) -> list[str] | None:
    """Expand ``match ip address prefix-list NAME``, the only match that the collection evaluates."""
    wanted = (("ip", "ipv6"), ("address", "next-hop", "route-source"), ("prefix-list", "prefix-len"))
    full = list(words)
    for place, candidates in enumerate(wanted, start=1):
        if place < len(full) - (1 if place == 3 else 0):
            full[place] = expand(full[place], candidates) or full[place]
    return full


_RESTS: dict[str, Callable[[str, list[str]], list[str] | None]] = {
    "bgp": _bgp,
    "ip": _ip,
    "ipv6": _ip,
    "match": _match,
    "neighbor": _neighbor,
    "route-map": _route_map,
    "router": _router,
    "router-id": _router_id,
}


def router_only(words: Sequence[str]) -> bool:
    """Whether ``bgp ...`` is a command of ``router bgp`` and of nothing else."""
    if len(words) < 2 or words[0] != "bgp":
        return False
    return expand(words[1], _BGP[ROUTER]) is not None and expand(words[1], _BGP[TOP]) is None
