# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns which field: managedFields under updates and under server-side apply.

Follows structured-merge-diff ``merge/update.go`` and apimachinery ``pkg/util/managedfields``. Entries are the JSON
objects of ``metadata.managedFields``; they and their sets are never changed in place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import fields
from .errors import ApiError
from .fields import Trie
from .merge import merge
from .schema import Node

_HIDDEN = ("f:apiVersion", "f:kind")
_HIDDEN_META = (
    ".", "f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid", "f:clusterName", "f:generation",
    "f:managedFields", "f:resourceVersion",
)  # fmt: skip
_MAX_UPDATE_MANAGERS = 10
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Entry = dict[str, Any]


@dataclass(frozen=True)
class Writer:
    """Who writes: manager name, group version of the request, subresource and the time to record (RFC 3339)."""

    manager: str
    api_version: str
    subresource: str
    now: str


def _hide(trie: Trie) -> Trie:
    """The set without the fields that nobody ever owns."""
    out = {key: sub for key, sub in trie.items() if key not in _HIDDEN}
    meta = out.get("f:metadata")
    if meta is not None:
        left = {key: sub for key, sub in meta.items() if key not in _HIDDEN_META}
        if left:
            out["f:metadata"] = left
        else:
            del out["f:metadata"]
    return out


def _same(entry: Entry, operation: str, writer: Writer) -> bool:
    return (
        entry.get("manager") == writer.manager
        and entry.get("operation") == operation
        and entry.get("subresource", "") == writer.subresource
        and (operation == "Apply" or entry.get("apiVersion") == writer.api_version)
    )


def _entry(writer: Writer, operation: str, owned: Trie) -> Entry:
    entry = {
        "manager": writer.manager,
        "operation": operation,
        "apiVersion": writer.api_version,
        "time": writer.now,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
    }
    if writer.subresource:
        entry["subresource"] = writer.subresource
    return entry


def _sorted(entries: list[Entry]) -> list[Entry]:
    return sorted(
        entries,
        key=lambda e: (
            e.get("operation", ""),
            e.get("time", ""),
            e.get("manager", ""),
            e.get("apiVersion", ""),
            e.get("subresource", ""),
        ),
    )


def _usable(entries: list[Entry] | None) -> list[Entry]:
    return [entry for entry in entries or () if entry.get("manager") and isinstance(entry.get("fieldsV1"), dict)]


def after_update(live: dict[str, Any] | None, new: dict[str, Any], node: Node, writer: Writer) -> list[Entry]:
    """managedFields after a create, update or patch.

    The entries which ``new`` carries are taken as the starting point when there are any (a client may rewrite them,
    except through a subresource); otherwise those of ``live``.
    """
    claimed = new.get("metadata", {}).get("managedFields")
    before = live or {}
    entries = _usable(before.get("metadata", {}).get("managedFields"))
    if claimed and not writer.subresource:
        if claimed == [{}]:
            entries = []
        else:
            entries = _usable(claimed) or entries
    if not entries and before.get("metadata", {}).get("uid"):
        # Nobody applied this object and its tracking was reset: it stays untracked until somebody applies it.
        return []
    added, removed, modified = fields.compare(_bare(before), _bare(new), node)
    if not added and not removed and not modified:
        return entries
    if writer.subresource == "scale":
        # The scale has owners only when somebody owns the replicas; without any it is not tracked.
        if not any(fields.intersection(entry["fieldsV1"], modified) for entry in entries):
            return entries
    taken = fields.union(added, modified)
    out: list[Entry] = []
    mine: Entry | None = None
    for entry in entries:
        owned = fields.difference(fields.difference(entry["fieldsV1"], taken), removed)
        if _same(entry, "Update", writer):
            mine = {**entry, "fieldsV1": owned}
            continue
        if owned:
            out.append(entry if owned == entry["fieldsV1"] else {**entry, "fieldsV1": owned})
    visible = _hide(taken)
    if visible:
        owned = fields.union(mine["fieldsV1"], visible) if mine else visible
        out.append(_entry(writer, "Update", owned))
    elif mine and mine["fieldsV1"]:
        out.append(mine)
    return _sorted(_capped(out))


def _capped(entries: list[Entry]) -> list[Entry]:
    updates = sorted((e for e in entries if e["operation"] == "Update"), key=lambda e: e.get("time", ""))
    excess = len(updates) - _MAX_UPDATE_MANAGERS
    if excess <= 0:
        return entries
    old, kept = updates[: excess + 1], updates[excess + 1 :]
    owned: Trie = {}
    for entry in old:
        owned = fields.union(owned, entry["fieldsV1"])
    bucket = {**old[-1], "manager": "ancient-changes", "fieldsV1": owned}
    bucket.pop("subresource", None)
    return [e for e in entries if e["operation"] != "Update"] + [bucket, *kept]


