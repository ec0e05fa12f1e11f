# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of names: DNS zones and hosts, the backends behind the login, and what the identity provider is told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model.schema import Path
from ..model.world import World
from .registry import ERROR, WARN, Breach, check

_RUN = "verified by running over the files of a real home-lab"
_DNS = ("platform", "verify")
_LOGIN = ("identity", "verify")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_id(text: str) -> bool:
    """Whether a text is an id and no name."""
    return bool(_UUID.fullmatch(text))


def inside(host: str, zone: str) -> bool:
    """Whether a host name is a zone's own name or lies in it."""
    return host == zone or host.endswith(f".{zone}")


@check(
    "DNS001",
    ERROR,
    "dns",
    _DNS,
    rule="The two instances of external-dns have scopes and owners of their own.",
    why="With the policy sync each instance deletes the records that it takes for its own and cannot explain.",
    broken="owner_id home-ops for both instances",
    right="home-ops and home-ops-internal",
    ground=_RUN,
)
def scopes(world: World) -> Iterator[Breach]:
    """An internal zone inside of the public one is well: the public instance excludes it."""
    public, internal = (world.maybe("dns", "external_dns", name, default={}) for name in ("public", "internal"))
    if "owner_id" in public and public["owner_id"] == internal.get("owner_id"):
        path = ("dns", "external_dns", "internal", "owner_id")
        yield Breach(
            path, f"Both instances own their records as {public['owner_id']}.", f"{public['owner_id']}-internal"
        )
    zones = {name: world.maybe("dns", name) for name in ("internal_zone", "public_zone")}
    if zones["internal_zone"] and zones["public_zone"] and inside(zones["public_zone"], zones["internal_zone"]):
        text = f"The public zone {zones['public_zone']} lies in the internal zone {zones['internal_zone']}."
        yield Breach(("dns", "internal_zone"), text, f"a zone below {zones['public_zone']}")


@check(
    "DNS002",
    ERROR,
    "dns",
    ("platform", "identity", "verify"),
    rule="Each host name is claimed once.",
    why="Two claimants write one DNS record by turns; the last one to sync wins, and the other is not reachable.",
    broken="two services called grafana",
    right="one entry per name in homeops_services",
    ground=_RUN,
)
def claimed_once(world: World) -> Iterator[Breach]:
    """A service's host is <name>.<internal zone> unless it says another; the login has a host of its own."""
    zone = world.get("dns", "internal_zone")
    claims: list[tuple[Path, str, str]] = []
    login = world.maybe("identity", "host")
    if login is not None:
        claims.append((("identity", "host"), login, "homeops_identity.host"))
    for path, service in world.entries("services"):
        if "name" in service:
            key = "host" if "host" in service else "name"
            host = service.get("host") or f"{service['name']}.{zone}"
            claims.append(((*path, key), host, f"homeops_services[{path[-1]}]"))
    first: dict[str, str] = {}
    for place, host, who in claims:
        if host in first:
            yield Breach(place, f"The host {host} is also claimed by {first[host]}.")
        else:
            first[host] = who


@check(
    "DNS003",
    ERROR,
    "dns",
    ("platform", "identity", "verify"),
    rule="Every host name lies in a zone that is served.",
    why="external-dns passes a name outside of its zones by, so no record is ever made.",
    broken="identity.host login.homelab.local",
    right="identity.host authentik.k8s.home.geoffdavis.com",
    ground=_RUN,
)
def in_a_zone(world: World) -> Iterator[Breach]:
    """Served are the internal and the public zone; looked at are the login's host and those that services choose."""
    zones = [world.get("dns", "internal_zone"), world.get("dns", "public_zone")]
    hosts: list[tuple[Path, str]] = [(("identity", "host"), world.get("identity", "host"))]
    hosts += [((*path, "host"), service["host"]) for path, service in world.entries("services") if "host" in service]
    for path, host in hosts:
        if not any(inside(host, zone) for zone in zones):
            text = f"{host} is neither in {zones[0]} nor in {zones[1]}."
            yield Breach(path, text, f"{host.partition('.')[0]}.{zones[0]}")


@check(
    "DNS004",
    WARN,
    "dns",
    ("identity", "verify"),
    rule="The login's cookies are valid in the whole internal zone.",
    why="A cookie of another domain is not sent to the services, and the login goes round in circles.",
    broken="cookie_domain home.example.net with internal_zone k8s.home.geoffdavis.com",
    right="cookie_domain k8s.home.geoffdavis.com",
    ground=_RUN,
)
def one_zone(world: World) -> Iterator[Breach]:
    """The cookie domain is the internal zone or one around it."""
    zone, domain = world.get("dns", "internal_zone"), world.get("identity", "cookie_domain")
    if not inside(zone, domain):
        yield Breach(
            ("identity", "cookie_domain"), f"cookie_domain {domain} does not hold the internal zone {zone}.", zone
        )


