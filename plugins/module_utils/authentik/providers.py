# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers: from what people write to the fields of the server's release, and who may have which host. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..common.errors import InputError
from . import lint
from .objects import Body
from .options import BIND
from .version import Version

#: Scopes of an oauth2 provider when nothing is said: the API sets none, and no claim would flow.
SCOPES = ("openid", "email", "profile")
#: The key pair that a fresh server has. Without one, tokens are signed with the client's secret (HS256), which clients
#: that read the published keys cannot check.
SIGNING_KEY = "authentik Self-signed Certificate"

#: Options that name a certificate.
_CERTIFICATES = ("certificate", "signing_key", "encryption_key")
_PLAIN = (
    "mode",
    "internal_host_ssl_validation",
    "cookie_domain",
    "basic_auth_enabled",
    "basic_auth_user_attribute",
    "basic_auth_password_attribute",
    "intercept_header_auth",
    "access_token_validity",
    "refresh_token_validity",
    "access_code_validity",
    "client_type",
    "client_id",
    "client_secret",
    "sub_mode",
    "issuer_mode",
    "include_claims_in_id_token",
    "client_networks",
    "shared_secret",
    "mfa_support",
)


class Names(Protocol):
    """What turns names into keys; :class:`references.References` for a server."""

    def key(self, what: str, name: str, param: str) -> Any:
        """Return the key of what has this name."""

    def flow(self, slug: str, designation: str, param: str) -> str:
        """Return the key of a flow of this designation."""


def desired(item: Mapping[str, Any], names: Names, version: Version, where: str) -> Body:
    """Return the fields of one provider.

    :param item: ``name``, ``type``, flows by slug, and the options of its type; None is not managed.
    :param where: place of the item, for messages.
    :raises InputError: a name that the server does not know, or values that do not go together.
    """
    kind = str(item.get("type") or "proxy")
    body: Body = {"name": str(item["name"])}
    _flows(body, item, names, version, where)
    for option in _PLAIN:
        if item.get(option) is not None:
            body[option] = item[option]
    for option in _CERTIFICATES:
        if item.get(option) is not None:
            body[option] = names.key("certificate", item[option], f"{where}.{option}") if item[option] else None
    if item.get("property_mappings") is not None:
        what = "scope mapping" if kind in ("proxy", "oauth2") else "property mapping"
        body["property_mappings"] = [
            names.key(what, name, f"{where}.property_mappings") for name in item["property_mappings"]
        ]
    if item.get("redirect_uris") is not None:
        body["redirect_uris"] = redirect_uris(item["redirect_uris"], version)
    if item.get("settings"):
        body.update(item["settings"])
    if kind == "proxy":
        _proxy(body, item, where)
    return body


def _flows(body: Body, item: Mapping[str, Any], names: Names, version: Version, where: str) -> None:
    for option, designation in (
        ("authorization_flow", "authorization"),
        ("invalidation_flow", "invalidation"),
        ("authentication_flow", "authentication"),
    ):
        slug = item.get(option)
        if slug is None or (option == "invalidation_flow" and not version.invalidation_flow):
            continue
        # RADIUS and LDAP clients log in by what is called their authorization flow.
        if option == "authorization_flow" and item.get("type") in BIND:
            designation = "authentication"
        body[option] = names.flow(slug, designation, f"{where}.{option}") if slug else None


def _proxy(body: Body, item: Mapping[str, Any], where: str) -> None:
    if not body.get("mode"):
        raise InputError(
            f"{where} ({body['name']}): a proxy provider needs its mode",
            remedy="Say proxy (the outpost talks to the service), forward_single or forward_domain",
            param=where.partition("[")[0],
        )
    if item.get("external_host") is not None:
        body["external_host"] = str(item["external_host"]).rstrip("/")
    # Outside mode proxy an old address of the service must go, too: the field is sent always.
    body["internal_host"] = str(item.get("internal_host") or "").rstrip("/") if body["mode"] == "proxy" else ""
    if item.get("skip_paths") is not None:
        body["skip_path_regex"] = "\n".join(str(path) for path in item["skip_paths"])
    faults = list(lint.proxy_provider(body, open_api=bool(item.get("open_api"))))
    if faults:
        raise InputError(
            "; ".join(f"{where} ({body['name']}): {fault}" for fault in faults),
            remedy="Nothing was written",
            param=where.partition("[")[0],
            facts={"findings": faults},
        )


def redirect_uris(given: Iterable[Any], version: Version) -> list[dict[str, str]] | str:
    """Return the redirect URIs in the form of the release: objects, or one text with a line each."""
    found = [
        {"matching_mode": "strict", "url": item}
        if isinstance(item, str)
        else {"matching_mode": str(item.get("matching_mode") or "strict"), "url": str(item["url"])}
        for item in given
    ]
    return found if version.redirect_uri_objects else "\n".join(item["url"] for item in found)


def refuse_doubled(
    wanted: Iterable[Mapping[str, Any]], observed: Iterable[Mapping[str, Any]], leaving: Iterable[str] = ()
) -> None:
    """Refuse a host that two proxy providers would claim: the server does not, and one of them would go dark.

    :param wanted: desired proxy providers; each takes the place of the observed one of its name.
    :param leaving: names of observed providers that go in the same run.
    :raises InputError: naming both owners.
    """
    bodies = list(wanted)
    ours = {str(body["name"]) for body in bodies}
    claims = [lint.Host(lint.host_of(str(body.get("external_host") or "")), str(body["name"])) for body in bodies]
    mine = {claim.host for claim in claims}
    gone = set(leaving)
    for item in observed:
        host = lint.host_of(str(item.get("external_host") or ""))
        name = str(item["name"])
        # Two strangers that claim one host are not this run's business; the report tells of them.
        if name not in ours | gone and host in mine:
            claims.append(lint.Host(host, name, str(item.get("assigned_application_slug") or "")))
    faults = list(lint.doubled(claims))
    if faults:
        raise InputError(
            "; ".join(faults),
            answer="of two providers for one host an outpost serves the last by name, silently",
            remedy="Give one of them another host, or remove it first; nothing was written",
            param="services",
            facts={"findings": faults},
        )


def oauth2_defaults(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an oauth2 item with what the API leaves out and its own pages preselect."""
    return {
        **item,
        "property_mappings": item["property_mappings"] if item.get("property_mappings") is not None else list(SCOPES),
        "signing_key": item["signing_key"] if item.get("signing_key") is not None else SIGNING_KEY,
        "redirect_uris": item.get("redirect_uris") or [],
    }
