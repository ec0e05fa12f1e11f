# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster's objects say about services and those who answer for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Object = dict[str, Any]
INGRESS_IMAGE = "ingress-nginx/controller"
SERVER_IMAGE = "goauthentik/server"
PROXY_IMAGE = "goauthentik/proxy"
_LEGACY = "kubernetes.io/ingress.class"
_DNS = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local\.?)?\Z")


class Objects(Protocol):
    """The objects of one kind."""

    def __iter__(self) -> Iterator[Object]: ...

    def get(self, namespace: str, name: str) -> Object | None:
        """Return one object."""


@dataclass(frozen=True)
class Controller:
    """A running ingress controller.

    :param classes: the IngressClasses that it serves; :param snippets: whether it admits snippets.
    """

    name: str
    classes: frozenset[str]
    addresses: tuple[str, ...]
    snippets: bool = False


@dataclass(frozen=True)
class Backend:
    """A port of a Service.

    :param pods: those that are ready; :param tls: whether the port speaks TLS; :param open: whether a pod listens.
    """

    namespace: str
    name: str
    port: int
    pods: tuple[Object, ...]
    tls: bool
    open: bool

    @property
    def image(self) -> str:
        """The image of the first pod's first container."""
        return str(containers(self.pods[0]["spec"])[0].get("image", "")) if self.pods else ""


