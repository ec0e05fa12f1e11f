# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries of ``homeops_services`` say of login and address, judged in the model.

Each of these checks is registered with what it says of a repository (``repo``); here is the same rule one step earlier,
where the entry still stands in the inventory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ..model.identity import MODES
from ..model.schema import Path, nearest
from ..model.world import World
from .names import is_id
from .registry import ERROR, MODEL, Breach, also, check

_EMBEDDED = "embedded"
_LOGIN = ("proxy", "forward")


def _services(world: World) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """Yield path, entry and name of each service whose login is known."""
    for path, service in world.entries("services"):
        if {"name", "auth"} <= service.keys():
            yield path, service, str(service["name"])


@also("ING001", MODEL)
def outposts(world: World) -> Iterator[Breach]:
    """The Ingresses that are rendered lead to the embedded outpost, so a service of another one has none. In a
    repository that the owner writes, the outpost must be one that the model names."""
    identity = world.get("identity")
    rendered = world.maybe("gitops", "mode") == "render"
    default = str(identity.get("outpost") or _EMBEDDED)
    external = str((identity.get("external_outpost") or {}).get("name") or "")
    known = {_EMBEDDED} if rendered else {_EMBEDDED, default, external}
    told: set[Path] = set()
    for path, service, name in _services(world):
        if service["auth"] not in _LOGIN:
            continue
        outpost = str(service.get("outpost") or default)
        place: Path = (*path, "outpost") if service.get("outpost") else ("identity", "outpost")
        if outpost in known or is_id(outpost) or place in told:
            continue
        told.add(place)
        why = "leads to the embedded one only" if rendered else "is in no key of homeops_identity"
        yield Breach(place, f"The service {name} logs in through the outpost {outpost}, which {why}.", _EMBEDDED)


@also("ING002", MODEL)
def bypassed(world: World) -> Iterator[Breach]:
    """An address of its own is a way past the login, unless load_balancer.allow_lan_bypass says that it is meant."""
    for path, service, name in _services(world):
        wanted = service.get("load_balancer") or {}
        if service["auth"] in _LOGIN and wanted and not wanted.get("allow_lan_bypass"):
            text = f"The service {name} asks for a login, and for an address at which there is none."
            yield Breach((*path, "load_balancer"), text, "auth: none, no load_balancer, or allow_lan_bypass: true")


@also("BGP005", MODEL)
def pooled(world: World) -> Iterator[Breach]:
    """The label is rendered as one; it must be the name of a pool that is rendered too."""
    pools = [pool.name for pool in world.rendered_pools]
    malformed = len(world.pools) != len(world.get("load_balancers", "pools"))
    for path, service, name in _services(world):
        pool = (service.get("load_balancer") or {}).get("pool")
        if pool is not None and pool not in pools and not malformed:
            text = f"The service {name} asks for an address of the pool {pool}, which is not there."
            yield Breach((*path, "load_balancer", "pool"), text, nearest(pool, pools))


@also("GIT006", MODEL)
def named_once(world: World) -> Iterator[Breach]:
    """Objects are named after their component, which is there once, or after a service. Services of one name and one
    host are left to DNS002, Secrets to BGP019."""
    first: dict[str, tuple[Path, Any]] = {}
    for path, service in world.entries("services"):
        name = service.get("name")
        if name is None:
            continue
        other, host = first.setdefault(name, (path, service.get("host")))
        if other != path and host != service.get("host"):
            text = f"Ingress and policy of {name} are also made by homeops_services[{other[-1]}]."
            yield Breach((*path, "name"), text)


@also("IDP002", MODEL)
def modes(world: World) -> Iterator[Breach]:
    """The wiring follows from auth, so a mode that is said beside it must be one of that wiring."""
    for path, service, name in _services(world):
        fitting = MODES.get(str(service["auth"]))
        mode = service.get("mode")
        if fitting and mode is not None and mode not in fitting:
            text = f"The service {name} has auth {service['auth']} and mode {mode}."
            yield Breach((*path, "mode"), text, fitting[0])


@also("IDP004", MODEL)
def redirects(world: World) -> Iterator[Breach]:
    """The form is that of Authentik since 2024.12. What is compared strictly must be a whole URL, and what is a regular
    expression must be one."""
    for problem in world.claimed("IDP004"):
        use = "a list of {url: ..., matching_mode: strict}"
        yield Breach(problem.path, f"{problem.text[:1].upper()}{problem.text[1:]}.", problem.use or use)
    for path, service, _name in _services(world):
        for at, entry in enumerate((service.get("oidc") or {}).get("redirect_uris") or []):
            if isinstance(entry, dict) and "url" in entry:
                wrong = _wrong_redirect(str(entry["url"]), str(entry.get("matching_mode") or "strict"))
                if wrong:
                    yield Breach((*path, "oidc", "redirect_uris", at, "url"), *wrong)


def _wrong_redirect(url: str, mode: str) -> tuple[str, str | None] | None:
    """Return what is wrong with an address and what to use, None when nothing is."""
    if mode == "regex":
        try:
            re.compile(url)
        except re.error as error:
            return f"{url!r} is no regular expression: {error}.", None
        return None
    parts = urlsplit(url)
    if parts.scheme and parts.netloc and "*" not in url:
        return None
    use = re.escape(url).replace(r"\*", ".*") if "*" in url and parts.scheme else None
    return (
        f"{url!r} is compared letter by letter and is no whole URL.",
        f"matching_mode: regex, url: {use}" if use else use,
    )


@check(
    "MOD013",
    ERROR,
    "identity",
    ("identity",),
    rule="What a service says of its login goes with its auth, and the groups that it lets in exist.",
    why="Nothing can be derived for Authentik from an entry that contradicts itself.",
    broken="auth: oidc without oidc.redirect_uris, or groups: [Admins] that homeops_identity.groups has not",
    right="oidc beside auth: oidc, and groups of homeops_identity.groups",
    ground="plugins/module_utils/model/identity.py",
)
def contradictions(world: World) -> Iterator[Breach]:
    """Modes are left to IDP002, outposts to ING001."""
    known = [str(group) for group in world.maybe("identity", "groups", default=[]) or [] if group is not None]
    for path, service, name in _services(world):
        auth, oidc = service["auth"], service.get("oidc")
        if auth == "oidc" and not oidc and not any(one.path[:2] == path[:2] for one in world.claimed("IDP004")):
            text = f"The service {name} has auth: oidc and does not say where the login may return."
            yield Breach(path, text, "oidc: {redirect_uris: [{url: https://...}]}")
        if auth not in ("oidc", "none") and oidc:
            yield Breach((*path, "oidc"), f"The service {name} has oidc, but auth is {auth}.", "auth: oidc")
        for key in ("skip_paths", "open_api", "mode", "outpost") if auth == "oidc" else ():
            if service.get(key):
                yield Breach((*path, key), f"The service {name} has {key}, which only auth proxy and forward have.")
        for at, group in enumerate(service.get("groups") or []):
            if group is not None and group not in known and auth != "none":
                text = f"The service {name} lets in the group {group}, which homeops_identity.groups has not."
                yield Breach((*path, "groups", at), text, nearest(group, known))
