# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects, as the schema of 2025.12 has them."""

from __future__ import annotations

from .objects import Kind

APPLICATION = Kind("application", "/core/applications/", name="slug", key="slug")
GROUP = Kind(
    "group",
    "/core/groups/",
    sets=frozenset({"parents", "users", "roles"}),
    merged=frozenset({"attributes"}),
)
TOKEN = Kind("token", "/core/tokens/", name="identifier", key="identifier", always=("intent",))
BINDING = Kind("policy binding", "/policies/bindings/", name="name")
OUTPOST = Kind(
    "outpost",
    "/outposts/instances/",
    always=("type",),
    sets=frozenset({"providers"}),
    merged=frozenset({"config"}),
)

_PROVIDER_SETS = frozenset({"redirect_uris", "jwt_federation_sources", "jwt_federation_providers"})
#: Provider types that the collection writes. Proxy providers get the default scope mappings again with every update.
PROVIDERS: dict[str, Kind] = {
    "proxy": Kind(
        "proxy provider",
        "/providers/proxy/",
        always=("mode", "internal_host"),
        sets=_PROVIDER_SETS,
        supersets=frozenset({"property_mappings"}),
    ),
    "oauth2": Kind(
        "oauth2 provider",
        "/providers/oauth2/",
        sets=_PROVIDER_SETS | {"property_mappings"},
        secrets=frozenset({"client_secret"}),
    ),
    "radius": Kind(
        "radius provider",
        "/providers/radius/",
        sets=frozenset({"property_mappings"}),
        secrets=frozenset({"shared_secret"}),
    ),
    "ldap": Kind("ldap provider", "/providers/ldap/", sets=frozenset({"property_mappings"})),
    "saml": Kind("saml provider", "/providers/saml/", sets=frozenset({"property_mappings"})),
    "rac": Kind("rac provider", "/providers/rac/", sets=frozenset({"property_mappings"})),
}
#: How the server names these types where it shows an object's model.
MODELS = {
    "proxy": "authentik_providers_proxy.proxyprovider",
    "oauth2": "authentik_providers_oauth2.oauth2provider",
    "radius": "authentik_providers_radius.radiusprovider",
    "ldap": "authentik_providers_ldap.ldapprovider",
    "saml": "authentik_providers_saml.samlprovider",
    "rac": "authentik_providers_rac.racprovider",
}
#: Which providers an outpost of a type serves.
OUTPOST_TYPES = ("proxy", "ldap", "radius", "rac")


def type_of(model: str) -> str:
    """Return the provider type of a ``meta_model_name``, ``""`` for one that is not written here."""
    return next((name for name, known in MODELS.items() if known == model), "")
