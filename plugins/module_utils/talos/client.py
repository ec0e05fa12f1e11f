# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed calls of a Talos node: one method per RPC, plain data in and out.

Field numbers are in ``messages.py``, HTTP/2 in ``wire.py``; how to tell a configured node from one in maintenance is in
``connection.py``. Calls go straight to the node, never through another one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

try:
    import yaml
except ImportError:  # identity.require() tells
    yaml = None  # type: ignore[assignment]

from . import messages as m
from .errors import NOT_FOUND, UNKNOWN, ProtocolError, TalosError
from .identity import Identity
from .wire import Address, Channel, PeerCertificate

DEFAULT_PORT = 50000
#: Seconds per call.
DEFAULT_TIMEOUT = 10.0

MACHINE_CONFIG = "MachineConfigs.config.talos.dev"


@dataclass(frozen=True)
class ApplyAnswer:
    """Answer of ApplyConfiguration.

    :param mode: ``REBOOT``, ``NO_REBOOT``, ``STAGED`` or ``TRY`` on a configured node; without meaning in maintenance,
        where it is
        always ``REBOOT`` (the zero value).
    :param mode_details: text for people. **A dry run's holds the diff with private keys in clear.**
    :param warnings: the validation's warnings (none in a dry run of a configured node).
    """

    mode: str
    mode_details: str
    warnings: list[str]


@dataclass(frozen=True)
class Version:
    """``tag`` is like ``v1.10.5``; ``platform`` like ``metal``."""

    tag: str
    sha: str
    built: str
    platform: str


@dataclass(frozen=True)
class EtcdMember:
    """One member; a member that has never started has an empty ``hostname``."""

    id: int
    hostname: str
    peer_urls: list[str]
    client_urls: list[str]
    is_learner: bool


@dataclass(frozen=True)
class EtcdStatus:
    """What this node's etcd says of itself; sizes in bytes; ``leader`` is 0 while there is none."""

    member_id: int
    leader: int
    is_learner: bool
    db_size: int
    db_size_in_use: int
    raft_index: int
    raft_applied_index: int
    raft_term: int
    errors: list[str]


@dataclass(frozen=True)
class Service:
    """``state`` is one of Initialized, Preparing, Waiting, Running, Stopping, Finished, Failed, Skipped, Starting.

    :param healthy: None when the service has no health check or it has not run yet.
    :param last_message: of the health check.
    :param last_event: of the service itself, such as why it failed.
    """

    id: str
    state: str
    healthy: bool | None
    last_message: str
    last_event: str = ""


@dataclass(frozen=True)
class Disk:
    """One disk of the storage service; ``size`` in bytes, ``type`` SSD, HDD, NVME, SD, CD or UNKNOWN."""

    device_name: str
    size: int
    model: str
    serial: str
    wwid: str
    type: str
    bus_path: str
    system_disk: bool
    readonly: bool


@dataclass(frozen=True)
class Resource:
    """One COSI resource.

    :param version: decimal text that grows with each change.
    :param yaml_spec: the specification as YAML text.
    :param updated: seconds since 1970, 0 when the node does not say.
    :param raw: for machine configs the exact bytes as submitted, all documents; empty for all others.
    """

    namespace: str
    type: str
    id: str
    version: str = ""
    phase: str = ""
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    updated: float = 0.0
    yaml_spec: str = ""
    raw: bytes = b""

    def __repr__(self) -> str:
        return f"Resource({self.type}({self.namespace}/{self.id}@{self.version}))"

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The specification; of a machine config the first document."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        text = self.raw.decode() if self.raw else self.yaml_spec
        first = next(iter(yaml.load_all(text, Loader=loader)), None)
        return first if isinstance(first, dict) else {}


