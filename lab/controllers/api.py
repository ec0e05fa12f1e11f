# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small asynchronous Kubernetes client: paths, reads, writes and watches over one aiohttp session."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

USER_AGENT = "homeops-lab-controller"
"""Starts the User-Agent of everything that the lab itself writes, so that counters can leave it out."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """An API resource: ``apps/v1`` and ``daemonsets``."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """Return the URL path of the collection, of an object, or of its subresource."""
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        parts = [root]
        if namespace and self.namespaced:
            parts.append(f"namespaces/{namespace}")
        parts += [part for part in (self.plural, name, sub) if part]
        return "/".join(parts)

    def of(self, obj: Object, sub: str = "") -> str:
        """Return the URL path of an existing object."""
        return self.path(obj["metadata"].get("namespace", ""), obj["metadata"]["name"], sub)


NODES = Resource("v1", "nodes", "Node", namespaced=False)
PODS = Resource("v1", "pods", "Pod")
SERVICES = Resource("v1", "services", "Service")
CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
SECRETS = Resource("v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts", "ServiceAccount")
CLAIMS = Resource("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
VOLUMES = Resource("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
STORAGE_CLASSES = Resource("storage.k8s.io/v1", "storageclasses", "StorageClass", namespaced=False)
INGRESSES = Resource("networking.k8s.io/v1", "ingresses", "Ingress")
INGRESS_CLASSES = Resource("networking.k8s.io/v1", "ingressclasses", "IngressClass", namespaced=False)
NAMESPACES = Resource("v1", "namespaces", "Namespace", namespaced=False)
DAEMON_SETS = Resource("apps/v1", "daemonsets", "DaemonSet")
DEPLOYMENTS = Resource("apps/v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps/v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps/v1", "statefulsets", "StatefulSet")
JOBS = Resource("batch/v1", "jobs", "Job")
CRON_JOBS = Resource("batch/v1", "cronjobs", "CronJob")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource(
    "rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
ROLES = Resource("rbac.authorization.k8s.io/v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")
CRDS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
LB_POOLS = Resource("cilium.io/v2alpha1", "ciliumloadbalancerippools", "CiliumLoadBalancerIPPool", namespaced=False)
CILIUM_NODES = Resource("cilium.io/v2", "ciliumnodes", "CiliumNode", namespaced=False)


class ApiError(Exception):
    """The server refused; ``status`` is the HTTP status, the message the server's own."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Api:
    """One session with the API server.

    :param base: ``https://127.0.0.1:40123``.
    """

    def __init__(self, base: str, context: ssl.SSLContext, agent: str = USER_AGENT) -> None:
        self.base = base
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            headers={"User-Agent": agent, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the session and with it every watch."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        *,
        timeout: float = 15.0,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request and return the decoded answer.

        :raises ApiError: for every status of 400 and above.
        """
        async with self._session.request(
            method,
            self.base + path,
            params=query or {},
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type} if body is not None else None,
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as answer:
            text = await answer.text()
            try:
                data = json.loads(text)
            except ValueError:
                data = {"message": text}
            if answer.status >= 400:
                raise ApiError(answer.status, str(data.get("message") or text))
            return data

    async def get(self, path: str) -> Object | None:
        """Return an object, or None when it does not exist."""
        try:
            return await self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def create(self, resource: Resource, obj: Object) -> Object | None:
        """Create an object; None when one of that name exists or its namespace does not (any more)."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        try:
            return await self.request("POST", resource.path(obj["metadata"].get("namespace", "")), body)
        except ApiError as error:
            if error.status in (403, 404, 409):
                return None
            raise

    async def ensure(self, resource: Resource, obj: Object, manager: str) -> Object:
        """Create the object or bring it to this form (server-side apply, taking fields over)."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return await self.request(
            "PATCH",
            resource.of(obj),
            body,
            "application/apply-patch+yaml",
            query={"fieldManager": manager, "force": "true"},
        )

    async def merge(self, path: str, patch: Any) -> Object | None:
        """Send a JSON merge patch; None when the object is gone."""
        try:
            return await self.request("PATCH", path, patch, "application/merge-patch+json")
        except ApiError as error:
            if error.status in (404, 409):
                return None
            raise

    async def set_status(self, resource: Resource, obj: Object, status: Object) -> None:
        """Write ``status`` fields when they differ from what ``obj`` holds (a merge: absent fields stay)."""
        now = obj.get("status") or {}
        if any(now.get(key) != value for key, value in status.items()):
            await self.merge(resource.of(obj, "status"), {"status": status})

    async def delete(self, resource: Resource, obj: Object, propagation: str = "Background") -> None:
        """Delete an object; one that is gone already is fine, one of the same name but another uid stays."""
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": obj["metadata"]["uid"]},
        }
        if resource is PODS:
            options["gracePeriodSeconds"] = 0
        try:
            await self.request("DELETE", resource.of(obj), options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def list(self, path: str) -> tuple[list[Object], str]:
        """Return the items of a collection and its resourceVersion."""
        data = await self.request("GET", path)
        return data.get("items") or [], data["metadata"].get("resourceVersion", "")

    async def watch(self, path: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        """Yield ``(type, object)`` of events after ``version``; ends when the server ends the stream."""
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
        async with self._session.get(self.base + path, params=query) as answer:
            if answer.status != 200:
                raise ApiError(answer.status, await answer.text())
            buffer = b""
            async for chunk in answer.content.iter_any():
                buffer += chunk
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    if line.strip():
                        event = json.loads(line)
                        yield event["type"], event["object"]
