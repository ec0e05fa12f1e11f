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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
#: Seconds for which what etcd has said still holds.
FRESH = 2.0


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
        further: Callable[[quorum.Verdict], None] | None = None,
    ) -> Iterator[None]:
        """Hold the cluster's lock and enter only when etcd can spare the node.

        :param cluster: section ``cluster`` of the machine config, which names the cluster.
        :param doing: what is about to happen, as a gerund phrase: ``"resetting this control plane"``.
        :param facts: the module's result so far, for the error.
        :param further: asks somebody else too, given what etcd says, and may wait; etcd is then asked once more.
        :raises HomeopsError: too few healthy voters would be left; nothing was sent.
        """
        name = str(cluster.get("id") or cluster.get("clusterName") or "cluster")
        with lock.cluster_lock(name, target.label, directory=self.lock_dir, timeout=deadline.left, ctx=ctx):
            verdict = self._require_quorum(target, doing, deadline, ctx, facts or {})
            if further is not None:
                asked = Deadline(FRESH)
                further(verdict)
                if asked.passed:
                    self._require_quorum(target, doing, deadline, ctx, facts or {})
            yield

    def verdict(self, target: Target) -> quorum.Verdict:
        """Judge the quorum once."""
        targets = list(self.control_planes)
        if not any(item.label == target.label for item in targets):
            targets.append(target)
        return quorum.judge(quorum.look(targets, self.identity, self.call_timeout), target.label)

    def _require_quorum(
        self, target: Target, doing: str, deadline: Deadline, ctx: Context, facts: Mapping[str, Any]
    ) -> quorum.Verdict:
        remedy = ""

        def look() -> Observation[quorum.Verdict]:
            nonlocal remedy
            verdict = self.verdict(target)
            remedy = verdict.remedy
            return Observation(verdict.safe, verdict.text, verdict)

        try:
            found = wait_until(
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
        return found or quorum.Verdict(safe=False, needed=True)
