# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks say of running systems, over facts that somebody else has read: no I/O here.

Whoever reads them fills a :class:`Live` and gives it to ``engine.Case(live=...)``, with the model beside it when there
is one. A fact that is None is not known, and the checks that need it are passed over, never failed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..model.schema import nearest
from ..model.world import Absent
from ..repository import objects as selecting
from ..repository.spot import Spot, dig, listing, mapping, string
from .registry import ERROR, LIVE, Breach, also
from .repo import monitoring

_T = TypeVar("_T")
_MINOR = re.compile(r"v?(\d+)\.(\d+)")
_BACKEND = re.compile(r"^(https?)://([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc[a-z0-9.-]*)?(?::(\d{1,5}))?(?:/|$)")
_GROUP = "recurring-job-group.longhorn.io/"
#: Services of Talos that every control plane node runs.
_TALOS = ("apid", "etcd", "kubelet", "machined", "trustd")


@dataclass(frozen=True)
class Live:
    """Facts of the running systems.

    :param links: names of the network links per node.
    :param routes: per neighbour of the router ``{"received": [prefix], "sent": [prefix]}``.
    :param versions: ``talos``, ``kubernetes`` as the nodes say it, ``talosctl``, ``kubectl`` of the controller.
    :param talos_services: state per service per node.
    :param reset_labels: partitions that a reset would wipe.
    :param objects: Kubernetes objects of any kinds; kinds that were not asked for are in none of ``kinds``.
    :param kinds: kinds of which every object is in ``objects``.
    :param secrets: keys of each Secret by ``namespace/name``; never a value.
    :param items: fields (labels; names of files for a document) per title per vault of 1Password.
    :param token_vaults: vaults in the scope of the Connect token.
    :param tokens: digests of one token where it is stored and where it is deployed, by the token's name.
    :param providers: Authentik's proxy providers as its API returns them (``name``, ``mode``, ``external_host``,
        ``internal_host``, ``authorization_flow``, ``invalidation_flow``, ``pk``).
    :param applications: its applications (``slug``, ``provider``).
    :param outposts: its outposts (``name``, ``pk``, ``type``, ``providers``).
    :param flows: designation of each flow by its id and by its slug.
    :param metrics: names of the metrics that Prometheus has.
    """

    links: Mapping[str, Sequence[str]] | None = None
    routes: Mapping[str, Mapping[str, Sequence[str]]] | None = None
    versions: Mapping[str, str] | None = None
    talos_services: Mapping[str, Mapping[str, str]] | None = None
    reset_labels: Sequence[str] | None = None
    objects: Sequence[Mapping[str, Any]] = ()
    kinds: frozenset[str] = frozenset()
    secrets: Mapping[str, frozenset[str]] | None = None
    items: Mapping[str, Mapping[str, Sequence[str]]] | None = None
    token_vaults: Sequence[str] | None = None
    tokens: Mapping[str, tuple[str, str]] | None = None
    providers: Sequence[Mapping[str, Any]] | None = None
    applications: Sequence[Mapping[str, Any]] | None = None
    outposts: Sequence[Mapping[str, Any]] | None = None
    flows: Mapping[str, str] | None = None
    metrics: frozenset[str] | None = None

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the objects of a kind.

        :raises Absent: they have not been read.
        """
        if kind not in self.kinds:
            raise Absent((kind,))
        return [item for item in self.objects if item.get("kind") == kind]


def need(value: _T | None, name: str) -> _T:
    """Return a fact.

    :raises Absent: it is not known.
    """
    if value is None:
        raise Absent((name,))
    return value


def _meta(item: Mapping[str, Any]) -> tuple[str, str]:
    return string(dig(item, "metadata", "namespace")), string(dig(item, "metadata", "name"))


def _labels(item: Mapping[str, Any]) -> dict[str, str]:
    return {key: string(value) for key, value in mapping(dig(item, "metadata", "labels")).items()}


def _at(item: Mapping[str, Any], key: str = "") -> Spot:
    """Return the place of something in an object of the cluster."""
    title = "/".join(part for part in (string(item.get("kind")), *_meta(item)) if part)
    return Spot("", 0, key, title)


def _in(what: str, name: str) -> Spot:
    """Return the place of something that is no Kubernetes object: ``node/mini01``."""
    return Spot("", 0, "", f"{what}/{name}")


@also("NET011", LIVE)
def links(case: Any) -> Iterator[Breach]:
    """The model's interface is looked for among the links of each node, which has no network without it."""
    wanted = need(case.model, "model").get("networks", "interface")
    for node, names in sorted(need(case.live.links, "links").items()):
        if wanted not in names:
            text = f"The node {node} has no link {wanted}; it has {', '.join(sorted(names))}."
            yield Breach(_in("node", node), text, nearest(wanted, names), severity=ERROR)


