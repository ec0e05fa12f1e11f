# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP in a repository: Cilium's objects, by the same rules as ``cilium_bgp_policy`` and ``cilium_lb_pool``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...cilium import kinds, lint, lint_reach
from ...cilium.findings import EMPTY, FILLED, Around
from ...model.schema import Path
from ...repository import limits
from ...repository.objects import Object, matches
from ...repository.spot import Spot, listing, mapping, string, walk
from ...repository.view import Repository
from ..registry import ERROR, REPO, WARN, Breach, also, check
from . import bgp_schema

_PHASES = ("bgp", "verify")
_RUN = "verified by running over the files of a real home-lab"
_STEP = re.compile(r"\[(\d+)\]|\['([^']*)'\]|([^.\[\]]+)")
#: The key that a home-ops repository chooses pools by.
POOL_LABEL = "io.cilium/lb-ipam-pool"


def objects(repository: Repository) -> list[Object]:
    """Return Cilium's BGP objects and pools."""
    return [item for kind in bgp_schema.SPECS for item in repository.of(kind, kinds.GROUP, made=False)]


def sound(repository: Repository) -> list[Object]:
    """Return those that pass the schema: of the others nothing else can be said (BGP003 tells)."""
    found: list[Object] = []
    room = limits.COMPARED
    for item in objects(repository):
        # Blocks, neighbours and entries are compared pair by pair.
        room -= 1 + sum(len(listing(value)) for path, value in walk(item.get("spec")) if isinstance(value, list))
        if room < 0:
            break
        if not any(bgp_schema.violations(item.kind, item.get("spec") or {})):
            found.append(item)
    return found


def found_by_linter(repository: Repository) -> list[tuple[str, Breach]]:
    """Return what the linter of Cilium's objects finds, with the id of the check that reports it."""
    own = sound(repository)
    titles = {kinds.title(item.value): item for item in own}
    around = Around(
        secrets=_secrets(repository),
        complete=len(own) == len(objects(repository)),
        pool_label=_pool_label(own),
    )
    found = []
    for fault in lint.lint([_plain(item) for item in own], around):
        item = titles.get(fault.subject)
        if item is None:
            continue
        shown = "" if fault.value in (None, [], {}) else f" {fault.value!r}"
        text = f"{fault.subject}: {fault.field}{shown}: {fault.reason}."
        severity = "" if fault.rule else (ERROR if fault.severity == ERROR else WARN)
        found.append((fault.rule or "BGP003", Breach(item.at(*_path(fault.field)), text, fault.use, severity=severity)))
    return found


def _of(repository: Repository, name: str) -> Iterator[Breach]:
    return (breach for rule, breach in found_by_linter(repository) if rule == name)


def _plain(item: Object) -> dict[str, Any]:
    """Return an object in the form that the linter takes: labels are texts, and it says nothing of a namespace."""
    meta: dict[str, Any] = {"name": item.name}
    if item.labels:
        meta["labels"] = item.labels
    return {"apiVersion": item.api_version, "kind": item.kind, "metadata": meta, "spec": mapping(item.get("spec"))}


def _path(text: str) -> Path:
    return tuple(int(number) if number else quoted or word for number, quoted, word in _STEP.findall(text))


def _pool_label(own: list[Object]) -> str:
    """Return the label that the pools are chosen by."""
    for item in own:
        if item.kind == kinds.POOL:
            for key in item.map("spec", "serviceSelector", "matchLabels"):
                return str(key)
    return POOL_LABEL


def _secrets(repository: Repository) -> dict[str, str]:
    """Return the Secrets of Cilium's namespace that a manifest makes; one that nothing makes may be made by hand."""
    found = {}
    for item in repository.of("Secret"):
        data = {**item.map("data"), **item.map("stringData")}
        if item.namespace == "kube-system":
            found[item.name] = FILLED if string(data.get("password")) else EMPTY
    for item in repository.of("ExternalSecret"):
        if item.namespace == "kube-system":
            found[item.text("spec", "target", "name") or item.name] = FILLED
    for item in objects(repository):
        for _place, text in auth(item):
            found.setdefault(text, FILLED)
    return found


def auth(item: Object) -> Iterator[tuple[Path, str]]:
    """Yield path and name of each Secret that an object takes a password from."""
    if item.text("spec", "authSecretRef"):
        yield ("spec", "authSecretRef"), item.text("spec", "authSecretRef")
    for path, _router in item.maps("spec", "virtualRouters"):
        for place, neighbor in item.maps(*path, "neighbors"):
            if string(neighbor.get("authSecretRef")):
                yield (*place, "authSecretRef"), string(neighbor.get("authSecretRef"))


