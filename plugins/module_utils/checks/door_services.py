# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the console, of names, of secrets and of the login before a run; no I/O, see ``doors``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model.schema import Path
from ..model.world import World
from .door_systems import SOON, sentence
from .live import need
from .registry import DOORS, ERROR, WARN, Breach, check

_SEEN = "verified by running against simulated systems"


@check(
    "LIV009",
    ERROR,
    "bgp",
    ("bgp",),
    rule="The console answers, takes the credentials, and its gateway can do BGP.",
    why="Addresses would be handed out and announced, and no router would take them.",
    broken="no HOMEOPS_UNIFI_API_KEY, or a gateway whose firmware knows no BGP",
    right="an API key of a console with an adopted UDM Pro, UniFi OS 4.1 and Network 9 or newer",
    ground="the console's capability gate: udapi_caps bit 22 and udapi_version; " + _SEEN,
    scope=DOORS,
)
def console(case: Any) -> Iterator[Breach]:
    """Its devices are read: an adopted gateway must say that it can do BGP. A write would say it too, but too late."""
    seen = need(case.doors.console, "console")
    if seen.trouble is not None:
        yield Breach(("router_api_key",), sentence(seen.trouble.text), seen.trouble.remedy or None, of="console")


@check(
    "LIV015",
    ERROR,
    "bgp",
    ("bgp",),
    rule="Phase bgp can prove that the router has every route, or is told to do without the proof.",
    why="The phase would change the router and the cluster first, and end with an error that was certain before.",
    broken="homeops_router_state_command: []",
    right="homeops_router_state_command: [ssh, -o, BatchMode=yes, root@172.29.51.1, vtysh]",
    ground="the console's API knows no sessions and no routes; " + _SEEN,
    scope=DOORS,
)
def proof(case: Any) -> Iterator[Breach]:
    """What the role bgp_status will be told is looked at, no system is asked. In a check run, in which the phase fails
    of nothing, it is a warning."""
    seen = need(case.doors.proof, "proof")
    if seen.command or not seen.required:
        return
    router = case.model.maybe("bgp", "router", "address", default="<router>") if case.model else "<router>"
    text = "No command reaches the router's vtysh, so nothing past the text that its console stores can be proved."
    use = (
        f"a command, such as [ssh, -o, BatchMode=yes, root@{router}, vtysh], "
        "or accept the phase without proof: bgp_status_require_state: false in group_vars/all"
    )
    yield Breach(("router_state_command",), text, use, "", WARN if seen.check else "", of="router")


@check(
    "LIV010",
    WARN,
    "dns",
    ("platform", "identity", "verify"),
    rule="No record of the console leads a service's host elsewhere.",
    why="external-dns leaves alone what it has not made, so the name keeps leading past the ingress and the login.",
    broken="a record grafana.k8s.home.geoffdavis.com made by hand that leads to 172.29.51.20",
    right="no record of the host but the one of external-dns, which leads to the internal ingress",
    ground="read in kubernetes-sigs/external-dns registry/txt.go; " + _SEEN,
    scope=DOORS,
)
def records(case: Any) -> Iterator[Breach]:
    """Hosts are those of homeops_services and of the login. A record is external-dns' own when a TXT record beside it
    names the owner that the model gives its internal instance."""
    world: World = need(case.model, "model")
    found = need(need(case.doors.console, "console").records, "records")
    address = world.get("load_balancers", "pinned", "ingress_internal")
    owner = world.get("dns", "external_dns", "internal", "owner_id")
    owned = [str(item["name"]).lower() for item in found if item["type"] == "TXT" and _owns(str(item["value"]), owner)]
    for path, host in _hosts(world):
        for item in found:
            if str(item["name"]).lower() != host or item["type"] not in ("A", "AAAA", "CNAME") or not item["enabled"]:
                continue
            ours = any(name.endswith(host) for name in owned)
            if not ours and item["value"] != address:
                text = f"The console has a record {item['type']} for {host} that leads to {item['value']}."
                yield Breach(path, text, f"no record, or {address}", of="console")


def _owns(value: str, owner: str) -> bool:
    return f"external-dns/owner={owner}" in value.strip('"').split(",")


def _hosts(world: World) -> Iterator[tuple[Path, str]]:
    zone = world.get("dns", "internal_zone")
    yield ("identity", "host"), str(world.get("identity", "host")).lower()
    for path, service in world.entries("services"):
        if "name" in service:
            yield (*path, "name"), str(service.get("host") or f"{service['name']}.{zone}").lower()


