# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talos in a repository: talconfig.yaml, patches, documents of the machine config, and commands that reset nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ...model.schema import nearest
from ...repository.spot import Spot, dig, listing, mapping, string, texts
from ...repository.view import Repository
from ..kubelet_fields import KUBELET_FIELDS, KUBELET_FLAGS
from ..registry import ERROR, REPO, WARN, Breach, also, check
from .plan import Plan

_TALOS = ("talos",)
_RUN = "verified by running over the files of a real home-lab"
_DISK_IMAGE = re.compile(r"\.(?:raw|iso|xz|zst|qcow2|img|gz)(?:\.|$)|^https?://")
_SVC = re.compile(r"\.svc\.([a-z0-9-]+(?:\.[a-z0-9-]+)*)")
#: Where the services of Talos' system extensions look for their configuration.
_SERVICE_FILE = re.compile(
    r"^/(?:usr/local/etc|var/etc|etc)/(?:lldpd|tailscale|cloudflared|nut|frr|nebula|newt|zerotier)"
)
#: An extension whose service does nothing without a document of its own.
_NEEDS_CONFIG = ("lldpd", "tailscale", "cloudflared", "nut-client", "newt")
_MOUNT = "/var/mnt/"
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")
_TOOL = re.compile(
    r"""^\s*["']?(?:aqua:|ubi:|asdf:)?(?:siderolabs/talos|kubernetes/)?(?P<tool>talosctl|kubectl|siderolabs/talos|talos)["']?
        \s*[=:\s]\s*["']?v?(?P<version>\d+\.\d+(?:\.\d+)?)""",
    re.VERBOSE,
)
_TOOL_FILES = frozenset((".tool-versions", ".mise.toml", "mise.toml", ".aqua.yaml"))


@also("TAL001", REPO)
def installer(repository: Repository) -> Iterator[Breach]:
    """talhelper takes the reference without a tag (talosImageURL) and adds the version itself."""
    for fragment in repository.talos.fragments:
        image = fragment.get("machine", "install", "image")
        if isinstance(image, str) and _DISK_IMAGE.search(image):
            spot = fragment.at("machine", "install", "image")
            yield Breach(spot, f"{image} is a disk image.", "factory.talos.dev/installer/<schematic id>:<version>")
    for document, path, node in repository.talos.nodes():
        image = node.get("talosImageURL")
        if isinstance(image, str) and _DISK_IMAGE.search(image):
            spot = document.spot((*path, "talosImageURL"))
            yield Breach(spot, f"{image} is a disk image.", "factory.talos.dev/installer/<schematic id>")


@also("TAL002", REPO)
def wipe(repository: Repository) -> Iterator[Breach]:
    """Looked for in every patch and document."""
    for fragment in repository.talos.fragments:
        if fragment.get("machine", "install", "wipe") is True:
            yield Breach(fragment.at("machine", "install", "wipe"), "install.wipe is true.", "false")


@also("TAL003", REPO)
def cluster_domain(repository: Repository) -> Iterator[Breach]:
    """The domain of talconfig.yaml (cluster.local when it says none) is compared with patches and with every name of a
    Service in the manifests and values."""
    stated: list[tuple[Spot, str]] = []
    for document in repository.talos.talconfigs:
        text = string(dig(document.value, "domain"))
        if text:
            stated.append((document.spot(("domain",)), text))
    for fragment in repository.talos.fragments:
        text = string(fragment.get("cluster", "network", "dnsDomain"))
        if text:
            stated.append((fragment.at("cluster", "network", "dnsDomain"), text))
    domain = stated[0][1] if stated and repository.talos.talconfigs else "cluster.local"
    names = [
        (item.at(*path), found)
        for item in repository.objects
        for path, text in texts(item.value)
        if ".svc." in text and len(text) < 2000
        for found in _SVC.findall(text)
    ]
    used = {found for spot, found in names}
    if stated and domain not in used and len(used) == 1 and len(stated) == 1:
        spot, text = stated[0]
        yield Breach(spot, f"The domain is {text} here, and names of Services end in {min(used)}.", min(used))
        return
    for spot, text in stated:
        if text != domain:
            yield Breach(spot, f"The domain is {text} here, {domain} elsewhere.", domain)
    if repository.talos.talconfigs or stated:
        for spot, found in names:
            if found != domain and not found.startswith(f"{domain}."):
                yield Breach(spot, f"The name ends in .svc.{found}, the cluster's domain is {domain}.", domain)


