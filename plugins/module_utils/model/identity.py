# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says to Authentik: services, groups and outposts, as the modules take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError

#: Which modes of a proxy provider go with ``auth``; the first is meant when the model names none. Traffic of a proxied
#: service goes to the outpost, of a forward one to the service itself, and a mode that does not fit is a page of 404.
MODES = {"proxy": ("proxy",), "forward": ("forward_single", "forward_domain")}


def host_of(model: Mapping[str, Any], service: Mapping[str, Any]) -> str:
    """Return the host that browsers use for a service."""
    return str(service.get("host") or f"{service['name']}.{model['dns']['internal_zone']}")


def backend_of(model: Mapping[str, Any], service: Mapping[str, Any]) -> str:
    """Return the address of a service inside the cluster."""
    scheme = service.get("scheme") or "http"
    domain = model["cluster"]["dns_domain"]
    return f"{scheme}://{service['service']}.{service['namespace']}.svc.{domain}:{service['port']}"


def url_of(model: Mapping[str, Any]) -> str:
    """Return the address of Authentik itself."""
    return f"https://{model['identity']['host']}"


def services(model: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the services that have a login, as ``authentik_service`` takes them.

    :param model: the whole model, keyed by subject.
    :param secrets: client secrets by name of a service with ``auth: oidc``; the server makes those that are not here.
    :raises InputError: options that do not go with a service's ``auth``, or a group that the model does not have.
    """
    return [_service(model, service, secrets or {}) for service in model["services"] if service.get("auth") != "none"]


def _service(model: Mapping[str, Any], service: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    name, auth = str(service["name"]), str(service["auth"])
    where = f"service {name} of homeops_services"
    host = host_of(model, service)
    found: dict[str, Any] = {
        "slug": name,
        "name": str(service["title"]),
        "meta_launch_url": f"https://{host}",
        "meta_description": str(service.get("description") or ""),
        "groups": [str(group) for group in service.get("groups") or ()],
    }
    if service.get("icon"):
        found["meta_icon"] = str(service["icon"])
    known = model["identity"].get("groups") or ()
    for group in found["groups"]:
        if group not in known:
            raise InputError(
                f"{where} lets in the group {group}, which homeops_identity.groups does not have",
                remedy=f"Add it there, or use one of {', '.join(known) or 'none'}",
            )
    if auth == "oidc":
        return {**found, **_oidc(service, where, secrets)}
    if service.get("oidc"):
        raise InputError(f"{where} has oidc, but auth is {auth}", remedy="Take it away, or set auth: oidc")
    modes = MODES[auth]
    mode = str(service.get("mode") or modes[0])
    if mode not in modes:
        raise InputError(
            f"{where} has auth {auth} and mode {mode}, which its ingress does not serve",
            remedy=f"With auth {auth} the mode is {' or '.join(modes)}",
        )
    found.update(
        type="proxy",
        mode=mode,
        external_host=f"https://{host}",
        internal_host=backend_of(model, service) if mode == "proxy" else "",
        # The services' own certificates are self-made; the way to them stays inside the cluster.
        internal_host_ssl_validation=False,
        skip_paths=[str(path) for path in service.get("skip_paths") or ()],
        open_api=bool(service.get("open_api")),
        cookie_domain=str(model["identity"]["cookie_domain"]),
        outpost=str(service.get("outpost") or model["identity"]["outpost"]),
    )
    return found


def _oidc(service: Mapping[str, Any], where: str, secrets: Mapping[str, str]) -> dict[str, Any]:
    oidc = service.get("oidc")
    if not oidc:
        raise InputError(
            f"{where} has auth: oidc and does not say where the login may return",
            remedy="Add oidc: {redirect_uris: [{url: https://...}]}",
        )
    for key in ("skip_paths", "open_api", "mode", "outpost"):
        if service.get(key):
            raise InputError(f"{where} has {key}, which only auth proxy and forward have", remedy="Take it away")
    found: dict[str, Any] = {
        "type": "oauth2",
        "client_id": str(oidc.get("client_id") or service["name"]),
        "client_type": "public" if oidc.get("public") else "confidential",
        "redirect_uris": [
            {"url": str(item["url"]), "matching_mode": str(item.get("matching_mode") or "strict")}
            for item in oidc["redirect_uris"]
        ],
    }
    if oidc.get("scopes"):
        found["property_mappings"] = [str(scope) for scope in oidc["scopes"]]
    if secrets.get(str(service["name"])):
        found["client_secret"] = secrets[str(service["name"])]
    return found


def groups(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups, as ``authentik_group`` takes them."""
    return [{"name": str(group)} for group in model["identity"].get("groups") or ()]


def external(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the external proxy outposts that ``authentik_service`` makes with their first provider."""
    wanted = model["identity"].get("external_outpost")
    return [{"name": str(wanted["name"]), "config": settings(model)}] if wanted else []


def settings(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of every proxy outpost: where it finds Authentik, and where browsers do."""
    return {"authentik_host": url_of(model), "authentik_host_browser": url_of(model)}


def outposts(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the outposts with their settings, as ``authentik_outpost`` takes them; providers come with services."""
    found = [{"name": "embedded", "type": "proxy", "config": settings(model)}]
    name = str((model["identity"].get("external_outpost") or {}).get("name", ""))
    if name and any(service.get("outpost") == name for service in services(model)):
        found.append({"name": name, "type": "proxy", "config": settings(model)})
    return found


def radius(model: Mapping[str, Any], secret: str = "") -> dict[str, Any]:
    """Return provider, application and outpost for RADIUS, empty when the model wants none.

    :param secret: what its clients share with it.
    :raises InputError: RADIUS is wanted and the secret is not there.
    """
    wanted = model["identity"].get("radius")
    if not wanted:
        return {}
    if not secret:
        raise InputError(
            "homeops_identity.radius is there, but its shared secret is not",
            remedy="Put the secret of the item homeops_secrets.items.authentik_radius into HOMEOPS_RADIUS_SECRET",
        )
    provider = str(wanted.get("provider") or "radius-provider")
    return {
        "provider": {
            "name": provider,
            "type": "radius",
            "client_networks": ", ".join(str(network) for network in wanted["client_networks"]),
            "shared_secret": secret,
        },
        "application": {
            "slug": str(wanted.get("application") or "radius"),
            "name": "RADIUS",
            "provider": provider,
        },
        "outpost": {
            "name": str(wanted.get("outpost") or "radius-outpost"),
            "type": "radius",
            "providers": [provider],
            "membership": "exact",
            "config": {"authentik_host": url_of(model)},
        },
    }
