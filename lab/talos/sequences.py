# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's sequences: boot, install, reboot, shutdown, reset, upgrade, and the lock between them.

Names, phases and the takeover rule follow siderolabs/talos v1.10 ``internal/app/machined/pkg/runtime``: a refused
sequence shows only as a SequenceEvent with error LOCKED, the call that asked for it is still OK.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import hardware, membership, workloads
from .documents import Config, dig
from .services import PREPARING, WAITING

if TYPE_CHECKING:
    from .node import Node

log = logging.getLogger(__name__)
NOOP, START, STOP = 0, 1, 2
FATAL, LOCKED = 0, 1
SETTLE = 0.1
"""Seconds between an answer and the moment its sequence takes the API down."""

_TAKEOVER = {
    "boot": (),
    "reboot": ("boot", "reboot", "reset"),
    "reset": ("boot",),
    "upgrade": ("boot",),
    "stageUpgrade": ("boot",),
    "maintenanceUpgrade": ("boot",),
}


class SequenceFailed(Exception):
    """A sequence that ended with an error; Talos then reboots."""


def begin(
    node: Node, name: str, work: Callable[[], Coroutine[Any, Any, None]], actor: str = "", takeover: bool = False
) -> bool:
    """Start a sequence; false (and a LOCKED event) when another one holds the lock."""
    if node.sequence and not takeover and node.sequence not in _TAKEOVER.get(name, ()):
        node.say(f"[talos] {name} failed: locked")
        node.events.publish(
            "SequenceEvent",
            sequence=name,
            action=NOOP,
            error={"code": LOCKED, "message": "sequence not started: locked"},
        )
        return False
    previous = node.sequence_task
    node.sequence = name
    node.sequence_task = asyncio.ensure_future(_run(node, name, work, actor, previous))
    return True


async def _run(
    node: Node,
    name: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    actor: str,
    previous: asyncio.Task[None] | None,
) -> None:
    if previous is not None and not previous.done():
        previous.cancel()
    node.events.publish("SequenceEvent", actor, sequence=name, action=START)
    node.say(f"[talos] {name} sequence: started")
    try:
        await work()
    except SequenceFailed as error:
        node.say(f"[talos] {name} sequence: failed: {error}")
        node.events.publish(
            "SequenceEvent",
            actor,
            sequence=name,
            action=NOOP,
            error={"code": FATAL, "message": f"sequence failed: {error}"},
        )
        again(node)
        return
    except Exception:
        log.exception("%s: the %s sequence broke", node.name, name)
        raise
    finally:
        if node.sequence_task is asyncio.current_task():
            node.sequence = ""
    node.events.publish("SequenceEvent", actor, sequence=name, action=STOP)


async def phase(node: Node, name: str, actor: str, seconds: float = 0.0, task: str = "") -> None:
    """One phase, with its two events, and those of its task when it has a name."""
    await node.dies_in(f"phase:{name}")
    node.events.publish("PhaseEvent", actor, phase=name, action=0)
    if task:
        node.events.publish("TaskEvent", actor, task=task, action=0)
    if seconds:
        await asyncio.sleep(seconds)
    if task:
        node.events.publish("TaskEvent", actor, task=task, action=1)
    node.events.publish("PhaseEvent", actor, phase=name, action=1)