@check(
    "TAL004",
    ERROR,
    "talos",
    ("kubernetes", "identity"),
    rule="The issuer of the API server's OIDC login is a host of the cluster.",
    why="The API server fetches the issuer's keys from it; when it cannot, every login by OIDC is refused.",
    broken="oidc-issuer-url: https://sso.example.net/ without an Ingress of that host",
    right="https://authentik.k8s.home.geoffdavis.com/application/o/<slug>/",
    ground=_RUN,
    scope=REPO,
)
def issuer(repository: Repository) -> Iterator[Breach]:
    """Looked for among the Ingresses and routes of the repository; well-known public issuers are left alone."""
    hosts = set(_hosts(repository))
    for fragment in repository.talos.fragments:
        url = string(fragment.get("cluster", "apiServer", "extraArgs", "oidc-issuer-url"))
        host = re.sub(r"^https?://", "", url).partition("/")[0].partition(":")[0]
        if url and hosts and host not in hosts and not re.search(r"google|microsoft|github|okta|auth0|gitlab", host):
            spot = fragment.at("cluster", "apiServer", "extraArgs", "oidc-issuer-url")
            yield Breach(spot, f"No Ingress has the host {host}.", nearest(host, hosts))


def _hosts(repository: Repository) -> Iterator[str]:
    for ingress in repository.of("Ingress"):
        yield from (string(rule.get("host")) for path, rule in ingress.maps("spec", "rules"))
    for kind in ("HTTPRoute", "TLSRoute", "GRPCRoute"):
        for route in repository.of(kind):
            yield from (string(host) for host in listing(route.get("spec", "hostnames")))


@also("TAL005", REPO)
def user_volumes(repository: Repository) -> Iterator[Breach]:
    """User volumes of all files are compared with each other, with machine.disks and with Longhorn's paths."""
    volumes = list(_volumes(repository))
    first: dict[str, tuple[str, Spot]] = {}
    for name, filesystem, spot in volumes:
        known, place = first.setdefault(name, (filesystem, spot))
        if known != filesystem:
            text = f"The user volume {name} is {filesystem} here, and {known} in {place.file}."
            yield Breach(spot, text, "one document")
    for fragment in repository.talos.fragments:
        for index, disk in enumerate(listing(fragment.get("machine", "disks"))):
            for number, partition in enumerate(listing(dig(disk, "partitions"))):
                mount = string(dig(partition, "mountpoint"))
                if volumes and re.sub(r".*/", "", mount) in first:
                    spot = fragment.at("machine", "disks", index, "partitions", number, "mountpoint")
                    text = f"machine.disks mounts {mount}, and there is a user volume of that name."
                    yield Breach(spot, text, f"{_MOUNT}{re.sub(r'.*/', '', mount)} of the user volume")
    for use in repository.chart("longhorn") if volumes else ():
        path = string(dig(use.values, "defaultSettings", "defaultDataPath"))
        meant = [name for name in first if "longhorn" in name]
        registered = path.startswith(_MOUNT) or any(_MOUNT in text for text in _disks(repository))
        if path.startswith(_MOUNT) and path.removeprefix(_MOUNT).partition("/")[0] not in first:
            text = f"Longhorn's path {path} is no user volume."
            yield Breach(use.at("defaultSettings", "defaultDataPath"), text, f"{_MOUNT}{min(first)}")
        elif meant and not registered:
            text = f"Longhorn uses {path or '/var/lib/longhorn'}, and no disk of it is the user volume {meant[0]}."
            yield Breach(use.at("defaultSettings", "defaultDataPath"), text, f"{_MOUNT}{meant[0]}")


def _volumes(repository: Repository) -> Iterator[tuple[str, str, Spot]]:
    """Yield name, filesystem and place of every user volume."""
    for fragment in repository.talos.fragments:
        if fragment.get("kind") == "UserVolumeConfig":
            kind = string(fragment.get("filesystem", "type")) or "xfs"
            yield string(fragment.get("name")), kind, fragment.at("filesystem", "type")
    for document in repository.talos.talconfigs:
        places = [
            (),
            *((part,) for part in ("controlPlane", "worker")),
            *(path for _d, path, _n in repository.talos.nodes()),
        ]
        for base in places:
            for index, volume in enumerate(listing(dig(document.value, *base, "userVolumes"))):
                if isinstance(volume, dict):
                    kind = string(dig(volume, "filesystem", "type")) or "xfs"
                    yield string(volume.get("name")), kind, document.spot((*base, "userVolumes", index, "filesystem"))


