# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments: one ReplicaSet per template; the old ones go when the new one is ready."""

from __future__ import annotations

from .api import DEPLOYMENTS, REPLICA_SETS, Object
from .base import Controller, merge_conditions, owned_by, owner_reference
from .pods import template_hash

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


class DeploymentController(Controller):
    """Keeps ReplicaSets and reports Available and Progressing."""

    watches = (DEPLOYMENTS, REPLICA_SETS)

    async def reconcile(self) -> None:
        """Bring every Deployment one step on."""
        for deployment in self.mirror(DEPLOYMENTS):
            if not deployment["metadata"].get("deletionTimestamp"):
                await self._one(deployment)

    async def _one(self, deployment: Object) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        wanted = spec.get("replicas", 1)
        sets = [s for s in self.mirror(REPLICA_SETS) if owned_by(s, meta["uid"])]
        digest = template_hash(spec["template"])
        current = next((s for s in sets if (s["metadata"].get("labels") or {}).get(HASH) == digest), None)
        old = [s for s in sets if s is not current]
        if current is None and not spec.get("paused"):
            await self._create(deployment, digest, wanted, len(sets) + 1)
        elif current is not None and current["spec"].get("replicas") != wanted:
            await self.api.merge(REPLICA_SETS.of(current), {"spec": {"replicas": wanted}})
        updated = ((current or {}).get("status") or {}).get("replicas", 0) if current else 0
        fresh = ((current or {}).get("status") or {}).get("readyReplicas", 0) if current else 0
        recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
        if current is not None and (fresh >= wanted or recreate):
            for replica_set in old:
                if replica_set["spec"].get("replicas"):
                    await self.api.merge(REPLICA_SETS.of(replica_set), {"spec": {"replicas": 0}})
        await self._status(deployment, sets, wanted, updated, fresh, current)

    async def _create(self, deployment: Object, digest: str, replicas: int, revision: int) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        template = {**spec["template"]}
        labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH: digest}
        template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
        template["metadata"].pop("creationTimestamp", None)
        selector = {**spec["selector"]}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: digest}
        metadata = {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [owner_reference(DEPLOYMENTS, deployment)],
        }
        body = {"replicas": replicas, "selector": selector, "template": template}
        await self.api.create(REPLICA_SETS, {"metadata": metadata, "spec": body})

    async def _status(
        self, deployment: Object, sets: list[Object], wanted: int, updated: int, fresh: int, current: Object | None
    ) -> None:
        total = sum((s.get("status") or {}).get("replicas", 0) for s in sets)
        ready = sum((s.get("status") or {}).get("readyReplicas", 0) for s in sets)
        done = current is not None and fresh >= wanted and updated == wanted == total
        available = ready >= wanted - _max_unavailable(deployment, wanted)
        name = current["metadata"]["name"] if current else ""
        if done:
            reason, message = "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
        else:
            reason, message = "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
        conditions = [
            {
                "type": "Available",
                "status": str(available),
                "reason": "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
                "message": f"Deployment {'has' if available else 'does not have'} minimum availability.",
            },
            {"type": "Progressing", "status": "True", "reason": reason, "message": message},
        ]
        old = (deployment.get("status") or {}).get("conditions") or []
        stamps = {c["type"]: c.get("lastUpdateTime") for c in old}
        merged = merge_conditions(old, conditions)
        for condition in merged:
            before = next((c for c in old if c["type"] == condition["type"]), None)
            same = before is not None and all(before.get(k) == condition[k] for k in ("status", "reason", "message"))
            condition["lastUpdateTime"] = stamps[condition["type"]] if same else condition["lastTransitionTime"]
        await self.api.set_status(
            DEPLOYMENTS,
            deployment,
            {
                "replicas": total or None,
                "updatedReplicas": updated or None,
                "readyReplicas": ready or None,
                "availableReplicas": ready or None,
                "unavailableReplicas": max(0, wanted - ready) or None,
                "observedGeneration": deployment["metadata"].get("generation", 1),
                "conditions": merged,
            },
        )


def _max_unavailable(deployment: Object, replicas: int) -> int:
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    value = rolling.get("maxUnavailable", "25%")
    if isinstance(value, str) and value.endswith("%"):
        return replicas * int(value[:-1]) // 100
    return int(value)
