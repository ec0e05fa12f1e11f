# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ExternalSecrets of the components: which field of which item becomes which key.

Only names stand here. Titles and fields of the items come from ``homeops_secrets.items``; what a Secret needs beside
them (hosts, ports, database names) is no secret and comes from the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError

Body = dict[str, Any]
STORE = {"name": "onepassword-connect", "kind": "ClusterSecretStore"}

#: Fields of items that hold more than one.
_USER = {"username": "username", "password": "password"}
_S3 = {"AWS_ACCESS_KEY_ID": "access key id", "AWS_SECRET_ACCESS_KEY": "secret access key"}
_SMTP = ("smtp_host", "smtp_port", "smtp_username", "smtp_password", "smtp_use_tls", "smtp_from")


def external_secret(name: str, namespace: str, model: Mapping[str, Any]) -> Body:
    """Return one ExternalSecret.

    :raises InputError: nobody knows what it consists of.
    """
    known = _known(model)
    if name not in known:
        raise InputError(
            f"nothing tells what the ExternalSecret {name} consists of",
            remedy=f"Known are {', '.join(sorted(known))}",
            param="components",
        )
    target, refresh, sources, template = known[name]
    items = model["secrets"]["items"]
    data = []
    for item, fields in sources:
        for key, prop in fields.items():
            remote: Body = {"key": items[item]["title"]}
            chosen = prop or items[item].get("field", "")
            if chosen:
                remote["property"] = chosen
            data.append({"secretKey": key, "remoteRef": remote})
    spec: Body = {
        "refreshInterval": refresh,
        "secretStoreRef": dict(STORE),
        "target": {"name": target or name, "creationPolicy": "Owner"},
        "data": data,
    }
    if template:
        spec["target"]["template"] = {"engineVersion": "v2", "data": template}
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


Known = tuple[str, str, list[tuple[str, dict[str, str]]], dict[str, str]]


def _known(model: Mapping[str, Any]) -> dict[str, Known]:
    """Return target name, refresh interval, item -> {key: field ("" is the item's own)} and template by name."""
    domain = model["cluster"]["dns_domain"]
    identity = model["identity"]
    region = (model["storage"].get("backup") or {}).get("region", "")
    authentik = f"http://authentik-server.{identity['namespace']}.svc.{domain}"
    return {
        "cloudflare-api-token": ("", "1h", [("cloudflare", {"api-token": ""})], {}),
        "external-dns-unifi-secret": ("", "15m", [("unifi", {"api-key": ""})], {}),
        # A document has files and no fields: without a property the first file is taken.
        "cloudflare-tunnel-credentials": ("", "1h", [("cloudflare_tunnel", {"credentials.json": ""})], {}),
        "github-webhook-secret": ("", "1h", [("github_webhook", {"token": ""})], {}),
        "longhorn-s3-backup-credentials": ("", "1h", [("backup_bucket", _S3)], {}),
        "postgresql-s3-backup-credentials": (
            "",
            "1h",
            [("backup_bucket", _S3)],
            {
                "AWS_ACCESS_KEY_ID": "{{ .AWS_ACCESS_KEY_ID }}",
                "AWS_SECRET_ACCESS_KEY": "{{ .AWS_SECRET_ACCESS_KEY }}",
                "AWS_DEFAULT_REGION": region,
                "AWS_S3_ENDPOINT": f"https://s3.{region}.amazonaws.com",
            },
        ),
        "postgresql-superuser-credentials": ("", "1h", [("postgresql_superuser", _USER)], {}),
        "postgresql-authentik-credentials": ("", "1h", [("postgresql_authentik", _USER)], {}),
        "authentik-config": (
            "",
            "1h",
            [
                ("authentik_secret_key", {"secret_key": ""}),
                ("authentik_configuration", {field: field for field in _SMTP}),
                ("authentik_radius", {"radius_shared_secret": ""}),
            ],
            {
                "AUTHENTIK_SECRET_KEY": "{{ .secret_key }}",
                "AUTHENTIK_HOST": f"https://{identity['host']}",
                **{f"AUTHENTIK_EMAIL__{field[5:].upper()}": f"{{{{ .{field} }}}}" for field in _SMTP},
                "RADIUS_SHARED_SECRET": "{{ .radius_shared_secret }}",
            },
        ),
        "authentik-database-credentials": (
            "",
            "1h",
            [("postgresql_authentik", _USER)],
            {
                "AUTHENTIK_POSTGRESQL__HOST": f"postgresql-cluster-rw.postgresql-system.svc.{domain}",
                "AUTHENTIK_POSTGRESQL__NAME": "authentik",
                "AUTHENTIK_POSTGRESQL__USER": "{{ .username }}",
                "AUTHENTIK_POSTGRESQL__PASSWORD": "{{ .password }}",
                "AUTHENTIK_POSTGRESQL__PORT": "5432",
                "AUTHENTIK_POSTGRESQL__USE_PGBOUNCER": "false",
                "AUTHENTIK_POSTGRESQL__SSLMODE": "require",
            },
        ),
        "authentik-admin-credentials": ("", "1h", [("authentik_admin", {**_USER, "email": "email"})], {}),
        "authentik-admin-token-enhanced": (
            "authentik-admin-token",
            "5m",
            [("authentik_token", {"token": ""})],
            {"token": "{{ .token }}", "validation_endpoint": f"{authentik}/api/v3/core/users/me/"},
        ),
    }
