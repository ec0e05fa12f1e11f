# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the new kinds: the join by labels, the references, the entries. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from . import kinds, selectors
from .findings import WARNING, Around, Body, Finding
from .lint_legacy import bare, families, preference, secret, selector, timers

_JOIN = "families[].advertisements that match labels of an Advertisement"


def findings(objects: list[Body], around: Around) -> Iterator[Finding]:
    """Judge every object of the new kinds, and how they refer to each other."""
    adverts = kinds.of_kind(objects, kinds.ADVERTISEMENT)
    configs = kinds.of_kind(objects, kinds.PEER)
    clusters = kinds.of_kind(objects, kinds.CLUSTER)
    for config in configs:
        yield from _peer_config(config, adverts, around)
    for advert in adverts:
        yield from _advertisement(advert)
        if around.complete and not any(_selects(config, advert) for config in configs):
            yield Finding(
                *(2, kinds.title(advert), "metadata.labels", kinds.labels_of(advert)),
                *("no family of a CiliumBGPPeerConfig selects them: nothing of it is announced", _JOIN, "BGP001"),
            )
    for cluster in clusters:
        yield from _cluster(cluster, configs, adverts, around)
    for override in kinds.of_kind(objects, kinds.OVERRIDE):
        yield from _override(override, clusters, around)


def _selects(config: Body | None, advert: Body) -> bool:
    if config is None:
        return False
    labels = kinds.labels_of(advert)
    return any(
        selectors.matches(family.get("advertisements"), labels, absent=False)
        for family in kinds.spec_of(config).get("families") or []
    )


def _peer_config(config: Body, adverts: list[Body], around: Around) -> Iterator[Finding]:
    title, spec = kinds.title(config), kinds.spec_of(config)
    given = spec.get("families") or []
    if not given:
        yield Finding(
            *(1, title, "spec.families", spec.get("families")),
            *("sessions come up and announce nothing", f"families: [ipv4/unicast] with {_JOIN}", "BGP001"),
        )
    for index, family in enumerate(given):
        where, wanted = f"spec.families[{index}].advertisements", family.get("advertisements")
        yield from selector(title, where, wanted)
        if wanted is None:
            yield Finding(1, title, where, None, "an absent selector selects no Advertisement", _JOIN, "BGP001")
        elif around.complete and not any(
            selectors.matches(wanted, kinds.labels_of(advert), absent=False) for advert in adverts
        ):
            labels = "; ".join(f"{kinds.name_of(advert)} has {kinds.labels_of(advert)}" for advert in adverts)
            yield Finding(
                *(1, title, where, dict(wanted), "no Advertisement has these labels: the session announces nothing"),
                *(
                    f"what an Advertisement has ({labels})" if labels else "an Advertisement with these labels",
                    "BGP001",
                ),
            )
    yield from families(title, "spec.families", given)
    if spec.get("timers"):
        yield from timers(title, "spec.timers", spec["timers"])
    yield from secret(title, "spec.authSecretRef", spec.get("authSecretRef"), around)


def _advertisement(advert: Body) -> Iterator[Finding]:
    title = kinds.title(advert)
    entries = kinds.spec_of(advert).get("advertisements") or []
    if not entries:
        yield Finding(6, title, "spec.advertisements", entries, "nothing is announced", "at least one entry", "BGP001")
    for index, entry in enumerate(entries):
        where, kind = f"spec.advertisements[{index}]", entry.get("advertisementType")
        yield from selector(title, f"{where}.selector", entry.get("selector"))
        if kind in ("Service", "CiliumPodIPPool") and entry.get("selector") is None:
            yield Finding(
                *(3, title, f"{where}.selector", None, "an absent selector selects nothing"),
                *(f"a selector, or for everything {selectors.EVERYTHING}", "BGP002"),
            )
        if kind == "Service" and not (entry.get("service") or {}).get("addresses"):
            yield Finding(
                *(4, title, f"{where}.service", entry.get("service")),
                "as soon as one Service matches, no Service of the whole instance is announced",
                *("service: {addresses: [LoadBalancerIP]}", "BGP002"),
            )
        if kind == "PodCIDR":
            for key in ("selector", "service"):
                if entry.get(key) is not None:
                    yield Finding(
                        *(5, title, f"{where}.{key}", entry[key], "PodCIDR has none; newer versions refuse it"),
                        f"no {key}",
                    )
        value = (entry.get("attributes") or {}).get("localPreference")
        yield from preference(title, f"{where}.attributes.localPreference", value, None)


