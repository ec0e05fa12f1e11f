# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks, and the reviews that answer what one may do. Everything is allowed to whoever has a certificate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import decode
from .call import Call, Reply, now


@dataclass(frozen=True)
class Identity:
    """The user of a request; the empty user is anonymous."""

    user: str = ""
    groups: tuple[str, ...] = ()


def review(call: Call, identity: Identity) -> Reply:
    """The answer to a review that was posted."""
    body: dict[str, Any] = {}
    if call.body:
        body, _complaints = decode.body(call.body, call.content_type)
    kind = call.resource.kind
    out: dict[str, Any] = {
        "kind": kind,
        "apiVersion": call.api_version,
        "metadata": {"creationTimestamp": now() if kind == "SelfSubjectReview" else None},
    }
    if kind == "SelfSubjectReview":
        groups = [*identity.groups, "system:authenticated"]
        out["status"] = {"userInfo": {"username": identity.user, "groups": groups}}
        return Reply(201, json.dumps(out))
    out["spec"] = body.get("spec", {})
    if kind == "SelfSubjectAccessReview":
        out["status"] = {"allowed": True}
    else:
        everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        urls = [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
        out["status"] = {"resourceRules": everything, "nonResourceRules": urls, "incomplete": False}
    return Reply(201, json.dumps(out))
