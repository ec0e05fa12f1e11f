# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy bindings: who may open an application. Pure.

The server stores equal bindings as often as they are sent, so one group (user, policy) has one binding per target here,
and what is surplus goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .kinds import BINDING
from .objects import Body, Change, plan, removal

#: What may be bound; a binding has exactly one.
SUBJECTS = ("group", "user", "policy")
_SHOWN = ("target", "group", "user", "policy", "order")


def subject(binding: Mapping[str, Any]) -> tuple[str, Any]:
    """Return what is bound: its kind and its key."""
    return next(((kind, binding[kind]) for kind in SUBJECTS if binding.get(kind) not in (None, "")), ("", None))


def plan_target(
    target: str,
    wanted: Iterable[Mapping[str, Any]],
    observed: Iterable[Mapping[str, Any]],
    *,
    exact: Iterable[str] = (),
    called: str = "",
    absent: bool = False,
) -> list[Change]:
    """Return what makes the bindings of one target right.

    :param wanted: bodies with one of group, user, policy, and ``order`` and further fields.
    :param exact: kinds of subjects (``group``, ...) of which nothing else may be bound.
    :param called: name of the target, for the diff.
    :param absent: the ``wanted`` shall not be there.
    """
    bodies = [dict(body) for body in wanted]
    mine = sorted(
        (binding for binding in observed if binding.get("target") == target),
        key=lambda binding: (int(binding.get("order") or 0), str(binding.get("pk"))),
    )
    changes: list[Change] = []
    named = set()
    for body in bodies:
        who = subject(body)
        named.add(who)
        found = [binding for binding in mine if subject(binding) == who]
        if absent:
            changes += [_called(removal(BINDING, binding, _SHOWN), called) for binding in found]
            continue
        desired: Body = {"target": target, **body}
        best = next((binding for binding in found if not plan(BINDING, desired, binding).changed), None)
        best = best or (found[0] if found else None)
        changes.append(_called(plan(BINDING, desired, best), called))
        changes += [_called(removal(BINDING, binding, _SHOWN), called) for binding in found if binding is not best]
    for binding in mine:
        kind, _key = who = subject(binding)
        if kind in exact and who not in named:
            changes.append(_called(removal(BINDING, binding, _SHOWN), called))
    return changes


def _called(change: Change, target: str) -> Change:
    side = change.after or change.before or {}
    kind, key = subject(side)
    name = f"of {target} for {kind} {key}" if target else f"for {kind} {key}"
    return Change(change.kind, change.action, name, change.body, change.before, change.after, change.key)


def surplus(observed: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return bindings that say again what an earlier one says."""
    seen = set()
    found = []
    for binding in sorted(observed, key=lambda item: (int(item.get("order") or 0), str(item.get("pk")))):
        key = (binding.get("target"), *subject(binding))
        if key in seen:
            found.append(binding)
        seen.add(key)
    return found
