# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the registered checks over a model, a repository, or both, and turns what they find into findings with a place.

How it is used::

    world = World(model, groups)                      # the model of an inventory
    repository = view.read("/path/of/a/checkout")     # an existing GitOps repository
    report = run_checks(world, where=in_inventory(model, locator))
    report = run_checks(Case(repository=repository))
    report = run_checks(Case(model=world, repository=repository, live=facts))

A check says by its scopes what it can judge (``registry``); every function whose subject is there is run. Findings are
sorted errors first, then by id and place; the order never depends on the order in which files are listed.
:class:`Override` gives a check, or one key or object of it, another severity, with a reason that stays in the report.
What the reader of a repository could not read comes out as REP001 and REP002, so a report is complete by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from ..model.locate import Locator, Place
from ..model.schema import Path
from ..model.world import Absent, World
from ..repository.spot import Spot
from ..repository.view import Repository
from . import addressing, bgp, cilium, live, names, platform, pools, reading, schema, talos, versions
from .registry import BOTH, ERROR, LIVE, MODEL as OF_MODEL, REGISTER, REPO, WARN, Breach, Check
from .repo import (
    addressing as repo_addressing,
    bgp as repo_bgp,
    bootstrap as repo_bootstrap,
    cilium as repo_cilium,
    dns as repo_dns,
    gitops as repo_gitops,
    identity as repo_identity,
    monitoring as repo_monitoring,
    router as repo_router,
    secrets as repo_secrets,
    storage as repo_storage,
    talos as repo_talos,
)

#: The modules that hold the checks; each registers its own when it is imported.
ROOMS = (
    *(addressing, bgp, cilium, names, platform, pools, reading, schema, talos, versions),
    *(repo_addressing, repo_bgp, repo_bootstrap, repo_cilium, repo_dns, repo_gitops, repo_identity, repo_monitoring),
    *(repo_router, repo_secrets, repo_storage, repo_talos),
    live,
)
#: The variable that holds the model, and the prefix of the variables that hold its subjects.
MODEL = "homeops_model"
PREFIX = "homeops_"
IGNORE = "ignore"
#: Findings of one check; who has more has one cause to put right first.
MOST = 500

#: Makes (place, key) of a path in the model.
Where = Callable[[Path], "tuple[Place | None, str]"]


@dataclass(frozen=True)
class Case:
    """What one run judges; what is None is not judged.

    :param live: facts of the running systems.
    """

    model: World | None = None
    repository: Repository | None = None
    live: live.Live | None = None

    def subjects(self) -> dict[str, Any]:
        """Return what a check's function of each scope is given, for the scopes that can be judged."""
        both = self if self.model is not None and self.repository is not None else None
        found = {OF_MODEL: self.model, REPO: self.repository, BOTH: both, LIVE: self if self.live is not None else None}
        return {scope: subject for scope, subject in found.items() if subject is not None}


