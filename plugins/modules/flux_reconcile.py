#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have Flux reconcile now, and wait until it has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_reconcile
short_description: Have Flux reconcile now, and wait until it has
version_added: 0.1.0
description:
  - Annotates objects with C(reconcile.fluxcd.io/requestedAt) and waits until each repeats the request in
    C(status.lastHandledReconcileAt) and is Ready at its present generation.
  - What a target comes from and depends on is reconciled before it, and nothing is asked before what it needs is ready.
  - A suspended object does nothing, so it is refused rather than waited for.
options:
  targets:
    description: What to reconcile.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: V(Kustomization), V(HelmRelease), V(GitRepository) or V(HelmRepository).
        type: str
        required: true
      name:
        description: Its name; without it all of the kind are meant.
        type: str
      namespace:
        description: Its namespace, C(flux-system) by default for an object that is named.
        type: str
  with_source:
    description: Reconcile the source of a target before it.
    type: bool
    default: true
  with_dependencies:
    description: Reconcile what a target depends on before it.
    type: bool
    default: true
  commit:
    description:
      - Leave objects alone that are Ready with this commit (the full hash), so that a run without a new commit changes
        nothing.
    type: str
  force:
    description: Let a HelmRelease upgrade even if nothing differs.
    type: bool
    default: false
  reset:
    description: Let a HelmRelease that has used up its retries try again.
    type: bool
    default: false
  suspended:
    description: What to do when something that is to be reconciled is suspended.
    type: str
    choices: [refuse, skip]
    default: refuse
  wait:
    description: Wait until all is done. Without it what comes from elsewhere is asked for at the same moment.
    type: bool
    default: true
  wait_timeout:
    description: Seconds for all of it.
    type: int
    default: 600
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  assume_absent:
    description: In check mode, do not even look, because an earlier step of the same run would create the cluster.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Tells in RV(reconciled) what would be asked.
    support: full
  diff_mode:
    description: A request has no content.
    support: none
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have the newest commit applied now
  homeops.cluster.flux_reconcile:
    kubeconfig: "{{ homeops_kubeconfig }}"
    targets:
      - kind: Kustomization
        name: flux-system

- name: Try a release again that has used up its retries
  homeops.cluster.flux_reconcile:
    kubeconfig: "{{ homeops_kubeconfig }}"
    reset: true
    targets:
      - kind: HelmRelease
        name: longhorn
        namespace: longhorn-system
"""

RETURN = r"""
reconciled:
  description: What was asked, in this order, each as M(homeops.cluster.flux_info) tells it.
  returned: always
  type: list
  elements: dict
current:
  description: What was left alone because it is Ready with O(commit).
  returned: always
  type: list
  elements: str
suspended:
  description: What was left alone because it is suspended.
  returned: always
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.flux import reconcile_run
from ..module_utils.flux.store import Store
from ..module_utils.kubernetes import session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "targets": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "kind": {"type": "str", "required": True},
                "name": {"type": "str"},
                "namespace": {"type": "str"},
            },
        },
        "with_source": {"type": "bool", "default": True},
        "with_dependencies": {"type": "bool", "default": True},
        "commit": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "reset": {"type": "bool", "default": False},
        "suspended": {"type": "str", "choices": ["refuse", "skip"], "default": "refuse"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 600},
        "interval": {"type": "float", "default": 0.5},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Ask and wait; see DOCUMENTATION."""
    if ctx.check_mode and params["assume_absent"]:
        return {"changed": True, "reconciled": [], "current": [], "suspended": []}
    with session.connect(params, ctx) as client:
        return reconcile_run.run(params, Store(client, ctx), ctx)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
