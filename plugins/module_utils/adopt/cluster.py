# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster, versions, nodes, networks and Talos, out of talhelper's file, patches, charts and the root of Flux."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ..model.schema import Path
from ..repository.spot import Spot, dig, listing, mapping, string
from ..repository.view import Repository
from .draft import Draft, Seen, first

#: The model's key of each chart's version.
_CHARTS = {
    "cilium": "cilium",
    "external-secrets": "external_secrets",
    "cert-manager": "cert_manager",
    "ingress-nginx": "ingress_nginx",
    "external-dns": "external_dns",
    "longhorn": "longhorn",
    "snapshot-controller": "snapshot_controller",
    "metrics-server": "metrics_server",
    "kube-prometheus-stack": "kube_prometheus_stack",
    "cloudnative-pg": "cloudnative_pg",
    "authentik": "authentik",
    "kubernetes-dashboard": "kubernetes_dashboard",
    "headlamp": "headlamp",
    "prometheus-operator-crds": "prometheus_operator_crds",
    "plugin-barman-cloud": "barman_cloud_chart",
}
#: The same of images.
_IMAGES = {
    "1password/connect-api": "onepassword_connect",
    "cloudflare/cloudflared": "cloudflared",
    "kashalls/external-dns-unifi-webhook": "external_dns_unifi_webhook",
    "cloudnative-pg/postgresql": "postgresql",
    "prometheus/blackbox-exporter": "blackbox_exporter",
    "prometheus/node-exporter": "node_exporter",
}
_FLUX = re.compile(r"^# Flux Version: (v\d\S*)", re.MULTILINE)
_IMAGE = re.compile(r"^(?:[a-z0-9.-]+\.[a-z]+(?::\d+)?/)?([a-z0-9._/-]+):([A-Za-z0-9._-]+)(?:@sha256:[0-9a-f]+)?$")


def fill(draft: Draft, repository: Repository, name: str) -> None:
    """Fill the subjects; networks need nothing but themselves, so the order means nothing."""
    _cluster(draft, repository, name)
    _versions(draft, repository)
    _nodes(draft, repository)
    _networks(draft, repository)
    _talos(draft, repository)


def talconfig(repository: Repository, *path: str | int) -> Iterator[Seen]:
    """Yield what stands at a path of talhelper's files."""
    for document in repository.talos.talconfigs:
        value = dig(document.value, *path)
        if value is not None:
            yield Seen(value, document.spot(path))


def of_nodes(repository: Repository, *path: str | int) -> Iterator[Seen]:
    """Yield what stands at a path of each node, then of the defaults for control planes and workers."""
    for document, base, node in repository.talos.nodes():
        value = dig(node, *path)
        if value is not None:
            yield Seen(value, document.spot((*base, *path)))
    for group in ("controlPlane", "worker"):
        yield from talconfig(repository, group, *path)


def patched(repository: Repository, *path: str) -> Iterator[Seen]:
    """Yield what stands at a path of patches and machine configs."""
    for fragment in repository.talos.fragments:
        value = fragment.get(*path)
        if value is not None:
            yield Seen(value, fragment.at(*path))


def values(repository: Repository, chart: str, *path: str) -> Iterator[Seen]:
    """Yield what stands at a path of a chart's values."""
    for use in repository.chart(chart):
        value = dig(use.values, *path)
        if value is not None:
            yield Seen(value, use.at(*path))


def merged(seen: Iterator[Seen]) -> Seen | None:
    """Return maps of several places as one, the later ones over the earlier ones."""
    found: dict[str, Any] = {}
    spot = None
    for item in seen:
        if isinstance(item.value, dict):
            found.update(item.value)
            spot = spot or item.spot
    return Seen(found, spot) if spot else None


def texts(seen: Seen | None) -> Seen | None:
    """Return a map of flags with texts as values, as flags and sysctls are."""
    if seen is None or not isinstance(seen.value, dict):
        return None
    known = {key: _flag(value) for key, value in seen.value.items() if not isinstance(value, (dict, list))}
    return Seen(known, seen.spot)


