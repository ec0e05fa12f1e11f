# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, out of Ingresses and of the providers behind the login."""

from __future__ import annotations

import re
from typing import Any

from ..checks.repo.identity import providers
from ..repository.objects import Object
from ..repository.spot import dig, string
from ..repository.view import Repository
from .draft import Draft, Seen

_AUTH_URL = "nginx.ingress.kubernetes.io/auth-url"
_PROTOCOL = "nginx.ingress.kubernetes.io/backend-protocol"
_URL = re.compile(r"^(https?)://([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?(?::(\d{1,5}))?(?:/.*)?$")
#: Backends that are the login and not the service behind it.
_LOGIN = re.compile(r"^(?:ak-outpost-.*|authentik-(?:proxy|outpost|server)(?:-.*)?|authentik)$")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def fill(draft: Draft, repository: Repository) -> None:
    """Fill the list of services: one per host that leads to one."""
    found: dict[str, dict[str, Any]] = {}
    spot = None
    behind = {item.host: item for item in providers(repository)}
    login = draft.at("identity", "host")
    for ingress in sorted(repository.of("Ingress"), key=lambda item: item.title):
        for path, rule in ingress.maps("spec", "rules"):
            host = string(rule.get("host"))
            if not host or host == login or host in found:
                continue
            provider = behind.get(host)
            entry = _behind(provider.internal) if provider else None
            if entry is None:
                entry = _backend(repository, ingress, path)
            if entry is None:
                continue
            name = host.partition(".")[0]
            taken = {service["name"] for service in found.values()}
            if not _NAME.fullmatch(name) or name in taken:
                name = re.sub(r"[^a-z0-9-]+", "-", host).strip("-")[:63]
            title = ingress.annotations.get("gethomepage.dev/name") or name.replace("-", " ").title()
            auth = "none"
            if provider is not None:
                auth = "forward" if provider.mode.startswith("forward") else "proxy"
            elif _AUTH_URL in ingress.annotations:
                auth = "forward"
            service: dict[str, Any] = {"name": name, "title": title, **entry, "auth": auth}
            if host != f"{name}.{draft.at('dns', 'internal_zone')}":
                service["host"] = host
            found[host] = service
            spot = spot or ingress.at(*path, "host")
    draft.default(
        ("services",),
        [],
        "No Ingress leads to a service.",
        Seen(list(found.values()), spot) if spot is not None else None,
    )


def _behind(url: str) -> dict[str, Any] | None:
    """Return the service that a provider's inner URL names."""
    match = _URL.match(url)
    if match is None:
        return None
    scheme, service, namespace, port = match.groups()
    number = int(port or (443 if scheme == "https" else 80))
    return _entry(namespace, service, number, scheme)


def _entry(namespace: str, service: str, port: int, scheme: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"namespace": namespace, "service": service, "port": port}
    if scheme == "https":
        entry["scheme"] = "https"
    return entry


def _backend(repository: Repository, ingress: Object, path: Any) -> dict[str, Any] | None:
    """Return the service of a rule's first path that leads to one; None for what leads to the login alone."""
    for _path, route in ingress.maps(*path, "http", "paths"):
        service = string(dig(route, "backend", "service", "name"))
        if not service or _LOGIN.match(service):
            continue
        port = dig(route, "backend", "service", "port", "number")
        named = string(dig(route, "backend", "service", "port", "name"))
        target = repository.find("Service", ingress.namespace, service)
        for _where, entry in target.maps("spec", "ports") if target is not None and named else ():
            if string(entry.get("name")) == named:
                port = entry.get("port")
        if not isinstance(port, int) or isinstance(port, bool):
            continue
        scheme = "https" if ingress.annotations.get(_PROTOCOL, "").upper() == "HTTPS" else "http"
        return _entry(ingress.namespace, service, port, scheme)
    return None
