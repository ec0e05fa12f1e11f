# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets, GitOps, DNS, storage, identity and monitoring, out of what Flux applies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..repository.charts import Release
from ..repository.spot import dig, listing, string
from ..repository.view import Repository
from .cluster import values
from .draft import Draft, Seen, first

#: What the title of an item says about what it is for, in the order in which it is asked.
_ITEMS = (
    ("talos", r"talos.*secret|talsecret"),
    ("connect_credentials", r"connect credential"),
    ("connect_token", r"connect token"),
    ("github_webhook", r"webhook"),
    ("github", r"github.*token|token.*github"),
    ("bgp", r"\bbgp\b"),
    ("cloudflare_tunnel", r"tunnel"),
    ("cloudflare", r"cloudflare"),
    ("unifi", r"unifi"),
    ("backup_bucket", r"\bs3\b|bucket|longhorn.*backup"),
    ("postgresql_superuser", r"postgres.*superuser"),
    ("postgresql_authentik", r"postgres.*authentik"),
    ("authentik_secret_key", r"authentik.*secret key"),
    ("authentik_configuration", r"authentik.*config"),
    ("authentik_admin", r"authentik.*admin.*credential"),
    ("authentik_radius", r"authentik.*radius"),
    ("authentik_outpost", r"authentik.*outpost"),
    ("authentik_token", r"authentik.*token"),
)
_BUCKET = re.compile(r"^s3://([a-z0-9.-]+)@([a-z0-9-]+)/?")
_MOUNT = re.compile(r"^/var/mnt/([^/]+)")


def fill(draft: Draft, repository: Repository) -> None:
    """Fill the subjects."""
    _secrets(draft, repository)
    _gitops(draft, repository)
    _dns(draft, repository)
    _storage(draft, repository)
    _identity(draft, repository)
    _monitoring(draft, repository)


def _secrets(draft: Draft, repository: Repository) -> None:
    vaults = []
    for kind in ("ClusterSecretStore", "SecretStore"):
        for store in repository.of(kind, made=False):
            for name in store.map("spec", "provider", "onepassword", "vaults"):
                vaults.append(Seen(name, store.at("spec", "provider", "onepassword", "vaults", name)))
            text = store.text("spec", "provider", "onepasswordSDK", "vault")
            if text:
                vaults.append(Seen(text, store.at("spec", "provider", "onepasswordSDK", "vault")))
    draft.need(("secrets", "vault"), "The vault of 1Password that holds the items.", first(iter(vaults)))
    servers, tokens = [], []
    for command in repository.commands:
        words = command.words
        for index in range(len(words) - 3):
            if words[index : index + 2] != ["op", "connect"]:
                continue
            if words[index + 2 : index + 4] == ["token", "create"] and len(words) > index + 4:
                tokens.append(Seen(words[index + 4], command.spot))
                if "--server" in words[:-1]:
                    servers.append(Seen(words[words.index("--server") + 1], command.spot))
            elif words[index + 2 : index + 4] == ["server", "create"] and len(words) > index + 4:
                servers.append(Seen(words[index + 4], command.spot))
    # Variables of a shell are no names.
    servers, tokens = ([item for item in found if "$" not in item.value] for found in (servers, tokens))
    draft.need(("secrets", "connect_server"), "The name of the Connect server in 1Password.", first(iter(servers)))
    draft.need(("secrets", "connect_token_name"), "The name of the Connect server's token.", first(iter(tokens)))
    fields: dict[str, tuple[Seen, set[str]]] = {}
    for seen, name in _references(repository):
        if "$" not in seen.value and not seen.value.startswith("-"):
            fields.setdefault(seen.value, (seen, set()))[1].update({name} if name else ())
    items: dict[str, Any] = {}
    for title in fields:
        names = sorted(fields[title][1])
        entry: dict[str, Any] = {"title": title}
        if len(names) == 1:
            entry["field"] = names[0]
        elif names:
            entry["fields"] = names
        items[_key(title, items)] = entry
    spots = [seen.spot for seen, _names in fields.values()]
    draft.default(
        ("secrets", "items"), {}, "Nothing reads an item of 1Password.", Seen(items, spots[0]) if spots else None
    )


def _references(repository: Repository) -> Iterator[tuple[Seen, str]]:
    """Yield title and field of every item that an ExternalSecret or a command reads."""
    for item in repository.of("ExternalSecret", made=False):
        for path, entry in item.maps("spec", "data"):
            title = string(dig(entry, "remoteRef", "key"))
            if title:
                yield Seen(title, item.at(*path, "remoteRef", "key")), string(dig(entry, "remoteRef", "property"))
        for path, entry in item.maps("spec", "dataFrom"):
            title = string(dig(entry, "extract", "key"))
            if title:
                yield Seen(title, item.at(*path, "extract", "key")), ""
    for command in repository.commands:
        words = command.words
        for index in range(len(words) - 3):
            if words[index] == "op" and words[index + 1 : index + 3] in (["item", "get"], ["document", "get"]):
                yield Seen(words[index + 3], command.spot), ""
        for word in words:
            match = re.fullmatch(r"op://([^/]+)/([^/]+)/(.+)", word)
            if match:
                yield Seen(match.group(2), command.spot), match.group(3)


