# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong on a server, whoever has made it so. Pure.

Each finding names what it is about; ``level`` is ``error`` for what locks people out or lets strangers in, ``warning``
for what will.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import bindings, lint, outposts, tokens
from .version import Version

Objects = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    :param code: a word for programs: ``doubled_host``, ``open_path``, ...
    :param subject: the object, such as ``provider grafana-proxy``.
    """

    code: str
    level: str
    subject: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return it for a module's result."""
        return {"code": self.code, "level": self.level, "subject": self.subject, "text": self.text}


@dataclass
class World:
    """What was read; a part that was not is empty.

    :param health: entries per key of an outpost, for those that were asked.
    """

    proxy: Objects = ()
    applications: Objects = ()
    outposts: Objects = ()
    bindings: Objects = ()
    flows: Objects = ()
    tokens: Objects = ()
    health: Mapping[str, Objects] = field(default_factory=dict)


def audit(world: World, version: Version, now: datetime, *, soon: int = 86400) -> list[Finding]:
    """Return everything that is wrong, worst first.

    :param soon: seconds: a token that has less to live is told.
    """
    found = [
        *_hosts(world),
        *_providers(world, version),
        *_outposts(world),
        *_bindings(world),
        *_tokens(world, now, soon),
    ]
    return sorted(found, key=lambda one: (one.level != "error", one.code, one.subject))


def _hosts(world: World) -> Iterable[Finding]:
    claims = [
        lint.Host(
            lint.host_of(str(item.get("external_host") or "")),
            str(item["name"]),
            str(item.get("assigned_application_slug") or ""),
        )
        for item in world.proxy
    ]
    for text in lint.doubled(claims):
        yield Finding("doubled_host", "error", text.split(" is claimed")[0], text)


def _providers(world: World, version: Version) -> Iterable[Finding]:
    designation = {flow["pk"]: (str(flow["slug"]), str(flow.get("designation"))) for flow in world.flows}
    served: dict[Any, list[str]] = {}
    for outpost in world.outposts:
        for key in outpost.get("providers") or ():
            served.setdefault(key, []).append(str(outpost["name"]))
    for item in world.proxy:
        name = f"provider {item['name']}"
        mode = item.get("mode")
        for text in lint.external_host(str(item.get("external_host") or "")):
            yield Finding("external_host", "error", name, f"{name}: {text}")
        if mode == "proxy":
            for text in lint.internal_host(str(item.get("internal_host") or "")):
                yield Finding("backend", "error", name, f"{name}: {text}")
        for text in lint.skip_paths(lint.lines(item.get("skip_path_regex"))):
            yield Finding("open_path", "error", name, f"{name}: {text}")
        where = served.get(item["pk"], [])
        if len(where) > 1:
            yield Finding("two_outposts", "warning", name, f"{name} is on {' and '.join(sorted(where))}")
        if world.outposts and not where and item.get("assigned_application_slug"):
            yield Finding("no_outpost", "error", name, f"{name} is on no outpost, so nobody serves its host")
        if not item.get("assigned_application_slug"):
            yield Finding("no_application", "warning", name, f"{name} has no application, so no outpost serves it")
        if designation:
            yield from _flows(item, name, designation, version)


def _flows(
    item: Mapping[str, Any], name: str, designation: Mapping[Any, tuple[str, str]], version: Version
) -> Iterable[Finding]:
    for field_name, wanted in (("authorization_flow", "authorization"), ("invalidation_flow", "invalidation")):
        if field_name == "invalidation_flow" and not version.invalidation_flow:
            continue
        slug, kind = designation.get(item.get(field_name), ("", ""))
        if kind and kind != wanted:
            yield Finding("flow", "error", name, f"{name}: {field_name} is {slug}, a flow for {kind}")


def _outposts(world: World) -> Iterable[Finding]:
    for outpost in world.outposts:
        name, key = f"outpost {outpost['name']}", str(outpost["pk"])
        config = outpost.get("config") or {}
        embedded = outposts.is_embedded(outpost)
        if outpost.get("providers"):
            if "authentik_host" not in config:
                yield Finding(
                    "config", "error", name, f"{name}: config has no authentik_host, at the next load it will crash"
                )
            elif embedded and not config["authentik_host"]:
                yield Finding("config", "error", name, f"{name}: authentik_host is empty, so logins have no address")
        for setting in config:
            if setting not in outposts.CONFIG:
                yield Finding("config", "warning", name, f"{name}: config has {setting}, which nobody reads")
        if embedded and not outpost.get("providers") and world.proxy:
            yield Finding("empty_outpost", "warning", name, f"{name} has no providers")
        if key in world.health:
            yield from _health(name, world.health[key], bool(outpost.get("providers")))


def _health(name: str, entries: Objects, used: bool) -> Iterable[Finding]:
    if not entries and used:
        yield Finding(
            "unhealthy", "error", name, f"{name}: no process of it is connected; look at its pods and its token"
        )
    for entry in entries:
        if entry.get("version_outdated"):
            yield Finding(
                "outdated",
                "warning",
                name,
                f"{name}: {entry.get('hostname') or 'a process'} runs {entry.get('version')}, the server "
                f"{entry.get('version_should')}",
            )


def unhealthy(entries: Objects) -> str:
    """Say what keeps an outpost from being healthy, nothing when it is."""
    if not entries:
        return "no process of it is connected"
    old = [str(entry.get("version")) for entry in entries if entry.get("version_outdated")]
    return f"it runs {', '.join(sorted(set(old)))}, the server is {entries[0].get('version_should')}" if old else ""


def _bindings(world: World) -> Iterable[Finding]:
    names = {item["pk"]: str(item["slug"]) for item in world.applications}
    for binding in bindings.surplus(world.bindings):
        kind, key = bindings.subject(binding)
        target = names.get(binding.get("target"), str(binding.get("target")))
        called = (binding.get(f"{kind}_obj") or {}).get("name", key)
        yield Finding(
            "doubled_binding", "warning", f"binding of {target}", f"{kind} {called} is bound to {target} more than once"
        )


def _tokens(world: World, now: datetime, soon: int) -> Iterable[Finding]:
    for token in world.tokens:
        # What the server gives out for a session or a recovery link expires as it should.
        if token.get("intent") not in tokens.INTENTS:
            continue
        left = tokens.life(token, now)
        name = f"token {token['identifier']}"
        if left.over:
            yield Finding(
                "expired_token", "error", name, f"{name} has expired: its key is, or will soon be, another one"
            )
        elif left.seconds is not None and left.seconds < soon:
            yield Finding(
                "expiring_token",
                "warning",
                name,
                f"{name} expires in {left.seconds // 60} min, and its key becomes another one then; "
                "expiring: false keeps it",
            )
