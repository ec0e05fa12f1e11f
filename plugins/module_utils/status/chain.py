# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of every service from its load balancer's label to its login page, link by link.

Pure: the answers come from ``kube_info``, ``bgp_status``, ``udm_dns_info``, ``authentik_info`` and ``service_probe``.
Each link is judged by one function (``chain_login.LINKS``); what could not be asked makes a link ``unknown``, never
``ok``. The first broken link of each service is the one to mend: what comes after it often follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from ..kubernetes.cluster_view import ClusterView
from .report import Finding, worst_of
from .table import columns

#: Version of the report's shape; a key may be added without a new one, none is renamed or removed.
SCHEMA = 1
OK, BROKEN, WARNING, UNKNOWN, NONE = "ok", "broken", "warning", "unknown", "none"

Answer = Mapping[str, Any]

#: A broken link that mends itself within so many seconds: an outpost and an ingress take on what they are told (an
#: outpost after 0-9 s in each of its pods), and then nothing more will come.
SOON = 60.0
#: One that an issuer, external-dns or the start of a pod will mend; how long that takes nobody can say.
IN_TIME = math.inf
#: State and text, and of a broken link the seconds within which the systems may mend it by themselves.
Judgement: TypeAlias = "tuple[str, str] | tuple[str, str, float]"


@dataclass(frozen=True)
class Wanted:
    """One service as it is declared.

    :param auth: ``proxy``, ``forward``, ``oidc`` or ``none``.
    :param entry: ``namespace/name`` of the Service that gives the ingress controller its address.
    :param address: the address that this Service must have; empty when any of the pool will do.
    :param scheme: how the backend speaks, ``http`` or ``https``.
    :param outpost: name of the outpost, ``embedded`` for the server's own.
    :param outpost_service: ``namespace/name`` of the Service behind which the outpost answers.
    :param login_host: host of the login page.
    :param open_paths: patterns of paths that are open on purpose.
    """

    name: str
    host: str
    auth: str
    ingress_class: str
    entry: str
    pool: str
    namespace: str
    service: str
    port: int
    title: str = ""
    address: str = ""
    scheme: str = "http"
    outpost: str = "embedded"
    outpost_service: str = ""
    login_host: str = ""
    open_paths: tuple[str, ...] = ()

    @property
    def guarded(self) -> bool:
        """Whether an outpost stands in front of it."""
        return self.auth in ("proxy", "forward")


@dataclass(frozen=True)
class Facts:
    """What the systems said; None where one could not be asked, and then ``reasons`` says why by the same name.

    :param cluster: the objects of the Kubernetes API.
    :param routes: ``routes`` of the report of ``bgp_status``.
    :param records: address records of the internal zone: ``name``, ``type`` and ``value`` each.
    :param identity: ``providers``, ``applications`` and ``outposts`` (each with the names of its providers
        and its ``health``), as ``authentik_info`` returns them.
    :param probes: answers of ``service_probe``.
    :param now: the time of the report, RFC 3339.
    """

    cluster: ClusterView | None = None
    routes: Sequence[Answer] | None = None
    records: Sequence[Answer] | None = None
    identity: Mapping[str, Sequence[Answer]] | None = None
    probes: Sequence[Answer] | None = None
    now: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """One link.

    :param state: ``ok``, ``broken``, ``warning``, ``unknown``, or ``none`` where the service has no such link.
    :param text: what was found; of a broken link, what is wrong and what to do.
    :param comes: seconds within which the systems may mend a broken link by themselves (:data:`SOON`, :data:`IN_TIME`);
        0 when they will not.
    """

    name: str
    state: str
    text: str
    comes: float = 0.0


@dataclass(frozen=True)
class Chain:
    """One service's links, in the order of the way."""

    name: str
    title: str
    host: str
    auth: str
    entry: str
    links: tuple[Link, ...]

    @property
    def broken(self) -> Link | None:
        """The first broken link."""
        return next((link for link in self.links if link.state == BROKEN), None)

    @property
    def state(self) -> str:
        """``broken``, else ``warning``, else ``unknown``, else ``ok``."""
        found = {link.state for link in self.links}
        return next((state for state in (BROKEN, WARNING, UNKNOWN) if state in found), OK)


@dataclass(frozen=True)
class Report:
    """The chains of all services."""

    chains: tuple[Chain, ...]
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> str:
        """``ok``, ``warning`` or ``error``."""
        return worst_of(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "schema": SCHEMA,
            "worst": self.worst,
            "services": [
                {
                    "name": chain.name,
                    "title": chain.title,
                    "host": chain.host,
                    "auth": chain.auth,
                    "entry": chain.entry,
                    "state": chain.state,
                    "broken": chain.broken.name if chain.broken else "",
                    "links": [{"name": link.name, "state": link.state, "text": link.text} for link in chain.links],
                }
                for chain in self.chains
            ],
            "findings": [asdict(finding) for finding in self.findings],
        }


#: Judges one link of a service by the facts.
Judge = Callable[[Wanted, Facts], Judgement]


def build(services: Sequence[Wanted], facts: Facts, judges: Sequence[tuple[str, Judge]]) -> Report:
    """Judge every link of every service.

    :param judges: name and judge of each link, in the order of the way (``chain_login.LINKS``).
    """
    chains = tuple(
        Chain(
            one.name,
            one.title or one.name,
            one.host,
            one.auth,
            one.entry,
            tuple(Link(name, *judge(one, facts)) for name, judge in judges),
        )
        for one in services
    )
    return Report(chains, tuple(_findings(chains)))


def _findings(chains: Sequence[Chain]) -> list[Finding]:
    """Return the first broken link of each service, its warnings, and once what could not be asked."""
    found = []
    unknown: dict[str, list[str]] = {}
    for chain in chains:
        if chain.broken:
            found.append(Finding("error", chain.name, f"{chain.broken.name}: {chain.broken.text}"))
        found += [
            Finding("warning", chain.name, f"{link.name}: {link.text}") for link in chain.links if link.state == WARNING
        ]
        for link in chain.links:
            if link.state == UNKNOWN:
                unknown.setdefault(link.text, []).append(link.name)
    for text, links in unknown.items():
        names = ", ".join(dict.fromkeys(links))
        found.append(Finding("warning", "services", f"nobody knows about {names}: {text}"))
    return sorted(found, key=lambda finding: finding.severity != "error")


_MARKS = {OK: "ok", BROKEN: "BROKEN", WARNING: "warn", UNKNOWN: "?", NONE: "-"}


def render(report: Report) -> str:
    """Return the table, one line per finding, and the verdict."""
    if not report.chains:
        return "no services are declared"
    names = [link.name for link in report.chains[0].links]
    parts = [
        columns(
            ("SERVICE", *(name.upper() for name in names)),
            [(chain.name, *(_MARKS[link.state] for link in chain.links)) for chain in report.chains],
        )
    ]
    if report.findings:
        parts.append("\n".join(f"{f.severity.upper():8} {f.subject}: {f.text}" for f in report.findings))
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in ("error", "warning")}
    told = ", ".join(f"{n} {name}{'s' * (n != 1)}" for name, n in counts.items() if n)
    parts.append(told or "every service's way holds, from label to login")
    return "\n\n".join(parts)