def _disks(repository: Repository) -> Iterator[str]:
    """Yield every text that registers a disk with Longhorn."""
    for item in repository.of("Node", "longhorn.io"):
        yield from (string(disk.get("path")) for disk in item.map("spec", "disks").values() if isinstance(disk, dict))
    for document in repository.talos.talconfigs:
        for path, text in texts(document.value):
            if any(isinstance(part, str) and "default-disks-config" in part for part in path):
                yield text
    for fragment in repository.talos.fragments:
        yield from map(string, mapping(fragment.get("machine", "nodeAnnotations")).values())


@also("TAL006", REPO)
def disk_expressions(repository: Repository) -> Iterator[Breach]:
    """machine.userVolumes is not a key of the machine config; Talos refuses the whole document."""
    for fragment in repository.talos.fragments:
        for index, disk in enumerate(listing(fragment.get("machine", "disks"))):
            device = string(dig(disk, "device"))
            if re.search(r"[*?\[]", device):
                spot = fragment.at("machine", "disks", index, "device")
                yield Breach(spot, f"{device} holds a wildcard.", "a UserVolumeConfig with a CEL match")
        if fragment.get("machine", "userVolumes") is not None:
            spot = fragment.at("machine", "userVolumes")
            yield Breach(spot, "machine.userVolumes is no key.", "a document of kind UserVolumeConfig")


@also("TAL007", REPO)
def extension_services(repository: Repository) -> Iterator[Breach]:
    """Files and environment of the machine config do not reach the service of an extension."""
    configured = {
        string(fragment.get("name"))
        for fragment in repository.talos.fragments
        if fragment.get("kind") == "ExtensionServiceConfig"
    }
    wanted = "a document of kind ExtensionServiceConfig"
    for fragment in repository.talos.fragments:
        for index, file in enumerate(listing(fragment.get("machine", "files"))):
            target = string(dig(file, "path"))
            if _SERVICE_FILE.match(target):
                spot = fragment.at("machine", "files", index, "path")
                yield Breach(spot, f"machine.files writes {target}, which is read by an extension's service.", wanted)
        if fragment.get("machine", "extensionServiceConfigs") is not None:
            spot = fragment.at("machine", "extensionServiceConfigs")
            yield Breach(spot, "machine.extensionServiceConfigs is no key.", wanted)
    for document in repository.talos.talconfigs:
        configured |= {
            string(value) for path, value in texts(document.value) if "extensionServices" in path and path[-1] == "name"
        }
        for path, text in texts(document.value):
            name = text.rpartition("/")[2]
            if "officialExtensions" in path and name in _NEEDS_CONFIG and name not in configured:
                text = f"The extension {name} is installed, and nothing configures its service."
                yield Breach(document.spot(path), text, f"{wanted}, name: {name}")
                configured.add(name)


@check(
    "TAL008",
    WARN,
    "talos",
    _TALOS,
    rule="Every patch file is named by talconfig.yaml.",
    why="A patch that nothing names changes nothing, and whoever reads it believes that it does.",
    broken="talos/patches/usb-ssd.yaml, which talconfig.yaml never names",
    right='patches: ["@./talos/patches/usb-ssd.yaml"], or no such file',
    ground=_RUN,
    scope=REPO,
)
def named_patches(repository: Repository) -> Iterator[Breach]:
    """A patch that a task or script names is one that somebody applies."""
    talos = repository.talos
    if not talos.talconfigs:
        return
    told = " ".join(command.text for command in repository.commands if "patch" in command.text)
    for path in talos.patches:
        if path not in talos.named and path not in told:
            yield Breach(Spot(path), f"{path} is named by no talconfig.yaml.", f"@./{path} under patches, or delete it")


@also("TAL009", REPO)
def kubelet_fields(repository: Repository) -> Iterator[Breach]:
    """Flags of the kubelet of 1.31 to 1.34 (extraArgs) and fields of its configuration (extraConfig)."""
    for fragment in repository.talos.fragments:
        for key in mapping(fragment.get("machine", "kubelet", "extraArgs")):
            if key not in KUBELET_FLAGS:
                camel = re.sub(r"-([a-z])", lambda match: match.group(1).upper(), key)
                use = f"extraConfig: {{{camel}: ...}}" if camel in KUBELET_FIELDS else nearest(key, KUBELET_FLAGS)
                yield Breach(
                    fragment.at("machine", "kubelet", "extraArgs", key), f"The kubelet has no flag {key}.", use
                )
        for key in mapping(fragment.get("machine", "kubelet", "extraConfig")):
            if key not in KUBELET_FIELDS:
                spot = fragment.at("machine", "kubelet", "extraConfig", key)
                yield Breach(spot, f"The kubelet's configuration has no field {key}.", nearest(key, KUBELET_FIELDS))


