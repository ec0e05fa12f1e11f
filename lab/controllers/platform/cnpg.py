# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CloudNativePG operator: instances with their claims, Services, Secrets, and the phases of a Cluster."""

from __future__ import annotations

import base64
import secrets
from typing import Any, ClassVar

from ...authority import Authority
from ..api import CLAIMS, DEPLOYMENTS, JOBS, PODS, SECRETS, SERVICES, Object, Resource
from ..base import Controller, Memory, merge_conditions, owned_by, owner_reference
from ..manager import World
from ..pods import is_ready
from . import cnpg_plan as plan, cnpg_store as store
from .cnpg_plan import CLUSTERS, OBJECT_STORES
from .state import container_of, running

IMAGE, BARMAN_IMAGE = "cloudnative-pg/cloudnative-pg", "plugin-barman-cloud"
DATABASES = Resource("postgresql.cnpg.io/v1", "databases", "Database")
PLUGIN_LABEL = "cnpg.io/pluginName"


class CloudNativePg(Controller):
    """Acts while the operator's Deployment is available."""

    watches: ClassVar[tuple[Resource, ...]] = (
        *(DEPLOYMENTS, PODS, JOBS, CLAIMS, SERVICES, SECRETS),
        *(CLUSTERS, DATABASES, OBJECT_STORES),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._ready = Memory()

    async def reconcile(self) -> None:
        """Bring every Cluster one step on, and then its Databases."""
        if not running(self.mirror(DEPLOYMENTS), IMAGE):
            return
        alive = [c for c in self.mirror(CLUSTERS) if not c["metadata"].get("deletionTimestamp")]
        self._ready.keep(c["metadata"]["uid"] for c in alive if self._whole(c))
        for cluster in alive:
            await self._cluster(cluster)
        await self._databases()

    def _pods(self, cluster: Object) -> dict[str, Object]:
        uid = cluster["metadata"]["uid"]
        return {p["metadata"]["name"]: p for p in self.mirror(PODS) if owned_by(p, uid)}

    def _whole(self, cluster: Object) -> bool:
        pods = self._pods(cluster)
        return all(name in pods and is_ready(pods[name]) for name in plan.instance_names(cluster))

    async def _cluster(self, cluster: Object) -> None:
        if missing := self._missing_plugin(cluster):
            await self._report(cluster, plan.NO_PLUGIN, f"Unknown plugin: '{missing}'", {})
            return
        await self._secrets(cluster)
        known = {s["metadata"]["name"] for s in self.mirror(SERVICES)}
        for service in plan.services(cluster):
            if service["metadata"]["name"] not in known:
                service["metadata"]["ownerReferences"] = [owner_reference(CLUSTERS, cluster)]
                await self.api.create(SERVICES, service)
        pods, names = self._pods(cluster), plan.instance_names(cluster)
        if not await self._filled(cluster, names[0]):
            await self._report(cluster, plan.PRIMARY, f"Creating primary instance {names[0]}", {})
            return
        primary = (cluster.get("status") or {}).get("currentPrimary") or names[0]
        if primary not in names or (primary in pods and not is_ready(pods[primary]) and self._settled(cluster)):
            primary = next((n for n in names if n in pods and is_ready(pods[n])), primary)
        for name in names:  # one after another: a replica is a copy of what runs
            if name not in pods:
                await self._instance(cluster, name, primary)
            if not (name in pods and is_ready(pods[name])):
                break
        for name in set(pods) - set(names):
            await self.api.delete(PODS, pods[name])
        await self._roles(cluster, pods, primary)
        ready = [n for n in names if n in pods and is_ready(pods[n])]
        whole = len(ready) == len(names)
        done = whole and self.due(self._ready.since(cluster["metadata"]["uid"]), self.world.delays.platform.database)
        if done:
            phase = plan.HEALTHY
        elif not ready:
            phase = plan.PRIMARY
        else:
            phase = plan.WAITING if len(pods) >= len(names) else plan.REPLICA
        more = {"readyInstances": len(ready), "currentPrimary": primary if ready else "", "targetPrimary": primary}
        await self._report(cluster, phase, "", more | {"instances": len(pods), "instanceNames": sorted(pods)})

    async def _filled(self, cluster: Object, first: str) -> bool:
        """Tell whether there is data to start with: what is to be recovered is restored by a Job before any instance.

        Only the very first start asks: a Cluster that has data never looks at its bootstrap again.
        """
        meta = cluster["metadata"]
        uid, namespace = meta["uid"], meta["namespace"]
        claims = {c["metadata"]["name"]: c for c in self.mirror(CLAIMS) if owned_by(c, uid)}
        wanted = plan.recovery_job(cluster, first)
        job = self.mirror(JOBS).get(namespace, wanted["metadata"]["name"])
        job = job if job is not None and owned_by(job, uid) else None
        if plan.recovery(cluster) is None or any(plan.is_filled(c) for c in claims.values()):
            if job is not None:
                await self.api.delete(JOBS, job)
            return True
        owners = [owner_reference(CLUSTERS, cluster)]
        if first not in claims:  # nothing is made while the one of a deleted Cluster is still on its way out
            claim = plan.claim(cluster, first, "initializing")
            claim["metadata"]["ownerReferences"] = owners
            await self.api.create(CLAIMS, claim)
        elif job is None:
            wanted["metadata"]["ownerReferences"] = owners
            await self.api.create(JOBS, wanted)
        elif (job.get("status") or {}).get("succeeded"):
            ready = {"metadata": {"annotations": {plan.CLAIM_STATUS: plan.CLAIM_READY}}}
            await self.api.merge(CLAIMS.of(claims[first]), ready)
        return False

    def _settled(self, cluster: Object) -> bool:
        return (cluster.get("status") or {}).get("phase") == plan.HEALTHY

    def _missing_plugin(self, cluster: Object) -> str:
        """Return the first enabled plugin for which no Service with a running program exists."""
        served = {(s["metadata"].get("labels") or {}).get(PLUGIN_LABEL) for s in self.mirror(SERVICES)}
        alive = bool(running(self.mirror(DEPLOYMENTS), BARMAN_IMAGE))
        for plugin in cluster["spec"].get("plugins") or []:
            if plugin.get("enabled", True) and not (plugin["name"] in served and alive):
                return str(plugin["name"])
        return ""

    async def _instance(self, cluster: Object, name: str, primary: str) -> None:
        meta = cluster["metadata"]
        if self.mirror(CLAIMS).get(meta["namespace"], name) is None:
            claim = plan.claim(cluster, name)
            claim["metadata"]["ownerReferences"] = [owner_reference(CLUSTERS, cluster)]
            await self.api.create(CLAIMS, claim)
        sidecar = ""
        if cluster["spec"].get("plugins"):
            found = next(iter(running(self.mirror(DEPLOYMENTS), BARMAN_IMAGE)), None)
            env = (container_of(found, BARMAN_IMAGE) or {}).get("env") or [] if found else []
            sidecar = next((e.get("value", "") for e in env if e["name"] == "SIDECAR_IMAGE"), "")
        metadata = {
            "name": name,
            "namespace": meta["namespace"],
            "labels": plan.labels(cluster, name, primary),
            "annotations": {"cnpg.io/nodeSerial": name.rpartition("-")[2]},
            "ownerReferences": [owner_reference(CLUSTERS, cluster)],
        }
        await self.api.create(PODS, {"metadata": metadata, "spec": plan.pod_spec(cluster, name, sidecar)})

    async def _roles(self, cluster: Object, pods: dict[str, Object], primary: str) -> None:
        for name, pod in pods.items():
            wanted = plan.labels(cluster, name, primary)
            have = pod["metadata"].get("labels") or {}
            changed = {k: wanted[k] for k in ("cnpg.io/instanceRole", "role") if have.get(k) != wanted[k]}
            if changed:
                await self.api.merge(PODS.of(pod), {"metadata": {"labels": changed}})

    async def _secrets(self, cluster: Object) -> None:
        """Create the Secrets that the Cluster does not name itself."""
        meta, spec = cluster["metadata"], cluster["spec"]
        name, namespace = meta["name"], meta["namespace"]
        app = plan.application(cluster)
        database = app.get("database", "app")
        wanted: dict[str, tuple[str, dict[str, str]]] = {}
        if not app.get("secret"):
            wanted[f"{name}-app"] = ("kubernetes.io/basic-auth", _login(cluster, app.get("owner", "app"), database))
        if spec.get("enableSuperuserAccess") and not spec.get("superuserSecret"):
            wanted[f"{name}-superuser"] = ("kubernetes.io/basic-auth", _login(cluster, "postgres", "*"))
        missing = [n for n in (*wanted, f"{name}-ca") if self.mirror(SECRETS).get(namespace, n) is None]
        if not missing:
            return
        for secret, (kind, data) in wanted.items():
            if secret in missing:
                await self._secret(cluster, secret, kind, data)
        if f"{name}-ca" in missing:
            authority = Authority(name)
            ca = authority.certificate.decode()
            await self._secret(cluster, f"{name}-ca", "Opaque", {"ca.crt": ca, "ca.key": authority.key.decode()})
            server = authority.issue([f"{name}-rw", f"{name}-rw.{namespace}.svc"], common_name=f"{name}-rw")
            client = authority.issue([], common_name="streaming_replica", usages=["client auth"])
            for suffix, made in (("server", server), ("replication", client)):
                data = {"tls.crt": made.certificate.decode(), "tls.key": made.key.decode()}
                await self._secret(cluster, f"{name}-{suffix}", "kubernetes.io/tls", data)

    async def _secret(self, cluster: Object, name: str, kind: str, data: dict[str, str]) -> None:
        marks = {"cnpg.io/cluster": cluster["metadata"]["name"], "cnpg.io/reload": "true"}
        meta: Object = {"name": name, "namespace": cluster["metadata"]["namespace"], "labels": marks}
        meta["ownerReferences"] = [owner_reference(CLUSTERS, cluster)]
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
        await self.api.create(SECRETS, {"metadata": meta, "type": kind, "data": encoded})

    async def _report(self, cluster: Object, phase: str, reason: str, more: Object) -> None:
        old = cluster.get("status") or {}
        healthy = phase == plan.HEALTHY
        conditions = [
            {
                "type": "Ready",
                "status": "True" if healthy else "False",
                "reason": "ClusterIsReady" if healthy else "ClusterIsNotReady",
                "message": "Cluster is Ready" if healthy else "Cluster Is Not Ready",
            }
        ]
        if healthy:
            conditions.append(
                {
                    "type": "ConsistentSystemID",
                    "status": "True",
                    "reason": "Unique",
                    "message": "A single, unique system ID was found across reporting instances.",
                }
            )
            conditions += self._archiving(cluster)
        status: Object = {"phase": phase, "phaseReason": reason, **more, **self._managed(cluster, healthy)}
        name = cluster["metadata"]["name"]
        status |= {
            "readService": f"{name}-r",
            "writeService": f"{name}-rw",
            "image": cluster["spec"].get("imageName", ""),
        }
        status["conditions"] = merge_conditions(old.get("conditions"), conditions)
        await self.api.set_status(CLUSTERS, cluster, status)

    def _archiving(self, cluster: Object) -> list[Object]:
        problem = None
        for plugin in cluster["spec"].get("plugins") or []:
            if plugin.get("enabled", True) and plugin.get("isWALArchiver"):
                problem = store.store_problem(self.world, cluster, plugin)
                if not problem:
                    store.archive_of(self.world, cluster, plugin).written = True
        if problem is None:
            return []
        good = not problem
        return [
            {
                "type": "ContinuousArchiving",
                "status": "True" if good else "False",
                "reason": "ContinuousArchivingSuccess" if good else "ContinuousArchivingFailing",
                "message": "Continuous archiving is working" if good else problem,
            }
        ]

    def _managed(self, cluster: Object, healthy: bool) -> Object:
        """Report on roles: one whose password Secret is missing cannot be made."""
        roles = (cluster["spec"].get("managed") or {}).get("roles") or []
        if not roles or not healthy:
            return {}
        namespace = cluster["metadata"]["namespace"]
        done, failed = [], {}
        for role in roles:
            secret = (role.get("passwordSecret") or {}).get("name")
            if secret and self.mirror(SECRETS).get(namespace, secret) is None:
                failed[role["name"]] = [f'secrets "{secret}" not found']
            else:
                done.append(role["name"])
        by_status: Any = {"reconciled": sorted(done)}
        return {"managedRolesStatus": {"byStatus": by_status, "cannotReconcile": failed}}

    async def _databases(self) -> None:
        for database in self.mirror(DATABASES):
            spec, meta = database["spec"], database["metadata"]
            cluster = self.mirror(CLUSTERS).get(meta["namespace"], (spec.get("cluster") or {}).get("name", ""))
            if cluster is None or (cluster.get("status") or {}).get("phase") != plan.HEALTHY:
                continue
            managed = (cluster["status"].get("managedRolesStatus") or {}).get("byStatus") or {}
            roles = {"postgres", *(managed.get("reconciled") or [])}
            roles.add(plan.application(cluster).get("owner", "app"))
            applied = spec.get("owner") in roles
            message = "" if applied else f'ERROR: role "{spec.get("owner")}" does not exist (SQLSTATE 42704)'
            status = {"applied": applied, "observedGeneration": meta.get("generation", 1), "message": message}
            await self.api.set_status(DATABASES, database, status)


def _login(cluster: Object, user: str, database: str) -> dict[str, str]:
    meta = cluster["metadata"]
    host, password = f"{meta['name']}-rw", secrets.token_urlsafe(32)
    uri = f"postgresql://{user}:{password}@{host}.{meta['namespace']}:5432/{database}"
    return {
        "username": user,
        "user": user,
        "password": password,
        "dbname": database,
        "host": host,
        "port": "5432",
        "pgpass": f"{host}:5432:{database}:{user}:{password}\n",
        "uri": uri,
        "jdbc-uri": f"jdbc:postgresql://{host}.{meta['namespace']}:5432/{database}?password={password}&user={user}",
    }