@check(
    "BGP001",
    ERROR,
    "bgp",
    _PHASES,
    rule="Every advertisement has labels that a family of a peer config selects, and every family selects one.",
    why="The session comes up and announces nothing at all.",
    broken="families[0].advertisements selects advertise: loadbalancer, the advertisement is labelled advertise: bgp",
    right="the same label on the advertisement and in each family",
    ground=f"{_RUN}; cilium/cilium v1.17 pkg/bgpv1/manager/reconcilerv2",
    scope=REPO,
)
def joined(repository: Repository) -> Iterator[Breach]:
    """Peer configs without families, references to a peer config that is not there, and objects that announce nothing
    are the same fault seen from another side."""
    return _of(repository, "BGP001")


@check(
    "BGP002",
    ERROR,
    "bgp",
    _PHASES,
    rule="An advertisement of type Service has a selector of its own, beside its type.",
    why="Without a selector no Service is selected, so no address is announced.",
    broken="selector inside of service, or none",
    right="selector beside advertisementType; for all: {key: somekey, operator: NotIn, values: [never-used-value]}",
    ground="verified by running: the CRD refuses service.selector; Cilium documentation, BGP control plane v2",
    scope=REPO,
)
def selector_of_services(repository: Repository) -> Iterator[Breach]:
    """A selector inside of ``service`` is not in the CRD; an older client drops it, and then there is none."""
    yield from _of(repository, "BGP002")
    for item in repository.of(kinds.ADVERTISEMENT, kinds.GROUP):
        for path, entry in item.maps("spec", "advertisements"):
            if "selector" in mapping(entry.get("service")):
                text = "The selector stands inside of service, where Cilium does not read it."
                yield Breach(item.at(*path, "service", "selector"), text, "selector beside advertisementType")


@check(
    "BGP003",
    ERROR,
    "bgp",
    _PHASES,
    rule="The objects of Cilium's BGP pass the schema of their CRD.",
    why="The API server refuses the object, or drops the field that it does not know.",
    broken="attributes: {localPref: 200}",
    right='attributes: {localPreference: 200, communities: {standard: ["64512:100"]}}',
    ground="verified by running: closed JSON schema of cilium.io/v2alpha1",
    scope=REPO,
)
def schema(repository: Repository) -> Iterator[Breach]:
    """Selectors and timers that the schema takes and no agent can use are reported here too."""
    for item in objects(repository):
        for path, text, use in bgp_schema.violations(item.kind, item.get("spec") or {}):
            if item.kind == kinds.ADVERTISEMENT and path[-2:] == ("service", "selector"):
                continue  # BGP002 says what to do about it
            yield Breach(item.at("spec", *path), f"{text[:1].upper()}{text[1:]}.", use)
    yield from _of(repository, "BGP003")


@also("BGP004", REPO)
def advertised(repository: Repository) -> Iterator[Breach]:
    """Pools are compared with the selectors of the advertisements or of the legacy policy."""
    return _of(repository, "BGP004")


@check(
    "BGP005",
    ERROR,
    "bgp",
    _PHASES,
    rule="Each LoadBalancer Service carries the pool's label as a label.",
    why="Cilium selects Services by labels: an annotation of the same name gives neither an address nor a route.",
    broken="annotation io.cilium/lb-ipam-pool: bgp-ingress",
    right="label io.cilium/lb-ipam-pool: bgp-ingress",
    ground=_RUN,
    scope=REPO,
)
def labelled(repository: Repository) -> Iterator[Breach]:
    """Services that the pinned charts make are judged by the values that they are made of."""
    own = sound(repository)
    key, pools = _pool_label(own), [item for item in own if item.kind == kinds.POOL]
    announced = lint_reach.service_selectors([_plain(item) for item in own])
    for service in repository.of("Service"):
        if service.text("spec", "type") != "LoadBalancer" or service.text("spec", "loadBalancerClass") not in (
            "",
            "io.cilium/bgp-control-plane",
        ):
            continue
        value = service.annotations.get(key)
        if value and key not in service.labels:
            text = f"{service.title} has {key} as an annotation, and no label of that name."
            yield Breach(service.at("metadata", "annotations", key), text, f"the label {key}: {value}")
        elif pools and not any(_takes(pool, service) for pool in pools):
            names = ", ".join(sorted(pool.name for pool in pools))
            text = f"{service.title} is a LoadBalancer, but no pool selects its labels."
            yield Breach(service.at("metadata", "labels"), text, f"the label {key} with one of {names}")
        elif announced and not any(matches(selector, service.labels) for selector in announced):
            text = f"{service.title} gets an address, but no advertisement selects its labels."
            yield Breach(service.at("metadata", "labels"), text)


