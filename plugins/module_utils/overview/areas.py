# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report on the whole cluster consists of: areas, each with rows, findings and a summary; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..status import chain
from ..status.report import Finding
from .gather import ANSWERED, Answer, unasked

#: Version of the report's shape; a key may be added without a new one, none is renamed or removed.
SCHEMA = 1

AREAS = (
    "nodes",
    "etcd",
    "kubernetes",
    "cilium",
    "bgp",
    "pools",
    "flux",
    "secrets",
    "storage",
    "certificates",
    "identity",
    "services",
)
#: Areas that say something of single nodes.
PER_NODE = ("nodes", "etcd", "kubernetes", "cilium", "bgp", "storage")

OK, WARNING, CRITICAL, UNKNOWN = "ok", "warning", "critical", "unknown"
#: Severities that fail a run, by the mildest that does.
FAILS: Mapping[str, frozenset[str]] = {
    CRITICAL: frozenset({CRITICAL}),
    WARNING: frozenset({CRITICAL, WARNING}),
    "never": frozenset(),
}
#: Words of the other reports.
_SEVERITY = {"error": CRITICAL, "critical": CRITICAL}


@dataclass(frozen=True)
class Thresholds:
    """From where on something is a finding; days, percent, entries or seconds."""

    certificate_warning: int = 14
    certificate_critical: int = 3
    token_warning: int = 14
    storage_warning: int = 75
    storage_critical: int = 90
    pool_warning: int = 80
    backup_age: int = 8
    etcd_size: int = 80
    etcd_quota: int = 2147483648
    raft_lag: int = 1000
    pod_patience: int = 300


@dataclass(frozen=True)
class Wanted:
    """What is declared, and what the report is about.

    :param nodes: address by name of every node; empty where a node has none.
    :param shown: the nodes that the report is about.
    :param router: address of the router as the nodes dial it.
    :param now: the time of the report.
    """

    nodes: Mapping[str, str]
    shown: tuple[str, ...]
    now: datetime
    talos: str = ""
    kubernetes: str = ""
    workloads: tuple[Mapping[str, str], ...] = ()
    router: str = ""
    maximum_paths: int = 0
    services: tuple[chain.Wanted, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True)
class Number:
    """A number worth following.

    :param unit: ``bytes``, ``seconds`` or ``addresses``.
    :param most: where it cannot grow any more; None when there is no such point.
    """

    name: str
    subject: str
    unit: str
    value: float
    most: float | None = None

    @property
    def key(self) -> str:
        """Its name in the history."""
        return f"{self.name}:{self.subject}"


@dataclass
class Area:
    """One area of the report.

    :param unknown: why it could not be asked; empty when it was.
    :param report: the report of the module that the area rests on, for the page.
    """

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    summary: str = ""
    unknown: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """``unknown``, else the worst severity of the findings, else ``ok``."""
        return UNKNOWN if self.unknown else worst(self.findings)

    def find(self, severity: str, subject: str, text: str) -> None:
        """Add a finding, in this report's word for its severity."""
        self.findings.append(Finding(_SEVERITY.get(severity, WARNING), subject, text))

    def take(self, findings: Iterable[Finding]) -> None:
        """Add the findings of another report."""
        for one in findings:
            self.find(one.severity, one.subject, one.text)

    def missing(self, answer: Answer, subject: str) -> None:
        """Add that a system gave no answer: critical when it was asked, a warning when it could not be."""
        self.find(WARNING if answer.state == "unasked" else CRITICAL, subject, answer.reason)


@dataclass(frozen=True)
class Facts:
    """What is wanted, and what the systems said, by the name of their job."""

    wanted: Wanted
    answers: Mapping[str, Answer]

    def answer(self, name: str) -> Answer:
        """Return an answer; one that nobody asked for says so."""
        return self.answers.get(name) or unasked(name, "it was not asked")

    def value(self, name: str) -> Any:
        """Return what a system said, None when it said nothing."""
        found = self.answer(name)
        return found.value if found.state == ANSWERED else None

    def unknown(self, area: str, name: str, subject: str) -> Area | None:
        """Return the area as unknown when the system that it rests on gave no answer."""
        found = self.answer(name)
        if found.state == ANSWERED:
            return None
        blank = Area(area, unknown=found.reason, summary="could not be asked")
        blank.missing(found, subject)
        return blank


def worst(findings: Iterable[Finding]) -> str:
    """Return ``critical``, ``warning`` or ``ok``."""
    severities = {finding.severity for finding in findings}
    return CRITICAL if CRITICAL in severities else WARNING if severities else OK


def instant(text: Any) -> datetime | None:
    """Return a point in time out of RFC 3339; None for what is none."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None


def days_left(end: datetime, now: datetime) -> float:
    """Return days with one digit, negative when the end is over."""
    return round((end - now).total_seconds() / 86400, 1)


def counted(count: int, one: str, many: str = "") -> str:
    """Return ``1 node``, ``3 nodes``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def size(count: float) -> str:
    """Return bytes as people write them: ``512 B``, ``20.0 GiB``."""
    value, units = float(abs(count)), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    text = f"{value:.0f}" if units[0] == "B" else f"{value:.1f}"
    return f"{'-' if count < 0 else ''}{text} {units[0]}"


def ready_words(fine: int, rows: Sequence[Any], what: str) -> str:
    """Return ``3 of 3 nodes``."""
    return f"{fine} of {counted(len(rows), what)}"
