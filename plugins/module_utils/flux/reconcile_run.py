# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking for reconciliations and waiting for them, wave by wave."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

from ..common.context import Context
from ..common.wait import Deadline
from . import reconcile, report as reports
from .graph import Graph
from .reconcile import Plan, Request
from .report import Report
from .store import Store, select


def run(params: Mapping[str, Any], store: Store, ctx: Context) -> dict[str, Any]:
    """Carry out what the parameters of flux_reconcile say and return its result."""
    store.require()
    before = reports.build(store.read())
    decided = reconcile.plan(
        before.graph,
        select(before, params["targets"]),
        token(),
        source=params["with_source"],
        dependencies=params["with_dependencies"],
        commit=params["commit"] or "",
        force=params["force"],
        reset=params["reset"],
        skip_suspended=params["suspended"] == "skip",
    )
    for ref in decided.suspended:
        ctx.warn(f"{ref} is suspended, so it was not asked to reconcile.")
    if not ctx.check_mode:
        deadline = Deadline(params["wait_timeout"])
        for wave in decided.waves:
            for _done in store.client.map(store.annotate, wave):
                pass
            if params["wait"]:
                _wait(store, wave, deadline, params["interval"])
    return _result(decided, before, store, ctx)


def token() -> str:
    """Return the present moment as Go's RFC3339Nano."""
    fraction = f"{time.time_ns() % 10**9:09d}".rstrip("0")
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}Z" if fraction else "Z")


def _wait(store: Store, wave: list[Request], deadline: Deadline, interval: float) -> None:
    """Wait until every object of a wave has done what it was asked for."""

    def look() -> tuple[Report, str]:
        graph = Graph(_judged(store))
        left = [text for request in wave if (text := reconcile.missing(graph.rows.get(request.ref), request))]
        rows = [graph.rows[request.ref] for request in wave if request.ref in graph.rows]
        open_rows = [row for row in rows if not row.ready]
        more = f"; and {len(left) - 2} more" if len(left) > 2 else ""
        settled = all(row.handled == request.annotations[reconcile.REQUESTED] for request in wave for row in rows)
        return Report(graph, rows, open_rows, graph.causes(open_rows), settled), "; ".join(left[:2]) + more

    what = str(wave[0].ref) if len(wave) == 1 else f"{len(wave)} objects of Flux"
    store.wait(look, what=f"{what} to be reconciled", timeout=max(1.0, deadline.left), interval=interval)


def _judged(store: Store) -> list[Any]:
    from .state import judge

    return [judge(body) for body in store.read()]


def _result(decided: Plan, before: Report, store: Store, ctx: Context) -> dict[str, Any]:
    asked = [request.ref for wave in decided.waves for request in wave]
    after = before if ctx.check_mode or not asked else reports.build(store.read())
    return {
        "changed": decided.changed,
        "reconciled": [after.graph.rows[ref].facts() for ref in asked if ref in after.graph.rows],
        "current": [str(ref) for ref in decided.current],
        "suspended": [str(ref) for ref in decided.suspended],
    }
