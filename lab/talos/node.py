# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated node: what it stores, what it shows, and its power switch.

The life cycle (boot, install, reboot, ...) is in :mod:`.sequences`, etcd's start in :mod:`.membership`, the API in
:mod:`.server` and its neighbours.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from . import readiness, sequences, workloads
from .cluster import Cluster
from .documents import Config, dig, parse
from .etcd import Etcd, Member
from .events import Events
from .faults import Faults
from .server import Listener
from .services import Service, ServiceEvent, Services
from .spec import Delays, Disk, NodeSpec

STAGES = (
    "unknown",
    "booting",
    "installing",
    "maintenance",
    "running",
    "rebooting",
    "shutting down",
    "resetting",
    "upgrading",
)


@dataclass
class Storage:
    """What survives a power loss: disks and firmware."""

    installed: bool = False
    version: str = ""
    schematic: str = ""
    extensions: list[str] = field(default_factory=list)
    system_disk: str = ""
    meta: dict[int, bytes] = field(default_factory=dict)
    state: bytes | None = None
    """The config on the STATE partition."""
    etcd: Etcd | None = None
    member: Member | None = None
    """The etcd data on EPHEMERAL, ``None`` when the data directory is empty."""
    recovery_snapshot: bytes = b""
    """What EtcdRecover left on EPHEMERAL, until an etcd has started from it."""
    ephemeral: bool = False
    user_volumes: dict[str, str] = field(default_factory=dict)
    """Provisioned user volumes: name to the kernel name of the disk."""
    staged_upgrade: str = ""
    fallback: tuple[str, str, list[str]] | None = None
    """The other A/B boot entry: version, schematic, extensions."""


