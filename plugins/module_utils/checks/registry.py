# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of checks: what each is called, how grave it is, when it runs and why it exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..model.schema import Path
from ..model.world import World

#: The phases of ``site.yml`` in their order; a check names those whose work would break.
PHASES = ("preflight", "talos", "kubernetes", "cni", "gitops", "secrets", "bgp", "platform", "identity", "verify")
#: For checks that every phase depends on.
EVERY = PHASES
ERROR = "error"
WARN = "warn"


@dataclass(frozen=True)
class Breach:
    """What a check found, once per place.

    :param path: keys and positions that lead to the value, from the root of the model; () for the model as a whole.
    :param summary: what is wrong, one sentence with a full stop.
    :param use: the value to use instead, when it can be computed.
    :param why: what breaks, when it differs from the check's own reason.
    :param severity: when it differs from the check's own.
    """

    path: Path
    summary: str
    use: str | None = None
    why: str = ""
    severity: str = ""


Look = Callable[[World], Iterator[Breach]]


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
    look: Look

    @property
    def detail(self) -> str:
        """The longer explanation, from the function's docstring."""
        return " ".join((self.look.__doc__ or "").split())


REGISTER: dict[str, Check] = {}


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
) -> Callable[[Look], Look]:
    """Register the decorated function as a check."""

    def register(look: Look) -> Look:
        if name in REGISTER:
            raise ValueError(f"two checks are called {name}")
        unknown = set(phases) - set(PHASES)
        if unknown or severity not in (ERROR, WARN):
            raise ValueError(f"check {name}: severity {severity}, unknown phases {sorted(unknown)}")
        REGISTER[name] = Check(
            name,
            severity,
            area,
            ("preflight", *(item for item in phases if item != "preflight")),
            rule,
            why,
            broken,
            right,
            ground,
            look,
        )
        return look

    return register
