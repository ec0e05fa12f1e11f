# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``homeops_secrets`` says of Secrets and of the items that they are made of, judged in the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..common.errors import InputError
from ..model import secrets
from ..model.schema import Path, nearest
from ..model.world import World
from .registry import MODEL, Breach, also

_KINDS = ("external", "bootstrap")


def _entries(world: World) -> Iterator[tuple[Path, dict[str, Any], list[str]]]:
    """Yield path, entry and namespaces of each Secret that is declared; what cannot be expanded is left out."""
    for kind in _KINDS:
        for path, entry in world.entries("secrets", kind):
            spaces = entry.get("namespaces") or ([entry["namespace"]] if entry.get("namespace") else [])
            try:
                yield (
                    path,
                    entry,
                    [secrets.expand(world.clean, str(space), "") for space in spaces if space is not None],
                )
            except InputError:
                continue


@also("BGP019", MODEL)
def owners(world: World) -> Iterator[Breach]:
    """Secrets of homeops_secrets.external and those that phase secrets writes itself (bootstrap) are looked at."""
    first: dict[tuple[str, str], str] = {}
    for path, entry, spaces in _entries(world):
        name = str(entry.get("secret") or entry.get("name") or "")
        for space in spaces:
            place = f"homeops_secrets.{path[1]}[{path[2]}]"
            other = first.setdefault((space, name), place)
            if name and other != place:
                yield Breach((*path, "name"), f"The Secret {space}/{name} is also made by {other}.")


@also("SEC003", MODEL)
def references(world: World) -> Iterator[Breach]:
    """The store, the token of Connect and every item are of one vault, homeops_secrets.vault. What can be wrong is an
    item, or a field, that is used and not declared, so that nobody looks whether it is there."""
    items = world.get("secrets", "items")
    for path, entry, _spaces in _entries(world):
        for key, text in (entry.get("keys") or {}).items():
            wrong = _wrong_reference(items, str(text))
            if wrong:
                yield Breach((*path, "keys", key), *wrong)


def _wrong_reference(items: dict[str, Any], text: str) -> tuple[str, str | None] | None:
    """Return what is wrong with ``item`` or ``item.field`` and what to use, None when nothing is."""
    name, _dot, field = text.partition(".")
    if name not in items:
        near = nearest(name, items)
        use = f"{near}.{field}" if near and field else near
        return f"homeops_secrets.items has no {name}.", use
    item = items[name]
    fields = [str(one) for one in item.get("fields") or ([item["field"]] if item.get("field") else []) if one]
    if item.get("document"):
        return (f"{name} is a document and has no field {field}.", name) if field else None
    if field and fields and field not in fields:
        near = nearest(field, fields)
        return f"The item {name} declares no field {field}.", f"{name}.{near}" if near else None
    if not field and len(fields) > 1:
        return f"The item {name} has several fields, and none is named.", f"{name}.{fields[0]}"
    return None


@also("SEC005", MODEL)
def one_token(world: World) -> Iterator[Breach]:
    """Every Secret with a token of Connect takes it from one item, where it was stored when it was made."""
    first = ""
    for path, entry, _spaces in _entries(world):
        if entry.get("format") != "connect-token":
            continue
        for key, text in (entry.get("keys") or {}).items():
            first = first or str(text)
            if str(text) != first:
                yield Breach((*path, "keys", key), f"This token comes from {text}, another one from {first}.", first)
