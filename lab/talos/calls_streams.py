# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The streaming calls of MachineService: events, logs, files, kubeconfig, images."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator
from typing import Any

from . import files, identity, tls, wire
from .api import NOT_FOUND, UNKNOWN, ApiError, Caller, Room
from .services import STATE_NAMES

CHUNK = 1024 * 32


def data(content: bytes) -> Any:
    """One ``common.Data``."""
    return wire.message("common.Data")(bytes=content)


class StreamCalls(Room):
    """Everything that answers with a stream."""

    async def Kubeconfig(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """A fresh admin kubeconfig as tar.gz, in one message."""
        self.need_control_plane("kubeconfig")
        try:
            text = identity.kubeconfig(self.node.machine_config or {})
        except (tls.KeyPairError, ValueError) as error:
            raise ApiError(UNKNOWN, f"error getting Kubernetes CA: {error}") from None
        yield data(identity.unpadded_tar_gz("kubeconfig", text.encode()))

    async def Events(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """An empty hello, the asked-for past, then what happens."""
        message = wire.message("machine.Event")
        yield message()
        events = self.node.events
        queue: asyncio.Queue[Any] = asyncio.Queue()
        events.queues.add(queue)
        try:
            past = events.past(request.tail_events, request.tail_id, request.tail_seconds)
            for event in past:
                if not request.with_actor_id or event.actor == request.with_actor_id:
                    yield self._event(event)
            while True:
                event = await queue.get()
                if not request.with_actor_id or event.actor == request.with_actor_id:
                    yield self._event(event)
        finally:
            events.queues.discard(queue)

    @staticmethod
    def _event(event: Any) -> Any:
        answer = wire.message("machine.Event")(id=event.id, actor_id=event.actor)
        answer.data.type_url = f"talos/runtime/machine.{event.name}"
        answer.data.value = event.payload.SerializeToString()
        return answer

    async def Dmesg(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """The kernel log, one line a message."""
        log = self.node.log
        position = len(log) if request.tail else 0
        while True:
            for at, text in log[position:]:
                stamp = datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat().replace("+00:00", "Z")
                yield data(f"user: {'warning':>7}: [{stamp}]: {text}\n".encode())
            position = len(log)
            if not request.follow:
                return
            await self.node.cluster.wait()

    async def Logs(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """A service's log."""
        service = self.node.services.get(request.id)
        if service is None:
            raise ApiError(UNKNOWN, f'log "{request.id}" was not registered')
        sent = 0
        first = True
        while True:
            lines = [
                f"{time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime(e.at))} {STATE_NAMES[e.state]}: {e.text}\n"
                for e in service.events
            ]
            if first and request.tail_lines > 0:
                sent = max(0, len(lines) - request.tail_lines)
            text = "".join(lines[sent:])
            if text:
                yield data(text.encode())
            sent, first = len(lines), False
            if not request.follow:
                return
            await self.node.cluster.wait()

    async def Read(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """A file's content."""
        tree = files.tree(self.node)
        path = files.clean(request.path)
        if path not in tree:
            raise ApiError(NOT_FOUND, f"stat {request.path}: no such file or directory")
        content = tree[path]
        if content is None:
            raise ApiError(UNKNOWN, "path must be a regular file")
        for start in range(0, len(content), CHUNK):
            yield data(content[start : start + CHUNK])

    async def Copy(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """A path as tar.gz."""
        path = files.clean(request.root_path)
        if not request.root_path.startswith("/"):
            raise ApiError(UNKNOWN, f"path is not absolute {request.root_path}")
        content = files.tar_gz(files.tree(self.node), path)
        if content is None:
            answer = data(b"")
            answer.metadata.error = f"lstat {path}: no such file or directory"
            yield answer
            return
        for start in range(0, len(content), CHUNK):
            yield data(content[start : start + CHUNK])

    async def List(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """The files under a path."""
        tree = files.tree(self.node)
        root = files.clean(request.root)
        message = wire.message("machine.FileInfo")
        if root not in tree:
            yield message(name=root, relative_name="", error=f"lstat {root}: no such file or directory")
            return
        if not request.recurse:
            depth = 1
        else:
            depth = request.recursion_depth or 1000
        types = set(request.types)
        for path, content in sorted(tree.items()):
            relative = files.relative(root, path)
            if relative is None or (relative and relative.count("/") + 1 > depth):
                continue
            is_dir = content is None
            if types and (1 if is_dir else 0) not in types:
                continue
            yield message(
                name=path,
                relative_name=relative or path.rsplit("/", 1)[-1] or ".",
                size=0 if content is None else len(content),
                mode=(1 << 31 | 0o755) if is_dir else 0o600,
                modified=int(self.node.boot_time),
                is_dir=is_dir,
            )

    async def ImageList(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Images in containerd's store: what the active config names."""
        for name in files.images(self.node):
            answer = wire.message("machine.ImageListResponse")(name=name, digest=files.digest(name), size=40_000_000)
            answer.created_at.FromNanoseconds(int(self.node.boot_time * 1e9))
            yield answer
