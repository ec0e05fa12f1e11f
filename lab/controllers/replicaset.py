# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ReplicaSets: so many pods of one template."""

from __future__ import annotations

from .api import PODS, REPLICA_SETS, Object
from .base import Controller, owned_by
from .pods import create_pod, is_finished, is_ready


class ReplicaSetController(Controller):
    """Creates and deletes pods until their number is right."""

    watches = (REPLICA_SETS, PODS)

    async def reconcile(self) -> None:
        """Bring every ReplicaSet one step on."""
        for replica_set in self.mirror(REPLICA_SETS):
            if not replica_set["metadata"].get("deletionTimestamp"):
                await self._one(replica_set)

    async def _one(self, replica_set: Object) -> None:
        uid, wanted = replica_set["metadata"]["uid"], replica_set["spec"].get("replicas", 1)
        pods = [p for p in self.mirror(PODS) if owned_by(p, uid) and not is_finished(p)]
        pods = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
        for _unused in range(wanted - len(pods)):
            await create_pod(self.api, REPLICA_SETS, replica_set, replica_set["spec"]["template"])
        for pod in sorted(pods, key=is_ready)[: max(0, len(pods) - wanted)]:
            await self.api.delete(PODS, pod)
        ready = sum(is_ready(p) for p in pods)
        await self.api.set_status(
            REPLICA_SETS,
            replica_set,
            {
                "replicas": len(pods),
                "fullyLabeledReplicas": len(pods) or None,
                "readyReplicas": ready or None,
                "availableReplicas": ready or None,
                "observedGeneration": replica_set["metadata"].get("generation", 1),
            },
        )
