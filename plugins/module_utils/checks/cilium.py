# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of Cilium's values: what the chart is given after ``extra_values`` has been merged in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..model import cilium as rendering
from ..model.schema import Path, nearest
from ..model.world import World
from ..repository.spot import Spot, dig
from ..repository.view import Repository
from .chart_keys import CILIUM_1_17, CILIUM_1_17_INNER, MISTAKEN
from .registry import ERROR, WARN, Breach, Lens, check

_PHASES = ("cni", "bgp")
_RUN = "verified by running over the files of a real home-lab"
#: Chart values that a check of their own looks at.
_JUDGED = {
    ("kubeProxyReplacement",),
    ("bgpControlPlane", "enabled"),
    ("loadBalancer", "mode"),
    ("l2announcements", "enabled"),
    ("k8sServiceHost",),
    ("k8sServicePort",),
    ("ipv6", "enabled"),
}


def _value(world: World, *keys: str) -> Any:
    value: Any = world.cilium_values
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _yes(value: Any) -> bool:
    """Helm renders true and "true" alike."""
    return value is True or value == "true"


@dataclass(frozen=True)
class Given:
    """Values that the chart of Cilium is given, by the model or by one place of a repository.

    :param complete: whether they are all there are; what ``valuesFrom`` or a bootstrap command leaves out is not known.
    :param at: returns where a value is said.
    """

    values: Mapping[str, Any]
    complete: bool
    at: Callable[..., Path | Spot]

    def value(self, *keys: str) -> Any:
        """Return one value, None when it is not given."""
        return dig(self.values, *keys)


def _of_model(world: World) -> Iterator[Given]:
    def at(*keys: str) -> Path:
        given = world.cilium_path(*keys)
        own = {("loadBalancer", "mode"): "load_balancer_mode", ("loadBalancer", "algorithm"): "load_balancer_algorithm"}
        return ("cilium", own[keys]) if keys in own and given[-1] != keys[-1] else given

    yield Given(world.cilium_values, True, at)


def _of_repository(repository: Repository) -> Iterator[Given]:
    for use in repository.chart("cilium"):
        whole = use.release is not None and not use.release.object.get("spec", "valuesFrom")
        yield Given(use.values, whole, use.at)


#: The same of both.
VALUES = Lens(_of_model, _of_repository)


def _announcing(repository: Repository) -> Iterator[Given]:
    """Yield the values when the repository has BGP objects; the model always announces by BGP."""
    if any(item.kind.startswith("CiliumBGP") for item in repository.objects):
        yield from _of_repository(repository)


@check(
    "CIL001",
    ERROR,
    "cilium",
    _PHASES,
    rule="There is one Cilium version.",
    why="Images of one version under the chart of another miss flags, rights or CRDs.",
    broken="versions.cilium 1.17.6, extra_values.image.tag v1.16.1",
    right="versions.cilium 1.17.6 and no image tag",
    ground=_RUN,
)
def one_version(world: World) -> Iterator[Breach]:
    """Image tags in extra_values are compared with versions.cilium."""
    wanted = str(world.get("versions", "cilium")).removeprefix("v")
    for keys in (("image",), ("operator", "image"), ("preflight", "image")):
        path = ("cilium", "extra_values", *keys, "tag")
        tag = world.maybe(*path)
        if tag is not None and str(tag).removeprefix("v") != wanted:
            yield Breach(
                path,
                f"The image tag says {tag}, homeops_versions.cilium says {wanted}.",
                f"v{wanted}, or no tag at all",
            )


@check(
    "CIL002",
    ERROR,
    "cilium",
    _PHASES,
    rule="Cilium replaces kube-proxy, because Talos is told not to run it.",
    why="With neither of the two, no Service address works, that of the Kubernetes API included.",
    broken="extra_values.kubeProxyReplacement: false",
    right="kubeProxyReplacement: true (the collection sets it)",
    ground=_RUN,
)
def proxy_replaced(world: World) -> Iterator[Breach]:
    """The machine config always carries cluster.proxy.disabled: true."""
    value = _value(world, "kubeProxyReplacement")
    if not _yes(value):
        yield Breach(
            world.cilium_path("kubeProxyReplacement"),
            f"kubeProxyReplacement is {json.dumps(value, default=str)}.",
            "true",
        )


