# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``authentik_policy_binding``: resolve targets and subjects, then have each of them once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from . import bindings, kinds, writer
from .client import Client
from .objects import Body, Change, by_name
from .references import References

_FIELDS = ("order", "negate", "enabled", "timeout", "failure_result")


def run_bindings(
    client: Client, items: Sequence[Mapping[str, Any]], ctx: Context, *, exact: bool, absent: bool
) -> dict[str, Any]:
    """Have the bindings, or have them gone.

    :raises InputError: a target or a subject is not there.
    """
    names = References(client)
    known: Mapping[str, Mapping[str, Any]] = {}
    if any(item.get("application") for item in items):
        known = by_name(kinds.APPLICATION, client.all(kinds.APPLICATION.path, superuser_full_list=True))
    wanted: dict[str, list[Body]] = {}
    called: dict[str, str] = {}
    for index, item in enumerate(items):
        where = f"bindings[{index}]"
        target, name = _target(item, known, names, where)
        called[target] = name
        kind = next(kind for kind in bindings.SUBJECTS if item.get(kind))
        body: Body = {kind: names.key(kind, str(item[kind]), f"{where}.{kind}")}
        body.update({key: item[key] for key in _FIELDS if item.get(key) is not None})
        if any(bindings.subject(other) == bindings.subject(body) for other in wanted.get(target, ())):
            raise InputError(f"{where}: {kind} {item[kind]} is bound to {name} twice", param="bindings")
        wanted.setdefault(target, []).append(body)
    observed = client.all(kinds.BINDING.path, doing="reading the policy bindings")
    changes: list[Change] = []
    for target, bodies in wanted.items():
        changes += bindings.plan_target(
            target,
            bodies,
            observed,
            exact=bindings.SUBJECTS if exact and not absent else (),
            called=called[target],
            absent=absent,
        )
    return writer.carry_out(client, changes, ctx, {**names.labels(), **called})


def _target(
    item: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], names: References, where: str
) -> tuple[str, str]:
    """Return the key that a binding has for its target, and the target's name."""
    if item.get("flow"):
        flow = names.object("flow", str(item["flow"]), f"{where}.flow")
        # A flow's own key is not the one that policies are bound to.
        return str(flow.get("policybindingmodel_ptr_id") or flow["pk"]), f"flow {item['flow']}"
    slug = str(item["application"])
    if slug not in known:
        raise InputError(
            f"{where}.application: the server has no application with the slug {slug}",
            remedy=f"There are {', '.join(sorted(known)) or 'none'}",
            param="bindings",
        )
    return str(known[slug]["pk"]), slug
