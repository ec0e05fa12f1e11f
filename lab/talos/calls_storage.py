# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""StorageService, ClusterService and TimeService."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from . import hardware, health, wire
from .api import FAILED_PRECONDITION, NOT_FOUND, ApiError, Caller, Room

_TYPES = {"ssd": 1, "hdd": 2, "nvme": 3, "sd": 4}


class StorageCalls(Room):
    """Disks and wiping."""

    async def Disks(self, request: Any, caller: Caller) -> Any:
        """The disks as the kernel shows them."""
        answer = wire.message("storage.DisksResponse")()
        disks = answer.messages.add().disks
        system = hardware.system_disk(self.node)
        for disk in self.node.disks:
            disks.add(
                size=disk.size,
                model=disk.model,
                device_name=disk.path,
                serial=disk.serial,
                modalias=disk.modalias,
                uuid=disk.uuid,
                wwid=disk.wwid,
                type=5 if disk.cdrom else _TYPES[disk.kind],
                bus_path=disk.bus_path,
                system_disk=system is disk,
                subsystem="/sys/class/block",
                readonly=disk.readonly,
            )
        if not disks:
            answer.messages[0].SetInParent()
        return answer

    async def BlockDeviceWipe(self, request: Any, caller: Caller) -> Any:
        """Wipe block devices by kernel name."""
        node = self.node
        names = {disk.name for disk in node.disks}
        partitions = {row["name"]: row for row in node.listener.api.state.store.partitions()}
        for device in request.devices:
            if device.device not in names and device.device not in partitions:
                raise ApiError(NOT_FOUND, f'blockdevice "{device.device}" not found')
            used = self._user(device.device, partitions)
            if used and not device.skip_volume_check:
                raise ApiError(FAILED_PRECONDITION, f'blockdevice "{device.device}" is in use by volume "{used}"')
        for device in request.devices:
            used = self._user(device.device, partitions)
            if used:
                hardware.wipe_volume(node, used)
            hardware.wipe_disk(node, device.device)
        node.cluster.changed()
        answer = wire.message("storage.BlockDeviceWipeResponse")()
        answer.messages.add()
        return answer

    def _user(self, device: str, partitions: dict[str, Any]) -> str:
        ours = {name: row for name, row in partitions.items() if not row.get("foreign")}
        row = ours.get(device)
        if row is not None:
            return str(row["label"])
        return next((str(r["label"]) for r in ours.values() if r["parent"] == device), "")


class ClusterCalls(Room):
    """The server-side health check."""

    async def HealthCheck(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Progress lines in the order of ``talosctl health``; ends when all is well, fails when the time is up."""
        message = wire.message("cluster.HealthCheckProgress")
        async for line in health.check(self.node, request.wait_timeout.seconds or 1200):
            yield message(message=line)


class TimeCalls(Room):
    """Clock readings."""

    async def Time(self, request: Any, caller: Caller) -> Any:
        """Local and NTP time."""
        return self._answer("time.cloudflare.com")

    async def TimeCheck(self, request: Any, caller: Caller) -> Any:
        """Time of a given server."""
        return self._answer(request.server)

    def _answer(self, server: str) -> Any:
        if not self.node.time_synced:
            raise ApiError(2, f"error querying NTP server {server}: i/o timeout")
        answer = wire.message("time.TimeResponse")()
        item = answer.messages.add(server=server)
        now = time.time_ns()
        item.localtime.FromNanoseconds(now)
        item.remotetime.FromNanoseconds(now)
        return answer
