# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Property mappings: scopes of OAuth2 and OpenID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .calls import Call
from .errors import taken
from .fields import Field, Text
from .filters import Filter, among, exact, iexact, isnull
from .resource import Resource, use
from .store import Row

COMPONENT = "ak-property-mapping-provider-scope-form"


class Scopes(Resource):
    """``/propertymappings/provider/scope/``."""

    path, table, label = "propertymappings/provider/scope", "mappings", "ScopeMapping"
    app, model, ordering = "authentik_providers_oauth2", "scopemapping", "scope_name"
    schema: ClassVar[Mapping[str, Field]] = {
        "managed": Text(null=True, default=None),
        "name": Text(required=True, unique="mappings", taken=taken("Property Mapping", "name")),
        "expression": Text(required=True, trim=False),
        "scope_name": Text(required=True),
        "description": Text(),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "managed": among("managed"),
        "managed__isnull": isnull("managed"),
        "name": exact("name"),
        "scope_name": exact("scope_name"),
    }
    search = ("name", "scope_name")

    def show(self, row: Row, call: Call) -> Row:
        """Return the mapping and its class."""
        return {
            **super().show(row, call),
            "component": COMPONENT,
            "verbose_name": "Scope Mapping",
            "verbose_name_plural": "Scope Mappings",
            "meta_model_name": "authentik_providers_oauth2.scopemapping",
        }

    def remove(self, row: Row, call: Call) -> None:
        """Take it from the providers that have it."""
        super().remove(row, call)
        for provider in call.store.rows("providers"):
            provider["property_mappings"] = [key for key in provider["property_mappings"] if key != row["pk"]]

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return the providers that have it."""
        return [
            use("authentik_core", "provider", provider["pk"], provider["name"], "cascade_many")
            for provider in call.store.rows("providers")
            if row["pk"] in provider["property_mappings"]
        ]


class Mappings(Scopes):
    """``/propertymappings/all/``."""

    path, label, ordering = "propertymappings/all", "PropertyMapping", "name"
    verbs = frozenset({"list", "read", "delete"})
    filters: ClassVar[Mapping[str, Filter]] = {
        "managed": among("managed"),
        "managed__isnull": isnull("managed"),
        "name": iexact("name"),
    }

    def show(self, row: Row, call: Call) -> Row:
        """Return what every kind of mapping has."""
        shown = super().show(row, call)
        del shown["scope_name"], shown["description"]
        return shown
