# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches: the past from the ring, then the present, filtered by selectors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from . import table
from .call import Call
from .errors import expired, internal
from .reading import no_number, selection
from .selectors import Selection
from .store import Bucket, Entry, Event, Store

Lines = asyncio.Queue[str | None]


class Watch:
    """One open watch. ``lines`` yields JSON lines, and None at the end."""

    def __init__(self, store: Store, call: Call) -> None:
        self.store = store
        self.call = call
        self.wanted: Selection = selection(call)
        self.lines: Lines = asyncio.Queue()
        self.bucket: Bucket = store.bucket(call.resource.id)
        self.table = "as=Table" in call.accept
        self.partial = "as=PartialObjectMetadata" in call.accept
        self._columns_sent = False
        self._start()

    def _start(self) -> None:
        """Queue what is known already and listen for the rest.

        :raises ApiError: 500 for an unreadable version.
        """
        version = self.call.query.get("resourceVersion", "")
        if version in ("", "0"):
            for entry in self.store.within(self.call.resource.id, self.call.namespace):
                if self.wanted.matches(entry.obj):
                    self._send("ADDED", entry)
        else:
            if not version.isdigit():
                raise internal(no_number(version))
            wanted = int(version)
            if wanted < self.bucket.oldest:
                error = expired(wanted, self.bucket.oldest).status()
                self.lines.put_nowait(json.dumps({"type": "ERROR", "object": error}) + "\n")
                self.lines.put_nowait(None)
                return
            for event in self.bucket.events:
                if event.rv > wanted:
                    self._on(event)
        self.bucket.listeners.append(self._on)

    def close(self) -> None:
        """Stop listening."""
        if self._on in self.bucket.listeners:
            self.bucket.listeners.remove(self._on)

    def _on(self, event: Event) -> None:
        if self.call.namespace and event.namespace != self.call.namespace:
            return
        kind, entry = event.kind, event.entry
        if not self.wanted.all:
            matches = self.wanted.matches(entry.obj)
            matched = event.before is not None and self.wanted.matches(event.before.obj)
            if kind == "DELETED":
                if not matched:
                    return
            elif matches and not matched:
                kind = "ADDED"
            elif matched and not matches:
                kind = "DELETED"
            elif not matches:
                return
        self._send(kind, entry)

    def _send(self, kind: str, entry: Entry) -> None:
        if self.table:
            text = json.dumps(self._as_table(entry), separators=(",", ":"))
        elif self.partial:
            text = json.dumps(table.partial(entry.obj), separators=(",", ":"))
        else:
            text = entry.typed(self.call.resource.kind, self.call.api_version)
        self.lines.put_nowait(f'{{"type":"{kind}","object":{text}}}\n')

    def _as_table(self, entry: Entry) -> dict[str, Any]:
        document = table.build(self.call, [entry], str(entry.rv))
        if self._columns_sent:
            document["columnDefinitions"] = None
        self._columns_sent = True
        return document

    def bookmark(self) -> None:
        """Tell the client how far it is."""
        resource = self.call.resource
        body = {
            "kind": resource.kind,
            "apiVersion": self.call.api_version,
            "metadata": {"resourceVersion": str(self.store.rv), "creationTimestamp": None},
        }
        self.lines.put_nowait(json.dumps({"type": "BOOKMARK", "object": body}) + "\n")


async def drain(watch: Watch, write: Callable[[bytes], Any], timeout: float | None, bookmarks: bool) -> None:
    """Write the lines of a watch until its time is over or it ends; lines that wait together go together."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout if timeout else None
    beat = loop.time() + 60
    while True:
        left = None if end is None else end - loop.time()
        if left is not None and left <= 0:
            return
        pause = min(left if left is not None else 60.0, max(beat - loop.time(), 0.01))
        try:
            line = await asyncio.wait_for(watch.lines.get(), pause)
        except TimeoutError:
            if bookmarks and loop.time() >= beat:
                watch.bookmark()
                beat = loop.time() + 60
            elif loop.time() >= beat:
                beat = loop.time() + 60
            continue
        parts = []
        while line is not None:
            parts.append(line)
            if watch.lines.empty():
                break
            line = watch.lines.get_nowait()
        if parts:
            await write("".join(parts).encode())
        if line is None:
            return
