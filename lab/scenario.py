# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab is told to be slow at, and to do wrong.

A scenario is one tree of dataclasses: :class:`Scenario` holds declared delays (seconds, every one a non-negative
number) and the faults that are set from the start. It is read from YAML, where an unknown key is an error that names
its place and the keys that exist there, and it is changed at run time through the control socket with the same names
(``delays.talos.install``).

The delays are *declared* so that a bench can subtract them: what a cold run takes beyond
:meth:`Delays.cold_run` is the controller's own time.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message names the file, the place and what is allowed there."""


@dataclass
class TalosDelays:
    """How long a simulated Talos node takes, in seconds."""

    boot: float = 0.2
    """From power on until the machine API listens."""
    install: float = 2.0
    """Writing the system disk, after the first complete config in maintenance mode."""
    reboot: float = 1.0
    """From the end of the shutdown until the machine API listens again."""
    services: float = 0.3
    """From the configured boot until containerd, apid and kubelet run."""
    etcd_start: float = 0.5
    """From Bootstrap until the first member serves."""
    etcd_join: float = 0.5
    """From the first member serving until a further member is a voter; learners are promoted one at a time."""
    static_pods: float = 0.5
    """From etcd serving on a node until its kube-apiserver answers."""
    upgrade: float = 2.0
    """Writing the new image, before the reboot of an upgrade."""


@dataclass
class KubernetesDelays:
    """How long Kubernetes' own parts take, in seconds."""

    start: float = 0.0
    """Added before the API server is started; its real start comes on top."""
    vip_failover: float = 1.0
    """From the death of the VIP's holder until another node answers on it."""
    node_register: float = 0.2
    """From a running kubelet until its Node object exists."""
    node_lost: float = 2.0
    """From the last heartbeat of a node until its Ready condition is Unknown (a real cluster: 40 s)."""
    job: float = 0.5
    """Run time of a Job's pod."""
    rollout: float = 0.5
    """From a pod's start until it is ready."""
    restart: float = 0.2
    """From the failure of a container until it is started again."""
    garbage: float = 0.1
    """From the disappearance of an owner until its dependents are deleted."""


@dataclass
class CiliumDelays:
    """How long Cilium takes, in seconds."""

    install: float = 1.0
    """Run time of the install Job's pod: chart download and the Helm install."""
    agent: float = 1.0
    """From an agent pod's start until it is ready on its node."""
    operator: float = 0.5
    """From the operator's start until its CustomResourceDefinitions exist."""
    lb_ipam: float = 0.2
    """From a LoadBalancer Service or pool until addresses are assigned."""


@dataclass
class BgpDelays:
    """How long the router and the agents take, in seconds."""

    apply: float = 0.3
    """From the console's answer until the router starts its daemon with the new text."""
    status: float = 2.0
    """Between two looks of the agents at their sessions, besides each change of state (real Cilium: 5 s)."""
    idle: float = 5.0
    """From the loss of a session until its node takes part in the next one (GoBGP's own 5 s, and never more)."""


@dataclass
class AuthentikDelays:
    """How long Authentik takes, in seconds."""

    start: float = 0.0
    """From its Deployment being available until its core answers; its router says 503 meanwhile."""
    blueprints: float = 0.3
    """From then until the worker has applied the blueprints: flows and mappings appear."""
    answer: float = 0.0
    """Added to every answer of the API."""
    outpost: float = 0.3
    """From a change until the embedded outpost serves it (real: up to 9 s)."""


@dataclass
class FluxDelays:
    """How long Flux's controllers take, in seconds. The intervals of objects hold, but no wait is longer than these."""

    poll: float = 0.5
    """Between two looks at a branch (real: the object's interval)."""
    retry: float = 1.0
    """From a failure until the next try (real: retryInterval, or a growing back-off)."""
    health: float = 0.3
    """Between two looks at objects that are not ready (real: 5 s)."""
    chart: float = 0.1
    """Fetching a chart."""