@check(
    "IDP001",
    ERROR,
    "identity",
    _LOGIN,
    rule="Scheme and port of a service are those of its Kubernetes Service.",
    why="The login succeeds and the proxy then answers 502, because nothing speaks that protocol on that port.",
    broken="kubernetes-dashboard-kong-proxy: port 8443 without scheme https",
    right="port 8443, scheme https",
    ground="charts longhorn 1.10.1, kube-prometheus-stack 75.18.1, kubernetes-dashboard 7.14.0, cilium 1.17.6",
)
def backends(world: World) -> Iterator[Breach]:
    """Services that the pinned charts make are known; of others, scheme and the well-known port are compared."""
    release = world.maybe("monitoring", "release", default="")
    monitoring = world.maybe("monitoring", "namespace")
    ends = {"prometheus": 9090, "alertmanager": 9093, "grafana": 80}
    known = {
        "longhorn-frontend": 80,
        "hubble-ui": 80,
        **{f"{release}-{end}": port for end, port in ends.items() if release},
    }
    for path, service in world.entries("services"):
        if not {"service", "port"} <= service.keys() or (
            world.raw((*path, "scheme")) is not None and "scheme" not in service
        ):
            continue
        name, port, scheme = service["service"], service["port"], service.get("scheme", "http")
        if name in known and (port, scheme) != (known[name], "http"):
            yield Breach(
                (*path, "port"),
                f"{name} is reached by {scheme} on {port}; its chart serves http on {known[name]}.",
                f"port {known[name]}, scheme http",
            )
        elif port in (443, 8443) and scheme == "http":
            yield Breach((*path, "port"), f"{name} is reached by http on {port}, a port for https.", "scheme: https")
        elif port == 80 and scheme == "https":
            yield Breach((*path, "port"), f"{name} is reached by https on 80, a port for http.", "scheme: http")
        end = name.rpartition("-")[2]
        if release and name not in known and end in ends and service.get("namespace") == monitoring:
            yield Breach((*path, "service"), f"The release {release} makes no Service {name}.", f"{release}-{end}")


@check(
    "IDP003",
    ERROR,
    "identity",
    _LOGIN,
    rule="Authorization and invalidation are two flows, named by slug and each with its own designation.",
    why="An id is another one on every installation, and a provider with the wrong flow logs people out instead of in.",
    broken="both flows 11111111-1111-1111-1111-111111111111",
    right="default-provider-authorization-implicit-consent and default-provider-invalidation-flow",
    ground="read in a real home-lab; goauthentik/authentik 2025.12 blueprints/default",
)
def flows(world: World) -> Iterator[Breach]:
    """Slugs of Authentik's own flows name their designation, so the two cannot be swapped unseen."""
    found = world.get("identity", "flows")
    default = {
        "authorization": "default-provider-authorization-implicit-consent",
        "invalidation": "default-provider-invalidation-flow",
    }
    other = {"authorization": "invalidation", "invalidation": "authorization"}
    for designation, slug in found.items():
        path = ("identity", "flows", designation)
        if _UUID.fullmatch(slug):
            yield Breach(path, f"{slug} is an id, not a slug.", default[designation])
        elif slug.startswith("default-") and other[designation] in slug:
            yield Breach(path, f"{slug} is a flow for {other[designation]}.", default[designation])
    if (
        len(found) == 2
        and found["authorization"] == found["invalidation"]
        and not found["invalidation"].startswith("default-")
    ):
        yield Breach(("identity", "flows", "invalidation"), "Both flows are the same one.", default["invalidation"])


@check(
    "IDP005",
    ERROR,
    "identity",
    _LOGIN,
    rule="The outpost is named, its id is looked up.",
    why="Ids differ on every installation: providers would be added to an outpost that does not exist.",
    broken="outpost: 3f1c2f7e-8f0e-4a56-b4d3-1d6b5a1c9e00",
    right="outpost: embedded",
    ground=_RUN,
)
def outpost(world: World) -> Iterator[Breach]:
    """The word embedded stands for Authentik's own outpost."""
    name = world.get("identity", "outpost")
    if _UUID.fullmatch(name):
        yield Breach(("identity", "outpost"), f"{name} is an id, not a name.", "embedded")
