# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Ingress takes a request: by host and path, the longest path first, the older Ingress of two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
PREFIX = "nginx.ingress.kubernetes.io/"


@dataclass(frozen=True)
class Route:
    """What an Ingress says about a request.

    :param port: number or name of the Service's port.
    """

    ingress: Object
    service: str
    port: int | str
    path: str = "/"

    @property
    def namespace(self) -> str:
        """The namespace of Ingress and Service."""
        return str(self.ingress["metadata"]["namespace"])

    def annotation(self, name: str, default: str = "") -> str:
        """Return one of nginx' annotations."""
        return str((self.ingress["metadata"].get("annotations") or {}).get(PREFIX + name, default))


def find(ingresses: Iterable[Object], host: str, path: str) -> Route | None:
    """Return the route of a request."""
    host = host.lower()
    found: list[tuple[tuple[int, int, int], Route]] = []
    for ingress in ingresses:
        for rule in ingress["spec"].get("rules") or []:
            rank = _host_rank(str(rule.get("host") or "").lower(), host)
            if rank is None:
                continue
            for entry in (rule.get("http") or {}).get("paths") or []:
                wanted, kind = entry.get("path") or "/", entry.get("pathType", "ImplementationSpecific")
                service = (entry.get("backend") or {}).get("service")
                if service and matches(wanted, kind, path):
                    port = service.get("port") or {}
                    route = Route(ingress, service["name"], port.get("number") or port.get("name") or 0, wanted)
                    found.append(((rank, kind == "Exact", len(wanted)), route))
    # max keeps the first of equals, and the oldest Ingress comes first.
    return max(found, key=lambda item: item[0])[1] if found else None


def matches(wanted: str, kind: str, path: str) -> bool:
    """Whether a path of an Ingress takes a request's path."""
    if kind == "Exact":
        return path == wanted
    if kind == "ImplementationSpecific":
        return path.startswith(wanted)
    stem = wanted.rstrip("/")
    return path == stem or path.startswith(f"{stem}/")


def _host_rank(rule: str, host: str) -> int | None:
    if rule == host:
        return 2
    if rule.startswith("*.") and host.partition(".")[2] == rule[2:]:
        return 1
    return 0 if not rule else None


def tls_secrets(ingresses: Iterable[Object]) -> dict[str, tuple[str, str]]:
    """Return host -> (namespace, name) of the TLS Secret that the oldest Ingress names for it."""
    found: dict[str, tuple[str, str]] = {}
    for ingress in ingresses:
        for entry in ingress["spec"].get("tls") or []:
            for host in entry.get("hosts") or []:
                found.setdefault(host.lower(), (ingress["metadata"]["namespace"], entry.get("secretName") or ""))
    return found
