# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items through a 1Password service account and 1Password's own Python SDK (package ``onepassword-sdk``), read only.

The SDK is imported when it is used: nobody who reads from Connect or from a file needs it. It is asynchronous, so one
event loop runs for as long as the source is open.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..common.errors import InputError
from . import items
from .errors import OnePasswordError, RateLimited, TokenRefused, WrongVault
from .items import Field, File, Item
from .source import ambiguous, missing

T = TypeVar("T")
PACKAGE = "onepassword"


class ServiceAccountSource:
    """Items of one vault that a service account may read.

    :param timeout: seconds for one call.
    """

    def __init__(self, token: str, vault: str, timeout: float) -> None:
        if not token:
            raise InputError(
                "there is no token of a service account",
                remedy="Give service_account_token, or set OP_SERVICE_ACCOUNT_TOKEN",
                param="service_account_token",
            )
        try:
            self._sdk: Any = importlib.import_module(PACKAGE)
        except ImportError:
            raise InputError(
                "the Python package onepassword-sdk is not installed",
                remedy="Install it beside Ansible (pip install onepassword-sdk), or use the source connect or file",
                param="source",
            ) from None
        self._token, self.vault_name, self._timeout = token, vault, timeout
        self._loop = asyncio.new_event_loop()
        self._client: Any = None
        self._vault = ""
        self._titles: dict[str, list[str]] = {}
        self._found: dict[str, Item] = {}

    @property
    def name(self) -> str:
        """What it is."""
        return f"vault {self.vault_name} of the service account"

    def close(self) -> None:
        """End the loop."""
        self._client = None
        self._loop.close()

    def _run(self, call: Coroutine[Any, Any, T], doing: str) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(call, self._timeout))
        except TimeoutError:
            raise OnePasswordError(doing, target=self.name, answer=f"no answer within {self._timeout:g} s") from None
        except Exception as error:  # noqa: BLE001
            # The SDK raises its own types and plain Exceptions alike; none of their texts holds a value of an item.
            words = " ".join(str(error).split()).replace(self._token, "***")[:300]
            if type(error).__name__ == "RateLimitExceededException":
                raise RateLimited(doing, target=self.name, answer=words, remedy="Wait, the limit is per hour") from None
            if self._client is None:
                raise TokenRefused(
                    doing, target=self.name, answer=words, remedy="Check the token", param="service_account_token"
                ) from None
            raise OnePasswordError(doing, target=self.name, answer=words) from None

    def _ready(self) -> None:
        if self._client is None:
            # The version is that of the integration, which 1Password shows in its usage report.
            start = self._sdk.Client.authenticate(
                auth=self._token, integration_name="homeops.cluster", integration_version="v0.1.0"
            )
            self._client = self._run(start, "logging in to 1Password")
        if not self._vault:
            vaults = self._run(self._client.vaults.list(), "listing the vaults")
            fitting = [one.id for one in vaults if self.vault_name in (one.title, one.id)]
            if len(fitting) != 1:
                told = ", ".join(sorted(one.title for one in vaults)) or "none"
                raise WrongVault(
                    f"looking for the vault {self.vault_name}",
                    target="1Password",
                    answer=f"{len(fitting)} vaults fit; the service account sees {told}",
                    remedy="Give the service account read access to the vault",
                    param="service_account_token",
                )
            self._vault = fitting[0]
            for one in self._run(self._client.items.list(self._vault), "listing the items"):
                self._titles.setdefault(one.title, []).append(one.id)

    def find(self, title: str) -> Item:
        """Return the one item of this title."""
        self._ready()
        if title not in self._found:
            ids = self._titles.get(title, [])
            if not ids:
                raise missing(title, self.name, len(self._titles))
            if len(ids) > 1:
                raise ambiguous(title, self.name, ids)
            found = self._run(self._client.items.get(self._vault, ids[0]), f"reading the item {title!r}")
            self._found[title] = parse(found)
        return self._found[title]

    def content(self, item: Item, file: File) -> str:
        """Return the text of a file or document."""
        attributes = self._sdk.FileAttributes(name=file.name, id=file.id, size=0)
        call = self._client.items.files.read(item.vault, item.id, attributes)
        return bytes(self._run(call, f"reading the file {file.name!r} of {item.title!r}")).decode("utf-8", "replace")


def parse(found: Any) -> Item:
    """Return an item from the SDK's form of it."""
    sections = {one.id: one.title for one in found.sections or []}
    files = [File(one.attributes.name, one.attributes.id) for one in getattr(found, "files", None) or []]
    document = getattr(found, "document", None)
    if document is not None:
        files.insert(0, File(document.name, document.id))
    category = str(getattr(found.category, "value", found.category)).upper()
    return Item(
        title=found.title,
        id=found.id,
        vault=found.vault_id,
        category=items.DOCUMENT if category == items.DOCUMENT else category,
        fields=tuple(
            Field(one.title, one.value, one.id, sections.get(one.section_id or "", one.section_id or ""))
            for one in found.fields or []
        ),
        files=tuple(files),
    )
