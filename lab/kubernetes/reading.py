# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Get and list."""

from __future__ import annotations

import base64
import json
from typing import Any

from . import table
from .call import Call, Reply
from .errors import ApiError, bad_request, not_found
from .selectors import Selection
from .store import Entry, Store


def get(store: Store, call: Call) -> Entry:
    """The object of the path.

    :raises ApiError: 404.
    """
    resource = call.resource
    entry = store.get(resource.id, call.namespace, call.name)
    if entry is None:
        raise not_found(resource.plural, resource.group, call.name)
    return entry


def reply_one(call: Call, entry: Entry, status: int = 200) -> Reply:
    """An object in the form which the client accepts."""
    if "as=Table" in call.accept:
        text = json.dumps(table.build(call, [entry], str(entry.rv)), separators=(",", ":"))
        return Reply(status, text)
    if "as=PartialObjectMetadata" in call.accept:
        return Reply(status, json.dumps(table.partial(entry.obj), separators=(",", ":")))
    return Reply(status, entry.typed(call.resource.kind, call.api_version))


def selection(call: Call) -> Selection:
    """The selectors of a collection request.

    :raises ApiError: 400 for unreadable ones.
    """
    return Selection(
        call.query.get("labelSelector", ""),
        call.query.get("fieldSelector", ""),
        call.resource.plural,
        call.resource.custom,
    )


def select(store: Store, call: Call) -> list[Entry]:
    """All selected objects in key order."""
    wanted = selection(call)
    name = _single_name(wanted)
    if name and call.namespace:
        entry = store.get(call.resource.id, call.namespace, name)
        found = [entry] if entry else []
    else:
        found = list(store.within(call.resource.id, call.namespace))
    if wanted.all:
        return found
    return [entry for entry in found if wanted.matches(entry.obj)]


def _single_name(wanted: Selection) -> str:
    for path, value, equal in wanted.fields:
        if path == "metadata.name" and equal:
            return value
    return ""


def listing(store: Store, call: Call) -> Reply:
    """A list, a page of it, or its table.

    :raises ApiError: 400 for bad parameters, 410 for an old continue token, 504 for a version not reached yet.
    """
    resource, query = call.resource, call.query
    version = query.get("resourceVersion", "")
    if version and version != "0":
        if not version.isdigit():
            raise bad_request("invalid resource version: " + no_number(version))
        if int(version) > store.rv and not query.get("continue"):
            error = ApiError(
                504,
                "Timeout",
                f"Timeout: Too large resource version: {version}, current: {store.rv}",
                {
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retryAfterSeconds": 1,
                },
            )
            raise error
    found = select(store, call)
    at = store.rv
    start = query.get("continue")
    if start:
        at, found = _resume(start, found)
    try:
        limit = int(query.get("limit") or 0)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{query["limit"]}": invalid syntax') from None
    meta: dict[str, Any] = {"resourceVersion": str(at)}
    if resource.custom and "as=" not in call.accept:
        meta["continue"] = ""
    if limit and len(found) > limit:
        meta["continue"] = _token(at, found[limit - 1])
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            meta["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    if "as=Table" in call.accept:
        document = table.build(call, found, meta["resourceVersion"])
        document["metadata"] = meta
        return Reply(200, json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    if "as=PartialObjectMetadataList" in call.accept:
        document = {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": meta,
            "items": [table.partial(entry.obj) for entry in found],
        }
        return Reply(200, json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    if resource.custom:
        items = ",".join(entry.typed(resource.kind, call.api_version) for entry in found)
    else:
        items = ",".join(entry.text for entry in found)
    text = (
        f'{{"kind":"{resource.list_kind}","apiVersion":"{call.api_version}",'
        f'"metadata":{json.dumps(meta)},"items":[{items}]}}'
    )
    return Reply(200, text)


def no_number(version: str) -> str:
    """The server's complaint about a resourceVersion."""
    return f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'


def _token(rv: int, last: Entry) -> str:
    meta = last.obj["metadata"]
    place = f"{meta.get('namespace', '')}/{meta['name']}"
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": rv, "start": place + "\u0000"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _resume(token: str, found: list[Entry]) -> tuple[int, list[Entry]]:
    try:
        padded = token + "=" * (-len(token) % 4)
        value = json.loads(base64.urlsafe_b64decode(padded))
        rv, start = int(value["rv"]), value["start"].rstrip("\u0000")
    except (ValueError, KeyError, TypeError):
        raise bad_request("invalid continue token: continue key is not valid: it cannot be decoded") from None
    namespace, _slash, name = start.rpartition("/")

    def later(entry: Entry) -> bool:
        meta = entry.obj["metadata"]
        return (meta.get("namespace", ""), meta["name"]) > (namespace, name)

    return rv, [entry for entry in found if later(entry)]
