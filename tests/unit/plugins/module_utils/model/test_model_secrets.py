# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ExternalSecrets, the store and the bootstrap Secrets, as the home's declaration gives them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.model import secrets


def by_place(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{body['metadata']['namespace']}/{body['metadata']['name']}": body for body in secrets.external_secrets(model)
    }


#: namespace/name -> refresh, item title and property per key, keys of the template: facts of a real home-lab.
HOME = {
    "cert-manager/cloudflare-api-token": ("1h", {"api-token": ("Cloudflare API Token", "token")}, None),
    "external-dns-system/cloudflare-api-token": ("1h", {"api-token": ("Cloudflare API Token", "token")}, None),
    "external-dns-internal-system/external-dns-unifi-secret": (
        "15m",
        {"api-key": ("Home-ops Unifi API", "password")},
        None,
    ),
    "cloudflare-tunnel/cloudflare-tunnel-credentials": (
        "1h",
        {"credentials.json": ("Home-ops cloudflare-tunnel.json", None)},
        None,
    ),
    "flux-system/github-webhook-secret": ("1h", {"token": ("GitHub Flux Webhook Secret", "token")}, None),
    "longhorn-system/longhorn-s3-backup-credentials": (
        "1h",
        {
            "AWS_ACCESS_KEY_ID": ("AWS Access Key - longhorn-s3-backup - home-ops", "access key id"),
            "AWS_SECRET_ACCESS_KEY": ("AWS Access Key - longhorn-s3-backup - home-ops", "secret access key"),
        },
        None,
    ),
    "authentik/authentik-admin-token-enhanced": (
        "5m",
        {"token": ("Authentik Admin API Token - home-ops", "token")},
        {"token", "validation_endpoint"},
    ),
    "authentik/authentik-database-credentials": (
        "1h",
        {
            "username": ("PostgreSQL Authentik User - home-ops", "username"),
            "password": ("PostgreSQL Authentik User - home-ops", "password"),
        },
        {f"AUTHENTIK_POSTGRESQL__{key}" for key in "HOST NAME USER PASSWORD PORT USE_PGBOUNCER SSLMODE".split()},
    ),
}


@pytest.mark.parametrize("place", sorted(HOME))
def test_the_homes_secrets(model: dict[str, Any], place: str) -> None:
    refresh, keys, template = HOME[place]
    spec = by_place(model)[place]["spec"]
    assert spec["refreshInterval"] == refresh
    assert spec["secretStoreRef"] == {"name": "onepassword-connect", "kind": "ClusterSecretStore"}
    assert spec["target"]["creationPolicy"] == "Owner"
    found = {one["secretKey"]: (one["remoteRef"]["key"], one["remoteRef"].get("property")) for one in spec["data"]}
    assert found == keys
    assert set(spec["target"].get("template", {}).get("data", {})) == (template or set())


def test_a_target_may_have_another_name(model: dict[str, Any]) -> None:
    found = by_place(model)["authentik/authentik-admin-token-enhanced"]["spec"]["target"]
    assert found["name"] == "authentik-admin-token"
    assert found["template"]["data"]["token"] == "{{ .token | trim }}"
    assert found["template"]["data"]["validation_endpoint"].startswith("http://authentik-server.authentik.svc.cluster.")


def test_one_of_a_namespace(model: dict[str, Any]) -> None:
    assert [body["metadata"]["name"] for body in secrets.external_secrets(model, "flux-system")] == [
        "github-webhook-secret"
    ]
    assert secrets.external_secret(model, "cert-manager", "cloudflare-api-token") in secrets.external_secrets(model)
    with pytest.raises(InputError, match="not for the namespace default"):
        secrets.external_secret(model, "default", "cloudflare-api-token")
    with pytest.raises(InputError, match="Nothing tells"):
        secrets.external_secret(model, "default", "nothing")


