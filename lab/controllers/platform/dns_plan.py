# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""external-dns' decisions, without I/O: wanted names from sources, ownership in TXT records, and what to change.

Source: external-dns v0.20 ``source/``, ``registry/txt.go``, ``plan/plan.go``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..api import Object
from .ingress_nginx import class_of

PREFIX = "external-dns.alpha.kubernetes.io/"
MANAGED = ("A", "AAAA", "CNAME")
HERITAGE = "heritage=external-dns"


@dataclass(frozen=True)
class Settings:
    """The flags of one instance."""

    provider: str
    sources: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    policy: str = "upsert-only"
    registry: str = "txt"
    owner: str = "default"
    prefix: str = ""
    annotation_filter: str = ""
    label_filter: str = ""
    classes: tuple[str, ...] = ()
    types: tuple[str, ...] = MANAGED

    @classmethod
    def read(cls, arguments: Iterable[str]) -> Settings:
        """Read them from the container's arguments."""
        many: dict[str, list[str]] = {}
        for word in arguments:
            if word.startswith("--"):
                key, _unused, text = word[2:].partition("=")
                many.setdefault(key, []).append(text)

        def last(key: str, default: str = "") -> str:
            return many.get(key, [default])[-1]

        return cls(
            provider=last("provider"),
            sources=tuple(many.get("source", [])),
            domains=tuple(many.get("domain-filter", [])),
            excluded=tuple(many.get("exclude-domains", [])),
            policy=last("policy", "sync"),
            registry=last("registry", "txt"),
            owner=last("txt-owner-id", "default"),
            prefix=last("txt-prefix"),
            annotation_filter=last("annotation-filter"),
            label_filter=last("label-filter"),
            classes=tuple(many.get("ingress-class", [])),
            types=tuple(many.get("managed-record-types", MANAGED)),
        )

    def admits(self, name: str) -> bool:
        """Tell whether a name is of this instance's domains."""
        bare = name.lower().rstrip(".")

        def within(domain: str) -> bool:
            domain = domain.lower().strip(".")
            return bare == domain or bare.endswith(f".{domain}")

        return (not self.domains or any(map(within, self.domains))) and not any(map(within, self.excluded))


@dataclass(frozen=True)
class Endpoint:
    """One name that is wanted, or that a zone holds."""

    name: str
    kind: str
    targets: tuple[str, ...]
    ttl: int = 0
    proxied: bool = False
    resource: str = ""
    ids: tuple[str, ...] = field(default=(), compare=False)


def matches_filter(text: str, labels: dict[str, str]) -> bool:
    """Evaluate a label selector in its text form: ``a=b``, ``a!=b``, ``a``, ``!a``, joined by commas."""
    for part in (p.strip() for p in text.split(",") if p.strip()):
        if "!=" in part:
            key, _unused, value = part.partition("!=")
            good = labels.get(key.strip()) != value.strip()
        elif "=" in part:
            key, _unused, value = part.replace("==", "=").partition("=")
            good = labels.get(key.strip()) == value.strip()
        elif part.startswith("!"):
            good = part[1:] not in labels
        else:
            good = part in labels
        if not good:
            return False
    return True


def _admitted(obj: Object, settings: Settings) -> bool:
    meta = obj["metadata"]
    notes = meta.get("annotations") or {}
    if notes.get(f"{PREFIX}controller", "dns-controller") != "dns-controller":
        return False
    return matches_filter(settings.annotation_filter, notes) and matches_filter(
        settings.label_filter, meta.get("labels") or {}
    )


def of_ingress(ingress: Object, settings: Settings) -> list[Endpoint]:
    """Return the names of an Ingress: its hosts and its annotation."""
    if not _admitted(ingress, settings) or (settings.classes and class_of(ingress) not in settings.classes):
        return []
    notes, spec = ingress["metadata"].get("annotations") or {}, ingress.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or [] if rule.get("host")]
    hosts += [host for entry in spec.get("tls") or [] for host in entry.get("hosts") or []]
    source = notes.get(f"{PREFIX}ingress-hostname-source", "")
    if source == "annotation-only":
        hosts = []
    if source != "defined-hosts-only":
        hosts += _words(notes.get(f"{PREFIX}hostname", ""))
    found = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return _endpoints("ingress", ingress, hosts, [a.get("ip") or a.get("hostname") or "" for a in found])


def of_service(service: Object, settings: Settings) -> list[Endpoint]:
    """Return the names of an annotated Service with an address."""
    if not _admitted(service, settings):
        return []
    notes = service["metadata"].get("annotations") or {}
    hosts = _words(notes.get(f"{PREFIX}hostname", ""))
    if not hosts or (service.get("spec") or {}).get("type") != "LoadBalancer":
        return []
    found = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return _endpoints("service", service, hosts, [a.get("ip") or a.get("hostname") or "" for a in found])


