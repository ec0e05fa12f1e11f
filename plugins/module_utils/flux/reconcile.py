# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request to reconcile comes to: which objects are annotated with what, and when each is done. No I/O.

Annotations and their meaning: fluxcd/pkg ``apis/meta/annotations.go`` and ``reconcile.go``; a suspended object is
refused, as fluxcd/flux2 v2.4.0 ``cmd/flux/reconcile.go`` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import FluxError
from .graph import Graph
from .state import HELM_RELEASE, Ref, Row

REQUESTED = "reconcile.fluxcd.io/requestedAt"
FORCED = "reconcile.fluxcd.io/forceAt"
RESET = "reconcile.fluxcd.io/resetAt"


@dataclass(frozen=True)
class Request:
    """One object to be reconciled, and the annotations that ask for it."""

    ref: Ref
    annotations: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :param waves: requests, each wave to be done before the next; :param current: objects that have the commit already.
    :param suspended: objects that are left out because they are suspended.
    """

    waves: list[list[Request]] = field(default_factory=list)
    current: list[Ref] = field(default_factory=list)
    suspended: list[Ref] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything is asked for."""
        return any(self.waves)


def plan(
    graph: Graph,
    targets: Iterable[Ref],
    token: str,
    *,
    source: bool = True,
    dependencies: bool = True,
    commit: str = "",
    force: bool = False,
    reset: bool = False,
    skip_suspended: bool = False,
) -> Plan:
    """Decide which objects are asked to reconcile, and in which order.

    :param token: the moment of the request; done is who repeats it.
    :param commit: leave objects alone that are Ready with this commit.
    :raises FluxError: something is suspended and must not be left out.
    """
    wanted = list(targets)
    found = Plan()
    for wave in graph.waves(wanted, source=source, dependencies=dependencies):
        requests = []
        for ref in wave:
            row = graph.rows[ref]
            if row.suspended:
                found.suspended.append(ref)
            elif commit and holds(row, commit):
                found.current.append(ref)
            elif ref.kind != "HelmChart":  # its release has it looked at
                requests.append(Request(ref, _annotations(ref, token, force=force, reset=reset)))
        if requests:
            found.waves.append(requests)
    if found.suspended and not skip_suspended:
        names = ", ".join(str(ref) for ref in found.suspended)
        raise FluxError(
            "asking Flux to reconcile",
            answer=f"{names}: resource is suspended",
            remedy="Resume it (spec.suspend: false), or leave it out with suspended=skip",
            param="targets",
        )
    return found


def _annotations(ref: Ref, token: str, *, force: bool, reset: bool) -> dict[str, str]:
    found = {REQUESTED: token}
    if ref.kind == HELM_RELEASE:
        found |= {FORCED: token} if force else {}
        found |= {RESET: token} if reset else {}
    return found


def holds(row: Row, commit: str) -> bool:
    """Tell whether an object is Ready with a commit; kinds whose revision is no commit are only Ready."""
    return row.ready and ("@sha1:" not in row.revision or row.revision.endswith(f":{commit}"))


def missing(row: Row | None, request: Request) -> str:
    """Return what a request still waits for; empty when it is done."""
    if row is None:
        return f"{request.ref} is gone"
    if row.handled != request.annotations[REQUESTED]:
        return f"{request.ref} has not been looked at yet"
    return "" if row.ready else f"{request.ref}: {row.why}"
