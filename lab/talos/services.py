# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a node, with states, events and health as ``ServiceList`` shows them.

State names, messages and order follow siderolabs/talos v1.10 ``internal/app/machined/pkg/system``.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

INITIALIZED, PREPARING, WAITING, RUNNING, STOPPING, FINISHED, FAILED, SKIPPED, STARTING = range(9)
STATE_NAMES = (
    "Initialized",
    "Preparing",
    "Waiting",
    "Running",
    "Stopping",
    "Finished",
    "Failed",
    "Skipped",
    "Starting",
)
MAX_EVENTS = 10
"""How many events the real service runner keeps."""


def _pid(name: str) -> int:
    return 1000 + zlib.crc32(name.encode()) % 3000


@dataclass
class ServiceEvent:
    """One state change."""

    state: int
    text: str
    at: float


@dataclass
class Service:
    """One service; ``healthy`` is ``None`` while unknown (always, for a service without a health check)."""

    id: str
    checked: bool = True
    state: int = INITIALIZED
    healthy: bool | None = None
    health_text: str = ""
    health_at: float = 0.0
    events: list[ServiceEvent] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.state == RUNNING

    @property
    def up(self) -> bool:
        """Running and, when it has a health check, healthy."""
        return self.running and (not self.checked or self.healthy is True)


class Services:
    """The table of one boot; ``notify(service, event)`` is told every change of state or health."""

    def __init__(self, notify: Callable[[Service, ServiceEvent], None]) -> None:
        self._table: dict[str, Service] = {}
        self._notify = notify

    def __iter__(self) -> Iterator[Service]:
        return iter(sorted(self._table.values(), key=lambda service: service.id))

    def __getitem__(self, name: str) -> Service:
        return self._table[name]

    def get(self, name: str) -> Service | None:
        """The service, ``None`` when the node has no such one."""
        return self._table.get(name)

    def add(self, name: str, checked: bool = True) -> Service:
        """Load a service; it starts as Initialized."""
        return self._table.setdefault(name, Service(name, checked))

    def move(self, name: str, state: int, text: str) -> None:
        """A new state with its message."""
        service = self.add(name)
        service.state = state
        if state in (PREPARING, STOPPING, FINISHED, FAILED):
            service.healthy, service.health_text, service.health_at = None, "", time.time()
        event = ServiceEvent(state, text, time.time())
        service.events = [*service.events, event][-MAX_EVENTS:]
        self._notify(service, event)

    def run(self, name: str, text: str = "", healthy: bool = True) -> None:
        """From wherever it is to Running (and healthy, when it is checked)."""
        service = self.add(name)
        if service.running:
            return
        self.move(name, PREPARING, "Creating service runner")
        self.move(name, RUNNING, text or f"Started task {name} (PID {_pid(name)}) for container {name}")
        if service.checked:
            self.health(name, healthy)

    def health(self, name: str, healthy: bool, text: str = "") -> None:
        """A result of the health check."""
        service = self.add(name)
        if not service.running or service.healthy is healthy:
            return
        service.healthy, service.health_text, service.health_at = healthy, text, time.time()
        told = "Health check successful" if healthy else f"Health check failed: {text}"
        event = ServiceEvent(service.state, told, time.time())
        service.events = [*service.events, event][-MAX_EVENTS:]
        self._notify(service, event)

    def stop(self, name: str) -> None:
        """Stop a running service."""
        service = self.get(name)
        if service is None or service.state not in (RUNNING, WAITING, PREPARING, STARTING):
            return
        if service.running:
            self.move(name, STOPPING, f"Sending SIGTERM to task {name} (PID {_pid(name)}, container {name})")
        self.move(name, FINISHED, "Service finished successfully")

    def stop_all(self, keep: tuple[str, ...] = ()) -> None:
        """Stop everything but ``keep``."""
        for name in list(self._table):
            if name not in keep:
                self.stop(name)
