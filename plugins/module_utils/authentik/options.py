# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that describe a provider or an application, shared by the modules that take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Spec = dict[str, Any]


def _texts(*names: str) -> Spec:
    return {name: {"type": "str"} for name in names}


def _flags(*names: str) -> Spec:
    return {name: {"type": "bool"} for name in names}


#: What proxy and oauth2 providers have, in the names of the server.
PROVIDER: Spec = {
    "mode": {"type": "str", "choices": ["proxy", "forward_single", "forward_domain"]},
    "skip_paths": {"type": "list", "elements": "str"},
    "open_api": {"type": "bool", "default": False},
    "redirect_uris": {
        "type": "list",
        "elements": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "matching_mode": {"type": "str", "choices": ["strict", "regex"], "default": "strict"},
        },
    },
    "client_type": {"type": "str", "choices": ["confidential", "public"]},
    "client_secret": {"type": "str", "no_log": True},
    # Names and durations, which hide nothing.
    **{
        name: {"type": "str", "no_log": False}
        for name in (
            "signing_key",
            "encryption_key",
            "basic_auth_password_attribute",
            "access_token_validity",
            "refresh_token_validity",
        )
    },
    "property_mappings": {"type": "list", "elements": "str"},
    "sub_mode": {
        "type": "str",
        "choices": ["hashed_user_id", "user_id", "user_uuid", "user_username", "user_email", "user_upn"],
    },
    "issuer_mode": {"type": "str", "choices": ["per_provider", "global"]},
    **_texts(
        "external_host",
        "internal_host",
        "cookie_domain",
        "basic_auth_user_attribute",
        "certificate",
        "client_id",
    ),
    **_flags(
        "internal_host_ssl_validation", "basic_auth_enabled", "intercept_header_auth", "include_claims_in_id_token"
    ),
}
#: How an application is shown and who may enter.
APPLICATION: Spec = {
    "policy_engine_mode": {"type": "str", "choices": ["any", "all"]},
    **_texts("group", "meta_launch_url", "meta_description", "meta_icon"),
    **_flags("open_in_new_tab"),
}
#: The flows that a provider has unless it names its own.
FLOWS: Spec = {
    "authorization_flow": {"type": "str", "default": "default-provider-authorization-implicit-consent"},
    "invalidation_flow": {"type": "str", "default": "default-provider-invalidation-flow"},
}
STATE: Spec = {"type": "str", "choices": ["present", "absent"], "default": "present"}


#: Types whose "authorization" is the flow by which a client logs in.
BIND = ("radius", "ldap")
BIND_FLOW = "default-authentication-flow"


def filled(item: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's options with the flows of the task where it names none."""
    flows = {key: params[key] for key in FLOWS}
    if item.get("type") in BIND:
        flows["authorization_flow"] = BIND_FLOW
    return {**flows, **{key: value for key, value in item.items() if value is not None}}
