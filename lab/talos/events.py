# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event stream of a node: a ring of past events and everyone who listens.

Event ids grow with time as Talos' xids do (20 characters of ``0-9a-v``).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from . import wire

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_COUNTER = int.from_bytes(os.urandom(3), "big")
CAPACITY = 1000


def new_xid() -> str:
    """An id in the form of github.com/rs/xid: sortable by time, 20 characters."""
    global _COUNTER  # noqa: PLW0603 - a process-wide counter is what makes two ids of one second differ
    _COUNTER = (_COUNTER + 1) & 0xFFFFFF
    raw = int(time.time()).to_bytes(4, "big") + b"lab00" + _COUNTER.to_bytes(3, "big")
    value = int.from_bytes(raw, "big") << 4
    return "".join(_ALPHABET[(value >> (5 * (19 - i))) & 31] for i in range(20))


@dataclass
class Event:
    """One event: ``payload`` is the protobuf message named ``machine.<name>``."""

    id: str
    name: str
    payload: Any
    actor: str
    at: float


class Events:
    """The ring of one boot."""

    def __init__(self) -> None:
        self.ring: deque[Event] = deque(maxlen=CAPACITY)
        self.queues: set[asyncio.Queue[Event]] = set()

    def publish(self, name: str, actor: str = "", **fields: Any) -> None:
        """Record and hand out a ``machine.<name>`` message with these fields."""
        event = Event(new_xid(), name, wire.message(f"machine.{name}")(**fields), actor, time.time())
        self.ring.append(event)
        for queue in list(self.queues):
            queue.put_nowait(event)

    def past(self, tail_events: int, tail_id: str, tail_seconds: int) -> list[Event]:
        """What a listener gets of the past: all for -1, the last ``n``, after an id, or of the last seconds."""
        ring = list(self.ring)
        if tail_events:
            return ring if tail_events < 0 else ring[-tail_events:]
        if tail_id:
            return [event for event in ring if event.id > tail_id]
        if tail_seconds:
            since = time.time() - tail_seconds
            return [event for event in ring if event.at >= since]
        return []
