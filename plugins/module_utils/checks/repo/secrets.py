# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in a repository: who makes each, of which item and vault, and who uses it; Services that are named."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...model.schema import nearest
from ...repository.objects import Object
from ...repository.spot import Spot, dig, listing, mapping, string, texts
from ...repository.view import Repository
from ..platform import folded
from ..registry import ERROR, REPO, WARN, Breach, also, check
from . import usage

_SECRETS = ("secrets", "platform", "identity")
_RUN = "verified by running over the files of a real home-lab"
#: ``op item get "title"``, ``op read "op://vault/item/field"``.
_OP_ITEM = re.compile(r"""\bop\s+item\s+(?:get|create|edit)\b(?P<rest>.*)""")
_OP_TITLE = re.compile(r"""--title[= ]["']([^"'$]+)["']|\bitem\s+(?:get|edit)\s+["']([^"'$]+)["']""")
_OP_VAULT = re.compile(r"""--vault[= ]["']?([A-Za-z0-9 _-]+?)["']?(?:\s|$)""")
_OP_REFERENCE = re.compile(r"op://([^/\s\"']+)/([^/\"'$]+)/")
_TOKEN = re.compile(r"""\bop\s+connect\s+token\s+create\s+["']?(?P<name>[^"'\s]+)""")
_HOST = re.compile(
    r"(?<![A-Za-z0-9.-])([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.svc(?![A-Za-z0-9-])"
)
#: Names of files that hold credentials.
_CREDENTIALS = (
    "talosconfig*",
    "kubeconfig*",
    "*.kubeconfig",
    "*.agekey",
    "age.key",
    "keys.txt",
    "1password-credentials.json",
    "id_rsa",
    "id_ed25519",
    "*.pem.key",
    ".vault_pass*",
)
_KINDS_OF_TEXT = (".md", ".txt.md", ".j2", ".sops.yaml", ".sops.yml", ".example", ".sample", ".sh", ".py", ".pub")
#: Secrets that operators make beside their objects: kind, group, name with the object's name in it.
_BY_OPERATORS = (
    ("Cluster", "postgresql.cnpg.io", ("{}-app", "{}-superuser", "{}-ca", "{}-server", "{}-replication")),
    ("Alertmanager", "monitoring.coreos.com", ("alertmanager-{}", "alertmanager-{}-generated")),
)
#: Services that operators make.
_SERVICES_BY_OPERATORS = (("Cluster", "postgresql.cnpg.io", ("{}-rw", "{}-ro", "{}-r")),)
_OPERATED = frozenset(("prometheus-operated", "alertmanager-operated"))


@dataclass
class Made:
    """A Secret that something makes; ``keys`` is None when they are not known."""

    keys: set[str] | None = field(default_factory=set)


def made(repository: Repository) -> dict[tuple[str, str], Made]:
    """Return the Secrets that the repository makes, by namespace and name."""
    found: dict[tuple[str, str], Made] = {}

    def add(namespace: str, name: str, keys: set[str] | None) -> None:
        known = found.setdefault((namespace, name), Made())
        known.keys = None if keys is None or known.keys is None else known.keys | keys

    for item in repository.of("Secret"):
        keys = {*item.map("data"), *item.map("stringData")}
        add(
            item.namespace, item.name, None if item.document.value.get("kind") == "Kustomization" and not keys else keys
        )
    for item in repository.of("ExternalSecret"):
        add(item.namespace, item.text("spec", "target", "name") or item.name, keys_of(item))
    for item in repository.of("ClusterExternalSecret"):
        name = item.text("spec", "externalSecretName") or item.name
        for namespace in {service.namespace for service in repository.objects}:
            add(namespace, name, None)
    for item in repository.of("Certificate"):
        add(item.namespace, item.text("spec", "secretName"), {"tls.crt", "tls.key", "ca.crt"})
    for item in repository.of("SealedSecret"):
        name = item.text("spec", "template", "metadata", "name") or item.name
        add(item.namespace, name, set(item.map("spec", "encryptedData")) or None)
    for kind, group, names in _BY_OPERATORS:
        for item in repository.of(kind, group):
            for name in names:
                add(item.namespace, name.format(item.name), None)
    for item in repository.of("ClusterIssuer"):
        add("cert-manager", item.text("spec", "acme", "privateKeySecretRef", "name"), None)
    return found