@dataclass(frozen=True)
class Finding:
    """One finding.

    :param severity: ``error``, ``warn`` or ``ignore``.
    :param key: inventory key path, ``homeops_nodes[1].address``; in a repository the key path inside the document.
    :param file: file of the value (in a repository from its root), None when it is not in a file of the inventory.
    :param line: line in it, from 1.
    :param use: the value to use instead; None when it cannot be computed.
    :param reason: why the inventory overrides the severity; empty when it does not.
    :param scope: what was judged: ``model``, ``repo``, ``both`` or ``live``.
    :param object: ``kind/namespace/name`` of the object in a repository, empty for none.
    """

    id: str
    severity: str
    area: str
    summary: str
    key: str
    file: str | None
    line: int | None
    why: str
    use: str | None
    reason: str = ""
    scope: str = OF_MODEL
    object: str = ""

    @property
    def where(self) -> str:
        """Key, and ``file:line`` or that there is none; in a repository ``file:line``, key and object."""
        if self.scope == LIVE:
            return f"{self.object}{f' {self.key}' if self.key else ''} (running)"
        if self.scope != OF_MODEL and self.file:
            line = f":{self.line}" if self.line else ""
            key = f" {self.key}" if self.key else ""
            return f"{self.file}{line}{key}{f' ({self.object})' if self.object else ''}"
        return f"{self.key} ({f'{self.file}:{self.line}' if self.file else 'not set in a file of the inventory'})"

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as a module returns it."""
        return {**asdict(self), "where": self.where}


@dataclass(frozen=True)
class Override:
    """Another severity for a check, or for one place of it.

    :param severity: ``error``, ``warn`` or ``ignore``.
    :param reason: why, for whoever reads the report.
    :param key: key path, or ``kind/namespace/name`` of the object, to which it is limited; empty for all.
    """

    id: str
    severity: str
    reason: str
    key: str = ""


@dataclass
class Report:
    """All findings of one run, in the order errors, warnings, ignored.

    :param ran: ids of the checks that were run.
    :param cut: ids of those that found more than :data:`MOST`, of which the rest is not in the report.
    :param passed_over: ids of those that needed a part of the model which is missing or wrong.
    """

    findings: list[Finding] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    def of(self, severity: str) -> list[Finding]:
        """Return the findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings per severity."""
        return {severity: len(self.of(severity)) for severity in (ERROR, WARN, IGNORE)}


def run_checks(
    subject: World | Case, *, where: Where | None = None, phases: Iterable[str] = (), overrides: Iterable[Override] = ()
) -> Report:
    """Run every check of the given phases (of all when none is given).

    :param where: tells file and key of a path; by default the key alone.
    """
    wanted = set(phases)
    where = where or (lambda path: (None, key_of(path)))
    subjects = (subject if isinstance(subject, Case) else Case(model=subject)).subjects()
    report, overrides = Report(), list(overrides)
    for check in sorted(REGISTER.values(), key=lambda item: item.id):
        scopes = [scope for scope in check.scopes if scope in subjects]
        if not scopes or (wanted and not wanted & set(check.phases)):
            continue
        report.ran.append(check.id)
        for scope in scopes:
            try:
                found = islice(check.looks[scope](subjects[scope]), MOST + 1)
                for number, breach in enumerate(found):
                    if number == MOST:
                        report.cut.append(check.id)
                        break
                    report.findings.append(_finding(check, breach, scope, where, overrides))
            except Absent:
                report.passed_over.append(check.id)
    report.findings = list(dict.fromkeys(report.findings))
    order = {ERROR: 0, WARN: 1, IGNORE: 2}
    report.findings.sort(
        key=lambda item: (
            order[item.severity],
            item.id,
            item.file or "",
            item.line or 0,
            item.key,
            item.object,
            item.summary,
        )
    )
    return report


def in_inventory(model: Any, locator: Locator) -> Where:
    """Return the function that places a path of the model in the files of the inventory."""

    def where(path: Path) -> tuple[Place | None, str]:
        if not path:
            return None, MODEL
        variable = locator.variable_of(MODEL, str(path[0])) or f"{PREFIX}{path[0]}"
        value = model.get(path[0]) if isinstance(model, dict) else None
        return locator.find(variable, path[1:], value), key_of(path, variable)

    return where


def key_of(path: Path, variable: str = "") -> str:
    """Return an inventory key path: ``homeops_nodes[1].address``, ``homeops_talos.sysctls['vm.dirty_ratio']``."""
    if not path:
        return MODEL
    text = variable or f"{PREFIX}{path[0]}"
    for part in path[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if part.replace("_", "a").replace("-", "a").isalnum() else f"[{part!r}]"
    return text


def _finding(check: Check, breach: Breach, scope: str, where: Where, overrides: list[Override]) -> Finding:
    title, file, line = "", None, None
    if isinstance(breach.path, Spot):
        spot = breach.path
        file, line, key, title = spot.file or None, spot.line or None, spot.key, spot.object
    else:
        place, key = where(breach.path)
        if place:
            file, line = place.file, place.line
        scope = OF_MODEL if scope == BOTH else scope
    severity, reason = breach.severity or check.severity, ""
    for override in overrides:
        if override.id == check.id and override.key in ("", key, title):
            severity, reason = override.severity, override.reason
    return Finding(
        id=check.id,
        severity=severity,
        area=check.area,
        summary=breach.summary,
        key=key,
        file=file,
        line=line,
        why=breach.why or check.why,
        use=breach.use,
        reason=reason,
        scope=scope,
        object=title,
    )
