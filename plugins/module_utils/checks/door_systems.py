# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of nodes, of the VIP and of credentials before a run; no I/O, see ``doors``."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from ..model.schema import Path
from ..model.world import World
from .doors import Node
from .live import need
from .registry import DOORS, ERROR, WARN, Breach, check

_TALOS = ("talos", "kubernetes")
_MINOR = re.compile(r"v?(\d+)\.(\d+)\.")
#: Seconds: from here on a clock is told, from here on it stops the run.
CLOCK_WARN, CLOCK_ERROR = 5.0, 60.0
#: A credential that has less left is told.
SOON = datetime.timedelta(days=30)


def nodes_of(case: Any) -> list[Node]:
    """Return the nodes that were asked.

    :raises Absent: none was.
    """
    return list(need(case.doors.nodes, "nodes"))


def path_of(world: World | None, name: str, key: str = "address") -> Path:
    """Return where the model says something of a node."""
    for path, entry in world.entries("nodes") if world else ():
        if entry.get("name") == name:
            return (*path, key)
    return ("nodes",)


def sentence(text: str) -> str:
    """Return a text as one sentence on one line."""
    words = " ".join(text.split()).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


@check(
    "LIV001",
    ERROR,
    "talos",
    _TALOS,
    rule="Every node answers, in maintenance or as a node of this cluster.",
    why="A cluster with a node too few would be bootstrapped, and a node of another cluster would never join it.",
    broken="a node that is switched off, or one that runs with the config of another cluster",
    right="three nodes that wait in maintenance, or run with this cluster's config",
    ground="verified by running against simulated nodes",
    scope=DOORS,
)
def answers(case: Any) -> Iterator[Breach]:
    """The certificate decides: that of the cluster's CA, or the one that a node in maintenance makes itself. A node
    that runs while the controller has neither a talosconfig nor a secrets bundle belongs to somebody else's cluster.
    One that does not answer may be booting when there is a talosconfig, and is awaited for preflight_live_patience
    seconds."""
    for node in nodes_of(case):
        trouble = node.trouble
        if trouble is None or (trouble.kind == "WrongCA" and case.doors.stranger):
            continue
        text = f"{node.name} cannot be used at {node.where}: {trouble.text}"
        yield Breach(path_of(case.model, node.name), sentence(text), use=trouble.remedy or None, of=f"node/{node.name}")


@check(
    "LIV002",
    ERROR,
    "talos",
    _TALOS,
    rule="At each address is the node that the model has there.",
    why="Each node would get the config of the other, with its name, while etcd goes on knowing it by the old one.",
    broken="addresses of mini01 and mini02 exchanged in homeops_nodes",
    right="the address at which a node with that name answers",
    ground="verified by running against simulated nodes",
    scope=DOORS,
)
def identity(case: Any) -> Iterator[Breach]:
    """A node in maintenance has no name yet. Another name that is none of the model's is only told: the node may be the
    one that is renamed."""
    seen = [node for node in nodes_of(case) if node.mode == "configured" and node.hostname]
    names = {node.name for node in nodes_of(case)}
    for node in seen:
        if node.hostname == node.name:
            continue
        severity = ERROR if node.hostname in names else WARN
        there = next((other.where for other in seen if other.hostname == node.name), "")
        text = f"The node at {node.where} calls itself {node.hostname}, and the model has {node.name} there."
        yield Breach(
            path_of(case.model, node.name), text, there.partition(":")[0] or None, "", severity, of=f"node/{node.name}"
        )


def _hardware(case: Any, node: Node) -> Any:
    """Return what the node's disks say to the selectors of the model, a ``talos.hardware.Report``."""
    # Whoever judges a model alone would import all of Talos' documents for nothing.
    from ..model import talos as patches
    from ..talos import hardware
    from ..talos.documents import Document

    world: World = need(case.model, "model")
    made: list[Any] = patches.patches(world.clean, node.name)
    machine: Any = {"machine": {"install": made[0]["machine"]["install"]}}
    config = [Document("", machine)]
    config += [Document(str(body["kind"]), body) for body in made[1:] if body.get("kind") == "UserVolumeConfig"]
    return hardware.check_hardware(
        config, node.disks, node.links, system_disk=node.system_disk, discovered=node.discovered
    )


