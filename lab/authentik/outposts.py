# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outposts: their providers and settings are replaced, never merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from . import pages, proxy
from .calls import Answer, Call
from .connections import shown as connection_shown
from .errors import NO_EMPTY, Invalid, forbidden, taken
from .fields import Checks, Choice, Field, Json, Ref, Refs, Text
from .filters import Filter, apply, icontains, iexact, isnull
from .outpost_config import default_config, problem
from .providers import CLASSES, base, through
from .resource import Action, ListAction, Resource
from .store import Row, Store, new_uuid, random_text, stamp

EMBEDDED = "goauthentik.io/outposts/embedded"
EMBEDDED_NAME = "authentik Embedded Outpost"
TYPES = ("proxy", "ldap", "radius", "rac")
Health = Callable[[Row], list[Row]]


class Outposts(Resource):
    """``/outposts/instances/``.

    :param health: returns the pods that are connected for an outpost.
    """

    path, table, label = "outposts/instances", "outposts", "Outpost"
    app, model = "authentik_outposts", "outpost"
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True, unique="outposts", taken=taken("Outpost", "name")),
        "type": Choice(required=True, words=TYPES),
        "providers": Refs(required=True, table="providers", whole=True),
        "service_connection": Ref(null=True, table="connections"),
        "config": Json(required=True),
        "managed": Text(null=True, default=None),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "managed__iexact": iexact("managed"),
        "managed__icontains": icontains("managed"),
        "name__iexact": iexact("name"),
        "name__icontains": icontains("name"),
        "providers_by_pk": lambda row, text, call: text in map(str, row["providers"]),
        "providers__isnull": isnull("providers"),
        "service_connection__name__iexact": iexact(through("connections", "service_connection", "name")),
        "service_connection__name__icontains": icontains(through("connections", "service_connection", "name")),
    }

    def __init__(self, health: Health) -> None:
        self.health = health

    def permit(self, call: Call) -> None:
        """An outpost may read what it is."""
        if not call.superuser and not (call.outpost is not None and call.method == "GET"):
            raise forbidden()

    def rows(self, call: Call) -> list[Row]:
        """Return all outposts, or the caller itself."""
        return [call.outpost] if call.outpost is not None else list(call.store.tables["outposts"].values())

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """Judge by what is sent: the classes of the providers only when the type is sent too."""
        embedded = row is not None and row["managed"] == EMBEDDED

        def name(value: str) -> str:
            if embedded and value != EMBEDDED_NAME:
                raise Invalid("Embedded outpost's name cannot be changed")
            return value

        def providers(keys: list[int]) -> list[int]:
            if not keys and not embedded:
                raise Invalid(NO_EMPTY)
            kind = body.get("type")
            for key in keys if kind in TYPES else ():
                found = call.store.tables["providers"][key]["type"]
                if found != kind:
                    raise Invalid(f"Outpost type {kind} can't be used with {CLASSES[found][3]} providers.")
            return sorted(keys)

        def config(value: Row) -> Row:
            if reason := problem(value):
                raise Invalid(f"Failed to validate config: {reason}")
            return value

        return {"name": name, "providers": providers, "config": config}

    def make(self, values: Row, call: Call) -> Row:
        """Make its service account and token at once."""
        row = super().make(values, call)
        add_account(row, call.store)
        return row

    def remove(self, row: Row, call: Call) -> None:
        """Remove its account and token with it."""
        super().remove(row, call)
        for user in call.store.rows("users", username=account_name(row)):
            call.store.tables["users"].pop(user["pk"])
        for token in call.store.rows("tokens", identifier=token_identifier(row)):
            call.store.tables["tokens"].pop(token["pk"])

    def show(self, row: Row, call: Call) -> Row:
        """Return the outpost; its providers show as base objects, without their type."""
        providers = call.store.tables["providers"]
        connection = call.store.tables["connections"].get(row["service_connection"])
        return {
            **super().show(row, call),
            "providers_obj": [base(providers[key], call) for key in row["providers"]],
            "service_connection_obj": connection_shown(connection) if connection else None,
            "refresh_interval_s": 300,
            "token_identifier": token_identifier(row),
        }

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Who is connected."""
        return {("GET", "health"): lambda call, row: Answer(200, self.health(row))}

    def list_actions(self) -> Mapping[tuple[str, str], ListAction]:
        """What a new outpost starts with."""
        return {("GET", "default_settings"): self._defaults}

    def _defaults(self, call: Call) -> Answer:
        return Answer(200, {"config": {**default_config(call.store), "authentik_host": call.root}})


class ProxyOutposts:
    """``/outposts/proxy/``: what an outpost serves; providers without an application are left out."""

    path = "outposts/proxy"

    def get(self, call: Call) -> Answer:
        """Answer one page of settings."""
        if call.outpost is None and not call.superuser:
            raise forbidden()
        rows = served(call.outpost, call) if call.outpost is not None else served(None, call)
        rows = apply(rows, call, {"name": iexact("name")}, ("name",), "name")
        part, pagination = pages.cut(rows, call)
        return Answer(200, pages.envelope([proxy.settings(row, call, call.root) for row in part], pagination, call))


def served(outpost: Row | None, call: Call) -> list[Row]:
    """Return the proxy providers that have an application and are on the outpost (on any, for None)."""
    outposts = [outpost] if outpost is not None else list(call.store.rows("outposts"))
    keys = {key for row in outposts for key in row["providers"]}
    assigned = {row["provider"] for row in call.store.rows("applications")}
    found = [row for row in call.store.rows("providers", type="proxy") if row["pk"] in keys & assigned]
    return sorted(found, key=lambda row: row["name"])


def token_identifier(row: Row) -> str:
    """Return the identifier of an outpost's token."""
    return f"ak-outpost-{row['pk']}-api"


def account_name(row: Row) -> str:
    """Return the name of an outpost's service account."""
    return f"ak-outpost-{row['pk'].replace('-', '')}"


def add_account(row: Row, store: Store) -> None:
    """Make the service account and the token of an outpost."""
    from .users import new_user

    user = new_user(store, account_name(row), f"Outpost {row['name']} Service-Account", kind="internal_service_account")
    token = {
        "pk": new_uuid(),
        "managed": f"goauthentik.io/outpost/{token_identifier(row)}",
        "identifier": token_identifier(row),
        "intent": "api",
        "user": user["pk"],
        "description": f"Autogenerated by authentik for Outpost {row['name']}",
        "expires": stamp(store.clock.now()),
        "expiring": False,
        "key": random_text(60),
    }
    store.tables["tokens"][token["pk"]] = token


def ensure_embedded(store: Store) -> None:
    """Make the embedded outpost when there is none: what every start of the server does."""
    if store.find("outposts", managed=EMBEDDED) is not None:
        return
    row: Row = {
        "pk": new_uuid(),
        "name": EMBEDDED_NAME,
        "type": "proxy",
        "providers": [],
        "service_connection": None,
        "config": default_config(store),
        "managed": EMBEDDED,
    }
    store.tables["outposts"][row["pk"]] = row
    add_account(row, store)
    store.touch()
