#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have services behind Authentik's login, provider, application, outpost and groups in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authentik_service
short_description: Have services behind Authentik's login
version_added: 0.1.0
description:
  - For each service a provider, an application, a place on an outpost and the groups that may enter, for any number of
    services in one call. Everything is read with a few requests, then judged, then written; a new service is made by
    one transaction.
  - Refused before anything is written are a host that two providers would claim, an application or a provider that
    somebody else has made, a scheme that the port does not speak, a path that would be open to everybody, a flow that
    is not there or is for something else, and an outpost that would lose its last provider.
  - Whose an application is stands in the application. Its publisher is O(owner). The provider is called C(<slug>-proxy)
    or C(<slug>-oidc). A removal removes what carries these marks and nothing else.
options:
  services:
    description: The services.
    type: list
    elements: dict
    required: true
    suboptions:
      slug:
        description: Slug of the application; it is what a service is known by.
        type: str
        required: true
      name:
        description: Name that people see. The slug when it is not given.
        type: str
      type:
        description: Type of the provider.
        type: str
        choices: [proxy, oauth2]
        default: proxy
      outpost:
        description: Outpost that serves it, instead of O(outpost). Only of type C(proxy).
        type: str
      groups:
        description:
          - Groups whose members may enter; nobody else may. An empty list lets everybody enter who can log in.
          - Not given, the bindings stay as they are. Bindings of users and policies always do.
        type: list
        elements: str
      authorization_flow:
        description: Slug of the flow that asks for consent, instead of O(authorization_flow).
        type: str
      invalidation_flow:
        description: Slug of the flow at the end of the session, instead of O(invalidation_flow).
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
        description: Say that O(services[].skip_paths) may open everything below C(/api/).
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
      group:
        description: Heading under which the application is shown.
        type: str
      open_in_new_tab:
        description: Whether the application opens in a new tab.
        type: bool
      policy_engine_mode:
        description: Whether any or all of the bindings must let a user in.
        type: str
        choices: [any, all]
      meta_launch_url:
        description: Address that the application's tile opens.
        type: str
      meta_description:
        description: Text below the application's name.
        type: str
      meta_icon:
        description: Icon, as a URL or as C(fa://fa-name). From Authentik 2025.12 on.
        type: str
  outpost:
    description: Outpost of the proxy providers. C(embedded) is the one inside the server, whatever it is called.
    type: str
    default: embedded
  external_outposts:
    description:
      - Outposts of type proxy that are made together with their first provider when they are not there; the server
        makes none without providers. Their settings are written then, and by M(homeops.cluster.authentik_outpost)
        later.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the outpost.
        type: str
        required: true
      config:
        description: Its settings.
        type: dict
        default: {}
  owner:
    description: Publisher that marks the applications as made here.
    type: str
    default: homeops.cluster
  exact:
    description: Have no other application of this O(owner).
    type: bool
    default: false
  adopt:
    description: Take over an application of a wanted slug that somebody else has made. A later removal removes it.
    type: bool
    default: false
  allow_empty:
    description: Let the embedded outpost lose its last provider.
    type: bool
    default: false
  state:
    description: Whether the services shall be there. With C(absent) only the slugs are looked at.
    type: str
    choices: [present, absent]
    default: present
  assume_groups:
    description: In check mode, groups that an earlier step of the same run would make.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homeops.cluster.authentik
  - homeops.cluster.authentik.flows
  - homeops.cluster.authentik.assume_absent
  - homeops.cluster.authentik.objects
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have two services behind the login, and no other of ours
  homeops.cluster.authentik_service:
    url: https://authentik.example.org
    token: "{{ authentik_token }}"
    exact: true
    services:
      - slug: longhorn
        name: Longhorn Storage
        mode: proxy
        external_host: https://longhorn.example.org
        internal_host: http://longhorn-frontend.longhorn-system.svc.cluster.local:80
        groups: [Administrators]
      - slug: wiki
        name: Wiki
        type: oauth2
        client_id: wiki
        redirect_uris:
          - url: https://wiki.example.org/oauth/callback
"""

RETURN = r"""
services:
  description: One entry per wanted service, with C(slug), C(provider), C(outpost) and C(changed).
  returned: always
  type: list
  elements: dict
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

from ..module_utils.authentik import options, outposts, session
from ..module_utils.authentik.service_run import ServiceRun
from ..module_utils.authentik.services import Policy
from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "services": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "slug": {"type": "str", "required": True},
                "type": {"type": "str", "choices": ["proxy", "oauth2"], "default": "proxy"},
                **options.PROVIDER,
                **options.APPLICATION,
                **{name: {"type": "str"} for name in ("name", "outpost", *options.FLOWS)},
                "groups": {"type": "list", "elements": "str"},
            },
        },
        **options.FLOWS,
        "outpost": {"type": "str", "default": "embedded"},
        "external_outposts": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"name": {"type": "str", "required": True}, "config": {"type": "dict", "default": {}}},
        },
        "owner": {"type": "str", "default": "homeops.cluster"},
        "exact": {"type": "bool", "default": False},
        "adopt": {"type": "bool", "default": False},
        "allow_empty": {"type": "bool", "default": False},
        "state": options.STATE,
        "assume_absent": {"type": "bool", "default": False},
        "assume_groups": {"type": "list", "elements": "str", "default": []},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the services, or have them gone; see DOCUMENTATION."""
    external = {
        item["name"]: outposts.config(item["config"], f"external_outposts[{index}]")
        for index, item in enumerate(params["external_outposts"])
    }
    policy = Policy(
        external=external,
        owner=params["owner"],
        exact=params["exact"],
        adopt=params["adopt"],
        allow_empty=params["allow_empty"],
        outpost=params["outpost"],
    )
    told = session.predicted(params, ctx, "service", (str(item["slug"]) for item in params["services"]))
    if told is not None:
        return told
    flows = {key: params[key] for key in options.FLOWS}
    with session.connect(params, ctx) as client:
        session.check_version(client, ctx)
        work = ServiceRun(client, policy, ctx, flows, params["assume_groups"])
        if params["state"] == "absent":
            return work.absent([str(item["slug"]) for item in params["services"]])
        return work.present(params["services"])


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