def _flag(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else string(value)


def _address(seen: Seen) -> Seen | None:
    """Return what was seen without prefix, scheme and port, when it is an address."""
    text = re.sub(r"^https?://", "", string(seen.value)).partition("/")[0]
    text = text.partition(":")[0] if text.count(":") == 1 else text
    try:
        return Seen(str(ipaddress.ip_address(text)), seen.spot)
    except ValueError:
        return None


def _cluster(draft: Draft, repository: Repository, name: str) -> None:
    draft.default(("cluster", "name"), name, "No talconfig.yaml names it.", first(talconfig(repository, "clusterName")))
    vips = [
        Seen(dig(link, "vip", "ip"), seen.spot)
        for seen in of_nodes(repository, "networkInterfaces")
        for link in listing(seen.value)
        if dig(link, "vip", "ip")
    ]
    ends = [found for seen in talconfig(repository, "endpoint") if (found := _address(seen))]
    own = {node["address"] for node in _node_list(repository)}
    question = "The address that the control planes share: one of their network that nobody else has."
    draft.need(
        ("cluster", "vip"), question, first(iter(vips)), first(iter(item for item in ends if item.value not in own))
    )
    draft.found(("cluster", "additional_sans"), first(talconfig(repository, "additionalApiServerCertSans")))
    draft.default(
        ("cluster", "dns_domain"),
        "cluster.local",
        "Kubernetes' own default.",
        first(talconfig(repository, "domain")),
        first(patched(repository, "cluster", "network", "dnsDomain")),
    )
    draft.default(("cluster", "timezone"), "Etc/UTC", "The repository says none.")
    workers = any(node["role"] == "worker" for node in _node_list(repository))
    draft.default(
        ("cluster", "schedule_on_control_planes"),
        not workers,
        "It follows from whether there are workers.",
        first(talconfig(repository, "allowSchedulingOnControlPlanes")),
        first(talconfig(repository, "allowSchedulingOnMasters")),
        first(patched(repository, "cluster", "allowSchedulingOnControlPlanes")),
    )


def _versions(draft: Draft, repository: Repository) -> None:
    for key in ("talos", "kubernetes"):
        draft.need(
            ("versions", key), f"The version of {key.title()} that runs.", first(talconfig(repository, f"{key}Version"))
        )
    seen: dict[str, Seen] = {}
    for use in repository.charts:
        key = _CHARTS.get(use.chart, "")
        if key and use.version:
            seen.setdefault(key, Seen(use.version, use.version_at))
    for item in repository.objects:
        for text, spot in _images(item.value, item.at):
            match = _IMAGE.match(text)
            if match and match.group(1) in _IMAGES:
                seen.setdefault(_IMAGES[match.group(1)], Seen(match.group(2), spot))
    for path, file in sorted(repository.files.files.items()):
        match = _FLUX.search(file.text or "") if path.endswith("gotk-components.yaml") else None
        if match:
            line = (file.text or "").count("\n", 0, match.start()) + 1
            seen.setdefault("flux", Seen(match.group(1), Spot(path, line)))
    for key in ("cilium", "flux"):
        draft.need(("versions", key), f"The version of {key.title()} that runs.", seen.pop(key, None))
    for key, version in sorted(seen.items()):
        draft.found(("versions", key), version)


def _images(value: Any, at: Any) -> Iterator[tuple[str, Spot]]:
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, dict):
            for key, child in item.items():
                if key in ("image", "imageName") and isinstance(child, str):
                    yield child, at(*path, key)
                else:
                    waiting.append(((*path, key), child))
        elif isinstance(item, list):
            waiting.extend(((*path, index), child) for index, child in enumerate(item))


def _node_list(repository: Repository) -> list[dict[str, Any]]:
    found = []
    for _document, _base, node in repository.talos.nodes():
        first_address = string(node.get("ipAddress")).partition(",")[0].strip()
        role = "controlplane" if node.get("controlPlane") is True else "worker"
        found.append({"name": string(node.get("hostname")).lower(), "address": first_address, "role": role})
    return found


