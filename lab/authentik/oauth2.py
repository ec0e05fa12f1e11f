# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of type OAuth2 and OpenID."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from .calls import Answer, Call
from .errors import Invalid, Refusal, not_found, taken
from .fields import Checks, Choice, Duration, Field, Flag, Items, Ref, Refs, Text, Url
from .filters import Filter, exact, isnull
from .providers import COMMON, Providers, application_of, through
from .resource import Action
from .store import Row, random_text

REDIRECT = {
    "matching_mode": Choice(required=True, words=("strict", "regex")),
    "url": Text(required=True),
}
FEDERATION = {
    "jwks_sources": Refs(table="policies", until=(2024, 12)),
    "jwt_federation_sources": Refs(table="policies", since=(2024, 12)),
    "jwt_federation_providers": Refs(table="providers", whole=True, since=(2024, 12)),
}
OWN = {
    "client_type": Choice(default="confidential", words=("confidential", "public")),
    "client_id": Text(
        longest=255,
        default=lambda: random_text(40),
        unique="providers",
        taken=taken("OAuth2/OpenID Provider", "Client ID"),
    ),
    "client_secret": Text(longest=255, default=lambda: random_text(128)),
    "access_code_validity": Duration(default="minutes=1"),
    "access_token_validity": Duration(default="hours=1"),
    "refresh_token_validity": Duration(default="days=30"),
    "refresh_token_threshold": Duration(default="seconds=0", since=(2025, 10)),
    "include_claims_in_id_token": Flag(default=True),
    "signing_key": Ref(null=True, table="certificates"),
    "encryption_key": Ref(null=True, table="certificates", since=(2024, 10)),
    "redirect_uris": Items(required=True, item=REDIRECT),
    "backchannel_logout_uri": Url(since=(2025, 8), until=(2025, 10)),
    "logout_uri": Url(since=(2025, 10)),
    "logout_method": Choice(default="backchannel", words=("backchannel", "frontchannel"), since=(2025, 10)),
    "sub_mode": Choice(
        default="hashed_user_id",
        words=("hashed_user_id", "user_id", "user_uuid", "user_username", "user_email", "user_upn"),
    ),
    "issuer_mode": Choice(default="per_provider", words=("per_provider", "global")),
    **FEDERATION,
}
_FILTERED = (
    *("name", "client_id", "client_type", "authorization_flow", "issuer_mode", "sub_mode", "signing_key"),
    *("property_mappings", "access_code_validity", "access_token_validity", "refresh_token_validity"),
    *("include_claims_in_id_token", "redirect_uris"),
)


class OAuth2Providers(Providers):
    """``/providers/oauth2/``; a proxy provider is one of these, too, and is listed."""

    path, label, kind, kinds = "providers/oauth2", "OAuth2Provider", "oauth2", frozenset({"oauth2", "proxy"})
    schema: ClassVar[Mapping[str, Field]] = {**COMMON, **OWN}
    filters: ClassVar[Mapping[str, Filter]] = {
        **{name: exact(name) for name in _FILTERED},
        "application": exact(lambda row, call: (application_of(row["pk"], call) or {}).get("pk")),
        "application__isnull": isnull(lambda row, call: application_of(row["pk"], call)),
        "authorization_flow__slug": exact(through("flows", "authorization_flow", "slug")),
    }

    def clean(self, body: Any, call: Call, *, partial: bool = False, row: Row | None = None) -> Row:
        """Take the text of old releases where the list is due."""
        if not call.store.release.redirect_uris_are_text or not isinstance(body, Mapping):
            return super().clean(body, call, partial=partial, row=row)
        given = body.get("redirect_uris", "")
        if not isinstance(given, str):
            raise Refusal(400, {"redirect_uris": ["Not a valid string."]})
        uris = [{"matching_mode": "strict", "url": url} for url in given.splitlines()]
        body = {**body, "redirect_uris": uris} if "redirect_uris" in body or not partial else body
        return super().clean(body, call, partial=partial, row=row)

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """Compile the patterns among the redirect URIs."""
        return {"redirect_uris": _compiled}

    def show(self, row: Row, call: Call) -> Row:
        """Return the fields; the secret is readable."""
        shown = super().show(row, call)
        shown["redirect_uris"] = shown_uris(row["redirect_uris"], call)
        return shown

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """URLs, and what a user's token would hold."""
        return {("GET", "setup_urls"): self._urls, ("GET", "preview_user"): self._preview}

    def _urls(self, call: Call, row: Row) -> Answer:
        application = application_of(row["pk"], call)
        if application is None:
            raise not_found("Application")
        return Answer(200, urls(application["slug"], row, call.root))

    def _preview(self, call: Call, row: Row) -> Answer:
        scopes = {call.store.tables["mappings"][key]["scope_name"] for key in row["property_mappings"]}
        claims: Row = {"iss": "", "sub": call.me["uid"], "aud": row["client_id"]}
        if "email" in scopes:
            claims.update(email=call.me["email"], email_verified=True)
        if "profile" in scopes:
            claims.update(name=call.me["name"], preferred_username=call.me["username"])
        return Answer(200, {"preview": claims})


def shown_uris(uris: list[Row], call: Call) -> Any:
    """Return redirect URIs in the form of the release."""
    return "\n".join(uri["url"] for uri in uris) if call.store.release.redirect_uris_are_text else uris


def _compiled(uris: list[Row]) -> list[Row]:
    for uri in uris:
        if uri["matching_mode"] == "regex":
            try:
                re.compile(uri["url"])
            except re.error:
                raise Invalid(f"Invalid Regex Pattern: {uri['url']}") from None
    return uris


def urls(slug: str, row: Row, root: str) -> Row:
    """Return the URLs of an application's OpenID provider (``authentik/providers/oauth2/urls.py``)."""
    own = f"{root}application/o/{slug}/"
    return {
        "issuer": own if row["issuer_mode"] == "per_provider" else root,
        "authorize": f"{root}application/o/authorize/",
        "token": f"{root}application/o/token/",
        "user_info": f"{root}application/o/userinfo/",
        "provider_info": f"{own}.well-known/openid-configuration",
        "logout": f"{own}end-session/",
        "jwks": f"{own}jwks/",
    }


def discovery(slug: str, row: Row, root: str) -> Row:
    """Return the OpenID discovery document."""
    known = urls(slug, row, root)
    return {
        "issuer": known["issuer"],
        "authorization_endpoint": known["authorize"],
        "token_endpoint": known["token"],
        "userinfo_endpoint": known["user_info"],
        "end_session_endpoint": known["logout"],
        "introspection_endpoint": f"{root}application/o/introspect/",
        "revocation_endpoint": f"{root}application/o/revoke/",
        "device_authorization_endpoint": f"{root}application/o/device/",
        "jwks_uri": known["jwks"],
        "response_types_supported": ["code", "id_token", "code token", "code id_token"],
        "id_token_signing_alg_values_supported": ["RS256" if row["signing_key"] else "HS256"],
        "subject_types_supported": ["public"],
        "code_challenge_methods_supported": ["plain", "S256"],
    }