class TalosClient:
    """One connection to one node; a context manager. Not to be shared between threads.

    :param node: the address or name to connect to.
    :param identity: talosconfig's CA and client certificate. None: the node's certificate is **not** verified (only
        ``spki_pin``), nothing secret is presented. Use :func:`.connection.connect`, which decides which of both is
        right.
    :param server_name: what the node's certificate must carry; default ``node``.
    :param spki_pin: base64 of the SHA-256 of the certificate's SubjectPublicKeyInfo (DER).
    :param timeout: seconds for the connection and for each call.
    """

    def __init__(
        self,
        node: str,
        *,
        identity: Identity | None,
        port: int = DEFAULT_PORT,
        server_name: str | None = None,
        spki_pin: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        name: str = "",
    ) -> None:
        self.address = Address(node, port, server_name or node, name)
        self.identity = identity
        self.timeout = timeout
        self._pin = spki_pin
        self._channel: Channel | None = None

    def __enter__(self) -> TalosClient:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Channel:
        """Connect if not connected, and return the connection; a call does so by itself.

        :raises TalosError: see ``errors.py`` for the causes that are told apart.
        """
        if self._channel is None or not self._channel.usable:
            self.close()
            self._channel = Channel.open(self.address, self.identity, spki_pin=self._pin, timeout=self.timeout)
        return self._channel

    def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    @property
    def peer(self) -> PeerCertificate:
        """The certificate which the node presented."""
        return self.open().peer

    @property
    def target(self) -> str:
        """The node for messages: ``mini01 (172.29.51.11:50000)``."""
        return str(self.address)

    # -- the machine ------------------------------------------------------------------------------------------------

    def version(self) -> Version:
        """Return the running Talos version. UNIMPLEMENTED in maintenance: read ``Versions`` by COSI there."""
        answer = self.machine("Version", "reading the version", m.EMPTY, {}, m.VERSION_ANSWER)
        version, platform = answer["version"] or {}, answer["platform"] or {}
        return Version(
            tag=version.get("tag", ""),
            sha=version.get("sha", ""),
            built=version.get("built", ""),
            platform=platform.get("name", ""),
        )

    def apply_configuration(
        self, data: bytes, mode: str, dry_run: bool = False, try_timeout: float | None = None
    ) -> ApplyAnswer:
        """Send a machine config.

        :param mode: ``AUTO``, ``NO_REBOOT``, ``REBOOT``, ``STAGED`` or ``TRY``; always explicit, since the wire's
            default is REBOOT.
        :param try_timeout: seconds until a TRY is reverted; the node's default is one minute.
        """
        request: dict[str, Any] = {"data": data, "mode": m.APPLY_MODES.number(mode.upper()), "dry_run": dry_run}
        if try_timeout is not None:
            fraction, whole = math.modf(try_timeout)
            request["try_mode_timeout"] = {"seconds": int(whole), "nanos": int(fraction * 1_000_000_000)}
        what = "checking the machine config in a dry run" if dry_run else "applying the machine config"
        answer = self.machine("ApplyConfiguration", what, m.APPLY_REQUEST, request, m.APPLY_ANSWER)
        return ApplyAnswer(m.APPLY_MODES.name_of(answer["mode"]), answer["mode_details"], answer["warnings"])

    def bootstrap(self, recover: bool = False) -> None:
        """Start etcd's first member on this node. ALREADY_EXISTS means that its data directory is not empty.

        :param recover: begin with the snapshot that was sent before. OK means accepted only: a bad one shows as a
            service etcd that failed.
        """
        request = {"recover_etcd": recover}
        self.machine("Bootstrap", "bootstrapping etcd", m.BOOTSTRAP_REQUEST, request, m.EMPTY_ANSWER)

    def reboot(self, mode: str = "DEFAULT") -> str:
        """Ask for a reboot (mode DEFAULT or POWERCYCLE) and return the actor id.

        OK means accepted only: the sequence may be locked. A changed :meth:`boot_id` is the proof.
        """
        request = {"mode": m.REBOOT_MODES.number(mode.upper())}
        return str(self.machine("Reboot", "rebooting", m.REBOOT_REQUEST, request, m.REBOOT_ANSWER)["actor_id"])

    def boot_id(self) -> str:
        """Return the kernel's boot id, new after each boot (needs role os:admin)."""
        return self.read("/proc/sys/kernel/random/boot_id").decode().strip()

    def read(self, path: str) -> bytes:
        """Return the content of a regular file on the node."""
        answers = self.call(m.MACHINE, "Read", f"reading {path}", m.PATH_REQUEST, {"path": path}, m.DATA)
        return b"".join(answer["bytes"] for answer in answers)

    def folder(self, path: str) -> list[str] | None:
        """Return the names in a folder of the node, None when there is no such folder."""
        try:
            answers = self.call(m.MACHINE, "List", f"listing {path}", m.LIST_REQUEST, {"root": path}, m.FILE_INFO)
        except TalosError as error:
            if "no such file or directory" in error.details:
                return None
            raise
        for answer in answers:
            if "no such file or directory" in answer["error"]:
                return None
            if answer["error"]:
                raise TalosError(f"listing {path}", code=UNKNOWN, details=answer["error"], target=self.target)
        # The first entry is the folder itself.
        return [answer["relative_name"] for answer in answers[1:]]

    def services(self) -> list[Service]:
        """Return the services of Talos (etcd, kubelet, ``ext-<name>``, ...)."""
        answer = self.machine("ServiceList", "listing the services", m.EMPTY, {}, m.SERVICES_ANSWER)
        found = []
        for item in answer["services"]:
            health = item["health"] or {"unknown": True, "healthy": False, "last_message": ""}
            events = (item["events"] or {"events": []})["events"]
            found.append(
                Service(
                    id=item["id"],
                    state=item["state"],
                    healthy=None if health["unknown"] else health["healthy"],
                    last_message=health["last_message"],
                    last_event=events[-1]["msg"] if events else "",
                )
            )
        return found

    def disks(self) -> list[Disk]:
        """Return the disks; works in maintenance too."""
        answer = self._first(m.STORAGE, "Disks", "listing the disks", m.EMPTY, {}, m.DISKS_ANSWER)
        return [
            Disk(
                **{**{key: item[key] for key in Disk.__dataclass_fields__}, "type": m.DISK_TYPES.name_of(item["type"])}
            )
            for item in answer["disks"]
        ]

    def local_time(self) -> float:
        """Return the node's clock in seconds since 1970.

        The node asks its time server first and fails when that does not answer; UNIMPLEMENTED in maintenance.
        """
        answer = self._first(m.TIME, "Time", "reading the clock", m.EMPTY, {}, m.TIME_ANSWER)
        moment = answer["localtime"] or {"seconds": 0, "nanos": 0}
        return float(moment["seconds"]) + float(moment["nanos"]) / 1_000_000_000

    def kubeconfig(self) -> bytes:
        """Return a new admin kubeconfig as the node sends it: gzip of a tar; see ``kubeconfig.py``."""
        answers = self.call(m.MACHINE, "Kubeconfig", "reading the kubeconfig", m.EMPTY, {}, m.DATA)
        return b"".join(answer["bytes"] for answer in answers)

    # -- etcd -------------------------------------------------------------------------------------------------------

    def etcd_members(self, query_local: bool = True) -> list[EtcdMember]:
        """Return the members which this node's etcd knows.

        :param query_local: ask only the etcd of this node; else the node asks any control plane.
        """
        request = {"query_local": query_local}
        answer = self.machine(
            "EtcdMemberList", "listing the etcd members", m.ETCD_MEMBERS_REQUEST, request, m.ETCD_MEMBERS_ANSWER
        )
        return [EtcdMember(**{key: item[key] for key in EtcdMember.__dataclass_fields__}) for item in answer["members"]]

    def etcd_status(self) -> EtcdStatus:
        """Return the status of this node's etcd member."""
        answer = self.machine("EtcdStatus", "reading the etcd status", m.EMPTY, {}, m.ETCD_STATUS_ANSWER)
        status = answer["member_status"]
        if status is None:
            raise ProtocolError(
                "reading the etcd status", target=self.target, answer="the answer holds no member status"
            )
        return EtcdStatus(**{key: status[key] for key in EtcdStatus.__dataclass_fields__})

    def etcd_alarms(self) -> list[tuple[int, str]]:
        """Return raised alarms as (member id, ``NOSPACE`` or ``CORRUPT``)."""
        answer = self.machine("EtcdAlarmList", "listing the etcd alarms", m.EMPTY, {}, m.ETCD_ALARMS_ANSWER)
        return [
            (item["member_id"], m.ALARMS.name_of(item["alarm"])) for item in answer["member_alarms"] if item["alarm"]
        ]

    # -- COSI -------------------------------------------------------------------------------------------------------

    def cosi_get(self, namespace: str, type: str, id: str) -> Resource | None:  # noqa: A002 - COSI's own words
        """Return one resource, None when it does not exist."""
        request = {"namespace": namespace, "type": type, "id": id}
        try:
            answers = self.call(m.COSI, "Get", f"reading {type} {namespace}/{id}", m.COSI_GET, request, m.COSI_ANSWER)
        except TalosError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return _resource(answers[0]["resource"]) if answers and answers[0]["resource"] else None

    def cosi_list(self, namespace: str, type: str) -> list[Resource]:  # noqa: A002
        """Return all resources of a type."""
        request = {"namespace": namespace, "type": type}
        answers = self.call(m.COSI, "List", f"listing {type} in {namespace}", m.COSI_LIST, request, m.COSI_ANSWER)
        return [_resource(answer["resource"]) for answer in answers if answer["resource"]]

    # -- calls ------------------------------------------------------------------------------------------------------

    def call(
        self,
        service: str,
        method: str,
        attempted: str,
        request_schema: m.Schema,
        request: dict[str, Any],
        answer: m.Schema,
    ) -> list[dict[str, Any]]:
        """Make one call and return all its answer messages, decoded.

        :param attempted: what the caller wants, as a gerund phrase, for messages.
        """
        frames = self.open().call(f"/{service}/{method}", m.encode(request_schema, request), attempted, self.timeout)
        try:
            return [m.decode(answer, frame) for frame in frames]
        except m.DecodeError as error:
            raise ProtocolError(
                attempted, target=self.target, answer=f"the answer cannot be decoded ({error})"
            ) from error

    def _first(
        self,
        service: str,
        method: str,
        attempted: str,
        request_schema: m.Schema,
        request: dict[str, Any],
        answer: m.Schema,
    ) -> dict[str, Any]:
        """Return the single message of a unary answer, unwrapped from Talos' ``messages``."""
        answers = self.call(service, method, attempted, request_schema, request, answer)
        if not answers or not answers[0]["messages"]:
            raise ProtocolError(attempted, target=self.target, answer=f"{method} answered without a message")
        message: dict[str, Any] = answers[0]["messages"][0]
        metadata = message.get("metadata") or {}
        if metadata.get("error"):
            code = (metadata.get("status") or {}).get("code", 0) or 2
            raise TalosError(attempted, code=code, details=metadata["error"], target=self.target)
        return message

    def machine(
        self, method: str, attempted: str, request_schema: m.Schema, request: dict[str, Any], answer: m.Schema
    ) -> dict[str, Any]:
        """Make one unary call of the machine service and return its single message."""
        return self._first(m.MACHINE, method, attempted, request_schema, request, answer)


def _resource(item: dict[str, Any]) -> Resource:
    metadata = item["metadata"] or {}
    spec = item["spec"] or {"proto_spec": b"", "yaml_spec": ""}
    updated = metadata.get("updated") or {"seconds": 0, "nanos": 0}
    raw = b""
    if metadata.get("type") == MACHINE_CONFIG and spec["proto_spec"]:
        raw = m.decode(m.MACHINE_CONFIG_SPEC, spec["proto_spec"])["yaml_marshalled"]
    return Resource(
        namespace=metadata.get("namespace", ""),
        type=metadata.get("type", ""),
        id=metadata.get("id", ""),
        version=metadata.get("version", ""),
        phase=metadata.get("phase", ""),
        owner=metadata.get("owner", ""),
        labels={label["key"]: label["value"] for label in metadata.get("labels", [])},
        updated=updated["seconds"] + updated["nanos"] / 1_000_000_000,
        yaml_spec=spec["yaml_spec"],
        raw=raw,
    )