def _takes(pool: Object, service: Object) -> bool:
    special = {
        "io.kubernetes.service.namespace": service.namespace,
        "io.kubernetes.service.name": service.name,
    }
    return matches(pool.get("spec", "serviceSelector"), {**service.labels, **special})


@also("BGP006", REPO)
def authentication(repository: Repository) -> Iterator[Breach]:
    """A password of the router's neighbours is compared with authSecretRef on the cluster's side."""
    yield from _of(repository, "BGP006")
    nodes = [(item, path) for item in objects(repository) for path, _name in auth(item)]
    speaks = [item for item in objects(repository) if item.kind in (kinds.LEGACY, kinds.PEER)]
    if not speaks:
        return
    for router in repository.routers:
        for instance in router.view.routers.values():
            keyed = [peer for peer in instance.speakers() if _password(instance, peer)]
            for peer in keyed[:1] if not nodes else ():
                text = f"The router has a password for {peer.name}, but no peering of the cluster has an authSecretRef."
                yield Breach(router.at(peer.line), text, "a Secret and authSecretRef, or no password")
            if nodes and instance.speakers() and not keyed:
                item, path = nodes[0]
                text = f"The cluster's peering has a password, but no neighbour of {router.file} has one."
                yield Breach(item.at(*path), text, "the same password on the router, or no authSecretRef")


def _password(instance: Any, peer: Any) -> bool:
    group = instance.peers.get(peer.group) if peer.group else None
    return bool(peer.password or (group and group.password))


@also("BGP015", REPO)
def peer_address(repository: Repository) -> Iterator[Breach]:
    """The legacy policy wants a prefix length of /32 or /128, the new kinds want none."""
    told = list(_of(repository, "BGP015"))
    yield from told
    lists = {kinds.LEGACY: ("virtualRouters", "neighbors"), kinds.CLUSTER: ("bgpInstances", "peers")}
    for item in sound(repository):
        outer, inner = lists.get(item.kind, ("", ""))
        for path, _instance in item.maps("spec", outer):
            for place, peer in item.maps(*path, inner):
                text, spot = string(peer.get("peerAddress")), item.at(*place, "peerAddress")
                if (
                    not text
                    or any(breach.path == spot for breach in told)
                    or ("/" in text) == (item.kind == kinds.LEGACY)
                ):
                    continue
                bare = text.partition("/")[0]
                width = 128 if ":" in bare else 32
                use = f"{bare}/{width}" if item.kind == kinds.LEGACY else bare
                yield Breach(spot, f"The kind {item.kind} does not take {text} as an address.", use)


@also("BGP016", REPO)
def as_numbers(repository: Repository) -> Iterator[Breach]:
    """The numbers of the cluster's objects are compared with those of the router's configurations."""
    yield from _of(repository, "BGP016")
    pairs = list(sessions(repository))
    for spot, local, remote, address in pairs:
        if local == remote:
            yield Breach(spot, f"Cluster and router have the same AS number {local}.", "two private numbers")
        for number in sorted({local, remote}):
            if not (64512 <= number <= 65534 or 4200000000 <= number <= 4294967294):
                yield Breach(spot, f"AS {number} is not for private use.", "64512 to 65534")
        for router in repository.routers:
            for instance in router.view.routers.values():
                if instance.asn.isdigit() and int(instance.asn) != remote and _speaks(router.view, local):
                    text = f"The cluster peers with AS {remote} at {address}, but {router.file} is AS {instance.asn}."
                    yield Breach(spot, text, instance.asn)


def _speaks(seen: Any, asn: int) -> bool:
    """Whether a router's text has a neighbour of this AS."""
    return any(peer.remote_as == str(asn) for router in seen.routers.values() for peer in router.peers.values())


