# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules of the status share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import chain

#: A service, as it is declared.
SERVICE: dict[str, Any] = {
    **{
        key: {"type": "str", "required": True}
        for key in ("name", "host", "ingress_class", "entry", "pool", "namespace", "service")
    },
    **{key: {"type": "str"} for key in ("title", "address", "outpost_service", "login_host")},
    "auth": {"type": "str", "required": True, "choices": ["proxy", "forward", "oidc", "none"]},
    "port": {"type": "int", "required": True},
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "outpost": {"type": "str", "default": "embedded"},
    "open_paths": {"type": "list", "elements": "str", "default": []},
}
#: A workload that must run.
WORKLOAD: dict[str, Any] = {
    "kind": {"type": "str", "required": True, "choices": ["DaemonSet", "Deployment", "StatefulSet"]},
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "default": ""},
}


def service(entry: Mapping[str, Any]) -> chain.Wanted:
    """Return a service out of its options."""
    given = {key: value for key, value in entry.items() if value is not None}
    return chain.Wanted(**{**given, "open_paths": tuple(given.get("open_paths") or ())})
