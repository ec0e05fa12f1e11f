# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a server-side apply a no-op? Decided from the live object alone, and only where it can be proved.

The server keeps for every field manager the set of fields of its last apply (``metadata.managedFields``,
``fieldsType: FieldsV1``; structured-merge-diff v4 ``fieldpath/serialize.go``). An apply changes nothing when

1. the set of fields in the new manifest is exactly the set we own already, so that no field is added, removed or taken
   over, and
2. every one of those fields has the wanted value, and lists keep the wanted order.

Everything that cannot be proved this way (values that the server writes differently, defaults inside atomic lists,
another API version) is ``UNSURE``: then the server is asked with a dry run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import Any

#: Never owned by anybody (apimachinery ``pkg/util/managedfields/internal/stripmeta.go``), plus what names the object.
UNOWNED_METADATA = frozenset(
    (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)

Fields = Mapping[str, Any]


class Verdict(Enum):
    """What an apply of the manifest would do to the live object."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


def verdict(desired: Mapping[str, Any], live: Mapping[str, Any], manager: str, *, builtin: bool) -> Verdict:
    """Compare a manifest with the live object.

    :param desired: as it would be sent.
    :param live: with ``metadata.managedFields``.
    :param manager: our field manager.
    :param builtin: whether the kind is Kubernetes' own: its list keys' defaults never change, a CRD's might.
    """
    entries = [entry for entry in live["metadata"].get("managedFields") or [] if entry.get("fieldsType") == "FieldsV1"]
    mine = [entry for entry in entries if _applied_by(entry, manager)]
    if not mine:
        # An apply that owns nothing (a bare Namespace, or only empty lists) leaves no entry.
        ownable = _ownable(desired)
        return Verdict.SAME if not ownable else Verdict.DIFFERENT if _has_scalar(ownable) else Verdict.UNSURE
    if len(mine) > 1 or mine[0].get("apiVersion") != desired.get("apiVersion"):
        return Verdict.UNSURE
    metadata = desired["metadata"]
    for key in ("uid", "resourceVersion"):
        if key in metadata and metadata[key] != live["metadata"].get(key):
            return Verdict.UNSURE
    if _certainly_different(desired, live):
        return Verdict.DIFFERENT
    others = [entry.get("fieldsV1") or {} for entry in entries if entry is not mine[0]]
    same = _same(_ownable(desired), live, mine[0].get("fieldsV1") or {}, others, builtin)
    return Verdict.SAME if same else Verdict.UNSURE


def _applied_by(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")


def _ownable(desired: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest without what nobody can own."""
    fields = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind")}
    metadata = {key: value for key, value in desired["metadata"].items() if key not in UNOWNED_METADATA}
    fields.pop("metadata")
    if metadata:
        fields["metadata"] = metadata
    return fields


def _certainly_different(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether a text differs in a place where the server stores texts as they come."""
    places: list[tuple[Any, Any]] = [
        (desired["metadata"].get(key), live["metadata"].get(key)) for key in ("labels", "annotations")
    ]
    if desired.get("apiVersion") == "v1" and desired.get("kind") == "ConfigMap":
        places.append((desired.get("data"), live.get("data")))
    return any(
        isinstance(value, str) and value != (there or {}).get(key)
        for wanted, there in places
        if isinstance(wanted, Mapping)
        for key, value in wanted.items()
    )


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: unlike in Python, ``1``, ``1.0`` and ``true`` are three values."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(one, two) for one, two in zip(left, right, strict=True))
    return type(left) is type(right) and left == right


def _has_scalar(value: Any) -> bool:
    """Whether there is a value in it that the server will record as owned."""
    if isinstance(value, Mapping):
        return any(_has_scalar(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_scalar(item) for item in value)
    return value is not None


def _below(fields: Sequence[Fields], step: str) -> list[Fields]:
    """Return the subtrees under one step, of those sets that have it."""
    return [entry[step] for entry in fields if step in entry]


def _has_members(fields: Fields) -> bool:
    """Whether a set knows anything inside a value; only maps and lists whose members are owned one by one have that."""
    return any(step != "." for step in fields)


def _same(desired: Any, live: Any, owned: Fields, others: Sequence[Fields], builtin: bool) -> bool:
    """Whether owning exactly the fields of ``desired`` with its values is what ``owned`` and ``live`` say already.

    :param others: what the other managers own at the same place.
    """
    if isinstance(desired, Mapping):
        if _has_members(owned):
            return isinstance(live, Mapping) and _same_map(desired, live, owned, others, builtin)
        return _same_leaf(desired, live, others)
    if isinstance(desired, list):
        if _has_members(owned):
            return isinstance(live, list) and _same_list(desired, live, owned, others, builtin)
        return _same_leaf(desired, live, others)
    return desired is not None and not _has_members(owned) and equal(desired, live)


def _same_leaf(desired: Any, live: Any, others: Sequence[Fields]) -> bool:
    """Compare a map or list that we own as a whole.

    Either it is atomic, then the values decide. Or its members are owned one by one and we applied it empty; then, if
    it has members, somebody else owns them, member by member.
    """
    members = any(_has_members(entry) for entry in others)
    if not desired and members:
        return type(live) is type(desired)
    return equal(desired, live) and not members


def _same_map(
    desired: Mapping[str, Any], live: Mapping[str, Any], owned: Fields, others: Sequence[Fields], builtin: bool
) -> bool:
    steps = {step for step in owned if step != "."}
    if steps != {f"f:{key}" for key in desired}:
        return False
    return all(
        _same(value, live[key], owned[f"f:{key}"], _below(others, f"f:{key}"), builtin)
        if key in live
        else builtin and value in ({}, []) and owned[f"f:{key}"] == {} and not _below(others, f"f:{key}")  # omitempty
        for key, value in desired.items()
    )


def _same_list(desired: list[Any], live: list[Any], owned: Fields, others: Sequence[Fields], builtin: bool) -> bool:
    steps = [step for step in owned if step != "."]
    if len(steps) != len(desired):
        return False
    if all(step.startswith("v:") for step in steps):
        wanted = {json.dumps(item, sort_keys=True) for item in desired}
        if len(wanted) != len(desired) or wanted != {
            json.dumps(json.loads(step[2:]), sort_keys=True) for step in steps
        }:
            return False
        return _in_order([[at for at, there in enumerate(live) if equal(item, there)] for item in desired])
    if not all(step.startswith("k:") for step in steps):
        return False
    keys = [(step, json.loads(step[2:])) for step in steps]
    places = []
    for item in desired:
        if not isinstance(item, Mapping):
            return False
        fitting = [(step, key) for step, key in keys if _fits(item, key, owned[step], builtin)]
        if len(fitting) != 1:
            return False
        step, key = fitting[0]
        found = [at for at, there in enumerate(live) if isinstance(there, Mapping) and _has_key(there, key)]
        if len(found) != 1 or not _same(item, live[found[0]], owned[step], _below(others, step), builtin):
            return False
        places.append(found)
    return _in_order(places)


def _fits(item: Mapping[str, Any], key: Mapping[str, Any], owned: Fields, builtin: bool) -> bool:
    """Whether a manifest's list item has this key; a part left out was filled with its default when it was applied.

    Such a part is not owned, which tells it from one that was written out (``protocol`` of a port).
    """
    return all(
        equal(item[part], value) if part in item else builtin and f"f:{part}" not in owned
        for part, value in key.items()
    )


def _has_key(item: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    return all(part in item and equal(item[part], value) for part, value in key.items())


def _in_order(places: Sequence[Sequence[int]]) -> bool:
    """Whether each item was found exactly once, and one after the other: an apply enforces the manifest's order."""
    return all(len(found) == 1 for found in places) and all(before[0] < after[0] for before, after in pairwise(places))