class Node:
    """One node. ``on_change(node, what)`` is told changes of "stage", "etcd", "kubernetes" and "config"."""

    def __init__(
        self,
        spec: NodeSpec,
        cluster: Cluster,
        delays: Delays | None = None,
        on_change: Callable[[Node, str], None] | None = None,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.cluster = cluster
        self.delays = delays or Delays()
        self.on_change = on_change or (lambda node, what: None)
        self.faults = Faults()
        self.storage = Storage(version=spec.talos_version, schematic=spec.schematic, extensions=list(spec.extensions))
        self.powered = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.state = "off"
        self.boot_id = ""
        self.boot_time = 0.0
        self.active: Config | None = None
        self.maintenance: Config | None = None
        self.pending_config: asyncio.Future[Config] | None = None
        self.try_timer: asyncio.TimerHandle | None = None
        self.try_previous: Config | None = None
        self.events = Events()
        self.services = Services(self._service_changed)
        self.log: list[tuple[float, str]] = []
        self.etcd_up = False
        self.static_pods_up = False
        self.pods: dict[str, str] = {}
        self.kubelet_image = ""
        self.workloads_task: asyncio.Task[None] | None = None
        self.moments: list[str] = []
        self.sequence = ""
        self.sequence_task: asyncio.Task[None] | None = None
        self.etcd_task: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.listener = Listener(self)
        self.watchers: set[asyncio.Event] = set()
        self.booted = False
        self._ready = False
        self._off: asyncio.Task[None] | None = None
        self.faults.changed = self.poke
        self._seen: tuple[Any, ...] = ()
        self._shown: tuple[list[str], dict[str, str]] = ([], {})
        self.published: tuple[Any, ...] = ()
        cluster.register(self)

    # -- what the lab reads ----------------------------------------------------------------------------------------
    @property
    def configured(self) -> bool:
        """Whether STATE holds a complete config."""
        return self.storage.state is not None

    @property
    def installed(self) -> bool:
        """Whether Talos is on the system disk."""
        return self.storage.installed

    @property
    def machine_config(self) -> dict[str, Any] | None:
        """The active v1alpha1 config."""
        return self.active.v1alpha1 if self.active else None

    @property
    def machine_type(self) -> str:
        """``controlplane``, ``worker``, or empty."""
        return self.active.machine_type if self.active else ""

    @property
    def control_plane(self) -> bool:
        """Whether the active config makes it a control plane."""
        return self.machine_type == "controlplane"

    @property
    def hostname(self) -> str:
        """The configured hostname, else the stable one that Talos derives from the node's identity."""
        configured = dig(self.machine_config, "machine.network.hostname")
        return str(configured).split(".", maxsplit=1)[0] if configured else self.default_hostname

    @property
    def default_hostname(self) -> str:
        """The name DHCP gives the node."""
        return self.spec.name

    @property
    def targets(self) -> set[str]:
        """Everything under which other nodes may address it."""
        return {self.spec.listen, self.spec.address, self.hostname}

    @property
    def kubelet_version(self) -> str:
        """The tag of the image that its kubelet runs, ``v1.31.1``."""
        return workloads.tag(self.kubelet_image)

    @property
    def etcd_voter(self) -> bool:
        """Whether its etcd runs with a vote."""
        return self.etcd_up and self.storage.member is not None and not self.storage.member.learner

    @property
    def kubernetes_up(self) -> bool:
        """Whether its kube-apiserver answers: static pods run and etcd has quorum."""
        etcd = self.storage.etcd
        up = self.static_pods_up and self.pods.get(workloads.API_SERVER) and self.etcd_up
        return bool(up) and not workloads.crashes(self, workloads.API_SERVER) and etcd is not None and etcd.quorum

    @property
    def kubernetes_ready(self) -> bool:
        """Whether Kubernetes calls the node Ready; set by the lab."""
        return self._ready

    @kubernetes_ready.setter
    def kubernetes_ready(self, value: bool) -> None:
        if self._ready is not value:
            self._ready = value
            self.poke()

    @property
    def api_up(self) -> bool:
        """Whether the configured API listens."""
        return self.listener.configured

    @property
    def disks(self) -> list[Disk]:
        """The disks it sees."""
        return [disk for disk in self.spec.disks if disk.name not in self.faults.missing_disks]

    @property
    def time_synced(self) -> bool:
        """Whether NTP answered (or time sync is disabled)."""
        return not self.faults.time_not_synced or bool(dig(self.machine_config, "machine.time.disabled"))

    @property
    def persistent(self) -> Config | None:
        """The config on STATE, decoded."""
        return parse(self.storage.state) if self.storage.state is not None else None

    def unmet(self) -> list[tuple[str, str]]:
        """The unmet readiness conditions as (name, reason)."""
        return readiness.unmet(self)

    def snapshot(self) -> dict[str, Any]:
        """The node as plain data, for ``lab status``."""
        member = self.storage.member
        return {
            "name": self.name,
            "hostname": self.hostname,
            "listen": f"{self.spec.listen}:{self.spec.port}",
            "address": self.spec.address,
            "powered": self.powered,
            "stage": self.state,
            "sequence": self.sequence,
            "configured": self.configured,
            "installed": self.installed,
            "version": self.storage.version,
            "schematic": self.storage.schematic,
            "boot_id": self.boot_id,
            "pending_reboot": bool(self.active and self.storage.state not in (None, self.active.raw)),
            "try_window": self.try_timer is not None,
            "spki_pin": self.listener.spki,
            "etcd": None if member is None else {"id": member.hex_id, "learner": member.learner, "up": self.etcd_up},
            "kubernetes_up": self.kubernetes_up,
            "kubernetes_ready": self.kubernetes_ready,
            "kubernetes": {
                **{pod: workloads.tag(image) for pod, image in self.pods.items() if self.static_pods_up},
                "kubelet": self.kubelet_version,
            },
            "moments": len(self.moments),
            "last_moment": self.moments[-1] if self.moments else "",
            "services": {service.id: service.state for service in self.services},
            "unmet": [{"name": name, "reason": reason} for name, reason in self.unmet()],
        }

    # -- power -----------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Power on; returns when the API listens (or after the boot delay, when a fault keeps it from listening)."""
        if self.powered:
            return
        if self._off is not None:  # it is just going dark
            await asyncio.wait({self._off})
            self._off = None
        self.loop = asyncio.get_running_loop()
        self.powered = True
        await sequences.power_on(self, self.delays.boot)

    async def stop(self) -> None:
        """Cut the power, at once: connections are reset, memory is lost, disks stay."""
        self.powered = False
        await sequences.power_off(self)

    def lose_power(self) -> None:
        """Cut the power from within a call or sequence."""
        self.powered = False
        self.listener.abort()
        self._off = self.spawn(sequences.power_off(self), keep=True)

    def dies_at(self, moment: str) -> bool:
        """Whether the fault ``die_at`` or ``die_after`` strikes at this moment; then the power is gone."""
        if not self.powered:
            return True
        self.moments.append(moment)
        strikes = self.faults.die_at == moment
        if self.faults.die_after > 0:
            self.faults.die_after -= 1
            strikes = strikes or self.faults.die_after == 0
        if not strikes:
            return False
        self.faults.die_at = ""
        self.faults.die_after = 0
        self.say(f"[lab] power lost at {moment}")
        self.lose_power()
        return True

    async def dies_in(self, moment: str) -> None:
        """The same within a sequence, which ends there: the loss of power cancels it."""
        if self.dies_at(moment):
            await asyncio.Event().wait()

    # -- changes ---------------------------------------------------------------------------------------------------
    def spawn(self, work: Coroutine[Any, Any, Any], keep: bool = False) -> asyncio.Task[Any]:
        """Run something beside; it is cancelled with the power unless ``keep``."""
        task = asyncio.ensure_future(work)
        if not keep:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return task

    def say(self, text: str) -> None:
        """A line of the kernel log."""
        self.log.append((time.time(), text))

    def new_boot(self) -> None:
        """Forget everything that lives in memory."""
        self.boot_id, self.boot_time = str(uuid.uuid4()), time.time()
        self.active = self.maintenance = None
        self.events = Events()
        self.services = Services(self._service_changed)
        self.log = []
        self.etcd_up = self.static_pods_up = self.booted = self._ready = False
        self.pods, self.kubelet_image = {}, ""
        self.drop_try()
        self.say(f"[talos] [initramfs] booting Talos {self.storage.version}")

    def drop_try(self) -> None:
        """Cancel the timer of a TRY window; the tried config stays active."""
        if self.try_timer is not None:
            self.try_timer.cancel()
        self.try_timer = self.try_previous = None

    def set_stage(self, stage: str) -> None:
        """Enter a machine stage."""
        if self.state == stage:
            return
        self.state = stage
        self.say(f"[talos] machine stage: {stage}")
        self.tell("stage")

    def set_active(self, config: Config | None) -> None:
        """Make a config the active one."""
        self.active = config
        sequences.provision(self)
        self.tell("config")
        workloads.follow(self)

    def tell(self, what: str) -> None:
        """Something changed: tell the lab, the cluster and the watchers."""
        self.on_change(self, what)
        self.cluster.changed()

    def poke(self) -> None:
        """Something was set from outside, perhaps by another thread: everyone looks again."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self.loop is not None and not self.loop.is_closed():
                self.loop.call_soon_threadsafe(self.cluster.changed)
        else:
            self.cluster.changed()

    def refresh(self) -> None:
        """Re-derive what depends on others, and wake the watchers."""
        for name in self.faults.hung:
            if self.services.get(name) is not None:
                self.services.health(name, False, "context deadline exceeded")
        shown = (list(self.faults.missing_disks), dict(self.faults.foreign_disks))
        if shown != self._shown:  # the volume manager tries again when a disk appears, or loses what it held
            self._shown = shown
            sequences.provision(self)
        kubernetes = self.kubernetes_up
        if self._seen and self._seen[0] != kubernetes:
            self._seen = (kubernetes,)
            self.on_change(self, "kubernetes")
        self._seen = (kubernetes,)
        readiness.publish(self)
        store = self.listener.api.state.store  # rendered on every change, so that versions count the changes
        store.listing("runtime", "MachineStatuses.runtime.talos.dev")
        store.listing("config", "MachineConfigs.config.talos.dev")
        for watcher in list(self.watchers):
            watcher.set()

    def _service_changed(self, service: Service, event: ServiceEvent) -> None:
        health: dict[str, Any] = {"unknown": service.healthy is None, "healthy": service.healthy is True}
        self.events.publish(
            "ServiceStateEvent", service=service.id, action=event.state, message=event.text, health=health
        )
        self.say(f"[talos] service[{service.id}]({readiness.state_name(event.state)}): {event.text}")
        self.cluster.changed()
