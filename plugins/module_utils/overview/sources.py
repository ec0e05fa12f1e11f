# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked, of whom: one job per system, each with its own connection and its own deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..authentik import session as authentik
from ..authentik.info import Info
from ..cilium import info as cilium
from ..cilium.store import Store as CiliumStore
from ..common.certificates import validity
from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..flux.store import Store as FluxStore
from ..frr import live
from ..frr.state_command import Shell
from ..kubernetes import config, listing
from ..kubernetes.client import Client
from ..kubernetes.errors import KubernetesError, NotFound
from ..status import probe
from ..talos import apply_plan, config_source, node_config, schematic, state
from ..talos.client import TalosClient
from ..talos.connection import NodeMode, target_of
from ..talos.identity import Identity
from ..talos.secrets import SecretsBundle
from ..unifi import dns, session as unifi
from ..unifi.bgp_config import BgpConfig
from .cluster import VIP
from .gather import Job

#: What each area needs to know, by the kinds of jobs.
NEEDS: Mapping[str, frozenset[str]] = {
    "nodes": frozenset({"talos"}),
    "etcd": frozenset({"talos"}),
    "kubernetes": frozenset({"api", "kubernetes"}),
    "cilium": frozenset({"kubernetes"}),
    "bgp": frozenset({"cilium", "console", "router"}),
    "pools": frozenset({"cilium"}),
    "flux": frozenset({"flux"}),
    "secrets": frozenset({"secrets"}),
    "storage": frozenset({"longhorn"}),
    "certificates": frozenset({"talos", "api", "certificates", "clients"}),
    "identity": frozenset({"identity"}),
    "services": frozenset({"cilium", "console", "router", "identity", "ingress", "host"}),
}
KINDS = tuple(sorted(frozenset().union(*NEEDS.values())))
#: Connections that one job holds to the Kubernetes API.
_CONNECTIONS = 3
#: So many Events are looked into for the causes of Secrets that are not synced.
_EVENTS = {"fields": "type=Warning"}

_WORK = {
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/pods",
    "DaemonSet": "/apis/apps/v1/daemonsets",
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
}
_SECRETS = "/apis/external-secrets.io/v1"
_CERTIFICATES = "/apis/cert-manager.io/v1"