def keys_of(item: Object) -> set[str] | None:
    """Return the keys of an ExternalSecret's Secret; None when only the store knows them."""
    template = item.map("spec", "target", "template")
    data = {string(entry.get("secretKey")) for path, entry in item.maps("spec", "data")}
    if listing(template.get("templateFrom")):
        return None
    if mapping(template.get("data")):
        merged = template.get("mergePolicy") == "Merge"
        return set(mapping(template.get("data"))) | (data if merged else set())
    return None if listing(item.get("spec", "dataFrom")) else data


@check(
    "SEC001",
    ERROR,
    "secrets",
    _SECRETS,
    rule="A Secret that a workload uses is made in the same namespace, with the key that is used.",
    why="The pod waits in CreateContainerConfigError; a reference never reaches into another namespace.",
    broken="two secretKeyRefs in namespace monitoring to Secrets that nothing makes there",
    right="an ExternalSecret in the same namespace with that key",
    ground=_RUN,
    scope=REPO,
)
def used_secrets(repository: Repository) -> Iterator[Breach]:
    """Templates of ExternalSecrets are resolved. Passed over are Secrets of charts, those that a task or script makes
    by name, and those of a store's own namespace: what a store needs itself cannot come through it."""
    known = made(repository)
    stores = {
        store.text("spec", "provider", "onepassword", "auth", "secretRef", "connectTokenSecretRef", "namespace")
        for store in repository.of("ClusterSecretStore")
    }
    told = "\n".join(command.text for command in repository.commands if "secret" in command.text)
    charts: dict[str, set[str]] = {}
    for release in repository.releases:
        charts.setdefault(release.namespace, set()).add(release.name)
    for item in repository.objects:
        for use in usage.secrets(item):
            namespace = item.namespace
            if item.kind == "HelmRelease":
                namespace = item.text("spec", "targetNamespace") or namespace
            if not use.name or "${" in use.name or "$(" in use.name:
                continue
            secret = known.get((namespace, use.name))
            if secret is None:
                charted = any(use.name.startswith(name) for name in charts.get(namespace, ()))
                if charted or use.name in told or namespace in stores:
                    continue
                others = sorted(place for place, name in known if name == use.name)
                where = f"; there is one in {', '.join(others)}" if others else ""
                near = nearest(use.name, [name for place, name in known if place == namespace])
                yield Breach(item.at(*use.path), f"Nothing makes the Secret {namespace}/{use.name}{where}.", near)
            elif use.key and secret.keys is not None and use.key not in secret.keys:
                text = f"The Secret {namespace}/{use.name} has no key {use.key}."
                yield Breach(item.at(*use.path), text, nearest(use.key, secret.keys) or ", ".join(sorted(secret.keys)))


@dataclass(frozen=True)
class _Reference:
    """A reference to an item of 1Password: by an ExternalSecret, or by a command."""

    title: str
    property: str
    secret_key: str
    spot: Spot


def _references(repository: Repository) -> Iterator[_Reference]:
    for item in repository.of("ExternalSecret"):
        for path, entry in item.maps("spec", "data"):
            title = string(dig(entry, "remoteRef", "key"))
            if title:
                spot = item.at(*path, "remoteRef", "key")
                yield _Reference(
                    title, string(dig(entry, "remoteRef", "property")), string(entry.get("secretKey")), spot
                )
        for path, entry in item.maps("spec", "dataFrom"):
            title = string(dig(entry, "extract", "key"))
            if title:
                yield _Reference(title, "", "", item.at(*path, "extract", "key"))
    for command in repository.commands:
        match = _OP_ITEM.search(command.text) if not command.documented else None
        for first, second in _OP_TITLE.findall(command.text) if match else ():
            yield _Reference(first or second, "", "", command.spot)
        for _vault, title in _OP_REFERENCE.findall(command.text) if not command.documented else ():
            yield _Reference(title, "", "", command.spot)


@also("SEC002", REPO)
def titles(repository: Repository) -> Iterator[Breach]:
    """Titles in ExternalSecrets, tasks and scripts that differ in case, blanks and dashes only are taken for one."""
    first: dict[str, str] = {}
    for use in _references(repository):
        known = first.setdefault(folded(use.title), use.title)
        if known != use.title:
            yield Breach(use.spot, f"The title {use.title!r} is elsewhere written {known!r}.", known)


