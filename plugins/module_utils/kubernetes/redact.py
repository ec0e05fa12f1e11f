# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may see of an object: without the server's bookkeeping, with Secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.diff import masked

#: kubectl's client-side apply keeps a copy of the whole object here, a Secret's data included.
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
#: Metadata that differs from object to object and from write to write without anybody's intent.
BOOKKEEPING = frozenset(("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"))


def is_secret(body: Mapping[str, Any]) -> bool:
    """Whether the object is a core Secret."""
    return body.get("kind") == "Secret" and body.get("apiVersion") == "v1"


def without_secrets(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which the values of a Secret are masked; other kinds come back as they are."""
    if not is_secret(body):
        return dict(body)
    return masked(
        dict(body),
        lambda path, _value: (
            path[0] in ("data", "stringData") or (path[:2] == ("metadata", "annotations") and path[2] == LAST_APPLIED)
        ),
    )


def shown(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a diff shows of an object: no status, no bookkeeping, no secrets."""
    if body is None:
        return None
    result = {key: value for key, value in body.items() if key != "status"}
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in BOOKKEEPING}
    annotations = {
        key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != LAST_APPLIED
    }
    if annotations:
        metadata["annotations"] = annotations
    result["metadata"] = metadata
    return without_secrets(result)