@dataclass
class PlatformDelays:
    """How long the programs of the platform take, in seconds."""

    certificate: float = 0.5
    """From a Certificate that must be issued until its Secret holds one."""
    dns: float = 0.5
    """From a changed source until external-dns writes it (a real one looks once a minute)."""
    volume: float = 0.2
    """From a claim until its volume is bound."""
    rebuild: float = 2.0
    """From the return of a node until its replicas are whole again."""
    database: float = 0.5
    """From the last ready instance of a PostgreSQL cluster until it is healthy."""
    backup: float = 0.5
    """Run time of a backup."""


@dataclass
class OnePasswordDelays:
    """How long 1Password Connect and what reads from it take, in seconds."""

    sync: float = 0.3
    """From a write until the item is visible with it."""
    retry: float = 1.0
    """From a failed sync of an ExternalSecret or store until External Secrets tries again by itself, at first."""


@dataclass
class Delays:
    """All declared delays."""

    talos: TalosDelays = field(default_factory=TalosDelays)
    kubernetes: KubernetesDelays = field(default_factory=KubernetesDelays)
    cilium: CiliumDelays = field(default_factory=CiliumDelays)
    bgp: BgpDelays = field(default_factory=BgpDelays)
    authentik: AuthentikDelays = field(default_factory=AuthentikDelays)
    flux: FluxDelays = field(default_factory=FluxDelays)
    platform: PlatformDelays = field(default_factory=PlatformDelays)
    onepassword: OnePasswordDelays = field(default_factory=OnePasswordDelays)

    def cold_run(self) -> dict[str, float]:
        """Return the delays that a cold run of ``site.yml`` must wait for, one after another, and their ``total``.

        Nodes install and boot side by side, so each of their delays counts once; etcd admits one learner at a time,
        so the joins of the second and third member add up. Cilium's agents and operator start at once.
        """
        path = {
            "talos.install": self.talos.install,
            "talos.reboot": self.talos.reboot,
            "talos.services": self.talos.services,
            "talos.etcd_start": self.talos.etcd_start,
            "talos.etcd_join (second member)": self.talos.etcd_join,
            "talos.etcd_join (third member)": self.talos.etcd_join,
            "talos.static_pods": self.talos.static_pods,
            "kubernetes.start": self.kubernetes.start,
            "kubernetes.node_register": self.kubernetes.node_register,
            "cilium.install": self.cilium.install,
            "cilium.agent and cilium.operator": max(self.cilium.agent, self.cilium.operator),
            "bgp.apply": self.bgp.apply,
        }
        return {**path, "total": round(sum(path.values()), 3)}


@dataclass
class WorkloadFault:
    """One object which a controller leaves failing.

    ``kind`` and ``name`` select it (``namespace`` empty: any), ``image`` only those of its pods that run this image;
    ``times`` counts reconciles, -1 is for ever.
    """

    kind: str = ""
    name: str = ""
    namespace: str = ""
    image: str = ""
    reason: str = "LabFault"
    message: str = "left failing by the lab's scenario"
    times: int = -1


@dataclass
class HttpFault:
    """One answer of the Kubernetes API replaced: the first entry whose ``path`` (a regular expression) matches wins."""

    path: str = ".*"
    method: str = ""
    times: int = 1
    delay: float = 0.0
    status: int = 0
    reset: bool = False