def _key(title: str, taken: dict[str, Any]) -> str:
    """Return the model's key of an item: the collection's own where the title says what it is for."""
    for key, pattern in _ITEMS:
        if key not in taken and re.search(pattern, title, re.IGNORECASE):
            return key
    base = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "item"
    number, key = 2, base
    while key in taken:
        key, number = f"{base}_{number}", number + 1
    return key


def _gitops(draft: Draft, repository: Repository) -> None:
    sources = sorted(repository.of("GitRepository", made=False), key=lambda item: item.name != "flux-system")
    roots = [item for item in repository.of("Kustomization", made=False) if item.name == "flux-system"]
    source, root = first_of(sources), first_of(roots)
    for key, path, question in (
        ("repository", ("spec", "url"), "The URL of the repository, https:// or ssh://."),
        ("branch", ("spec", "ref", "branch"), "The branch that Flux reads."),
    ):
        seen = Seen(source.text(*path), source.at(*path)) if source is not None else None
        draft.need(("gitops", key), question, seen)
    start = re.sub(r"^(?:\./)+|/+$", "", root.text("spec", "path")) if root is not None else ""
    question = "The folder from which Flux builds the cluster."
    draft.need(("gitops", "path"), question, Seen(start, root.at("spec", "path")) if root is not None else None)
    for key, item, default in (("interval", root, "10m"), ("source_interval", source, "1m")):
        seen = Seen(item.text("spec", "interval"), item.at("spec", "interval")) if item is not None else None
        draft.default(("gitops", key), default, "Flux' usual one.", seen)
    draft.default(("gitops", "mode"), "existing", "The repository has an owner; render lets the collection write it.")


def first_of(items: list[Any]) -> Any:
    """Return the first one, None when there is none."""
    return items[0] if items else None


def _external_dns(release: Release) -> str:
    """Return which instance of external-dns a release is."""
    text = string(release.value("provider", "name")) or string(release.value("provider"))
    return "public" if text in ("cloudflare", "aws", "google", "azure", "digitalocean") else "internal"


def _dns(draft: Draft, repository: Repository) -> None:
    releases: dict[str, Release] = {}
    for each in repository.releases:
        if each.chart == "external-dns":
            releases.setdefault(_external_dns(each), each)
    for side in ("internal", "public"):
        release = releases.get(side)
        zones = listing(release.value("domainFilters")) if release else []
        spot = release.object.at("spec", "values", "domainFilters") if release else None
        draft.need(
            ("dns", f"{side}_zone"), f"The {side} zone.", Seen(string(zones[0]), spot) if zones and spot else None
        )
        base = ("dns", "external_dns", side)
        for key, name, default, reason in (
            ("owner_id", "txtOwnerId", f"{draft.at('cluster', 'name')}-{side}", "No release names its owner."),
            (
                "prefix",
                "txtPrefix",
                f"external-dns-{side}-",
                "No release has one; records without it stay as they are.",
            ),
            ("policy", "policy", "upsert-only", "The default of external-dns' chart."),
        ):
            seen = Seen(release.value(name), release.object.at("spec", "values", name)) if release else None
            draft.default((*base, key), default, reason, seen)
    emails = [
        Seen(item.text("spec", "acme", "email"), item.at("spec", "acme", "email"))
        for kind in ("ClusterIssuer", "Issuer")
        for item in repository.of(kind, made=False)
    ]
    question = "The address that the certificate authority writes to."
    draft.need(("dns", "acme_email"), question, first(item for item in emails if item.value))


