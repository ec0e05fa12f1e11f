# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until nodes may be taken away: after a node was away, Longhorn rebuilds its replicas for minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..common.context import Context
from ..common.errors import WaitTimeout
from ..common.wait import Observation, wait_until
from ..kubernetes.errors import KubernetesError
from .replicas import VolumeRow, hopeless, judge

#: Seconds between two looks: a rebuild takes minutes, and each look lists all volumes and replicas.
INTERVAL = 2.0
#: Volumes that one progress line names.
NAMED = 3


def settled(
    read: Callable[[], list[VolumeRow] | None],
    nodes: Sequence[str],
    timeout: float,
    ctx: Context,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[VolumeRow] | None:
    """Return the volumes when every node may go, when one never will by itself, or when the time has passed.

    :param read: one look at the volumes; None when the cluster has no Longhorn.
    :param nodes: nodes to be judged.
    :param timeout: seconds; at least one look is always made.
    :raises KubernetesError: the API refuses, or still could not be asked at the last look.
    """
    found: list[VolumeRow] | None = None
    failure: KubernetesError | None = None

    def look() -> Observation[None]:
        nonlocal found, failure
        try:
            found, failure = read(), None
        except KubernetesError as error:
            if not error.passing:  # the API may restart just after a node was away
                raise
            failure = error
            return Observation(False, f"the Kubernetes API: {error.answer or error}")
        rows = found or []
        reasons = list(dict.fromkeys(reason for node in nodes for reason in judge(rows, node).reasons))
        given_up = any(hopeless(rows, node) for node in nodes)
        return Observation(not reasons or given_up, _told(reasons))

    try:
        wait_until(
            look,
            what="Longhorn to heal",
            target="Longhorn",
            timeout=timeout,
            ctx=ctx,
            interval=INTERVAL,
            sleep=sleep,
            clock=clock,
        )
    except WaitTimeout:
        if failure is not None:
            raise failure from None
    return found


def _told(reasons: Sequence[str]) -> str:
    more = len(reasons) - NAMED
    return "; ".join([*reasons[:NAMED], *([f"and {more} more"] if more > 0 else [])])