@check(
    "SEC003",
    ERROR,
    "secrets",
    _SECRETS,
    rule="Every item is in a vault that the store, and the token of Connect, can read.",
    why="The ExternalSecret never becomes ready: the store looks in its own vaults only.",
    broken="an item that a script creates in vault Private, while the store knows Automation only",
    right="every item in a vault of the store",
    ground="read in a real home-lab; external-secrets v0.20.4 pkg/provider/onepassword",
    scope=REPO,
)
def vaults(repository: Repository) -> Iterator[Breach]:
    """A store that an ExternalSecret names has to be there too, when the repository declares stores at all."""
    stores: dict[tuple[str, str, str], Object] = {}
    readable: set[str] = set()
    for kind in ("ClusterSecretStore", "SecretStore"):
        for item in repository.of(kind):
            stores[kind, "" if kind == "ClusterSecretStore" else item.namespace, item.name] = item
            readable |= set(item.map("spec", "provider", "onepassword", "vaults"))
    for item in repository.of("ExternalSecret") if stores else ():
        ref = item.map("spec", "secretStoreRef")
        kind = string(ref.get("kind")) or "SecretStore"
        key = (kind, "" if kind == "ClusterSecretStore" else item.namespace, string(ref.get("name")))
        if ref and key not in stores:
            names = [name for other, _namespace, name in stores if other == kind]
            text = f"There is no {kind} {key[2]}{f' in {item.namespace}' if key[1] else ''}."
            yield Breach(item.at("spec", "secretStoreRef", "name"), text, nearest(key[2], names))
    wanted = {use.title for use in _references(repository) if use.secret_key}
    for command in repository.commands if readable else ():
        if command.documented:
            continue
        vault, title = _OP_VAULT.search(command.text), _OP_TITLE.search(command.text)
        pairs = [(vault.group(1), title.group(1) or title.group(2))] if vault and title else []
        pairs += _OP_REFERENCE.findall(command.text)
        for found, name in pairs:
            if name in wanted and found not in readable and "$" not in found:
                text = f"The item {name!r} is in the vault {found}, which no store reads."
                yield Breach(command.spot, text, ", ".join(sorted(readable)))


@also("SEC004", REPO)
def fields(repository: Repository) -> Iterator[Breach]:
    """Fields of one title are compared; so is where one key of Secrets comes from in one item."""
    first: dict[tuple[str, str], str] = {}
    sources: dict[tuple[str, str], str] = {}
    for use in _references(repository):
        if not use.property:
            continue
        spelt = first.setdefault((use.title, folded(use.property)), use.property)
        source = sources.setdefault((use.title, use.secret_key), use.property)
        for known in dict.fromkeys((spelt, source)):
            if known != use.property:
                text = f"The field {use.property!r} of {use.title!r} is elsewhere {known!r}."
                yield Breach(use.spot, text, known)
                break


@check(
    "SEC005",
    ERROR,
    "secrets",
    _SECRETS,
    rule="A token is created once, and what is stored is what is deployed.",
    why="The item holds the first token and the cluster the second: the next run deploys one that is not known.",
    broken="op connect token create home-ops-token in two steps of one task",
    right="create once, store, deploy the stored value, compare digests",
    ground="read in a real home-lab",
    scope=REPO,
)
def one_token(repository: Repository) -> Iterator[Breach]:
    """Commands of tasks and scripts that create a token of Connect are counted by its name."""
    first: dict[str, Spot] = {}
    for command in repository.commands:
        match = _TOKEN.search(command.text) if not command.documented else None
        if not match:
            continue
        known = first.setdefault(match.group("name"), command.spot)
        if known != command.spot:
            text = f"The token {match.group('name')} is also created in {known.file}:{known.line}."
            yield Breach(command.spot, text, "read the stored token")


