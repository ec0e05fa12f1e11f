# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of checks: what each is called, how grave it is, when it runs and why it exists.

One check is one id with one rule. What it judges can be of several kinds (*scopes*), and each scope has one small pure
function: ``@check(id, ...)`` registers the first of them with everything that is told about the check,
``@also(id, scope)`` adds the function for another scope beside it. A function that judges two scopes alike is
registered once with ``through=lens``: the lens makes the same typed thing of the model and of a repository.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.schema import Path
from ..repository.spot import Spot

#: The phases of ``site.yml`` in their order; a check names those whose work would break.
PHASES = ("preflight", "talos", "kubernetes", "cni", "gitops", "secrets", "bgp", "platform", "identity", "verify")
#: For checks that every phase depends on.
EVERY = PHASES
ERROR = "error"
WARN = "warn"
#: What a check's function is given: a ``model.world.World``, a ``repository.view.Repository``, both of them as an
#: ``engine.Case``, the facts of the running systems (``checks.live.Live``), or what was seen at the doors of the
#: systems before a run (``checks.doors.Doors``); the last two as an ``engine.Case`` too.
MODEL = "model"
REPO = "repo"
BOTH = "both"
LIVE = "live"
DOORS = "doors"
SCOPES = (MODEL, REPO, BOTH, LIVE, DOORS)


@dataclass(frozen=True)
class Breach:
    """What a check found, once per place.

    :param path: where. In the model: keys and positions that lead to the value from its root, () for the model as a
        whole; in a repository: the place.
    :param summary: what is wrong, one sentence with a full stop.
    :param use: the value to use instead, when it can be computed.
    :param why: what breaks, when it differs from the check's own reason.
    :param severity: when it differs from the check's own.
    :param of: what of the running systems it is about, ``node/mini01``, when ``path`` is a place in the model.
    """

    path: Path | Spot
    summary: str
    use: str | None = None
    why: str = ""
    severity: str = ""
    of: str = ""


Look = Callable[[Any], Iterator[Breach]]


@dataclass(frozen=True)
class Lens:
    """Makes the same typed things of the model and of a repository, for a function that judges both.

    :param model: yields them of a ``World``.
    :param repo: yields them of a ``Repository``.
    """

    model: Callable[[Any], Iterator[Any]]
    repo: Callable[[Any], Iterator[Any]]


@dataclass(frozen=True)
class Check:
    """One check.

    :param id: stable, never used again for anything else.
    :param rule: what must hold, one sentence.
    :param why: what breaks when it does not hold.
    :param broken: a violating value, for the documentation.
    :param right: the same value put right.
    :param ground: where the fact comes from.
    """

    id: str
    severity: str
    area: str
    phases: tuple[str, ...]
    rule: str
    why: str
    broken: str
    right: str
    ground: str
    looks: dict[str, Look] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it judges."""
        return tuple(scope for scope in SCOPES if scope in self.looks)

    @property
    def settled(self) -> str:
        """Why no model can break it, empty when it has a function for the model."""
        return SETTLED.get(self.id, "")

    @property
    def detail(self) -> str:
        """The longer explanation, from the docstring of the first function."""
        return next(iter(self.notes.values()), "")


REGISTER: dict[str, Check] = {}
#: Why no model can break a check, by its id (``settled``).
SETTLED: dict[str, str] = {}
#: Functions of other scopes whose check has not been registered yet: the order of imports means nothing.
WAITING: dict[str, list[tuple[str, Look]]] = {}


def check(
    name: str,
    severity: str,
    area: str,
    phases: tuple[str, ...],
    *,
    rule: str,
    why: str,
    broken: str,
    right: str,
    ground: str,
    scope: str = MODEL,
    through: Lens | None = None,
) -> Callable[[Look], Look]:
    """Register the decorated function as a check.

    :param scope: what the function judges.
    :param through: it judges model and repository alike, and is given what the lens makes of each.
    """

    def register(look: Look) -> Look:
        if name in REGISTER:
            raise ValueError(f"two checks are called {name}")
        unknown = set(phases) - set(PHASES)
        if unknown or severity not in (ERROR, WARN):
            raise ValueError(f"check {name}: severity {severity}, unknown phases {sorted(unknown)}")
        rest = tuple(item for item in phases if item != "preflight")
        REGISTER[name] = Check(name, severity, area, ("preflight", *rest), rule, why, broken, right, ground)
        if through is not None:
            _add(name, MODEL, _through(through.model, look), look)
            _add(name, REPO, _through(through.repo, look), look)
        else:
            _add(name, scope, look, look)
        for other, waiting in WAITING.pop(name, ()):
            _add(name, other, waiting, waiting)
        return look

    return register


def also(name: str, scope: str) -> Callable[[Look], Look]:
    """Register the decorated function as what a check says of another scope."""

    def register(look: Look) -> Look:
        if name in REGISTER:
            _add(name, scope, look, look)
        else:
            WAITING.setdefault(name, []).append((scope, look))
        return look

    return register


def settle(reasons: Mapping[str, str]) -> None:
    """Say of checks why no model can break them.

    :param reasons: a sentence by id.
    """
    SETTLED.update(reasons)


def _through(lens: Callable[[Any], Iterator[Any]], look: Look) -> Look:
    def seen(subject: Any) -> Iterator[Breach]:
        for item in lens(subject):
            yield from look(item)

    return seen


def _add(name: str, scope: str, look: Look, described: Look) -> None:
    known = REGISTER[name]
    if scope not in SCOPES or scope in known.looks:
        raise ValueError(f"check {name} has the scope {scope} twice, or there is no such scope")
    known.looks[scope] = look
    known.notes[scope] = " ".join((described.__doc__ or "").split())