def of_object(endpoint: Object, settings: Settings) -> list[Endpoint]:
    """Return the names of a DNSEndpoint."""
    if not _admitted(endpoint, settings):
        return []
    meta = endpoint["metadata"]
    resource = f"crd/{meta['namespace']}/{meta['name']}"
    return [
        Endpoint(
            name=str(one["dnsName"]).lower().rstrip("."),
            kind=one.get("recordType", "A"),
            targets=tuple(sorted(one.get("targets") or [])),
            ttl=int(one.get("recordTTL") or 0),
            proxied=any(
                p.get("name") == f"{PREFIX}cloudflare-proxied" and p.get("value") == "true"
                for p in one.get("providerSpecific") or []
            ),
            resource=resource,
        )
        for one in (endpoint.get("spec") or {}).get("endpoints") or []
    ]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _endpoints(kind: str, obj: Object, hosts: list[str], addresses: list[str]) -> list[Endpoint]:
    meta = obj["metadata"]
    notes = meta.get("annotations") or {}
    targets = _words(notes.get(f"{PREFIX}target", "")) or [a for a in addresses if a]
    ttl = notes.get(f"{PREFIX}ttl", "0")
    by_kind: dict[str, list[str]] = {}
    for target in targets:
        by_kind.setdefault(kind_of(target), []).append(target)
    return [
        Endpoint(
            name=host.lower().rstrip("."),
            kind=record,
            targets=tuple(sorted(set(listed))),
            ttl=int(ttl) if ttl.isdigit() else 0,
            proxied=notes.get(f"{PREFIX}cloudflare-proxied") == "true",
            resource=f"{kind}/{meta['namespace']}/{meta['name']}",
        )
        for host in dict.fromkeys(hosts)
        for record, listed in by_kind.items()
    ]


def kind_of(target: str) -> str:
    """Return the type of record that leads to a target."""
    try:
        return "A" if ipaddress.ip_address(target).version == 4 else "AAAA"
    except ValueError:
        return "CNAME"


def owner_name(settings: Settings, endpoint: Endpoint) -> str:
    """Return the name of the TXT record that tells who owns a record."""
    return f"{settings.prefix}{endpoint.kind.lower()}-{endpoint.name}"


def owner_text(settings: Settings, endpoint: Endpoint) -> str:
    """Return its content, quotes included."""
    return f'"{HERITAGE},external-dns/owner={settings.owner},external-dns/resource={endpoint.resource}"'


def owned(settings: Settings, held: list[Endpoint]) -> dict[tuple[str, str], tuple[Endpoint, Endpoint]]:
    """Return the records of this owner, by name and type, each with its TXT record."""
    texts = {r.name: r for r in held if r.kind == "TXT"}
    found = {}
    for record in held:
        text = texts.get(owner_name(settings, record))
        content = " ".join(text.targets).strip('"').split(",") if text else []
        if text is not None and HERITAGE in content and f"external-dns/owner={settings.owner}" in content:
            found[record.name, record.kind] = (record, text)
    return found


@dataclass
class Changes:
    """What to write: pairs of a record and its TXT record."""

    create: list[Endpoint] = field(default_factory=list)
    delete: list[Endpoint] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.create or self.delete)


def plan(settings: Settings, wanted: list[Endpoint], held: list[Endpoint]) -> Changes:
    """Return the changes: own records follow their sources, those of others are never touched."""
    desired: dict[tuple[str, str], Endpoint] = {}
    for endpoint in sorted(wanted, key=lambda e: (e.name, e.kind, e.resource)):
        if endpoint.kind in settings.types and settings.admits(endpoint.name) and endpoint.targets:
            desired.setdefault((endpoint.name, endpoint.kind), endpoint)
    mine = owned(settings, held)
    taken: dict[str, list[Endpoint]] = {}
    for record in held:
        if record.kind != "TXT":
            taken.setdefault(record.name, []).append(record)
    changes = Changes()
    for key, endpoint in desired.items():
        text = Endpoint(owner_name(settings, endpoint), "TXT", (owner_text(settings, endpoint),))
        if key in mine:
            record, old = mine[key]
            same = set(record.targets) == set(endpoint.targets) and record.proxied == endpoint.proxied
            if not same and settings.policy != "create-only":
                changes.delete += [record, old]
                changes.create += [endpoint, text]
            continue
        others = [r for r in taken.get(endpoint.name, []) if (r.name, r.kind) not in mine]
        if not others:
            changes.create += [endpoint, text]
    if settings.policy == "sync":
        for key, (record, old) in mine.items():
            if key not in desired and settings.admits(record.name):
                changes.delete += [record, old]
    return changes


def grouped(rows: Iterable[tuple[str, str, str, str, dict[str, Any]]]) -> list[Endpoint]:
    """Join single rows (name, type, value, id, more) into records with all their targets."""
    found: dict[tuple[str, str], list[tuple[str, str, dict[str, Any]]]] = {}
    for name, kind, value, row_id, more in rows:
        found.setdefault((name.lower().rstrip("."), kind), []).append((value, row_id, more))
    return [
        Endpoint(
            name=name,
            kind=kind,
            targets=tuple(sorted(v for v, _unused, _more in listed)),
            proxied=any(m.get("proxied") for _unused, _id, m in listed),
            ids=tuple(i for _unused, i, _more in listed),
        )
        for (name, kind), listed in found.items()
    ]
