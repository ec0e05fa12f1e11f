#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell how Flux stands and why, and wait for it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_info
short_description: Tell how Flux stands and why, and wait for it
version_added: 0.1.0
description:
  - Reads sources, charts, Kustomizations and HelmReleases and tells of each whether it is ready, suspended, and at
    which revision, with reason and message.
  - For what is not ready the dependencies are followed down to the object that everything waits for, which is told
    first.
  - With O(wait) it waits until every Kustomization and HelmRelease is ready, and says meanwhile what is awaited. It
    ends at once when waiting is in vain, because the cause is suspended, or has failed for good as the newest commit
    has it.
options:
  wait:
    description: Wait until everything is ready.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 1200
  interval:
    description: Seconds between two looks.
    type: float
    default: 1.0
  commit:
    description: Every Kustomization must have applied this commit, too; the full hash.
    type: str
  namespaces:
    description: Only wait for objects there and only list those in the table; all namespaces by default.
    type: list
    elements: str
    default: []
  show:
    description: Print the table.
    type: bool
    default: false
  assume_absent:
    description: In check mode, do not even look, because an earlier step of the same run would create the cluster.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Looks once and does not wait.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: See how Flux stands
  homeops.cluster.flux_info:
    kubeconfig: "{{ homeops_kubeconfig }}"
    show: true

- name: Wait until the cluster is as Git says
  homeops.cluster.flux_info:
    kubeconfig: "{{ homeops_kubeconfig }}"
    wait: true
    wait_timeout: 1800
"""

RETURN = r"""
ready:
  description: Whether every Kustomization and HelmRelease is ready, and there is any.
  returned: always
  type: bool
summary:
  description: How many of them are ready, for people.
  returned: always
  type: str
causes:
  description: The root causes of everything that is not ready, the worst first.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    state:
      description: Its state.
      type: str
    text:
      description: The chain from an object that is not ready down to this one, and what this one says.
      type: str
objects:
  description: Every object.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    ready:
      description: Whether it is Ready at its present generation.
      type: bool
    suspended:
      description: Whether it is suspended.
      type: bool
    state:
      description: V(ready), V(progressing), V(waiting), V(failed), V(stalled), V(suspended) or V(unseen).
      type: str
    revision:
      description: What it has applied, or holds.
      type: str
    reason:
      description: Reason of its Ready condition.
      type: str
    message:
      description: Message of its Ready condition.
      type: str
    depends_on:
      description: What must be ready before it is looked at.
      type: list
      elements: str
    blocked_by:
      description: The next object down the chain to the root cause.
      type: str
table:
  description: All of it, for people.
  returned: always
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.flux import report as reports
from ..module_utils.flux.report import Report
from ..module_utils.flux.store import Store
from ..module_utils.kubernetes import session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 1200},
        "interval": {"type": "float", "default": 1.0},
        "commit": {"type": "str"},
        "namespaces": {"type": "list", "elements": "str", "default": []},
        "show": {"type": "bool", "default": False},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Look, and wait where asked to; see DOCUMENTATION."""
    if ctx.check_mode and params["assume_absent"]:
        return {"changed": False, **reports.build([]).facts()}
    with session.connect(params, ctx) as client:
        store = Store(client, ctx)
        store.require()

        def look() -> tuple[Report, str]:
            found = reports.build(store.read(), commit=params["commit"] or "", namespaces=params["namespaces"])
            return found, "" if found.done else found.state

        if params["wait"] and not ctx.check_mode:
            report = store.wait(look, what="Flux", timeout=params["wait_timeout"], interval=params["interval"])
        else:
            report = store.detailed(look()[0])
    facts = report.facts()
    if params["show"]:
        ctx.show(facts["table"])
    return {"changed": False, **facts}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
