# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an apply does: decided from the live object and, where needed, the server's own answer. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..common.diff import before_after
from .fields import equal
from .manifests import Manifest
from .redact import shown


class Action(StrEnum):
    """What happened, or would happen, to one object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    PRUNED = "pruned"
    FAILED = "failed"
    #: Not sent, because something of an earlier group failed.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Identity:
    """Which object."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """``Deployment default/web``."""
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True)
class Outcome:
    """What became of one object.

    :param before: the live object before, None when there was none.
    :param after: the object after (or as predicted), None when it is gone.
    """

    identity: Identity
    action: Action
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    error: str = ""

    @property
    def changed(self) -> bool:
        """Whether the cluster holds something else now."""
        return self.action in (Action.CREATED, Action.CONFIGURED, Action.DELETED, Action.PRUNED)

    def facts(self) -> dict[str, Any]:
        """Return the entry of the module's result; the object itself is left out, it may be large or secret."""
        result: dict[str, Any] = {
            "api_version": self.identity.api_version,
            "kind": self.identity.kind,
            "namespace": self.identity.namespace,
            "name": self.identity.name,
            "action": self.action.value,
            "changed": self.changed,
        }
        if self.error:
            result["error"] = self.error
        return result


def with_labels(body: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the object with further labels."""
    if not labels:
        return dict(body)
    metadata = dict(body["metadata"])
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return {**body, "metadata": metadata}


def to_send(manifest: Manifest, namespace: str, labels: Mapping[str, str], has_status: bool) -> dict[str, Any]:
    """Return the body of the apply.

    :param namespace: the namespace to apply in, ``""`` for cluster-scoped kinds (a namespace written there is dropped,
        as kubectl does).
    :param has_status: the kind has a status subresource; the server ignores ``status`` on the main path then.
    """
    body = with_labels(manifest.body, labels)
    metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    if namespace:
        metadata["namespace"] = namespace
    body["metadata"] = metadata
    if has_status:
        body.pop("status", None)
    return body


def stored_differently(live: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether a dry run's answer differs from the live object in anything that would be stored.

    The server writes nothing when only times in managedFields differ (apiserver ``fieldmanager/skipnonapplied.go`` and
    ``equality.go`` "IgnoreManagedFieldsTimestampsTransformer").
    """
    return not equal(_stored(live), _stored(answer))


def _stored(body: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in body.items() if key not in ("apiVersion", "kind")}
    metadata = {
        key: value
        for key, value in body["metadata"].items()
        if key not in ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp", "selfLink")
    }
    entries = [
        {key: value for key, value in entry.items() if key != "time"}
        for entry in body["metadata"].get("managedFields") or []
    ]
    metadata["managedFields"] = sorted(
        entries,
        key=lambda entry: (str(entry.get("manager")), str(entry.get("operation")), str(entry.get("subresource"))),
    )
    result["metadata"] = metadata
    return result


def written(live: Mapping[str, Any] | None, answer: Mapping[str, Any]) -> Action:
    """Tell from resourceVersions what an apply has done: a no-op keeps it."""
    if live is None:
        return Action.CREATED
    same = live["metadata"].get("resourceVersion") == answer["metadata"].get("resourceVersion")
    return Action.UNCHANGED if same else Action.CONFIGURED


def overlay(live: Any, desired: Any) -> Any:
    """Return the live value with the desired one laid over it: a prediction where the server cannot be asked."""
    if isinstance(live, Mapping) and isinstance(desired, Mapping):
        return {**live, **{key: overlay(live.get(key), value) for key, value in desired.items()}}
    return desired


def diffs(outcomes: list[Outcome]) -> list[dict[str, str]]:
    """Return one diff per changed object; Ansible prints them as unified diffs."""
    result = []
    for outcome in outcomes:
        if outcome.changed:
            before, after = shown(outcome.before), shown(outcome.after)
            title = f"{outcome.identity} ({outcome.identity.api_version}, {outcome.action.value})"
            result.append(before_after([before] if before else [], [after] if after else [], title))
    return result


def summary(outcomes: list[Outcome]) -> dict[str, int]:
    """Count the objects per action, only those that occurred."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.action.value] = counts.get(outcome.action.value, 0) + 1
    return counts
