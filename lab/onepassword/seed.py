# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the vault Automation at the start: every item and field that the home's inventory declares.

The inventory is read as a file, as an owner would read it; values are made anew for each lab.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

import yaml

from ..state import CHECKOUT
from .vaults import Vault

DECLARED = CHECKOUT / "inventories" / "home" / "group_vars" / "all" / "secrets.yml"
TOKEN_ITEM, CREDENTIALS_ITEM = "connect_token", "connect_credentials"  # names of the inventory
#: Fields whose value others read as something else than a word.
_SHAPED = {
    "smtp_port": "587",
    "smtp_use_tls": "true",
    "smtp_host": "smtp.example.org",
    "smtp_from": "authentik@example.org",
    "email": "admin@example.org",
    "username": "operator",
}


def token() -> str:
    """Return a text like a Connect token: a JWT of three parts, long enough."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{head}.{secrets.token_urlsafe(120)}.{secrets.token_urlsafe(48)}"


def credentials() -> str:
    """Return the file of a Connect server."""
    return json.dumps(
        {
            "verifier": {"salt": secrets.token_urlsafe(16), "localHash": secrets.token_urlsafe(32)},
            "encCredentials": {"kid": "localauthkey", "enc": "A256GCM", "data": secrets.token_urlsafe(96)},
            "version": "2",
            "deviceUuid": secrets.token_hex(13),
        }
    )


def declared() -> dict[str, Any]:
    """Return ``homeops_secrets`` of the home's inventory."""
    found = yaml.safe_load(DECLARED.read_text(encoding="utf-8"))
    return dict(found["homeops_secrets"])


def tunnel() -> str:
    """Return the credentials of the tunnel that the home's inventory names."""
    found = yaml.safe_load((DECLARED.parent / "dns.yml").read_text(encoding="utf-8"))
    known = (found["homeops_dns"].get("tunnel") or {}).get("id", "")
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return json.dumps({"AccountTag": secrets.token_hex(16), "TunnelSecret": secret, "TunnelID": known})


def fill(vault: Vault, connect_token: str, model: dict[str, Any], known: Mapping[str, str] | None = None) -> None:
    """Store every declared item; ``known`` are values that another stand-in of the lab gave out, by item."""
    for name, item in model["items"].items():
        title = str(item["title"])
        if item.get("document"):
            content = credentials() if name == CREDENTIALS_ITEM else tunnel()
            file = "1password-credentials.json" if name == CREDENTIALS_ITEM else "credentials.json"
            vault.add(title, {}, "DOCUMENT", {file: content})
            continue
        fields = item.get("fields") or [item["field"]]
        values = {label: _SHAPED.get(label) or secrets.token_urlsafe(24) for label in fields}
        if name == TOKEN_ITEM:
            values = dict.fromkeys(values, connect_token)
        if known and name in known:
            values = dict.fromkeys(values, known[name])
        vault.add(title, values, "LOGIN" if "username" in values else "API_CREDENTIAL")
