# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON patch and JSON merge patch (RFC 6902, RFC 7386) as the API server applies them."""

from __future__ import annotations

from typing import Any

from .errors import bad_request, rejected_patch


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386; nothing is changed in place."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge_patch(out.get(name), value)
    return out


def _parts(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise rejected_patch()
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        if part in value:
            return value[part]
    elif isinstance(value, list):
        index = _index(part, len(value) - 1)
        return value[index]
    raise rejected_patch()


def _index(part: str, last: int) -> int:
    try:
        index = int(part)
    except ValueError:
        raise rejected_patch() from None
    if index < 0:
        index += last + 1
    if not 0 <= index <= last:
        raise rejected_patch()
    return index


def _get(value: Any, parts: list[str]) -> Any:
    for part in parts:
        value = _step(value, part)
    return value


def _change(value: Any, parts: list[str], action: str, new: Any) -> Any:
    """A copy of ``value`` along the path, with the action done at its end."""
    if not parts:
        return new
    head, rest = parts[0], parts[1:]
    if rest:
        inner = _change(_step(value, head), rest, action, new)
        if isinstance(value, dict):
            return {**value, head: inner}
        out = list(value)
        out[_index(head, len(value) - 1)] = inner
        return out
    if isinstance(value, dict):
        if action == "remove":
            if head not in value:
                raise rejected_patch()
            return {name: child for name, child in value.items() if name != head}
        return {**value, head: new}
    if isinstance(value, list):
        out = list(value)
        if action == "add":
            out.insert(len(out) if head == "-" else _index(head, len(out)), new)
        elif action == "remove":
            del out[_index(head, len(out) - 1)]
        else:
            out[_index(head, len(out) - 1)] = new
        return out
    raise rejected_patch()


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902, with one habit of the server: ``replace`` of a missing member of an existing parent adds it.

    :raises ApiError: 422 (without a hint) when an operation fails, 400 when the patch is none.
    """
    if not isinstance(operations, list):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        )
    if len(operations) > 10_000:
        raise bad_request(f"The allowed maximum operations in a JSON patch is 10000, got {len(operations)}")
    for operation in operations:
        if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
            raise rejected_patch()
        name, path = operation["op"], _parts(operation["path"])
        if name in ("add", "replace"):
            target = _change(target, path, name, operation.get("value"))
        elif name == "remove":
            target = _change(target, path, "remove", None)
        elif name == "test":
            try:
                found = _get(target, path)
            except Exception:
                found = None
                if operation.get("value") is not None:
                    raise
            if found != operation.get("value"):
                raise rejected_patch()
        elif name in ("move", "copy"):
            source = _parts(operation.get("from", ""))
            value = _get(target, source)
            if name == "move":
                target = _change(target, source, "remove", None)
            target = _change(target, path, "add", value)
        else:
            raise rejected_patch()
    return target