def sessions(repository: Repository) -> Iterator[tuple[Spot, int, int, str]]:
    """Yield place, the cluster's AS, the router's AS and its address of every session of the cluster's objects."""
    for item in sound(repository):
        lists = {kinds.LEGACY: ("virtualRouters", "neighbors"), kinds.CLUSTER: ("bgpInstances", "peers")}
        if item.kind not in lists:
            continue
        outer, inner = lists[item.kind]
        for path, instance in item.maps("spec", outer):
            for place, peer in item.maps(*path, inner):
                local, remote = instance.get("localASN"), peer.get("peerASN")
                if isinstance(local, int) and isinstance(remote, int) and local and remote:
                    yield item.at(*place, "peerASN"), local, remote, string(peer.get("peerAddress")).partition("/")[0]


@check(
    "BGP018",
    WARN,
    "bgp",
    _PHASES,
    rule="An object of a kind without namespaces has no metadata.namespace.",
    why="The server drops it in silence, and whoever looks for the object in that namespace does not find it.",
    broken="CiliumBGPClusterConfig with metadata.namespace: kube-system",
    right="no metadata.namespace",
    ground="read in a real home-lab; verified by running against kube-apiserver",
    scope=REPO,
)
def no_namespace(repository: Repository) -> Iterator[Breach]:
    """Judged for the kinds that a home-ops repository holds; a namespace that kustomize would add is not counted."""
    for item in repository.objects:
        written = string(mapping(mapping(item.document.value).get("metadata")).get("namespace"))
        if item.cluster_scoped and item.given_namespace and written:
            text = f"{item.kind} {item.name} has the namespace {item.given_namespace}, and its kind has none."
            yield Breach(item.at("metadata", "namespace"), text, "no metadata.namespace")


@check(
    "BGP019",
    ERROR,
    "bgp",
    ("bgp", "secrets", "platform"),
    rule="Each Secret has one owner: a manifest, or an ExternalSecret.",
    why="Flux and External Secrets write it by turns: the value changes under the workload, or the password is empty.",
    broken="Secret cilium-bgp-auth with password: '' and an ExternalSecret that makes cilium-bgp-auth",
    right="the ExternalSecret only",
    ground=_RUN,
    scope=REPO,
)
def one_owner(repository: Repository) -> Iterator[Breach]:
    """Two ExternalSecrets that own one Secret are reported too; creationPolicy Merge, None and Orphan own nothing."""
    yield from _of(repository, "BGP019")
    plain = {(item.namespace, item.name): item for item in repository.of("Secret", made=False)}
    owners: dict[tuple[str, str], Object] = {}
    for item in repository.of("ExternalSecret"):
        if item.text("spec", "target", "creationPolicy") not in ("", "Owner"):
            continue
        key = (item.namespace, item.text("spec", "target", "name") or item.name)
        if key in plain:
            spot = plain[key].at("metadata", "name")
            text = f"The Secret {'/'.join(key)} is also made by the ExternalSecret {item.name} ({item.file})."
            yield Breach(spot, text, "the ExternalSecret only")
        first = owners.setdefault(key, item)
        if first is not item and first.title != item.title:
            text = f"The Secret {'/'.join(key)} is also made by the ExternalSecret {first.name} ({first.file})."
            yield Breach(item.at("spec", "target"), text, "one ExternalSecret")


@check(
    "BGP014",
    WARN,
    "bgp",
    _PHASES,
    rule="One router configuration and one BGP policy are the current ones.",
    why="Somebody applies the other one: two policies on a node end all of its sessions, two files end in guessing.",
    broken="three router files and five policies, and a task that prints an old one",
    right="one router configuration, one policy, and every task and page names it",
    ground="read in a real home-lab; cilium/cilium v1.17 pkg/bgpv1 (one policy per node)",
    scope=REPO,
)
def one_current(repository: Repository) -> Iterator[Breach]:
    """Policies count whether Flux applies them or not: a file that lies beside is one that somebody applies by hand."""
    yield from _of(repository, "BGP014")
    files = [router.file for router in repository.routers if router.view.routers]
    for file in files[1:]:
        yield Breach(Spot(file), f"There are {len(files)} router configurations, first {files[0]}.", "one of them")
    applied = {item.file for item in objects(repository)}
    for path, documents in sorted(repository.documents.items()):
        for document in documents:
            value = mapping(document.value)
            if value.get("kind") in (kinds.LEGACY, kinds.CLUSTER) and path not in applied and applied:
                name = string(mapping(value.get("metadata")).get("name"))
                text = f"The BGP policy {name} of this file is applied by nothing, and there is another one."
                yield Breach(document.spot(("kind",)), text, "delete it")
    for command in repository.commands if len(files) > 1 else ():
        for file in files[1:]:
            if file in command.text:
                yield Breach(command.spot, f"{file} is named here, beside {files[0]}.", files[0])
