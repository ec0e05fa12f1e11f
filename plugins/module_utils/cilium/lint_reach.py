# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults between addresses and announcements: pools that nobody announces, Services that only look labelled. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from . import kinds, selectors
from .findings import WARNING, Around, Body, Finding


def service_selectors(objects: list[Body]) -> list[selectors.Selector]:
    """Return every selector by which Services' LoadBalancer addresses are announced."""
    found = []
    for policy in kinds.of_kind(objects, kinds.LEGACY):
        for router in kinds.spec_of(policy).get("virtualRouters") or []:
            if router.get("serviceSelector") is not None and "LoadBalancerIP" in (
                router.get("serviceAdvertisements") or ["LoadBalancerIP"]
            ):
                found.append(router["serviceSelector"])
    for advert in kinds.of_kind(objects, kinds.ADVERTISEMENT):
        for entry in kinds.spec_of(advert).get("advertisements") or []:
            addresses = (entry.get("service") or {}).get("addresses") or []
            if (
                entry.get("advertisementType") == "Service"
                and "LoadBalancerIP" in addresses
                and entry.get("selector") is not None
            ):
                found.append(entry["selector"])
    return found


def findings(objects: list[Body], around: Around) -> Iterator[Finding]:
    """Judge pools against announcements, and Services against their labels."""
    announced = service_selectors(objects)
    speaks = kinds.of_kind(objects, kinds.LEGACY) or kinds.of_kind(objects, kinds.ADVERTISEMENT)
    pools = {kinds.name_of(body): body for body in [*(around.pools or ()), *kinds.of_kind(objects, kinds.POOL)]}
    for pool in pools.values() if speaks and around.complete else ():
        if kinds.spec_of(pool).get("disabled"):
            continue
        values = selectors.allowed(kinds.spec_of(pool).get("serviceSelector"), around.pool_label)
        for value in sorted(values or ()):
            labels = {around.pool_label: value}
            if not any(_could(selector, labels, around.pool_label) for selector in announced):
                yield Finding(
                    *(20, kinds.title(pool), "spec.serviceSelector", value),
                    "no announced selector names this value: its addresses reach nobody",
                    *(f"a policy that announces {around.pool_label}={value}, or no such pool", "BGP004", WARNING),
                )
    for service in around.services or ():
        yield from _service(service, around.pool_label)


def _could(selector: selectors.Selector, labels: dict[str, str], key: str) -> bool:
    """Whether a Service with this pool label could be announced; what else is asked is the Service's matter."""
    values = selectors.allowed(selector, key)
    return (
        labels[key] in values
        if values is not None
        else selectors.matches(selector, labels, absent=False) or not (selectors.asks(selector, key))
    )


def _service(service: Body, key: str) -> Iterator[Finding]:
    if (service.get("spec") or {}).get("type") != "LoadBalancer":
        return
    metadata = service.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if key in annotations and key not in (metadata.get("labels") or {}):
        yield Finding(
            *(21, f"Service {metadata.get('namespace')}/{metadata.get('name')}", f"metadata.annotations.{key}"),
            *(annotations[key], "Cilium reads the label of this name, never the annotation: no address, no route"),
            *(f"the label {key}: {annotations[key]}", "BGP005", WARNING),
        )
