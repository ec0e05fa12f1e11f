# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schematics as the Image Factory writes and names them (siderolabs/image-factory ``pkg/schematic``)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

#: The keys of each section in the order in which the factory writes them; a leaf has None.
_SHAPE: dict[str, Any] = {
    "owner": None,
    "overlay": {"image": None, "name": None, "options": None},
    "customization": {
        "embeddedMachineConfiguration": None,
        "extraKernelArgs": None,
        "meta": None,
        "systemExtensions": {"officialExtensions": None},
        "bootloader": None,
        "secureboot": {"enrollKeys": None, "includeWellKnownCertificates": None},
        "diskImage": {"sectorSize": None},
    },
}


class SchematicError(ValueError):
    """A body that is no schematic, in the factory's words."""


def canonical(body: Any) -> str:
    """Return the text of a schematic; its SHA-256 is the id.

    :raises SchematicError: it has fields that the factory does not know.
    """
    if not isinstance(body, Mapping):
        raise SchematicError("failed to unmarshal schematic: it is no mapping")
    known = _known(body, _SHAPE, "")
    known.setdefault("customization", {})
    ordered = {key: known[key] for key in _SHAPE if key in known}
    return "".join(f"{line}\n" for key, value in ordered.items() for line in _entry(key, value, 0))


def identifier(text: str) -> str:
    """Return the id of a canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _known(body: Mapping[str, Any], shape: Mapping[str, Any], path: str) -> dict[str, Any]:
    for key in body:
        if key not in shape:
            text = f"field {path}{key} not found in type schematic.Schematic"
            raise SchematicError(f"failed to unmarshal schematic: {text}")
    found: dict[str, Any] = {}
    for key, below in shape.items():
        value = body.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _known(value, below, f"{path}{key}.")
        if value:
            found[key] = value
    return found


def _entry(key: str, value: Any, depth: int) -> list[str]:
    """Four blanks a level, a list four below its key, and the second key of an item two behind its dash."""
    pad = " " * 4 * depth
    if isinstance(value, Mapping):
        if not value:
            return [f"{pad}{key}: {{}}"]
        return [f"{pad}{key}:", *(line for name, below in value.items() for line in _entry(name, below, depth + 1))]
    if isinstance(value, list):
        lines = [f"{pad}{key}:"]
        for item in value:
            pairs = item.items() if isinstance(item, Mapping) else []
            fields = [f"{name}: {_scalar(one)}" for name, one in pairs] or [str(item)]
            lines += [f"{pad}    - {fields[0]}", *(f"{pad}      {field}" for field in fields[1:])]
        return lines
    return [f"{pad}{key}: {_scalar(value)}"]


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
