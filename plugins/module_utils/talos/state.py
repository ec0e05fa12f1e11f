# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the state of one node, as plain data; parts can be chosen so that a status run stays fast.

Resources: siderolabs/talos v1.10 ``pkg/machinery/resources``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..common.errors import HomeopsError
from . import node_config
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .errors import UNIMPLEMENTED, TalosError
from .identity import Identity

#: Parts which can be gathered, and what they add to the answer.
PARTS = (
    "status",
    "config",
    "boot",
    "etcd",
    "services",
    "disks",
    "volumes",
    "extensions",
    "network",
    "time",
    "hardware",
)
#: Nodes asked at the same time.
WORKERS = 8

NO_ETCD: Mapping[str, Any] = {
    "running": False,
    "control_plane": False,
    "voter": False,
    "leader": False,
    "members": [],
    "alarms": [],
    "reason": "",
}

T = TypeVar("T")


def each_node(targets: Sequence[Target], ask: Callable[[Target], T]) -> list[T]:
    """Return ``ask`` of every node, in order, several at the same time."""
    if len(targets) <= 1:
        return [ask(target) for target in targets]
    with ThreadPoolExecutor(max_workers=min(WORKERS, len(targets))) as pool:
        return list(pool.map(ask, targets))


def look(
    target: Target,
    identity: Identity | None,
    timeout: float,
    parts: Collection[str],
    further: Callable[[TalosClient, NodeMode], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what the node says of itself; an unreachable node is an answer too.

    ``mode`` is configured, maintenance or unreachable; of an unreachable node ``reason`` holds the whole message,
    ``error`` the kind of failure, and ``permanent`` whether waiting cannot help.

    :param further: reads more over the same connection, and returns what it adds to the answer.
    """
    found: dict[str, Any] = {"name": target.label, "node": target.node, "mode": "unreachable", "reason": ""}
    try:
        client, mode = connect(target, identity, timeout)
    except HomeopsError as error:
        return {**found, **_failure(error)}
    with client:
        found["mode"] = mode.value
        found["certificates"] = {
            "server_expires": client.peer.expires.isoformat(),
            "client_expires": identity.expires.isoformat() if identity and mode is NodeMode.CONFIGURED else None,
            "spki_pin": client.peer.spki_pin,
        }
        try:
            for part in PARTS:
                if part in parts:
                    found.update(_READERS[part](client, mode))
            if further is not None:
                found.update(further(client, mode))
        except HomeopsError as error:
            found.update(_failure(error), mode="unreachable")
    return found


def _failure(error: HomeopsError) -> dict[str, Any]:
    return {
        "reason": str(error),
        "error": type(error).__name__,
        "permanent": bool(getattr(error, "permanent", False)),
    }


def machine_status(client: TalosClient) -> dict[str, Any]:
    """Return ``{stage, ready, unmet: [{name, reason}]}``."""
    resource = client.cosi_get("runtime", "MachineStatuses.runtime.talos.dev", "machine")
    spec = resource.spec if resource else {}
    status = spec.get("status") or {}
    return {
        "stage": str(spec.get("stage") or "unknown"),
        "ready": bool(status.get("ready")),
        "unmet": [
            {"name": str(item.get("name")), "reason": str(item.get("reason"))}
            for item in status.get("unmetConditions") or []
        ],
    }


def etcd_state(client: TalosClient) -> dict[str, Any]:
    """Return what this node's etcd knows; ``running`` false with a reason when it does not answer.

    Ids are 16 hex digits as etcd prints them; sizes in bytes. ``voter``: a member that has started and is no learner;
    ``control_plane`` is false on workers, which have no etcd.
    """
    try:
        status = client.etcd_status()
        members = client.etcd_members(query_local=True)
        alarms = client.etcd_alarms()
    except TalosError as error:
        if error.code < 0:
            raise
        return {
            **NO_ETCD,
            "control_plane": error.code != UNIMPLEMENTED,
            "reason": innermost(error.details or str(error)),
        }
    return {
        "running": True,
        "control_plane": True,
        "reason": "; ".join(status.errors),
        "member_id": f"{status.member_id:016x}",
        "leader_id": f"{status.leader:016x}" if status.leader else "",
        "leader": status.leader == status.member_id != 0,
        "voter": not status.is_learner and any(m.id == status.member_id and not m.is_learner for m in members),
        "db_size": status.db_size,
        "db_size_in_use": status.db_size_in_use,
        "raft_index": status.raft_index,
        "raft_applied_index": status.raft_applied_index,
        "members": [
            {"id": f"{member.id:016x}", "hostname": member.hostname, "learner": member.is_learner}
            for member in sorted(members, key=lambda member: member.id)
        ],
        "alarms": [{"member_id": f"{member:016x}", "alarm": alarm} for member, alarm in alarms],
    }


def innermost(details: str) -> str:
    """Return the cause out of the shells which Go and gRPC put around it.

    ``failed to ...: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial
    tcp 127.0.0.1:2379: connect: connection refused"`` becomes ``dial tcp 127.0.0.1:2379: connect: connection refused``.
    """
    cause = details.rpartition("desc = ")[2].strip().strip('"')
    return cause.removeprefix("transport: ").removeprefix("Error while dialing: ") or details


def _status(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    if mode is NodeMode.CONFIGURED:
        version = client.version().tag
    else:
        versions = client.cosi_get("runtime", "Versions.runtime.talos.dev", "version")
        version = str(versions.spec.get("version", "")) if versions else ""
    hostname = client.cosi_get("network", "HostnameStatuses.net.talos.dev", "hostname")
    return {
        **machine_status(client),
        "version": version,
        "hostname": str(hostname.spec.get("hostname", "")) if hostname else "",
    }


def _config(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    if mode is not NodeMode.CONFIGURED:
        return {"config": "none"}
    return {"config": node_config.config_state(client)}


def _boot(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    return {"boot_id": client.boot_id() if mode is NodeMode.CONFIGURED else ""}


def _etcd(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    if mode is not NodeMode.CONFIGURED:
        return {"etcd": {**NO_ETCD, "reason": "the node is in maintenance"}}
    return {"etcd": etcd_state(client)}


def _services(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    if mode is not NodeMode.CONFIGURED:
        return {"services": []}
    return {
        "services": [
            {"id": item.id, "state": item.state, "healthy": item.healthy, "message": item.last_message}
            for item in client.services()
        ]
    }


def _disks(client: TalosClient, _mode: NodeMode) -> dict[str, Any]:
    system = client.cosi_get("runtime", "SystemDisks.block.talos.dev", "system-disk")
    disks = []
    for resource in client.cosi_list("runtime", "Disks.block.talos.dev"):
        keys = ("dev_path", "size", "pretty_size", "model", "serial", "wwid", "bus_path", "transport", "rotational")
        disks.append({"id": resource.id, **{key: resource.spec.get(key) for key in (*keys, "readonly")}})
    return {
        "disks": sorted(disks, key=lambda disk: disk["id"]),
        "system_disk": str(system.spec.get("devPath") or system.spec.get("diskID") or "") if system else "",
    }


def _volumes(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    if mode is not NodeMode.CONFIGURED:
        return {"volumes": []}
    found = client.cosi_list("runtime", "VolumeStatuses.block.talos.dev")
    return {
        "volumes": [
            {
                "id": resource.id,
                "phase": str(resource.spec.get("phase") or ""),
                "location": str(resource.spec.get("location") or ""),
                "error": str(resource.spec.get("errorMessage") or resource.spec.get("error") or ""),
            }
            for resource in sorted(found, key=lambda item: item.id)
        ]
    }


def _extensions(client: TalosClient, _mode: NodeMode) -> dict[str, Any]:
    extensions, schematic = [], ""
    for resource in client.cosi_list("runtime", "ExtensionStatuses.runtime.talos.dev"):
        metadata = resource.spec.get("metadata") or {}
        if metadata.get("name") == "schematic":
            schematic = str(metadata.get("version") or "")
        else:
            extensions.append({"name": str(metadata.get("name")), "version": str(metadata.get("version"))})
    return {"extensions": sorted(extensions, key=lambda item: item["name"]), "schematic": schematic}


def _network(client: TalosClient, _mode: NodeMode) -> dict[str, Any]:
    links = []
    for resource in client.cosi_list("network", "LinkStatuses.net.talos.dev"):
        spec = resource.spec
        links.append(
            {
                "name": resource.id,
                "mac": spec.get("hardwareAddr"),
                "mtu": spec.get("mtu"),
                "driver": spec.get("driver"),
                "bus_path": spec.get("busPath"),
                "kind": spec.get("kind"),
                "up": bool(spec.get("linkState")),
                "operational_state": spec.get("operationalState"),
            }
        )
    addresses = [
        {"address": resource.spec.get("address"), "link": resource.spec.get("linkName")}
        for resource in client.cosi_list("network", "AddressStatuses.net.talos.dev")
    ]
    return {
        "links": sorted(links, key=lambda link: str(link["name"])),
        "addresses": sorted(addresses, key=lambda item: (str(item["link"]), str(item["address"]))),
    }


def _time(client: TalosClient, _mode: NodeMode) -> dict[str, Any]:
    status = client.cosi_get("runtime", "TimeStatuses.v1alpha1.talos.dev", "node")
    return {"time_synced": bool(status.spec.get("synced")) if status else None}


def _hardware(client: TalosClient, _mode: NodeMode) -> dict[str, Any]:
    resource = client.cosi_get("hardware", "SystemInformations.hardware.talos.dev", "systeminformation")
    spec = resource.spec if resource else {}
    return {
        "uuid": str(spec.get("uuid") or ""),
        "manufacturer": str(spec.get("manufacturer") or ""),
        "product": str(spec.get("productName") or ""),
        "serial": str(spec.get("serialnumber") or ""),
    }


_READERS: dict[str, Callable[[TalosClient, NodeMode], dict[str, Any]]] = {
    "status": _status,
    "config": _config,
    "boot": _boot,
    "etcd": _etcd,
    "services": _services,
    "disks": _disks,
    "volumes": _volumes,
    "extensions": _extensions,
    "network": _network,
    "time": _time,
    "hardware": _hardware,
}
