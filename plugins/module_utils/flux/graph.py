# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flux's objects as a graph: why one is not ready, and in which order they are reconciled. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..common.errors import InputError
from .state import HELM_RELEASE, KUSTOMIZATION, Ref, Row

#: What a person waits for; sources and charts are only ever a cause.
SHOWN = (KUSTOMIZATION, HELM_RELEASE)
_WORST = ("stalled", "suspended", "failed", "waiting", "unseen", "progressing", "ready")


@dataclass(frozen=True)
class Chain:
    """Why an object is not ready: the objects from it down to the one that everything waits for.

    :param missing: what the last one needs and does not exist.
    :param detail: what is not ready of that which it applied.
    """

    rows: tuple[Row, ...]
    missing: Ref | None = None
    detail: str = ""

    @property
    def root(self) -> Row:
        """The last one that is there."""
        return self.rows[-1]

    def __str__(self) -> str:
        """Tell the root cause, and by which way the first object waits for it."""
        if self.missing is not None:
            text = f"{self.missing} does not exist, and {self.root.ref} needs it"
        else:
            text = f"{self.root.ref}: {self.root.why}" + (f" [{self.detail}]" if self.detail else "")
        way = " > ".join(str(row.ref) for row in self.rows)
        return text + (f" (what waits: {way})" if len(self.rows) > 1 else "")


class Graph:
    """All objects of one look."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows: Mapping[Ref, Row] = {row.ref: row for row in rows}
        self._children: dict[Ref, list[Row]] = {}
        for row in self.rows.values():
            if row.owner is not None:
                self._children.setdefault(row.owner, []).append(row)

    @property
    def shown(self) -> list[Row]:
        """Kustomizations and HelmReleases, by kind and name."""
        found = [row for row in self.rows.values() if row.ref.kind in SHOWN]
        return sorted(found, key=lambda row: (SHOWN.index(row.ref.kind), row.ref))

    def chain(self, row: Row) -> Chain:
        """Follow what a row waits for, down to the row that waits for nothing else."""
        way, seen = [row], {row.ref}
        while True:
            here = way[-1]
            if here.suspended:
                return Chain(tuple(way))
            missing = [need for need in here.needs if need not in self.rows and not _made_later(need)]
            if missing:
                return Chain(tuple(way), missing[0])
            below = [found for found in self._below(here) if found.ref not in seen]
            if not below:
                return Chain(tuple(way))
            way.append(min(below, key=lambda found: (_WORST.index(found.state), found.ref)))
            seen.add(way[-1].ref)

    def _below(self, row: Row) -> list[Row]:
        """Return what is not ready of that which a row needs, else of that which it has applied and waits for."""
        needed = [self.rows[need] for need in row.needs if need in self.rows and not self.rows[need].ready]
        behind = [self.rows[need] for need in row.needs if need in self.rows and need.kind == row.ref.kind]
        if not needed and row.state == "waiting":
            # A dependency that is Ready with an older revision, and suspended, never gets to the new one.
            needed = [found for found in behind if found.suspended]
        if needed or row.state == "waiting":
            return needed
        return [found for found in self._children.get(row.ref, []) if not found.ready]

    def causes(self, rows: Iterable[Row]) -> list[Chain]:
        """Return the root causes of rows that are not ready, each once, the worst first."""
        found: dict[tuple[Ref, Ref | None], Chain] = {}
        for row in rows:
            chain = self.chain(row)
            known = found.get((chain.root.ref, chain.missing))
            if known is None or len(chain.rows) > len(known.rows):
                found[chain.root.ref, chain.missing] = chain
        return sorted(found.values(), key=lambda chain: (_WORST.index(chain.root.state), chain.root.ref))

    def waves(self, targets: Iterable[Ref], *, source: bool, dependencies: bool) -> list[list[Ref]]:
        """Return in which order objects are reconciled: each wave needs only what is in the waves before.

        :param source: reconcile where the targets come from, too; :param dependencies: and what they depend on.
        :raises InputError: for a target that does not exist, and for dependencies that form a ring.
        """
        wanted: dict[Ref, list[Ref]] = {}
        todo = list(targets)
        while todo:
            ref = todo.pop()
            if ref in wanted:
                continue
            if ref not in self.rows:
                raise InputError(
                    f"{ref} does not exist", remedy="Look with flux_info for what there is", param="targets"
                )
            wanted[ref] = []
            for need in self.rows[ref].needs:
                follow = dependencies if need.kind == ref.kind else source
                if follow and need in self.rows:
                    wanted[ref].append(need)
                    todo.append(need)
        found: list[list[Ref]] = []
        done: set[Ref] = set()
        while len(done) < len(wanted):
            wave = sorted(ref for ref, needs in wanted.items() if ref not in done and done.issuperset(needs))
            if not wave:
                ring = ", ".join(str(ref) for ref in sorted(set(wanted) - done))
                raise InputError(f"the dependencies form a ring: {ring}", param="targets")
            found.append(wave)
            done.update(wave)
        return found


def _made_later(need: Ref) -> bool:
    """A HelmChart is made by the helm-controller itself."""
    return need.kind == "HelmChart"