@check(
    "CIL003",
    ERROR,
    "cilium",
    _PHASES,
    rule="Cilium's BGP control plane is enabled.",
    why="Without it nobody reads the BGP objects: they are stored, and no session is ever opened.",
    broken="extra_values.bgpControlPlane.enabled: false",
    right="bgpControlPlane.enabled: true (the collection sets it)",
    ground=_RUN,
    through=Lens(_of_model, _announcing),
)
def bgp_enabled(given: Given) -> Iterator[Breach]:
    """The model always announces by BGP; of a repository its BGP objects tell. The chart's default is false."""
    value = given.value("bgpControlPlane", "enabled")
    if not _yes(value) and (given.complete or value is not None):
        yield Breach(
            given.at("bgpControlPlane", "enabled"),
            f"bgpControlPlane.enabled is {json.dumps(value, default=str)}.",
            "true",
        )


@check(
    "CIL004",
    ERROR,
    "cilium",
    _PHASES,
    rule="Every value for the chart is one that the pinned chart reads.",
    why="The chart's schema lets unknown keys pass, so the run is green and the setting is missing.",
    broken="extra_values: {enableIPv6: true}",
    right="extra_values: {ipv6: {enabled: true}}",
    ground="cilium/cilium v1.17.6 install/kubernetes/cilium/values.yaml and templates",
)
def chart_keys(world: World) -> Iterator[Breach]:
    """Keys are known for chart 1.17; for another minor version this check has no list and finds nothing."""
    given = world.maybe("cilium", "extra_values", default={})
    if not str(world.get("versions", "cilium")).removeprefix("v").startswith("1.17."):
        return
    for path, use in unknown_keys(given):
        text = f"The chart of Cilium does not read the key {'.'.join(path)}."
        yield Breach(("cilium", "extra_values", *path), text, use)


