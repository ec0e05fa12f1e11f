# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node at a time, and only when etcd can spare it: the guard that everything shares which takes a node away.

Talos asks nobody before it reboots or resets (siderolabs/talos v1.10 ``internal/app/machined/pkg/runtime/v1alpha1``).
The lock is one per cluster, so that a reboot for a machine config, an upgrade and a reset cannot meet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..common.wait import Deadline, Observation, wait_until
from . import lock, quorum
from .connection import Target
from .identity import Identity

#: Seconds for which an etcd that cannot spare a node right now is watched before the step is refused.
PATIENCE = 20.0


@dataclass(frozen=True)
class Guard:
    """Who is asked before a node goes.

    :param control_planes: every control plane of the cluster.
    :param call_timeout: seconds per call.
    """

    identity: Identity | None
    control_planes: Sequence[Target]
    call_timeout: float
    lock_dir: str | None = None

    @contextlib.contextmanager
    def alone(
        self,
        target: Target,
        cluster: Mapping[str, Any],
        doing: str,
        deadline: Deadline,
        ctx: Context,
        facts: Mapping[str, Any] | None = None,
    ) -> Iterator[None]:
        """Hold the cluster's lock and enter only when etcd can spare the node.

        :param cluster: section ``cluster`` of the machine config, which names the cluster.
        :param doing: what is about to happen, as a gerund phrase: ``"resetting this control plane"``.
        :param facts: the module's result so far, for the error.
        :raises HomeopsError: too few healthy voters would be left; nothing was sent.
        """
        name = str(cluster.get("id") or cluster.get("clusterName") or "cluster")
        with lock.cluster_lock(name, target.label, directory=self.lock_dir, timeout=deadline.left, ctx=ctx):
            self._require_quorum(target, doing, deadline, ctx, facts or {})
            yield

    def _require_quorum(
        self, target: Target, doing: str, deadline: Deadline, ctx: Context, facts: Mapping[str, Any]
    ) -> None:
        targets = list(self.control_planes)
        if not any(item.label == target.label for item in targets):
            targets.append(target)

        remedy = ""

        def look() -> Observation[None]:
            nonlocal remedy
            verdict = quorum.judge(quorum.look(targets, self.identity, self.call_timeout), target.label)
            remedy = verdict.remedy
            return Observation(verdict.safe, verdict.text)

        try:
            wait_until(
                look,
                what="etcd to spare this node",
                target=target.label,
                timeout=min(PATIENCE, deadline.left),
                ctx=ctx,
                interval=1.0,
            )
        except WaitTimeout as error:
            raise HomeopsError(
                doing,
                target=target.label,
                answer=error.answer.partition("still: ")[2] or error.answer,
                remedy=f"{remedy}. Nothing was sent",
                param="control_planes",
                facts=facts,
            ) from error
