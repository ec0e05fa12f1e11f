#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a Lease as a lock between operators of one cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_lease
short_description: Hold a Lease as a lock between operators of one cluster
version_added: 0.1.0
description:
  - Takes, renews or gives back a Lease, so that operations which must not meet see each other, whatever machine they
    run on.
  - A lease that somebody else holds is refused, and the refusal names who, what for and how long. It may be had when
    its time has passed, and when its holder was a process of this machine that no longer runs; what was taken over is
    told.
  - The holder is the user, the machine, and the process with which the operation ends. In a play that process is
    C(ansible-playbook), so all tasks of one run are one holder.
options:
  name:
    description: Name of the Lease.
    type: str
    default: homeops-day-two
  namespace:
    description: Its namespace.
    type: str
    default: kube-system
  state:
    description: Whether to hold it for another O(seconds), or to give it back.
    type: str
    choices: [held, released]
    default: held
  purpose:
    description: What it is held for, for the others to read.
    type: str
    default: ""
  seconds:
    description: Seconds from now after which it ends, unless it is renewed; longer than the step that it protects.
    type: int
    default: 600
  wait_timeout:
    description: Seconds to wait for somebody else's end; V(0) refuses at once.
    type: int
    default: 0
  take_over:
    description: Holder whose lease is ended by force, exactly as the refusal names it.
    type: str
    default: ""
  process:
    description: Id of the process with which the operation ends; by default the one that started this module.
    type: int
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    support: full
    description: Refuses as it would, writes nothing.
  diff_mode:
    support: none
    description: A lock is no content.
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Keep other operators out while a node is away
  homeops.cluster.kube_lease:
    kubeconfig: "{{ homeops_kubeconfig }}"
    purpose: the reset of mini02
    seconds: 1200

- name: Let the others in again
  homeops.cluster.kube_lease:
    kubeconfig: "{{ homeops_kubeconfig }}"
    state: released
"""

RETURN = r"""
holder:
  description: Who we are as a holder.
  type: str
  returned: always
taken_over:
  description: From whom the lease was taken and why; empty when it was free.
  type: str
  returned: always
"""

import os
from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import lease, session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "name": {"type": "str", "default": "homeops-day-two"},
        "namespace": {"type": "str", "default": "kube-system"},
        "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
        "purpose": {"type": "str", "default": ""},
        "seconds": {"type": "int", "default": 600},
        "wait_timeout": {"type": "int", "default": 0},
        "take_over": {"type": "str", "default": ""},
        "process": {"type": "int"},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Hold or release; see DOCUMENTATION."""
    me = lease.holder(params["process"] or os.getppid())
    with session.connect(params, ctx) as client:
        lock = lease.Lock(client, params["name"], params["namespace"], ctx)
        if params["state"] == "released":
            return {"changed": lock.release(me), "holder": me.text, "taken_over": ""}
        taken = lock.hold(
            me,
            params["purpose"],
            params["seconds"],
            take_over=params["take_over"],
            timeout=float(params["wait_timeout"]),
        )
        if taken:
            ctx.warn(taken)
        return {"changed": True, "holder": me.text, "taken_over": taken}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
