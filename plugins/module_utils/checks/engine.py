# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the registered checks over a model and turns what they find into findings with a place in the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..model.locate import Locator, Place
from ..model.schema import Path
from ..model.world import Absent, World
from . import addressing, bgp, cilium, names, platform, pools, schema, talos, versions
from .registry import ERROR, REGISTER, WARN, Breach, Check

#: The modules that hold the checks; each registers its own when it is imported.
ROOMS = (addressing, bgp, cilium, names, platform, pools, schema, talos, versions)
#: The variable that holds the model, and the prefix of the variables that hold its subjects.
MODEL = "homeops_model"
PREFIX = "homeops_"
IGNORE = "ignore"

#: Makes (place, key) of a path in the model.
Where = Callable[[Path], "tuple[Place | None, str]"]


@dataclass(frozen=True)
class Finding:
    """One finding.

    :param severity: ``error``, ``warn`` or ``ignore``.
    :param key: inventory key path, ``homeops_nodes[1].address``.
    :param file: file of the value, None when it is not in a file of the inventory.
    :param line: line in it, from 1.
    :param use: the value to use instead; None when it cannot be computed.
    :param reason: why the inventory overrides the severity; empty when it does not.
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

    @property
    def where(self) -> str:
        """Key, and ``file:line`` or that there is none."""
        return f"{self.key} ({f'{self.file}:{self.line}' if self.file else 'not set in a file of the inventory'})"

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as a module returns it."""
        return {**asdict(self), "where": self.where}


@dataclass(frozen=True)
class Override:
    """Another severity for a check, or for one place of it.

    :param severity: ``error``, ``warn`` or ``ignore``.
    :param reason: why, for whoever reads the report.
    :param key: inventory key path to which it is limited; empty for all.
    """

    id: str
    severity: str
    reason: str
    key: str = ""


@dataclass
class Report:
    """All findings of one run, in the order errors, warnings, ignored.

    :param ran: ids of the checks that were run.
    :param passed_over: ids of those that needed a part of the model which is missing or wrong.
    """

    findings: list[Finding] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def of(self, severity: str) -> list[Finding]:
        """Return the findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]


def run_checks(
    world: World, *, where: Where | None = None, phases: Iterable[str] = (), overrides: Iterable[Override] = ()
) -> Report:
    """Run every check of the given phases (of all when none is given).

    :param where: tells file and key of a path; by default the key alone.
    """
    wanted = set(phases)
    where = where or (lambda path: (None, key_of(path)))
    report, overrides = Report(), list(overrides)
    for check in sorted(REGISTER.values(), key=lambda item: item.id):
        if wanted and not wanted & set(check.phases):
            continue
        report.ran.append(check.id)
        try:
            for breach in check.look(world):
                report.findings.append(_finding(check, breach, where, overrides))
        except Absent:
            report.passed_over.append(check.id)
    order = {ERROR: 0, WARN: 1, IGNORE: 2}
    report.findings.sort(key=lambda item: (order[item.severity], item.id, item.file or "", item.line or 0, item.key))
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


def _finding(check: Check, breach: Breach, where: Where, overrides: list[Override]) -> Finding:
    place, key = where(breach.path)
    severity, reason = breach.severity or check.severity, ""
    for override in overrides:
        if override.id == check.id and override.key in ("", key):
            severity, reason = override.severity, override.reason
    return Finding(
        id=check.id,
        severity=severity,
        area=check.area,
        summary=breach.summary,
        key=key,
        file=place.file if place else None,
        line=place.line if place else None,
        why=breach.why or check.why,
        use=breach.use,
        reason=reason,
    )
