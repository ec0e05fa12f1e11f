# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server accepts of Cilium's kinds although it cannot work, told before anything is written. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from . import kinds, lint_legacy, lint_overlap, lint_pools, lint_reach, lint_v2
from .findings import ERROR, Around, Body, Finding

_PARTS = (lint_legacy, lint_v2, lint_pools, lint_overlap, lint_reach)


def lint(objects: Iterable[Body], around: Around | None = None) -> list[Finding]:
    """Judge policies of both schemas and pools, and what they do to each other; errors first."""
    known = around or Around()
    listed = [body for body in objects if body.get("kind")]
    found = [
        Finding(
            *(22, kinds.title(body), "metadata.namespace", body["metadata"]["namespace"]),
            *("the kind is cluster-scoped, and the server drops it silently", "no namespace", "BGP018"),
        )
        for body in listed
        if (body.get("metadata") or {}).get("namespace")
    ]
    for part in _PARTS:
        found += part.findings(listed, known)
    return sorted(found, key=lambda finding: finding.severity != ERROR)
