# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the modules for providers, applications and groups: read the lists, plan, write what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from . import applications, kinds, outposts, providers, writer
from .client import Client
from .objects import Body, Change, Kind, by_name, plan, removal
from .outposts import Membership
from .references import References

Result = dict[str, Any]


def refuse_twice(kind: Kind, names: Iterable[str], param: str) -> None:
    """Refuse a name that is there twice: the second would undo the first.

    :raises InputError: naming it.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{kind.title} {name} is there twice", remedy="Give each once", param=param)
        seen.add(name)


# providers


def providers_present(client: Client, items: Sequence[Mapping[str, Any]], ctx: Context) -> Result:
    """Have providers."""
    names = References(client)
    refuse_twice(kinds.PROVIDERS["proxy"], (str(item["name"]) for item in items), "providers")
    seen = {
        kind: client.all(kinds.PROVIDERS[kind].path, doing=f"reading the {kind} providers")
        for kind in sorted({str(item["type"]) for item in items})
    }
    wanted: list[tuple[str, Body]] = []
    for index, item in enumerate(items):
        kind, where = str(item["type"]), f"providers[{index}]"
        known = by_name(kinds.PROVIDERS[kind], seen[kind]).get(str(item["name"]))
        # What the API leaves out is only filled in for a new one: of an existing one, what is not said stays.
        given = providers.oauth2_defaults(item) if kind == "oauth2" and known is None else item
        wanted.append((kind, providers.desired(given, names, client.version, where)))
    providers.refuse_doubled((body for kind, body in wanted if kind == "proxy"), seen.get("proxy", ()))
    changes = [
        plan(kinds.PROVIDERS[kind], body, by_name(kinds.PROVIDERS[kind], seen[kind]).get(body["name"]))
        for kind, body in wanted
    ]
    return writer.carry_out(client, changes, ctx, names.labels())


def providers_absent(client: Client, items: Sequence[Mapping[str, Any]], ctx: Context, *, allow_empty: bool) -> Result:
    """Have none of these providers; no outpost loses its last one by it.

    :raises InputError: one would.
    """
    going: list[Change] = []
    for kind in sorted({str(item["type"]) for item in items}):
        known = by_name(kinds.PROVIDERS[kind], client.all(kinds.PROVIDERS[kind].path))
        for item in items:
            found = known.get(str(item["name"]))
            if item["type"] == kind and found is not None:
                going.append(removal(kinds.PROVIDERS[kind], found, ("external_host", "mode")))
    if going:
        leaving = Membership(detach=frozenset(change.key for change in going), allow_empty=allow_empty)
        for outpost in client.all(kinds.OUTPOST.path, doing="reading the outposts"):
            outposts.guard_empty(outpost, leaving)
    return writer.carry_out(client, going, ctx)


# applications


def applications_present(
    client: Client, items: Sequence[Mapping[str, Any]], ctx: Context, coming: Sequence[str] = ()
) -> Result:
    """Have applications.

    :param coming: providers that an earlier step would make, in a prediction.
    :raises InputError: a provider is not there, or is another application's.
    """
    refuse_twice(kinds.APPLICATION, (str(item["slug"]) for item in items), "applications")
    wanted = [
        (
            item.get("provider"),
            applications.desired(item, client.version, f"applications[{index}]", ctx),
        )
        for index, item in enumerate(items)
    ]
    seen = client.all(kinds.APPLICATION.path, superuser_full_list=True, doing="reading the applications")
    known = by_name(kinds.APPLICATION, seen)
    all_providers: list[dict[str, Any]] = []
    if any(provider for provider, _body in wanted):
        all_providers = client.all("/providers/all/", doing="reading the providers")
    changes = []
    for index, (provider, body) in enumerate(wanted):
        application = known.get(body["slug"])
        if application is None:
            body.setdefault("name", body["slug"])
        known_names = {item["name"] for item in all_providers}
        if provider is not None and ctx.check_mode and provider in coming and provider not in known_names:
            body["provider"] = provider
        elif provider is not None:
            body["provider"] = _provider(all_providers, provider, body["slug"], f"applications[{index}]")
        changes.append(plan(kinds.APPLICATION, body, application))
    return writer.carry_out(client, changes, ctx, {item["pk"]: str(item["name"]) for item in all_providers})


def _provider(known: Sequence[Mapping[str, Any]], name: str, slug: str, where: str) -> Any:
    if not name:
        return None
    found = next((item for item in known if item["name"] == name), None)
    if found is None:
        raise InputError(
            f"{where}.provider: the server has no provider called {name}",
            remedy=f"There are {', '.join(sorted(str(item['name']) for item in known)) or 'none'}",
            param="applications",
        )
    holder = found.get("assigned_application_slug")
    if holder and holder != slug:
        raise InputError(
            f"{where}.provider: {name} is the provider of application {holder}, and it can be of one only",
            remedy=f"Take it from {holder} first (provider: '')",
            param="applications",
        )
    return found["pk"]


def applications_absent(client: Client, slugs: Sequence[str], ctx: Context) -> Result:
    """Have none of these applications; their providers stay."""
    known = by_name(kinds.APPLICATION, client.all(kinds.APPLICATION.path, superuser_full_list=True))
    going = [
        removal(kinds.APPLICATION, known[slug], ("name", "provider", "meta_publisher"))
        for slug in slugs
        if slug in known
    ]
    return writer.carry_out(client, going, ctx)


# groups


def groups_present(client: Client, items: Sequence[Mapping[str, Any]], ctx: Context) -> Result:
    """Have groups. Parents may be among them when they come first.

    :raises InputError: a parent or a user is not there.
    """
    refuse_twice(kinds.GROUP, (str(item["name"]) for item in items), "groups")
    names = References(client)
    seen = {str(group["name"]): group for group in names.objects("group")}
    changes: list[Change] = []
    made: dict[str, Any] = {}
    for index, item in enumerate(items):
        where, name = f"groups[{index}]", str(item["name"])
        observed = seen.get(name)
        body: Body = {"name": name}
        for key in ("is_superuser", "attributes"):
            if item.get(key) is not None:
                body[key] = item[key]
        if item.get("parents") is not None:
            keys = [made.get(parent) or names.key("group", parent, f"{where}.parents") for parent in item["parents"]]
            if client.version.group_parents:
                body["parents"] = keys
            elif len(keys) > 1:
                raise InputError(
                    f"{where}.parents: before Authentik 2025.12 a group has one parent at most", param="groups"
                )
            else:
                body["parent"] = keys[0] if keys else None
        if item.get("users") is not None:
            members = [names.key("user", user, f"{where}.users") for user in item["users"]]
            others = [] if item.get("exact_users") else list((observed or {}).get("users") or [])
            body["users"] = [*others, *(member for member in members if member not in others)]
        change = plan(kinds.GROUP, body, observed)
        answer = None if ctx.check_mode else writer.write(client, change)
        made[name] = (answer or observed or {}).get("pk") or f"(group {name})"
        changes.append(change)
    return writer.result(client, changes, ctx, names.labels())


def groups_absent(client: Client, wanted: Sequence[str], ctx: Context) -> Result:
    """Have none of these groups."""
    seen = {str(group["name"]): group for group in References(client).objects("group")}
    going = [removal(kinds.GROUP, seen[name], ("is_superuser", "users")) for name in wanted if name in seen]
    return writer.carry_out(client, going, ctx)
