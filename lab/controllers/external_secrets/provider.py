# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider ``onepassword`` of External Secrets: which requests it sends to Connect, and its texts.

Facts: external-secrets v0.20.4 ``pkg/provider/onepassword/onepassword.go`` and 1Password/connect-sdk-go ``connect``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import aiohttp

Body = dict[str, Any]
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"[a-z0-9]{26}")


class ProviderError(Exception):
    """What the provider says when it cannot read."""


class Provider:
    """One store's view of Connect.

    :param url: where its pods answer; :param shown: the host of the store, for texts.
    :param vaults: name or id -> order number.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, shown: str, token: str, vaults: Mapping[str, int]
    ) -> None:
        self._session, self._url, self._shown, self._token = session, url, shown.rstrip("/"), token
        self._vaults = [name for name, _order in sorted(vaults.items(), key=lambda pair: pair[1])]

    async def validate(self) -> None:
        """Look at each vault.

        :raises ProviderError: one cannot be read.
        """
        for name in self._vaults:
            await self._vault(name)

    async def read(self, key: str, prop: str) -> bytes:
        """Return what ``remoteRef`` names: a field, or a file of a document.

        :raises ProviderError: with the provider's text.
        """
        item = await self._item(key)
        kind = "file" if item.get("category") == "DOCUMENT" else "field"
        for prefix in ("field", "file"):
            if prop.startswith(f"{prefix}/"):
                kind, prop = prefix, prop[len(prefix) + 1 :]
        return await self._file(item, prop) if kind == "file" else _field(item, prop)

    async def _item(self, key: str) -> Body:
        for name in self._vaults:
            try:
                vault = await self._vault(name)
            except ProviderError as error:
                raise ProviderError(f"error finding 1Password Vault: {error}") from error
            if _UUID.fullmatch(key):
                return dict(await self._ask(f"/vaults/{vault}/items/{key}"))
            try:
                listed = await self._ask(f"/vaults/{vault}/items", f'title eq "{key}"')
            except ProviderError as error:
                raise ProviderError(f"error finding 1Password Item: {error}") from error
            if len(listed) > 1:
                raise ProviderError(f"expected one 1Password Item matching: '{key}', got {len(listed)}")
            if listed:
                return dict(await self._ask(f"/vaults/{vault}/items/{listed[0]['id']}"))
        searched = " ".join(f"{name}:{order + 1}" for order, name in enumerate(self._vaults))
        raise ProviderError(f"key not found in 1Password Vaults: {key} in: map[{searched}]")

    async def _vault(self, name: str) -> str:
        if _ID.fullmatch(name):
            return str((await self._ask(f"/vaults/{name}"))["id"])
        found = await self._ask("/vaults", f'title eq "{name}"')
        if len(found) != 1:
            raise ProviderError(f'found {len(found)} vaults with title "{name}"')
        return str(found[0]["id"])

    async def _file(self, item: Body, name: str) -> bytes:
        for file in item.get("files") or []:
            if name in ("", file["name"]):
                path = f"/vaults/{item['vault']['id']}/items/{item['id']}/files/{file['id']}/content"
                return bytes(await self._ask(path, raw=True))
        raise ProviderError(f"error finding 1Password Document: '{item['title']}', '{name}'")

    async def _ask(self, path: str, text: str = "", *, raw: bool = False) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "external-secrets"}
        query = {"filter": text} if text else {}
        try:
            async with self._session.get(
                f"{self._url}/v1{path}", params=query, headers=headers, timeout=aiohttp.ClientTimeout(total=15)
            ) as answer:
                content = await answer.read()
                if answer.status == 200:
                    return content if raw else await answer.json()
                try:
                    message = (await answer.json()).get("message", "")
                except ValueError:
                    message = content.decode("utf-8", "replace")
                raise ProviderError(f"status {answer.status}: {message}")
        except TimeoutError:
            # An OSError itself, and told otherwise.
            raise ProviderError(
                f'Get "{self._shown}/v1{path}": context deadline exceeded '
                "(Client.Timeout exceeded while awaiting headers)"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            words = "EOF" if isinstance(error, aiohttp.ServerDisconnectedError) else f"dial tcp: {error}"
            raise ProviderError(f'Get "{self._shown}/v1{path}": {words}') from error


def _field(item: Body, label: str) -> bytes:
    wanted = label or "password"
    found = [one for one in item.get("fields") or [] if one.get("label") == wanted]
    if len(found) != 1:
        raise ProviderError(
            f"expected one 1Password ItemField matching: '{wanted}' in '{item['title']}', got {len(found)}"
        )
    return str(found[0].get("value") or "").encode()
