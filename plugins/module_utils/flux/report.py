# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on Flux: rows, root causes, and a table for people. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..status.table import columns
from .graph import SHOWN, Chain, Graph
from .state import Row, judge, only_a_commit_helps

_CUT = 96
#: So many causes are told in full.
_TOLD = 8


@dataclass(frozen=True)
class Report:
    """One look at all of Flux.

    :param missing: the Kustomizations and HelmReleases that are not done.
    :param causes: why, the worst first.
    :param settled: every controller has looked at what it was asked for, so that what it says is its last word.
    :param commit: what every Kustomization must have applied; what one says of another commit is no last word.
    """

    graph: Graph
    rows: list[Row]
    missing: list[Row]
    causes: list[Chain]
    settled: bool = True
    commit: str = ""

    @property
    def done(self) -> bool:
        """Whether there is anything, and nothing is missing."""
        return bool(self.rows) and not self.missing

    @property
    def counts(self) -> str:
        """``12 of 31 Kustomizations, 8 of 25 HelmReleases ready``."""
        parts = []
        for kind in SHOWN:
            mine = [row for row in self.rows if row.ref.kind == kind]
            if mine:
                fine = len([row for row in mine if row not in self.missing])
                parts.append(f"{fine} of {len(mine)} {kind}s")
        return (", ".join(parts) or "nothing") + " ready"

    @property
    def state(self) -> str:
        """What is missing, in one line that changes only when something moves."""
        if not self.rows:
            return "there is no Kustomization yet"
        shown = [f"{chain.root.ref} ({_word(chain.root)})" for chain in self.causes[:3]]
        more = f" and {len(self.causes) - 3} more" if len(self.causes) > 3 else ""
        return f"{self.counts}; awaited: {', '.join(shown)}{more}" if shown else self.counts

    def hopeless(self) -> list[Chain]:
        """Return the causes that no waiting cures: tried as Git has them now, and given up (or suspended)."""
        if not self.settled:
            return []
        given_up = [chain for chain in self.causes if chain.missing is None and only_a_commit_helps(chain.root)]
        return [chain for chain in given_up if self._fresh(chain.root)]

    def _fresh(self, row: Row) -> bool:
        """Tell whether a row stands as the newest commit has it."""
        kustomization = (
            row if row.ref.kind == "Kustomization" else self.graph.rows.get(row.owner) if row.owner else None
        )
        if kustomization is None or row.suspended:
            return True
        if self.commit and not kustomization.attempted.endswith(f":{self.commit}"):
            return False
        sources = [need for need in kustomization.needs if need.kind != "Kustomization" and need in self.graph.rows]
        return all(self.graph.rows[source].revision == kustomization.attempted for source in sources)

    def facts(self) -> dict[str, Any]:
        """Return the report for a module's result."""
        blocked = {row.ref: self.graph.chain(row) for row in self.missing}
        rows = []
        for row in self.graph.rows.values():
            chain = blocked.get(row.ref)
            by = ""
            if chain is not None:
                by = str(chain.missing or (chain.rows[1].ref if len(chain.rows) > 1 else ""))
            rows.append(row.facts(by))
        causes = [
            {
                "kind": chain.root.ref.kind,
                "namespace": chain.root.ref.namespace,
                "name": chain.root.ref.name,
                "state": chain.root.state,
                "text": str(chain),
            }
            for chain in self.causes
        ]
        return {"ready": self.done, "summary": self.counts, "objects": rows, "causes": causes, "table": self.table()}

    def table(self) -> str:
        """Return the table: root causes first, then everything."""
        lines = [f"cause: {chain}" for chain in self.causes[:_TOLD]]
        cells = [
            (
                row.ref.kind,
                f"{row.ref.namespace}/{row.ref.name}",
                "suspended" if row.suspended else row.state,
                short(row.revision),
                "" if row.ready and not row.suspended else row.why[:_CUT],
            )
            for row in self.rows
        ]
        text = columns(("kind", "object", "state", "revision", "what it says"), cells)
        return "\n".join([*lines, *([""] if lines else []), text, self.counts + "."])


def _word(row: Row) -> str:
    return "at another commit" if row.state == "ready" else row.state


def short(revision: str) -> str:
    """Write ``main@sha1:47fc001e...`` with the ten digits that people compare."""
    head, at, digest = revision.partition("@sha1:")
    return f"{head}@{digest[:10]}" if at else revision


def build(bodies: Iterable[Mapping[str, Any]], *, commit: str = "", namespaces: Iterable[str] = ()) -> Report:
    """Make the report.

    :param commit: every Kustomization must have applied this commit.
    :param namespaces: only objects there are awaited and shown; all are followed.
    """
    graph, wanted = Graph(judge(body) for body in bodies), set(namespaces)
    rows = [row for row in graph.shown if not wanted or row.ref.namespace in wanted]
    missing = [row for row in rows if not row.ready or not _applied(row, commit)]
    return Report(graph, rows, missing, graph.causes(missing), commit=commit)


def _applied(row: Row, commit: str) -> bool:
    return not commit or row.ref.kind != "Kustomization" or row.revision.endswith(f":{commit}")
