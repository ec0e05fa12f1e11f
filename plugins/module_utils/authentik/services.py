# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services: a provider, an application, a place on an outpost and who may enter, planned together. Pure.

Whose an application is stands in the application itself: its publisher (``meta_publisher``) is the owner's name. Its
provider is called ``<slug>-proxy`` or ``<slug>-oidc``. What carries another publisher or is called otherwise was made
by somebody else, and no run changes or removes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from . import applications, bindings, kinds, outposts, providers
from .objects import Body, Change, by_name, plan, removal
from .outposts import Membership
from .version import Version

#: Types of providers that a service may have, with the end of their names.
SUFFIX = {"proxy": "-proxy", "oauth2": "-oidc"}
#: What a service's item has in common with an application's.
_APPLICATION = ("name", *applications.PLAIN, "meta_icon")
_SHOWN = ("external_host", "mode", "meta_publisher", "provider")


@dataclass(frozen=True)
class Policy:
    """How a set of services is carried out.

    :param owner: publisher of the applications that are ours.
    :param exact: applications of this owner that are not wanted go.
    :param adopt: an application of that slug which somebody else has made becomes ours.
    :param outpost: where proxy providers go unless a service says otherwise.
    """

    owner: str
    exact: bool = False
    adopt: bool = False
    allow_empty: bool = False
    outpost: str = outposts.ALIAS
    #: Settings of outposts that are made with their first provider, by name.
    external: Mapping[str, Body] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What the server has."""

    providers: Mapping[str, Sequence[Mapping[str, Any]]]
    applications: Sequence[Mapping[str, Any]]
    outposts: Sequence[Mapping[str, Any]]
    bindings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Service:
    """One service that shall be.

    :param slug: of its application.
    :param kind: type of its provider.
    :param provider: body of the provider, ``application``: of the application without its provider.
    :param allowed: bodies of the bindings, None when they are not managed.
    :param outpost: name of the outpost, empty for a provider that needs none.
    """

    slug: str
    kind: str
    provider: Body
    application: Body
    allowed: tuple[Body, ...] | None = None
    outpost: str = ""


@dataclass(frozen=True)
class Step:
    """What is to be done for one service.

    :param at_once: provider and application are both new: one transaction makes them.
    :param retired: the provider of the other type that the application had.
    """

    service: Service
    provider: Change
    application: Change
    bindings: tuple[Change, ...] = ()
    retired: Change | None = None

    @property
    def at_once(self) -> bool:
        """Whether one transaction makes both."""
        return self.provider.action == "create" and self.application.action == "create"


@dataclass
class Plan:
    """All that is to be done.

    :param memberships: per key of an outpost; a provider that is still to be made stands there by its name.
    """

    steps: list[Step] = field(default_factory=list)
    removals: list[Change] = field(default_factory=list)
    memberships: dict[str, Membership] = field(default_factory=dict)
    outposts: list[Change] = field(default_factory=list)

    @property
    def changes(self) -> list[Change]:
        """Every change, in the order in which it is made."""
        found: list[Change] = []
        for step in self.steps:
            found += [step.provider, *([step.retired] if step.retired else []), step.application, *step.bindings]
        return [*found, *self.outposts, *self.removals]


def service(
    item: Mapping[str, Any],
    names: providers.Names,
    version: Version,
    policy: Policy,
    where: str,
    ctx: Context,
    *,
    coming: Iterable[str] = (),
) -> Service:
    """Return a service in the server's fields.

    :param item: the options of one service of ``authentik_service``, flows filled in.
    :param coming: groups that an earlier step of a predicted run would make.
    :raises InputError: what it names is not there, or its values do not go together.
    """
    slug, kind = str(item["slug"]), str(item.get("type") or "proxy")
    application = applications.desired(
        {**{key: item.get(key) for key in _APPLICATION}, "slug": slug, "meta_publisher": policy.owner},
        version,
        where,
        ctx,
    )
    application.setdefault("name", slug)
    given = {**item, "name": slug + SUFFIX[kind]}
    if kind == "oauth2":
        given = providers.oauth2_defaults(given)
    else:
        given["skip_paths"] = item.get("skip_paths") or []
    body = providers.desired(given, names, version, where)
    allowed: tuple[Body, ...] | None = None
    if item.get("groups") is not None:
        allowed = tuple(
            {
                "group": f"(group {group})" if group in coming else names.key("group", group, f"{where}.groups"),
                "order": order,
            }
            for order, group in enumerate(item["groups"])
        )
    outpost = str(item.get("outpost") or policy.outpost) if kind == "proxy" else ""
    return Service(slug, kind, body, application, allowed, outpost)


def plan_services(wanted: Sequence[Service], seen: Seen, policy: Policy, ctx: Context) -> Plan:
    """Return what brings the server to the wanted services.

    :raises InputError: something is somebody else's, a host is claimed twice, or an outpost would be emptied.
    """
    _refuse_twice(wanted)
    found = Plan()
    slugs = {one.slug for one in wanted}
    by_slug = by_name(kinds.APPLICATION, seen.applications)
    renamed: set[str] = set()
    for one in wanted:
        step, old = _step(one, seen, by_slug, slugs, policy)
        if old:
            renamed.add(old)
            ctx.warn(f"application {old} is {one.slug} under another slug; it gets its slug back")
        found.steps.append(step)
    if policy.exact:
        for application in seen.applications:
            if applications.is_ours(application, policy.owner) and application["slug"] not in slugs | renamed:
                found.removals += _removal(application, seen, ctx)
    retired = [step.retired for step in found.steps if step.retired]
    leaving = [change.name for change in [*found.removals, *retired] if change.kind is not kinds.APPLICATION]
    providers.refuse_doubled(
        (one.provider for one in wanted if one.kind == "proxy"), seen.providers.get("proxy", ()), leaving
    )
    _place(found, seen, policy)
    return found


def plan_removal(slugs: Iterable[str], seen: Seen, policy: Policy, ctx: Context) -> Plan:
    """Return what removes services and nothing else.

    :raises InputError: an application is somebody else's.
    """
    found = Plan()
    by_slug = by_name(kinds.APPLICATION, seen.applications)
    for slug in slugs:
        application = by_slug.get(slug)
        if application is None:
            continue
        if not applications.is_ours(application, policy.owner) and not policy.adopt:
            raise _foreign(application, policy)
        found.removals += _removal(application, seen, ctx)
    _place(found, seen, policy)
    return found


def _refuse_twice(wanted: Sequence[Service]) -> None:
    seen: set[str] = set()
    for one in wanted:
        if one.slug in seen:
            raise InputError(f"service {one.slug} is there twice", remedy="Give each service once", param="services")
        seen.add(one.slug)


def _step(
    one: Service, seen: Seen, by_slug: Mapping[str, Mapping[str, Any]], slugs: set[str], policy: Policy
) -> tuple[Step, str]:
    """Return the step of one service, and the slug under which its application was found when that is another."""
    kind = kinds.PROVIDERS[one.kind]
    provider = by_name(kind, seen.providers.get(one.kind, ())).get(one.provider["name"])
    application = by_slug.get(one.slug)
    old = ""
    holder = str((provider or {}).get("assigned_application_slug") or "")
    if holder and holder != one.slug:
        other = by_slug.get(holder, {"slug": holder})
        if (
            application is not None
            or holder in slugs
            or not (applications.is_ours(other, policy.owner) or policy.adopt)
        ):
            raise InputError(
                f"provider {one.provider['name']} of service {one.slug} belongs to the application {holder}",
                answer="a provider has one application",
                remedy=f"Give the application {holder} another provider, or remove it",
                param="services",
            )
        application, old = other, holder
    if application is not None and not applications.is_ours(application, policy.owner) and not policy.adopt:
        raise _foreign(application, policy)
    body = {**one.application, "provider": provider["pk"] if provider else one.provider["name"]}
    change = plan(kinds.APPLICATION, body, application)
    allowed: list[Change] = []
    if one.allowed is not None:
        target = str(application["pk"]) if application else f"(application {one.slug})"
        allowed = bindings.plan_target(target, one.allowed, seen.bindings, exact=("group",), called=one.slug)
    return (
        Step(
            one,
            plan(kind, one.provider, provider),
            change,
            tuple(item for item in allowed if item.changed),
            _retired(one, application, provider),
        ),
        old,
    )


def _retired(one: Service, application: Mapping[str, Any] | None, provider: Mapping[str, Any] | None) -> Change | None:
    """Return the removal of the provider of another type that we had made for this application."""
    had = (application or {}).get("provider_obj") or {}
    if not had or had.get("pk") == (provider or {}).get("pk"):
        return None
    kind = kinds.type_of(str(had.get("meta_model_name", "")))
    if had.get("name") != one.slug + SUFFIX.get(kind, "?"):
        return None
    return removal(kinds.PROVIDERS[kind], had, _SHOWN)


def _removal(application: Mapping[str, Any], seen: Seen, ctx: Context) -> list[Change]:
    """Return the removal of an application and of the provider that was made for it.

    The application goes last: it carries the mark by which a run that was cut short is taken up again.
    """
    found = [removal(kinds.APPLICATION, application, _SHOWN)]
    had = application.get("provider_obj") or {}
    if not had:
        return found
    kind = kinds.type_of(str(had.get("meta_model_name", "")))
    if had.get("name") != application["slug"] + SUFFIX.get(kind, "?"):
        ctx.warn(
            f"application {application['slug']} goes, its provider {had.get('name')} stays: it has a name that no "
            "service gives"
        )
        return found
    full = next((item for item in seen.providers.get(kind, ()) if item["pk"] == had["pk"]), had)
    return [removal(kinds.PROVIDERS[kind], full, _SHOWN), *found]


def _place(found: Plan, seen: Seen, policy: Policy) -> None:
    """Work out who has to be on which outpost.

    :raises InputError: no such outpost, of another type, or it would be emptied.
    """
    attach: dict[str, set[Any]] = {}
    new: dict[str, set[Any]] = {}
    ours: set[Any] = set()
    for step in found.steps:
        one = step.service
        if not one.outpost:
            continue
        outpost = outposts.find(seen.outposts, one.outpost)
        key = one.provider["name"] if step.provider.action == "create" else step.provider.key
        ours.add(key)
        if outpost is None and one.outpost in policy.external:
            new.setdefault(one.outpost, set()).add(key)
            continue
        if outpost is None:
            raise outposts.missing(seen.outposts, one.outpost, f"outpost of service {one.slug}")
        if outpost.get("type") != "proxy":
            raise InputError(
                f"outpost {outpost['name']} of service {one.slug} is of type {outpost.get('type')}, not proxy",
                param="services",
            )
        attach.setdefault(str(outpost["pk"]), set()).add(key)
    for name, members in new.items():
        body = {
            "name": name,
            "type": "proxy",
            "providers": Membership(attach=frozenset(members)).of(()),
            "config": dict(policy.external[name]),
        }
        found.outposts.append(plan(kinds.OUTPOST, body, None))
    going = {change.key for change in found.removals if change.kind is not kinds.APPLICATION}
    going |= {step.retired.key for step in found.steps if step.retired}
    for outpost in seen.outposts:
        if outpost.get("type") != "proxy":
            continue
        key = str(outpost["pk"])
        here = attach.get(key, set())
        current = set(outpost.get("providers") or ())
        membership = Membership(
            attach=frozenset(here), detach=frozenset(((ours | going) & current) - here), allow_empty=policy.allow_empty
        )
        if membership.met(current):
            continue
        outposts.guard_empty(outpost, membership)
        found.memberships[key] = membership
        found.outposts.append(
            plan(kinds.OUTPOST, {"type": outpost["type"], "providers": membership.of(current)}, outpost)
        )


def _foreign(application: Mapping[str, Any], policy: Policy) -> InputError:
    publisher = application.get("meta_publisher")
    whose = f"carries the publisher {publisher!r}" if publisher else "carries no publisher"
    return InputError(
        f"application {application['slug']} is there already and {whose}, so it was not made by {policy.owner}",
        remedy="Give the service another slug, or take the application over with adopt: true (a later removal of the "
        "service removes it then)",
        param="services",
    )