def _nodes(draft: Draft, repository: Repository) -> None:
    nodes = _node_list(repository)
    spot = next((document.spot(("nodes",)) for document, _base, _node in repository.talos.nodes()), Spot(""))
    question = "No talconfig.yaml lists the nodes: name, address and role (controlplane or worker) of each."
    draft.need(("nodes",), question, Seen(nodes, spot))


def _network_of(text: str) -> Any:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _networks(draft: Draft, repository: Repository) -> None:
    _management(draft, repository)
    pods = [
        *_each(talconfig(repository, "clusterPodNets")),
        *_each(patched(repository, "cluster", "network", "podSubnets")),
        *_each(values(repository, "cilium", "ipam", "operator", "clusterPoolIPv4PodCIDRList")),
        *_each(values(repository, "cilium", "ipam", "operator", "clusterPoolIPv6PodCIDRList")),
    ]
    services = [
        *_each(talconfig(repository, "clusterSvcNets")),
        *_each(patched(repository, "cluster", "network", "serviceSubnets")),
    ]
    for subject, seen in (("pods", pods), ("services", services)):
        for version in (4, 6):
            fits = [item for item in seen if getattr(_network_of(string(item.value)), "version", 0) == version]
            path = ("networks", subject, f"ipv{version}")
            if version == 4:
                draft.need(
                    path, f"The {subject}' network; it cannot be changed in a running cluster.", first(iter(fits))
                )
            else:
                draft.found(path, first(iter(fits)))
    for version, mask in ((4, 24), (6, 64)):
        if version == 4 or draft.at("networks", "pods", "ipv6"):
            key = f"clusterPoolIPv{version}MaskSize"
            default = mask if version == 4 else 120
            draft.default(
                ("networks", "pods", f"ipv{version}_node_mask"),
                default,
                "The default of Cilium's chart.",
                first(values(repository, "cilium", "ipam", "operator", key)),
            )
    dual = first(values(repository, "cilium", "ipv6", "enabled"))
    draft.default(("networks", "ipv6_enabled"), False, "The default of Cilium's chart.", dual)
    links = [
        Seen(string(dig(link, "interface")), seen.spot)
        for seen in of_nodes(repository, "networkInterfaces")
        for link in listing(seen.value)
        if dig(link, "interface")
    ]
    question = "The name of the nodes' wired network link, the same on all."
    draft.need(
        ("networks", "interface"), question, first(iter(links)), first(_each(values(repository, "cilium", "devices")))
    )


def _each(seen: Iterator[Seen]) -> Iterator[Seen]:
    """Yield the elements of lists; of a single text the text."""
    for item in seen:
        for value in item.value if isinstance(item.value, list) else [item.value]:
            yield Seen(value, item.spot)


def _management(draft: Draft, repository: Repository) -> None:
    nodes = {node["address"] for node in _node_list(repository)}
    networks, gateways, vlans = [], [], []
    for seen in of_nodes(repository, "networkInterfaces"):
        for link in listing(seen.value):
            for text in map(string, listing(dig(link, "addresses"))):
                net = _network_of(text)
                if net is not None and "/" in text and text.partition("/")[0] in nodes and net.version == 4:
                    networks.append(Seen(str(net), seen.spot))
            for route in listing(dig(link, "routes")):
                if string(dig(route, "network")) in ("0.0.0.0/0", "") and dig(route, "gateway"):
                    gateways.append(Seen(string(dig(route, "gateway")), seen.spot))
            vlans += [Seen(dig(vlan, "vlanId"), seen.spot) for vlan in listing(dig(link, "vlans"))]
    subnets = [
        item
        for item in _each(patched(repository, "machine", "kubelet", "nodeIP", "validSubnets"))
        if getattr(_network_of(string(item.value)), "version", 0) == 4
    ]
    base: Path = ("networks", "management")
    draft.need((*base, "vlan"), "The VLAN of the nodes.", first(iter(vlans)))
    draft.need((*base, "ipv4"), "The nodes' network.", first(iter(networks)), first(iter(subnets)))
    draft.need((*base, "gateway"), "The router's address in the nodes' network.", first(iter(gateways)))


