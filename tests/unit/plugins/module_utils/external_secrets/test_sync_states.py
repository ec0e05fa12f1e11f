# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of stores and ExternalSecrets, from their conditions and Events."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.external_secrets import states


def body(status: str = "", reason: str = "", message: str = "", **more: Any) -> dict[str, Any]:
    ready = [{"type": "Ready", "status": status, "reason": reason, "message": message}] if status else []
    return {
        "kind": "ExternalSecret",
        "metadata": {"name": "x", "namespace": "app", "generation": 2, "uid": "u"},
        "spec": {"target": {"name": "y"}},
        "status": {"conditions": ready, **more},
    }


def event(message: str, when: str, uid: str = "u", kind: str = "Warning") -> dict[str, Any]:
    return {
        "type": kind,
        "message": message,
        "lastTimestamp": when,
        "involvedObject": {"name": "x", "uid": uid},
    }


def test_the_newest_warning_of_this_very_object_is_the_cause() -> None:
    listed = [
        event("old", "2026-01-01T00:00:00Z"),
        event("new\nline", "2026-01-02T00:00:00Z"),
        event("another's", "2026-01-03T00:00:00Z", uid="v"),
        event("fine", "2026-01-04T00:00:00Z", kind="Normal"),
    ]
    found = states.secret_state(body("False", "SecretSyncedError", "could not get secret data"), listed)
    assert (found.done, found.cause, found.secret) == (False, "new line", "y")
    assert found.sentence() == "ExternalSecret app/x: SecretSyncedError, could not get secret data (new line)"


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (body("True", "SecretSynced", "secret synced", syncedResourceVersion="2-abc"), True),
        (body("True", "SecretSynced", "secret synced", syncedResourceVersion="1-abc"), False),
        (body("True", "SecretDeleted", "secret deleted"), False),
        (body("False", "SecretSyncedError", "x"), False),
        (body(), False),
    ],
)
def test_when_a_secret_is_synced(found: dict[str, Any], done: bool) -> None:
    assert states.secret_state(found).done is done


@pytest.mark.parametrize(
    ("status", "reason", "done"),
    [
        ("True", "Valid", True),
        ("True", "ValidationUnknown", False),
        ("False", "InvalidProviderConfig", False),
        ("", "", False),
    ],
)
def test_when_a_store_is_valid(status: str, reason: str, done: bool) -> None:
    store = {**body(status, reason, "m"), "metadata": {"name": "s"}, "kind": "ClusterSecretStore"}
    assert states.store_state(store).done is done


@pytest.mark.parametrize(("words", "remedy"), states.REMEDIES)
def test_every_known_cause_has_a_remedy(words: str, remedy: str) -> None:
    state = states.State("ExternalSecret", "a", "b", False, "SecretSyncedError", f"error ...: {words} ...")
    assert states.remedy_of([state]) == remedy
