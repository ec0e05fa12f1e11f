# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs of the Talos connection; documented in ``doc_fragments/talos.py``."""

from __future__ import annotations

from typing import Any

from .client import DEFAULT_PORT

_TALOSCONFIG: dict[str, Any] = {
    "talosconfig": {"type": "path"},
    "context": {"type": "str"},
    "timeout": {"type": "int", "default": 10},
}
#: How to reach one node.
DOOR: dict[str, Any] = {
    "node": {"type": "str", "required": True},
    "port": {"type": "int", "default": DEFAULT_PORT},
    "server_name": {"type": "str"},
    "spki_pin": {"type": "str"},
}


def one_node(**more: Any) -> dict[str, Any]:
    """Return the argument spec of a module for one node, with its own options."""
    return {**DOOR, **_TALOSCONFIG, **more}


def many_nodes(**more: Any) -> dict[str, Any]:
    """Return the argument spec of a module for many nodes, with its own options."""
    nodes = {"type": "list", "elements": "dict", "required": True, "options": {"name": {"type": "str"}, **DOOR}}
    return {"nodes": nodes, **_TALOSCONFIG, **more}