def _talos(draft: Draft, repository: Repository) -> None:
    custom = ("schematic", "customization")
    draft.default(
        ("talos", "extensions"),
        [],
        "No schematic stands in the repository; an image URL names it by its digest only.",
        first(talconfig(repository, *custom, "systemExtensions", "officialExtensions")),
        first(of_nodes(repository, *custom, "systemExtensions", "officialExtensions")),
    )
    draft.default(("talos", "factory"), "factory.talos.dev", "The public one.")
    draft.need(
        ("talos", "install_disk_selector"),
        "What tells the system disk of every node from the others, such as {model: APPLE*}.",
        first(of_nodes(repository, "installDiskSelector")),
        first(patched(repository, "machine", "install", "diskSelector")),
    )
    draft.default(("talos", "install_wipe"), False, "Wiping belongs to one confirmed run of a reset.")
    draft.found(
        ("talos", "kernel_args"),
        first(talconfig(repository, *custom, "extraKernelArgs")),
        first(of_nodes(repository, *custom, "extraKernelArgs")),
        first(patched(repository, "machine", "install", "extraKernelArgs")),
    )
    draft.default(("talos", "route_metric"), 1024, "Talos' own default.")
    draft.default(
        ("talos", "kubelet_extra_config"),
        {},
        "No patch sets any.",
        merged(patched(repository, "machine", "kubelet", "extraConfig")),
    )
    draft.default(
        ("talos", "sysctls"), {}, "No patch sets any.", texts(merged(patched(repository, "machine", "sysctls")))
    )
    draft.default(
        ("talos", "udev_rules"), [], "No patch sets any.", first(patched(repository, "machine", "udev", "rules"))
    )
    encrypted = merged(patched(repository, "machine", "systemDiskEncryption"))
    draft.default(
        ("talos", "encrypted_partitions"),
        [],
        "No patch encrypts one.",
        Seen([key for key in encrypted.value if key in ("state", "ephemeral")], encrypted.spot) if encrypted else None,
    )
    _volumes(draft, repository)
    for seen in patched(repository, "configFiles"):
        content = string(dig(listing(seen.value), 0, "content"))
        if "lldp" in content:
            draft.found(("talos", "lldpd_config"), Seen(content, seen.spot))
    draft.default(
        ("talos", "etcd_extra_args"),
        {},
        "No patch sets any.",
        texts(merged(patched(repository, "cluster", "etcd", "extraArgs"))),
    )
    plugins = [
        Seen([name.strip() for name in string(item.value).split(",")], item.spot)
        for item in patched(repository, "cluster", "apiServer", "extraArgs", "enable-admission-plugins")
    ]
    draft.default(("talos", "admission_plugins"), ["NodeRestriction"], "Talos' own default.", first(iter(plugins)))
    manager = texts(merged(patched(repository, "cluster", "controllerManager", "extraArgs")))
    if manager is not None:
        flags = {key: value for key, value in mapping(manager.value).items() if key.startswith("leader-elect-")}
        manager = Seen(flags, manager.spot)
    draft.default(("talos", "leader_election"), {}, "No patch sets any.", manager)
    draft.default(
        ("talos", "kubeprism_port"),
        7445,
        "Talos' own default.",
        first(patched(repository, "machine", "features", "kubePrism", "port")),
        first(values(repository, "cilium", "k8sServicePort")),
    )


def _volumes(draft: Draft, repository: Repository) -> None:
    found: list[dict[str, str]] = []
    spot = None
    for fragment in repository.talos.fragments:
        if fragment.get("kind") != "UserVolumeConfig":
            continue
        entry = {
            "name": string(fragment.get("name")),
            "match": string(fragment.get("provisioning", "diskSelector", "match")),
            "max_size": string(fragment.get("provisioning", "maxSize")),
            "filesystem": string(fragment.get("filesystem", "type")) or "xfs",
        }
        if not entry["max_size"]:
            del entry["max_size"]
            draft.ask(("talos", "user_volumes", len(found), "max_size"), "How large the volume may become: 1TB, say.")
        found.append(entry)
        spot = spot or fragment.at("name")
    draft.default(
        ("talos", "user_volumes"), [], "No patch declares one.", Seen(found, spot) if spot is not None else None
    )
