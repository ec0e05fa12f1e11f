# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what Talos is told: image, disks, volumes, kubelet, timers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from ..model.schema import Path, nearest
from ..model.world import World
from .kubelet_fields import KUBELET_FIELDS, TALOS_OWN
from .registry import ERROR, WARN, Breach, check

_TALOS = ("talos",)
_RUN = "verified by running over the files of a real home-lab"
_IMAGE_FILE = re.compile(r"\.(?:raw|iso|xz|zst|qcow2|img)(?:\.|$)")
_SVC = re.compile(r"\.svc\.([a-z0-9.-]+?)(?=[:/\s\"']|$)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "ns": 0.000000001}


@check(
    "TAL001",
    ERROR,
    "talos",
    _TALOS,
    rule="The installer is a container image of the Image Factory, not a disk image.",
    why="Talos pulls the installer from a registry; a URL of a disk image is no image reference, so upgrades fail.",
    broken="factory: https://factory.talos.dev/image/.../metal-amd64.raw.xz",
    right="factory: factory.talos.dev",
    ground="siderolabs/talos v1.10 website 'machine.install.image'",
)
def installer(world: World) -> Iterator[Breach]:
    """The collection makes the reference itself: <factory>/installer/<schematic id>:<version>."""
    factory = world.get("talos", "factory")
    host = re.sub(r"^[a-z]+://", "", factory).partition("/")[0]
    if not re.fullmatch(r"[A-Za-z0-9.-]+(?::\d+)?", factory) or _IMAGE_FILE.search(factory):
        yield Breach(("talos", "factory"), f"{factory!r} is not the host name of a registry.", host or None)


@check(
    "TAL002",
    ERROR,
    "talos",
    _TALOS,
    rule="The permanent config does not wipe the install disk.",
    why="Every new installation from this config erases the disk, also the one that was only meant to repair a node.",
    broken="install_wipe: true",
    right="install_wipe: false; a reset asks for it once",
    ground="read in a real home-lab",
)
def wipe(world: World) -> Iterator[Breach]:
    """Who wants it for one run overrides the check for that run (model_check, ignore)."""
    if world.get("talos", "install_wipe"):
        yield Breach(("talos", "install_wipe"), "install_wipe is true.", "false")


@check(
    "TAL003",
    ERROR,
    "talos",
    ("talos", "kubernetes", "platform"),
    rule="The cluster's DNS domain is one value, and not a zone of the house.",
    why="Names that end in another domain are not resolved in pods, and a zone of the house would be hidden from them.",
    broken="dns_domain: k8s.home.geoffdavis.com",
    right="dns_domain: cluster.local",
    ground=_RUN,
)
def cluster_domain(world: World) -> Iterator[Breach]:
    """Every text of the model that holds a Service name is compared."""
    domain = world.get("cluster", "dns_domain")
    for zone in ("internal_zone", "public_zone"):
        text = world.maybe("dns", zone)
        if text is not None and (text == domain or text.endswith(f".{domain}")):
            yield Breach(
                ("cluster", "dns_domain"),
                f"dns_domain {domain} holds the zone {text} (homeops_dns.{zone}).",
                "cluster.local",
            )
            break
    for path, text in _texts(world.clean, ()):
        for found in _SVC.findall(text):
            if found.rstrip(".") != domain:
                yield Breach(path, f"The name ends in .svc.{found}, the cluster's domain is {domain}.", domain)


@check(
    "TAL005",
    ERROR,
    "talos",
    ("talos", "platform"),
    rule="Longhorn's disk is exactly one of the user volumes.",
    why="Longhorn would write to a directory of the system disk (EPHEMERAL), which every reset erases.",
    broken="storage.user_volume: ssd, user volume longhorn-ssd",
    right="storage.user_volume: longhorn-ssd (mounted at /var/mnt/longhorn-ssd)",
    ground="siderolabs/talos v1.10 reference 'UserVolumeConfig'",
)
def user_volumes(world: World) -> Iterator[Breach]:
    """Two volumes of one name, or on one disk expression, are two mechanisms for one disk."""
    volumes = list(world.entries("talos", "user_volumes"))
    for key in ("name", "match"):
        seen: set[str] = set()
        for path, volume in volumes:
            value = volume.get(key)
            if value in seen:
                yield Breach((*path, key), f"Another user volume has the {key} {value} too.")
            elif value is not None:
                seen.add(value)
    names = [str(world.raw((*path, "name"))) for path, volume in volumes]
    world.get("talos", "user_volumes")
    wanted = world.get("storage", "user_volume")
    if wanted not in names:
        yield Breach(
            ("storage", "user_volume"),
            f"homeops_talos.user_volumes has no volume {wanted}.",
            names[0] if len(names) == 1 else None,
        )


@check(
    "TAL006",
    ERROR,
    "talos",
    _TALOS,
    rule="Disks of user volumes are chosen by an expression, never by a path with a wildcard.",
    why="Talos takes a device path as it is: one with a wildcard matches nothing, and the volume is never made.",
    broken="match: /dev/disk/by-id/usb-Samsung_Portable_SSD_T5*",
    right='match: disk.model == "Portable SSD T5"',
    ground="siderolabs/talos v1.10 reference 'UserVolumeConfig' (CEL), 'machine.disks'",
)
def disk_expressions(world: World) -> Iterator[Breach]:
    """The expression is CEL over the variable disk. Keys of the machine config are no keys of homeops_talos."""
    for problem in world.claimed("TAL006"):
        yield Breach(
            problem.path,
            f"{problem.path[-1]} is no key of the model: user volumes are documents of their own.",
            "homeops_talos.user_volumes",
        )
    for path, volume in world.entries("talos", "user_volumes"):
        match = volume.get("match")
        if match is None:
            continue
        if match.lstrip().startswith("/") or not re.search(r"\b(?:disk\.|system_disk)", match):
            yield Breach(
                (*path, "match"),
                f"{match!r} is not an expression over disk.",
                'such as disk.model == "Portable SSD T5"',
            )


@check(
    "TAL007",
    ERROR,
    "talos",
    _TALOS,
    rule="An extension's service is configured by a document of its own, and only when the extension is there.",
    why="Without its document the lldpd service keeps failing and the nodes reboot from time to time.",
    broken="extension siderolabs/lldpd without lldpd_config; homeops_talos.files",
    right="extension siderolabs/lldpd with lldpd_config (rendered as an ExtensionServiceConfig)",
    ground="siderolabs/talos v1.10 reference 'ExtensionServiceConfig'; read in a real home-lab",
)
def extension_services(world: World) -> Iterator[Breach]:
    """The extension is called lldpd; ext-lldpd is the name of its service."""
    for problem in world.claimed("TAL007"):
        yield Breach(
            problem.path,
            f"{problem.path[-1]} is no key of the model: it does not reach an extension's service.",
            "homeops_talos.lldpd_config",
        )
    extensions = world.texts("talos", "extensions")
    config = world.raw(("talos", "lldpd_config"))
    world.get("talos", "extensions")
    present = any(name.endswith("/lldpd") for path, name in extensions)
    if present and config is None:
        yield Breach(
            ("talos", "extensions"),
            "The extension lldpd is installed, but there is no lldpd_config.",
            "lldpd_config: the text of lldpd.conf",
        )
    if config is not None and not present:
        yield Breach(
            ("talos", "lldpd_config"),
            "There is a lldpd_config, but the extension lldpd is not installed.",
            "siderolabs/lldpd in extensions",
        )
    for path, name in extensions:
        if name.rpartition("/")[2].startswith("ext-"):
            yield Breach(path, f"{name} is the name of a service, not of an extension.", name.replace("/ext-", "/"))


@check(
    "TAL009",
    ERROR,
    "talos",
    ("talos", "kubernetes"),
    rule="Kubelet settings are fields of its configuration.",
    why="The kubelet does not start with a flag or a field that it does not know, and the node stays NotReady.",
    broken="kubelet_extra_config: {shutdown-grace-period: 30s}",
    right="kubelet_extra_config: {shutdownGracePeriod: 30s}",
    ground="k8s.io/kubelet v0.31 to v0.34 config/v1beta1/types.go; siderolabs/talos v1.10 pkg/machinery/kubelet",
)
def kubelet_fields(world: World) -> Iterator[Breach]:
    """Flags are not offered at all: each of them that still exists has a field. Some fields Talos keeps for itself."""
    for problem in world.claimed("TAL009"):
        yield Breach(problem.path, "The model has no kubelet flags.", "homeops_talos.kubelet_extra_config")
    for key in world.get("talos", "kubelet_extra_config"):
        path = ("talos", "kubelet_extra_config", str(key))
        if key in TALOS_OWN:
            yield Breach(path, f"Talos sets the kubelet's {key} itself and refuses another value.", "remove it")
        elif key not in KUBELET_FIELDS:
            camel = re.sub(r"-+([a-z])", lambda match: match.group(1).upper(), str(key).strip("-"))
            yield Breach(
                path,
                f"The kubelet's configuration has no field {key}.",
                camel if camel in KUBELET_FIELDS else nearest(camel, KUBELET_FIELDS),
            )


@check(
    "TAL012",
    WARN,
    "talos",
    ("talos", "platform"),
    rule="Pods and Services have one address family while Longhorn is in use.",
    why="Longhorn up to 1.10 does not support dual stack: engines that meet on the other one leave volumes detached.",
    broken="ipv6_enabled: true with longhorn 1.10.1",
    right="ipv6_enabled: false",
    ground="longhorn/longhorn#11531, #13050",
)
def dual_stack_longhorn(world: World) -> Iterator[Breach]:
    """Judged for Longhorn up to 1.10; for a later version read its notes."""
    match = re.match(r"v?(\d+)\.(\d+)", world.maybe("versions", "longhorn", default=""))
    if world.dual_stack and match and (int(match.group(1)), int(match.group(2))) <= (1, 10):
        yield Breach(
            ("networks", "ipv6_enabled"),
            f"IPv6 is enabled beside IPv4, and Longhorn is {world.get('versions', 'longhorn')}.",
            "false",
        )


@check(
    "MOD008",
    ERROR,
    "talos",
    ("talos", "kubernetes", "bgp"),
    rule="Timers that belong together have the right order.",
    why="The program that is given both refuses to start with them, or gives up sessions and leadership without need.",
    broken="keepalive_seconds 30, hold_seconds 9",
    right="keepalive_seconds 30, hold_seconds 90",
    ground="etcd server/embed/config.go; k8s.io/component-base leader election; RFC 4271; CRDs of Cilium 1.18",
)
def timers(world: World) -> Iterator[Breach]:
    """BGP: keepalive at most a third of hold. etcd: election at least five heartbeats. Leases: duration above renewal
    above retry. Kubelet: the critical pods' share lies within the whole grace period."""
    hold, keepalive = world.maybe("bgp", "hold_seconds"), world.maybe("bgp", "keepalive_seconds")
    if hold is not None and keepalive is not None and keepalive * 3 > hold:
        text = f"hold_seconds {hold} is less than three times keepalive_seconds {keepalive}."
        yield Breach(("bgp", "hold_seconds"), text, str(keepalive * 3), severity=ERROR if keepalive > hold else WARN)
    args = ("talos", "etcd_extra_args")
    election, beat = _whole(world.maybe(*args, "election-timeout")), _whole(world.maybe(*args, "heartbeat-interval"))
    if election and beat and election < 5 * beat:
        yield Breach(
            (*args, "election-timeout"),
            f"election-timeout {election} is less than five times heartbeat-interval {beat}.",
            str(5 * beat),
        )
    chain = ("leader-elect-lease-duration", "leader-elect-renew-deadline", "leader-elect-retry-period")
    for longer, shorter in pairwise(chain):
        one, other = (seconds(world.maybe("talos", "leader_election", key)) for key in (longer, shorter))
        if one is not None and other is not None and one <= other:
            yield Breach(("talos", "leader_election", longer), f"{longer} is not longer than {shorter}.")
    kubelet = ("talos", "kubelet_extra_config")
    whole, critical = (seconds(world.maybe(*kubelet, f"shutdownGracePeriod{end}")) for end in ("", "CriticalPods"))
    if whole is not None and critical is not None and critical > whole:
        yield Breach(
            (*kubelet, "shutdownGracePeriodCriticalPods"),
            "shutdownGracePeriodCriticalPods is longer than shutdownGracePeriod.",
        )


def seconds(text: object) -> float | None:
    """Return a Go duration (``1m30s``) in seconds, None when the text is none."""
    if not isinstance(text, str) or not re.fullmatch(r"(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+", text):
        return None
    return sum(float(amount) * _UNITS[unit] for amount, unit in re.findall(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)", text))


def _whole(text: object) -> int | None:
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,9}", text) else None


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield path and text of every text below a value."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
