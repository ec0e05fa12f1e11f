# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items, and which field of one is meant; pure.

Fields are looked up as External Secrets does (external-secrets ``pkg/provider/onepassword``): by their label, letter by
letter; an item of category DOCUMENT has files, and an empty name means the first one. What External Secrets cannot do,
an id or a section, is understood as well, because people copy them from 1Password's own references.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ..common.errors import InputError
from .errors import FieldAmbiguous, FieldMissing

DOCUMENT = "DOCUMENT"
#: The label that an unnamed field has.
UNNAMED = "password"
#: A Connect token is a JWT; a shorter text has been cut off.
SHORTEST_TOKEN = 100


@dataclass(frozen=True)
class Field:
    """One field of an item; ``section`` is the section's label or id."""

    label: str
    value: str
    id: str = ""
    section: str = ""

    def __repr__(self) -> str:
        return f"Field({self.label!r})"

    def told(self) -> str:
        """Return where it is, for messages."""
        return f"{self.label!r} {f'in section {self.section!r}' if self.section else 'in no section'} (id {self.id})"


@dataclass(frozen=True)
class File:
    """One file of an item; its content is read when it is needed."""

    name: str
    id: str = ""


@dataclass(frozen=True)
class Item:
    """One item with its fields."""

    title: str
    id: str = ""
    vault: str = ""
    category: str = "LOGIN"
    fields: tuple[Field, ...] = ()
    files: tuple[File, ...] = ()
    version: int = 0
    tags: tuple[str, ...] = ()

    @property
    def document(self) -> bool:
        """Whether it is a file."""
        return self.category == DOCUMENT


def parse(body: Mapping[str, Any]) -> Item:
    """Return an item from Connect's form of it (``FullItem``)."""
    labels = {str(one.get("id")): str(one.get("label") or one.get("id")) for one in body.get("sections") or []}

    def section(found: Mapping[str, Any]) -> str:
        key = str((found.get("section") or {}).get("id") or "")
        return labels.get(key, key)

    return Item(
        title=str(body.get("title") or ""),
        id=str(body.get("id") or ""),
        vault=str((body.get("vault") or {}).get("id") or ""),
        category=str(body.get("category") or ""),
        fields=tuple(
            Field(str(one.get("label") or ""), str(one.get("value") or ""), str(one.get("id") or ""), section(one))
            for one in body.get("fields") or []
        ),
        files=tuple(File(str(one.get("name") or ""), str(one.get("id") or "")) for one in body.get("files") or []),
        version=int(body.get("version") or 0),
        tags=tuple(str(tag) for tag in body.get("tags") or []),
    )


def field_of(item: Item, label: str = "", section: str = "") -> Field:
    """Return the one field that is meant.

    :param label: its label, or its id when no label fits; the password by default.
    :raises FieldMissing: none fits; a label that differs in case or blanks only is named.
    :raises FieldAmbiguous: several fit; both are named.
    """
    wanted = label or UNNAMED
    inside = [one for one in item.fields if not section or one.section == section]
    found = [one for one in inside if one.label == wanted] or [one for one in inside if one.id == wanted]
    where = f"of the item {item.title!r}"
    if len(found) > 1:
        raise FieldAmbiguous(
            f"reading the field {wanted!r} {where}",
            answer=f"{len(found)} fields have this label: {' and '.join(one.told() for one in found)}",
            remedy="Rename one of them in 1Password, or name the section; External Secrets knows labels only",
        )
    if not found:
        near = next((one.label for one in inside if _folded(one.label) == _folded(wanted)), "")
        labels = ", ".join(sorted({repr(one.label) for one in inside if one.label})) or "none"
        raise FieldMissing(
            f"reading the field {wanted!r} {where}",
            answer=f"it has no such field; its fields are {labels}" + (f" in section {section!r}" if section else ""),
            remedy=f"Labels are compared letter by letter: it is written {near!r} there"
            if near
            else "Add the field to the item, or correct its name in the model",
        )
    return found[0]


def file_of(item: Item, name: str = "") -> File:
    """Return the file of this name, or the first one.

    :raises FieldMissing: there is none.
    """
    found = [one for one in item.files if not name or one.name == name]
    if not found:
        names = ", ".join(repr(one.name) for one in item.files) or "none"
        raise FieldMissing(
            f"reading {f'the file {name!r}' if name else 'the first file'} of the item {item.title!r}",
            answer=f"its files are {names}",
            remedy="Put the file into the item, or correct its name",
        )
    return found[0]


def _folded(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def connect_credentials(text: str) -> str:
    """Return the credentials of a Connect server as the JSON that it reads.

    Kept were they as raw JSON, as base64 of it, or as URL-encoded base64; all three are understood.

    :raises InputError: it is none of these, or it was cut off.
    """
    for candidate in _decodings(text.strip()):
        try:
            found = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(found, dict) and str(found.get("version")) == "2":
            return candidate
        raise InputError(
            "the Connect credentials are JSON of another kind",
            answer='they have no version "2"',
            remedy="Download 1password-credentials.json of the Connect server again",
            param="secrets",
        )
    raise InputError(
        "the Connect credentials are neither JSON nor base64 of JSON",
        answer=f"the text has {len(text)} characters; a field of an item may have cut it off",
        remedy="Store the file 1password-credentials.json as a document",
        param="secrets",
    )


def _decodings(text: str) -> Iterable[str]:
    """Yield the ways to read a text: URL-encoded base64, base64, as it is."""
    for coded in (unquote(text), text):
        try:
            yield base64.b64decode("".join(coded.split()), validate=True).decode()
        except (binascii.Error, ValueError):
            continue
    yield text


def connect_token(text: str) -> str:
    """Return a Connect token without blanks around it.

    :raises InputError: it is too short for one, so it was cut off, or is something else.
    """
    token = text.strip()
    if len(token) < SHORTEST_TOKEN or token.count(".") != 2:
        raise InputError(
            "the Connect token is none",
            answer=f"it has {len(token)} characters and {token.count('.') + 1} parts; a token is a JWT of three parts "
            f"and at least {SHORTEST_TOKEN} characters",
            remedy="Store the token as Connect gave it when it was made; it is shown only once",
            param="secrets",
        )
    return token
