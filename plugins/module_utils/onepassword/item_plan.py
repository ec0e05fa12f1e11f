# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be written for an item to be as wanted; pure but for the values that recipes make.

A value that is there is never generated anew, and a field that is not named is left alone. PATCH operations address a
field by its id (1Password/connect ``docs/openapi/spec.yaml``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.diff import mask
from ..common.errors import InputError
from . import items
from .errors import FieldMissing
from .generate import generate
from .items import Item

Body = dict[str, Any]
#: Categories of which an item can be made (a DOCUMENT cannot, through Connect).
CATEGORIES = (
    "LOGIN",
    "PASSWORD",
    "API_CREDENTIAL",
    "SERVER",
    "DATABASE",
    "SECURE_NOTE",
    "EMAIL_ACCOUNT",
    "SOFTWARE_LICENSE",
    "WIRELESS_ROUTER",
    "CUSTOM",
)
_PURPOSES = {"username": "USERNAME", "password": "PASSWORD"}
#: In these categories the first user name and password are the item's own.
_WITH_PURPOSE = ("LOGIN", "PASSWORD")


@dataclass
class Change:
    """What one item needs.

    :param create: the new item, None when it exists.
    :param operations: PATCH operations on the one that exists.
    :param labels: fields that are set; ``generated`` those of them whose value was made here.
    :param before: for the diff, values masked; ``after`` likewise.
    """

    title: str
    create: Body | None = None
    operations: list[Body] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    before: Body = field(default_factory=dict)
    after: Body = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything is written."""
        return self.create is not None or bool(self.operations)


def plan(wanted: Mapping[str, Any], there: Item | None, make: Callable[[Mapping[str, Any]], str] = generate) -> Change:
    """Return what must be written.

    :param wanted: ``{title, category, tags, fields: [{label, value, section, type, generate}]}``.
    :param there: the item, None when there is none.
    :raises InputError: a field without value and recipe, or named twice.
    :raises FieldAmbiguous: the item has the field twice.
    """
    title = str(wanted["title"])
    change = Change(title)
    _refuse_twice(wanted)
    if there is None:
        return _created(wanted, change, make)
    if there.document:
        raise InputError(f"the item {title!r} is a document, which has no fields", param="items")
    for one in wanted.get("fields") or []:
        label, section = str(one["label"]), str(one.get("section") or "")
        try:
            found = items.field_of(there, label, section)
        except FieldMissing:
            found = None
        value = one.get("value")
        if value is None:
            if found is not None and found.value:
                continue
            value = make(_recipe(one, title))
            change.generated.append(label)
        if found is not None and found.value == value:
            continue
        change.labels.append(label)
        change.before[label] = mask(found.value) if found is not None and found.value else None
        change.after[label] = mask(value)
        if found is not None and found.id:
            change.operations.append({"op": "replace", "path": f"/fields/{_pointer(found.id)}/value", "value": value})
        else:
            change.operations.append({"op": "add", "path": "/fields", "value": _field(one, value, "")})
    missing = [str(tag) for tag in wanted.get("tags") or [] if str(tag) not in there.tags]
    if missing:
        change.operations.append({"op": "replace", "path": "/tags", "value": [*there.tags, *missing]})
        change.before["tags"], change.after["tags"] = list(there.tags), [*there.tags, *missing]
    return change


def _created(wanted: Mapping[str, Any], change: Change, make: Callable[[Mapping[str, Any]], str]) -> Change:
    category = str(wanted.get("category") or "LOGIN")
    fields = []
    for one in wanted.get("fields") or []:
        label, value = str(one["label"]), one.get("value")
        if value is None:
            value = make(_recipe(one, change.title))
            change.generated.append(label)
        change.labels.append(label)
        change.after[label] = mask(value)
        fields.append(_field(one, str(value), category))
    change.create = {"title": change.title, "category": category, "fields": fields}
    sections = sorted({str(one["section"]) for one in wanted.get("fields") or [] if one.get("section")})
    if sections:
        change.create["sections"] = [{"id": section, "label": section} for section in sections]
    if wanted.get("tags"):
        change.create["tags"] = [str(tag) for tag in wanted["tags"]]
        change.after["tags"] = list(change.create["tags"])
    return change


def _field(one: Mapping[str, Any], value: str, category: str) -> Body:
    label = str(one["label"])
    made: Body = {"label": label, "type": str(one.get("type") or "CONCEALED"), "value": value}
    purpose = _PURPOSES.get(label, "") if category in _WITH_PURPOSE and not one.get("section") else ""
    if purpose:
        made |= {"id": label, "purpose": purpose}
        made["type"] = "STRING" if label == "username" else "CONCEALED"
    if one.get("section"):
        made["section"] = {"id": str(one["section"])}
    return made


def _recipe(one: Mapping[str, Any], title: str) -> Mapping[str, Any]:
    recipe = one.get("generate")
    if recipe is None:
        raise InputError(
            f"the field {one['label']!r} of {title!r} has neither a value nor a recipe",
            remedy="Give value, or generate: {length: 32}",
            param="items",
        )
    return dict(recipe)


def _refuse_twice(wanted: Mapping[str, Any]) -> None:
    seen = set()
    for one in wanted.get("fields") or []:
        place = (str(one["label"]), str(one.get("section") or ""))
        if place in seen:
            raise InputError(f"the field {place[0]!r} of {wanted['title']!r} is there twice", param="items")
        seen.add(place)


def _pointer(text: str) -> str:
    """Return one reference token of a JSON pointer (RFC 6901)."""
    return text.replace("~", "~0").replace("/", "~1")
