# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists in pages (``authentik/api/pagination.py``)."""

from __future__ import annotations

from typing import Any

from .calls import Call
from .errors import detail

SIZE, LARGEST = 20, 100
GROUPS = {
    "current_model": "authentik_core.group",
    "models": {
        "authentik_core.group": {
            "name": {"type": "str", "nullable": False, "options": None},
            "is_superuser": {"type": "bool", "nullable": True, "options": None},
            "attributes": {
                "type": "relation",
                "nullable": False,
                "options": None,
                "relation": "authentik_core.group_attributes",
            },
        }
    },
}


def number_of(call: Call) -> int:
    """Return the number of the page that is asked for.

    :raises Refusal: 404 when it is no number above 0.
    """
    text = call.query.get("page") or "1"
    if not text.isdigit() or int(text) < 1:
        raise detail(404, "Invalid page.")
    return int(text)


def cut(rows: list[Any], call: Call) -> tuple[list[Any], dict[str, Any]]:
    """Return the rows of the page that is asked for, and the block ``pagination``.

    :raises Refusal: 404 for a page past the end.
    """
    settings = call.store.settings
    tenant = call.store.release.since(2025, 12)
    size = int(settings["pagination_default_page_size"]) if tenant else SIZE
    largest = int(settings["pagination_max_page_size"]) if tenant else LARGEST
    asked = call.query.get("page_size", "")
    if asked.isdigit() and int(asked) > 0:
        size = min(int(asked), largest)
    number = number_of(call)
    total = max(1, -(-len(rows) // size))
    if number > total:
        raise detail(404, "Invalid page.")
    start = (number - 1) * size
    part = rows[start : start + size]
    return part, {
        "next": number + 1 if number < total else 0,
        "previous": number - 1,
        "count": len(rows),
        "current": number,
        "total_pages": total,
        "start_index": start + 1 if rows else 0,
        "end_index": start + len(part),
    }


def envelope(results: list[Any], pagination: dict[str, Any], call: Call, *, groups: bool = False) -> dict[str, Any]:
    """Return the body of a list."""
    body: dict[str, Any] = {"pagination": pagination, "results": results}
    if call.store.release.since(2025, 8):
        body["autocomplete"] = GROUPS if groups else {}
    return body