def _cluster(cluster: Body, configs: list[Body], adverts: list[Body], around: Around) -> Iterator[Finding]:
    title, spec = kinds.title(cluster), kinds.spec_of(cluster)
    yield from selector(title, "spec.nodeSelector", spec.get("nodeSelector"))
    known = {kinds.name_of(config): config for config in configs}
    for index, instance in enumerate(spec.get("bgpInstances") or []):
        where = f"spec.bgpInstances[{index}]"
        if not instance.get("localASN"):
            yield Finding(
                *(9, title, f"{where}.localASN", instance.get("localASN"), "the agent needs it (missing ASN)"),
                *("an AS number from 1 to 4294967295", "BGP016"),
            )
        peers = instance.get("peers") or []
        if not peers:
            yield Finding(8, title, f"{where}.peers", peers, "nobody is dialled", "at least one peer", "BGP015")
        addresses = [bare(peer.get("peerAddress")) for peer in peers]
        for number, peer in enumerate(peers):
            yield from _peer(title, f"{where}.peers[{number}]", peer, addresses, known, around)
            config = known.get((peer.get("peerConfigRef") or {}).get("name", ""))
            internal = peer.get("peerASN") == instance.get("localASN") if peer.get("peerASN") else None
            for advert in adverts if internal is False else ():
                if _selects(config, advert):
                    yield from _external(advert)


def _external(advert: Body) -> Iterator[Finding]:
    """A local preference on what goes to another AS."""
    for index, entry in enumerate(kinds.spec_of(advert).get("advertisements") or []):
        value = (entry.get("attributes") or {}).get("localPreference")
        if value is not None and 0 <= value <= 4294967295:
            yield from preference(
                kinds.title(advert), f"spec.advertisements[{index}].attributes.localPreference", value, False
            )


def _peer(
    title: str, where: str, peer: Body, addresses: list[str], configs: dict[str, Body], around: Around
) -> Iterator[Finding]:
    address = peer.get("peerAddress")
    if not address and not peer.get("autoDiscovery"):
        yield Finding(
            *(8, title, f"{where}.peerAddress", address, "the peer is skipped silently"),
            *("the router's address", "BGP015"),
        )
    elif address and address != address.strip():
        yield Finding(
            *(8, title, f"{where}.peerAddress", address, "blanks stand around it"),
            *(address.strip(), "BGP015"),
        )
    if address and addresses.count(bare(address)) > 1:
        yield Finding(
            *(8, title, f"{where}.peerAddress", address, "two peers of the instance have it"),
            *("one peer per address", "BGP015"),
        )
    reference = peer.get("peerConfigRef") or {}
    name = reference.get("name")
    for key, wanted in (("group", kinds.GROUP), ("kind", kinds.PEER)):
        if reference.get(key, wanted) != wanted:
            yield Finding(
                *(7, title, f"{where}.peerConfigRef.{key}", reference[key], "only a CiliumBGPPeerConfig is looked for"),
                *(wanted, "BGP001"),
            )
    if not name:
        yield Finding(
            *(7, title, f"{where}.peerConfigRef", None, "the session comes up with defaults and announces nothing"),
            *("the name of a CiliumBGPPeerConfig", "BGP001"),
        )
    elif around.complete and name not in configs:
        yield Finding(
            *(7, title, f"{where}.peerConfigRef.name", name, "there is no such CiliumBGPPeerConfig: no session"),
            *(", ".join(sorted(configs)) or "one that exists", "BGP001"),
        )


def _override(override: Body, clusters: list[Body], around: Around) -> Iterator[Finding]:
    title, node = kinds.title(override), kinds.name_of(override)
    if around.nodes is not None and node not in around.nodes:
        yield Finding(
            *(18, title, "metadata.name", node, "there is no such node, so it is ignored"),
            *(", ".join(sorted(around.nodes)) or "a node's name", "", WARNING),
        )
    known = {
        str(instance.get("name")): {str(peer.get("name")) for peer in instance.get("peers") or []}
        for cluster in clusters
        for instance in kinds.spec_of(cluster).get("bgpInstances") or []
    }
    for index, entry in enumerate(kinds.spec_of(override).get("bgpInstances") or []):
        where = f"spec.bgpInstances[{index}]"
        ports = [(f"{where}.localPort", entry.get("localPort"))]
        if around.complete and entry.get("name") not in known:
            yield Finding(
                *(18, title, f"{where}.name", entry.get("name"), "no ClusterConfig has this instance: it is ignored"),
                ", ".join(sorted(known)) or "an instance's name",
            )
        for number, peer in enumerate(entry.get("peers") or []):
            place = f"{where}.peers[{number}]"
            ports.append((f"{place}.localPort", peer.get("localPort")))
            names = known.get(entry.get("name"), set())
            if around.complete and entry.get("name") in known and peer.get("name") not in names:
                yield Finding(
                    *(18, title, f"{place}.name", peer.get("name"), "the instance has no such peer: it is ignored"),
                    ", ".join(sorted(names)) or "a peer's name",
                )
        for place, port in ports:
            if port is not None and not 1 <= port <= 65535:
                yield Finding(18, title, place, port, "it is no port", "1 to 65535")
