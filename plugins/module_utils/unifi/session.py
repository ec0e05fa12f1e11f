# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a connection to a console, shared by the modules that speak to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from .client import Client, check_account
from .transport import Door, normal_fingerprint

ARGUMENTS: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 443},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "site": {"type": "str", "default": "default"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "fingerprint": {"type": "str"},
    "timeout": {"type": "int", "default": 15},
}


def connect(params: Mapping[str, Any], ctx: Context) -> Client:
    """Return a client for the console that the parameters name; nothing is sent yet.

    :raises InputError: the fingerprint is none.
    :raises LoginFailed: there are no credentials.
    """
    fingerprint = params.get("fingerprint") or ""
    if fingerprint:
        try:
            fingerprint = normal_fingerprint(fingerprint)
        except ValueError as error:
            raise InputError(f"{error}", answer=f"got '{fingerprint}'", param="fingerprint") from error
    key, name, word = (params.get(option) or "" for option in ("api_key", "username", "password"))
    check_account(key, name, word)
    door = Door(
        params["host"],
        params["port"],
        params["validate_certs"],
        params.get("ca_path") or "",
        fingerprint,
        params["timeout"],
    )
    return Client(door, api_key=key, username=name, password=word, tell=ctx.progress)
