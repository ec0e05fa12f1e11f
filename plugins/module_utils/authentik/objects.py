# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine for every kind of object: desired against observed gives a create, a patch or nothing. Pure.

A desired object is a mapping of the fields that are managed, references already as the server's keys; a field that is
not in it is left as it is. What the server returns besides (read-only fields, defaults) never counts as a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.diff import before_after, masked

Body = dict[str, Any]

_PROVIDER_FIELDS = ("provider", "providers", "backchannel_providers")


@dataclass(frozen=True)
class Kind:
    """How one kind of object is addressed, compared and shown.

    :param path: its list below ``/api/v3``.
    :param name: the field that people know it by.
    :param key: the field whose value addresses it below ``path``.
    :param always: fields of a partial update that are sent even when equal, because the server's checks look at the
        request's body only.
    :param sets: lists whose order means nothing.
    :param supersets: sets to which the server adds of its own accord.
    :param merged: objects that are merged deeply, not replaced.
    :param secrets: fields that never show.
    """

    title: str
    path: str
    name: str = "name"
    key: str = "pk"
    always: tuple[str, ...] = ()
    sets: frozenset[str] = frozenset()
    supersets: frozenset[str] = frozenset()
    merged: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()

    def called(self, body: Mapping[str, Any]) -> str:
        """``proxy provider grafana-proxy``."""
        return f"{self.title} {body.get(self.name, '')}".strip()


@dataclass(frozen=True)
class Change:
    """What is to be done to one object.

    :param action: ``create``, ``patch``, ``delete`` or ``none``.
    :param body: what to send.
    :param before: the managed fields as they are, ``after``: as they will be; None where there is no object.
    :param key: value that addresses it, None for one that is to be created.
    """

    kind: Kind
    action: str
    name: str
    body: Body = field(default_factory=dict)
    before: Body | None = None
    after: Body | None = None
    key: Any = None

    @property
    def changed(self) -> bool:
        """Whether something is to be written."""
        return self.action != "none"

    @property
    def fields(self) -> list[str]:
        """Names of the fields that change."""
        if self.before is None or self.after is None:
            return []
        return sorted(name for name in self.after if self.before.get(name) != self.after[name])

    def facts(self) -> dict[str, Any]:
        """Return it for a module's result: no values, they may be secret."""
        return {"kind": self.kind.title, "name": self.name, "action": self.action, "fields": self.fields}


def plan(kind: Kind, desired: Mapping[str, Any], observed: Mapping[str, Any] | None) -> Change:
    """Return what makes ``observed`` agree with ``desired``."""
    name = str(desired.get(kind.name) or (observed or {}).get(kind.name, ""))
    if observed is None:
        return Change(kind, "create", name, dict(desired), None, dict(desired))
    before = {key: observed.get(key) for key in desired}
    after = {key: settled(kind, key, value, observed.get(key)) for key, value in desired.items()}
    body = {key: value for key, value in after.items() if not same(kind, key, value, observed.get(key))}
    if not body:
        return Change(kind, "none", name, {}, before, before, observed.get(kind.key))
    changed = {**before, **body}
    for key in kind.always:
        if key not in body and (key in desired or key in observed):
            body[key] = after.get(key, observed.get(key))
    return Change(kind, "patch", name, body, before, changed, observed.get(kind.key))


def removal(kind: Kind, observed: Mapping[str, Any], shown: Iterable[str] = ()) -> Change:
    """Return the removal of an object; ``shown`` are the fields that the diff tells besides its name."""
    before = {key: observed.get(key) for key in (kind.name, *shown) if key in observed}
    return Change(kind, "delete", str(observed.get(kind.name, "")), {}, before, None, observed.get(kind.key))


def settled(kind: Kind, key: str, wanted: Any, found: Any) -> Any:
    """Return the value that a field will have: merged, or with what the server keeps adding."""
    if key in kind.merged and isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return merge(found, wanted)
    if key in kind.supersets and isinstance(found, list):
        return [*found, *(item for item in wanted if item not in found)]
    return wanted


def same(kind: Kind, key: str, wanted: Any, found: Any) -> bool:
    """Tell whether a field already says what is wanted."""
    if key in kind.sets | kind.supersets and isinstance(wanted, list) and isinstance(found, list):
        return _unordered(wanted) == _unordered(found)
    return bool(wanted == found)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Body:
    """Merge deeply: maps key by key, everything else is replaced. Neither argument is changed."""
    found = dict(base)
    for key, value in over.items():
        old = found.get(key)
        found[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def _unordered(values: Iterable[Any]) -> set[Any]:
    """Return the values as a set; maps among them by their items."""
    return {tuple(sorted(value.items())) if isinstance(value, Mapping) else value for value in values}


def by_name(kind: Kind, observed: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return objects by what people know them by, compared exactly: the server's filters ignore case."""
    return {str(item[kind.name]): item for item in observed}


def diffs(changes: Iterable[Change], labels: Mapping[Any, str] | None = None) -> list[dict[str, str]]:
    """Return one diff per change, secrets masked and keys of other objects followed by their names."""
    found = []
    for change in changes:
        if change.changed:
            sides = [
                [] if side is None else [readable(masked(side, _is_secret(change.kind)), labels or {})]
                for side in (change.before, change.after)
            ]
            found.append(before_after(sides[0], sides[1], f"{change.kind.title} {change.name}"))
    return found


def readable(value: Any, labels: Mapping[Any, str], field: str = "") -> Any:
    """Put names to the keys of other objects; a number is a key only in the fields that hold providers."""
    if isinstance(value, Mapping):
        return {key: readable(item, labels, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((readable(item, labels, field) for item in value), key=str)
    if isinstance(value, str) or (isinstance(value, int) and field in _PROVIDER_FIELDS):
        return labels.get(value, value)
    return value


def _is_secret(kind: Kind) -> Callable[[tuple[str, ...], Any], bool]:
    return lambda path, value: bool(path) and path[0] in kind.secrets