@dataclass
class ConsoleFaults:
    """What the router does wrong: its console, its daemon, and the sessions of its neighbours (nodes by name)."""

    unsupported_device: bool = False
    """Writes of BGP answer 404 ``api.err.BgpUnsupportedDevice``, and the device lacks the capability."""
    session_expired: int = -1
    """After so many more calls every session of a user is unknown, once; -1 never. An API key has no session."""
    login_throttled: int = 0
    """So many logins answer 429; -1 for ever."""
    retry_after: str = ""
    """The header ``Retry-After`` of those."""
    login_silent: int = 0
    """So many logins answer 200 without cookie and token."""
    mfa_required: bool = False
    key_revoked: bool = False
    no_permission: bool = False
    slow_apply: float = 0.0
    """Added to the delay ``bgp.apply``."""
    apply_lost: bool = False
    """A write is stored and never reaches the daemon."""
    reject_text: bool = False
    """A write of BGP answers 400."""
    status: int = 0
    """Answer a write of BGP with this status instead of 201 or 200."""
    concurrent_edit: int = 0
    """After so many more reads of the BGP configuration somebody else adds a comment to it, once."""
    drop_connection: str = ""
    """``stored`` or ``lost``: cut the connection of the next write, after or before it is stored."""
    html_error: int = 0
    """So many calls answer 502 with a page."""
    ssh_unreachable: bool = False
    vtysh_missing: bool = False
    session_down: list[str] = field(default_factory=list)
    """The node has no such neighbour; the router's text is not to blame."""
    session_down_after_change: list[str] = field(default_factory=list)
    """The same while the router's text differs from the one which ran when the fault was set."""
    md5_mismatch: list[str] = field(default_factory=list)
    node_killed: list[str] = field(default_factory=list)
    """The node's speaker is dead while the fault holds: its routes go stale under graceful restart."""
    node_admin_down: list[str] = field(default_factory=list)
    no_prefixes: list[str] = field(default_factory=list)
    filtered: list[str] = field(default_factory=list)
    """The node also announces 192.168.99.0/24, which no list admits."""
    martian_next_hop: list[str] = field(default_factory=list)
    """The node announces the next hop 127.0.0.1, which makes the session flap."""


@dataclass
class AuthentikFaults:
    """What Authentik does wrong."""

    starting: int = 0
    """So many requests answer 503 ``authentik starting``; -1 for ever."""
    retry_after: str = "5"
    """The header ``Retry-After`` of those."""
    crashed: int = 0
    """So many requests answer 502: the router runs, the core does not; -1 for ever."""
    reset: int = 0
    """So many connections are cut instead of answered."""
    token_dead: int = -1
    """After so many more calls every token's key is unknown, as after a rotation; -1 never."""
    not_superuser: bool = False
    """Callers are known and have no rights."""
    slow: float = 0.0
    """Added to the answers of ``slow_path``."""
    slow_path: str = ".*"
    """Regular expression over ``METHOD /path``."""
    jitter: float = 0.0
    """Every request and every answer is on its way for up to so many seconds more."""
    lost_update: int = 0
    """After so many writes of an outpost's providers somebody else writes the list that they had read before it."""
    concurrent_attach: int = 0
    """After so many more reads of an outpost somebody else attaches a provider, once."""
    worker_down: bool = False
    """Nothing reaches the outposts before their refresh interval, and no token is cleaned up."""
    outpost_down: bool = False
    """No pod of an outpost is connected."""
    outpost_outdated: bool = False
    """The outposts' pods run another release than the server."""
    clock: float = 0.0
    """The server's clock goes so many seconds ahead."""


@dataclass
class WebFaults:
    """What goes wrong between the ingress controllers and the services (``namespace/name`` of Services)."""

    timeout: list[str] = field(default_factory=list)
    """Their pods do not answer."""
    refused: list[str] = field(default_factory=list)
    """Nobody listens on their pods' ports."""


@dataclass
class AuthentikSettings:
    """How Authentik is installed.

    ``always``: it runs without a Deployment in the cluster. ``page_size``: the size of its pages (0: the product's).
    """

    version: str = "2025.12.4"
    always: bool = False
    page_size: int = 0


@dataclass
class GitFaults:
    """What the Git server does wrong, seen by whoever pushes and by Flux."""

    unreachable: bool = False
    """Connections are cut, and the source-controller is refused."""
    auth_failure: bool = False
    """Every credential is refused, and so is reading without one."""
    slow: float = 0.0
    """Seconds before each answer."""
    concurrent_push: int = 0
    """So many pushes come after a commit of somebody else, so that they are refused."""


@dataclass
class FluxFaults:
    """What the sources of Flux do wrong."""

    charts_unreachable: list[str] = field(default_factory=list)
    """HelmRepositories (by name) whose index cannot be fetched."""


