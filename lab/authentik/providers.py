# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of every type: one table, one sequence of keys, one set of names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .calls import Answer, Call
from .errors import taken
from .fields import Field, Ref, Refs, Text
from .filters import Filter, exact, icontains, iexact, isnull
from .resource import ListAction, Resource, use
from .store import Row

#: type -> (component, singular, plural, model)
CLASSES = {
    "proxy": ("ak-provider-proxy-form", "Proxy Provider", "authentik_providers_proxy.proxyprovider", "ProxyProvider"),
    "oauth2": (
        "ak-provider-oauth2-form",
        "OAuth2/OpenID Provider",
        "authentik_providers_oauth2.oauth2provider",
        "OAuth2Provider",
    ),
    "radius": (
        "ak-provider-radius-form",
        "Radius Provider",
        "authentik_providers_radius.radiusprovider",
        "RadiusProvider",
    ),
    "ldap": ("ak-provider-ldap-form", "LDAP Provider", "authentik_providers_ldap.ldapprovider", "LDAPProvider"),
}
MODELS = {model: kind for kind, (_component, _name, model, _label) in CLASSES.items()}

COMMON: Mapping[str, Field] = {
    "name": Text(required=True, unique="providers", taken=taken("provider", "name")),
    "authentication_flow": Ref(null=True, table="flows"),
    "authorization_flow": Ref(required=True, table="flows"),
    "invalidation_flow": Ref(required=True, table="flows", since=(2024, 10)),
    "property_mappings": Refs(table="mappings"),
}


class Providers(Resource):
    """What the endpoints of all types share; ``kinds`` are the types that this one lists."""

    table, key, whole_keys = "providers", "pk", True
    kind: ClassVar[str] = ""
    kinds: ClassVar[frozenset[str]] = frozenset()

    def rows(self, call: Call) -> list[Row]:
        """Return the providers of these types."""
        return [row for row in call.store.tables["providers"].values() if row["type"] in self.kinds]

    def make(self, values: Row, call: Call) -> Row:
        """Note the type."""
        row = super().make(values, call)
        row["type"] = self.kind
        return row

    def show(self, row: Row, call: Call) -> Row:
        """Return the common head and the type's own fields."""
        own = {name: row.get(name) for name, field in self.schema.items() if field.known(call)}
        return {**base(row, call, self.kind), **own}

    def remove(self, row: Row, call: Call) -> None:
        """Leave no reference to it."""
        drop(row, call)

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return its mappings and outposts."""
        mappings = call.store.tables["mappings"]
        found = [
            use("authentik_core", "propertymapping", key, f"Property Mapping {mappings[key]['name']}", "cascade_many")
            for key in row["property_mappings"]
        ]
        return found + [
            use("authentik_outposts", "outpost", outpost["pk"], f"Outpost {outpost['name']}", "cascade_many")
            for outpost in call.store.rows("outposts")
            if row["pk"] in outpost["providers"]
        ]


def application_of(key: int, call: Call) -> Row | None:
    """Return the application of a provider."""
    return call.store.find("applications", provider=key)


def base(row: Row, call: Call, kind: str = "") -> Row:
    """Return what every provider shows; without its type when ``kind`` is empty, as a base object."""
    application = application_of(row["pk"], call)
    component, name, model, _label = CLASSES.get(kind, ("", "provider", "authentik_core.provider", ""))
    shown: Row = {"pk": row["pk"], **{name: row.get(name) for name, field in COMMON.items() if field.known(call)}}
    back = next((a for a in call.store.rows("applications") if row["pk"] in a["backchannel_providers"]), None)
    return {
        **shown,
        "component": component,
        "assigned_application_slug": application["slug"] if application else None,
        "assigned_application_name": application["name"] if application else None,
        "assigned_backchannel_application_slug": back["slug"] if back else None,
        "assigned_backchannel_application_name": back["name"] if back else None,
        "verbose_name": name,
        "verbose_name_plural": f"{name}s",
        "meta_model_name": model,
    }


def typed(row: Row, call: Call) -> Row:
    """Return the head of a provider with its type."""
    return base(row, call, row["type"])


def drop(row: Row, call: Call) -> None:
    """Delete a provider: applications stay without it, outposts lose it."""
    call.store.tables["providers"].pop(row["pk"], None)
    for application in call.store.rows("applications"):
        if application["provider"] == row["pk"]:
            application["provider"] = None
        application["backchannel_providers"] = [k for k in application["backchannel_providers"] if k != row["pk"]]
    for outpost in call.store.rows("outposts"):
        outpost["providers"] = [key for key in outpost["providers"] if key != row["pk"]]
    for provider in call.store.rows("providers"):
        for name in ("jwt_federation_providers",):
            provider[name] = [key for key in provider.get(name) or [] if key != row["pk"]]


def through(table: str, reference: str, field: str) -> Any:
    """Return the value of a field of the row that a reference names."""

    def value(row: Row, call: Call) -> Any:
        found = call.store.tables[table].get(row.get(reference))
        return found[field] if found else None

    return value


class AllProviders(Providers):
    """``/providers/all/``."""

    path, label = "providers/all", "Provider"
    verbs = frozenset({"list", "read", "delete"})
    kinds = frozenset(CLASSES)
    filters: ClassVar[Mapping[str, Filter]] = {
        "application__isnull": isnull(lambda row, call: application_of(row["pk"], call)),
        "backchannel": lambda row, text, call: text.lower() not in ("true", "1"),
        "name": exact("name"),
        "name__icontains": icontains("name"),
    }

    def show(self, row: Row, call: Call) -> Row:
        """Return the head with the type."""
        return typed(row, call)

    def list_actions(self) -> Mapping[tuple[str, str], ListAction]:
        """The types."""
        return {("GET", "types"): self._types}

    def _types(self, call: Call) -> Answer:
        return Answer(
            200,
            [
                {
                    "name": name,
                    "description": "",
                    "component": component,
                    "model_name": model.split(".")[1],
                    "icon_url": None,
                    "requires_enterprise": False,
                }
                for component, name, model, _label in CLASSES.values()
            ],
        )


class RadiusProviders(Providers):
    """``/providers/radius/``."""

    path, label, kind, kinds = "providers/radius", "RadiusProvider", "radius", frozenset({"radius"})
    schema: ClassVar[Mapping[str, Field]] = {
        **COMMON,
        "client_networks": Text(default="0.0.0.0/0, ::/0"),
        "shared_secret": Text(default=""),
        "mfa_support": Field(default=True),
        "certificate": Ref(null=True, table="certificates", since=(2025, 10)),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": exact("name"),
        "application__isnull": isnull(lambda row, call: application_of(row["pk"], call)),
        "client_networks__iexact": iexact("client_networks"),
        "authorization_flow__slug__iexact": iexact(through("flows", "authorization_flow", "slug")),
    }

    def show(self, row: Row, call: Call) -> Row:
        """Add the outposts."""
        return {**super().show(row, call), "outpost_set": outposts_of(row, call)}


def outposts_of(row: Row, call: Call) -> list[str]:
    """Return the keys of the outposts that a provider is on."""
    return [outpost["pk"] for outpost in call.store.rows("outposts") if row["pk"] in outpost["providers"]]