def _bare(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without managedFields, which are not part of any comparison."""
    meta = obj.get("metadata")
    if not meta or "managedFields" not in meta:
        return obj
    return {**obj, "metadata": {key: value for key, value in meta.items() if key != "managedFields"}}


class Conflicts(Exception):
    """Fields which other managers own with other values: ``(manager entry, path)`` pairs."""

    def __init__(self, found: list[tuple[Entry, tuple[str, ...]]]) -> None:
        super().__init__("conflicts")
        self.found = found

    def error(self) -> ApiError:
        """The 409 Status."""
        by_manager: dict[str, list[str]] = {}
        causes = []
        for entry, path in self.found:
            label = _label(entry)
            by_manager.setdefault(label, []).append(fields.shown(path))
            causes.append(
                {
                    "reason": "FieldManagerConflict",
                    "message": f"conflict with {label}",
                    "field": fields.shown(path),
                }
            )
        causes.sort(key=lambda cause: cause["message"])
        if len(self.found) == 1:
            label, places = next(iter(by_manager.items()))
            text = f"Apply failed with 1 conflict: conflict with {label}: {places[0]}"
        else:
            parts = [
                f"conflicts with {label}:\n" + "\n".join("- " + place for place in by_manager[label])
                for label in sorted(by_manager)
            ]
            text = f"Apply failed with {len(self.found)} conflicts: " + "\n".join(parts)
        return ApiError(409, "Conflict", text, {"causes": causes})


def _label(entry: Entry) -> str:
    out = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        out += f' with subresource "{entry["subresource"]}"'
    if entry["operation"] == "Update":
        out += f" using {entry['apiVersion']}"
    return out


def apply(
    live: dict[str, Any],
    config: dict[str, Any],
    node: Node,
    writer: Writer,
    force: bool,
    nothing: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], list[Entry]]:
    """The merged object and its managedFields after a server-side apply.

    :param nothing: the kind's zero value; an untracked live object's own fields are those that differ from it.
    :raises Conflicts: when a field belongs to another manager with another value and ``force`` is not set. Manager
        ``kubectl`` may overwrite what its own last-applied annotation says is unchanged.
    """
    try:
        return _apply(live, config, node, writer, force, nothing)
    except Conflicts as refusal:
        if writer.manager != "kubectl":
            raise
        allowed = _last_applied_set(live, node)
        left = [pair for pair in refusal.found if not _has(allowed, pair[1])]
        if left:
            raise Conflicts(left) from None
        return _apply(live, config, node, writer, True, nothing)


def _has(trie: Trie, path: tuple[str, ...]) -> bool:
    for key in path:
        if key not in trie:
            return False
        trie = trie[key]
    return fields.is_member(trie)


def _last_applied_set(live: dict[str, Any], node: Node) -> Trie:
    text = live.get("metadata", {}).get("annotations", {}).get(LAST_APPLIED)
    if not text:
        return {}
    try:
        last = json.loads(text)
        owned = fields.to_set(last, node)
    except (ValueError, AttributeError, fields.KeyError_):
        return {}
    added, removed, modified = fields.compare(_bare(live), last, node)
    for changed in (added, modified, removed):
        owned = fields.difference(owned, changed)
    return owned


def _apply(
    live: dict[str, Any],
    config: dict[str, Any],
    node: Node,
    writer: Writer,
    force: bool,
    nothing: dict[str, Any] | None,
) -> tuple[dict[str, Any], list[Entry]]:
    entries = _usable(live.get("metadata", {}).get("managedFields"))
    base = _bare(live)
    if not entries and live:
        adopted = Writer("before-first-apply", writer.api_version, "", writer.now)
        seen = base if nothing is None else {key: value for key, value in base.items() if key != "status"}
        entries = after_update(nothing, seen, node, adopted)
    stated = fields.to_set(config, node)
    claimed = _hide(stated)
    mine = next((entry for entry in entries if _same(entry, "Apply", writer)), None)
    others = [entry for entry in entries if entry is not mine]
    merged = merge(base, config, node)
    if mine and mine["fieldsV1"]:
        # Names and the like are never recorded as owned, but while fields are removed they count as stated: else the
        # last label of a manager would take the whole metadata with it.
        merged = _prune(merged, mine["fieldsV1"], [entry["fieldsV1"] for entry in others] + [stated], node)
    added, removed, modified = fields.compare(base, merged, node)
    taken = fields.union(added, modified)
    conflicts: list[tuple[Entry, tuple[str, ...]]] = []
    kept: list[Entry] = []
    for entry in others:
        clash = fields.intersection(entry["fieldsV1"], taken) if taken else {}
        if clash and not force:
            conflicts.extend((entry, path) for path in fields.paths(clash))
            continue
        owned = fields.difference(fields.difference(entry["fieldsV1"], clash), removed)
        if owned:
            kept.append(entry if owned == entry["fieldsV1"] else {**entry, "fieldsV1": owned})
    if conflicts:
        raise Conflicts(conflicts)
    changed = bool(added or removed or modified)
    if claimed:
        entry = _entry(writer, "Apply", claimed)
        if not changed:
            # The time is that of the last change of the object by this manager; there may have been none.
            entry.pop("time")
            if mine and mine.get("time"):
                entry["time"] = mine["time"]
        kept.append(entry)
    return merged, _sorted(_capped(kept))


def _prune(merged: dict[str, Any], last: Trie, owned: list[Trie], node: Node) -> dict[str, Any]:
    """Remove what the manager applied before, applies no more, and nobody else owns."""
    named_last = fields.ensure_named(last, node)
    pruned = fields.remove(merged, named_last, node)
    managed: Trie = {}
    for trie in owned:
        managed = fields.union(managed, trie)
    whole = fields.ensure_named(_set_of(merged, node), node)
    keep = fields.union(fields.ensure_named(_set_of(pruned, node), node), fields.ensure_named(managed, node))
    pruned = fields.remove(merged, fields.difference(whole, keep), node)
    still = fields.ensure_named(_set_of(pruned, node), node)
    dangling = fields.intersection(fields.difference(whole, still), named_last)
    return fields.remove(merged, dangling, node)


def _set_of(obj: dict[str, Any], node: Node) -> Trie:
    return fields.to_set(obj, node)