@dataclass
class PlatformFaults:
    """What the programs of the platform and the world behind them do wrong (names are those of the objects)."""

    issuer_not_ready: list[str] = field(default_factory=list)
    """These ACME issuers cannot register their account."""
    challenge_invalid: list[str] = field(default_factory=list)
    """The certificate authority finds no valid proof for these DNS names."""
    disk_untagged: list[str] = field(default_factory=list)
    """The disks of these nodes have no tags, whatever their node objects say."""
    disk_missing: list[str] = field(default_factory=list)
    """The disks of these nodes are not mounted."""
    volume_degraded: list[str] = field(default_factory=list)
    """One replica of these volumes is lost (the volume's name, or ``namespace/claim``)."""
    volume_faulted: list[str] = field(default_factory=list)
    """All replicas of these volumes are lost."""
    backup_target_down: bool = False
    """The object store of Longhorn's backups does not answer."""
    tunnel_down: bool = False
    """cloudflared reaches no data centre: UDP 7844 does not get out."""
    archiving_fails: list[str] = field(default_factory=list)
    """These PostgreSQL clusters cannot write to their object store."""
    cloudflare_token_invalid: bool = False
    """Cloudflare's API refuses every token."""
    cloudflare_status: int = 0
    """Cloudflare's API answers every call with this status."""


@dataclass
class ConnectFaults:
    """What 1Password Connect does wrong; counts are requests, -1 for ever."""

    down: bool = False
    """Every connection is cut."""
    slow: float = 0.0
    """Seconds before each answer."""
    error: int = 0
    """So many requests answer 500."""
    rate_limit: int = 0
    """So many requests answer 429."""
    first_401: bool = False
    """The very first request answers 401, as before Connect 1.7.2."""
    forbidden: int = 0
    """So many requests for a vault's items answer 403 although the token is right."""
    wrong_vault: bool = False
    """The token's scope is another vault."""
    missing: list[str] = field(default_factory=list)
    """Titles that are not there."""
    duplicate: list[str] = field(default_factory=list)
    """Titles that are there twice."""
    missing_field: list[str] = field(default_factory=list)
    """Fields that are not there, each as title/label."""
    duplicate_field: list[str] = field(default_factory=list)
    """Fields that are there twice, each as title/label."""


@dataclass
class BgpSettings:
    """How the BGP network is laid out.

    ``nodes_listen``: nodes accept the router's connection too. Real Cilium only dials, for which GoBGP takes five to
    ten seconds; nothing else differs.
    """

    nodes_listen: bool = True


@dataclass
class Faults:
    """The faults that hold from the start; ``nodes`` maps a node's name to its simulated node's own fault fields."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    kube: list[HttpFault] = field(default_factory=list)
    workloads: list[WorkloadFault] = field(default_factory=list)
    console: ConsoleFaults = field(default_factory=ConsoleFaults)
    authentik: AuthentikFaults = field(default_factory=AuthentikFaults)
    web: WebFaults = field(default_factory=WebFaults)
    git: GitFaults = field(default_factory=GitFaults)
    flux: FluxFaults = field(default_factory=FluxFaults)
    platform: PlatformFaults = field(default_factory=PlatformFaults)
    connect: ConnectFaults = field(default_factory=ConnectFaults)


@dataclass
class Hardware:
    """What of a node's hardware differs from the default Mac mini (keys are those of the node's specification)."""

    disks: list[dict[str, Any]] | None = None
    links: list[dict[str, Any]] | None = None
    extensions: list[str] | None = None
    talos_version: str | None = None


@dataclass
class Scenario:
    """One scenario: its name, delays, faults, hardware by node name, and the world outside."""

    name: str = "default"
    delays: Delays = field(default_factory=Delays)
    faults: Faults = field(default_factory=Faults)
    hardware: dict[str, Hardware] = field(default_factory=dict)
    bgp: BgpSettings = field(default_factory=BgpSettings)
    authentik: AuthentikSettings = field(default_factory=AuthentikSettings)
    public_zones: list[str] = field(default_factory=lambda: ["geoffdavis.com"])
    """The zones of the account at Cloudflare."""

    @classmethod
    def load(cls, path: str | Path) -> Scenario:
        """Read a scenario file.

        :raises ScenarioError: when it cannot be read, is not YAML, or holds an unknown key or a wrong type.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"cannot read the scenario {path}: {error.strerror}") from error
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ScenarioError(f"the scenario {path} is not YAML: {' '.join(str(error).split())}") from error
        try:
            return cls.from_dict(data or {})
        except ScenarioError as error:
            raise ScenarioError(f"the scenario {path} cannot be used: {error}") from error

    @classmethod
    def from_dict(cls, data: Any) -> Scenario:
        """Build a scenario from plain data (see :meth:`load` for the errors)."""
        return build(cls, data, "")

    def to_dict(self) -> dict[str, Any]:
        """Return the scenario as plain data; :meth:`from_dict` gives the same scenario back."""
        return dataclasses.asdict(self)


