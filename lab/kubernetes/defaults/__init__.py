# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server fills in: versioned defaults, which field managers own, and what is prepared at storage.

Every function changes the object in place; the caller hands over a copy of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import core, misc, workloads

Object = dict[str, Any]

_VERSIONED: dict[str, Callable[[Object], None]] = {**core.DEFAULTS, **workloads.DEFAULTS, **misc.DEFAULTS}
_PREPARED: dict[str, Callable[[Object], None]] = {**core.PREPARED, **workloads.PREPARED, **misc.PREPARED}
_FINISHED: dict[str, Callable[[Object], None]] = {**core.FINISHED, **workloads.FINISHED, **misc.FINISHED}


def versioned(resource: str, obj: Object) -> None:
    """Defaults of the API version (``k8s.io/kubernetes/pkg/apis/*/v1/defaults.go``)."""
    fill = _VERSIONED.get(resource)
    if fill:
        fill(obj)


def prepared(resource: str, obj: Object) -> None:
    """What a create adds beside its versioned defaults: initial status, admission, labels of controllers."""
    fill = _PREPARED.get(resource)
    if fill:
        fill(obj)


def finished(resource: str, obj: Object) -> None:
    """What every write adds after ownership was settled (values without an owner)."""
    fill = _FINISHED.get(resource)
    if fill:
        fill(obj)
