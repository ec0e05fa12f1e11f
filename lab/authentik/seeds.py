# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fresh installation holds, once the worker has applied the default blueprints."""

from __future__ import annotations

from . import fields
from .calls import Call
from .certificates import SELF_SIGNED, add_pair
from .flows import Flows
from .groups import SUPERUSERS, new_group
from .mappings import Scopes
from .outposts import ensure_embedded
from .store import Store, new_uuid, random_text, stamp
from .tokens import add_token
from .users import new_user

BOOTSTRAP = "authentik-bootstrap-token"
_SETUP = "stage_configuration"
#: (slug, name, title, designation, authentication, stages)
FLOWS = (
    (
        *("default-authentication-flow", "Welcome to authentik!", "Welcome to authentik!", "authentication"),
        *("none", 4),
    ),
    ("default-invalidation-flow", "Logout", "Default Invalidation Flow", "invalidation", "none", 1),
    ("default-password-change", "Change Password", "Change password", _SETUP, "require_authenticated", 2),
    (
        *("default-provider-authorization-explicit-consent", "Authorize Application", "Redirecting to %(app)s"),
        *("authorization", "require_authenticated", 1),
    ),
    (
        *("default-provider-authorization-implicit-consent", "Authorize Application", "Redirecting to %(app)s"),
        *("authorization", "require_authenticated", 0),
    ),
    (
        *("default-provider-invalidation-flow", "Logged out of application", "You've logged out of %(app)s."),
        *("invalidation", "none", 0),
    ),
    ("default-user-settings-flow", "User settings", "Update your info", _SETUP, "require_authenticated", 2),
)
"""The flows of the blueprints that the recorded server had applied."""
MORE_FLOWS = (
    (
        *("default-source-authentication", "Welcome to authentik!", "Welcome to authentik!", "authentication"),
        *("require_unauthenticated", 1),
    ),
    (
        *("default-source-enrollment", "Welcome to authentik! Please select a username."),
        *("Welcome to authentik! Please select a username.", "enrollment", "none", 3),
    ),
    (
        *("default-source-pre-authentication", "Pre-Authentication", "Pre-authentication", _SETUP),
        *("require_authenticated", 1),
    ),
    *(
        (f"default-authenticator-{kind}-setup", *(f"Set up {what}",) * 2, _SETUP, "require_authenticated", 1)
        for kind, what in (
            ("static", "Static OTP Tokens"),
            ("totp", "Two-Factor authentication"),
            ("webauthn", "WebAuthn device"),
        )
    ),
    ("initial-setup", "Welcome to authentik!", "Welcome to authentik!", _SETUP, "require_unauthenticated", 4),
)
_OAUTH = "goauthentik.io/providers/oauth2"
#: (managed, scope, name, description)
SCOPES = (
    (f"{_OAUTH}/scope-openid", "openid", "OpenID 'openid'", ""),
    (f"{_OAUTH}/scope-email", "email", "OpenID 'email'", "Email address"),
    (f"{_OAUTH}/scope-profile", "profile", "OpenID 'profile'", "General Profile Information"),
    (f"{_OAUTH}/scope-entitlements", "entitlements", "Application Entitlements", "Application entitlements"),
    (f"{_OAUTH}/scope-offline_access", "offline_access", "OpenID 'offline_access'", "Access to request new tokens"),
    (f"{_OAUTH}/scope-authentik_api", "goauthentik.io/api", "authentik API access", "authentik API Access on behalf"),
    (
        *("goauthentik.io/providers/proxy/scope-proxy", "ak_proxy", "Proxy outpost"),
        "authentik Proxy - User information",
    ),
)


def fill(store: Store, token: str, *, email: str = "", blueprints: bool = True, complete: bool = True) -> None:
    """Fill a new database: the administrator, the bootstrap token, the embedded outpost, and the blueprints' objects.

    :param token: ``AUTHENTIK_BOOTSTRAP_TOKEN``; empty for none.
    :param blueprints: False when the worker has not run yet.
    :param complete: False for the few blueprints of the recorded server.
    """
    new_user(store, "AnonymousUser", "", kind="internal_service_account")
    ensure_embedded(store)
    admin = new_user(store, "akadmin", "authentik Default Admin")
    admin["email"] = email
    new_group(store, SUPERUSERS, [admin["pk"]], superuser=True)
    if token:
        add_token(store, BOOTSTRAP, token, admin["pk"], expiring=False)
    add_pair(store, SELF_SIGNED)
    if blueprints:
        apply_blueprints(store, complete=complete)


def apply_blueprints(store: Store, *, complete: bool = True) -> None:
    """Add what is missing of the default flows and mappings."""
    call = Call(store)
    for slug, name, title, designation, authentication, stages in (*FLOWS, *(MORE_FLOWS if complete else ())):
        if store.find("flows", slug=slug) is None:
            row = {
                "pk": new_uuid(),
                "policybindingmodel_ptr_id": new_uuid(),
                **fields.defaults(Flows.schema, call),
                "name": name,
                "slug": slug,
                "title": title,
                "designation": designation,
                "authentication": authentication,
                "stages": [new_uuid() for _unused in range(stages)],
            }
            store.tables["flows"][row["pk"]] = row
    for managed, scope, name, description in SCOPES:
        if store.find("mappings", managed=managed) is None:
            row = {
                "pk": new_uuid(),
                **fields.defaults(Scopes.schema, call),
                "managed": managed,
                "name": f"authentik default OAuth Mapping: {name}",
                "expression": "return {}",
                "scope_name": scope,
                "description": description,
            }
            store.tables["mappings"][row["pk"]] = row
    for name, path in (
        ("Default - Authentication flow", "default/flow-default-authentication-flow.yaml"),
        ("Default - Provider invalidation flow", "default/flow-default-provider-invalidation.yaml"),
        ("System - OAuth2 Provider - Scopes", "system/providers-oauth2.yaml"),
        ("System - Proxy Provider - Scopes", "system/providers-proxy.yaml"),
    ):
        if store.find("blueprints", path=path) is None:
            row = {"pk": new_uuid(), "name": name, "path": path, "context": {}, "enabled": True, "content": ""}
            row.update(last_applied=stamp(store.clock.now()), last_applied_hash=random_text(64), status="successful")
            store.tables["blueprints"][row["pk"]] = row
    store.touch()
