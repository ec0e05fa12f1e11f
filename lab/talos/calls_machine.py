# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MachineService: version, apply, power, services, reset, upgrade, META, client configuration.

Facts: siderolabs/talos v1.10 ``internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go``.
"""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from typing import Any

from . import apply, hardware, identity, recovery, sequences
from .api import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNKNOWN,
    ApiError,
    Caller,
    Room,
    one,
)
from .documents import dig
from .services import FAILED, PREPARING, STATE_NAMES, Service

SHA = "e7a9ad54"
BUILT = "2025-06-18T15:05:08Z"
GO_VERSION = "go1.24.4"
TIME_SYNC_WAIT = 5.0


def version_answer(node: Any, features: bool = True) -> Any:
    """What ``Version`` says."""
    fields: dict[str, Any] = {
        "version": {
            "tag": node.storage.version,
            "sha": SHA,
            "built": BUILT,
            "go_version": GO_VERSION,
            "os": "linux",
            "arch": "amd64",
        },
        "platform": {"name": "metal", "mode": "metal"},
    }
    if features:
        fields["features"] = {"rbac": bool(dig(node.machine_config, "machine.features.rbac"))}
    return one("Version", **fields)


class MachineCalls(Room):
    """The calls of a configured node with one answer."""

    async def Version(self, request: Any, caller: Caller) -> Any:
        """Software versions."""
        return version_answer(self.node)

    async def ApplyConfiguration(self, request: Any, caller: Caller) -> Any:
        """Apply a machine config."""
        return apply.configured(self.node, request)

    async def Hostname(self, request: Any, caller: Caller) -> Any:
        """The hostname."""
        return one("Hostname", hostname=self.node.hostname)

    # -- power -----------------------------------------------------------------------------------------------------
    async def Reboot(self, request: Any, caller: Caller) -> Any:
        """Reboot; OK even when the sequence lock is held."""
        actor = str(uuid.uuid4())
        sequences.begin(self.node, "reboot", lambda: sequences.reboot(self.node, actor), actor)
        return one("Reboot", actor_id=actor)

    async def Shutdown(self, request: Any, caller: Caller) -> Any:
        """Power off."""
        actor = str(uuid.uuid4())
        sequences.begin(self.node, "shutdown", lambda: sequences.shutdown(self.node, actor), actor, takeover=True)
        return one("Shutdown", actor_id=actor)

    async def Rollback(self, request: Any, caller: Caller) -> Any:
        """Boot the other A/B entry."""
        node = self.node
        if hardware.system_disk(node) is None:
            raise ApiError(FAILED_PRECONDITION, "system disk not found")
        if node.storage.fallback is None:
            raise ApiError(UNKNOWN, "previous UKI not found")
        other = node.storage.fallback
        node.storage.fallback = (node.storage.version, node.storage.schematic, list(node.storage.extensions))
        node.storage.version, node.storage.schematic, node.storage.extensions = other[0], other[1], list(other[2])
        sequences.begin(node, "reboot", lambda: sequences.reboot(node, ""), takeover=True)
        return one("Rollback")

    async def Reset(self, request: Any, caller: Caller) -> Any:
        """Wipe; the checks come first, everything else happens in the sequence."""
        actor = str(uuid.uuid4())
        plan = self._reset_plan(request)
        sequences.begin(
            self.node,
            "reset",
            lambda: sequences.reset(self.node, actor, graceful=request.graceful, reboots=request.reboot, **plan),
            actor,
        )
        return one("Reset", actor_id=actor)

    def _reset_plan(self, request: Any) -> dict[str, Any]:
        everything, system_only, users_only = 0, 1, 2
        node, user_disks = self.node, list(request.user_disks_to_wipe)
        parts = list(request.system_partitions_to_wipe)
        prefix = "reset failed: invalid input, wipe mode"
        if user_disks:
            if request.mode == system_only:
                raise ApiError(UNKNOWN, f"{prefix} SYSTEM_DISK doesn't support UserDisksToWipe parameter")
            disks = {disk.path: disk for disk in node.disks}
            system = hardware.system_disk(node)
            for path in user_disks:
                if path not in disks:
                    raise ApiError(UNKNOWN, f"reset user disk failed: device {path} wasn't found")
                if disks[path].readonly:
                    raise ApiError(UNKNOWN, f"reset user disk failed: device {path} is readonly")
                if system is not None and path == system.path:
                    raise ApiError(UNKNOWN, f"reset user disk failed: device {path} is the system disk")
        if parts and request.mode == users_only:
            raise ApiError(UNKNOWN, f"{prefix} USER_DISKS doesn't support SystemPartitionsToWipe parameter")
        labels = []
        volumes = node.listener.api.state.store.volumes()
        for part in parts:
            volume = volumes.get(part.label)
            if volume is None:
                missing = f"resource VolumeStatuses.block.talos.dev(runtime/{part.label}@undefined) doesn't exist"
                raise ApiError(UNKNOWN, f'failed to get volume status with label "{part.label}": {missing}')
            if not volume.get("location"):
                raise ApiError(UNKNOWN, f'failed to reset: volume "{part.label}" is not located')
            if part.wipe:
                labels.append(part.label)
        whole = request.mode in (everything, system_only) and not parts
        return {"labels": labels, "whole": whole, "user_disks": user_disks}

    async def Upgrade(self, request: Any, caller: Caller) -> Any:
        """Check the image and etcd, then start the sequence."""
        node, actor = self.node, str(uuid.uuid4())
        try:
            hardware.pull(node, request.image)
        except hardware.ImageError as error:
            raise ApiError(UNKNOWN, f'error validating installer image "{request.image}": {error}') from None
        if node.control_plane and not request.force:
            self._check_etcd()
        if request.stage:
            work, name = sequences.stage_upgrade, "stageUpgrade"
        else:
            work, name = sequences.upgrade, "upgrade"
        sequences.begin(node, name, lambda: work(node, actor, request.image), actor)
        return one("Upgrade", ack="Upgrade request received", actor_id=actor)

    def _check_etcd(self) -> None:
        etcd = self.node.storage.etcd or self.node.cluster.joinable(self.node)
        if etcd is None or not etcd.quorum:
            raise ApiError(UNKNOWN, "failed to acquire upgrade mutex: context deadline exceeded")
        prefix = "error validating etcd for upgrade: etcd member"
        if len(etcd.members) == 2:
            raise ApiError(UNKNOWN, f"{prefix} count(2) is insufficient to maintain quorum if upgrade commences")
        for member in etcd.members:
            if not member.name:
                raise ApiError(
                    UNKNOWN,
                    f"{prefix} {member.hex_id} is not started, all members must be running to perform an upgrade",
                )
            if not member.running:
                raise ApiError(
                    UNKNOWN,
                    f"{prefix} {member.hex_id} is not healthy; all members must be healthy to perform an upgrade: "
                    "context deadline exceeded",
                )

    # -- bootstrap -------------------------------------------------------------------------------------------------
    async def Bootstrap(self, request: Any, caller: Caller) -> Any:
        """Start etcd on an empty data directory."""
        node = self.node
        if not node.booted:
            raise ApiError(FAILED_PRECONDITION, "bootstrap is not available yet")
        if not node.control_plane:
            raise ApiError(FAILED_PRECONDITION, "bootstrap can only be performed on a control plane node")
        deadline = asyncio.get_running_loop().time() + TIME_SYNC_WAIT
        while not node.time_synced:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise ApiError(FAILED_PRECONDITION, "time is not in sync yet")
            try:
                await asyncio.wait_for(node.cluster.wait(), left)
            except TimeoutError:
                continue
        if node.storage.member is not None:
            raise ApiError(ALREADY_EXISTS, "etcd data directory is not empty")
        if request.recover_etcd:
            node.spawn(self._recover(check=not request.recover_skip_hash_check))
            return one("Bootstrap")
        node.cluster.bootstrap(node)
        node.cluster.changed()
        return one("Bootstrap")

    async def _recover(self, check: bool) -> None:
        """Start etcd from the file that EtcdRecover left; a bad one shows as a failed service only."""
        node = self.node
        node.services.move("etcd", PREPARING, "Running pre state")
        try:
            rows = recovery.rows(node.storage.recovery_snapshot, check=check)
        except recovery.RecoveryError as error:
            node.services.move("etcd", FAILED, f"Failed to run pre stage: {error}")
            return
        node.say(f"recovering etcd from snapshot: total keys {len(rows)}")
        if node.dies_at("recover"):
            return
        etcd = node.cluster.bootstrap(node)
        if node.dies_at("write:etcd"):  # with half a data directory, which no etcd starts from
            node.faults.etcd_damaged = True
            return
        node.storage.recovery_snapshot = b""
        node.cluster.recovered, etcd.keys = recovery.divided(rows)
        node.cluster.changed()

    # -- services --------------------------------------------------------------------------------------------------
    async def ServiceList(self, request: Any, caller: Caller) -> Any:
        """All services with state, last events and health."""
        answer = one("ServiceList")
        for service in self.node.services:
            _service_info(answer.messages[0].services.add(), service)
        return answer

    async def ServiceStart(self, request: Any, caller: Caller) -> Any:
        """Start one of the services that the API may start."""
        return self._service("ServiceStart", request.id, "start")

    async def ServiceStop(self, request: Any, caller: Caller) -> Any:
        """Stop one of the services that the API may stop."""
        return self._service("ServiceStop", request.id, "stop")

    async def ServiceRestart(self, request: Any, caller: Caller) -> Any:
        """Restart one of the services that the API may restart."""
        return self._service("ServiceRestart", request.id, "restart")

    def _service(self, call: str, name: str, action: str) -> Any:
        services = self.node.services
        service = services.get(name)
        if service is None:
            raise ApiError(UNKNOWN, f'service "{name}" not defined')
        extension = name.startswith("ext-")
        restartable = ("cri", "etcd", "kubelet", "trustd") if action == "restart" else ()
        if not extension and name not in restartable and not (action == "start" and not service.running):
            raise ApiError(UNKNOWN, f'service "{name}" doesn\'t support {action} operation via API')
        done = {"start": "started", "stop": "stopped", "restart": "restarted"}[action]
        if action in ("stop", "restart"):
            services.stop(name)
        if action in ("start", "restart"):
            self.node.faults.hung = [one for one in self.node.faults.hung if one != name]
            services.run(name)
        return one(call, resp=f'Service "{name}" {done}')

    # -- META ------------------------------------------------------------------------------------------------------
    async def MetaWrite(self, request: Any, caller: Caller) -> Any:
        """Write a META key."""
        if request.key > 255:
            raise ApiError(INVALID_ARGUMENT, "key must be a uint8")
        self.node.storage.meta[request.key] = bytes(request.value)
        self.node.cluster.changed()
        return one("MetaWrite")

    async def MetaDelete(self, request: Any, caller: Caller) -> Any:
        """Delete a META key."""
        if request.key > 255:
            raise ApiError(INVALID_ARGUMENT, "key must be a uint8")
        if self.node.storage.meta.pop(request.key, None) is None:
            raise ApiError(NOT_FOUND, "meta key not found")
        self.node.cluster.changed()
        return one("MetaDelete")

    # -- identity --------------------------------------------------------------------------------------------------
    async def GenerateClientConfiguration(self, request: Any, caller: Caller) -> Any:
        """A client certificate of the machine CA, and a talosconfig around it."""
        if not self.node.control_plane:
            raise ApiError(FAILED_PRECONDITION, "client configuration (talosconfig) can't be generated on worker nodes")
        seconds = request.crt_ttl.seconds + request.crt_ttl.nanos / 1e9
        if seconds <= 0:
            raise ApiError(INVALID_ARGUMENT, "crt_ttl should be positive")
        made = identity.client_configuration(
            self.node.machine_config or {}, list(request.roles), datetime.timedelta(seconds=seconds)
        )
        return one("GenerateClientConfiguration", **made)

    # -- figures ---------------------------------------------------------------------------------------------------
    async def SystemStat(self, request: Any, caller: Caller) -> Any:
        """When the kernel booted."""
        return one("SystemStat", boot_time=int(self.node.boot_time))

    async def Memory(self, request: Any, caller: Caller) -> Any:
        """Memory in KiB."""
        total = 16 * 1024 * 1024
        return one("Memory", meminfo={"memtotal": total, "memfree": total // 2, "memavailable": total * 3 // 4})

    async def Mounts(self, request: Any, caller: Caller) -> Any:
        """Mounted file systems."""
        node = self.node
        stats = []
        for name, volume in node.listener.api.state.store.volumes().items():
            if volume.get("phase") == "ready" and name not in ("META",):
                target = {"EPHEMERAL": "/var", "STATE": "/system/state"}.get(name, f"/var/mnt/{name[2:]}")
                stats.append((volume["location"], volume["size"], target))
        items = [
            {"filesystem": where, "size": size, "available": size * 9 // 10, "mounted_on": target}
            for where, size, target in stats
        ]
        return one("Mounts", stats=items)

    async def LogsContainers(self, request: Any, caller: Caller) -> Any:
        """The services that keep a log."""
        return one("LogsContainers", ids=[service.id for service in self.node.services])

    async def ImagePull(self, request: Any, caller: Caller) -> Any:
        """Pull an image; a reference without a tag cannot be found, nor one that the faults name."""
        missing = any(request.reference.endswith(end) for end in self.node.faults.missing_images)
        if missing or ":" not in request.reference.rsplit("/", 1)[-1]:
            raise ApiError(NOT_FOUND, f"error pulling image: {request.reference}: not found")
        return one("ImagePull")


def _service_info(info: Any, service: Service) -> None:
    info.id, info.state = service.id, STATE_NAMES[service.state]
    for event in service.events:
        item = info.events.events.add(msg=event.text, state=STATE_NAMES[event.state])
        item.ts.FromNanoseconds(int(event.at * 1e9))
    info.health.unknown = service.healthy is None
    info.health.healthy = service.healthy is True
    info.health.last_message = service.health_text
    info.health.last_change.FromNanoseconds(int((service.health_at or time.time()) * 1e9))
