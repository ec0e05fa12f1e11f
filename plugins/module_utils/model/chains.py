# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status is to prove of every service: by which way requests must come in, and who asks them to log in."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import InputError
from .identity import host_of

#: The ingress of the house: class, and the Service that its chart makes (``<release>-controller``).
INTERNAL_CLASS = "nginx-internal"
INTERNAL_ENTRY = "ingress-nginx-internal/ingress-nginx-internal-controller"
#: The Service of the server, behind which the embedded outpost answers.
SERVER = "authentik-server"
#: Asked for where a service names no paths of its own interface.
API_PATHS = ("/api/",)
#: Where an outpost sends whoever comes to the login, on each host that it serves.
START = "/outpost.goauthentik.io/start"

Model = Mapping[str, Any]


def chains(model: Model) -> list[dict[str, Any]]:
    """Return the services as ``service_status`` takes them.

    :param model: the whole model, keyed by subject.
    :raises InputError: the ingress' pinned address lies in no pool.
    """
    address = str(model["load_balancers"]["pinned"]["ingress_internal"])
    pool = _pool(model["load_balancers"]["pools"], address)
    identity = model["identity"]
    return [
        {
            "name": str(service["name"]),
            "title": str(service["title"]),
            "host": host_of(model, service),
            "auth": str(service["auth"]),
            "ingress_class": INTERNAL_CLASS,
            "entry": INTERNAL_ENTRY,
            "pool": pool,
            "address": address,
            "namespace": str(service["namespace"]),
            "service": str(service["service"]),
            "port": int(service["port"]),
            "scheme": str(service.get("scheme") or "http"),
            "outpost": str(service.get("outpost") or identity["outpost"]),
            "outpost_service": _outpost_service(model, service),
            "login_host": str(identity["host"]),
            "open_paths": [str(path) for path in service.get("skip_paths") or ()],
        }
        for service in model["services"]
    ]


def probes(model: Model, outposts: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the hosts and paths to ask for, as ``service_probe`` takes them.

    :param outposts: names of outposts; then only the hosts that these guard, at the path where the login begins.
    """
    if outposts is None:
        return [{"host": host_of(model, service), "paths": ["/", *_paths(service)]} for service in model["services"]]
    return [
        {"host": host_of(model, service), "paths": [START]}
        for service in model["services"]
        if service["auth"] in ("proxy", "forward")
        and str(service.get("outpost") or model["identity"]["outpost"]) in outposts
    ]


def proxied(model: Model) -> list[dict[str, str]]:
    """Return the hosts that a login guards, as ``ingress_conflicts`` takes them."""
    return [
        {
            "host": host_of(model, service),
            "service": f"{service['namespace']}/{service['service']}",
            "outpost": _outpost_service(model, service) if service["auth"] == "proxy" else "",
        }
        for service in model["services"]
        if service["auth"] in ("proxy", "forward")
    ]


def _paths(service: Model) -> list[str]:
    guarded = service["auth"] in ("proxy", "forward")
    return [str(path) for path in service.get("api_paths") or API_PATHS] if guarded else []


def _outpost_service(model: Model, service: Model) -> str:
    """Return the Service behind which a service's outpost answers, ``namespace/name``."""
    identity = model["identity"]
    external = identity.get("external_outpost") or {}
    if external and (service.get("outpost") or identity["outpost"]) == external["name"]:
        return f"{external['namespace']}/{external['name']}"
    return f"{identity['namespace']}/{SERVER}"


def _pool(pools: Sequence[Model], address: str) -> str:
    wanted = ipaddress.ip_address(address)
    for pool in pools:
        if pool.get("cidr"):
            if wanted in ipaddress.ip_network(str(pool["cidr"]), strict=False):
                return str(pool["name"])
        elif _within(pool, wanted):
            return str(pool["name"])
    raise InputError(
        f"the ingress' pinned address {address} lies in no pool",
        remedy="Correct homeops_load_balancers.pinned.ingress_internal or the pools",
    )


def _within(pool: Model, address: Any) -> bool:
    first, last = (ipaddress.ip_address(str(pool[key])) for key in ("start", "stop"))
    return bool(first.version == address.version and first <= address <= last)