@check(
    "LIV003",
    ERROR,
    "talos",
    ("talos",),
    rule="The selector of the install disk means exactly one disk of each node.",
    why="Talos takes the first disk that matches, and the other may hold data; without a match it installs nothing.",
    broken="install_disk_selector: {type: ssd} on a node with two SSDs",
    right="install_disk_selector: {model: APPLE*}",
    ground="read in siderolabs/talos v1.10.5 types/v1alpha1/v1alpha1_provider.go DiskMatchExpression",
    scope=DOORS,
)
def install_disk(case: Any) -> Iterator[Breach]:
    """Of a node that is installed already the disk is only compared with the one that Talos is on."""
    for node in nodes_of(case):
        for found in _hardware(case, node).findings if node.disks else ():
            if found.subject.startswith("machine.install"):
                severity = ERROR if found.severity == "error" and not node.system_disk else WARN
                text = sentence(f"on {node.name} {found.message}")
                yield Breach(("talos", "install_disk_selector"), text, None, "", severity, of=f"node/{node.name}")


@check(
    "LIV004",
    ERROR,
    "talos",
    ("talos",),
    rule="The selector of each user volume means exactly one disk of each node, never Talos' own, with room for it.",
    why="Talos never wipes a disk: without room the volume fails, the node is ready all the same, and Longhorn has no "
    "place; with two disks, one of them is overwritten.",
    broken='match: disk.transport == "usb" on a node with two USB disks, or a disk that holds a filesystem',
    right='match: disk.model == "Portable SSD T5", and that disk blank or with the volume on it',
    ground="read in siderolabs/talos v1.10 types/block and controllers/block/internal/volumes/disk.go, and "
    "https://github.com/siderolabs/talos/issues/10917; verified by running against simulated nodes",
    scope=DOORS,
)
def volume_disks(case: Any) -> Iterator[Breach]:
    """On a node that runs already it is told and does not stop the run: the disk may have been unplugged. What is on a
    disk is what Talos' own prober says, which knows no exFAT, no NTFS and no MBR table: a disk with nothing else looks
    blank to it, and it takes that one."""
    world: World = need(case.model, "model")
    paths = {entry.get("name"): (*path, "match") for path, entry in world.entries("talos", "user_volumes")}
    for node in nodes_of(case):
        for found in _hardware(case, node).findings if node.disks else ():
            kind, _space, name = found.subject.partition(" ")
            if kind == "UserVolumeConfig":
                severity = ERROR if found.severity == "error" and node.mode == "maintenance" else WARN
                text = sentence(f"on {node.name} {found.message}")
                path = paths.get(name, ("talos",))
                yield Breach(path, text, found.remedy or None, "", severity, of=f"node/{node.name}")


@check(
    "LIV005",
    ERROR,
    "talos",
    _TALOS,
    rule="Each node's clock agrees with the controller's.",
    why="Certificates made here are not valid yet on a node whose clock is behind, and etcd's leases depend on it.",
    broken="a node one hour behind, because its battery is empty and no time server answers",
    right="clocks within seconds of each other",
    ground="RFC 5280 4.1.2.5; verified by running against simulated nodes",
    scope=DOORS,
)
def clocks(case: Any) -> Iterator[Breach]:
    """A difference of a minute stops the run, one of seconds is told, and so is a node that does not synchronise. A
    node in maintenance cannot be asked for its time: there only a clock that is ahead is seen."""
    for node in nodes_of(case):
        if node.ahead is not None and abs(node.ahead) >= CLOCK_WARN:
            words = f"{abs(node.ahead):.0f} s {'ahead of' if node.ahead > 0 else 'behind'} the controller's"
            severity = ERROR if abs(node.ahead) >= CLOCK_ERROR else WARN
            text = f"The clock of {node.name} is {words}."
            use = "the right time on both; Talos asks machine.time.servers"
            yield Breach(path_of(case.model, node.name), text, use, "", severity, of=f"node/{node.name}")
        elif node.synced is False:
            text = f"The clock of {node.name} is not synchronised with a time server."
            yield Breach(path_of(case.model, node.name), text, None, "", WARN, of=f"node/{node.name}")