@dataclass
class Sources:
    """Makes the jobs of one report out of the module's parameters.

    :param identity: the client of the Talos API.
    :param bundle: the secrets from which the declared machine configs are made; None leaves them unjudged.
    :param shown: names of the nodes that are asked.
    """

    params: Mapping[str, Any]
    ctx: Context
    areas: tuple[str, ...]
    shown: tuple[str, ...]
    identity: Identity | None = None
    bundle: SecretsBundle | None = None
    unasked: dict[str, str] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        """Return the jobs that the areas need; ``unasked`` says afterwards what could not be asked, and why.

        :raises InputError: a connection's parameters cannot be used.
        """
        kinds = frozenset().union(*(NEEDS[area] for area in self.areas))
        found = []
        for kind in KINDS:
            if kind in kinds:
                found += list(self._makers()[kind](kind))
        # Nodes last: they are the many, and no other system should wait for a slot behind them.
        return sorted(found, key=lambda job: job.name.startswith("talos:"))

    def _makers(self) -> dict[str, Callable[[str], Iterable[Job]]]:
        cluster = {
            "kubernetes": lambda client: listing.listed(client, _WORK),
            "ingress": lambda client: listing.listed(client, listing.WAY),
            "cilium": self._cilium,
            "flux": _flux,
            "secrets": _secrets,
            "longhorn": _longhorn,
            "certificates": _certificates,
        }
        return {
            "talos": self._talos,
            "api": self._doors,
            "clients": self._clients,
            "console": self._console,
            "router": self._router,
            "identity": self._identity,
            "host": self._hosts,
            **{kind: self._api(ask) for kind, ask in cluster.items()},
        }

    def timeout(self, kind: str) -> float:
        """Return the seconds that a system of a kind has."""
        return float(self.params["timeouts"].get(kind) or self.params["timeout"])

    def _mine(self) -> Context:
        """A context of a job's own: its warnings are part of its answer."""
        return Context(check_mode=self.ctx.check_mode, read_text=self.ctx.read_text)

    # -- Talos -------------------------------------------------------------------------------------------------------

    def _talos(self, kind: str) -> Iterator[Job]:
        parts = [
            *(("status", "time") if "nodes" in self.areas else ()),
            *(("config",) if "nodes" in self.areas and self.bundle is None else ()),
            *(("etcd",) if "etcd" in self.areas else ()),
        ]
        further = _held if "nodes" in self.areas and self.bundle is not None else None
        for node in self.params["nodes"]:
            target = target_of(node)
            if target.label in self.shown:
                ask = _bound(state.look, target, self.identity, self.timeout(kind), parts, further)
                yield Job(f"{kind}:{target.label}", ask, self.timeout(kind))

    def _declared(self, name: str) -> Mapping[str, Any]:
        """Return what is declared of one node."""
        return next((node for node in self.params["declared"].get("nodes") or [] if node["name"] == name), {})

    def desired(self, name: str) -> config_source.Desired:
        """Return a node's declared machine config.

        :raises InputError: it cannot be made.
        """
        given = {**self.params["machine_config"], **self._declared(name)}
        if self.params["declared"].get("schematic"):
            made = schematic.schematic(self.params["declared"]["schematic"])
            given["installer_image"] = schematic.installer(
                made.id, given.get("talos_version") or "", factory=given["factory"]
            )
        return config_source.desired(given, self.ctx, self.bundle)

    def compare(self, name: str, held: node_config.Held) -> dict[str, Any]:
        """Return how a node's machine config relates to its declared one: ``config``, ``drift``, ``drift_reason``."""
        found: dict[str, Any] = {"config": "none", "drift": None}
        if not held.stored:
            return found
        try:
            wanted = self.desired(name)
            if held.stored == held.active == wanted.text.encode():
                return {"config": "in_sync", "drift": []}
            observed = held.observed(name)
            found["config"] = apply_plan.relation(observed)
            found["drift"] = apply_plan.changed_paths(wanted.documents, observed)
        except HomeopsError as error:
            found["drift_reason"] = str(error).rstrip(".")
        return found

    # -- Kubernetes --------------------------------------------------------------------------------------------------

    def _connection(self, kind: str) -> config.Connection | None:
        """Return how the API is reached; without a usable kubeconfig nothing of the kind is asked."""
        try:
            return config.load(self.params.get("kubeconfig"), self.params.get("context"), self.ctx.read_text)
        except InputError as error:
            self.unasked[kind] = str(error).rstrip(".")
            return None

    def _api(self, ask: Callable[[Client], Any]) -> Callable[[str], Iterator[Job]]:
        def make(kind: str) -> Iterator[Job]:
            connection = self._connection(kind)
            if connection is None:
                return

            def work() -> Any:
                with Client(connection, timeout=self.timeout(kind), concurrency=_CONNECTIONS) as client:
                    return ask(client)

            yield Job(kind, work, self.timeout(kind))

        return make

    def _doors(self, kind: str) -> Iterator[Job]:
        """The API server at the kubeconfig's own door, and at each node."""
        connection = self._connection(kind)
        if connection is None:
            return
        doors = {VIP: connection}
        for node in self.params["nodes"]:
            target = target_of(node)
            if target.label in self.shown and self._declared(target.label).get("machine_type") != "worker":
                host = f"[{target.node}]" if ":" in target.node else target.node
                doors[target.label] = replace(
                    connection,
                    server=f"https://{host}:{connection.port}",
                    server_name=target.server_name or target.node,
                )
        for name, door in doors.items():
            yield Job(f"{kind}:{name}", _bound(_door, door, self.timeout(kind)), self.timeout(kind))

    def _clients(self, kind: str) -> Iterator[Job]:
        """The ends of the clients' own certificates, from the files that hold them."""
        connection = self._connection(kind)

        def read() -> dict[str, str]:
            found = {}
            if self.identity is not None:
                found["talosconfig"] = self.identity.expires.isoformat()
            if connection is not None and connection.certificate is not None:
                found["kubeconfig"] = validity(connection.certificate)[1].isoformat()
            return found

        yield Job(kind, read, self.timeout(kind))

    def _cilium(self, client: Client) -> dict[str, Any]:
        ctx = self._mine()
        found = cilium.gather(CiliumStore(client, ctx), self.params["pool_label"], self.params["secrets_namespace"])
        return {**found, "notes": list(ctx.warnings)}

    # -- the router --------------------------------------------------------------------------------------------------

    def _console(self, kind: str) -> Iterator[Job]:
        given = self.params.get("console")
        if not given:
            self.unasked[kind] = "no console was named"
            return
        seconds = self.timeout(kind)

        def work() -> dict[str, Any]:
            with unifi.connect({**given, "timeout": seconds}, self._mine()) as client:
                stored = BgpConfig(client, given["site"]).read() if {"bgp", "services"} & set(self.areas) else None
                records = dns.read(client, given["site"]) if "services" in self.areas else []
            zone = self.params.get("zone") or ""
            return {
                "text": stored.text if stored else "",
                "records": dns.chosen(records, zone, ("A", "AAAA", "CNAME")),
            }

        yield Job(kind, work, seconds)

    def _router(self, kind: str) -> Iterator[Job]:
        command = tuple(self.params["state_command"])
        if not command:
            self.unasked[kind] = "without a state command nobody knows its sessions and routes"
            return
        seconds = self.timeout(kind)
        yield Job(kind, lambda: live.facts(live.read(Shell(command, seconds))), seconds)

    # -- logins ------------------------------------------------------------------------------------------------------

    def _identity(self, kind: str) -> Iterator[Job]:
        given = self.params.get("identity") or {}
        if not (given.get("token") or "").strip():
            self.unasked[kind] = "no token of Authentik was given"
            return
        parts = {"findings", "providers", "applications", "outposts", "tokens"}

        def work() -> dict[str, Any]:
            ctx = self._mine()
            with authentik.connect({**given, "timeout": self.timeout(kind)}, ctx) as client:
                found = Info(client, ctx).read(parts, soon=0)
            return {**found, "notes": list(ctx.warnings)}

        yield Job(kind, work, self.timeout(kind))

    def _hosts(self, kind: str) -> Iterator[Job]:
        door, ca_file = self.params.get("door") or "", self.params.get("ca_file") or ""
        for one in self.params["declared"].get("probes") or []:
            targets = [probe.Target(one["host"], path, door) for path in one["paths"]]
            ask = _bound(probe.probe, targets, ca_file=ca_file, timeout=self.timeout(kind))
            yield Job(f"{kind}:{one['host']}", ask, self.timeout(kind))