def _storage(draft: Draft, repository: Repository) -> None:
    paths = [
        item.text("spec", "disks", name, "path")
        for item in repository.of("Node", "longhorn.io", made=False)
        for name in item.map("spec", "disks")
    ]
    settings = [*values(repository, "longhorn", "defaultSettings", "defaultDataPath")]
    volumes = [entry["name"] for entry in draft.at("talos", "user_volumes") or []]
    named = [
        match.group(1) for text in (*paths, *(string(item.value) for item in settings)) if (match := _MOUNT.match(text))
    ]
    chosen = next((name for name in (*named, *volumes) if name in volumes), None)
    if chosen is None:
        draft.ask(
            ("storage", "user_volume"), "The user volume (homeops_talos.user_volumes) that holds Longhorn's disk."
        )
    else:
        draft.default(("storage", "user_volume"), chosen, "Longhorn's disk is the mount of this user volume.")
    tags = [
        Seen([string(tag) for tag in listing(disk.get("tags"))], item.at("spec", "disks", name, "tags"))
        for item in repository.of("Node", "longhorn.io", made=False)
        for name, disk in item.map("spec", "disks").items()
        if isinstance(disk, dict)
    ]
    selectors = [
        Seen(item.text("parameters", "diskSelector").split(","), item.at("parameters", "diskSelector"))
        for item in repository.of("StorageClass", made=False)
        if item.text("parameters", "diskSelector")
    ]
    draft.default(("storage", "disk_tags"), [], "No disk has one.", first(iter(tags)), first(iter(selectors)))
    for key, name, default in (
        ("reserved_percent", "storageReservedPercentageForDefaultDisk", 30),
        ("default_replicas", "defaultReplicaCount", 3),
    ):
        seen = first(values(repository, "longhorn", "defaultSettings", name))
        if seen is not None and string(seen.value).isdigit():
            seen = Seen(int(string(seen.value)), seen.spot)
        draft.default(("storage", key), default, "The default of Longhorn.", seen)
    for path in (("defaultBackupStore", "backupTarget"), ("defaultSettings", "backupTarget")):
        for seen in values(repository, "longhorn", *path):
            match = _BUCKET.match(string(seen.value))
            if match and draft.at("storage", "backup") is None:
                bucket, region = match.groups()
                draft.found(("storage", "backup"), Seen({"bucket": bucket, "region": region}, seen.spot))
    cluster = first_of(repository.of("Cluster", "postgresql.cnpg.io", made=False))
    backup = first_of(repository.of("ScheduledBackup", "postgresql.cnpg.io", made=False))
    if cluster is not None and backup is not None:
        entry = {
            "instances": cluster.get("spec", "instances") or 1,
            "size": cluster.text("spec", "storage", "size"),
            "backup_schedule": backup.text("spec", "schedule"),
        }
        draft.found(("storage", "postgresql"), Seen(entry, cluster.at("spec")))


def _identity(draft: Draft, repository: Repository) -> None:
    zone = string(draft.at("dns", "internal_zone"))
    releases = [item for item in repository.releases if item.chart == "authentik"]
    hosts = []
    for ingress in repository.of("Ingress"):
        for path, rule in ingress.maps("spec", "rules"):
            for _path, entry in ingress.maps(*path, "http", "paths"):
                service = string(dig(entry, "backend", "service", "name"))
                if service in ("authentik-server", "authentik") and string(entry.get("path")) in ("", "/"):
                    hosts.append(Seen(string(rule.get("host")), ingress.at(*path, "host")))
    named = sorted(hosts, key=lambda item: not re.match(r"(?:authentik|auth|login|sso|id)\.", item.value))
    if zone:
        reason = "No Ingress leads to Authentik's own pages."
        draft.default(("identity", "host"), f"authentik.{zone}", reason, first(iter(named)))
        draft.default(("identity", "cookie_domain"), zone, "The zone of the services.")
    else:
        draft.need(("identity", "host"), "The host of the login.", first(iter(named)))
        draft.ask(("identity", "cookie_domain"), "The zone in which all services lie.")
    place = Seen(releases[0].namespace, releases[0].object.at("metadata", "namespace")) if releases else None
    draft.default(("identity", "namespace"), "authentik", "Where it is installed as a rule.", place)
    draft.default(("identity", "outpost"), "embedded", "The one inside of the server, as the collection uses it.")
    for word, slug in (
        ("authorization", "default-provider-authorization-implicit-consent"),
        ("invalidation", "default-provider-invalidation-flow"),
    ):
        draft.default(("identity", "flows", word), slug, "Authentik's own flow.")


def _monitoring(draft: Draft, repository: Repository) -> None:
    release = first_of([item for item in repository.releases if item.chart == "kube-prometheus-stack"])
    chart = "kube-prometheus-stack"
    named = (
        (
            Seen(release.namespace, release.object.at("metadata", "namespace")),
            Seen(release.name, release.object.at("metadata", "name")),
        )
        if release
        else (None, None)
    )
    draft.default(("monitoring", "namespace"), "monitoring", "Where it is installed as a rule.", named[0])
    draft.default(("monitoring", "release"), chart, "The chart's own name.", named[1])
    claim = ("spec", "resources", "requests", "storage")
    sizes = values(repository, chart, "prometheus", "prometheusSpec", "storageSpec", "volumeClaimTemplate", *claim)
    draft.default(("monitoring", "prometheus_storage"), "50Gi", "No release says a size.", first(sizes))
    grafana = values(repository, chart, "grafana", "persistence", "size")
    draft.default(("monitoring", "grafana_storage"), "10Gi", "No release says a size.", first(grafana))
