# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Prometheus operator: a StatefulSet for every Prometheus and Alertmanager object, and the governing Service."""

from __future__ import annotations

from typing import Any

from ..api import DEPLOYMENTS, SERVICES, STATEFUL_SETS, Object, Resource
from ..base import Controller, merge_conditions, owner_reference
from .state import running

IMAGE = "prometheus-operator/prometheus-operator"
PROMETHEUSES = Resource("monitoring.coreos.com/v1", "prometheuses", "Prometheus")
ALERTMANAGERS = Resource("monitoring.coreos.com/v1", "alertmanagers", "Alertmanager")
MANAGER = "PrometheusOperator"
_PARTS: tuple[tuple[Resource, str, str, int], ...] = (
    (PROMETHEUSES, "prometheus", "quay.io/prometheus/prometheus", 9090),
    (ALERTMANAGERS, "alertmanager", "quay.io/prometheus/alertmanager", 9093),
)


class PrometheusOperator(Controller):
    """Monitors and rules are taken as they are: the lab scrapes nothing."""

    watches = (DEPLOYMENTS, STATEFUL_SETS, SERVICES, PROMETHEUSES, ALERTMANAGERS)

    async def reconcile(self) -> None:
        """Bring every server to its form."""
        if not running(self.mirror(DEPLOYMENTS), IMAGE):
            return
        for resource, part, repository, port in _PARTS:
            for server in self.mirror(resource):
                if not server["metadata"].get("deletionTimestamp"):
                    await self._serve(resource, server, part, repository, port)

    async def _serve(self, resource: Resource, server: Object, part: str, repository: str, port: int) -> None:
        meta = server["metadata"]
        wanted = stateful_set(server, part, repository, port)
        wanted["metadata"]["ownerReferences"] = [owner_reference(resource, server)]
        existing = self.mirror(STATEFUL_SETS).get(meta["namespace"], wanted["metadata"]["name"])
        if existing is None or _differs(existing, wanted):
            await self.api.ensure(STATEFUL_SETS, wanted, MANAGER)
        governing = f"{part}-operated"
        if self.mirror(SERVICES).get(meta["namespace"], governing) is None:
            spec = {
                "clusterIP": "None",
                "ports": [{"name": "web" if part == "prometheus" else "http-web", "port": port, "targetPort": port}],
                "selector": {"app.kubernetes.io/name": part},
            }
            labels = {f"operated-{part}": "true"}
            made = {"metadata": {"name": governing, "namespace": meta["namespace"], "labels": labels}, "spec": spec}
            await self.api.create(SERVICES, made)
        await self._status(resource, server, existing)

    async def _status(self, resource: Resource, server: Object, stateful_set: Object | None) -> None:
        replicas = (server.get("spec") or {}).get("replicas", 1)
        ready = ((stateful_set or {}).get("status") or {}).get("availableReplicas") or 0
        available = ready >= replicas
        generation = server["metadata"].get("generation", 1)
        conditions = [
            {
                "type": "Available",
                "status": "True" if available else "False",
                "reason": "" if available else "NoPodReady",
                "message": "",
                "observedGeneration": generation,
            },
            {"type": "Reconciled", "status": "True", "reason": "", "message": "", "observedGeneration": generation},
        ]
        old = (server.get("status") or {}).get("conditions")
        status = {
            "replicas": replicas,
            "updatedReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, replicas - ready),
            "paused": False,
            "conditions": merge_conditions(old, conditions),
        }
        await self.api.set_status(resource, server, status)


def stateful_set(server: Object, part: str, repository: str, port: int) -> Object:
    """Return the StatefulSet of a Prometheus or an Alertmanager."""
    meta, spec = server["metadata"], server.get("spec") or {}
    labels = {
        "app.kubernetes.io/instance": meta["name"],
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": part,
        "operator.prometheus.io/name": meta["name"],
        part: meta["name"],
    }
    image = spec.get("image") or f"{repository}:{spec.get('version', 'latest')}"
    name = f"{part}-{meta['name']}"
    volume = f"{name}-db"
    pod: dict[str, Any] = {
        "serviceAccountName": spec.get("serviceAccountName", "default"),
        "containers": [
            {
                "name": part,
                "image": image,
                "ports": [{"name": "http-web", "containerPort": port, "protocol": "TCP"}],
                "volumeMounts": [{"name": volume, "mountPath": f"/{part}"}],
            },
            {"name": "config-reloader", "image": "quay.io/prometheus-operator/prometheus-config-reloader:v0.83.0"},
        ],
    }
    for key in ("nodeSelector", "tolerations", "affinity", "securityContext", "priorityClassName"):
        if spec.get(key):
            pod[key] = spec[key]
    template = (spec.get("storage") or {}).get("volumeClaimTemplate")
    body: Object = {
        "replicas": spec.get("replicas", 1),
        "serviceName": f"{part}-operated",
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if template:
        claim_meta = {
            **(template.get("metadata") or {}),
            "name": (template.get("metadata") or {}).get("name") or volume,
        }
        pod["containers"][0]["volumeMounts"][0]["name"] = claim_meta["name"]
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": claim_meta, "spec": template["spec"]}
        body["volumeClaimTemplates"] = [claim]
    else:
        pod["volumes"] = [{"name": volume, "emptyDir": {}}]
    return {"metadata": {"name": name, "namespace": meta["namespace"], "labels": labels}, "spec": body}


def _differs(existing: Object, wanted: Object) -> bool:
    """Tell whether an own field has another value (defaults that the server filled in do not count)."""
    have, want = existing["spec"], wanted["spec"]
    if have.get("replicas") != want["replicas"]:
        return True
    images = [[c["image"] for c in spec["template"]["spec"]["containers"]] for spec in (have, want)]
    return images[0] != images[1]