def _held(client: TalosClient, mode: NodeMode) -> dict[str, Any]:
    """Read a node's machine configs; they are judged when all systems have been asked, not against their deadlines."""
    return {"held": node_config.held(client, mode)}


def _bound(work: Callable[..., Any], *args: Any, **named: Any) -> Callable[[], Any]:
    return lambda: work(*args, **named)


def _door(connection: config.Connection, timeout: float) -> dict[str, Any]:
    """Ask one API server whether it is ready, which version it has, and until when its certificate holds."""
    with Client(connection, timeout=timeout, concurrency=1) as client:
        ready = client.request("GET", "/readyz", attempted="asking the API server whether it is ready", plain=True)
        version = client.get("/version", attempted="asking the API server for its version")
        expires = client.peer_expires()
    return {
        "ready": str(ready).strip(),
        "version": str(version.get("gitVersion") or ""),
        "expires": expires.isoformat() if expires else "",
    }


def _flux(client: Client) -> list[dict[str, Any]]:
    store = FluxStore(client, Context())
    store.require()
    return store.read()


def _absent(what: str, phase: str, client: Client) -> KubernetesError:
    return KubernetesError(
        f"finding {what}",
        target=client.connection.server,
        answer="the API does not serve its kinds",
        remedy=f"Run the phase {phase}",
    )


def _secrets(client: Client) -> dict[str, Any]:
    try:
        stores, secrets = client.map(
            lambda plural: client.list(f"{_SECRETS}/{plural}", attempted=f"reading the {plural}")[0],
            ("clustersecretstores", "externalsecrets"),
        )
    except NotFound as error:
        raise _absent("External Secrets", "secrets", client) from error
    events: list[dict[str, Any]] = []
    if any(not _is_ready(body) for body in [*stores, *secrets]):
        events, _version = client.list("/api/v1/events", attempted="reading the Events", **_EVENTS)
    return {"stores": stores, "secrets": secrets, "events": events}


def _is_ready(body: Mapping[str, Any]) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or []
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _longhorn(client: Client) -> dict[str, Any]:
    wanted = {
        "nodes": "nodes",
        "volumes": "volumes",
        "replicas": "replicas",
        "targets": "backuptargets",
        "backup_volumes": "backupvolumes",
    }
    try:
        found = client.map(
            lambda plural: client.list(f"/apis/longhorn.io/v1beta2/{plural}", attempted=f"reading Longhorn's {plural}")[
                0
            ],
            wanted.values(),
        )
        return dict(zip(wanted, found, strict=True))
    except NotFound as error:
        raise _absent("Longhorn", "platform", client) from error


def _certificates(client: Client) -> dict[str, Any]:
    try:
        certificates, issuers = client.map(
            lambda plural: client.list(f"{_CERTIFICATES}/{plural}", attempted=f"reading the {plural}")[0],
            ("certificates", "clusterissuers"),
        )
    except NotFound as error:
        raise _absent("cert-manager", "platform", client) from error
    return {"certificates": certificates, "issuers": issuers}
