# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying planned changes out, one request each, and telling what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.context import Context
from . import session
from .client import Client, segment
from .objects import Change, diffs


def write(client: Client, change: Change) -> Any:
    """Carry one change out and return the object as the server has it now, None when nothing was written or is left."""
    path = change.kind.path
    doing = f"writing {change.kind.title} {change.name}"
    if change.action == "create":
        return client.post(path, change.body, doing=doing)
    if change.action == "patch":
        return client.patch(f"{path}{segment(str(change.key))}/", change.body, doing=doing)
    if change.action == "delete":
        client.delete(f"{path}{segment(str(change.key))}/", doing=f"deleting {change.kind.title} {change.name}")
    return None


def carry_out(
    client: Client, changes: Sequence[Change], ctx: Context, labels: Mapping[Any, str] | None = None
) -> dict[str, Any]:
    """Write the changes, except in check mode, and return the module's result for them."""
    if not ctx.check_mode:
        for change in changes:
            write(client, change)
    return result(client, changes, ctx, labels)


def result(
    client: Client, changes: Iterable[Change], ctx: Context, labels: Mapping[Any, str] | None = None, **facts: Any
) -> dict[str, Any]:
    """Return a module's result for these changes."""
    listed = list(changes)
    counted: dict[str, int] = {}
    for change in listed:
        counted[change.action] = counted.get(change.action, 0) + 1
    found = {
        "changed": any(change.changed for change in listed),
        "objects": [change.facts() for change in listed],
        "summary": counted,
        **facts,
        **session.facts(client),
    }
    if ctx.diff_mode:
        found["diff"] = diffs(listed, labels)
    return found
