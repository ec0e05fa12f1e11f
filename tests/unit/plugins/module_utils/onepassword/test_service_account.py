# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SDK of a service account, with the SDK's own shapes in the place of its network (onepassword-sdk 0.4)."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.onepassword import errors, service_account, source

FULL = SimpleNamespace(
    id="i1",
    title="Cloudflare",
    vault_id="v1",
    category=SimpleNamespace(value="ApiCredentials"),
    sections=[SimpleNamespace(id="s1", title="extra")],
    fields=[
        SimpleNamespace(id="f1", title="token", value="abc", section_id=None),
        SimpleNamespace(id="f2", title="note", value="x", section_id="s1"),
    ],
    files=[],
    document=None,
)
DOCUMENT = SimpleNamespace(
    id="i2",
    title="tunnel",
    vault_id="v1",
    category=SimpleNamespace(value="Document"),
    sections=[],
    fields=[],
    files=[],
    document=SimpleNamespace(name="t.json", id="d1", size=2),
)


class Sdk(SimpleNamespace):
    """What of the package is used."""

    def __init__(self, failure: Exception | None = None) -> None:
        async def authenticate(auth: str, integration_name: str, integration_version: str) -> Any:
            if failure:
                raise failure
            return SimpleNamespace(vaults=SimpleNamespace(list=vaults), items=items)

        async def vaults() -> list[Any]:
            return [SimpleNamespace(id="v1", title="Automation")]

        async def listed(vault: str) -> list[Any]:
            return [FULL, DOCUMENT]

        async def get(vault: str, item: str) -> Any:
            return {"i1": FULL, "i2": DOCUMENT}[item]

        async def read(vault: str, item: str, attributes: Any) -> bytes:
            return f"{item}/{attributes.id}".encode()

        items = SimpleNamespace(list=listed, get=get, files=SimpleNamespace(read=read))
        super().__init__(Client=SimpleNamespace(authenticate=authenticate), FileAttributes=SimpleNamespace)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "onepassword", Sdk())
    found = service_account.ServiceAccountSource("ops_token", "Automation", 5)
    yield found
    found.close()


def test_fields_and_documents(account: service_account.ServiceAccountSource) -> None:
    assert source.value(account, "Cloudflare", "token") == "abc"
    assert source.value(account, "Cloudflare", "note", "extra") == "x"
    assert source.value(account, "tunnel") == "i2/d1"
    with pytest.raises(errors.ItemMissing):
        account.find("nothing")


def test_a_token_that_is_refused_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onepassword", Sdk(RuntimeError("invalid token ops_token")))
    found = service_account.ServiceAccountSource("ops_token", "Automation", 5)
    with pytest.raises(errors.TokenRefused) as caught:
        found.find("Cloudflare")
    assert "ops_token" not in str(caught.value)
    found.close()


def test_the_vault_must_be_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onepassword", Sdk())
    found = service_account.ServiceAccountSource("ops_token", "Private", 5)
    with pytest.raises(errors.WrongVault, match="sees Automation"):
        found.find("Cloudflare")
    found.close()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onepassword", None)
    with pytest.raises(InputError, match="onepassword-sdk is not installed"):
        service_account.ServiceAccountSource("ops_token", "Automation", 5)
