# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""StatefulSets: numbered pods, one after another, each with claims of its own."""

from __future__ import annotations

from typing import Any

from .api import CLAIMS, PODS, STATEFUL_SETS, Object
from .base import Controller, owned_by
from .pods import create_pod, is_ready, template_hash

HASH = "controller-revision-hash"


class StatefulSetController(Controller):
    """Starts each pod when the one before is ready, and replaces outdated ones from the last to the first."""

    watches = (STATEFUL_SETS, PODS, CLAIMS)

    async def reconcile(self) -> None:
        """Bring every StatefulSet one step on."""
        for stateful_set in self.mirror(STATEFUL_SETS):
            if not stateful_set["metadata"].get("deletionTimestamp"):
                await self._one(stateful_set)

    async def _one(self, stateful_set: Object) -> None:
        meta, spec = stateful_set["metadata"], stateful_set["spec"]
        wanted = spec.get("replicas", 1)
        revision = f"{meta['name']}-{template_hash(spec['template'])}"
        pods = {p["metadata"]["name"]: p for p in self.mirror(PODS) if owned_by(p, meta["uid"])}
        parallel = spec.get("podManagementPolicy") == "Parallel"
        names = [f"{meta['name']}-{number}" for number in range(wanted)]
        for name in names:
            if name not in pods:
                labels = {HASH: revision, "statefulset.kubernetes.io/pod-name": name}
                labels["apps.kubernetes.io/pod-index"] = name.rpartition("-")[2]
                await self._claims(stateful_set, name)
                await create_pod(
                    self.api,
                    STATEFUL_SETS,
                    stateful_set,
                    spec["template"],
                    name=name,
                    labels=labels,
                    hostname=name,
                    subdomain=spec.get("serviceName", ""),
                    **pod_volumes(spec, name),
                )
            if not parallel and not (name in pods and is_ready(pods[name])):
                break
        for name in sorted(set(pods) - set(names)):
            await self.api.delete(PODS, pods[name])
        updated = [n for n in names if n in pods and (pods[n]["metadata"].get("labels") or {}).get(HASH) == revision]
        ready = [n for n in names if n in pods and is_ready(pods[n])]
        if len(ready) == wanted and (spec.get("updateStrategy") or {}).get("type") != "OnDelete":
            for name in reversed([n for n in names if n not in updated][-1:]):
                await self.api.delete(PODS, pods[name])
        done = len(updated) == wanted == len(ready)
        before = (stateful_set.get("status") or {}).get("currentRevision") or revision
        await self.api.set_status(
            STATEFUL_SETS,
            stateful_set,
            {
                "replicas": len(pods),
                "readyReplicas": len(ready) or None,
                "availableReplicas": len(ready),
                "currentReplicas": len(updated) or None,
                "updatedReplicas": len(updated) or None,
                "currentRevision": revision if done else before,
                "updateRevision": revision,
                "collisionCount": 0,
                "observedGeneration": meta.get("generation", 1),
            },
        )

    async def _claims(self, stateful_set: Object, pod: str) -> None:
        """Create the claims of one pod; they outlive it and the StatefulSet."""
        meta, spec = stateful_set["metadata"], stateful_set["spec"]
        for template in spec.get("volumeClaimTemplates") or []:
            name = f"{template['metadata']['name']}-{pod}"
            if self.mirror(CLAIMS).get(meta["namespace"], name) is not None:
                continue
            marks = template["metadata"].get("annotations") or {}
            labels = {**(template["metadata"].get("labels") or {}), **(spec["selector"].get("matchLabels") or {})}
            metadata = {"name": name, "namespace": meta["namespace"], "labels": labels, "annotations": marks}
            await self.api.create(CLAIMS, {"metadata": metadata, "spec": template["spec"]})


def pod_volumes(spec: Object, pod: str) -> dict[str, Any]:
    """Return the volumes of one pod: its claims take the place of the template's volumes of the same names."""
    templates = [t["metadata"]["name"] for t in spec.get("volumeClaimTemplates") or []]
    if not templates:
        return {}
    others = [v for v in spec["template"]["spec"].get("volumes") or [] if v["name"] not in templates]
    mine = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{pod}"}} for name in templates]
    return {"volumes": [*mine, *others]}