class Cluster:
    """One cluster, by its mirrors: names of resources to their objects."""

    def __init__(self, objects: Mapping[str, Objects]) -> None:
        self.objects = objects

    def all(self, plural: str) -> list[Object]:
        """Return the objects of a kind."""
        found = self.objects.get(plural)
        return list(found) if found is not None else []

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        """Return one object."""
        found = self.objects.get(plural)
        return found.get(namespace, name) if found is not None else None

    # -- services ------------------------------------------------------------------------------------------------------
    def backend(self, namespace: str, name: str, port: int | str) -> Backend | None:
        """Return a Service's port, by number or name; None when there is none."""
        service = self.get("services", namespace, name)
        if service is None:
            return None
        ports = service["spec"].get("ports") or []
        entry = next((p for p in ports if p["port"] == port or p.get("name") == port), None)
        if entry is None:
            return None
        pods = self.ready(namespace, service["spec"].get("selector") or {})
        target = entry.get("targetPort", entry["port"])
        declared = [p for pod in pods for c in containers(pod["spec"]) for p in c.get("ports") or []]
        found = next((p for p in declared if target in (p.get("name"), p["containerPort"])), None)
        if isinstance(target, str) and found is None:
            pods = []
        number = found["containerPort"] if found else target
        words = [entry.get("name"), entry.get("appProtocol"), (found or {}).get("name")]
        tls = number in (443, 8443, 9443) or any(re.search(r"\b(https|tls|ssl)\b", str(word)) for word in words if word)
        return Backend(namespace, name, int(entry["port"]), tuple(pods), tls, found is not None or not declared)

    def by_dns(self, host: str, port: int) -> Backend | None:
        """Return the Service's port behind a name of the cluster's DNS."""
        found = _DNS.match(host.lower())
        return self.backend(found.group(2), found.group(1), port) if found else None

    def ready(self, namespace: str, selector: Mapping[str, str]) -> list[Object]:
        """Return the ready pods that a selector names."""
        if not selector:
            return []
        return [
            pod
            for pod in self.all("pods")
            if pod["metadata"].get("namespace") == namespace
            and selector.items() <= (pod["metadata"].get("labels") or {}).items()
            and is_ready(pod)
        ]

    def running(self, image: str) -> Iterator[tuple[Object, Object]]:
        """Yield the available workloads that run an image, and the container."""
        for plural in ("deployments", "daemonsets"):
            for workload in self.all(plural):
                for container in containers(workload["spec"]["template"]["spec"]):
                    name = str(container.get("image", "")).partition("@")[0].rpartition(":")[0]
                    if name.endswith(image) and available(workload):
                        yield workload, container

    # -- ingress controllers -------------------------------------------------------------------------------------------
    def controllers(self) -> list[Controller]:
        """Return the running ingress controllers that have addresses."""
        found = []
        for workload, container in self.running(INGRESS_IMAGE):
            flags = options(container)
            namespace = workload["metadata"]["namespace"]
            value = flags.get("controller-class", "k8s.io/ingress-nginx")
            classes = {
                c["metadata"]["name"]
                for c in self.all("ingressclasses")
                if (c.get("spec") or {}).get("controller") == value
            } or {flags.get("ingress-class", "nginx")}
            labels = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}
            config = self.get("configmaps", namespace, flags.get("configmap", "").rpartition("/")[2])
            data = (config or {}).get("data") or {}
            risky = data.get("allow-snippet-annotations") == "true" and data.get("annotations-risk-level") == "Critical"
            addresses = tuple(
                entry["ip"]
                for service in self.all("services")
                if service["metadata"].get("namespace") == namespace
                and service["spec"].get("type") == "LoadBalancer"
                and (service["spec"].get("selector") or {"": ""}).items() <= labels.items()
                for entry in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
                if entry.get("ip")
            )
            found.append(Controller(workload["metadata"]["name"], frozenset(classes), addresses, risky))
        return found

    def ingresses(self, classes: Iterable[str]) -> list[Object]:
        """Return the Ingresses of some classes, the oldest first."""
        wanted = set(classes)
        found = [ingress for ingress in self.all("ingresses") if class_of(ingress) in wanted]
        return sorted(found, key=lambda i: (i["metadata"].get("creationTimestamp", ""), i["metadata"]["namespace"]))

    # -- values --------------------------------------------------------------------------------------------------------
    def secret(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return a Secret's data, decoded."""
        found = self.get("secrets", namespace, name)
        return {key: base64.b64decode(value) for key, value in ((found or {}).get("data") or {}).items()}

    def variable(self, namespace: str, container: Object, name: str) -> str:
        """Return an environment variable of a container, with what Secrets and ConfigMaps give it."""
        for entry in container.get("env") or []:
            if entry["name"] != name:
                continue
            source = entry.get("valueFrom") or {}
            if reference := source.get("secretKeyRef"):
                return self.secret(namespace, reference["name"]).get(reference["key"], b"").decode()
            if reference := source.get("configMapKeyRef"):
                found = self.get("configmaps", namespace, reference["name"])
                return str(((found or {}).get("data") or {}).get(reference["key"], ""))
            return str(entry.get("value", ""))
        for entry in reversed(container.get("envFrom") or []):
            if reference := entry.get("secretRef"):
                if found_value := self.secret(namespace, reference["name"]).get(name):
                    return found_value.decode()
            elif reference := entry.get("configMapRef"):
                config = self.get("configmaps", namespace, reference["name"])
                if value := ((config or {}).get("data") or {}).get(name):
                    return str(value)
        return ""


def containers(spec: Object) -> list[Object]:
    """Return the containers of a pod's specification."""
    return spec.get("containers") or []


def options(container: Object) -> dict[str, str]:
    """Return the flags of a container, ``--a=b``."""
    words = [str(word) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    return {word[2:].partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("--")}


def class_of(ingress: Object) -> str:
    """Return the class that an Ingress names."""
    named = (ingress.get("spec") or {}).get("ingressClassName")
    return str(named or (ingress["metadata"].get("annotations") or {}).get(_LEGACY, ""))


def is_ready(pod: Object) -> bool:
    """Whether a pod is ready and stays."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")


def available(workload: Object) -> bool:
    """Whether a Deployment or DaemonSet does its work."""
    status = workload.get("status") or {}
    if "numberReady" in status:
        return bool(status["numberReady"])
    return any(c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions") or []) and bool(
        status.get("readyReplicas")
    )