@pytest.mark.parametrize(
    ("keys", "template", "words"),
    [
        ({"a": "nothing"}, None, "names the item 'nothing'"),
        ({"a": "unifi.token"}, None, "names the field 'token'"),
        ({"a": "postgresql_superuser"}, None, "several fields"),
        ({"a": "cloudflare_tunnel.x"}, None, "is a document"),
        ({"a": "unifi"}, {"x": "<b>"}, "names <b>"),
        ({"a": "unifi"}, {"x": "<a | shout>"}, "function shout"),
        ({"a": "unifi"}, {"x": "<homeops_dns.none>"}, "no value of the model"),
    ],
)
def test_what_means_nothing_is_named(
    model: dict[str, Any], keys: dict[str, str], template: dict[str, str] | None, words: str
) -> None:
    entry: dict[str, Any] = {"name": "x", "namespaces": ["default"], "keys": keys}
    model["secrets"]["external"] = [entry | ({"template": template} if template else {})]
    with pytest.raises(InputError, match=words):
        secrets.external_secrets(model)


def test_one_secret_has_one_owner(model: dict[str, Any]) -> None:
    entry = copy.deepcopy(model["secrets"]["external"][0])
    model["secrets"]["external"].append({**entry, "name": "another", "secret": entry["name"]})
    with pytest.raises(InputError, match=r"by cloudflare-api-token and by another"):
        secrets.external_secrets(model)


def test_keys_that_are_no_go_names(model: dict[str, Any]) -> None:
    model["secrets"]["external"] = [
        {"name": "x", "namespaces": ["d"], "keys": {"a-b": "unifi"}, "template": {"x": "[<a-b|trim>]"}}
    ]
    (found,) = secrets.external_secrets(model)
    assert found["spec"]["target"]["template"]["data"] == {"x": '[{{ index . "a-b" | trim }}]'}


def test_the_store_and_the_bootstrap(model: dict[str, Any]) -> None:
    provider = secrets.cluster_store(model)["spec"]["provider"]["onepassword"]
    assert provider["vaults"] == {"Automation": 1}
    assert provider["connectHost"] == "http://onepassword-connect.onepassword-connect.svc.cluster.local:8080"
    assert {one["name"]: one["keys"] for one in secrets.bootstrap(model)} == {
        "onepassword-connect-credentials": [
            {
                "key": "1password-credentials.json",
                "title": "1Password Connect Credentials - home-ops",
                "field": "",
            }
        ],
        "onepassword-connect-token": [
            {"key": "token", "title": "1Password Connect Token - home-ops", "field": "token"}
        ],
    }


def test_declared_items(model: dict[str, Any]) -> None:
    found = {one.name: one for one in secrets.declared(model)}
    assert set(found) == set(model["secrets"]["items"])
    assert found["backup_bucket"].fields == ("access key id", "secret access key")
    assert found["authentik_admin"].recipes["email"] == {"value": model["dns"]["acme_email"]}
    made = {one["title"] for one in secrets.generated(model)}
    assert "PostgreSQL Superuser - home-ops" in made and "Cloudflare API Token" not in made
    model["secrets"]["items"]["unifi"] = {"title": "Home-ops Unifi API"}
    with pytest.raises(InputError, match="neither a field nor document"):
        secrets.declared(model)


def test_the_tree_has_these_very_objects(model: dict[str, Any]) -> None:
    import yaml

    from ansible_collections.homeops.cluster.plugins.module_utils.gitops import library, tree

    files = tree.render(model, library.read([library.own()]))
    listed = [body for text in files.values() for body in yaml.safe_load_all(text) if body]
    there = [body for body in listed if body.get("kind") == "ExternalSecret"]
    assert sorted(there, key=lambda b: (b["metadata"]["namespace"], b["metadata"]["name"])) == (
        secrets.external_secrets(model)
    )
    assert [body for body in listed if body.get("kind") == "ClusterSecretStore"] == [secrets.cluster_store(model)]
    wanted = [
        body
        for text in tree.component_files(model, library.read([library.own()]), "onepassword-connect").items()
        for body in yaml.safe_load_all(text[1])
    ]
    assert all(body in listed for body in wanted) and len(wanted) > 4
