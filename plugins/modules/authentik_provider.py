#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have providers in Authentik."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_provider
short_description: Have providers in Authentik
version_added: 0.1.0
description:
  - Any number of providers of any of the supported types in one call. Flows, mappings and key pairs are given by slug
    or name and looked up, with the designation that their place needs.
  - Refused before anything is written are a host that two proxy providers would claim, a scheme that the port does not
    speak, a path that would be open to everybody, and a removal that would empty an outpost.
options:
  providers:
    description: The providers.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the provider, unique over all types.
        type: str
        required: true
      type:
        description: Its type, which cannot be changed later.
        type: str
        choices: [proxy, oauth2, radius, ldap, saml, rac]
        default: proxy
      authorization_flow:
        description: Slug of the flow that asks for consent, instead of O(authorization_flow).
        type: str
      invalidation_flow:
        description: Slug of the flow at the end of the session, instead of O(invalidation_flow).
        type: str
      authentication_flow:
        description: Slug of the flow that logs in, for types which have one.
        type: str
      mode:
        description:
          - How requests reach a proxy provider. C(proxy) when the ingress sends them to the outpost, which talks to the
            service; C(forward_single) when the ingress asks the outpost about each one; C(forward_domain) when one
            login is for a whole domain.
          - Required for type C(proxy).
        type: str
        choices: [proxy, forward_single, forward_domain]
      external_host:
        description: Address that browsers use. Required for type C(proxy).
        type: str
      internal_host:
        description: Address of the service itself, for mode C(proxy).
        type: str
      internal_host_ssl_validation:
        description: Whether the service's certificate is verified.
        type: bool
      skip_paths:
        description:
          - Regular expressions, in Go's syntax, of paths that need no login. None when it is not given.
        type: list
        elements: str
      open_api:
        description: Say that O(providers[].skip_paths) may open everything below C(/api/).
        type: bool
        default: false
      cookie_domain:
        description: Domain of the session cookie.
        type: str
      basic_auth_enabled:
        description: Whether the outpost logs in to the service with HTTP basic authentication.
        type: bool
      basic_auth_user_attribute:
        description: Attribute of user or group that holds the user name.
        type: str
      basic_auth_password_attribute:
        description: Attribute of user or group that holds the password.
        type: str
      intercept_header_auth:
        description: Whether the outpost reads the Authorization header itself.
        type: bool
      certificate:
        description: Name of the key pair that the outpost serves for this host.
        type: str
      redirect_uris:
        description: Addresses to which an oauth2 login may return.
        type: list
        elements: dict
        suboptions:
          url:
            description: The address, or a regular expression.
            type: str
            required: true
          matching_mode:
            description: How it is compared.
            type: str
            choices: [strict, regex]
            default: strict
      client_type:
        description: Type of the oauth2 client.
        type: str
        choices: [confidential, public]
      client_id:
        description: Its id. The server makes one when it is not given.
        type: str
      client_secret:
        description: Its secret. The server makes one when it is not given.
        type: str
      signing_key:
        description: Name of the key pair that signs tokens. C(authentik Self-signed Certificate) when it is not given.
        type: str
      encryption_key:
        description: Name of the key pair that encrypts tokens.
        type: str
      property_mappings:
        description:
          - Scope mappings, by name, by their C(managed) mark or by scope.
          - For type oauth2 C(openid), C(email) and C(profile) when it is not given.
        type: list
        elements: str
      sub_mode:
        description: What the subject of an oauth2 token is.
        type: str
        choices: [hashed_user_id, user_id, user_uuid, user_username, user_email, user_upn]
      issuer_mode:
        description: Whether each oauth2 provider is an issuer of its own.
        type: str
        choices: [per_provider, global]
      include_claims_in_id_token:
        description: Whether the id token carries the scopes' claims.
        type: bool
      access_token_validity:
        description: How long a session or an access token lasts, such as C(hours=24).
        type: str
      refresh_token_validity:
        description: How long a refresh token lasts.
        type: str
      client_networks:
        description: Networks from which RADIUS clients may ask, in CIDR form, separated by commas.
        type: str
      shared_secret:
        description: Secret that RADIUS clients share with the provider.
        type: str
      mfa_support:
        description: Whether a code may follow the password of a RADIUS login.
        type: bool
      settings:
        description:
          - Further fields of the type, in the server's names and values. They are shown in a diff, so no secrets.
        type: dict
  state:
    description: Whether the providers shall be there.
    type: str
    choices: [present, absent]
    default: present
  allow_empty:
    description: With O(state=absent), let the embedded outpost lose its last provider.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.flows
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have the provider of the RADIUS outpost
  homeops.cluster.authentik_provider:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    providers:
      - name: radius-provider
        type: radius
        authorization_flow: default-authentication-flow
        client_networks: 192.0.2.0/24
        shared_secret: "{{ radius_shared_secret }}"
"""

RETURN = r"""
objects:
  description: One entry per object, with C(kind), C(name), C(action) create, patch, delete or none, and C(fields).
  returned: always
  type: list
  elements: dict
summary:
  description: Number of objects per action.
  returned: always
  type: dict
requests:
  description: Requests sent, per HTTP method.
  returned: always
  type: dict
waited:
  description: Seconds spent waiting for the server.
  returned: always
  type: float
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.authentik import kinds, options, session
from ..module_utils.authentik.object_runs import providers_absent, providers_present
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "providers": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "type": {"type": "str", "choices": list(kinds.PROVIDERS), "default": "proxy"},
                **options.PROVIDER,
                **{name: {"type": "str"} for name in (*options.FLOWS, "authentication_flow", "client_networks")},
                "shared_secret": {"type": "str", "no_log": True},
                "mfa_support": {"type": "bool"},
                "settings": {"type": "dict"},
            },
        },
        **options.FLOWS,
        "state": options.STATE,
        "allow_empty": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the providers, or have them gone; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        if params["state"] == "absent":
            return providers_absent(client, params["providers"], ctx, allow_empty=params["allow_empty"])
        return providers_present(client, [options.filled(item, params) for item in params["providers"]], ctx)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
