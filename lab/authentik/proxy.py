# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of type proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import fields
from .calls import Call
from .errors import Invalid, bad
from .fields import Checks, Choice, Duration, Field, Flag, Ref, Text, Url
from .filters import Filter, exact, iexact, isnull
from .oauth2 import FEDERATION, OWN, shown_uris
from .providers import COMMON, Providers, application_of, outposts_of, through
from .store import Row, random_text

MODES = ("proxy", "forward_single", "forward_domain")
CALLBACK = "X-authentik-auth-callback=true"
SCOPES = (
    "goauthentik.io/providers/oauth2/scope-openid",
    "goauthentik.io/providers/oauth2/scope-email",
    "goauthentik.io/providers/oauth2/scope-profile",
    "goauthentik.io/providers/oauth2/scope-entitlements",
    "goauthentik.io/providers/proxy/scope-proxy",
)
_IEXACT = (
    *("name", "external_host", "internal_host", "mode", "cookie_domain", "skip_path_regex", "redirect_uris"),
    *("internal_host_ssl_validation", "basic_auth_enabled", "basic_auth_password_attribute"),
    "basic_auth_user_attribute",
)


class ProxyProviders(Providers):
    """``/providers/proxy/``. There is no filter ``name``."""

    path, label, kind, kinds = "providers/proxy", "ProxyProvider", "proxy", frozenset({"proxy"})
    schema: ClassVar[Mapping[str, Field]] = {
        **COMMON,
        "internal_host": Url(),
        "external_host": Url(required=True),
        "internal_host_ssl_validation": Flag(default=True),
        "certificate": Ref(null=True, table="certificates"),
        "skip_path_regex": Text(),
        "basic_auth_enabled": Flag(),
        "basic_auth_password_attribute": Text(),
        "basic_auth_user_attribute": Text(),
        "mode": Choice(default="proxy", words=MODES),
        "intercept_header_auth": Flag(default=True),
        "cookie_domain": Text(),
        **FEDERATION,
        "access_token_validity": Duration(default="hours=1"),
        "refresh_token_validity": Duration(default="days=30"),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        **{f"{name}__iexact": iexact(name) for name in _IEXACT},
        "authorization_flow__slug__iexact": iexact(through("flows", "authorization_flow", "slug")),
        "certificate__name__iexact": iexact(through("certificates", "certificate", "name")),
        "certificate__kp_uuid__iexact": iexact("certificate"),
        "property_mappings__iexact": exact("property_mappings"),
        "application__isnull": isnull(lambda row, call: application_of(row["pk"], call)),
    }

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """Basic authentication needs both attributes in the same body."""

        def complete(value: bool) -> bool:
            names = ("basic_auth_password_attribute", "basic_auth_user_attribute")
            if value and any(body.get(name, "") == "" for name in names):
                raise Invalid("User and password attributes must be set when basic auth is enabled.")
            return value

        return {"basic_auth_enabled": complete}

    def check(self, values: Row, body: Any, call: Call, row: Row | None) -> None:
        """Judge by the body alone: a mode that is not sent counts as proxy."""
        if values.get("mode", "proxy") == "proxy" and values.get("internal_host", "") == "":
            raise bad({"internal_host": ["Internal host cannot be empty when forward auth is disabled."]})

    def make(self, values: Row, call: Call) -> Row:
        """Store it with what makes it an OAuth2 provider."""
        hidden = {**fields.defaults(OWN, call), "client_id": random_text(40), "client_secret": random_text(128)}
        row = super().make({**{k: v for k, v in hidden.items() if k not in self.schema}, **values}, call)
        row["cookie_secret"] = random_text(50)
        _settle(row, call)
        return row

    def change(self, row: Row, values: Row, call: Call) -> None:
        """Set the OAuth2 side again with every update."""
        super().change(row, values, call)
        _settle(row, call)

    def show(self, row: Row, call: Call) -> Row:
        """Return the fields with client id, redirect URIs and outposts."""
        return {
            **super().show(row, call),
            "client_id": row["client_id"],
            "redirect_uris": shown_uris(row["redirect_uris"], call),
            "outpost_set": outposts_of(row, call),
        }


def _settle(row: Row, call: Call) -> None:
    """Do what the model does on every save: ``ProxyProvider.set_oauth_defaults``."""
    host = row["external_host"]
    row.update(
        client_type="confidential",
        signing_key=None,
        include_claims_in_id_token=True,
        redirect_uris=[
            {"matching_mode": "strict", "url": f"{host.rstrip('/')}/outpost.goauthentik.io/callback?{CALLBACK}"},
            {"matching_mode": "strict", "url": f"{host}?{CALLBACK}"},
        ],
    )
    missing = [m["pk"] for m in call.store.rows("mappings") if m["managed"] in SCOPES]
    row["property_mappings"] = list(dict.fromkeys([*row["property_mappings"], *missing]))


def settings(row: Row, call: Call, root: str) -> Mapping[str, Any]:
    """Return a provider as an outpost gets it from ``/outposts/proxy/``."""
    from .oauth2 import discovery

    application = application_of(row["pk"], call)
    assert application is not None
    shared = ("pk", "name", "internal_host", "external_host", "internal_host_ssl_validation", "client_id")
    more = ("client_secret", "cookie_secret", "skip_path_regex", "basic_auth_enabled", "mode", "cookie_domain")
    rest = ("basic_auth_password_attribute", "basic_auth_user_attribute", "certificate", "intercept_header_auth")
    mappings = call.store.tables["mappings"]
    return {
        **{name: row[name] for name in (*shared, *more, *rest)},
        "oidc_configuration": discovery(application["slug"], row, root),
        "access_token_validity": row["access_token_validity"],
        "scopes_to_request": [mappings[key]["scope_name"] for key in row["property_mappings"]],
        "assigned_application_slug": application["slug"],
        "assigned_application_name": application["name"],
    }
