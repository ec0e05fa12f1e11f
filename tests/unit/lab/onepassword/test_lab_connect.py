# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in of 1Password Connect held to the published API: calls, codes, texts, PATCH, sync lag and faults."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from lab.onepassword import seed
from lab.onepassword.server import Connect
from lab.scenario import ConnectFaults, OnePasswordDelays
from lab.state import LabState

#: Method, path, how it is asked, status and message; ``{v}``, ``{i}``, ``{f}`` are ids that exist, ``{d}`` a document,
#: ``{o}`` a vault out of scope, ``{n}`` an id of nothing (1Password/connect docs/openapi/spec.yaml 1.7.1).
ABSENT = "a" * 26
CONTRACT: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/v1/vaults", None, 200, ""),
    ("GET", "/v1/vaults", "no token", 401, "Invalid token signature"),
    ("GET", "/v1/vaults/{v}", None, 200, ""),
    ("GET", "/v1/vaults/{o}", None, 403, "vault {o} is not in scope"),
    ("GET", "/v1/vaults/{n}", None, 404, "vault {n} not found"),
    ("GET", "/v1/vaults/{v}/items", None, 200, ""),
    ("GET", "/v1/vaults/{n}/items", None, 404, "vault {n} not found"),
    ("GET", "/v1/vaults/{v}/items/{i}", None, 200, ""),
    ("GET", "/v1/vaults/{v}/items/{n}", None, 404, "item {n} not found"),
    ("GET", "/v1/vaults/{o}/items/{i}", None, 403, "vault {o} is not in scope"),
    ("POST", "/v1/vaults/{v}/items", {"title": "new", "category": "LOGIN"}, 200, ""),
    ("POST", "/v1/vaults/{v}/items", {"title": "new", "category": "NONE"}, 400, "Invalid item category"),
    ("POST", "/v1/vaults/{v}/items", {"title": "new", "category": "DOCUMENT"}, 400, "Invalid item category"),
    ("PUT", "/v1/vaults/{v}/items/{i}", {"title": "other", "category": "LOGIN"}, 200, ""),
    ("PUT", "/v1/vaults/{v}/items/{n}", {"title": "other", "category": "LOGIN"}, 404, "item {n} not found"),
    ("PATCH", "/v1/vaults/{v}/items/{i}", [], 200, ""),
    (
        "PATCH",
        "/v1/vaults/{v}/items/{i}",
        [{"op": "replace", "path": "/fields/none/value", "value": "x"}],
        400,
        "The item doesn't have a none field.",
    ),
    ("GET", "/v1/vaults/{v}/items/{d}/files", None, 200, ""),
    ("GET", "/v1/vaults/{v}/items/{d}/files/{f}", None, 200, ""),
    ("GET", "/v1/vaults/{v}/items/{d}/files/{n}", None, 404, "file {n} not found"),
    ("GET", "/v1/vaults/{v}/items/{d}/files/{f}/content", None, 200, ""),
    ("GET", "/v1/vaults/{v}/items/{d}/files/{n}/content", None, 404, "file {n} not found"),
    ("GET", "/v1/activity?limit=5", None, 200, ""),
    ("GET", "/health", "no token", 200, ""),
    ("GET", "/heartbeat", "no token", 200, ""),
    ("GET", "/metrics", "no token", 200, ""),
    ("DELETE", "/v1/vaults/{v}/items/{n}", None, 404, "item {n} not found"),
    ("DELETE", "/v1/vaults/{v}/items/{i}", None, 204, ""),
]
Test = Callable[[Connect, TestClient[Any, Any]], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Run a coroutine against a server."""

    def go(test: Test, faults: ConnectFaults | None = None, sync: float = 0.0) -> None:
        async def inside() -> None:
            server = Connect(LabState(tmp_path), "127.0.0.1", faults or ConnectFaults(), OnePasswordDelays(sync=sync))
            headers = {"Authorization": f"Bearer {server.token}"}
            async with TestClient(TestServer(server.application()), headers=headers) as client:
                await test(server, client)

        asyncio.run(inside())

    return go


def ids(server: Connect) -> dict[str, str]:
    vault = server.vaults[0]
    items = {body["title"]: body for body in vault.visible()}
    document = next(body for body in items.values() if body["category"] == "DOCUMENT")
    plain = items["Cloudflare API Token"]
    file = document["files"][0]["id"]
    return {"v": vault.id, "o": server.vaults[1].id, "i": plain["id"], "d": document["id"], "f": file, "n": ABSENT}


def filled(text: str, known: dict[str, str]) -> str:
    for key, value in known.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def test_every_call_answers_as_published(run: Callable[..., None]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        known = ids(server)
        for method, path, how, status, message in CONTRACT:
            headers = {"Authorization": ""} if how == "no token" else {}
            body = how if isinstance(how, (dict, list)) else None
            answer = await client.request(method, filled(path, known), json=body, headers=headers)
            assert answer.status == status, f"{method} {path}: {answer.status}"
            if message:
                assert await answer.json() == {"status": status, "message": filled(message, known)}

    run(test)


def test_ids_and_summaries(run: Callable[..., None]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        vaults = await (await client.get("/v1/vaults")).json()
        assert [vault["name"] for vault in vaults] == ["Automation"]
        items = await (await client.get(f"/v1/vaults/{vaults[0]['id']}/items")).json()
        assert all(re.fullmatch(r"[\da-z]{26}", item["id"]) and "fields" not in item for item in items)
        declared = {item["title"] for item in seed.declared()["items"].values()}
        assert {item["title"] for item in items} == declared

    run(test)


@pytest.mark.parametrize("title", ['say "hi"', "back\\slash", "plain"])
def test_filters_unescape(run: Callable[..., None], title: str) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        vault = server.vaults[0]
        vault.add(title, {"a": "1"})
        escaped = title.replace("\\", "\\\\").replace('"', '\\"')
        answer = await client.get(f"/v1/vaults/{vault.id}/items", params={"filter": f'title eq "{escaped}"'})
        assert [item["title"] for item in await answer.json()] == [title]
        answer = await client.get("/v1/vaults", params={"filter": 'name co "A"'})
        assert answer.status == 400

    run(test)


def test_a_write_is_visible_after_the_sync(run: Callable[..., None]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        items = f"/v1/vaults/{server.vaults[0].id}/items"
        body = {"title": "new", "category": "LOGIN", "fields": [{"label": "x", "generate": True}]}
        made = await (await client.post(items, json=body)).json()
        assert len(made["fields"][0]["value"]) == 32 and made["version"] == 1
        assert (await client.get(f"{items}/{made['id']}")).status == 404
        await asyncio.sleep(0.35)
        operations = [
            {"op": "replace", "path": f"/fields/{made['fields'][0]['id']}/value", "value": "two"},
            {"op": "add", "path": "/fields", "value": {"label": "y", "value": "three"}},
            {"op": "add", "path": "/tags", "value": "t"},
            {"op": "replace", "path": "/favorite", "value": True},
        ]
        changed = await (await client.patch(f"{items}/{made['id']}", json=operations)).json()
        assert [(one["label"], one["value"]) for one in changed["fields"]] == [("x", "two"), ("y", "three")]
        assert (changed["tags"], changed["favorite"], changed["version"]) == (["t"], True, 2)
        assert (await (await client.get(f"{items}/{made['id']}")).json())["version"] == 1
        await asyncio.sleep(0.35)
        assert (await (await client.get(f"{items}/{made['id']}")).json())["version"] == 2

    run(test, sync=0.3)


def test_files_are_inline_only_when_small(run: Callable[..., None]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        vault = server.vaults[0]
        big = vault.add("big", {}, "DOCUMENT", {"a.bin": "x" * 40000})
        small = vault.add("small", {}, "DOCUMENT", {"b.txt": "text"})
        path = f"/v1/vaults/{vault.id}/items/{{}}/files"
        answer = await client.get(path.format(big["id"]), params={"inline_files": "true"})
        assert answer.status == 413 and "too large to inline" in (await answer.json())["message"]
        answer = await client.get(path.format(small["id"]), params={"inline_files": "true"})
        assert base64.b64decode((await answer.json())[0]["content"]) == b"text"
        answer = await client.get("/" + small["files"][0]["content_path"])
        assert answer.headers["Content-Disposition"] == 'attachment; filename="b.txt"'
        assert await answer.read() == b"text"

    run(test)


@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        (ConnectFaults(first_401=True), [401, 200]),
        (ConnectFaults(rate_limit=2), [429, 429, 200]),
        (ConnectFaults(error=1), [500, 200]),
        (ConnectFaults(forbidden=1), [403, 200]),
        (ConnectFaults(wrong_vault=True), [403, 403]),
    ],
)
def test_faults(run: Callable[..., None], faults: ConnectFaults, statuses: list[int]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        path = f"/v1/vaults/{server.vaults[0].id}/items"
        assert [(await client.get(path)).status for _status in statuses] == statuses

    run(test, faults)


def test_items_go_wrong_as_told(run: Callable[..., None]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        path = f"/v1/vaults/{server.vaults[0].id}/items"

        async def found(title: str) -> list[Any]:
            return list(await (await client.get(path, params={"filter": f'title eq "{title}"'})).json())

        assert await found("Cloudflare API Token") == []
        two = await found("Home-ops Unifi API")
        assert len({item["id"] for item in two}) == 2
        item = await (await client.get(f"{path}/{(await found('GitHub Flux Webhook Secret'))[0]['id']}")).json()
        assert [one["label"] for one in item["fields"]] == ["token", "token"]

    run(
        test,
        ConnectFaults(
            missing=["Cloudflare API Token"],
            duplicate=["Home-ops Unifi API"],
            duplicate_field=["GitHub Flux Webhook Secret/token"],
        ),
    )


def test_the_activity_is_logged(run: Callable[..., None]) -> None:
    async def test(server: Connect, client: TestClient[Any, Any]) -> None:
        await client.get(f"/v1/vaults/{server.vaults[0].id}/items")
        await client.get(f"/v1/vaults/{server.vaults[1].id}")
        answer = await client.get("/v1/activity", params={"limit": "1"})
        assert answer.headers["Content-Range"] == "1-1/2"
        assert [one["result"] for one in await answer.json()] == ["DENY"]

    run(test)


def test_the_seed_is_the_inventory() -> None:
    vault = seed.Vault("Automation")
    model = yaml.safe_load(seed.DECLARED.read_text(encoding="utf-8"))["homeops_secrets"]
    seed.fill(vault, "token", model)
    for item in model["items"].values():
        body = next(one for one in vault.visible() if one["title"] == item["title"])
        labels = [one["label"] for one in body["fields"]]
        assert labels == ([] if item.get("document") else item.get("fields") or [item["field"]])
        assert bool(body["files"]) == bool(item.get("document"))
