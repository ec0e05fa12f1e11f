# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the API server of every node, each at the node's own address.

The VIP leads to one of them, so it says nothing of the others. ``/readyz`` answers 200 once a server has its etcd and
has run its start-up hooks (kubernetes ``staging/src/k8s.io/apiserver/pkg/server/healthz``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.wait import Observation, wait_until
from .client import Client
from .config import Connection
from .errors import KubernetesError, NotTrusted, Unauthorized

#: Servers that are asked at once.
WORKERS = 8
#: Seconds for one answer: a silent node must not eat the deadline of a look.
PATIENCE = 5.0

#: Argument spec of one door, as the filter ``node_doors`` makes them.
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str"},
    "node": {"type": "str", "required": True},
    "server_name": {"type": "str"},
}


@dataclass(frozen=True)
class Door:
    """The API server of one node.

    :param name: of the node, for messages.
    """

    name: str
    connection: Connection

    @property
    def address(self) -> str:
        """``172.29.51.11:6443``."""
        return self.connection.server.partition("://")[2]


def parse(entries: Iterable[Mapping[str, Any]], connection: Connection) -> list[Door]:
    """Return the doors: the kubeconfig's port and credentials at each node's address."""
    found = []
    for entry in entries:
        node = str(entry["node"])
        host = f"[{node}]" if ":" in node else node
        server = f"https://{host}:{connection.port}"
        name = str(entry.get("server_name") or node)
        found.append(
            Door(str(entry.get("name") or node), dataclasses.replace(connection, server=server, server_name=name))
        )
    return found


def look(doors: list[Door], timeout: float) -> dict[str, str]:
    """Ask all doors at once and return what each said by name of its node, ``""`` for ready.

    :param timeout: seconds for one answer.
    :raises KubernetesError: a server that no waiting makes fit: another CA, or credentials that it refuses.
    """

    def ask(door: Door) -> str:
        attempted = f"asking the API server of {door.name} whether it is ready"
        with Client(door.connection, timeout=min(timeout, PATIENCE), concurrency=1) as client:
            try:
                client.request("GET", "/readyz", attempted=attempted, plain=True)
            except (NotTrusted, Unauthorized):
                raise
            except KubernetesError as error:
                return error.answer
        return ""

    if not doors:
        return {}
    with ThreadPoolExecutor(min(WORKERS, len(doors)), thread_name_prefix="doors") as pool:
        return dict(zip([door.name for door in doors], pool.map(ask, doors), strict=True))


def facts(said: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the module's result of one look."""
    return [{"name": name, "ready": not text, "state": text or "ready"} for name, text in said.items()]


def wait(doors: list[Door], *, timeout: float, answer: float, ctx: Context, interval: float) -> list[dict[str, Any]]:
    """Wait until every door is ready; one that was is not asked again.

    :param timeout: seconds for all doors together.
    :param answer: seconds for one answer.
    :raises WaitTimeout: with each node that does not answer, and what came instead.
    :raises KubernetesError: as :func:`look`.
    """
    said = {door.name: "not asked yet" for door in doors}

    def once() -> Observation[None]:
        said.update(look([door for door in doors if said[door.name]], answer))
        missing = [f"{door.name} ({door.address}): {said[door.name]}" for door in doors if said[door.name]]
        return Observation(not missing, "; ".join(missing))

    if doors:
        wait_until(
            once,
            what="the API server of every node" if len(doors) > 1 else f"the API server of {doors[0].name}",
            target=", ".join(door.name for door in doors),
            timeout=timeout,
            ctx=ctx,
            interval=interval,
            remedy="See whether kube-apiserver runs on that node (talosctl containers --kubernetes), and whether this "
            "machine reaches its port",
            param="wait_timeout",
        )
    return facts(said)