def unknown_keys(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Yield path and replacement of each key that chart 1.17 does not read."""
    for key, value in values.items():
        if key in MISTAKEN or key not in CILIUM_1_17:
            yield (key,), MISTAKEN.get(key) or nearest(key, CILIUM_1_17)
        elif key in CILIUM_1_17_INNER and isinstance(value, Mapping):
            known = CILIUM_1_17_INNER[key]
            for inner in value:
                if inner not in known:
                    yield (key, str(inner)), MISTAKEN.get(f"{key}.{inner}") or nearest(inner, known)


@check(
    "CIL005",
    WARN,
    "cilium",
    _PHASES,
    rule="Direct server return needs native routing, or a Geneve tunnel with Geneve dispatch.",
    why="In a vxlan tunnel the client's address gets lost on the way to the backend, and replies never arrive.",
    broken="load_balancer_mode: dsr with the default vxlan tunnel",
    right="load_balancer_mode: snat",
    ground="cilium/cilium#26339, which quotes the documentation; not verified for 1.17.6",
    through=VALUES,
)
def dsr(given: Given) -> Iterator[Breach]:
    """hybrid is dsr for TCP. The chart's defaults are a tunnel and vxlan."""
    mode, native = given.value("loadBalancer", "mode"), given.value("routingMode") == "native"
    geneve = given.value("tunnelProtocol") == "geneve" and given.value("loadBalancer", "dsrDispatch") == "geneve"
    if mode in ("dsr", "hybrid") and not native and not geneve and (given.complete or not given.value("routingMode")):
        yield Breach(given.at("loadBalancer", "mode"), f"The mode {mode} is combined with a vxlan tunnel.", "snat")


@check(
    "CIL006",
    WARN,
    "cilium",
    _PHASES,
    rule="Announcements on the segment (L2) are off, because addresses are announced by BGP.",
    why="They would answer for addresses of another VLAN and hide a BGP session that is down.",
    broken="extra_values.l2announcements.enabled: true",
    right="l2announcements.enabled: false (the collection sets it)",
    ground=_RUN,
)
def no_l2(world: World) -> Iterator[Breach]:
    """No pool lies on the nodes' segment (NET006)."""
    if _yes(_value(world, "l2announcements", "enabled")):
        yield Breach(world.cilium_path("l2announcements", "enabled"), "l2announcements.enabled is true.", "false")


@check(
    "CIL007",
    WARN,
    "cilium",
    _PHASES,
    rule="Cilium reaches the Kubernetes API at one place that is there before the CNI: KubePrism, or the VIP.",
    why="The agent needs the API before any Service address works; with a wrong place no node ever becomes Ready.",
    broken="kubeprism_port 7445, extra_values.k8sServicePort 7443",
    right="localhost and the port of homeops_talos.kubeprism_port",
    ground=_RUN,
)
def api_door(world: World) -> Iterator[Breach]:
    """Host and port are judged together."""
    host, port = str(_value(world, "k8sServiceHost")), str(_value(world, "k8sServicePort"))
    prism, address = str(world.get("talos", "kubeprism_port")), str(world.get("cluster", "vip"))
    if (host, port) not in {("localhost", prism), ("127.0.0.1", prism), (address, "6443")}:
        given = world.cilium_path("k8sServiceHost")
        path = given if given[-1] == "k8sServiceHost" else world.cilium_path("k8sServicePort")
        yield Breach(path, f"Cilium would look for the API at {host}:{port}.", f"localhost and {prism}")


@check(
    "NET011",
    WARN,
    "addressing",
    ("talos", "cni"),
    rule="Interface names agree.",
    why="Cilium ignores a device that does not exist, and the nodes' traffic bypasses its programs.",
    broken="networks.interface enp3s0f0, extra_values.devices eth0",
    right="enp3s0f0 in both, or no devices at all",
    ground=_RUN,
)
def interfaces(world: World) -> Iterator[Breach]:
    """A name that ends with + stands for all that begin with it."""
    wanted = world.get("networks", "interface")
    for keys in (("devices",), ("nodePort", "directRoutingDevice"), ("egressMasqueradeInterfaces",)):
        path = ("cilium", "extra_values", *keys)
        value = world.maybe(*path)
        if not isinstance(value, (str, list)) or not value:
            continue
        names = value if isinstance(value, list) else value.replace(",", " ").split()
        texts = [name for name in names if isinstance(name, str)]
        if not any(name == wanted or (name.endswith("+") and wanted.startswith(name[:-1])) for name in texts):
            yield Breach(
                path, f"{keys[-1]} names {', '.join(texts) or 'no interface'}, networks.interface is {wanted}.", wanted
            )


@check(
    "MOD011",
    WARN,
    "cilium",
    _PHASES,
    rule="extra_values says nothing that the model says already.",
    why="The value is merged in last, so Cilium gets another one than Talos, the router and the checks are given.",
    broken="extra_values.ipam.operator.clusterPoolIPv4MaskSize: 26",
    right="networks.pods.ipv4_node_mask: 26",
    ground="the collection's own rendering of the chart's values",
)
def overridden(world: World) -> Iterator[Breach]:
    """Values with a check of their own are left to it."""
    if not world.cilium_values:
        return
    bare = {**world.clean, "cilium": {**world.get("cilium"), "extra_values": {}}}
    for keys, before, after in _changed(rendering.values(bare), world.maybe("cilium", "extra_values", default={})):
        if keys not in _JUDGED:
            yield Breach(
                ("cilium", "extra_values", *keys),
                f"extra_values replaces {'.'.join(keys)}, which the model sets to {json.dumps(before, default=str)},"
                f" by {json.dumps(after, default=str)}.",
            )


def _changed(
    derived: Mapping[str, Any], given: Any, keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield (keys, derived value, given value) of each derived value that the given ones replace by another."""
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if key not in derived:
            continue
        if isinstance(derived[key], Mapping) and isinstance(value, Mapping):
            yield from _changed(derived[key], value, (*keys, key))
        elif derived[key] != value:
            yield (*keys, key), derived[key], value