@also("BGP013", LIVE)
def echoed(case: Any) -> Iterator[Breach]:
    """What the router has from a neighbour and sends to it, or to another node, is sent back to the cluster."""
    routes = need(case.live.routes, "routes")
    received = {_prefix(text) for sides in routes.values() for text in sides.get("received", ())}
    for neighbour, sides in sorted(routes.items()):
        back = sorted({_prefix(text) for text in sides.get("sent", ())} & received)
        if back:
            text = f"The router sends {', '.join(back[:3])} to {neighbour}, which is the cluster's own."
            yield Breach(_in("neighbour", neighbour), text, "the exact supernet, without le")


def _prefix(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text


@also("TAL004", LIVE)
def applications(case: Any) -> Iterator[Breach]:
    """An issuer of Authentik ends in the slug of an application; Ingresses tell whether its host is served."""
    url = string(dig(case.live.versions, "oidc_issuer"))
    match = re.match(r"https?://([^/:]+)(?::\d+)?/application/o/([^/]+)/?$", url)
    slugs = [string(item.get("slug")) for item in need(case.live.applications, "applications")]
    if match and match.group(2) not in slugs:
        text = f"Authentik has no application {match.group(2)}, which the API server's issuer names."
        yield Breach(_in("application", match.group(2)), text, nearest(match.group(2), slugs))


@also("TAL010", LIVE)
def skew(case: Any) -> Iterator[Breach]:
    """Versions as clients and nodes say them; a client that is not there is not judged."""
    versions = need(case.live.versions, "versions")
    talos, kubernetes = (_MINOR.match(versions.get(name, "")) for name in ("talos", "kubernetes"))
    talosctl, kubectl = (_MINOR.match(versions.get(name, "")) for name in ("talosctl", "kubectl"))
    if talos and talosctl and talos.groups() != talosctl.groups():
        text = f"talosctl is {versions['talosctl']}, Talos is {versions['talos']}."
        yield Breach(_in("client", "talosctl"), text, ".".join(talos.groups()))
    if kubernetes and kubectl and abs(int(kubernetes.group(2)) - int(kubectl.group(2))) > 1:
        text = f"kubectl is {versions['kubectl']}, Kubernetes is {versions['kubernetes']}."
        yield Breach(_in("client", "kubectl"), text, ".".join(kubernetes.groups()))


@also("TAL011", LIVE)
def reset_scope(case: Any) -> Iterator[Breach]:
    """Paths of Longhorn's registered disks are compared with the partitions that a reset would wipe."""
    labels = set(need(case.live.reset_labels, "reset_labels"))
    for node in case.live.of("Node"):
        for name, disk in mapping(dig(node, "spec", "disks")).items():
            path = string(dig(disk, "path"))
            volume = re.match(r"/var/mnt/([^/]+)", path)
            partition = f"u-{volume.group(1)}" if volume else "EPHEMERAL"
            if path and (partition in labels or not labels):
                text = f"The reset wipes {partition}, which holds the disk {name} of Longhorn ({path})."
                yield Breach(_at(node, f"spec.disks.{name}"), text, "a scope without it")


@also("SEC001", LIVE)
def used_secrets(case: Any) -> Iterator[Breach]:
    """Secrets that running workloads name, with their keys; values are never read."""
    known = need(case.live.secrets, "secrets")
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        for item in case.live.of(kind) if kind in case.live.kinds else ():
            namespace, _name = _meta(item)
            for container in listing(dig(item, "spec", "template", "spec", "containers")):
                for entry in listing(dig(container, "env")):
                    ref = mapping(dig(entry, "valueFrom", "secretKeyRef"))
                    if not ref or ref.get("optional") is True:
                        continue
                    name, key = f"{namespace}/{string(ref.get('name'))}", string(ref.get("key"))
                    if name not in known:
                        yield Breach(_at(item), f"There is no Secret {name}.", nearest(name, known))
                    elif key not in known[name]:
                        yield Breach(_at(item), f"The Secret {name} has no key {key}.", nearest(key, known[name]))


@also("SEC003", LIVE)
def readable_items(case: Any) -> Iterator[Breach]:
    """Items of ExternalSecrets, and those of the model, are looked for in the vaults that the token reads."""
    items, vaults = need(case.live.items, "items"), need(case.live.token_vaults, "token_vaults")
    wanted: list[tuple[Spot, str]] = []
    for item in case.live.of("ExternalSecret") if "ExternalSecret" in case.live.kinds else ():
        for entry in listing(dig(item, "spec", "data")):
            wanted.append((_at(item), string(dig(entry, "remoteRef", "key"))))
    if case.model is not None:
        for item in case.model.maybe("secrets", "items", default={}).values():
            wanted.append((_in("item", item.get("title", "")), item.get("title", "")))
    seen = {title for vault in vaults for title in items.get(vault, {})}
    for spot, title in dict.fromkeys(wanted):
        if title and title not in seen:
            other = sorted(vault for vault, titles in items.items() if title in titles)
            where = f"; it is in {', '.join(other)}" if other else ""
            text = f"The item {title!r} is in no vault that the token reads ({', '.join(vaults)}){where}."
            yield Breach(spot, text, nearest(title, seen))


@also("SEC005", LIVE)
def deployed_token(case: Any) -> Iterator[Breach]:
    """Digests are compared, so that no token is shown."""
    for name, (stored, deployed) in sorted(need(case.live.tokens, "tokens").items()):
        if stored != deployed:
            yield Breach(_in("token", name), f"The deployed token {name} is not the stored one.", "the stored one")


@also("SEC006", LIVE)
def service_names(case: Any) -> Iterator[Breach]:
    """Backends of the providers are the names that a login depends on."""
    there = {_meta(item) for item in case.live.of("Service")}
    for provider in need(case.live.providers, "providers"):
        match = _BACKEND.match(string(provider.get("internal_host")))
        if match and (match.group(3), match.group(2)) not in there:
            text = f"There is no Service {match.group(2)} in {match.group(3)}."
            names = [name for namespace, name in there if namespace == match.group(3)]
            yield Breach(_in("provider", string(provider.get("name"))), text, nearest(match.group(2), names))


@also("ING001", LIVE)
def wired(case: Any) -> Iterator[Breach]:
    """Every provider has an Ingress with its host, and is one of an outpost."""
    hosts = {
        string(dig(rule, "host"))
        for ingress in case.live.of("Ingress")
        for rule in listing(dig(ingress, "spec", "rules"))
    }
    served = {pk for outpost in need(case.live.outposts, "outposts") for pk in listing(outpost.get("providers"))}
    for provider in need(case.live.providers, "providers"):
        host = re.sub(r"^https?://", "", string(provider.get("external_host"))).partition("/")[0].partition(":")[0]
        spot = _in("provider", string(provider.get("name")))
        if host not in hosts:
            yield Breach(spot, f"No Ingress has the host {host}.", nearest(host, hosts))
        elif provider.get("pk") not in served:
            yield Breach(spot, f"No outpost serves the provider of {host}.", "the embedded outpost")


@also("IDP001", LIVE)
def backends(case: Any) -> Iterator[Breach]:
    """Ports of the running Services."""
    services = {_meta(item): item for item in case.live.of("Service")}
    for provider in need(case.live.providers, "providers"):
        match = _BACKEND.match(string(provider.get("internal_host")))
        service = services.get((match.group(3), match.group(2))) if match else None
        if match is None or service is None:
            continue
        port = int(match.group(4) or (443 if match.group(1) == "https" else 80))
        numbers = [dig(entry, "port") for entry in listing(dig(service, "spec", "ports"))]
        if port not in numbers:
            text = f"{match.group(2)} has the port {', '.join(map(str, numbers))}, and the provider asks for {port}."
            yield Breach(_in("provider", string(provider.get("name"))), text, f"port {numbers[0]}" if numbers else None)


@also("IDP002", LIVE)
def modes(case: Any) -> Iterator[Breach]:
    """Modes as Authentik has them, against auth-url of the running Ingresses."""
    asked = {
        string(dig(rule, "host"))
        for ingress in case.live.of("Ingress")
        if dig(ingress, "metadata", "annotations", "nginx.ingress.kubernetes.io/auth-url")
        for rule in listing(dig(ingress, "spec", "rules"))
    }
    for provider in need(case.live.providers, "providers"):
        host = re.sub(r"^https?://", "", string(provider.get("external_host"))).partition("/")[0]
        mode = string(provider.get("mode"))
        right = "forward_single" if host in asked else "proxy"
        if (mode == "proxy") != (right == "proxy") and mode != "forward_domain":
            yield Breach(_in("provider", string(provider.get("name"))), f"{host} has the mode {mode}.", right)


@also("IDP003", LIVE)
def designations(case: Any) -> Iterator[Breach]:
    """The designation of each provider's two flows."""
    flows = need(case.live.flows, "flows")
    for provider in need(case.live.providers, "providers"):
        for word in ("authorization", "invalidation"):
            flow = string(provider.get(f"{word}_flow"))
            if flow and flows.get(flow) != word:
                text = f"The {word} flow is one for {flows.get(flow, 'nothing that is there')}."
                yield Breach(_in("provider", string(provider.get("name"))), text, f"a flow with designation {word}")


@also("IDP005", LIVE)
def one_outpost(case: Any) -> Iterator[Breach]:
    """The outpost that the model names is there, once."""
    wanted = need(case.model, "model").get("identity", "outpost")
    name = "authentik Embedded Outpost" if wanted == "embedded" else wanted
    names = [string(item.get("name")) for item in need(case.live.outposts, "outposts")]
    if names.count(name) != 1:
        text = f"Authentik has {names.count(name)} outposts called {name}."
        yield Breach(_in("outpost", name), text, nearest(name, names))


@also("STO002", LIVE)
def disk_tags(case: Any) -> Iterator[Breach]:
    """Tags of the disks that Longhorn has registered."""
    tags = {
        string(tag)
        for node in case.live.of("Node")
        for disk in mapping(dig(node, "spec", "disks")).values()
        for tag in listing(dig(disk, "tags"))
    }
    for item in case.live.of("StorageClass"):
        for tag in filter(None, string(dig(item, "parameters", "diskSelector")).split(",")):
            if tag.strip() not in tags:
                yield Breach(_at(item, "parameters.diskSelector"), f"No disk has the tag {tag}.", nearest(tag, tags))


@also("STO004", LIVE)
def job_groups(case: Any) -> Iterator[Breach]:
    """Labels of the volumes themselves."""
    used = {"default"}
    for volume in case.live.of("Volume"):
        used |= {
            key.removeprefix(_GROUP)
            for key, value in _labels(volume).items()
            if key.startswith(_GROUP) and value == "enabled"
        }
    for job in case.live.of("RecurringJob"):
        for group in listing(dig(job, "spec", "groups")):
            if string(group) not in used:
                yield Breach(
                    _at(job, "spec.groups"), f"No volume is in the group {group}.", nearest(string(group), used)
                )


@also("MON002", LIVE)
def targets(case: Any) -> Iterator[Breach]:
    """Running Services with their real labels, those of charts too."""
    services = case.live.of("Service")
    for monitor in case.live.of("ServiceMonitor"):
        if dig(monitor, "spec", "namespaceSelector", "any") is True:
            continue
        spaces = listing(dig(monitor, "spec", "namespaceSelector", "matchNames")) or [_meta(monitor)[0]]
        found = [
            item
            for item in services
            if _meta(item)[0] in spaces and selecting.matches(dig(monitor, "spec", "selector"), _labels(item))
        ]
        ports = {string(dig(port, "name")) for item in found for port in listing(dig(item, "spec", "ports"))}
        if not found:
            yield Breach(_at(monitor, "spec.selector"), "No Service has the labels that are selected.")
        for endpoint in listing(dig(monitor, "spec", "endpoints")) if found else ():
            name = string(dig(endpoint, "port"))
            if name and name not in ports:
                yield Breach(
                    _at(monitor, "spec.endpoints"), f"No selected Service has a port {name}.", nearest(name, ports)
                )


@also("MON004", LIVE)
def metrics(case: Any) -> Iterator[Breach]:
    """Every metric of every rule is looked for among those that Prometheus has."""
    known = need(case.live.metrics, "metrics")
    for rule in case.live.of("PrometheusRule"):
        for group in listing(dig(rule, "spec", "groups")):
            for entry in listing(dig(group, "rules")):
                for name in dict.fromkeys(monitoring.metrics_of(string(dig(entry, "expr")))):
                    if name not in known:
                        text = f"Prometheus has no metric {name}."
                        yield Breach(_at(rule, string(dig(entry, "alert"))), text, nearest(name, known))


@also("BOO005", LIVE)
def talos_services(case: Any) -> Iterator[Breach]:
    """The ServiceList of each control plane node."""
    for node, states in sorted(need(case.live.talos_services, "talos_services").items()):
        for name in _TALOS:
            if states.get(name) != "Running":
                text = f"The service {name} of {node} is {states.get(name, 'not there')}."
                yield Breach(_in("node", node), text)


@also("BOO006", LIVE)
def workloads(case: Any) -> Iterator[Breach]:
    """Deployments and DaemonSets: generation observed, as many updated and ready as wanted."""
    for kind in ("Deployment", "DaemonSet", "StatefulSet"):
        for item in case.live.of(kind) if kind in case.live.kinds else ():
            status, spec = mapping(item.get("status")), mapping(item.get("spec"))
            daemon = kind == "DaemonSet"
            wanted = status.get("desiredNumberScheduled") if daemon else spec.get("replicas", 1)
            ready = status.get("numberReady" if daemon else "readyReplicas") or 0
            updated = status.get("updatedNumberScheduled" if daemon else "updatedReplicas") or 0
            if dig(item, "metadata", "generation") != status.get("observedGeneration"):
                yield Breach(_at(item), "Its controller has not seen its newest generation.")
            elif isinstance(wanted, int) and (ready < wanted or updated < wanted):
                yield Breach(_at(item), f"{ready} of {wanted} are ready, {updated} are updated.")
