# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS in a repository: what each instance of external-dns owns, and who claims which host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from ...model.schema import nearest
from ...repository import limits
from ...repository.objects import Object
from ...repository.spot import Spot, listing, string
from ...repository.view import ChartUse, Repository
from ..chart_keys_platform import EXTERNAL_DNS
from ..names import inside
from ..registry import REPO, Breach, also

HOSTNAMES = ("external-dns.alpha.kubernetes.io/hostname", "external-dns.alpha.kubernetes.io/internal-hostname")


def _filters(use: ChartUse, key: str) -> list[str]:
    return [string(item).strip(".") for item in listing(use.values.get(key)) if string(item)]


@also("DNS001", REPO)
def scopes(repository: Repository) -> Iterator[Breach]:
    """The chart's default policy, upsert-only, deletes nothing, so only instances with the policy sync are compared."""
    synced = [use for use in repository.chart("external-dns") if use.values.get("policy") == "sync"]
    synced = synced[: limits.COMPARED]
    for one, other in combinations(synced, 2):
        owners = [string(use.values.get("txtOwnerId")) or "default" for use in (one, other)]
        if owners[0] == owners[1] and _filters(one, "domainFilters") != _filters(other, "domainFilters"):
            text = f"Two instances of external-dns own their records as {owners[0]}."
            yield Breach(other.at("txtOwnerId"), text, f"{owners[0]}-2")
        for outer, inner in ((one, other), (other, one)):
            for zone in _filters(inner, "domainFilters"):
                around = [item for item in _filters(outer, "domainFilters") if zone != item and inside(zone, item)]
                if around and not any(inside(zone, item) for item in _filters(outer, "excludeDomains")):
                    text = f"The zone {zone} of another instance lies in {around[0]}, and is not excluded."
                    yield Breach(outer.at("domainFilters"), text, f"excludeDomains: [{zone}]")


@dataclass(frozen=True)
class Claim:
    """A host that an object claims; ``path`` is empty for a claim of the whole host."""

    host: str
    path: str
    object: Object
    spot: Spot


def claims(repository: Repository) -> Iterator[Claim]:
    """Yield the hosts of Ingresses, of annotations of Services and Ingresses, and of DNSEndpoints."""
    for ingress in repository.of("Ingress"):
        for path, rule in ingress.maps("spec", "rules"):
            host = string(rule.get("host"))
            routes = [string(route.get("path")) or "/" for place, route in ingress.maps(*path, "http", "paths")]
            for route in dict.fromkeys(routes or ["/"]):
                if host:
                    yield Claim(host, route, ingress, ingress.at(*path, "host"))
    for service in repository.of("Service"):
        for key in HOSTNAMES:
            for host in service.annotations.get(key, "").split(","):
                if host.strip():
                    yield Claim(host.strip(), "", service, service.at("metadata", "annotations", key))
    for endpoint in repository.of("DNSEndpoint"):
        for path, entry in endpoint.maps("spec", "endpoints"):
            name = string(entry.get("dnsName"))
            if name and string(entry.get("recordType")) in ("A", "AAAA", "CNAME", ""):
                kind = string(entry.get("recordType"))
                # A and AAAA of one host are one claim in two families.
                yield Claim(name, "AAAA" if kind == "AAAA" else "", endpoint, endpoint.at(*path, "dnsName"))


@also("DNS002", REPO)
def claimed_once(repository: Repository) -> Iterator[Breach]:
    """Two Ingresses may share a host when their paths differ; a Service or a DNSEndpoint claims the whole host."""
    seen: dict[str, list[Claim]] = {}
    for claim in claims(repository):
        for known in seen.get(claim.host, []):
            other = known.object.title != claim.object.title
            both = known.path.startswith("/") and claim.path.startswith("/")
            six = "AAAA" in (known.path, claim.path) and known.path != claim.path
            if other and not six and (not both or known.path == claim.path):
                text = f"The host {claim.host} is also claimed by {known.object.title} ({known.spot.file})."
                yield Breach(claim.spot, text)
                break
        # So many claims of one host are kept: a list of paths is no list of claimants.
        if len(seen.setdefault(claim.host, [])) < limits.COMPARED:
            seen[claim.host].append(claim)


@also("DNS003", REPO)
def served_zones(repository: Repository) -> Iterator[Breach]:
    """Hosts in annotations and DNSEndpoints; those of Ingress rules may be meant for nobody but the ingress."""
    uses = repository.chart("external-dns")
    zones = [zone for use in uses for zone in _filters(use, "domainFilters")]
    if not zones or any(not _filters(use, "domainFilters") for use in uses):
        return
    for claim in claims(repository):
        host = claim.host.removeprefix("*.")
        if claim.object.kind != "Ingress" and not any(inside(host, zone) for zone in zones):
            yield Breach(claim.spot, f"{claim.host} is inside of no zone that is served: {', '.join(zones)}.")


@also("DNS004", REPO)
def values(repository: Repository) -> Iterator[Breach]:
    """Keys of the chart 1.20; for another minor version there is no list, and nothing is found."""
    for use in repository.chart("external-dns"):
        if not re.match(r"v?1\.20\.", use.version):
            continue
        for key in use.values:
            if key not in EXTERNAL_DNS:
                text = f"The chart of external-dns does not read the key {key}."
                yield Breach(use.at(key), text, nearest(key, EXTERNAL_DNS))
