# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a connection to Authentik (doc fragment ``homeops.cluster.authentik``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from .client import Client, Connection
from .version import NEWEST

#: The part of the argument spec that the doc fragment documents.
ARGUMENTS: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "token": {"type": "str", "required": True, "no_log": True},
    "door": {"type": "str"},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
}


def connect(params: Mapping[str, Any], ctx: Context) -> Client:
    """Return a client for the server that the parameters name; nothing is sent before its first request.

    :raises InputError: URL, door, CA or token cannot be used.
    """
    if not (params.get("token") or "").strip():
        raise InputError(
            "there is no token for the Authentik API",
            remedy="Give the key of an API token of a superuser; on a fresh server it is AUTHENTIK_BOOTSTRAP_TOKEN",
            param="token",
        )
    return Client(
        Connection(
            url=params["url"],
            token=params["token"].strip(),
            door=params.get("door") or "",
            ca_file=params.get("ca_file") or "",
            validate_certs=params.get("validate_certs", True),
            timeout=params.get("timeout") or 30,
        ),
        tell=ctx.progress,
    )


def check_version(client: Client, ctx: Context) -> None:
    """Refuse a server that is too old and warn of one that is newer than every schema that was read.

    :raises Unsupported: too old.
    """
    if client.version.untested:
        ctx.warn(
            f"Authentik {client.version} is newer than {NEWEST[0]}.{NEWEST[1]}, the newest release whose API was read; "
            "look at the diff before you apply it"
        )


def facts(client: Client) -> dict[str, Any]:
    """Return what every result says of its traffic: requests per method, and seconds spent waiting for the server."""
    return {"requests": dict(client.sent), "waited": round(client.waited, 3)}