def build(cls: type, data: Any, where: str) -> Any:
    """Build the dataclass ``cls`` from plain data; ``where`` is the dotted place for error messages.

    :raises ScenarioError: for unknown keys, wrong types and negative delays.
    """
    if not isinstance(data, Mapping):
        raise ScenarioError(f"{where or 'the top level'} must be a mapping, not {_type_name(data)}")
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]
    values = {}
    for key, value in data.items():
        if key not in names:
            raise ScenarioError(unknown_key(str(key), names, where))
        values[key] = convert(hints[key], value, f"{where}.{key}" if where else str(key))
    return cls(**values)


def convert(hint: Any, value: Any, where: str) -> Any:
    """Convert plain data to the annotated type ``hint`` (dataclass, list, dict, optional or scalar)."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return None if value is None else convert(inner[0], value, where)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if origin is list:
        if not isinstance(value, list):
            raise ScenarioError(f"{where} must be a list, not {_type_name(value)}")
        return [convert(typing.get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ScenarioError(f"{where} must be a mapping, not {_type_name(value)}")
        return {str(k): convert(typing.get_args(hint)[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is Any:
        return value
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ScenarioError(f"{where} must be a number of seconds, not {_type_name(value)} {value!r}")
        if value < 0:
            raise ScenarioError(f"{where} must not be negative, got {value}")
        return float(value)
    if hint is bool and not isinstance(value, bool):
        raise ScenarioError(f"{where} must be true or false, not {_type_name(value)} {value!r}")
    if hint is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise ScenarioError(f"{where} must be a whole number, not {_type_name(value)} {value!r}")
    if hint is str and not isinstance(value, str):
        raise ScenarioError(f"{where} must be text, not {_type_name(value)} {value!r}")
    return value


def set_path(root: Any, dotted: str, value: Any) -> None:
    """Set ``delays.talos.install`` and the like in place, so that everyone who holds a branch sees the new value.

    :raises ScenarioError: for a path that does not exist or a value of the wrong type.
    """
    target, parts = root, dotted.split(".")
    for depth, part in enumerate(parts):
        names = [f.name for f in dataclasses.fields(target)] if dataclasses.is_dataclass(target) else []
        if part not in names:
            raise ScenarioError(unknown_key(part, names, ".".join(parts[:depth])))
        if depth < len(parts) - 1:
            target = getattr(target, part)
            continue
        hint = typing.get_type_hints(type(target))[part]
        setattr(target, part, convert(hint, value, dotted))


def unknown_key(key: str, known: list[str], where: str) -> str:
    """Return the sentence for a key that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    place = f"in {where}" if where else "at the top level"
    return f"unknown key {key!r} {place}; {hint}known there: {', '.join(known) or 'nothing'}"


def _type_name(value: Any) -> str:
    names = {type(None): "nothing", str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "a mapping" if isinstance(value, Mapping) else type(value).__name__)