@check(
    "LIV011",
    ERROR,
    "dns",
    ("gitops",),
    rule="Names that the controller has to reach can be resolved.",
    why="The run would come to a halt at the phase that needs them, with a cluster half made.",
    broken="gitops.repository: https://git.exmaple.org/me/home-ops",
    right="a host that the controller's resolver knows",
    ground=_SEEN,
    scope=DOORS,
)
def names(case: Any) -> Iterator[Breach]:
    """The host to which the tree is pushed, and the one from which Flux' manifest is fetched."""
    for name in need(case.doors.names, "names"):
        if name.trouble is not None:
            text = f"{name.host} cannot be resolved: {name.trouble.text}"
            yield Breach((name.variable,), sentence(text), name.trouble.remedy or None, of=f"name/{name.host}")


@check(
    "LIV012",
    ERROR,
    "secrets",
    ("secrets",),
    rule="The source of the secrets answers and takes the token.",
    why="Nothing could be written into the cluster that External Secrets needs, so every component would wait.",
    broken="a token of Connect that is of another vault",
    right="a token that reads homeops_secrets.vault",
    ground=_SEEN,
    scope=DOORS,
)
def source(case: Any) -> Iterator[Breach]:
    """A Connect server that does not answer at all is only told: the phases before it may bring it back."""
    seen = need(case.doors.items, "items")
    if seen.trouble is not None:
        severity = WARN if seen.trouble.kind in ("Unreachable", "Late", "RateLimited") else ERROR
        text = f"{seen.where}: {seen.trouble.text}"
        yield Breach(("secrets", "vault"), sentence(text), seen.trouble.remedy or None, "", severity, of="secrets")


@check(
    "LIV013",
    ERROR,
    "secrets",
    ("secrets",),
    rule="Every declared item is there, once, with every field, and none of them is empty.",
    why="The ExternalSecrets that read it never get ready, and what needs their Secrets does not start.",
    broken="the item GitHub Personal Access Token with a field Token",
    right="the field token, letter by letter",
    ground="read in external-secrets pkg/provider/onepassword: titles and labels are compared letter by letter",
    scope=DOORS,
)
def items(case: Any) -> Iterator[Breach]:
    """Names only are compared, no value is shown. What the phase is allowed to generate is not missed."""
    world: World = need(case.model, "model")
    for row in need(case.doors.items, "items").rows:
        if row["state"] == "ok":
            continue
        name = str(row["name"])
        known = world.maybe("secrets", "items", name) is not None
        path: Path = ("secrets", "items", name) if known else ("secrets", "items")
        yield Breach(path, sentence(str(row["cause"])), _missing(row), of=f"item/{row['title']}")


def _missing(row: Mapping[str, Any]) -> str | None:
    fields = ", ".join(row["missing"])
    return f"the item {row['title']!r} with {fields}" if fields else None


@check(
    "LIV014",
    ERROR,
    "identity",
    ("identity",),
    rule="Authentik takes the token, which is a superuser's and does not end soon.",
    why="Phase identity would stop at its first request, or hold half of what the model declares.",
    broken="HOMEOPS_AUTHENTIK_TOKEN with the key of a token that was rotated",
    right="the key of an API token of a superuser that does not expire",
    ground="goauthentik/authentik 2025.12 schema.yml; " + _SEEN,
    scope=DOORS,
)
def login(case: Any) -> Iterator[Breach]:
    """Before the platform is there Authentik does not answer, which is no fault. While it starts for the first time it
    refuses every token, so a run that brings the platform up is only told. So is one that meets a certificate which is
    not trusted: until the issuer has signed, an ingress shows one of its own making, and the phase waits for it."""
    seen = need(case.doors.login, "login")
    if not seen.there:
        return
    path = ("authentik_token",)
    if seen.trouble is not None:
        severity = WARN if case.doors.platform_first or seen.trouble.kind == "NotTrusted" else ERROR
        text = f"Authentik at {seen.where}: {seen.trouble.text}"
        yield Breach(path, sentence(text), seen.trouble.remedy or None, "", severity, of="login")
        return
    if not seen.superuser:
        text = f"{seen.user}, whose token it is, is no superuser of Authentik."
        yield Breach(path, text, "a token of a superuser", "", WARN, of="login")
    ends = [left for left in seen.lives if left is not None and left < SOON.total_seconds()]
    if ends and len(ends) == len(seen.lives):
        text = (
            f"Every API token of {seen.user} ends within {SOON.days} days, the last one in {max(ends) // 3600} hours."
        )
        yield Breach(path, text, "a token with expiring: false", "", WARN, of="login")
