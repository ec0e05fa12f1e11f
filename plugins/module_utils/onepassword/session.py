# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all modules and the lookup share (doc fragment ``homeops.cluster.onepassword``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..common.errors import InputError
from .client import Client, Connection
from .service_account import ServiceAccountSource
from .source import ConnectSource, FileSource, Source

ARGUMENTS: dict[str, Any] = {
    "source": {"type": "str", "choices": ["connect", "file", "service_account"], "default": "connect"},
    "url": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "vault": {"type": "str"},
    "path": {"type": "path"},
    "service_account_token": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 30},
    "patience": {"type": "int", "default": 30},
}


def connect(params: Mapping[str, Any], tell: Callable[[str], None] = lambda text: None) -> Client:
    """Return a client of the Connect server that the parameters name; nothing is sent yet.

    :raises InputError: address or token is missing.
    """
    for option, told in (("url", "the URL of Connect"), ("token", "a token of Connect"), ("vault", "a vault")):
        if not params.get(option):
            raise InputError(f"there is no {told.partition(' ')[2]}", remedy=f"Give {option}", param=option)
    connection = Connection(
        url=params["url"],
        token=params["token"],
        timeout=params.get("timeout") or 30,
        patience=params.get("patience") or 30,
        validate_certs=params.get("validate_certs", True),
        ca_path=params.get("ca_path") or "",
    )
    return Client(connection, tell=tell)


@contextmanager
def opened(
    params: Mapping[str, Any], read: Callable[[str], str], tell: Callable[[str], None] = lambda text: None
) -> Iterator[Source]:
    """Give the source that the parameters name.

    :param read: reads a file of the controller, decrypted.
    """
    kind = params.get("source") or "connect"
    if kind == "file":
        if not params.get("path"):
            raise InputError("there is no path of the file of items", remedy="Give path", param="path")
        yield FileSource(params["path"], read)
    elif kind == "service_account":
        if not params.get("vault"):
            raise InputError("there is no vault", remedy="Give vault", param="vault")
        account = ServiceAccountSource(
            params.get("service_account_token") or "", params["vault"], params.get("timeout") or 30
        )
        try:
            yield account
        finally:
            account.close()
    else:
        with connect(params, tell) as client:
            yield ConnectSource(client, params["vault"])
