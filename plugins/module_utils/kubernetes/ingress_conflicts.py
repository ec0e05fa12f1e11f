# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that two objects of a cluster claim, and ways around a login.

An ingress controller serves the older of two Ingresses with one host and path and says so only in its log; two DNS
controllers, or one that sees two classes, fight over the record. Neither is refused by the API server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .cluster_view import Claim, ClusterView, addresses_of, name_of

HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"


@dataclass(frozen=True)
class Proxied:
    """A host that a login guards.

    :param service: ``namespace/name`` of the Service behind the login.
    :param outpost: ``namespace/name`` of the Service through which every request must go; empty where the Ingress
        itself asks for the login (forward auth).
    """

    host: str
    service: str
    outpost: str = ""


@dataclass(frozen=True)
class Conflict:
    """One conflict.

    :param kind: ``claimed_twice``, ``bypass`` or ``no_class``.
    :param owners: the objects that take part, ``Kind namespace/name``.
    """

    kind: str
    host: str
    path: str
    owners: tuple[str, ...]
    text: str


def conflicts(view: ClusterView, proxied: Iterable[Proxied] = ()) -> list[Conflict]:
    """Return every conflict, by host and path."""
    claims = view.claims()
    found = [*_twice(claims), *_by_service(view, claims), *_no_class(view, claims)]
    for one in proxied:
        found += _bypasses(view, one)
    return sorted(found, key=lambda item: (item.host, item.path, item.kind, item.owners))


def _twice(claims: Sequence[Claim]) -> list[Conflict]:
    owners: dict[tuple[str, str], set[str]] = {}
    for claim in claims:
        owners.setdefault((claim.host, claim.path), set()).add(claim.ingress)
    return [
        Conflict(
            "claimed_twice",
            host,
            path,
            tuple(f"Ingress {name}" for name in sorted(names)),
            f"{host or 'every host'}{path} is claimed by Ingress {' and '.join(sorted(names))}; only one is served",
        )
        for (host, path), names in owners.items()
        if len(names) > 1
    ]


def _by_service(view: ClusterView, claims: Sequence[Claim]) -> list[Conflict]:
    """Return LoadBalancer Services that ask for a DNS name which an Ingress or another Service has."""
    asking: dict[str, list[str]] = {}
    for service in view.all("Service"):
        if (service.get("spec") or {}).get("type") != "LoadBalancer":
            continue
        text = str((service["metadata"].get("annotations") or {}).get(HOSTNAME) or "")
        for host in filter(None, (part.strip().rstrip(".").lower() for part in text.split(","))):
            asking.setdefault(host, []).append(name_of(service))
    by_host: dict[str, list[Claim]] = {}
    for claim in claims:
        by_host.setdefault(claim.host, []).append(claim)
    found = []
    for host, names in asking.items():
        # The controller behind an Ingress may carry its host's name.
        rivals = sorted({claim.ingress for claim in by_host.get(host, [])})
        owners = [*(f"Service {name}" for name in sorted(names)), *(f"Ingress {name}" for name in rivals)]
        if len(owners) > 1:
            text = f"{host} is asked for by {' and '.join(owners)}; one DNS record cannot lead to both"
            found.append(Conflict("claimed_twice", host, "", tuple(owners), text))
    return found


def _no_class(view: ClusterView, claims: Sequence[Claim]) -> list[Conflict]:
    found = []
    for claim in claims:
        if claim.ingress_class and view.get("IngressClass", claim.ingress_class) is not None:
            continue
        what = f"class {claim.ingress_class}, which does not exist" if claim.ingress_class else "no class"
        text = f"Ingress {claim.ingress} of {claim.host or 'every host'} has {what}: nothing serves it"
        found.append(Conflict("no_class", claim.host, claim.path, (f"Ingress {claim.ingress}",), text))
    return found


def _bypasses(view: ClusterView, one: Proxied) -> list[Conflict]:
    found = []
    service = view.get("Service", one.service)
    if service and (service.get("spec") or {}).get("type") == "LoadBalancer":
        at = ", ".join(addresses_of(service)) or "an address of its own"
        text = f"Service {one.service} of {one.host} is a LoadBalancer: at {at} nobody is asked to log in"
        found.append(Conflict("bypass", one.host, "", (f"Service {one.service}",), text))
    for claim in view.claims():
        straight = claim.service == one.service
        if claim.host == one.host.lower():
            wrong = bool(one.outpost) and claim.service != one.outpost
        else:
            wrong = straight
        if wrong:
            where = f"{claim.host or 'every host'}{claim.path}"
            text = f"Ingress {claim.ingress} leads {where} to {claim.service} past the login of {one.host}"
            found.append(Conflict("bypass", one.host, claim.path, (f"Ingress {claim.ingress}",), text))
    return found
