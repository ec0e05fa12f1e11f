# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no system exports, as metrics: the router's routes, the way of every service, outposts, tokens, open paths.

Pure: from the reports of ``bgp_status`` and ``service_status`` and from what ``authentik_info`` returns. What could
not be asked has no samples, and :data:`ANSWERED` says so: a missing value must not look like a good one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..authentik import audit, tokens
from ..cilium import sessions
from . import bgp, chain
from .exposition import Family, Gauge

Answer = Mapping[str, Any]

GATHERED = Gauge("homeops_gathered_timestamp_seconds", "When these values were gathered, in seconds since the epoch.")
ANSWERED = Gauge("homeops_system_answered", "Whether a system could be asked (1) or not (0).", ("system",))
SESSION = Gauge(
    "homeops_bgp_session_up",
    "Whether a BGP session is Established (1) or not (0), as one of its ends sees it: cluster or router.",
    ("node", "router", "family", "end"),
)
ANNOUNCED = Gauge(
    "homeops_bgp_announced_prefixes", "Prefixes that a node says it announces to the router.", ("node", "family")
)
ACCEPTED = Gauge(
    "homeops_bgp_accepted_prefixes", "Prefixes that the router has accepted from a node.", ("node", "family")
)
_ROUTE = ("kind", "name", "prefix", "pool")
ROUTE_ANNOUNCED = Gauge("homeops_route_announcing_nodes", "Nodes that announce a prefix.", _ROUTE)
ROUTE_ACCEPTED = Gauge("homeops_route_accepted_nodes", "Nodes from which the router has accepted a prefix.", _ROUTE)
ROUTE_PATHS = Gauge("homeops_route_paths", "Paths to a prefix that the router uses at once.", _ROUTE)
LINK = Gauge(
    "homeops_service_link_state",
    "State of one link of a service's way from load balancer to login: 1 for the state it is in, 0 for the others.",
    ("service", "host", "link", "state"),
)
OUTPOST = Gauge(
    "homeops_outpost_healthy",
    "Whether a process of an outpost that has providers is connected, in the server's version.",
    ("outpost", "type"),
)
CONNECTED = Gauge("homeops_outpost_connected_instances", "Connected processes of an outpost.", ("outpost", "type"))
TOKEN = Gauge(
    "homeops_token_expiration_timestamp_seconds",
    "When a token of Authentik expires and gets another key; tokens that do not expire are left out.",
    ("token", "intent"),
)
FINDINGS = Gauge(
    "homeops_identity_findings", "Things that are wrong in Authentik, by kind; none of a kind is 0.", ("code", "level")
)
#: All of them, in the order of the file.
GAUGES = (
    GATHERED,
    ANSWERED,
    SESSION,
    ANNOUNCED,
    ACCEPTED,
    ROUTE_ANNOUNCED,
    ROUTE_ACCEPTED,
    ROUTE_PATHS,
    LINK,
    OUTPOST,
    CONNECTED,
    TOKEN,
    FINDINGS,
)
#: States of a session that say nothing.
_SILENT = (bgp.NOTHING, "unknown")
_STATES = (chain.OK, chain.WARNING, chain.BROKEN, chain.UNKNOWN)
#: Kinds of findings that have a value even when there is none, because an alert reads them.
_ALWAYS = (("open_path", "error"), ("expired_token", "error"), ("unhealthy", "error"), ("doubled_host", "error"))


@dataclass(frozen=True)
class Facts:
    """What the systems said.

    :param now: seconds since the epoch.
    :param answered: whether each system could be asked, by its name.
    :param bgp: report of ``bgp_status``; ``services`` that of ``service_status``.
    :param identity: ``outposts``, ``tokens`` and ``findings`` of ``authentik_info``, None when it could not be asked.
    """

    now: float
    answered: Mapping[str, bool] = field(default_factory=dict)
    bgp: Answer | None = None
    services: Answer | None = None
    identity: Answer | None = None


def build(facts: Facts) -> list[Family]:
    """Return every metric with its samples."""
    families = {gauge.name: Family(gauge) for gauge in GAUGES}

    def add(gauge: Gauge, labels: Sequence[object], value: float) -> None:
        families[gauge.name].add(labels, value)

    add(GATHERED, (), int(facts.now))
    for system, answered in facts.answered.items():
        add(ANSWERED, (system,), answered)
    for row in (facts.bgp or {}).get("neighbors") or ():
        _neighbor(row, add)
    for row in (facts.bgp or {}).get("routes") or ():
        labels = [row[label] for label in _ROUTE]
        add(ROUTE_ANNOUNCED, labels, len(row["wanted"]))
        if row["accepted"] is not None:
            add(ROUTE_ACCEPTED, labels, len(row["accepted"]))
        if row["paths"] is not None:
            add(ROUTE_PATHS, labels, int(row["paths"]))
    for one in (facts.services or {}).get("services") or ():
        for link in one["links"]:
            if link["state"] == chain.NONE:
                continue
            for state in _STATES:
                add(LINK, (one["name"], one["host"], link["name"], state), link["state"] == state)
    if facts.identity is not None:
        _identity(facts.identity, facts.now, add)
    return list(families.values())


def _neighbor(row: Answer, add: Any) -> None:
    """Add one neighbour; an end that says nothing of it (the legacy kind has no status) has no sample."""
    for end in ("cluster", "router"):
        state = str(row[f"{end}_state"])
        if state not in _SILENT:
            add(SESSION, (row["node"], row["router"], row["family"], end), state.lower() == sessions.ESTABLISHED)
    for gauge, key in ((ANNOUNCED, "announced"), (ACCEPTED, "accepted")):
        if str(row[key]).isdigit():
            add(gauge, (row["node"], row["family"]), int(row[key]))


def _identity(identity: Answer, now: float, add: Any) -> None:
    for outpost in identity.get("outposts") or ():
        entries = outpost.get("health") or ()
        labels = (outpost["name"], outpost.get("type") or "")
        add(CONNECTED, labels, len(entries))
        if outpost.get("providers") or entries:
            add(OUTPOST, labels, not audit.unhealthy(entries))
    for token in identity.get("tokens") or ():
        # What the server gives out for a session or a recovery link expires as it should.
        if token.get("seconds_left") is not None and token.get("intent") in tokens.INTENTS:
            add(TOKEN, (token["identifier"], token["intent"]), int(now) + int(token["seconds_left"]))
    if identity.get("findings") is not None:
        counted = Counter((str(one["code"]), str(one["level"])) for one in identity["findings"])
        for key in sorted({*counted, *_ALWAYS}):
            add(FINDINGS, key, counted[key])
