# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as tables, and the columns of custom resources (apiextensions ``tableconvertor``, ``printers``)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from . import printers
from .ages import age
from .call import Call
from .store import Entry

Object = dict[str, Any]
_AGE = {
    "name": "Age",
    "type": "date",
    "format": "",
    "description": "CreationTimestamp is a timestamp representing the server time when this object was created.",
    "priority": 0,
}
_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}


def partial(obj: Object) -> Object:
    """The object as ``PartialObjectMetadata``."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[tuple[str, str, str], ...]:
    """A JSONPath as ``(kind, a, b)`` steps: key, index, or filter."""
    out: list[tuple[str, str, str]] = []
    pattern = re.compile(
        r"""\.((?:\\.|[^.\[\\])+)|\[(-?\d+)\]|\[\*\]|\['([^']*)'\]|\[\?\(@\.([^=\s]+)\s*==\s*["']([^"']*)["']\)\]"""
    )
    for match in pattern.finditer(path):
        if match.group(1) is not None:
            out.append(("key", re.sub(r"\\(.)", r"\1", match.group(1)), ""))
        elif match.group(2) is not None:
            out.append(("index", match.group(2), ""))
        elif match.group(3) is not None:
            out.append(("key", match.group(3), ""))
        elif match.group(4) is not None:
            out.append(("filter", match.group(4), match.group(5)))
        else:
            out.append(("all", "", ""))
    return tuple(out)


def lookup(obj: Any, path: str) -> list[Any]:
    """Values of a JSONPath as printer columns use it."""
    found = [obj]
    for kind, first, second in _steps(path):
        following: list[Any] = []
        for value in found:
            if kind == "key" and isinstance(value, dict) and first in value:
                following.append(value[first])
            elif kind == "index" and isinstance(value, list) and -len(value) <= int(first) < len(value):
                following.append(value[int(first)])
            elif kind == "filter" and isinstance(value, list):
                following.extend(item for item in value if lookup(item, "." + first) == [second])
            elif kind == "all" and isinstance(value, list):
                following.extend(value)
        found = following
    return [value for value in found if value is not None]


def _custom_cells(obj: Object, columns: list[Object]) -> list[Any]:
    cells: list[Any] = [obj["metadata"]["name"]]
    for column in columns:
        values = lookup(obj, column["jsonPath"])
        if not values:
            cells.append("<unknown>" if column["type"] == "date" else None)
        elif column["type"] == "date":
            cells.append(age(str(values[0])))
        elif column["type"] in ("integer", "number", "boolean"):
            cells.append(values[0])
        elif isinstance(values[0], (dict, list)):
            cells.append(json.dumps(values[0], separators=(",", ":")))
        else:
            cells.append(",".join(_shown(value) for value in values))
    return cells


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def build(call: Call, entries: list[Entry], rv: str) -> Object:
    """The Table of some objects."""
    resource = call.resource
    if resource.custom:
        columns = resource.columns.get(call.version) or []
        if columns:
            definitions = [_NAME] + [
                {
                    "name": column["name"],
                    "type": column["type"],
                    "format": column.get("format", ""),
                    "description": column.get("description")
                    or "Custom resource definition column (in JSONPath format): " + column["jsonPath"],
                    "priority": column.get("priority", 0),
                }
                for column in columns
            ]
            rows = [_custom_cells(entry.obj, columns) for entry in entries]
        else:
            definitions = [_NAME, _AGE]
            rows = [[e.obj["metadata"]["name"], age(e.obj["metadata"].get("creationTimestamp"))] for e in entries]
    else:
        definitions, cells = printers.of(resource.id)
        rows = [cells(entry.obj) for entry in entries]
    wanted = call.query.get("includeObject", "Metadata")
    out = []
    for entry, row in zip(entries, rows, strict=True):
        if wanted == "None":
            shown: Object | None = None
        elif wanted == "Object":
            shown = {"kind": resource.kind, "apiVersion": call.api_version, **entry.obj}
        else:
            shown = partial(entry.obj)
        out.append({"cells": row, "object": shown})
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": rv},
        "columnDefinitions": definitions,
        "rows": out,
    }