@check(
    "SEC006",
    WARN,
    "secrets",
    ("platform", "verify"),
    rule="Names of Services in configurations are names of Services that exist.",
    why="The name is not resolved; what uses it retries for ever, or fails at its first request.",
    broken="http://vault.default.svc:8200 with no such Service",
    right="name and namespace of an existing Service",
    ground=_RUN,
    scope=REPO,
)
def service_names(repository: Repository) -> Iterator[Breach]:
    """Namespaces with charts of which it is not known what they make are passed over, and so is kube-system."""
    there = {(item.namespace, item.name) for item in repository.of("Service")}
    for kind, group, names in _SERVICES_BY_OPERATORS:
        for item in repository.of(kind, group):
            there |= {(item.namespace, name.format(item.name)) for name in names}
    unknown = {release.namespace for release in repository.opaque} | {"kube-system", "flux-system"}
    unknown |= {
        applied.object.text("spec", "targetNamespace") for applied in repository.applied if applied.built.remote
    }
    if not repository.objects:
        return
    for item in repository.objects:
        if item.kind in ("Certificate", "CustomResourceDefinition", "Issuer"):
            continue  # dNSNames of certificates are names to come
        for path, text in texts(item.value):
            if ".svc" not in text or len(text) > 20_000:
                continue
            for name, namespace in dict.fromkeys(_HOST.findall(text)):
                if (namespace, name) in there or namespace in unknown or name in _OPERATED:
                    continue
                if (namespace, name) == ("default", "kubernetes"):
                    continue
                places = sorted(place for place, other in there if other == name)
                near = (
                    f"{name}.{places[0]}"
                    if places
                    else nearest(name, [other for place, other in there if place == namespace])
                )
                yield Breach(item.at(*path), f"There is no Service {name} in {namespace}.", near)


@check(
    "SEC007",
    WARN,
    "secrets",
    ("talos", "secrets"),
    rule="No credentials and no made files lie in the tree.",
    why="Whoever reads the repository, or its history, has them: a talosconfig is root on every node.",
    broken="clusterconfig/talosconfig.backup.1, __pycache__",
    right="not tracked, and in .gitignore",
    ground="verified by running over the file list of a real home-lab",
    scope=REPO,
)
def no_credentials(repository: Repository) -> Iterator[Breach]:
    """What .gitignore names is not tracked. Files that are encrypted with SOPS are passed over."""
    ignored = _ignored(repository)
    caches: set[str] = set()
    for path, file in sorted(repository.files.files.items()):
        if any(_matches(pattern, path) for pattern in ignored):
            continue
        if "__pycache__/" in f"{path}/" or file.name.endswith(".pyc"):
            folder = path.partition("__pycache__")[0] or file.folder
            if folder not in caches:
                caches.add(folder)
                yield Breach(Spot(path), "Compiled Python lies in the tree.", "__pycache__/ in .gitignore")
            continue
        if file.name.endswith(_KINDS_OF_TEXT) or (
            file.text and ("sops:" in file.text or "ENC[AES256_GCM" in file.text)
        ):
            continue
        if any(fnmatch.fnmatch(file.name, pattern) for pattern in _CREDENTIALS) and not _manifest(repository, path):
            yield Breach(Spot(path), f"{file.name} holds credentials.", f"{file.name} in .gitignore")
        elif file.text and "PRIVATE KEY-----" in file.text and file.kind != "markdown" and "BEGIN" in file.text:
            yield Breach(Spot(path), "The file holds a private key.", "an item of the vault")


def _manifest(repository: Repository, path: str) -> bool:
    """Whether a file is a manifest that is only called so."""
    return any(
        isinstance(document.value, dict) and "metadata" in document.value
        for document in repository.documents.get(path, [])
    )


def _ignored(repository: Repository) -> list[tuple[str, str]]:
    """Return (directory, pattern) of every line of every .gitignore; negated ones are left out."""
    return [
        (file.folder, line.strip())
        for path, file in sorted(repository.files.files.items())
        if file.name == ".gitignore"
        for line in file.lines
        if line.strip() and not line.startswith(("#", "!"))
    ]


def _matches(entry: tuple[str, str], path: str) -> bool:
    """Whether a line of a .gitignore names a path or a directory around it."""
    folder, pattern = entry
    if folder and not path.startswith(f"{folder}/"):
        return False
    rest = path[len(folder) + 1 :] if folder else path
    plain = pattern.strip("/").replace("**/", "*")
    parts = rest.split("/")
    if "/" in pattern.strip("/") or pattern.startswith("/"):
        return any(fnmatch.fnmatch("/".join(parts[:length]), plain) for length in range(1, len(parts) + 1))
    inner = parts[:-1] if pattern.endswith("/") else parts
    return any(fnmatch.fnmatch(part, plain) for part in inner)
