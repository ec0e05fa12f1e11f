# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects by what the status asks of them: Services, Ingresses and who claims which host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


@dataclass(frozen=True)
class Claim:
    """One host and path of one Ingress, and the Service behind it.

    :param ingress: ``namespace/name``.
    :param host: in lower case; empty for every host.
    :param service: ``namespace/name``; empty when the backend is no Service.
    :param port: number or name.
    """

    ingress: str
    ingress_class: str
    host: str
    path: str
    path_type: str
    service: str
    port: int | str
    tls_secret: str


class ClusterView:
    """An index over plain objects, as ``kube_info`` returns them."""

    def __init__(self, resources: Iterable[Object]) -> None:
        self._by_kind: dict[str, dict[str, Object]] = {}
        for item in resources:
            self._by_kind.setdefault(str(item.get("kind")), {})[name_of(item)] = item

    def get(self, kind: str, name: str) -> Object | None:
        """Return one object by ``namespace/name``, or by name when its kind is of the cluster."""
        return self._by_kind.get(kind, {}).get(name)

    def all(self, kind: str) -> list[Object]:
        """Return the objects of a kind."""
        return list(self._by_kind.get(kind, {}).values())

    @property
    def default_class(self) -> str:
        """The name of the default IngressClass, empty when there is none."""
        for item in self.all("IngressClass"):
            if (item["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true":
                return str(item["metadata"]["name"])
        return ""

    def claims(self, host: str = "") -> list[Claim]:
        """Return what the Ingresses claim, of one host when it is given."""
        found = [claim for item in self.all("Ingress") for claim in claims(item, self.default_class)]
        return [claim for claim in found if not host or claim.host == host.lower()]

    def ready_endpoints(self, service: str) -> int | None:
        """Return how many endpoints of a Service are ready, None when the API lists no slice of it."""
        namespace, _slash, name = service.partition("/")
        slices = [
            item
            for item in self.all("EndpointSlice")
            if item["metadata"].get("namespace") == namespace
            and (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
        ]
        if not slices:
            return None
        # An absent condition means ready (discovery.k8s.io/v1 EndpointConditions).
        return sum(
            len(endpoint.get("addresses") or [])
            for item in slices
            for endpoint in item.get("endpoints") or []
            if (endpoint.get("conditions") or {}).get("ready") is not False
        )


def name_of(item: Object) -> str:
    """Return ``namespace/name``, or the name alone."""
    metadata = item.get("metadata") or {}
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata.get('name')}" if namespace else str(metadata.get("name"))


def claims(ingress: Object, default_class: str = "") -> list[Claim]:
    """Return every host and path that an Ingress claims."""
    metadata, spec = ingress["metadata"], ingress.get("spec") or {}
    old = (metadata.get("annotations") or {}).get(CLASS_ANNOTATION)
    of_class = str(spec.get("ingressClassName") or old or default_class)
    found = []
    for rule in spec.get("rules") or []:
        host = str(rule.get("host") or "").lower()
        for path in (rule.get("http") or {}).get("paths") or []:
            service = (path.get("backend") or {}).get("service") or {}
            port = service.get("port") or {}
            found.append(
                Claim(
                    ingress=name_of(ingress),
                    ingress_class=of_class,
                    host=host,
                    path=str(path.get("path") or "/"),
                    path_type=str(path.get("pathType") or "ImplementationSpecific"),
                    service=f"{metadata.get('namespace')}/{service['name']}" if service.get("name") else "",
                    port=port.get("number") or port.get("name") or "",
                    tls_secret=_secret(spec, host),
                )
            )
    return found


def _secret(spec: Object, host: str) -> str:
    for entry in spec.get("tls") or []:
        if host in [str(item).lower() for item in entry.get("hosts") or []]:
            return str(entry.get("secretName") or "")
    return ""


def addresses_of(service: Object) -> list[str]:
    """Return the load balancer's addresses of a Service."""
    entries: Sequence[Object] = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [str(entry["ip"]) for entry in entries if entry.get("ip")]


def condition(item: Object, kind: str) -> Object:
    """Return one condition of an object's status, empty when it has none of this type."""
    for entry in (item.get("status") or {}).get("conditions") or []:
        if entry.get("type") == kind:
            return dict(entry)
    return {}