@check(
    "LIV006",
    ERROR,
    "addressing",
    _TALOS,
    rule="The VIP is free until the cluster runs, and then it is the cluster's own.",
    why="Two machines with one address take turns in answering; the API would be another machine at every second try.",
    broken="a printer at 172.29.51.10",
    right="an address at which nothing answers before the bootstrap",
    ground="read in siderolabs/talos v1.10 layer2 vip; verified by running against simulated nodes",
    scope=DOORS,
)
def vip(case: Any) -> Iterator[Breach]:
    """It is free when no connection is accepted on the ports of the API, of Talos, of SSH and of the web while every
    node is in maintenance. As soon as a node is configured, who answers as the API must have a certificate of the CA
    in the secrets bundle."""
    seen = need(case.doors.vip, "vip")
    nodes = nodes_of(case)
    if not seen.port:
        return
    if nodes and all(node.mode == "maintenance" for node in nodes):
        text = f"Somebody answers at {seen.where}, port {seen.port}, and no node is configured yet."
        yield Breach(("cluster", "vip"), text, "an address of the nodes' network that nobody has", of="vip")
    elif seen.ours is False:
        text = f"The API at {seen.where} is not this cluster's: {seen.answer}"
        yield Breach(("cluster", "vip"), sentence(text), None, of="vip")


@check(
    "LIV007",
    ERROR,
    "secrets",
    ("talos", "kubernetes", "cni", "gitops", "secrets", "bgp", "platform", "identity", "verify"),
    rule="Credentials that the run uses are valid, and stay so for a month.",
    why="The run would stop in the middle, where the system only hangs up and does not say why.",
    broken="a talosconfig whose client certificate ended yesterday",
    right="one that phase talos has written anew",
    ground="verified by running against simulated nodes",
    scope=DOORS,
)
def credentials(case: Any) -> Iterator[Breach]:
    """Looked at are the client certificates of talosconfig and kubeconfig, and the end that a Connect token may say of
    itself. What a phase of the same run makes anew is left to it."""
    for item in need(case.doors.credentials, "credentials"):
        of = "credentials"
        if item.trouble is not None:
            yield Breach((item.variable,), sentence(item.trouble.text), item.trouble.remedy or item.renew, of=of)
        elif item.expires is not None:
            left = item.expires - case.doors.now
            when = f"{item.expires:%Y-%m-%d %H:%M} UTC"
            if left <= datetime.timedelta():
                yield Breach((item.variable,), sentence(f"{item.what} expired at {when}"), item.renew, of=of)
            elif left < SOON:
                text = sentence(f"{item.what} ends in {left.days} days, at {when}")
                yield Breach((item.variable,), text, item.renew, "", WARN, of=of)


@check(
    "LIV008",
    WARN,
    "talos",
    ("talos",),
    rule="Nodes that run already have the model's minor version of Talos.",
    why="Phase talos changes the config of a node and never its version: that is what upgrade_talos.yml is for.",
    broken="versions.talos: v1.10.5 and a node that runs v1.9.6",
    right="equal minor versions, or an upgrade that is planned",
    ground="read in siderolabs/talos v1.10: an installer image is used at install and upgrade only",
    scope=DOORS,
)
def running_version(case: Any) -> Iterator[Breach]:
    """A node in maintenance runs whatever it was started from, and gets the model's version when it is installed."""
    wanted = need(case.model, "model").get("versions", "talos")
    for node in nodes_of(case):
        minors = [match.groups() for match in map(_MINOR.match, (node.version, wanted)) if match]
        if node.mode == "configured" and len(minors) == 2 and minors[0] != minors[1]:
            text = f"{node.name} runs Talos {node.version}, and the model says {wanted}."
            yield Breach(("versions", "talos"), text, node.version, of=f"node/{node.name}")