@check(
    "TAL010",
    WARN,
    "talos",
    ("talos", "kubernetes"),
    rule="talosctl has Talos' minor version, and kubectl one within one minor of Kubernetes'.",
    why="An older client knows neither new fields nor new defaults: it writes configs that the nodes read otherwise.",
    broken="talosctl 1.8 with Talos 1.10; kubectl 1.28 with Kubernetes 1.31",
    right="talosctl 1.10; kubectl 1.30 to 1.32",
    ground="verified by running; kubernetes.io version skew policy",
    scope=REPO,
)
def skew(repository: Repository) -> Iterator[Breach]:
    """Versions of clients are read from .tool-versions and mise.toml, those of the servers from talconfig.yaml."""
    for document in repository.talos.talconfigs:
        talos = _VERSION.match(string(dig(document.value, "talosVersion")))
        kubernetes = _VERSION.match(string(dig(document.value, "kubernetesVersion")))
        for spot, tool, version in _tools(repository):
            have = _VERSION.match(version)
            if tool != "kubectl" and talos and have and have.groups() != talos.groups():
                text = f"talosctl {version} is used with Talos {talos.group()}."
                yield Breach(spot, text, f"{talos.group(1)}.{talos.group(2)}")
            elif tool == "kubectl" and kubernetes and have and abs(int(have.group(2)) - int(kubernetes.group(2))) > 1:
                text = f"kubectl {version} is used with Kubernetes {kubernetes.group()}."
                yield Breach(spot, text, f"{kubernetes.group(1)}.{kubernetes.group(2)}")


def _tools(repository: Repository) -> Iterator[tuple[Spot, str, str]]:
    for path, file in sorted(repository.files.files.items()):
        if file.name in _TOOL_FILES:
            for number, line in enumerate(file.lines, start=1):
                match = _TOOL.match(line)
                if match:
                    yield Spot(path, number), match.group("tool"), match.group("version")


@check(
    "TAL011",
    ERROR,
    "talos",
    _TALOS,
    rule="A reset does not wipe the partition that holds Longhorn's data, or it asks once more.",
    why="EPHEMERAL holds /var/lib/longhorn: a reset of the nodes in turn takes every replica of every volume.",
    broken="talosctl reset --system-labels-to-wipe STATE,EPHEMERAL with Longhorn on /var/lib/longhorn",
    right="Longhorn on a user volume, or a task that asks for confirmation",
    ground=_RUN,
    scope=REPO,
)
def reset_scope(repository: Repository) -> Iterator[Breach]:
    """Without labels a reset wipes the whole disk. A task with a prompt, or a command with a question, has asked."""
    uses = list(repository.chart("longhorn"))
    ephemeral = [
        use
        for use in uses
        if not string(dig(use.values, "defaultSettings", "defaultDataPath")).startswith(_MOUNT)
        and not any(_MOUNT in text for text in _disks(repository))
    ]
    if not ephemeral:
        return
    asked = {
        (task.document.file, task.at().line)
        for task in repository.tasks
        if dig(task.value, "prompt") or "read -p" in json.dumps(task.value, default=str)
    }
    for command in repository.commands:
        if command.documented or not re.search(r"\btalosctl\b.*\breset\b", command.text):
            continue
        labels = [word for word in re.split(r"[\s,=]+", command.text) if word.isupper()]
        before = [line for file, line in asked if file == command.spot.file and line <= command.spot.line]
        starts = [task.at().line for task in repository.tasks if task.document.file == command.spot.file]
        own = max((line for line in starts if line <= command.spot.line), default=0)
        if ("EPHEMERAL" in labels or not labels) and own not in before:
            text = "The reset wipes EPHEMERAL, and Longhorn's data is in /var/lib/longhorn, on that partition."
            yield Breach(command.spot, text, "STATE only, or a prompt")


@also("TAL012", REPO)
def dual_stack_longhorn(repository: Repository) -> Iterator[Breach]:
    """Families of the pods' and Services' networks in Talos' files, version of the chart."""
    plan = Plan(repository)
    for use in repository.chart("longhorn"):
        match = _VERSION.match(use.version)
        if not match or (int(match.group(1)), int(match.group(2))) > (1, 10):
            continue
        for subject in ("pods", "services"):
            nets = [net for net in plan.networks if net.subject == subject]
            six = [net for net in nets if net.given.version == 6]
            if {net.given.version for net in nets} == {4, 6}:
                yield Breach(six[0].spot, f"The {subject} have two families, with Longhorn {use.version}.", "IPv4 only")
                break
