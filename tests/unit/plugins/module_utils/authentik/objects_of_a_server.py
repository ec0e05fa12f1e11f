# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects with the fields that an Authentik 2025.12 server answers with."""

from __future__ import annotations

from typing import Any

FLOW_IN, FLOW_OUT, FLOW_LOGIN = "f7b3f626", "62295c0a", "93ba792b"
MAPPINGS = ["c52f748a", "de0d2442", "1cc171ca", "35db2af8", "73c2de1e"]
EMBEDDED = "23ae95f7"


def proxy(pk: int, name: str, host: str, application: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "pk": pk,
        "name": name,
        "authentication_flow": None,
        "authorization_flow": FLOW_IN,
        "invalidation_flow": FLOW_OUT,
        "property_mappings": list(MAPPINGS),
        "component": "ak-provider-proxy-form",
        "assigned_application_slug": application,
        "assigned_application_name": application,
        "verbose_name": "Proxy Provider",
        "meta_model_name": "authentik_providers_proxy.proxyprovider",
        "client_id": f"client-{pk}",
        "internal_host": "",
        "external_host": host,
        "internal_host_ssl_validation": True,
        "certificate": None,
        "skip_path_regex": "",
        "basic_auth_enabled": False,
        "basic_auth_password_attribute": "",
        "basic_auth_user_attribute": "",
        "mode": "forward_single",
        "intercept_header_auth": True,
        "redirect_uris": [],
        "cookie_domain": "",
        "jwt_federation_sources": [],
        "jwt_federation_providers": [],
        "access_token_validity": "hours=1",
        "refresh_token_validity": "days=30",
        "outpost_set": [],
        **more,
    }


def application(slug: str, provider: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "pk": f"app-{slug}",
        "name": slug,
        "slug": slug,
        "provider": provider["pk"] if provider else None,
        "provider_obj": {key: provider[key] for key in ("pk", "name", "component", "meta_model_name")}
        if provider
        else None,
        "backchannel_providers": [],
        "launch_url": "",
        "open_in_new_tab": False,
        "meta_launch_url": "",
        "meta_icon": "",
        "meta_description": "",
        "meta_publisher": "",
        "policy_engine_mode": "any",
        "group": "",
        **more,
    }


def outpost(pk: str = EMBEDDED, providers: list[int] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "pk": pk,
        "name": "authentik Embedded Outpost",
        "type": "proxy",
        "providers": providers or [],
        "providers_obj": [],
        "service_connection": None,
        "refresh_interval_s": 300,
        "token_identifier": f"ak-outpost-{pk}-api",
        "config": {"log_level": "warning", "authentik_host": "https://auth.test", "kubernetes_ingress_annotations": {}},
        "managed": "goauthentik.io/outposts/embedded",
        **more,
    }


def binding(pk: str, target: str, group: str, order: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "pk": pk,
        "policy": None,
        "group": group,
        "user": None,
        "group_obj": {"pk": group, "name": group},
        "target": target,
        "negate": False,
        "enabled": True,
        "order": order,
        "timeout": 30,
        "failure_result": False,
        **more,
    }


class Names:
    """Names that are their own keys, except flows."""

    flows = {
        "default-provider-authorization-implicit-consent": (FLOW_IN, "authorization"),
        "default-provider-invalidation-flow": (FLOW_OUT, "invalidation"),
        "default-authentication-flow": (FLOW_LOGIN, "authentication"),
    }

    def key(self, what: str, name: str, param: str) -> str:
        return f"{what}:{name}"

    def flow(self, slug: str, designation: str, param: str) -> str:
        key, found = self.flows[slug]
        assert found == designation
        return key
