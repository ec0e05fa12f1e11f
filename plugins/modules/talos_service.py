#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart a service of a Talos node, and wait until it is healthy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_service
short_description: Restart a service of a Talos node, and wait until it is healthy
version_added: 0.1.0
description:
  - Talos restarts C(cri), C(etcd), C(kubelet), C(trustd) and the services of extensions for a client, and no others.
  - With O(state=healthy) only a service that has failed or is not healthy is restarted.
options:
  name:
    description: Name of the node, for messages.
    type: str
    default: ""
  service:
    description: The service.
    type: str
    required: true
  state:
    description: Whether to restart it in any case.
    type: str
    choices: [healthy, restarted]
    default: healthy
  wait_timeout:
    description: Seconds until it must be healthy.
    type: int
    default: 120
  interval:
    description: Seconds between two looks.
    type: float
    default: 1
attributes:
  check_mode:
    support: full
    description: Looks, restarts nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
extends_documentation_fragment:
  - homeops.cluster.talos
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Have a kubelet that answers
  homeops.cluster.talos_service:
    node: 172.29.51.12
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    service: kubelet
"""

RETURN = r"""
before:
  description: What the node said of it before, as C(state) and C(healthy).
  type: dict
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Observation, wait_until
from ..module_utils.talos import operations, options
from ..module_utils.talos.client import Service, TalosClient
from ..module_utils.talos.connection import NodeMode, connect, identity_of, target_of

SPEC: dict[str, Any] = {
    "argument_spec": options.one_node(
        name={"type": "str", "default": ""},
        service={"type": "str", "required": True},
        state={"type": "str", "choices": ["healthy", "restarted"], "default": "healthy"},
        wait_timeout={"type": "int", "default": 120},
        interval={"type": "float", "default": 1},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Restart; see DOCUMENTATION."""
    target = target_of(params)
    client, mode = connect(target, identity_of(params, ctx), params["timeout"])
    with client:
        if mode is NodeMode.MAINTENANCE:
            raise InputError("the node is in maintenance and runs no such service", target=target.label, param="node")
        found = _service(client, params["service"])
        result = {"before": {"state": found.state, "healthy": found.healthy}}
        if params["state"] == "healthy" and found.state == "Running" and found.healthy is not False:
            return {"changed": False, **result}
        if not ctx.check_mode:
            operations.restart(client, params["service"])
            _wait(client, params, ctx)
    return {"changed": True, **result}


def _wait(client: TalosClient, params: Mapping[str, Any], ctx: Context) -> None:
    def look() -> Observation[None]:
        found = _service(client, params["service"])
        told = found.last_message or found.last_event
        state = f"{found.state}, {'not healthy' if found.healthy is False else 'healthy'} ({told})"
        return Observation(found.state == "Running" and found.healthy is not False, state)

    wait_until(
        look,
        what=f"the service {params['service']} to be healthy",
        target=client.target,
        timeout=params["wait_timeout"],
        ctx=ctx,
        interval=params["interval"],
        remedy="Look at the log of this service",
    )


def _service(client: TalosClient, name: str) -> Service:
    services = client.services()
    for service in services:
        if service.id == name:
            return service
    raise InputError(
        f"the node has no service {name}",
        target=client.target,
        answer=f"it has {', '.join(service.id for service in services)}",
        param="service",
    )


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
