# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An object as somebody would have written it: without what the server and the controllers put into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .redact import LAST_APPLIED

_KEPT = ("name", "namespace", "labels", "annotations", "finalizers")


def written(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest that makes this object again."""
    metadata = {key: body["metadata"][key] for key in _KEPT if body["metadata"].get(key)}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata, **rest}


def owned(body: Mapping[str, Any]) -> bool:
    """Whether a controller makes it: it comes back by itself."""
    return any(owner.get("controller") for owner in body["metadata"].get("ownerReferences") or ())
