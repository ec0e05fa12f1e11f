# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vaults of the stand-in: what is stored, what is visible already, and changes of it (RFC 6901, RFC 6902).

Facts: 1Password/connect ``docs/openapi/spec.yaml`` 1.7.1. A write is stored at once and visible after the sync; the
list of items has no fields.
"""

from __future__ import annotations

import copy
import secrets
import string
import time
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
CATEGORIES = frozenset(
    "LOGIN PASSWORD API_CREDENTIAL SERVER DATABASE CREDIT_CARD MEMBERSHIP PASSPORT SOFTWARE_LICENSE OUTDOOR_LICENSE "
    "SECURE_NOTE WIRELESS_ROUTER BANK_ACCOUNT DRIVER_LICENSE IDENTITY REWARD_PROGRAM DOCUMENT EMAIL_ACCOUNT "
    "SOCIAL_SECURITY_NUMBER MEDICAL_RECORD SSH_KEY CUSTOM".split()
)
_SUMMARY = (
    *("id", "title", "vault", "category", "urls", "favorite", "tags", "version", "state", "createdAt", "updatedAt"),
    "lastEditedBy",
)
_SETS = {"LETTERS": string.ascii_letters, "DIGITS": string.digits, "SYMBOLS": "!@.-_*"}


class Refused(Exception):
    """An answer of 400 and above: status, and Connect's own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def new_id() -> str:
    """Return 26 lower-case letters and digits."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _number in range(26))


def now() -> str:
    """Return the time as Connect writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass
class Vault:
    """One vault.

    :param items: by id: versions with the moment from which each is visible, the newest last.
    :param files: content by file id.
    """

    name: str
    id: str = field(default_factory=new_id)
    items: dict[str, list[tuple[float, Body]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    created: str = field(default_factory=now)

    def facts(self) -> Body:
        """Return the vault as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": "",
            "attributeVersion": 1,
            "contentVersion": sum(len(versions) for versions in self.items.values()) + 1,
            "items": len(self.visible()),
            "type": "USER_CREATED",
            "createdAt": self.created,
            "updatedAt": self.created,
        }

    def visible(self) -> list[Body]:
        """Return the items that are synchronised, the newest visible version of each."""
        moment = time.monotonic()
        found = []
        for versions in self.items.values():
            shown = [body for since, body in versions if since <= moment]
            if shown:
                found.append(shown[-1])
        return found

    def get(self, item: str) -> Body:
        """Return one visible item.

        :raises Refused: 404.
        """
        for body in self.visible():
            if body["id"] == item:
                return body
        raise Refused(404, f"item {item} not found")

    def put(self, body: Body, lag: float) -> Body:
        """Store a version that becomes visible ``lag`` seconds from now."""
        versions = self.items.setdefault(body["id"], [])
        body["version"] = (versions[-1][1]["version"] if versions else 0) + 1
        body["updatedAt"] = now()
        versions.append((time.monotonic() + lag, body))
        return body

    def newest(self, item: str) -> Body:
        """Return the newest version, visible or not: the base of the next one."""
        return self.items[item][-1][1]

    def add(
        self, title: str, fields: dict[str, str], category: str = "LOGIN", files: dict[str, str] | None = None
    ) -> Body:
        """Store an item at once; for the seeding and for tests."""
        body: Body = {
            "title": title,
            "category": category,
            "fields": [{"label": label, "value": value, "type": "CONCEALED"} for label, value in fields.items()],
        }
        made = self.complete(body)
        for name, content in (files or {}).items():
            file = new_id()
            self.files[file] = content.encode()
            made["files"].append(
                {
                    "id": file,
                    "name": name,
                    "size": len(self.files[file]),
                    "content_path": f"v1/vaults/{self.id}/items/{made['id']}/files/{file}/content",
                }
            )
        return self.put(made, 0.0)

    def complete(self, body: Body, item: str = "") -> Body:
        """Return an item with everything that the server adds.

        :raises Refused: 400 for what the server does not take.
        """
        if body.get("category") not in CATEGORIES:
            raise Refused(400, "Invalid item category")
        made = copy.deepcopy(body)
        made["id"] = item or new_id()
        made["vault"] = {"id": self.id, "name": self.name}
        made.setdefault("createdAt", now())
        made.setdefault("lastEditedBy", new_id().upper())
        for key in ("tags", "sections", "fields", "files"):
            made.setdefault(key, [])
        for one in made["fields"]:
            _complete_field(one)
        return made


def _complete_field(one: Body) -> None:
    one.setdefault("id", new_id())
    one.setdefault("type", "STRING")
    if one.pop("generate", False) and not one.get("value"):
        recipe = one.get("recipe") or {}
        letters = "".join(_SETS[name] for name in recipe.get("characterSets") or ("LETTERS", "DIGITS"))
        letters = "".join(set(letters) - set(recipe.get("excludeCharacters") or ""))
        one["value"] = "".join(secrets.choice(letters) for _number in range(int(recipe.get("length", 32))))
    one.pop("recipe", None)


def summary(body: Body) -> Body:
    """Return an item as lists show it."""
    return {key: body[key] for key in _SUMMARY if key in body}


def patched(body: Body, operations: Any) -> Body:
    """Return an item after PATCH operations; a field is addressed by its id.

    :raises Refused: 400 for an operation that cannot be carried out.
    """
    if not isinstance(operations, list):
        raise Refused(400, "Invalid patch document")
    found = copy.deepcopy(body)
    for one in operations:
        if not isinstance(one, dict) or one.get("op") not in ("add", "remove", "replace"):
            raise Refused(400, "Invalid patch operation")
        parts = [part.replace("~1", "/").replace("~0", "~") for part in str(one.get("path", "")).split("/")[1:]]
        if parts in ([], [""]):
            found = {**found, **one["value"]} if one["op"] != "remove" else found
            continue
        _carry_out(found, parts, one)
    for field_ in found["fields"]:
        _complete_field(field_)
    return found


def _carry_out(found: Body, parts: list[str], one: Body) -> None:
    holder: Any = found
    for part in parts[:-1]:
        holder = _inside(holder, part)
    last, op = parts[-1], one["op"]
    if isinstance(holder, list):
        index = _index(holder, last)
        if op == "add":
            holder.insert(len(holder) if index is None else index, one["value"])
        elif index is None:
            raise Refused(400, f"The item doesn't have a {last} field.")
        elif op == "remove":
            del holder[index]
        else:
            holder[index] = one["value"]
    elif op == "add" and isinstance(holder.get(last), list) and not isinstance(one["value"], list):
        holder[last].append(one["value"])
    elif op == "remove":
        if holder.pop(last, None) is None:
            raise Refused(400, f"The item doesn't have a {last} field.")
    else:
        holder[last] = one["value"]


def _inside(holder: Any, part: str) -> Any:
    if isinstance(holder, list):
        index = _index(holder, part)
        if index is None:
            raise Refused(400, f"The item doesn't have a {part} field.")
        return holder[index]
    if part not in holder:
        raise Refused(400, f"The item doesn't have a {part} field.")
    return holder[part]


def _index(holder: list[Any], part: str) -> int | None:
    for index, one in enumerate(holder):
        if isinstance(one, dict) and one.get("id") == part:
            return index
    return int(part) if part.isdigit() and int(part) < len(holder) else None
