#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add a service to the model, in the file in which the inventory lists the services."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_service
short_description: Add a service to the model in the inventory
version_added: 0.1.0
description:
  - Judges a new entry of C(homeops_services) by itself, beside the other services and with every check of the model,
    and puts it at the end of the list in the inventory's file. Every other line of the file stays as it is, comments
    included.
  - Nothing is written when the entry is wrong, when its host is another's, or when the file would have to be written
    anew.
options:
  model:
    description: The whole model, keyed by subject, as it is now.
    type: dict
    required: true
  entry:
    description: The new entry.
    type: dict
    required: true
  variable:
    description: The variable that holds the list.
    type: str
    default: homeops_services
  path:
    description: The file that defines the variable. Looked up in O(inventory_sources) when it is not given.
    type: path
  inventory_sources:
    description: Files and directories of the inventory.
    type: list
    elements: path
    default: []
  groups:
    description: The groups of the inventory with their hosts.
    type: dict
    default: {}
  host:
    description: The host whose variables hold the model.
    type: str
    default: localhost
attributes:
  check_mode:
    description: Predicts the file.
    support: full
  diff_mode:
    description: The file before and after.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Add a service with a login
  homeops.cluster.model_service:
    model: "{{ homeops_model }}"
    inventory_sources: "{{ ansible_inventory_sources }}"
    groups: "{{ groups }}"
    entry:
      name: wiki
      title: Wiki
      namespace: wiki
      service: wiki
      port: 8080
      auth: proxy
"""

RETURN = r"""
services:
  description: The list as it is afterwards.
  returned: always
  type: list
  elements: dict
file:
  description: The file that holds it.
  returned: always
  type: str
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from ..module_utils.checks import engine
from ..module_utils.checks.registry import ERROR
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.model import locate, new_service, service_file, world

SPEC: dict[str, Any] = {
    "argument_spec": {
        "model": {"type": "dict", "required": True},
        "entry": {"type": "dict", "required": True},
        "variable": {"type": "str", "default": "homeops_services"},
        "path": {"type": "path"},
        "inventory_sources": {"type": "list", "elements": "path", "default": []},
        "groups": {"type": "dict", "default": {}},
        "host": {"type": "str", "default": "localhost"},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Add the entry; see DOCUMENTATION."""
    model, entry = params["model"], params["entry"]
    services = list(model.get("services") or [])
    path = _path(params, services)
    if entry in services:
        return {"changed": False, "services": services, "file": path}
    wanted = new_service.judge(model, entry)
    _check(model, wanted, params["groups"])
    before = ctx.read_text(path)
    after = service_file.insert(before, params["variable"], entry, path)
    if not ctx.check_mode:
        _write(path, after)
    result = {"changed": True, "services": wanted["services"], "file": path}
    if ctx.diff_mode:
        result["diff"] = {"before": before, "after": after, "before_header": path, "after_header": path}
    return result


def _path(params: Mapping[str, Any], services: list[Any]) -> str:
    if params["path"]:
        return str(params["path"])
    groups = {str(name): list(hosts or []) for name, hosts in (params["groups"] or {}).items()}
    place = locate.Locator(params["inventory_sources"], params["host"], groups).find(params["variable"], (), services)
    if place is None:
        raise InputError(
            f"no file of the inventory defines {params['variable']} as it is in this run",
            remedy="Give the file with path, or take the variable out of -e",
            param="path",
        )
    return os.path.abspath(place.file)


def _check(model: Mapping[str, Any], wanted: Mapping[str, Any], groups: Mapping[str, Any]) -> None:
    """Refuse what the new entry breaks; what was broken before is the preflight's business.

    :raises InputError: with every new error.
    """
    known = {str(name): list(hosts or []) for name, hosts in (groups or {}).items()}
    old, new = (
        {
            (finding.id, finding.key): finding.summary
            for finding in engine.run_checks(world.World(dict(one), known)).of(ERROR)
        }
        for one in (model, wanted)
    )
    faults = [f"{check} {text}" for (check, key), text in new.items() if (check, key) not in old]
    if faults:
        raise InputError("; ".join(faults), remedy="Nothing was written", param="entry")


def _write(path: str, text: str) -> None:
    """Replace the file in one step; its mode stays, and a link still leads to it."""
    path = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