# -- power -------------------------------------------------------------------------------------------------------------
async def power_on(node: Node, delay: float) -> None:
    """Boot; returns when the API listens, or when the node got stuck before that."""
    listening = asyncio.Event()
    begin(node, "boot", lambda: boot(node, delay, listening), takeover=True)
    task = node.sequence_task
    assert task is not None
    waiter = asyncio.ensure_future(listening.wait())
    limit = delay + node.faults.boot_extra + 5
    await asyncio.wait({task, waiter}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if task.done() and not task.cancelled():
        task.result()  # a port that is taken is the caller's to know


async def power_off(node: Node) -> None:
    """Everything stops at once."""
    if node.sequence_task is not None and node.sequence_task is not asyncio.current_task():
        node.sequence_task.cancel()
    node.sequence = ""
    node.listener.abort()
    await down(node)
    node.active = node.maintenance = None
    node.state = "off"
    node.tell("stage")


async def down(node: Node) -> None:
    """Memory is lost: processes, timers and connections."""
    node.drop_try()
    for task in list(node.tasks):
        if task is not asyncio.current_task():
            task.cancel()
    was = node.etcd_up
    node.etcd_up = node.static_pods_up = node.booted = False
    await node.listener.close()
    if was:
        node.tell("etcd")


def again(node: Node) -> None:
    """Boot again, after the reboot delay."""
    begin(node, "boot", lambda: boot(node, node.delays.reboot, None), takeover=True)


# -- boot --------------------------------------------------------------------------------------------------------------
async def boot(node: Node, delay: float, listening: asyncio.Event | None) -> None:
    """From firmware to running: maintenance first when STATE holds no complete config."""
    await down(node)
    node.new_boot()
    node.state = "off"
    await asyncio.sleep(delay + node.faults.boot_extra)
    while node.faults.stuck_in_boot:
        await node.cluster.wait()
    node.set_stage("booting")
    if node.dies_at("boot"):
        return
    if node.storage.staged_upgrade:
        image, node.storage.staged_upgrade = node.storage.staged_upgrade, ""
        await asyncio.sleep(node.delays.upgrade)
        hardware.write_image(node, image)
        again(node)
        return
    for name in ("machined", "udevd", "syslogd", "auditd", "containerd", "dashboard"):
        node.services.add(name, checked=name not in ("auditd", "dashboard"))
        node.services.run(name)
    config = node.persistent
    if config is None or config.v1alpha1 is None:
        config = await maintenance(node, listening)
        if not node.storage.installed:
            await install(node, config)
            return
        node.storage.state = config.raw
    await node.dies_in("write:STATE")
    await configured_boot(node, config, listening)


async def maintenance(node: Node, listening: asyncio.Event | None) -> Config:
    """Serve the maintenance API until a complete config was sent."""
    await node.listener.open_maintenance()
    node.set_stage("maintenance")
    if listening is not None:
        listening.set()
    while True:
        node.pending_config = asyncio.get_running_loop().create_future()
        config = await node.pending_config
        node.maintenance = config
        if config.v1alpha1 is not None:
            break
        node.set_active(config)
    await asyncio.sleep(SETTLE)  # the answer leaves before the listener closes
    await node.listener.close()
    node.maintenance = None
    node.set_active(config)
    return config


async def install(node: Node, config: Config) -> None:
    """Write Talos to the system disk, then reboot into it."""
    begin_install = asyncio.current_task()
    node.sequence = "install"
    node.set_stage("installing")
    node.events.publish("SequenceEvent", sequence="install", action=START)
    await phase(node, "install", "", node.delays.install)
    if node.dies_at("install"):
        return
    disk = hardware.install_disk(node, config)
    if disk is None or node.faults.install_fails:
        raise SequenceFailed(
            node.faults.install_fails or "error running phase 2 in install sequence: task 1/1: failed, no disk found"
        )
    image = str(dig(config.v1alpha1, "machine.install.image") or f"ghcr.io/siderolabs/installer:{node.storage.version}")
    try:
        hardware.pull(node, image)
    except hardware.ImageError as error:
        raise SequenceFailed(f"error running phase 7 in install sequence: task 1/1: failed, {error}") from None
    hardware.format_system_disk(node, disk)
    hardware.write_image(node, image)
    node.storage.state = config.raw
    node.events.publish("SequenceEvent", sequence="install", action=STOP)
    node.set_stage("rebooting")
    if node.sequence_task is begin_install:
        again(node)


async def configured_boot(node: Node, config: Config, listening: asyncio.Event | None) -> None:
    """Start the configured API and the services, and wait until all of them are up."""
    node.storage.ephemeral = True
    node.set_active(config)
    node.set_stage("booting")
    await node.listener.open_configured()
    if listening is not None:
        listening.set()
    names = ["apid", "cri", "kubelet"]
    checked = {"apid": True, "cri": True, "kubelet": True}
    if node.control_plane:
        names += ["trustd", "etcd"]
        checked |= {"trustd": True, "etcd": True}
    for name in names:
        node.services.add(name, checked[name])
    node.services.run("apid")
    if node.control_plane:
        node.services.run("trustd")
    node.services.move("kubelet", WAITING, 'Waiting for service "cri" to be "up", time sync, network')
    await asyncio.sleep(node.delays.services)
    while not node.time_synced:
        await node.cluster.wait()
    await node.dies_in("service:cri")
    node.services.run("cri")
    node.kubelet_image = workloads.wanted_kubelet(node)
    node.services.run("kubelet", healthy=not node.faults.kubelet_unhealthy)
    for extension in node.storage.extensions:
        hardware.start_extension(node, extension)
    node.booted = True
    if node.control_plane:
        node.services.move("etcd", PREPARING, "Running pre state")
        node.etcd_task = node.spawn(membership.run(node))
    node.cluster.changed()
    while not all(node.services[name].up for name in names):
        await node.cluster.wait()
    await node.dies_in("stage:running")
    node.set_stage("running")


def provision(node: Node) -> None:
    """Bring the user volumes to what the active config asks for."""
    hardware.provision_user_volumes(node)


# -- the way down ------------------------------------------------------------------------------------------------------
async def _stop_services(node: Node, actor: str, everything: bool = True) -> None:
    if everything:
        await phase(node, "stopEverything", actor, task="stopAllServices")
    else:
        await phase(node, "stopServices", actor)
    was = node.etcd_up
    node.etcd_up = node.static_pods_up = False
    node.services.stop_all(keep=("machined", "apid"))
    if was:
        node.tell("etcd")
    await asyncio.sleep(SETTLE)


async def reboot(node: Node, actor: str) -> None:
    """Stop pods and services and boot again; no drain and no look at etcd, as in Talos."""
    node.set_stage("rebooting")
    await phase(node, "cleanup", actor, SETTLE)
    await _stop_services(node, actor)
    if node.dies_at("reboot"):
        return
    again(node)


async def shutdown(node: Node, actor: str) -> None:
    """Stop everything and cut the power."""
    node.set_stage("shutting down")
    await phase(node, "cleanup", actor, SETTLE)
    await _stop_services(node, actor)
    await _turn_off(node)


async def _turn_off(node: Node) -> None:
    await node.listener.close()
    node.powered = False
    await power_off(node)


async def reset(
    node: Node,
    actor: str,
    *,
    graceful: bool,
    reboots: bool,
    labels: list[str],
    whole: bool,
    user_disks: list[str],
) -> None:
    """Wipe partitions, the whole system disk or user disks; then reboot, or power off."""
    node.set_stage("resetting")
    await phase(node, "cleanup", actor, SETTLE)
    if graceful and node.storage.member is not None:
        await phase(node, "leave", actor)
        with suppress(membership.EtcdError):
            membership.leave(node)
    await _stop_services(node, actor)
    if node.dies_at("reset"):
        return
    await phase(node, "reset", actor)
    for name in user_disks:
        await node.dies_in(f"write:{name}")
        hardware.wipe_disk(node, name)
    if whole:
        hardware.wipe_system_disk(node)
    for label in labels:
        await node.dies_in(f"write:{label}")
        hardware.wipe_volume(node, label)
    if reboots:
        again(node)
    else:
        await _turn_off(node)


async def upgrade(node: Node, actor: str, image: str) -> None:
    """Drain, stop, write the new image beside the old one, boot it. Does not leave etcd."""
    node.set_stage("upgrading")
    await phase(node, "drain", actor)
    await phase(node, "cleanup", actor, SETTLE)
    await _stop_services(node, actor, everything=False)
    await phase(node, "upgrade", actor, node.delays.upgrade)
    if node.dies_at("upgrade"):
        return
    if node.faults.install_fails:
        raise SequenceFailed(
            f"error running phase 8 in upgrade sequence: task 1/1: failed, {node.faults.install_fails}"
        )
    hardware.write_image(node, image)
    await node.dies_in("write:image")
    await phase(node, "stopEverything", actor, SETTLE, task="stopAllServices")
    again(node)


async def stage_upgrade(node: Node, actor: str, image: str) -> None:
    """Remember the image and reboot; the next boot writes it."""
    node.storage.staged_upgrade = image
    await reboot(node, actor)
